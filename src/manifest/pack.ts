/** How the segments of a partition are written: the first ones, as long as they are sealed, in columns, because there
 * may be thousands, and a store is to open fast. Warning: this is a disk format; a change needs a new format version.
 *
 * | column | what it holds for each segment |
 * |---|---|
 * | `ids` | 16 hexadecimal digits, without anything between them |
 * | `endHashes` | 64 hexadecimal digits, likewise |
 * | `endOffset`, `endPosition` | a number |
 * | `lowestAt`, `highestAt`, `recordedAt`, `keys`, `features` | a number, or null; absent when it is known of none |
 * | `files` | by its number, from 0, the file of a segment that is not named for its base offset |
 *
 * `baseOffset` and `hashBefore` are those of the first segment: every other one begins where the one before it ends.
 * @module */
import type { DocumentRow } from './documents.ts'
import type { HistoryRow } from './histories.ts'
import { packDocuments } from './pack-documents.ts'
import { packHistories } from './pack-histories.ts'
import {
  areOrdered,
  check,
  isFileName,
  isHash,
  isObject,
  isTime,
  isWhole,
  type Seal,
  type SegmentRow,
  type TopicRow,
} from './shapes.ts'

const ID_DIGITS = 16
const HASH_DIGITS = 64
const ZEROS = '0'.repeat(20)
const HEX = /^[0-9a-f]*$/
const OPTIONAL = ['lowestAt', 'highestAt', 'recordedAt', 'keys'] as const
const SEGMENT_FIELDS = new Set(['file', 'id', 'baseOffset', 'hashBefore', 'features', 'sealed'])
const SEAL_FIELDS = new Set<string>(['endOffset', 'endPosition', 'endHash', ...OPTIONAL])

type Column = (number | null)[]

/** A state as it is written. */
export function packState(state: {
  readonly topics: readonly TopicRow[]
  readonly documents?: readonly DocumentRow[]
  readonly histories?: readonly HistoryRow[]
}): unknown {
  const topics = state.topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((row) => ({ ...row, segments: packSegments(row.segments) })),
  }))
  const { documents, histories } = state
  return {
    ...state,
    topics,
    ...(documents === undefined ? {} : { documents: packDocuments(documents) }),
    ...(histories === undefined ? {} : { histories: packHistories(histories) }),
  }
}

/** What was read and has not changed since is written as it was. */
const known = new WeakMap<readonly SegmentRow[], unknown>()

function packSegments(segments: readonly SegmentRow[]): unknown {
  return known.get(segments) ?? packAnew(segments)
}

function packAnew(segments: readonly SegmentRow[]): unknown {
  const first = segments[0]
  const stop = segments.findIndex((segment) => !isRegular(segment))
  const count = stop < 0 ? segments.length : stop
  if (first === undefined || count === 0) return segments
  let ids = ''
  let endHashes = ''
  const endOffset: number[] = []
  const endPosition: number[] = []
  const columns: Column[] = [[], [], [], [], []]
  const files: Record<string, string> = {}
  for (let at = 0; at < count; at++) {
    const { file, id, baseOffset, features, sealed } = segments[at] as SegmentRow & { sealed: Seal }
    ids += id
    endHashes += sealed.endHash
    endOffset.push(sealed.endOffset)
    endPosition.push(sealed.endPosition)
    columns[0]?.push(sealed.lowestAt ?? null)
    columns[1]?.push(sealed.highestAt ?? null)
    columns[2]?.push(sealed.recordedAt ?? null)
    columns[3]?.push(sealed.keys ?? null)
    columns[4]?.push(features ?? null)
    if (file !== fileAt(baseOffset)) files[at] = file
  }
  const packed: Record<string, unknown> = { ids, endHashes, endOffset, endPosition }
  for (const [at, name] of [...OPTIONAL, 'features'].entries()) {
    if (columns[at]?.some((value) => value !== null)) packed[name] = columns[at]
  }
  const { baseOffset, hashBefore } = first
  const begin = { baseOffset, hashBefore, ...packed }
  const named = Object.keys(files).length === 0 ? begin : { ...begin, files }
  return { ...named, rest: segments.slice(count) }
}

/** Whether columns can hold a segment: it is sealed, and says nothing that only a newer version knows. */
function isRegular(segment: SegmentRow): boolean {
  const { sealed } = segment
  if (sealed === undefined) return false
  for (const field in segment) if (!SEGMENT_FIELDS.has(field)) return false
  for (const field in sealed) if (!SEAL_FIELDS.has(field)) return false
  return true
}

