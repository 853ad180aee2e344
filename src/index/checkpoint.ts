/** The checkpoint `index.ckpt` of a partition: what open needs so that it reads no segment. Derived, always.
 *
 * | at | size | field |
 * |---|---|---|
 * | 0 | 6 | `FBATCK` |
 * | 6 | 2 | version, u16 LE: written 6, read 2 to 6 |
 * | 8 | 4 | CRC-32 of the body, u32 LE |
 * | 12 | - | body: one msgpack map |
 *
 * | body field | since | meaning |
 * |---|---|---|
 * | version, storeId, lineage, partition, epoch | 2 | repeats the version; whose checkpoint this is |
 * | watermark | 2 | `{ segment, position, offset, hash }`: everything before it is covered |
 * | nextOffset | 2 | the allocator: the offset of the next event |
 * | recordedAt | 2 | of the last batch |
 * | index | 2 | sparse index of the active segment: `{ entries, offsets, positions, highestAt }` |
 * | rows | 2 | how many rows |
 * | strings, ends, stringCount | 2 | all strings as one UTF-8 blob, with their ends; id 0 is the empty string |
 * | order | 2 | string ids sorted by CRC-32, then by id |
 * | kindId entityId eventId correlationId causationId scopeId | 2 | string id per row, 0 = none |
 * | offset, clock | 2 | per row: offset, and version of the entity after it |
 * | batches, batchRows | 2 | how many batches, and the rows of each |
 * | recordedAts, segment, position, length | 2 | per batch, because all rows of a batch agree in them |
 * | segments | 3 | ids of the segments that `segment` counts in; before 3 that of the watermark |
 * | lane, depth | 4 | per row; before 4 all 0 |
 * | kinds | 5 | `[string id, count]` per kind |
 * | keyId | 6 | per row: string id of the idempotency key |
 * | tags, tagRow, tagId | 6 | how many tags; row and string id of each, in row order |
 * | lowestAt | 6 | lowest `at` of the segment so far, absent when unknown |
 * | receiptExtensions | 6 | `[]`: none yet |
 *
 * Columns are stored as in `columns.ts`. Rows cover only the unsealed tail. A checkpoint that does not fit in any way
 * is refused with the reason, and open reads the segment instead, with the same answers.
 * These values are on disk. Do not change; add a version.
 * @module */
import { Packr } from 'msgpackr/pack'
import { Unpackr } from 'msgpackr/unpack'
import { utf8, viewOf } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { SparseIndex } from '../segment/sparse-index.ts'
import { type Body, isBody, refuse, whole } from './checkpoint-body.ts'
import { CheckpointRows, readRows } from './checkpoint-rows.ts'
import { loadColumn, storeColumn } from './columns.ts'
import type { Column, TailBatch, TailRows } from './tail-rows.ts'

export const CHECKPOINT_VERSION = 6
const OLDEST_VERSION = 2
const HEADER_BYTES = 12
const MAGIC = utf8('FBATCK')

/** Whose checkpoint it is. */
export interface CheckpointOwner {
  readonly storeId: string
  readonly lineage: string
  readonly partition: number
}

/** Up to where everything is covered. */
export interface Watermark {
  /** Segment id, 16 hexadecimal digits. */
  readonly segment: string
  readonly position: number
  readonly offset: number
  /** Chain hash there, 64 hexadecimal digits. */
  readonly hash: string
}

export interface CheckpointFacts extends CheckpointOwner {
  readonly epoch: number
  readonly watermark: Watermark
  readonly recordedAt: number
  readonly index: SparseIndex
  readonly rows: TailRows
  /** Lowest `at` of the rows, where it is known. */
  readonly lowestAt?: number
}

/** The bytes of a checkpoint. Cost: a pass over the rows. */
export function encodeCheckpoint(facts: CheckpointFacts, digest: Digest): Uint8Array {
  const { watermark, index } = facts
  const body = {
    version: CHECKPOINT_VERSION,
    storeId: facts.storeId,
    lineage: facts.lineage,
    partition: facts.partition,
    epoch: facts.epoch,
    // Field by field: the same facts always give the same bytes, which `verify` compares.
    watermark: {
      segment: watermark.segment,
      position: watermark.position,
      offset: watermark.offset,
      hash: watermark.hash,
    },
    nextOffset: watermark.offset,
    recordedAt: facts.recordedAt,
    ...(facts.lowestAt === undefined ? {} : { lowestAt: facts.lowestAt }),
    index: {
      entries: index.offsets.length,
      offsets: storeColumn(index.offsets),
      positions: storeColumn(index.positions),
      highestAt: storeColumn(index.highestAt),
    },
    ...storedRows(facts.rows, watermark, digest),
  }
  const packed = new Packr({ useRecords: false, variableMapSize: true }).pack(body)
  const bytes = new Uint8Array(HEADER_BYTES + packed.length)
  const view = viewOf(bytes)
  bytes.set(MAGIC)
  view.setUint16(6, CHECKPOINT_VERSION, true)
  bytes.set(packed, HEADER_BYTES)
  view.setUint32(8, digest.crc32(bytes.subarray(HEADER_BYTES)), true)
  return bytes
}

