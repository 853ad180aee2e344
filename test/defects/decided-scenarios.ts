/** What kills defects in keys, conditions, term indexes, pruning, proofs and compression.
 * @module */
import { isVarveError, verifyProof } from '../../src/index.ts'
import { manifestEpoch, manifestName } from '../../src/manifest/files.ts'
import { portableCompression } from '../../src/ports/compression.ts'
import { mergedRun } from '../../src/segment/names.ts'
import type { Store, StoreOptions } from '../../src/store/types.ts'
import type { EventProof, StoredEvent, Topic } from '../../src/topic/types.ts'
import { Decider, mustAnswerNow, type Step, type StepLedger, TOPIC } from '../crash/decided-oracle.ts'
import { allRuns, type DecidedWorkload, deciding, keys, merges, prunedRuns } from '../crash/decided-workloads.ts'
import { openForTest, restartIdentifiers } from '../crash/oracle.ts'
import { imageOf } from '../crash/whole.ts'
import { bitSweep } from '../faults/bit-sweep.ts'
import { explore, Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must, mustEqual, ScenarioFailure } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { mustSettle } from '../support/settle.ts'
import { createSmallTopic, type SmallTopic } from '../support/small-segments.ts'
import { makeBatch } from '../unit/codec/batch-support.ts'
import { forged, scan } from '../unit/codec/deflate-support.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
/** With events of this size, every second one rolls. */
const ROLLING = { segmentBytes: 900, size: 300 }

interface Opened {
  readonly files: FaultFiles
  readonly store: Store
  readonly topic: Topic
  readonly decider: Decider
  readonly ledger: StepLedger
}

/** A topic with small segments in a new store. */
async function opened(topic: Partial<SmallTopic> = {}, options: Partial<StoreOptions> = {}): Promise<Opened> {
  restartIdentifiers()
  const files = new FaultFiles()
  const place = { storage: faultStorage(files), clock: new ManualClock(), random: seededRandom(7) }
  const { segmentBytes } = ROLLING
  await createSmallTopic(place, { name: TOPIC, partitions: 1, segmentBytes, ...topic })
  const store = await openForTest(faultStorage(files), options)
  const ledger: StepLedger = new Ledger<Step>(() => files.position)
  const open = await store.topics.open(TOPIC)
  return { files, store, topic: open, ledger, decider: new Decider(open, ledger, 0) }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing'
  } catch (error) {
    return isVarveError(error) ? error.code : String(error)
  }
}

/** Appends enough events that segments roll. */
async function fill({ decider }: Opened, count: number, entity?: string): Promise<void> {
  const more = entity === undefined ? {} : { entity }
  for (let turn = 0; turn < count; turn++) await decider.append(1, { size: ROLLING.size, ...more })
}

async function survives(name: string, workload: DecidedWorkload): Promise<void> {
  const report = await explore({
    ...deciding(name, workload),
    seeds: 3,
    imagesMax: 250,
    nested: { images: 4, points: 8 },
    failuresMax: 1,
  })
  if (report.failures.length > 0) throw new ScenarioFailure(report.failures.join('\n'))
}

export const keysSurviveCrashes = () => survives('keys', keys)
export const prunedVersionsSurviveCrashes = () => survives('pruned-runs', prunedRuns)

/** A key is known from the moment its call is written: while it is in flight, and to the rest of its group. */
export async function keysInFlightAreKnown(): Promise<void> {
  const { store, decider, topic, ledger, files } = await opened()
  const first = await decider.append(1, { idempotencyKey: 'buffered', durability: 'buffered' })
  await decider.again(first)
  const event = { kind: 'Kind-0', entity: 'entity-0', data: { number: 500 } }
  // Of calls that wait, half make a group.
  const same = async () => {
    const { replayed, firstOffset } = await topic.append(event, { idempotencyKey: 'same' }).catch(refusedByItself)
    return `${replayed ? 'replayed' : 'appended'} at ${firstOffset}`
  }
  const all = await Promise.all([same(), same(), same(), same()])
  const replays = Array(3).fill('replayed at 1')
  mustEqual(all, ['appended at 1', ...replays], 'calls of one group with one key')
  mustEqual(topic.stats().events, 2, 'events of six calls with two keys')
  must(ledger.at(files.position).acknowledged.includes(first), 'the first call is acknowledged')
  await store.close()
}

