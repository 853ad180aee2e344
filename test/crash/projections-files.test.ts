/** Goal: a damaged file of states makes a projection give no wrong state, and keeps nobody from folding anew.
 * Method: a store with projections of each keep. Every file of states is cut to many lengths, removed, and has bits
 * flipped; each time the store is opened, the states are asked for, the projections are run, and then folded anew.
 * @module */
import { beforeAll, describe, expect, test } from 'vitest'
import { isVarveError, type Projection, type Store } from '../../src/index.ts'
import { Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import type { StoreImage } from '../faults/image-storage.ts'
import { RUNTIME } from '../support/runtime.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { mustSettle } from '../support/settle.ts'
import { changed } from './files.ts'
import { quickStorage } from './histories-image.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'
import { type Folded, foldedTo, type Mark, recording } from './projections-oracle.ts'
import { Runner } from './projections-workloads.ts'
import { imageOf } from './whole.ts'

const STRIDE = RUNTIME === 'node' ? 1 : 17
const CUT_BYTES = 23
const FLIP_BITS = 43
const KEEPS = ['history', 'document'] as const
const EVENTS = 7

let image: StoreImage

beforeAll(async () => {
  restartIdentifiers()
  const files = new FaultFiles()
  const ledger = new Ledger<Mark>(() => files.position)
  const make = async () => {
    const store = await openForTest(faultStorage(files))
    const runner = new Runner(store, ledger)
    await runner.append('orders', EVENTS)
    for (const keep of KEEPS) {
      await runner.create(keep, { topic: 'orders', keep, everyEvents: 2 })
      await runner.run(keep)
    }
    await runner.append('orders', 1)
    await store.close()
  }
  await mustSettle(make(), passTime)
  image = imageOf(files)
})

function* damages(keep: (typeof KEEPS)[number]): Iterable<{ what: string; image: StoreImage }> {
  for (const [path, bytes] of image) {
    if (!path.startsWith(keep === 'history' ? 'histories/_history/' : 'documents/_document/')) continue
    yield { what: `without ${path}`, image: changed(image, { [path]: undefined }) }
    for (let length = 0; length < bytes.length; length += CUT_BYTES)
      yield { what: `${path} cut to ${length}`, image: changed(image, { [path]: bytes.slice(0, length) }) }
    for (let bit = 0; bit < bytes.length * 8; bit += FLIP_BITS) {
      const flipped = bytes.slice()
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      yield { what: `${path} bit ${bit}`, image: changed(image, { [path]: flipped }) }
    }
  }
}

/** What a call gives, or the code of the damage. */
async function orDamage<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    const isDamage = isVarveError(error) && /^(?:VERSION_|DOCUMENT_|FORMAT_NEWER)/.test(error.code)
    if (!isDamage) throw error
    return undefined
  }
}

/** @returns whether something of the damage was seen. */
async function judge(store: Store, keep: string): Promise<boolean> {
  const projection: Projection<Folded> = await store.projections.open(keep, { fold: recording(1, 1) })
  const published = await orDamage(projection.state())
  if (published !== undefined) mustEqual(published.state, foldedTo([EVENTS], 1), 'the published state')
  for (let offset = 0; offset <= EVENTS; offset++) {
    const found = await orDamage(projection.stateAt({ offset }))
    if (found !== undefined) mustEqual(found.state, foldedTo([offset], 1), `the state at ${offset}`)
  }
  const status = await orDamage(projection.run())
  if (status !== undefined) {
    mustEqual(status.publishedPositions, [EVENTS + 1], 'positions after a run')
    const run = await orDamage(projection.state())
    if (run !== undefined) mustEqual(run.state, foldedTo([EVENTS + 1], 1), 'the state after a run')
  }
  await projection.rebuild()
  const { state, positions } = await projection.state()
  mustEqual(positions, [EVENTS + 1], 'positions when it was folded anew')
  mustEqual(state, foldedTo(positions, 1), 'the state that was folded anew')
  for (let offset = 0; offset <= EVENTS + 1; offset++)
    mustEqual((await projection.stateAt({ offset })).state, foldedTo([offset], 1), `the new state at ${offset}`)
  const { problems } = await store.verify()
  must(problems.length === 0, () => `when it was folded anew there are ${problems.map(({ message }) => message)}`)
  return published === undefined || status === undefined
}

describe('a projection whose states are damaged', () => {
  test.each(KEEPS)('gives no wrong state and can be folded anew: %s', { timeout: 120_000 }, async (keep) => {
    const failures: string[] = []
    let [turn, cases, seen] = [0, 0, 0]
    for (const { what, image: damaged } of damages(keep)) {
      if (turn++ % STRIDE !== 0 || failures.length > 3) continue
      cases++
      const work = async () => {
        const store = await openForTest(quickStorage(damaged))
        try {
          if (await judge(store, keep)) seen++
        } finally {
          await store.close()
        }
      }
      await mustSettle(work(), passTime).catch((error: Error) => failures.push(`${what}: ${error.message}`))
    }
    console.log(`files of states on ${RUNTIME}: ${cases} cases of ${keep}, ${seen} seen`)
    expect(failures).toEqual([])
    expect(cases).toBeGreaterThanOrEqual(Math.floor(40 / STRIDE))
  })
})
