/** What exists in a store, as plain data, and the one way in which it changes: `applyRecord`.
 *
 * Invariants: topic names are unique without regard to case, topic ids and head slots are unique; the segments of a
 * partition are in offset order without gaps, each one's `hashBefore` is the `endHash` of the one before it, and all
 * but the last are sealed. Unknown fields are kept, so that a compatible newer version may add some.
 * @module */
import { VarveError } from '../errors.ts'
import {
  check,
  checkSeal,
  checkSegment,
  checkTopic,
  isHash,
  isObject,
  isWhole,
  type PartitionRow,
  type ProvenEnd,
  type Seal,
  type SegmentRow,
  type TopicRow,
} from './shapes.ts'

export const FORMAT_VERSION = 1

/** Features by what a version that does not know them may still do. */
export interface Features {
  /** Read and write. */
  readonly compatible: readonly string[]
  /** Read only. */
  readonly readOnlyCompatible: readonly string[]
  /** Nothing. */
  readonly incompatible: readonly string[]
}

/** The features this version knows; the first format has none. */
export const KNOWN_FEATURES: Features = { compatible: [], readOnlyCompatible: [], incompatible: [] }

/** Where a restored or forked store comes from. */
export interface StoreLineage {
  readonly storeId: string
  readonly offset: number
  /** Chain hash there, 64 hexadecimal digits. */
  readonly hash: string
}

export interface ManifestState {
  readonly formatVersion: number
  readonly features: Features
  readonly storeId: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly lineage?: StoreLineage
  readonly topics: readonly TopicRow[]
}

export interface TopicCreated {
  readonly type: 'topic-created'
  readonly topic: TopicRow
}

export interface SegmentAdded {
  readonly type: 'segment-added'
  readonly topic: number
  readonly partition: number
  /** Seals the segment that was active; absent only for the first segment of a partition. */
  readonly seal?: Seal
  readonly segment: SegmentRow
}

/** The owner synced everything and is done: these are the ends of all active segments, none left out. */
export interface Closed {
  readonly type: 'closed'
  readonly partitions: readonly ({ readonly topic: number; readonly partition: number } & ProvenEnd)[]
}

export type ManifestRecord = TopicCreated | SegmentAdded | Closed

/** A store in which nothing exists yet. */
export function emptyState(storeId: string, createdAt: number): ManifestState {
  return { formatVersion: FORMAT_VERSION, features: KNOWN_FEATURES, storeId, createdAt, topics: [] }
}

/** Apply one commit to a state, which stays as it is. Cost: the size of the touched topic's row.
 * @throws {VarveError} `MANIFEST_DAMAGED` when the record makes no sense here, `FORMAT_NEWER` when its type is not
 * known. */
export function applyRecord(state: ManifestState, record: ManifestRecord): ManifestState {
  check(isObject(record), 'a record is not an object')
  switch (record.type) {
    case 'topic-created':
      checkTopic(record.topic)
      checkTopicFits(state.topics, record.topic)
      return { ...state, topics: [...state.topics, record.topic] }
    case 'segment-added':
      return changePartition(state, record, (row) => addSegment(row, record))
    case 'closed':
      return proveAll(state, record)
    default:
      throw new VarveError('FORMAT_NEWER', 'Cannot read the manifest: it holds a record of an unknown type', {
        details: { type: String((record as { type?: unknown }).type), formatVersion: FORMAT_VERSION },
      })
  }
}

/** Check a state that was read from a file. @throws {VarveError} `MANIFEST_DAMAGED`, `FORMAT_NEWER`. */
export function parseState(value: unknown): ManifestState {
  checkFormat(value, 'read')
  check(isObject(value), 'the state is not an object')
  check(typeof value.storeId === 'string' && value.storeId !== '', 'the store has no id')
  check(isWhole(value.createdAt), 'the store has no creation time')
  const lineage = value.lineage
  if (lineage !== undefined)
    check(
      isObject(lineage) && typeof lineage.storeId === 'string' && isWhole(lineage.offset) && isHash(lineage.hash),
      'the lineage of the store is incomplete',
    )
  check(Array.isArray(value.topics), 'the state has no topics')
  const seen: TopicRow[] = []
  for (const topic of value.topics) {
    checkTopic(topic)
    checkTopicFits(seen, topic)
    seen.push(topic)
  }
  return value as unknown as ManifestState
}

/** Refuse what this version must not touch: a newer format version, an unknown incompatible feature, and for writing
 * an unknown read-only-compatible one.
 * @throws {VarveError} `FORMAT_NEWER` naming what is found and what is known, `MANIFEST_DAMAGED`. */
export function checkFormat(value: unknown, use: 'read' | 'write'): void {
  check(isObject(value), 'the format is not stated')
  const found = value.formatVersion
  check(isWhole(found) && found > 0, 'the format version is not a number')
  const details = { foundVersion: found, knownVersion: FORMAT_VERSION }
  if (found > FORMAT_VERSION)
    throw new VarveError('FORMAT_NEWER', `Cannot open the store: format ${found}, known are formats up to 1`, {
      details,
    })
  const features = value.features
  check(isObject(features), 'the features are not stated')
  check(Array.isArray(features.compatible), 'the features are not lists of names')
  const lists = { incompatible: KNOWN_FEATURES.incompatible, readOnlyCompatible: KNOWN_FEATURES.readOnlyCompatible }
  for (const [kind, known] of Object.entries(lists)) {
    const list = features[kind]
    check(Array.isArray(list) && list.every((name) => typeof name === 'string'), 'the features are not lists of names')
    const unknown = list.filter((name) => !known.includes(name))
    if (unknown.length === 0 || (kind === 'readOnlyCompatible' && use === 'read')) continue
    throw new VarveError('FORMAT_NEWER', `Cannot ${use} the store: unknown features "${unknown.join('", "')}"`, {
      details: { ...details, unknownFeatures: unknown, readOnly: kind === 'readOnlyCompatible' },
    })
  }
}

