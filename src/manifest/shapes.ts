/** The rows of a manifest's JSON, and checks of them before anything believes them. Bytes that pass a
 * checksum may still come from another hand, and names in them become paths.
 * @module */
import { VarveError } from '../errors.ts'

const TOPIC_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const OWN_OR_FILE_NAME = /^_?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const PARTITION = /^(?:0|[1-9][0-9]{0,8})$/
const HASH = /^[0-9a-f]{64}$/
const RANDOM_64 = /^[0-9a-f]{16}$/

export interface TopicRow {
  readonly name: string
  /** Small whole number from 1, never used again. */
  readonly id: number
  readonly lineage: string
  /** The logs that its first segments were taken over from, the oldest first. Absent: none. */
  readonly ancestors?: readonly AncestorRow[]
  readonly createdAt: number
  readonly options: TopicRowOptions
  /** In order of `partition`, from 0. */
  readonly partitions: readonly PartitionRow[]
}

/** A log of which a topic is a fork or a restored copy: its segments below an end are shared, with the ids of their
 * events. */
export interface AncestorRow {
  readonly lineage: string
  readonly storeId: string
  /** For each partition where its own segments end, exclusive, and the chain hash there, 64 hexadecimal digits. */
  readonly ends: readonly { readonly offset: number; readonly hash: string }[]
}

/** Files that no partition needs any more, and that may still be there. Their names are not used again before they are
 * gone. */
export interface Removal {
  /** Of a partition, such as `topics/orders/0`. */
  readonly directory: string
  readonly files: readonly string[]
}

/** The options of a topic; those that are absent have their defaults. */
export interface TopicRowOptions {
  readonly partitions: number
  readonly segmentBytes: number
  readonly partitioner: 1
  readonly retention?: { readonly maxAgeMs?: number; readonly maxBytes?: number; readonly maxEvents?: number }
  readonly compression?: 'none' | 'deflate'
  readonly chain?: 'batches' | 'events'
  readonly idempotency?: { readonly windowMs?: number; readonly windowKeys?: number }
}

export interface PartitionRow {
  readonly partition: number
  /** Slot in head files, from 1, unique in the store. */
  readonly headSlot: number
  readonly logStartOffset: number
  /** Anchor: chain hash before `logStartOffset`, 64 hexadecimal digits. */
  readonly logStartHash: string
  /** How many segments there were before the first of `segments`: pruning raises it. Absent: none. */
  readonly droppedSegments?: number
  /** The file that keeps the versions of entities whose events were pruned; present once something was. */
  readonly prunedVersions?: string
  /** In offset order; the last one is active unless it is sealed. */
  readonly segments: readonly SegmentRow[]
  /** Synced end of the active segment as proven at the last clean close: a lower bound for ever after. */
  readonly proven?: ProvenEnd
}

export interface ProvenEnd {
  /** Bytes of the active segment that were synced. */
  readonly position: number
  /** Log end offset there. */
  readonly offset: number
  /** Chain hash there, 64 hexadecimal digits. */
  readonly hash: string
}

export interface SegmentRow {
  /** Name in the partition's directory, such as `00000000000000000000.log`. */
  readonly file: string
  /** Random 64 bits, 16 hexadecimal digits. */
  readonly id: string
  readonly baseOffset: number
  /** Chain hash before the first batch, 64 hexadecimal digits. */
  readonly hashBefore: string
  /** Feature bits of its header (segment/header.ts); absent: none. */
  readonly features?: number
  readonly sealed?: Seal
}

/** The end of a sealed segment; bytes after `endPosition` do not count. */
export interface Seal {
  readonly endOffset: number
  readonly endPosition: number
  readonly endHash: string
  /** Lowest and highest `at`, last `recordedAt`, and how many appends had an idempotency key; absent in a segment
   * without events. */
  readonly lowestAt?: number
  readonly highestAt?: number
  readonly recordedAt?: number
  readonly keys?: number
}

/** @throws {VarveError} `MANIFEST_DAMAGED` with the reason unless the condition holds. */
export function check(condition: boolean, reason: string): asserts condition {
  if (!condition) throw damage(reason)
}

