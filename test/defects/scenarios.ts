/** What kills seeded defects: small explorations and direct looks, each of which the product as it is passes.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import { manifestEpoch } from '../../src/manifest/index.ts'
import type { Store } from '../../src/store/types.ts'
import { checkManifest, commitTopics } from '../crash/manifest-workload.ts'
import { type Call, createSmall, openForTest, restartIdentifiers } from '../crash/oracle.ts'
import { closedStore, observeWhole } from '../crash/whole.ts'
import {
  append,
  checkpoint,
  exploration,
  prune,
  recovery,
  roll,
  takeover,
  underFaults,
  type Workload,
} from '../crash/workloads.ts'
import { bitSweep } from '../faults/bit-sweep.ts'
import type { CrashMode } from '../faults/crash-disk.ts'
import { sweepErrors } from '../faults/error-sweep.ts'
import { explore, Ledger } from '../faults/explorer.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { must, mustEqual, plain, ScenarioFailure } from '../support/scenario.ts'

export * from './decided-scenarios.ts'

async function survives(
  name: string,
  workload: Workload,
  more: { modes?: CrashMode[]; gaps?: boolean } = {},
): Promise<void> {
  const run = exploration(name, workload, { holding: { gaps: more.gaps === true } })
  const { failures } = await explore({
    ...run,
    seeds: 3,
    imagesMax: 400,
    nested: { images: 12, points: 8 },
    failuresMax: 1,
    ...(more.modes !== undefined && { modes: more.modes }),
  })
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
}

export const appendsSurviveCrashes = () => survives('append', append)
export const rollsSurviveCrashes = () => survives('roll', roll)
export const recoveriesSurviveCrashes = () => survives('recovery', recovery)
export const takeoversSurviveCrashes = () => survives('takeover', takeover, { gaps: true })
export const checkpointsSurviveCrashes = () => survives('checkpoint', checkpoint)
export async function manifestsSurviveCrashes(): Promise<void> {
  const { failures } = await explore({ name: 'manifest', workload: commitTopics, check: checkManifest, failuresMax: 1 })
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
}
export const prunesSurviveCrashes = () => survives('prune', prune)
/** Names that were not synced vanish, whatever the bytes. */
export const namesSurviveCrashes = () => survives('roll', roll, { modes: ['dir-lost', 'lost'] })

async function reports(kind: 'append' | 'roll', errors: readonly string[]): Promise<void> {
  const run = exploration(kind, underFaults(kind), { holding: { gaps: true } })
  const { failures } = await sweepErrors({ ...run, errors, stride: kind === 'roll' ? 7 : 3, failuresMax: 1 })
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
}

export const shortCallsAreFinished = () => reports('append', ['SHORT'])
export const failuresAreReported = () => reports('append', ['EIO'])
export const failedCommitsStopTheStore = () => reports('roll', ['EIO'])

/** Bits of files whose path ends so, of a closed store: noticed, and never a wrong answer. */
async function noticesBits(suffix: RegExp, stride: number, workload = roll): Promise<void> {
  const image = await closedStore(workload)
  const part = new Map([...image].filter(([path]) => suffix.test(path)))
  must(part.size > 0, `the store has files like ${suffix}`)
  const observe = () => observeWhole(image, true)
  const { failures } = await bitSweep({ image: part, observe, stride, covered: true, failuresMax: 1 })
  if (failures.length > 0) throw new ScenarioFailure(failures.join('\n'))
}

export const bitsOfSegmentsAreNoticed = () => noticesBits(/\.log$/, 197)
export const bitsOfCheckpointsAreNoticed = () => noticesBits(/\.ckpt$/, 5, checkpoint)
export const bitsOfLargeBatchesAreNoticed = () => noticesBits(/0\.log$/, 1_009, large)
export const bitsOfManifestsAreNoticed = () => noticesBits(/MANIFEST-\d+$/, 61)
export const bitsOfHeadsAreNoticed = () => noticesBits(/head-\d+$/, 5)

/** A reader with a flipped bit in an index finds every event all the same: the index is derived. */
export async function bitsOfIndexesAreHarmless(): Promise<void> {
  const image = await closedStore(roll)
  const answers = () => answersByIndex(image)
  const wanted = await answers()
  for (const [path, bytes] of image) {
    if (!path.endsWith('index')) continue
    for (let bit = 5; bit < 8 * bytes.length; bit += 23) {
      const mask = 1 << (bit & 7)
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ mask
      const found = await answers().catch((error: unknown) => String(error))
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ mask
      mustEqual(found, wanted, () => `answers with bit ${bit} of ${path} flipped`)
    }
  }
}