/** Directory of a partition, relative to the store. */
export function partitionDirectory(topic: string, partition: number): string {
  return `topics/${topic}/${partition}`
}

/** An id that no topic of this state has. */
export function nextTopicId(state: ManifestState): number {
  return state.topics.reduce((highest, topic) => Math.max(highest, topic.id), 0) + 1
}

/** The first head slot after all that are in use; a new topic takes as many as it has partitions. */
export function nextHeadSlot(state: ManifestState): number {
  let highest = 0
  for (const topic of state.topics) for (const row of topic.partitions) highest = Math.max(highest, row.headSlot)
  return highest + 1
}

function checkTopicFits(topics: readonly TopicRow[], added: TopicRow): void {
  const folded = added.name.toLowerCase()
  const slots = new Set(added.partitions.map((row) => row.headSlot))
  check(slots.size === added.partitions.length, `topic "${added.name}" uses a head slot twice`)
  for (const topic of topics) {
    check(topic.name.toLowerCase() !== folded, `topic "${added.name}" exists twice`)
    check(topic.id !== added.id, `topics "${topic.name}" and "${added.name}" have the same id`)
    for (const row of topic.partitions)
      check(!slots.has(row.headSlot), `topics "${topic.name}" and "${added.name}" share a head slot`)
  }
}

function changePartition(
  state: ManifestState,
  place: { readonly topic: number; readonly partition: number },
  change: (row: PartitionRow) => PartitionRow,
): ManifestState {
  check(isObject(place), 'a place is not an object')
  const index = state.topics.findIndex((topic) => topic.id === place.topic)
  const topic = state.topics[index]
  check(topic !== undefined, `there is no topic ${place.topic}`)
  const row = topic.partitions[place.partition]
  check(row !== undefined, `topic "${topic.name}" has no partition ${place.partition}`)
  const partitions = topic.partitions.with(row.partition, change(row))
  return { ...state, topics: state.topics.with(index, { ...topic, partitions }) }
}

function addSegment(row: PartitionRow, record: SegmentAdded): PartitionRow {
  const { seal, segment } = record
  checkSegment(segment)
  check(segment.sealed === undefined, 'a segment is sealed before it is used')
  check(
    row.segments.every((other) => other.file !== segment.file && other.id !== segment.id),
    `segment "${segment.file}" exists twice`,
  )
  const { proven: _, ...rest } = row
  const last = row.segments.at(-1)
  if (last === undefined || last.sealed !== undefined) {
    check(seal === undefined, 'there is no active segment to seal')
    const base = last?.sealed?.endOffset ?? row.logStartOffset
    check(segment.baseOffset === base, `a segment begins at ${segment.baseOffset} instead of ${base}`)
    check(segment.hashBefore === (last?.sealed?.endHash ?? row.logStartHash), 'a segment does not continue the chain')
    return { ...rest, segments: [...row.segments, segment] }
  }
  check(seal !== undefined, 'the active segment is replaced without a seal')
  checkSeal(seal, last)
  check(segment.baseOffset === seal.endOffset, `a segment begins at ${segment.baseOffset} instead of ${seal.endOffset}`)
  check(segment.hashBefore === seal.endHash, 'a segment does not continue the chain')
  const known = row.proven
  check(known === undefined || seal.endOffset >= known.offset, 'a segment is sealed below its proven end')
  return { ...rest, segments: [...row.segments.slice(0, -1), { ...last, sealed: seal }, segment] }
}

/** A close counts only when it names every active segment: one that it left out would pass for unchanged. */
function proveAll(state: ManifestState, record: Closed): ManifestState {
  check(Array.isArray(record.partitions), 'a close without partitions')
  const named = new Set(record.partitions.map((end) => `${end?.topic} ${end?.partition}`))
  check(named.size === record.partitions.length, 'a close names a partition twice')
  for (const topic of state.topics)
    for (const row of topic.partitions) {
      const last = row.segments.at(-1)
      const isActive = last !== undefined && last.sealed === undefined
      check(!isActive || named.has(`${topic.id} ${row.partition}`), `a close leaves topic "${topic.name}" out`)
    }
  let closed = state
  for (const end of record.partitions) closed = changePartition(closed, end, (row) => proveEnd(row, end))
  return closed
}

function proveEnd(row: PartitionRow, end: ProvenEnd): PartitionRow {
  const last = row.segments.at(-1)
  check(last !== undefined && last.sealed === undefined, 'a close names a partition without an active segment')
  check(isWhole(end.position) && isWhole(end.offset) && isHash(end.hash), 'a proven end is incomplete')
  check(end.offset >= (row.proven?.offset ?? last.baseOffset), 'a proven end goes backwards')
  check(end.position >= (row.proven?.position ?? 0), 'a proven end goes backwards')
  return { ...row, proven: { position: end.position, offset: end.offset, hash: end.hash } }
}
