/** What the crash tests do to snapshots.
 * @module */
import { memoryStorage } from '../../adapters/memory/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { storageAt } from '../../src/ports/storage-at.ts'
import { openStore } from '../../src/store/open.ts'
import { limitedStorage } from '../conformance/limited.ts'
import type { Disk } from '../faults/disk.ts'
import type { ExploreOptions } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { diskOf } from '../unit/snapshot/small-disk.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'
import { SnapshotAuthor, textOf } from './snapshots-author.ts'
import { contentsOf, type Fact, type FactLedger } from './snapshots-model.ts'
import { type Disks, mustHoldSnapshots } from './snapshots-oracle.ts'

interface Run {
  readonly files: FaultFiles
  readonly ledger: FactLedger
  readonly disks: Disks
}

type Workload = (run: Run) => Promise<void>

const SEGMENT_BYTES = 1024
/** Before the clock of the runs. */
const PREPARED_AT = 1_600_000_000_000

/** A closed store with a topic of small segments, a document and a history; and what is in it. */
export async function prepared(): Promise<{ disk: Disk; facts: readonly Fact[] }> {
  const root = memoryStorage()
  const place = { storage: storageAt(root, 'store'), clock: new ManualClock(PREPARED_AT), random: seededRandom(900) }
  await createSmallTopic(place, { name: 'orders', partitions: 1, segmentBytes: SEGMENT_BYTES })
  const store = await openStore(place)
  const orders = await store.topics.open('orders')
  for (let number = 1; number < 8; number += 2) {
    const events = [number, number + 1].map((one) => ({ kind: 'Changed', entity: 'e', data: eventData(one) }))
    await orders.append(events)
  }
  await store.documents.write('catalog', { number: 0 })
  const board = await store.histories.open('board', { create: true })
  await board.append({ number: 0 })
  const { states } = await contentsOf(store)
  await store.close()
  const facts = Array.from(states, ([object, text]): Fact => ({ object, what: 'before', apply: () => text }))
  return { disk: await diskOf(place.storage), facts }
}

function eventData(number: number) {
  return { number, text: textOf(number, 150) }
}

/** Snapshots of everything and of a topic beside appends, documents and versions; pins; a deletion and a clean-up, by
 * an owner that vanishes and one that closes. */
const taken: Workload = async ({ ledger, disks }) => {
  for (let round = 0; round < 2; round++) {
    const store = await openForTest(disks('store'))
    const author = new SnapshotAuthor(store, ledger, { first: 100 + round * 100 })
    await passTime()
    await Promise.all([
      author.append('orders', 2, 200),
      author.snapshot(`all ${round}`),
      author.append('orders', 1, 400),
      author.write('catalog'),
      author.version('board'),
    ])
    await passTime()
    await author.append('orders', 3, 100)
    await author.snapshot(`topic ${round}`, { topic: 'orders', pinned: round === 0 })
    await author.version('board')
    if (round === 0) {
      await author.pin('all 0')
      await author.pin('topic 0', false)
      await author.remove('topic 0')
      continue
    }
    await author.pin('all 0', false)
    await author.cleanUp(1)
    await store.close()
  }
}

/** What snapshots hold is pruned, deleted and made anew in the store. */
const outlived: Workload = async ({ ledger, disks }) => {
  const store = await openForTest(disks('store'))
  const author = new SnapshotAuthor(store, ledger, { first: 100 })
  await author.snapshot('first')
  await Promise.all([author.prune('orders', 5), author.write('catalog')])
  await passTime()
  await Promise.all([author.snapshot('second'), author.prune('orders', 7), author.deleteDocument('catalog')])
  await author.deleteTopic('orders')
  await author.createTopic('orders')
  await author.append('orders', 2)
  await author.write('catalog')
  await author.remove('first')
  await store.close()
}

/** Topics made of topics, at their end and inside of a batch, of forks too, and of snapshots. */
const forked: Workload = async ({ ledger, disks }) => {
  const store = await openForTest(disks('store'))
  const author = new SnapshotAuthor(store, ledger, { first: 100 })
  await author.append('orders', 3, 30)
  await author.fork('orders', 'whole')
  await author.fork('orders', 'cut', 10)
  await Promise.all([author.append('whole', 2, 300), author.append('orders'), author.append('cut', 2, 300)])
  await author.snapshot('all')
  await author.deleteTopic('orders')
  await author.restoreAs('all', 'orders', { as: 'orders', until: 9 })
  await author.append('orders', 2)
  await author.fork('cut', 'again', 5)
  await author.prune('cut', 6)
  await author.remove('all')
  await store.close()
}