function storedRows(rows: TailRows, watermark: Watermark, digest: Digest) {
  const { batches, length } = rows
  const kinds = new Map<number, number>()
  for (const kind of rows.kindIds.values(length)) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const first = batches[0]?.baseOffset ?? watermark.offset
  const offsets = Array.from({ length }, (_, row) => first + row)
  const perRow = (column: Column) => storeColumn(column.values(length))
  const perBatch = (read: (batch: TailBatch) => number) => storeColumn(batches.map(read))
  return {
    rows: length,
    ...storedStrings(rows.strings, digest),
    kindId: perRow(rows.kindIds),
    entityId: perRow(rows.entityIds),
    eventId: perRow(rows.eventIds),
    correlationId: perRow(rows.correlationIds),
    causationId: perRow(rows.causationIds),
    scopeId: perRow(rows.scopeIds),
    offset: storeColumn(offsets),
    clock: storeColumn(offsets.map((offset) => offset + 1)),
    batches: batches.length,
    batchRows: perBatch((batch) => batch.rows),
    recordedAts: perBatch((batch) => batch.recordedAt),
    segment: perBatch(() => 0),
    position: perBatch((batch) => batch.position),
    length: perBatch((batch) => batch.length),
    segments: [watermark.segment],
    keyId: perRow(rows.keyIds),
    tags: rows.tagRows.length,
    tagRow: storeColumn(rows.tagRows),
    tagId: storeColumn(rows.tagIds),
    lane: perRow(rows.lanes),
    depth: perRow(rows.depths),
    kinds: [...kinds],
    receiptExtensions: [],
  }
}

/** All strings as one blob, where each ends, and their ids sorted by checksum for look-ups without a map. */
function storedStrings(texts: readonly string[], digest: Digest) {
  const strings = texts.map(utf8)
  const ends: number[] = []
  let end = 0
  for (const text of strings) {
    end += text.length
    ends.push(end)
  }
  const blob = new Uint8Array(end)
  strings.forEach((text, id) => {
    blob.set(text, (ends[id] ?? 0) - text.length)
  })
  const hashes = strings.map((text) => digest.crc32(text))
  const order = strings.map((_, id) => id).sort((a, b) => (hashes[a] ?? 0) - (hashes[b] ?? 0) || a - b)
  return { strings: blob, ends: storeColumn(ends), stringCount: strings.length, order: storeColumn(order) }
}

/** A checkpoint that passed every check that needs no rows; `rows()` reads those. */
export interface Checkpoint {
  readonly version: number
  readonly epoch: number
  readonly watermark: Watermark
  readonly recordedAt: number
  readonly index: SparseIndex
  /** Start of the last batch, to compare its hash with the watermark's; undefined when there is none. */
  readonly lastBatchPosition: number | undefined
  /** Lowest `at` of the rows, where it is known. */
  readonly lowestAt: number | undefined
  /** Decode the rows. @throws {VarveError} `DECODE_FAILED` with the reason. */
  rows(): TailRows
  /** The rows as they are stored, to find some of them. */
  readonly stored: CheckpointRows
}

