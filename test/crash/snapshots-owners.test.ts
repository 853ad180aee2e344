/** Goal: an owner that slept in the middle of making or removing a snapshot, a fork or what a crash had left, while
 * another one took its store over, harms nothing that the other one made, and nothing that it does then is half there.
 * Method: each call of its storage waits, one after the other, until the next owner has appended, taken a snapshot and
 * removed one, at the same moment of the clock or later; then the store is held against what both had acknowledged.
 * @module */
import { expect, test } from 'vitest'
import { isVarveError } from '../../src/errors.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { stalledStorage } from '../faults/stalled-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { mustSettle } from '../support/settle.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'
import { SnapshotAuthor } from './snapshots-author.ts'
import type { Fact } from './snapshots-model.ts'
import { mustHoldSnapshots } from './snapshots-oracle.ts'
import { disksOf, prepared } from './snapshots-workloads.ts'

const CALLS_MOST = 300
/** Of the calls that wait, every so many. */
const STRIDE = RUNTIME === 'node' ? 11 : 41

const before = await prepared()

const actions: Readonly<Record<string, (author: SnapshotAuthor) => Promise<unknown>>> = {
  'takes a snapshot': (author) => author.snapshot('old', { pinned: true }),
  'removes a snapshot': (author) => author.remove('first'),
  'cleans up': (author) => author.cleanUp(1),
  'pins one': (author) => author.pin('first'),
  'makes a fork': (author) => author.fork('orders', 'forked', 5),
  'restores a topic': (author) => author.restoreAs('first', 'orders', { as: 'forked', until: 7 }),
}

interface Case {
  readonly act: (author: SnapshotAuthor) => Promise<unknown>
  /** Which call waits. */
  readonly call: number
  /** The clock stands still, so that the next owner would use the same names. */
  readonly isSameMoment: boolean
}

/** @returns whether the owner made so many calls. */
async function overtaken({ act, call, isSameMoment }: Case): Promise<boolean> {
  restartIdentifiers()
  const files = new FaultFiles({ disk: before.disk })
  const ledger = new Ledger<Fact>(() => files.position)
  const disks = disksOf(files)
  for (const fact of before.facts) {
    ledger.attempt(fact)
    ledger.acknowledge(fact)
  }
  let calls = 0
  const { storage, arm, reached, release } = stalledStorage(disks('store'), () => ++calls === call)
  const stale = await openForTest(storage)
  const late = new SnapshotAuthor(stale, ledger, { first: 100, isAlone: false })
  await late.snapshot('zeroth')
  await passTime()
  await late.snapshot('first')
  await passTime()
  arm()
  const outcome = act(late).then(
    () => 'done',
    (error: unknown) => (isVarveError(error) ? error.code : String(error)),
  )
  const isReached = await Promise.race([reached.then(() => true), outcome.then(() => false)])
  if (isReached) {
    const next = await openForTest(disks('store'), { takeOver: true })
    const author = new SnapshotAuthor(next, ledger, { first: 200, isAlone: false })
    if (!isSameMoment) await passTime()
    await author.append('orders', 2, 300)
    await author.snapshot('new')
    release()
    const found = await outcome
    // The last call may have been one that only reads; and a name may be taken by now.
    must(
      ['STORE_FENCED', 'STORE_POISONED', 'FILE_EXISTS', 'done'].includes(found),
      `the owner that slept says ${found}`,
    )
    await stale.close().catch(() => undefined)
    await author.append('orders')
    await next.close()
  } else {
    release()
    await stale.close()
  }
  mustEqual(files.linkedWrites, [], 'what was written into files with two names')
  await finishRemovals(disks('store'), ledger)
  await mustHoldSnapshots(disks, { known: ledger.at(Number.POSITIVE_INFINITY), ledger })
  return isReached
}

/** An owner that looked at the fence, slept, and removed the manifest of a snapshot when it had lost the store: it is
 * shown as damaged, and goes when somebody deletes it again. */
async function finishRemovals(storage: Storage, ledger: Ledger<Fact>): Promise<void> {
  const { attempted, acknowledged } = ledger.at(Number.POSITIVE_INFINITY)
  const store = await openForTest(storage)
  for (const { id, label } of await store.snapshots.list()) {
    const isWhole = await store.snapshots.get(id).then(
      () => true,
      () => false,
    )
    if (isWhole) continue
    const isRemoval = ({ object, what }: Fact) => object === `snapshot ${label}` && /^(?:delete|clean up)$/.test(what)
    const removal = attempted.find((fact) => isRemoval(fact) && !acknowledged.includes(fact))
    must(removal !== undefined, () => `snapshot ${label} is damaged, and nobody removed it`)
    await store.snapshots.delete(id)
    ledger.acknowledge(removal)
  }
  await store.close()
}

test.each(Object.entries(actions))(
  'an owner that slept while it %s harms nothing',
  { timeout: 120_000 },
  async (_, act) => {
    let cases = 0
    for (let call = 1; call <= CALLS_MOST; call += STRIDE) {
      const isSameMoment = cases % 2 === 0
      const work = mustSettle(overtaken({ act, call, isSameMoment }), passTime).catch((error: Error) => {
        error.message = `call ${call}${isSameMoment ? ' at the same moment' : ''}: ${error.message}`
        throw error
      })
      if (!(await work)) break
      cases++
    }
    console.log(`calls of owners that waited on ${RUNTIME}: ${cases}`)
    expect(cases).toBeGreaterThan(0)
  },
)