/** Restored to another place, by links, and over what is there, while the store goes on. */
const restored: Workload = async ({ ledger, disks }) => {
  const store = await openForTest(disks('store'))
  const author = new SnapshotAuthor(store, ledger, { first: 100 })
  await author.snapshot('first')
  await Promise.all([
    author.restore('first', 'restored', { to: disks('restored') }),
    author.append('orders', 2, 300),
    author.version('board'),
  ])
  await author.write('catalog')
  await passTime()
  await author.snapshot('second', { pinned: true })
  await author.restore('second', 'restored', { to: disks('restored'), overwrite: true })
  await author.remove('first')
  await store.close()
}

/** Sent elsewhere, the second time only what is new, and taken back. */
const exported: Workload = async ({ ledger, disks }) => {
  const store = await openForTest(disks('store'))
  const author = new SnapshotAuthor(store, ledger, { first: 100 })
  const first = await author.snapshot('first')
  await Promise.all([author.export('first', disks('exported')), author.append('orders', 2, 300)])
  await author.version('board')
  await passTime()
  await author.snapshot('second', { pinned: true })
  await author.export('second', disks('exported'))
  await author.remove('first')
  await author.import('first', disks('exported'), first)
  await author.append('orders', 1, 300)
  await store.close()
}

/** Somebody takes the store over while snapshots and forks are made and removed; both go on with that. */
const takenOver: Workload = async ({ ledger, disks }) => {
  let owner = await openForTest(disks('store'))
  await new SnapshotAuthor(owner, ledger, { first: 100 }).snapshot('first')
  for (let round = 1; round <= 2; round++) {
    const author = new SnapshotAuthor(owner, ledger, { first: 100 + round * 100, isAlone: false })
    await passTime()
    const opening = openForTest(disks('store'), { takeOver: true })
    const during = (async () => {
      await author.append('orders')
      await author.snapshot(`old ${round}`)
      await author.fork('orders', `fork-${round}`)
      if (round === 1) await author.remove('first')
      await author.append('orders', 2, 300)
      await author.snapshot(`older ${round}`)
    })()
    const next = await opening
    await passTime()
    const after = new SnapshotAuthor(next, ledger, { first: 150 + round * 100, isAlone: false })
    const afterwards = (async () => {
      await after.append('orders', 2, 300)
      await after.snapshot(`new ${round}`, { pinned: true })
      await after.version('board')
    })()
    await Promise.allSettled([during])
    await afterwards
    await owner.close().catch(() => undefined)
    owner = next
  }
  await owner.close()
}

/** For the explorer: workloads and the invariants. */
export async function explorations(): Promise<ExploreOptions<Fact>[]> {
  const { disk, facts } = await prepared()
  const exploring = (name: string, workload: Workload, disksOn = disksOf): ExploreOptions<Fact> => ({
    name: `snapshots ${name}`,
    idle: passTime,
    files: { disk },
    workload: async (files, ledger) => {
      restartIdentifiers()
      for (const fact of facts) {
        ledger.attempt(fact)
        ledger.acknowledge(fact)
      }
      await workload({ files, ledger, disks: disksOn(files) })
    },
    check: (files, known, ledger) => mustHoldSnapshots(disksOn(files), { known, ledger }),
  })
  return [
    exploring('taken', taken),
    exploring('outlived', outlived),
    exploring('copied', outlived, disksWithoutLinks),
    exploring('forked', forked),
    exploring('restored', restored),
    exploring('exported', exported),
    exploring('taken over', takenOver),
  ]
}

/** The same where files have one name. */
function disksWithoutLinks(files: FaultFiles): Disks {
  return (directory) => {
    const storage = faultStorage(files, undefined, directory)
    return limitedStorage(storage, { ...storage.capabilities, hardLinks: false })
  }
}

/** The storages of a disk. */
export function disksOf(files: FaultFiles): Disks {
  return (directory): Storage => faultStorage(files, undefined, directory)
}