async function answersByIndex(image: StoreImage): Promise<string> {
  const store = await openForTest(imageStorage(image), { readOnly: true })
  const topic = await store.topics.open('orders')
  const found: string[] = []
  for (const { partition, highWatermark } of topic.stats().partitions) {
    for (let offset = 0; offset < highWatermark; offset++) found.push(plain(await topic.get(offset, { partition })))
    for (const since of [1_600_000_000_200, 1_600_000_000_600]) {
      for await (const { offset } of topic.read({ partition, since })) found.push(`${since} ${offset}`)
    }
  }
  await store.close()
  return found.join()
}

/** One batch of several blocks. */
const large: Workload = async (files) => {
  const store = await openForTest(faultStorage(files))
  const topic = await store.topics.open('orders', { create: true })
  const events = Array.from({ length: 40 }, (_, number) => ({
    kind: 'Noted',
    entity: 'note',
    data: `${number}`.repeat(500),
  }))
  await topic.append(events)
  await store.close()
}

/** Wrong bytes below what a later batch proves synced are damage, not a torn tail, also without the head file. */
export async function damageIsNoTornTail(): Promise<void> {
  const image = new Map(await closedStore(recovery))
  for (const path of image.keys()) if (path.startsWith('head-') || path.endsWith('.ckpt')) image.delete(path)
  const baseline = await eventsShown(image)
  const path = lastSegment(image)
  const bytes = image.get(path) ?? new Uint8Array()
  for (let at = 128; at < Math.min(bytes.length, 400); at += 7) {
    bytes[at] = (bytes[at] ?? 0) ^ 1
    const shown = await eventsShown(image)
    must(
      shown === undefined || shown === baseline,
      () => `byte ${at} of ${path}: ${shown} of ${baseline} events shown, no error`,
    )
    bytes[at] = (bytes[at] ?? 0) ^ 1
  }
}

/** How many events a writer finds, or nothing when it refuses the store as damaged. */
async function eventsShown(image: StoreImage): Promise<number | undefined> {
  try {
    const store = await openForTest(imageStorage(image))
    const { events } = await store.stats()
    await store.close()
    return events
  } catch (error) {
    if (isVarveError(error) && error.kind === 'corrupt') return undefined
    throw error
  }
}

function lastSegment(image: StoreImage): string {
  const paths = [...image.keys()].filter((path) => path.includes('/orders/0/') && path.endsWith('.log'))
  return paths.sort().at(-1) ?? ''
}

/** A store of four calls of equal size; the second one's data is given. */
function four(second: string): Workload {
  return async (files) => {
    const store = await openForTest(faultStorage(files))
    const topic = await store.topics.open('orders', { create: true })
    for (const data of ['first', second, 'third', 'fourth'])
      await topic.append({ kind: 'Noted', entity: 'note', at: 1, data: data.padEnd(10) })
    await store.close()
  }
}

/** Where the batches of a segment begin: at their magic. */
function batchStarts(bytes: Uint8Array): number[] {
  const starts: number[] = []
  for (let at = 128; at < bytes.length - 1; at++)
    if (bytes[at] === bytes[128] && bytes[at + 1] === bytes[129]) starts.push(at)
  return starts
}

/** A batch that is valid in its place but of another history is noticed by what follows it. */
export async function anotherHistoryIsNoticed(): Promise<void> {
  const image = new Map(await closedStore(four('second')))
  const other = await closedStore(four('SECOND'))
  const path = lastSegment(image)
  const bytes = image.get(path) ?? new Uint8Array()
  const [, start = 0, end = 0] = batchStarts(bytes)
  must(start > 0 && end > start, 'the segment has batches')
  bytes.set((other.get(path) ?? bytes).subarray(start, end), start)
  const store = await openForTest(imageStorage(image), { readOnly: true })
  const { ok } = await store.verify()
  must(!ok, 'verify notices a batch of another history')
  await store.close()
}