/** The same about one of thousands: its name is put into the reason, in the place of `%`, only when it is needed. */
export function checkOf(name: string, condition: boolean, reason: string): asserts condition {
  if (!condition) throw damage(reason.replace('%', () => `"${name}"`))
}

function damage(reason: string): VarveError {
  return new VarveError('MANIFEST_DAMAGED', `Cannot follow the manifest: ${reason}`, { details: { reason } })
}

/** An object that is no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A whole number from 0 to 2^53 - 1. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** 64 hexadecimal digits. */
export function isHash(value: unknown): value is string {
  return typeof value === 'string' && HASH.test(value)
}

/** A name of a topic that leads nowhere else. */
export function isTopicName(value: unknown): value is string {
  return typeof value === 'string' && TOPIC_NAME.test(value) && !value.includes('..')
}

/** A name of a file that leads nowhere else. */
export function isFileName(value: unknown): value is string {
  return typeof value === 'string' && FILE_NAME.test(value) && !value.includes('..')
}

/** A name of a document or history that leads nowhere else; the store's own ones begin with `_`. */
export function isOwnOrFileName(value: unknown): value is string {
  return typeof value === 'string' && OWN_OR_FILE_NAME.test(value) && !value.includes('..')
}

/** Random 64 bits as 16 hexadecimal digits. */
export function isFileId(value: unknown): value is string {
  return typeof value === 'string' && RANDOM_64.test(value)
}

/** Check the shape of a segment and of its seal. */
export function checkSegment(value: unknown): asserts value is SegmentRow {
  check(isObject(value), 'a segment is not an object')
  const { file, id, baseOffset, hashBefore, features, sealed } = value
  check(isFileName(file), 'a segment has an impossible name')
  checkOf(file, isFileId(id), 'segment % has no id')
  checkOf(file, isWhole(baseOffset) && isHash(hashBefore), 'segment % is incomplete')
  checkOf(file, features === undefined || isWhole(features), 'segment % has impossible features')
  if (sealed !== undefined) checkSeal(sealed, { file, baseOffset })
}

/** Check the shape of a seal, and that it ends at or after the segment's base. */
export function checkSeal(
  value: unknown,
  segment: { readonly file: string; readonly baseOffset: number },
): asserts value is Seal {
  const { file, baseOffset } = segment
  checkOf(file, isObject(value), 'the seal of segment % is not an object')
  const { endOffset, endPosition, endHash, lowestAt, highestAt, recordedAt, keys } = value
  checkOf(file, isWhole(endOffset) && isWhole(endPosition) && isHash(endHash), 'segment % has half a seal')
  checkOf(file, endOffset >= baseOffset, 'segment % ends before it begins')
  const areTimes = (lowestAt === undefined || isTime(lowestAt)) && (highestAt === undefined || isTime(highestAt))
  checkOf(file, areTimes, 'segment % has impossible times')
  checkOf(file, areOrdered(lowestAt, highestAt), 'segment % has impossible times')
  checkOf(file, recordedAt === undefined || isWhole(recordedAt), 'segment % has impossible times')
  checkOf(file, keys === undefined || isWhole(keys), 'segment % has an impossible number of keys')
}

/** Whether of two times that may not be known the first is not the later one. */
export function areOrdered(lowest: number | null | undefined, highest: number | null | undefined): boolean {
  return typeof lowest !== 'number' || typeof highest !== 'number' || lowest <= highest
}

/** Times come from callers, and may lie before 1970. */
export function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** Check the shape of a list of files to remove. */
export function checkRemoval(value: unknown): asserts value is Removal {
  check(isObject(value), 'a removal is not an object')
  const { directory, files } = value
  check(isPartitionDirectory(directory), 'a removal is in an impossible directory')
  check(Array.isArray(files) && files.every(isFileName), `a removal in "${directory}" names no files`)
  check(new Set(files).size === files.length, `a removal in "${directory}" names a file twice`)
}

function isPartitionDirectory(value: unknown): value is string {
  if (typeof value !== 'string') return false
  const [topics, name = '', partition = '', ...rest] = value.split('/')
  return topics === 'topics' && isTopicName(name) && PARTITION.test(partition) && rest.length === 0
}
