/** What the crash tests do to a topic with keys, conditions and term indexes.
 * @module */

import { isVarveError } from '../../src/errors.ts'
import { partitionDirectory } from '../../src/manifest/index.ts'
import { mergedRun } from '../../src/segment/names.ts'
import type { Store } from '../../src/store/types.ts'
import type { ExploreOptions } from '../faults/explorer.ts'
import { Ledger } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must, ScenarioFailure } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic, type SmallTopic } from '../support/small-segments.ts'
import {
  Decider,
  type Deciding,
  mustAnswerNow,
  mustBeDecided,
  type Step,
  type StepLedger,
  TOPIC,
} from './decided-oracle.ts'
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

/** Left closed with runs of all kinds: of segments, merged, merged of which the first segments are pruned. */
export const allRuns: DecidedWorkload = async (files, ledger) => {
  await create(files)
  const { store, decider } = await session(files, ledger, 0)
  await decider.append(1, { entity: 'rare', size: TINY_EVENT })
  for (let turn = 0; turn < 23; turn++) await decider.append(1, { size: 2 * TINY_EVENT })
  await decider.prune(4)
  await store.close()
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

/** What a writer with keys and terms does, with any file call failing: what fails says so with the product's error. */
export function decidedUnderFaults(kind: 'terms' | 'versions'): DecidedWorkload {
  return async (files, ledger) => {
    await attempt(create(files))
    for (let round = 0; round < 2; round++) {
      const opened = await attempt(session(files, ledger, round))
      if (opened === undefined) continue
      const { store, decider } = opened
      for (let turn = 0; turn < (kind === 'terms' ? 8 : 3); turn++) {
        const entity = turn === 0 ? { entity: 'rare' } : {}
        const key = turn % 3 === 0 ? { idempotencyKey: `k${round}${turn}` } : {}
        await attempt(decider.append(1, { ...entity, ...key, size: 2 * TINY_EVENT }))
      }
      const version = (await attempt(decider.topic.version('entity-0'))) ?? 0
      const condition = { query: { entity: 'entity-0' }, after: version }
      await attempt(decider.append(1, { entity: 'entity-0', condition }))
      if (kind === 'versions') {
        await attempt(decider.prune(round * 3 + 2))
        if (files.hits > 0) files.clearFaults()
        await attempt(decider.prune(round * 3 + 3))
        await attempt(decider.append(1))
      }
      await attempt(store.close())
      if (files.hits > 0 && round === 0) files.clearFaults()
    }
  }
}

async function attempt<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isVarveError(error)) return undefined
    if (error instanceof ScenarioFailure) throw error
    throw new ScenarioFailure(`not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
  }
}

/** Files that are derived are made under such names; in a workload without pruning nothing else is. */
const DERIVED = /tmp\/[0-9a-f]{16}$|\.(?:index|timeindex|terms|ckpt)$|\/terms-\d+-\d+$/

const WRITING: ReadonlySet<string> = new Set(['create', 'write', 'sync', 'rename', 'unlink', 'truncate'])

/** Rolls and merges while nothing derived can be written or removed: no append fails, nothing is asked in
 * vain, and what could not be written is told. */
export async function withoutDerived(files: FaultFiles, errno: string): Promise<void> {
  restartIdentifiers()
  const ledger: StepLedger = new Ledger<Step>(() => files.position)
  await create(files)
  files.failAt(({ path, kind }) => WRITING.has(kind) && DERIVED.test(path), errno, { sticky: true })
  const told: string[] = []
  const onDiagnostic = ({ code }: { readonly code: string }) => void told.push(code)
  const store = await openForTest(faultStorage(files), { onDiagnostic })
  const decider = new Decider(await store.topics.open(TOPIC), ledger, 0)
  for (let turn = 0; turn < 20; turn++) {
    const key = turn % 4 === 0 ? { idempotencyKey: `k${turn}` } : {}
    const step = await decider.append(1, { ...key, size: TINY_EVENT })
    if (step.key !== undefined) await decider.again(step)
  }
  await mustAnswerNow(decider.topic, ledger.at(files.position))
  must(files.hits > 0 && told.includes('DERIVED_NOT_WRITTEN'), () => `failures are told: ${told}`)
  await store.close()
  files.clearFaults()
  await mustBeDecided(() => faultStorage(files), { known: ledger.at(files.position), ledger })
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