/** A key is remembered behind the tail, and forgotten after its window. */
export async function keysAreKnownForTheirWindow(): Promise<void> {
  const clock = new ManualClock()
  const all = await opened({}, { clock })
  const { topic, store } = all
  const event = { kind: 'Kind-0', entity: 'entity-0', data: { number: 500 } }
  const append = async (data = event) => topic.append(data, { idempotencyKey: 'key' })
  mustEqual((await append()).replayed, false, 'a first call')
  await fill(all, 5)
  mustEqual((await append()).replayed, true, 'a repetition some segments later')
  mustEqual(await codeOf(append({ ...event, entity: 'entity-1' })), 'KEY_REUSED', 'the key with another event')
  clock.setWall(clock.now() + DAY_MS - 1)
  mustEqual((await append()).replayed, true, 'a repetition just before its window ends')
  clock.setWall(clock.now() + 1)
  mustEqual((await append()).replayed, false, 'the key after its window')
  await store.close()
}

/** A condition sees calls of its own group, sealed segments, and where the log starts. */
export async function conditionsSeeEverything(): Promise<void> {
  const all = await opened()
  const { topic, store, decider } = all
  const append = (after: number, entity = 'entity-0') =>
    topic.append({ kind: 'Kind-0', entity, data: 1 }, { condition: { query: { entity }, after } })
  const together = await Promise.all([1, 2, 3, 4].map(() => codeOf(append(0))))
  mustEqual(together, ['nothing', ...Array(3).fill('CONDITION_FAILED')], 'calls of one group')
  await fill(all, 5, 'entity-1')
  mustEqual(await codeOf(append(0)), 'CONDITION_FAILED', 'a condition about a sealed segment')
  mustEqual(await codeOf(append(1)), 'nothing', 'a condition that looks behind the last match')
  await decider.prune(4)
  mustEqual(await codeOf(append(0)), 'OFFSET_PRUNED', 'a condition that looks where nothing is any more')
  await store.close()
}

/** An entity that is pruned keeps its version. */
export async function versionsOutlivePruning(): Promise<void> {
  const all = await opened()
  await all.decider.append(1, { entity: 'rare', size: ROLLING.size })
  await fill(all, 6, 'entity-1')
  await all.decider.prune(4)
  mustEqual(await all.topic.version('rare'), 1, 'version of a pruned entity')
  mustEqual(await all.topic.version('nobody'), 0, 'version of an entity that never was')
  await all.store.close()
  const again = await openForTest(faultStorage(all.files))
  mustEqual(await (await again.topics.open(TOPIC)).version('rare'), 1, 'version of a pruned entity after an open')
  await again.close()
}

/** At no moment does a sealed segment lose its run again, and in the end runs are merged. */
export async function mergesKeepTheirInputs(): Promise<void> {
  restartIdentifiers()
  const files = new FaultFiles()
  await mustSettle(merges(files, new Ledger<Step>(() => files.position)))
  let covered = 0
  for (const { index, kind } of files.journal) {
    if (kind !== 'rename' && kind !== 'unlink') continue
    const now = segmentsWithRuns(imageOf(files.crashImage(index + 1, 'kept', 0)))
    must(now >= covered, () => `${covered} segments had runs, after operation ${index} only ${now}`)
    covered = now
  }
  must(
    [...imageOf(files).keys()].some((path) => path.includes('/terms-1-')),
    'runs were merged',
  )
}

function segmentsWithRuns(image: StoreImage): number {
  const names = [...image.keys()].map((path) => path.slice(path.lastIndexOf('/') + 1))
  const segments = names.filter((name) => name.endsWith('.log')).sort()
  const merged = names.map(mergedRun).filter((run) => run !== undefined)
  const isCovered = (segment: string, at: number) =>
    names.includes(segment.replace('.log', '.terms')) ||
    merged.some(({ level, sequence }) => at >= sequence && at < sequence + 8 ** level)
  return segments.filter(isCovered).length
}