/** What a crash left is removed by an owner that sleeps meanwhile, and by the next one. */
async function overtakenRemoval(call: number): Promise<boolean> {
  restartIdentifiers()
  const files = new FaultFiles({ disk: before.disk })
  const ledger = new Ledger<Fact>(() => files.position)
  for (const fact of before.facts) {
    ledger.attempt(fact)
    ledger.acknowledge(fact)
  }
  const crashed = await openForTest(disksOf(files)('store'))
  await new SnapshotAuthor(crashed, ledger, { first: 100 }).snapshot('lost', { pinned: true })
  // Before its manifest has its name.
  const at = files.journal.findLast(
    ({ kind, to }) => kind === 'rename' && to?.includes('.snapshots/snapshot-') === true,
  )
  const image = files.crashImage(at?.index ?? 0, 'kept', 0)
  const disks = disksOf(image)
  const now = new Ledger<Fact>(() => image.position, ledger.at(at?.index ?? 0))
  let calls = 0
  const isThere = (_: string, path: string) => path.includes('.snapshots') && ++calls === call
  const { storage, arm, reached, release } = stalledStorage(disks('store'), isThere)
  arm()
  const opening = openForTest(storage as Storage)
  const stale = await opening
  const closing = stale.close().catch(() => undefined)
  const isReached = await Promise.race([reached.then(() => true), closing.then(() => false)])
  if (isReached) {
    const next = await openForTest(disks('store'), { takeOver: true })
    const author = new SnapshotAuthor(next, now, { first: 200, isAlone: false })
    await author.snapshot('new')
    release()
    await closing
    await author.append('orders')
    await next.close()
  }
  await mustHoldSnapshots(disks, { known: now.at(Number.POSITIVE_INFINITY), ledger: now })
  return isReached
}

test('an owner that slept while it removed what a crash had left harms nothing', { timeout: 120_000 }, async () => {
  let cases = 0
  for (let call = 1; call <= CALLS_MOST; call += RUNTIME === 'node' ? 4 : 13) {
    const work = mustSettle(overtakenRemoval(call), passTime).catch((error: Error) => {
      error.message = `call ${call}: ${error.message}`
      throw error
    })
    if (!(await work)) break
    cases++
  }
  console.log(`calls of removals that waited on ${RUNTIME}: ${cases}`)
  expect(cases).toBeGreaterThan(RUNTIME === 'node' ? 5 : 1)
})

/** A restore to a place sleeps, another one to the same place ends, and the first one goes on. */
async function overtakenRestore(call: number): Promise<boolean> {
  restartIdentifiers()
  const files = new FaultFiles({ disk: before.disk })
  const ledger = new Ledger<Fact>(() => files.position)
  const disks = disksOf(files)
  for (const fact of before.facts) {
    ledger.attempt(fact)
    ledger.acknowledge(fact)
  }
  const store = await openForTest(disks('store'))
  const author = new SnapshotAuthor(store, ledger, { first: 100 })
  await author.snapshot('first')
  await author.append('orders', 3, 300)
  await author.version('board')
  await author.snapshot('second')
  let calls = 0
  const { storage, arm, reached, release } = stalledStorage(disks('restored'), () => ++calls === call)
  arm()
  const outcome = author.restore('first', 'restored', { to: storage, overwrite: true }).then(
    () => 'done',
    (error: unknown) => (isVarveError(error) ? error.code : String(error)),
  )
  const isReached = await Promise.race([reached.then(() => true), outcome.then(() => false)])
  if (isReached) {
    await author.restore('second', 'restored', { to: disks('restored'), overwrite: true })
    release()
    // It may not have begun, or be over but for closing.
    const found = await outcome
    must(
      /^(?:STORE_FENCED|STORE_LOCKED|STORE_POISONED|FILE_EXISTS|done)$/.test(found),
      `the first restore says ${found}`,
    )
    if (found === 'done') await author.restore('second', 'restored', { to: disks('restored'), overwrite: true })
  }
  release()
  await outcome
  await store.close()
  mustEqual(files.linkedWrites, [], 'what was written into files with two names')
  await mustHoldSnapshots(disks, { known: ledger.at(Number.POSITIVE_INFINITY), ledger })
  return isReached
}

test('a restore that slept while another one was made to its place harms nothing', { timeout: 120_000 }, async () => {
  let cases = 0
  for (let call = 1; call <= CALLS_MOST; call += RUNTIME === 'node' ? 5 : 41) {
    const work = mustSettle(overtakenRestore(call), passTime).catch((error: Error) => {
      error.message = `call ${call}: ${error.message}`
      throw error
    })
    if (!(await work)) break
    cases++
  }
  console.log(`calls of restores that waited on ${RUNTIME}: ${cases}`)
  expect(cases).toBeGreaterThan(RUNTIME === 'node' ? 5 : 0)
})