/** Read a checkpoint. @throws {VarveError} `DECODE_FAILED` with `details.reason` when it is refused. */
export function decodeCheckpoint(bytes: Uint8Array, owner: CheckpointOwner, digest: Digest): Checkpoint {
  if (bytes.length < HEADER_BYTES || MAGIC.some((byte, at) => bytes[at] !== byte)) throw refuse('the magic differs')
  const view = viewOf(bytes)
  const version = view.getUint16(6, true)
  if (version < OLDEST_VERSION || version > CHECKPOINT_VERSION) throw refuse(`version ${version} is not one of 2 to 6`)
  const packed = bytes.subarray(HEADER_BYTES)
  if (digest.crc32(packed) !== view.getUint32(8, true)) throw refuse('the checksum differs')
  const body = unpack(packed)
  if (body.version !== version) throw refuse('the body has another version')
  if (body.storeId !== owner.storeId) throw refuse('it belongs to another store')
  if (body.lineage !== owner.lineage || body.partition !== owner.partition)
    throw refuse('it belongs to another partition')
  const watermark = readWatermark(body.watermark)
  if (body.nextOffset !== watermark.offset) throw refuse('the next offset differs from the watermark')
  checkCounts(body, watermark)
  const batches = readBatches(body, { watermark, version })
  const last = batches.at(-1)
  return {
    version,
    epoch: whole(body.epoch, 'epoch'),
    watermark,
    recordedAt: whole(body.recordedAt, 'recordedAt'),
    index: readIndex(body.index),
    lastBatchPosition: last?.position,
    lowestAt: Number.isSafeInteger(body.lowestAt) ? (body.lowestAt as number) : undefined,
    rows: () => readRows(body, batches, version),
    stored: new CheckpointRows(body, { batches, version, endOffset: watermark.offset, digest }),
  }
}

function unpack(packed: Uint8Array): Body {
  try {
    const body: unknown = new Unpackr({ useRecords: false, mapsAsObjects: true }).unpack(packed)
    if (isBody(body)) return body
  } catch (cause) {
    throw refuse('the body cannot be decoded', cause)
  }
  throw refuse('the body is not a map')
}

/** A column may take no bytes however many rows it has, so the bytes of the segment bound its memory. */
function checkCounts(body: Body, watermark: Watermark): void {
  const entries = isBody(body.index) ? body.index.entries : undefined
  for (const [name, count] of Object.entries({ rows: body.rows, batches: body.batches, entries })) {
    if (typeof count === 'number' && count > watermark.position)
      throw refuse(`${name} is more than the segment can hold`)
  }
}

function readWatermark(value: unknown): Watermark {
  if (!isBody(value)) throw refuse('the watermark is missing')
  const { segment, hash } = value
  if (typeof segment !== 'string' || typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash))
    throw refuse('the watermark is incomplete')
  return { segment, hash, position: whole(value.position, 'position'), offset: whole(value.offset, 'offset') }
}

function readIndex(value: unknown): SparseIndex {
  if (!isBody(value)) throw refuse('the index is missing')
  const entries = whole(value.entries, 'entries')
  const offsets = loadColumn(value.offsets, entries, 'index.offsets')
  const positions = loadColumn(value.positions, entries, 'index.positions')
  for (let i = 1; i < entries; i++) {
    const ascending = (offsets[i] ?? 0) > (offsets[i - 1] ?? 0) && (positions[i] ?? 0) > (positions[i - 1] ?? 0)
    if (!ascending) throw refuse('the index is not in order')
  }
  return SparseIndex.from({ offsets, positions, highestAt: loadColumn(value.highestAt, entries, 'index.highestAt') })
}

/** Batches in order, dense, ending at the watermark. */
function readBatches(body: Body, facts: { watermark: Watermark; version: number }): TailBatch[] {
  const { watermark } = facts
  const count = whole(body.batches, 'batches')
  const rows = whole(body.rows, 'rows')
  const batchRows = loadColumn(body.batchRows, count, 'batchRows')
  const recordedAts = loadColumn(body.recordedAts, count, 'recordedAts')
  const positions = loadColumn(body.position, count, 'position')
  const lengths = loadColumn(body.length, count, 'length')
  const segments = facts.version < 3 ? [watermark.segment] : body.segments
  if (!Array.isArray(segments) || !segments.includes(watermark.segment))
    throw refuse('the segment of the watermark is missing')
  for (const segment of loadColumn(body.segment, count, 'segment')) {
    if (segments[segment] !== watermark.segment) throw refuse('a batch lies in another segment')
  }
  const batches: TailBatch[] = []
  let offset = watermark.offset - rows
  let position = positions[0] ?? 0
  for (let i = 0; i < count; i++) {
    const batch = {
      rows: batchRows[i] ?? 0,
      recordedAt: recordedAts[i] ?? 0,
      position: positions[i] ?? 0,
      length: lengths[i] ?? 0,
    }
    if (batch.position !== position || batch.rows < 1) throw refuse('the rows are not in order')
    batches.push({ ...batch, baseOffset: offset })
    offset += batch.rows
    position += batch.length
  }
  if (offset !== watermark.offset || (count > 0 && position !== watermark.position))
    throw refuse('the rows do not end at the watermark')
  return batches
}
