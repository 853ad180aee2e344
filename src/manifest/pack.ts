/** How a state is written: as it is, but with sealed segments as short rows, since a partition may have thousands.
 * Warning: this is a disk format; a change needs a new format version.
 *
 * A short row is `[file, id, end offset, end position, end hash, lowest at, highest at, recorded at, keys,
 * features]`, where what
 * is not known at the end is left out, and `null` stands for it elsewhere. Its base offset and the hash before it are
 * those of the segment before it, or of the log start.
 * @module */
import { check, isObject, type PartitionRow, type Seal, type SegmentRow, type TopicRow } from './shapes.ts'
import type { ManifestState } from './state.ts'

type ShortRow = readonly (string | number | null)[]

interface LogPlace {
  readonly offset: unknown
  readonly hash: unknown
}

const SEGMENT_FIELDS = new Set(['file', 'id', 'baseOffset', 'hashBefore', 'features', 'sealed'])
const OPTIONAL = ['lowestAt', 'highestAt', 'recordedAt', 'keys'] as const
const SEAL_FIELDS = new Set<string>(['endOffset', 'endPosition', 'endHash', ...OPTIONAL])

/** A state as it is written. */
export function packState(state: ManifestState): unknown {
  return { ...state, topics: state.topics.map(packTopic) }
}

function packTopic(topic: TopicRow): unknown {
  return { ...topic, partitions: topic.partitions.map(packPartition) }
}

function packPartition(row: PartitionRow): unknown {
  let place: LogPlace = startOf(row)
  const segments = row.segments.map((segment) => {
    const { sealed } = segment
    const short = sealed === undefined ? undefined : shortRow(segment, sealed, place)
    place = { offset: sealed?.endOffset, hash: sealed?.endHash }
    return short ?? segment
  })
  return { ...row, segments }
}

function startOf(row: { readonly logStartOffset?: unknown; readonly logStartHash?: unknown }): LogPlace {
  return { offset: row.logStartOffset, hash: row.logStartHash }
}

/** @returns undefined for a row that a short one cannot say: it has fields of a newer version, or begins elsewhere. */
function shortRow(segment: SegmentRow, seal: Seal, place: LogPlace): ShortRow | undefined {
  if (segment.baseOffset !== place.offset || segment.hashBefore !== place.hash) return undefined
  for (const field in segment) if (!SEGMENT_FIELDS.has(field)) return undefined
  for (const field in seal) if (!SEAL_FIELDS.has(field)) return undefined
  const short: (string | number | null)[] = [segment.file, segment.id, seal.endOffset, seal.endPosition, seal.endHash]
  const rest = [...OPTIONAL.map((field) => seal[field]), segment.features]
  const known = rest.findLastIndex((field) => field !== undefined)
  for (let at = 0; at <= known; at++) short.push(rest[at] ?? null)
  return short
}

/** Put the short rows of a state back in their places. What else is wrong with it is left to the checks that follow.
 * @throws {VarveError} `MANIFEST_DAMAGED` for a row that is no short row. */
export function unpackState(value: unknown): void {
  if (!isObject(value) || !Array.isArray(value.topics)) return
  for (const topic of value.topics) {
    if (!isObject(topic) || !Array.isArray(topic.partitions)) continue
    for (const row of topic.partitions) {
      if (isObject(row) && Array.isArray(row.segments)) row.segments = unpackSegments(row.segments, startOf(row))
    }
  }
}

function unpackSegments(rows: readonly unknown[], start: LogPlace): unknown[] {
  let place = start
  return rows.map((row) => {
    const segment = Array.isArray(row) ? unpackSegment(row, place) : row
    const sealed: unknown = isObject(segment) ? segment.sealed : undefined
    place = isObject(sealed)
      ? { offset: sealed.endOffset, hash: sealed.endHash }
      : { offset: undefined, hash: undefined }
    return segment
  })
}

function unpackSegment(row: readonly unknown[], place: LogPlace): unknown {
  check(row.length >= 5 && row.length <= 6 + OPTIONAL.length, 'a short row of a segment has another length')
  const [file, id, endOffset, endPosition, endHash, ...rest] = row
  const sealed: Record<string, unknown> = { endOffset, endPosition, endHash }
  for (const [at, field] of OPTIONAL.entries()) if (isKnown(rest[at])) sealed[field] = rest[at]
  const segment = { file, id, baseOffset: place.offset, hashBefore: place.hash }
  const features = rest[OPTIONAL.length]
  return isKnown(features) ? { ...segment, features, sealed } : { ...segment, sealed }
}

function isKnown(value: unknown): boolean {
  return value !== undefined && value !== null
}