function fileAt(baseOffset: number): string {
  const digits = `${baseOffset}`
  return `${ZEROS.slice(digits.length)}${digits}.log`
}

/** Check columns, and put the segments they hold into `rows`.
 * @returns the segments that are not in columns: all, unless `stored` is packed.
 * @throws {VarveError} `MANIFEST_DAMAGED`. */
export function unpackSegments(stored: unknown, rows: SegmentRow[]): unknown {
  if (!isObject(stored)) return stored
  const { baseOffset, hashBefore, ids, endHashes, files = {}, rest } = stored
  check(isWhole(baseOffset) && isHash(hashBefore), 'packed segments begin nowhere')
  check(typeof ids === 'string' && HEX.test(ids) && ids.length % ID_DIGITS === 0, 'packed segments have no ids')
  const count = ids.length / ID_DIGITS
  const areHashes = typeof endHashes === 'string' && HEX.test(endHashes) && endHashes.length === count * HASH_DIGITS
  check(areHashes, 'packed segments have no hashes')
  checkNames(files, count)
  const { endOffset, endPosition, lowestAt, highestAt, recordedAt, keys, features } = columnsOf(stored, count)
  let base: number = baseOffset
  let hash: string = hashBefore
  for (let at = 0; at < count; at++) {
    const end = endOffset[at] as number
    check(end >= base, 'a packed segment ends before it begins')
    check(areOrdered(lowestAt[at], highestAt[at]), 'a packed segment has impossible times')
    const endHash = endHashes.slice(at * HASH_DIGITS, (at + 1) * HASH_DIGITS)
    const sealed: Sealed = { endOffset: end, endPosition: endPosition[at] as number, endHash }
    setKnown(sealed, 'lowestAt', lowestAt[at])
    setKnown(sealed, 'highestAt', highestAt[at])
    setKnown(sealed, 'recordedAt', recordedAt[at])
    setKnown(sealed, 'keys', keys[at])
    const id = ids.slice(at * ID_DIGITS, (at + 1) * ID_DIGITS)
    const file = files[at] ?? fileAt(base)
    const bits = features[at]
    if (typeof bits === 'number') rows.push({ file, id, baseOffset: base, hashBefore: hash, features: bits, sealed })
    else rows.push({ file, id, baseOffset: base, hashBefore: hash, sealed })
    base = end
    hash = endHash
  }
  known.set(rows, stored)
  return rest
}

function checkNames(files: unknown, count: number): asserts files is Readonly<Record<number, string>> {
  check(isObject(files), 'packed segments have impossible names')
  for (const [at, file] of Object.entries(files)) {
    const isNumber = String(Math.trunc(Number(at))) === at && Number(at) >= 0 && Number(at) < count
    check(isNumber && isFileName(file), 'packed segments have impossible names')
  }
}

function columnsOf(stored: Readonly<Record<string, unknown>>, count: number) {
  const times = { count, isValid: isTimeOrNull, absent: null }
  const wholes = { count, isValid: isWholeOrNull, absent: null }
  return {
    endOffset: columnOf(stored, 'endOffset', { count, isValid: isWhole }),
    endPosition: columnOf(stored, 'endPosition', { count, isValid: isWhole }),
    lowestAt: columnOf(stored, 'lowestAt', times),
    highestAt: columnOf(stored, 'highestAt', times),
    recordedAt: columnOf(stored, 'recordedAt', wholes),
    keys: columnOf(stored, 'keys', wholes),
    features: columnOf(stored, 'features', wholes),
  }
}

type Sealed = { -readonly [Field in keyof Seal]: Seal[Field] }

function setKnown(seal: Sealed, field: (typeof OPTIONAL)[number], value: number | null | undefined): void {
  if (typeof value === 'number') seal[field] = value
}

/** A column that is valid, as long as there are segments. */
function columnOf(
  stored: Readonly<Record<string, unknown>>,
  name: string,
  facts: { readonly count: number; readonly isValid: (value: unknown) => boolean; readonly absent?: null },
): Column {
  const { count, isValid, absent } = facts
  const column = stored[name]
  if (column === undefined && absent === null) return []
  check(Array.isArray(column) && column.length === count && column.every(isValid), `packed segments lack ${name}`)
  return column
}

function isWholeOrNull(value: unknown): boolean {
  return value === null || isWhole(value)
}

function isTimeOrNull(value: unknown): boolean {
  return value === null || isTime(value)
}