/** Two batches of one size that changed places are not read as if nothing had happened. */
export async function misplacedBatchesAreNoticed(): Promise<void> {
  const image = new Map(await closedStore(four('second')))
  const path = lastSegment(image)
  const bytes = image.get(path) ?? new Uint8Array()
  const [, second = 0, third = 0, fourth = 0] = batchStarts(bytes)
  mustEqual(third - second, fourth - third, 'size of the third batch')
  const moved = bytes.slice(second, third)
  bytes.copyWithin(second, third, fourth)
  bytes.set(moved, third)
  const store = await openForTest(imageStorage(image), { readOnly: true })
  const { problems } = await store.verify()
  must(
    problems.some(({ message }) => message.includes('header fails its checksum')),
    () => `a batch in a wrong place fails by itself: ${JSON.stringify(problems)}`,
  )
  await store.close()
}

/** An owner that was replaced acknowledges nothing, whatever the durability it is asked for. */
export async function replacedOwnersAcknowledgeNothing(): Promise<void> {
  restartIdentifiers()
  const files = new FaultFiles()
  const old = await openForTest(faultStorage(files))
  const topic = await old.topics.open('orders', { create: true })
  await topic.append({ kind: 'Noted', entity: 'note', data: 1 })
  const successor = await openForTest(faultStorage(files), { takeOver: true })
  for (const durability of ['synced', 'buffered'] as const) {
    const answer = await topic.append({ kind: 'Noted', entity: 'note', data: 2 }, { durability }).then(
      () => 'acknowledged',
      (error: unknown) => (isVarveError(error) ? error.code : String(error)),
    )
    mustEqual(answer, 'STORE_FENCED', `${durability} append of a replaced owner`)
  }
  await successor.close()
  await old.close()
  must(
    [...files.files().keys()].some((path) => manifestEpoch(path.slice('/store/'.length)) === 2),
    'there was a takeover',
  )
}

/** Four sealed segments, and events in the active one. */
const segments: Workload = async (files, ledger) => {
  await createSmall(faultStorage(files), ledger, { name: 'orders', partitions: 1, segmentBytes: 700 })
  const store = await openForTest(faultStorage(files))
  const topic = await store.topics.open('orders')
  for (let turn = 0; turn < 5; turn++) await topic.append({ kind: 'Noted', entity: 'note', data: 'x'.repeat(600) })
  await store.close()
}

/** An owner that is replaced while it removes files removes no more of them. */
export async function replacedOwnersRemoveNothing(): Promise<void> {
  restartIdentifiers()
  const files = new FaultFiles()
  await segments(files, new Ledger<Call>(() => files.position))
  let successor: Promise<Store> | undefined
  let later = 0
  const storage = faultStorage(files)
  const remove = async (path: string) => {
    if (path.startsWith('topics/')) {
      if (successor !== undefined) later++
      else successor = openForTest(faultStorage(files), { takeOver: true })
      await successor
    }
    await storage.remove(path)
  }
  const watched = new Proxy(storage, {
    get(target, key) {
      const value: unknown = key === 'remove' ? remove : Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const old = await openForTest(watched)
  await (await old.topics.open('orders')).prune({ before: 4 }).catch((error: unknown) => {
    must(isVarveError(error, 'STORE_FENCED'), () => String(error))
  })
  must(successor !== undefined, 'the owner was replaced while it removed files')
  mustEqual(later, 0, 'files removed by a replaced owner')
  await (await successor)?.close()
  await old.close()
}

/** Appends that wait while a topic is deleted are refused: there is nothing that could hold them. */
export async function deletedTopicsAcknowledgeNothing(): Promise<void> {
  restartIdentifiers()
  const store = await openForTest(faultStorage(new FaultFiles()))
  const topic = await store.topics.open('orders', { create: true })
  const answers: string[] = []
  const append = () =>
    topic.append({ kind: 'Noted', entity: 'note', data: 1 }).then(
      () => void answers.push('acknowledged'),
      (error: unknown) => void answers.push(isVarveError(error) ? error.code : String(error)),
    )
  const appends = Array.from({ length: 40 }, append)
  const deletion = store.topics.delete('orders').then(() => void answers.push('deleted'))
  for (let turn = 0; turn < 400; turn++) {
    appends.push(append())
    await undefined
  }
  await Promise.all([...appends, deletion])
  const at = answers.indexOf('TOPIC_DELETED')
  must(at >= 0, 'some appends come too late')
  must(!answers.slice(at).includes('acknowledged'), () => `acknowledged after the deletion: ${answers}`)
  await store.close()
}
