/** What the crash tests do to a topic with keys, conditions and term indexes.
 * @module */
import { partitionDirectory } from '../../src/manifest/index.ts'
import { mergedRun } from '../../src/segment/names.ts'
import type { Store } from '../../src/store/types.ts'
import type { ExploreOptions } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic, type SmallTopic } from '../support/small-segments.ts'
import { Decider, type Deciding, mustBeDecided, type Step, type StepLedger, TOPIC } from './decided-oracle.ts'
import { openForTest, passTime, restartIdentifiers } from './oracle.ts'

export type DecidedWorkload = (files: FaultFiles, ledger: StepLedger) => Promise<void>

/** Segments of a few hundred bytes: with events of so many bytes, every second one rolls. */
const TINY_BYTES = 900
const TINY_EVENT = 250
const TURNS_PER_IDLE = 100

async function create(files: FaultFiles, topic: Partial<SmallTopic> = {}): Promise<void> {
  const place = { storage: faultStorage(files), clock: new ManualClock(), random: seededRandom(7_777) }
  await createSmallTopic(place, { name: TOPIC, partitions: 1, segmentBytes: TINY_BYTES, ...topic })
}

/** Open the store and the topic, and go on with numbers of its own. */
async function session(
  files: FaultFiles,
  ledger: StepLedger,
  round: number,
): Promise<{ store: Store; decider: Decider }> {
  const store = await openForTest(faultStorage(files))
  const topic = await store.topics.open(TOPIC)
  return { store, decider: new Decider(topic, ledger, round * 1000) }
}

/** Rolls until runs are merged, over an owner that closes, one that vanishes, and one that goes on. */
export const merges: DecidedWorkload = async (files, ledger) => {
  await create(files)
  for (let round = 0; round < 3; round++) {
    const { store, decider } = await session(files, ledger, round)
    // Asked once, the index keeps itself complete, and merges.
    await decider.topic.version('entity-0')
    for (let turn = 0; turn < 12; turn++) {
      const entity = turn === 3 ? { entity: 'rare' } : {}
      await decider.append(1, {
        ...entity,
        size: TINY_EVENT,
        ...(turn % 4 === 0 && { idempotencyKey: `k${round}${turn}` }),
      })
    }
    if (round !== 1) await store.close()
  }
}

/** Runs that somebody deleted, or of which one is damaged, are made again. */
export const remadeRuns: DecidedWorkload = async (files, ledger) => {
  await create(files)
  for (let round = 0; round < 2; round++) {
    const { store, decider } = await session(files, ledger, round)
    await decider.topic.version('entity-0')
    for (let turn = 0; turn < 9; turn++) await decider.append(1, { size: TINY_EVENT })
    await store.close()
    if (round === 0) await spoilRuns(files)
  }
}

async function spoilRuns(files: FaultFiles): Promise<void> {
  const storage = faultStorage(files)
  const directory = partitionDirectory(TOPIC, 0)
  for (const { name } of await storage.list(directory)) {
    if (!name.endsWith('.terms') && mergedRun(name) === undefined) continue
    await storage.remove(`${directory}/${name}`)
  }
}

/** Keys, in groups and alone, repeated while the first call is in flight, and conditions that hold or do not, between
 * rolls; owners vanish. */
export const keys: DecidedWorkload = async (files, ledger) => {
  await create(files, { partitions: 2, segmentBytes: 2_000 })
  for (let round = 0; round < 3; round++) {
    const { store, decider } = await session(files, ledger, round)
    const keyed = (count: number, name: string, more = {}) =>
      decider.append(count, { idempotencyKey: `${name}-${round}`, ...more })
    const first = await keyed(1, 'alone')
    const two = keyed(2, 'group', { entity: 'entity-1', size: 300 })
    await Promise.all([two, decider.append(1), keyed(1, 'other', { entity: 'entity-2', size: 500 })])
    await Promise.all([decider.again(first), decider.again(await two), decider.append(1, { size: 400 })])
    const version = await decider.topic.version('entity-0')
    await Promise.all([
      decider.append(1, { entity: 'entity-0', condition: { query: { entity: 'entity-0' }, after: version } }),
      decider.append(1, { entity: 'entity-0', condition: { query: { entity: 'entity-0' }, after: version } }),
      decider.append(1, { entity: 'entity-0', expect: { entity: 'entity-0', version } }),
      keyed(1, 'held', { entity: 'entity-3', size: 700, expect: { entity: 'entity-3', version: 'exists' } }),
    ])
    const waiting = keyed(1, 'flight', { entity: 'entity-1', size: 200 })
    for (let turn = 0; turn < 8; turn++) await undefined
    await Promise.all([waiting, decider.append(2, { entity: 'entity-1' })])
    await keyed(1, 'buffered', { durability: 'buffered', entity: 'entity-2' })
    if (round === 2) await store.close()
  }
}

/** Merged runs, of which the first segments are pruned; entities that are gone keep their versions. */
export const prunedRuns: DecidedWorkload = async (files, ledger) => {
  await create(files)
  for (let round = 0; round < 2; round++) {
    const { store, decider } = await session(files, ledger, round)
    await decider.append(1, { entity: 'rare', size: TINY_EVENT, idempotencyKey: `rare-${round}` })
    for (let turn = 0; turn < 9; turn++)
      await decider.append(1, { size: TINY_EVENT, ...(turn === 7 && { idempotencyKey: `late-${round}` }) })
    await decider.prune(round * 10 + 4)
    await decider.append(1, { size: TINY_EVENT })
    await decider.prune(round * 10 + 7)
    await decider.append(2)
    if (round === 1) await store.close()
  }
}

/** Compression that is switched on and off while segments roll, over a chain of events. */
export const formats: DecidedWorkload = async (files, ledger) => {
  await create(files, { chain: 'events', segmentBytes: 1_500 })
  for (let round = 0; round < 2; round++) {
    const { store, decider } = await session(files, ledger, round)
    await decider.append(2, { size: 300, idempotencyKey: `plain-${round}` })
    await Promise.all([
      decider.append(1, { size: 700 }),
      store.topics.change(TOPIC, { compression: round === 0 ? 'deflate' : 'none' }),
      decider.append(1, { size: 600 }),
    ])
    await decider.append(3, { size: 400 })
    await decider.append(1, { size: 900, idempotencyKey: `packed-${round}` })
    await decider.append(2, { size: 500 })
    if (round === 1) await store.close()
  }
}

/** Runs of terms are written over many turns, in which no time needs to pass. */
function seldom(idle: () => Promise<void>): () => Promise<void> {
  let turns = 0
  return async () => {
    if (++turns % TURNS_PER_IDLE === 0) for (let step = 0; step < 5; step++) await idle()
  }
}

/** Options for the explorer: a workload and the checks. */
export function deciding(name: string, workload: DecidedWorkload, how: Deciding = {}): ExploreOptions<Step> {
  return {
    name,
    idle: seldom(passTime),
    workload: async (files, ledger) => {
      restartIdentifiers()
      await workload(files, ledger)
    },
    check: (files, known, ledger) => mustBeDecided(() => faultStorage(files), { known, ledger }, how),
  }
}