/** An owner that was replaced while it merged removes nothing any more. */
export async function replacedOwnersKeepMergedRuns(): Promise<void> {
  const all = await opened()
  const { files, store, topic } = all
  let replacedAt = -1
  // Fails nothing: another owner claims the store in the moment in which the merged run gets its name.
  files.failAt(({ kind, to = '', path, index }) => {
    if (kind !== 'rename' || !to.includes('/terms-1-') || replacedAt >= 0) return false
    replacedAt = index
    const root = path.slice(0, path.indexOf('/tmp/'))
    const epochs = [...files.files().keys()].map((file) => manifestEpoch(file.slice('/store/'.length)) ?? 0)
    void files.open(`${root}/${manifestName(Math.max(...epochs) + 1)}`, 'create')
    return false
  }, 'EIO')
  await topic.version('entity-0')
  for (let turn = 0; turn < 20; turn++) {
    await all.decider.append(1, { size: 2 * ROLLING.size }).catch(() => undefined)
    // The merge works between turns.
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
  await store.close().catch(() => undefined)
  must(replacedAt >= 0, 'runs were merged')
  const removed = files.journal.filter(({ kind, index }) => kind === 'unlink' && index > replacedAt)
  mustEqual(
    removed.map(({ path }) => path),
    [],
    'files removed by an owner that was replaced',
  )
}

/** Reads by terms give what a scan gives, with runs of all kinds. */
export async function termsAnswerAsAScan(): Promise<void> {
  restartIdentifiers()
  const files = new FaultFiles()
  const ledger: StepLedger = new Ledger<Step>(() => files.position)
  await mustSettle(allRuns(files, ledger))
  const store = await openForTest(faultStorage(files), { readOnly: true })
  await mustAnswerNow(await store.topics.open(TOPIC), ledger.at(files.position))
  await store.close()
}

/** A run of a segment with the same place and size but another history is not used. */
export async function runsOfOtherHistoriesAreRefused(): Promise<void> {
  const made = async (entity: string) => {
    const all = await opened()
    for (let turn = 0; turn < 4; turn++) await all.topic.append({ kind: 'K', entity, at: 1, data: 'x'.repeat(600) })
    await all.store.close()
    return imageOf(all.files)
  }
  const [image, other] = [new Map(await made('one')), await made('two')]
  for (const [path, bytes] of other) if (path.endsWith('.terms')) image.set(path, bytes)
  const store = await openForTest(imageStorage(image), { readOnly: true })
  const topic = await store.topics.open(TOPIC)
  const found: StoredEvent[] = []
  for await (const event of topic.read({ entity: 'one' })) found.push(event)
  mustEqual(found.length, 4, 'events of an entity beside runs of another history')
  await store.close()
}

/** Bits of runs are noticed wherever they are. */
export async function bitsOfTermsAreNoticed(): Promise<void> {
  restartIdentifiers()
  const files = new FaultFiles()
  await mustSettle(allRuns(files, new Ledger<Step>(() => files.position)))
  const image = imageOf(files)
  const part = new Map([...image].filter(([path]) => /\/terms-|\/versions-/.test(path)))
  const observe = async () => {
    const store = await openForTest(imageStorage(image), { readOnly: true })
    const { problems } = await store.verify()
    await store.close()
    return { answers: '', found: problems.map(({ message }) => message) }
  }
  const { failures } = await bitSweep({ image: part, observe, stride: 1_777, covered: true, failuresMax: 1 })
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
}

/** Data of a schema version that the program does not know is not given to it. */
export async function newerSchemasAreRefused(): Promise<void> {
  const { topic, store, files } = await opened()
  await topic.append({ kind: 'Kind-0', entity: 'entity-0', data: 1, schemaVersion: 3 })
  await store.close()
  const again = await openForTest(faultStorage(files))
  const upcasts = { 'Kind-0': { version: 2, from: { 1: (data: never) => data } } }
  const older = await again.topics.open(TOPIC, { upcasts })
  mustEqual(await codeOf(older.page()), 'SCHEMA_NEWER', 'a read of a newer schema version')
  await again.close()
}

function refusedByItself(error: unknown): never {
  throw new ScenarioFailure(`The product refuses what it wrote: ${String(error)}`)
}

/** No field of an event can be changed under its proof. */
export async function proofsHoldEveryField(): Promise<void> {
  const { topic, store } = await opened({ chain: 'events' })
  const whole = { scope: 's', tags: ['t'], at: 5, id: 'i', meta: 1, correlationId: 'c', causationId: 'd' }
  const event = { kind: 'K', entity: 'e', data: 1, ...whole, lane: 1, depth: 2, schemaVersion: 3, extensions: 4 }
  const { firstOffset } = await topic.append([event, { ...event, id: 'j', at: 6 }], { idempotencyKey: 'key' })
  const proof = (await topic.proof(firstOffset).catch(refusedByItself)) as EventProof
  mustEqual(verifyProof(proof), proof.hash, 'the hash that a proof proves')
  for (const [field, value] of Object.entries(proof.event)) {
    const other = typeof value === 'number' ? value + 1 : typeof value === 'string' ? `${value}x` : ['u']
    const changed = { ...proof, event: { ...proof.event, [field]: other } as StoredEvent }
    mustEqual(await codeOf((async () => verifyProof(changed))()), 'PROOF_INVALID', `a proof with another ${field}`)
  }
  const rekeyed = { ...proof, idempotencyKey: 'other' }
  mustEqual(await codeOf((async () => verifyProof(rekeyed))()), 'PROOF_INVALID', 'a proof with another key')
  await store.close()
}

/** A block that claims to inflate to very much is refused before anything is inflated. */
export async function bombsAreRefused(): Promise<void> {
  const at = 1_700_000_000_000
  const plain = makeBatch([{ kind: 'K', entity: 'e', at, data: { total: 1 } }])
  const bomb = await portableCompression.deflate(new Uint8Array(4_000_000))
  const asked: number[] = []
  await scan(forged(plain, { block: bomb, codec: 1, raw: 4_000_000 }), asked)
  mustEqual(asked, [], 'blocks that were inflated')
}
