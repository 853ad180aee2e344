/** A record batch: the unit of atomicity, sync and chain. Bytes only, no files.
 *
 * Header, 104 bytes, little-endian:
 *
 * | at | size | field |
 * |---|---|---|
 * | 0 | 2 | magic `0xb756` |
 * | 2 | 2 | flags: 1 carries its record table, 2 single block |
 * | 4 | 4 | body size in bytes |
 * | 8 | 4 | last offset minus base offset |
 * | 12 | 4 | syncedThrough: position in this segment known synced before this batch was written |
 * | 16 | 8 | epoch of the writer |
 * | 24 | 8 | base offset |
 * | 32 | 8+8 | lowest and highest `at` of the events, i64 |
 * | 48 | 8 | recordedAt, milliseconds since 1970 |
 * | 56 | 4+4 | file position of the record table (0 = no shapes) and its CRC-32 |
 * | 64 | 4 | CRC-32 of the preface, or of the whole body after the table of a single-block batch |
 * | 68 | 32 | chain hash |
 * | 100 | 4 | CRC-32 of bytes 0-99, seeded with segment id and file position |
 *
 * Body: the record table when carried (u32 size, shapes as in `values.ts`), then either dictionary and one block, or
 * u32 preface size, preface (varint blocks; per block varint rows, varint stored size x 4 + codec, u32 CRC-32 of the
 * stored bytes; dictionary) and the blocks. Codec 0 is none; others are refused until they exist.
 *
 * The chain hash is that of `chain.ts`.
 * A CRC seeded with its place differs for every other place, so a batch in the wrong place fails without costing bytes.
 * These values are on disk. Do not change; add a version.
 * @module */
import { assert, isVarveError, VarveError } from '../errors.ts'
import { type BlockSource, type Row, writeBlock } from './block.ts'
import { ByteReader, ByteWriter, getI64, getU64, setI64, setU64, viewOf } from './bytes.ts'
import { chainHash, HASH_BYTES } from './chain.ts'
import { DictionaryWriter, readDictionary } from './dictionary.ts'
import type { Digest } from './digest.ts'

export const BATCH_HEADER_BYTES = 104
/** Most bytes of a batch's body: a call of 16 MiB and its envelopes. */
export const BATCH_BODY_MAX_BYTES = 24 * 1024 * 1024

const MAGIC = 0xb756
const FLAG_TABLE = 1
const FLAG_SINGLE = 2
const BLOCK_RAW_BYTES = 16 * 1024
const HEADER_CRC_AT = 100
const HASH_AT = 68
/** Rough envelope bytes of a row, to cut blocks before they are encoded. */
const ROW_ENVELOPE_BYTES = 6

export interface BatchHeader {
  readonly carriesTable: boolean
  readonly single: boolean
  readonly bodyBytes: number
  readonly lastOffsetDelta: number
  readonly syncedThrough: number
  readonly epoch: number
  readonly baseOffset: number
  readonly lowestAt: number
  readonly highestAt: number
  readonly recordedAt: number
  readonly tablePosition: number
  readonly tableCrc: number
  readonly bodyCrc: number
  readonly hash: Uint8Array
}

/** Where a batch lies: the seed of its segment (`segmentSeed`) and its position in the file. */
export interface Place {
  readonly seed: number
  readonly position: number
}

/** The seed of a segment, from its 8-byte random id. */
export function segmentSeed(segmentId: Uint8Array, digest: Digest): number {
  return digest.crc32(segmentId)
}

/** A different position always gives a different seed: multiplication by an odd number is a bijection. */
function headerSeed(place: Place): number {
  return (place.seed ^ Math.imul(place.position, 0x9e37_79b1)) >>> 0
}

/** Read the header at `at`. @returns undefined when these bytes are no batch header of this place, or say a number
 * above 2^53 - 1. */
export function readBatchHeader(
  bytes: Uint8Array,
  at: number,
  facts: { place: Place; digest: Digest },
): BatchHeader | undefined {
  if (bytes.length - at < BATCH_HEADER_BYTES || bytes[at] !== (MAGIC & 0xff) || bytes[at + 1] !== MAGIC >> 8)
    return undefined
  const view = viewOf(bytes)
  const crc = facts.digest.crc32(bytes.subarray(at, at + HEADER_CRC_AT), headerSeed(facts.place))
  if (crc !== view.getUint32(at + HEADER_CRC_AT, true)) return undefined
  try {
    return headerFields(view, bytes, at)
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED')) return undefined
    throw error
  }
}

function headerFields(view: DataView, bytes: Uint8Array, at: number): BatchHeader {
  const flags = view.getUint16(at + 2, true)
  return {
    carriesTable: (flags & FLAG_TABLE) !== 0,
    single: (flags & FLAG_SINGLE) !== 0,
    bodyBytes: view.getUint32(at + 4, true),
    lastOffsetDelta: view.getUint32(at + 8, true),
    syncedThrough: view.getUint32(at + 12, true),
    epoch: getU64(view, at + 16),
    baseOffset: getU64(view, at + 24),
    lowestAt: getI64(view, at + 32),
    highestAt: getI64(view, at + 40),
    recordedAt: getU64(view, at + 48),
    tablePosition: view.getUint32(at + 56, true),
    tableCrc: view.getUint32(at + 60, true),
    bodyCrc: view.getUint32(at + 64, true),
    hash: bytes.slice(at + HASH_AT, at + HASH_AT + HASH_BYTES),
  }
}

/** The record shapes of a batch as bytes, with what headers and chain need of them. */
export interface RecordTable {
  readonly bytes: Uint8Array
  readonly crc: number
  readonly hash: Uint8Array
}

export const NO_TABLE: RecordTable = { bytes: new Uint8Array(0), crc: 0, hash: new Uint8Array(HASH_BYTES) }

/** Wrap encoded shapes. */
export function recordTable(bytes: Uint8Array, digest: Digest): RecordTable {
  return { bytes, crc: digest.crc32(bytes), hash: digest.sha256(bytes) }
}

/** Everything the bytes of a batch depend on. */
export interface BatchFacts {
  readonly place: Place
  readonly epoch: number
  readonly baseOffset: number
  readonly recordedAt: number
  readonly syncedThrough: number
  readonly previousHash: Uint8Array
  readonly table: RecordTable
  /** File position of the table in this segment; undefined: this batch carries it. */
  readonly tablePosition: number | undefined
}

export interface EncodedBatch {
  /** A view on a buffer that the next `encode` reuses. */
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
  readonly tablePosition: number
  readonly lowestAt: number
  readonly highestAt: number
}

/** Encodes batches into a reused buffer. */
export class BatchEncoder {
  readonly #digest: Digest
  readonly #dictionary = new DictionaryWriter()
  readonly #blocks = new ByteWriter(8 * 1024)
  readonly #out = new ByteWriter(8 * 1024)
  readonly #chain = new ByteWriter(256)

  constructor(digest: Digest) {
    this.#digest = digest
  }

  /** Encode `rows` (at least one) as one batch. Cost: two copies of the values, one SHA-256, one CRC-32.
   * @throws {VarveError} `OFFSET_OUT_OF_RANGE` past 2^53 - 1, `APPEND_TOO_LARGE` past `BATCH_BODY_MAX_BYTES`. */
  encode(rows: readonly Row[], facts: BatchFacts): EncodedBatch {
    assert(rows.length > 0, 'a batch has events')
    if (facts.baseOffset + rows.length > Number.MAX_SAFE_INTEGER) {
      const details = { baseOffset: facts.baseOffset, events: rows.length }
      throw new VarveError('OFFSET_OUT_OF_RANGE', 'Cannot append: offsets end at 2^53 - 1', { details })
    }
    let lowestAt = Number.POSITIVE_INFINITY
    let highestAt = Number.NEGATIVE_INFINITY
    for (const row of rows) {
      if (row.at < lowestAt) lowestAt = row.at
      if (row.at > highestAt) highestAt = row.at
    }
    this.#dictionary.reset()
    const cuts = this.#writeBlocks({ rows, dictionary: this.#dictionary, lowestAt })
    const out = this.#out
    out.reset()
    out.skip(BATCH_HEADER_BYTES)
    const carriesTable = facts.tablePosition === undefined && facts.table.bytes.length > 0
    if (carriesTable) {
      out.u32(facts.table.bytes.length)
      out.raw(facts.table.bytes)
    }
    const checkedFrom = out.length
    const logicalFrom = this.#writePreface(cuts)
    const checkedTo = out.length
    out.raw(this.#blocks.bytes)
    if (out.length - BATCH_HEADER_BYTES > BATCH_BODY_MAX_BYTES) {
      const facts = { limitName: 'bodyBytes', limit: BATCH_BODY_MAX_BYTES, found: out.length - BATCH_HEADER_BYTES }
      throw new VarveError('APPEND_TOO_LARGE', 'Cannot append so many bytes in one batch', { details: facts })
    }
    const single = cuts.length === 1
    const bytes = out.bytes
    const view = out.view
    const hash = chainHash(this.#chain, {
      ...facts,
      lowestAt,
      highestAt,
      lastOffsetDelta: rows.length - 1,
      tableHash: facts.table.hash,
      logical: bytes.subarray(logicalFrom),
      digest: this.#digest,
    })
    const tablePosition = carriesTable ? facts.place.position + BATCH_HEADER_BYTES : (facts.tablePosition ?? 0)
    view.setUint16(0, MAGIC, true)
    view.setUint16(2, (carriesTable ? FLAG_TABLE : 0) | (single ? FLAG_SINGLE : 0), true)
    view.setUint32(4, bytes.length - BATCH_HEADER_BYTES, true)
    view.setUint32(8, rows.length - 1, true)
    view.setUint32(12, facts.syncedThrough, true)
    setU64(view, 16, facts.epoch)
    setU64(view, 24, facts.baseOffset)
    setI64(view, 32, lowestAt)
    setI64(view, 40, highestAt)
    setU64(view, 48, facts.recordedAt)
    view.setUint32(56, tablePosition, true)
    view.setUint32(60, facts.table.crc, true)
    view.setUint32(64, this.#digest.crc32(bytes.subarray(checkedFrom, single ? bytes.length : checkedTo)), true)
    bytes.set(hash, HASH_AT)
    view.setUint32(HEADER_CRC_AT, this.#digest.crc32(bytes.subarray(0, HEADER_CRC_AT), headerSeed(facts.place)), true)
    return { bytes, hash, tablePosition, lowestAt, highestAt }
  }

  /** @returns per block: rows and the end in the blocks buffer. */
  #writeBlocks(source: BlockSource): { rows: number; end: number }[] {
    const { rows } = source
    const blocks = this.#blocks
    blocks.reset()
    const cuts: { rows: number; end: number }[] = []
    for (let from = 0, to = 0; from < rows.length; from = to) {
      let size = 0
      do {
        const row = rows[to] as Row
        size += row.end - row.start + ROW_ENVELOPE_BYTES
        to++
      } while (to < rows.length && size + (rows[to] as Row).end - (rows[to] as Row).start <= BLOCK_RAW_BYTES)
      writeBlock(blocks, source, { from, to })
      cuts.push({ rows: to - from, end: blocks.length })
    }
    return cuts
  }

  /** @returns where the logical content begins: the dictionary, which the blocks follow. */
  #writePreface(cuts: readonly { rows: number; end: number }[]): number {
    const out = this.#out
    if (cuts.length === 1) {
      const start = out.length
      this.#dictionary.writeTo(out)
      return start
    }
    const sizeAt = out.skip(4)
    out.varint(cuts.length)
    let start = 0
    for (const cut of cuts) {
      out.varint(cut.rows)
      out.varint((cut.end - start) * 4)
      out.u32(this.#digest.crc32(this.#blocks.bytes.subarray(start, cut.end)))
      start = cut.end
    }
    const dictionaryAt = out.length
    this.#dictionary.writeTo(out)
    out.view.setUint32(sizeAt, out.length - sizeAt - 4, true)
    return dictionaryAt
  }
}

/** The chain hash that a batch with this header and body must have. */
export function expectedHash(
  header: BatchHeader,
  preface: Preface,
  facts: { body: Uint8Array; previousHash: Uint8Array; tableHash: Uint8Array; digest: Digest },
): Uint8Array {
  const { body, ...rest } = facts
  return chainHash(new ByteWriter(256), {
    ...header,
    ...rest,
    logical: body.subarray(preface.dictionaryAt, header.bodyBytes),
  })
}

/** One block of a body: stored bytes `[start, end)` of the body. */
export interface BlockEntry {
  readonly rows: number
  readonly start: number
  readonly end: number
  /** Undefined in a single-block batch, whose body CRC covers the block. */
  readonly crc: number | undefined
}

/** What the front of a body says: its record table, where its dictionary lies, its blocks. */
export interface Preface {
  /** The carried record table, if any. */
  readonly table: Uint8Array | undefined
  readonly dictionaryAt: number
  /** Where the dictionary must end; undefined in a single-block batch, where the block begins there. */
  readonly dictionaryEnd: number | undefined
  /** One entry with an unknown start in a single-block batch until the dictionary is read. */
  readonly blocks: readonly BlockEntry[]
}

/** The strings of a batch and where its blocks lie. */
export interface Contents {
  readonly strings: readonly string[]
  readonly blocks: readonly BlockEntry[]
}

/** How many bytes at the front of the body `readPreface` needs, as far as `body` (a prefix of it) tells.
 * Call again with as many bytes until the answer no longer grows. */
export function prefaceBytes(header: BatchHeader, body: Uint8Array): number {
  if (header.single) return header.bodyBytes
  let at = 0
  if (header.carriesTable) {
    if (body.length < 4) return Math.min(4, header.bodyBytes)
    at = 4 + viewOf(body).getUint32(0, true)
  }
  if (body.length < at + 4) return Math.min(at + 4, header.bodyBytes)
  return Math.min(at + 4 + viewOf(body).getUint32(at, true), header.bodyBytes)
}

/** Check and read the front of a body. `body` holds at least `prefaceBytes`.
 * @throws {VarveError} `DECODE_FAILED` when a checksum or the form is wrong. */
export function readPreface(header: BatchHeader, body: Uint8Array, digest: Digest): Preface {
  const reader = new ByteReader(body)
  let table: Uint8Array | undefined
  if (header.carriesTable) {
    table = reader.raw(reader.u32())
    if (digest.crc32(table) !== header.tableCrc)
      throw new VarveError('DECODE_FAILED', 'Record table fails its checksum')
  }
  const checkedFrom = reader.position
  if (header.single) {
    if (body.length < header.bodyBytes) throw new VarveError('DECODE_FAILED', 'Body is cut short')
    if (digest.crc32(body.subarray(checkedFrom, header.bodyBytes)) !== header.bodyCrc)
      throw new VarveError('DECODE_FAILED', 'Body fails its checksum')
    const block = { rows: header.lastOffsetDelta + 1, start: checkedFrom, end: header.bodyBytes, crc: undefined }
    return { table, dictionaryAt: checkedFrom, dictionaryEnd: undefined, blocks: [block] }
  }
  const end = reader.position + 4 + reader.u32()
  if (end > body.length || digest.crc32(body.subarray(checkedFrom, end)) !== header.bodyCrc) {
    throw new VarveError('DECODE_FAILED', 'Preface fails its checksum')
  }
  const count = reader.varint()
  const blocks: BlockEntry[] = []
  let start = end
  let rows = 0
  for (let i = 0; i < count; i++) {
    const blockRows = reader.varint()
    const word = reader.varint()
    if (word % 4 !== 0) throw new VarveError('DECODE_FAILED', 'Cannot read a block with an unknown codec')
    blocks.push({ rows: blockRows, start, end: start + word / 4, crc: reader.u32() })
    start += word / 4
    rows += blockRows
  }
  if (start !== header.bodyBytes || rows !== header.lastOffsetDelta + 1) {
    throw new VarveError('DECODE_FAILED', 'Blocks do not add up to their batch')
  }
  return { table, dictionaryAt: reader.position, dictionaryEnd: end, blocks }
}

/** Read the strings of a checked body. @throws {VarveError} `DECODE_FAILED`. */
export function readContents(preface: Preface, body: Uint8Array): Contents {
  const reader = new ByteReader(body, preface.dictionaryAt)
  const strings = readDictionary(reader)
  if (preface.dictionaryEnd === undefined) {
    return { strings, blocks: preface.blocks.map((block) => ({ ...block, start: reader.position })) }
  }
  if (reader.position !== preface.dictionaryEnd) {
    throw new VarveError('DECODE_FAILED', 'The dictionary does not fill its place')
  }
  return { strings, blocks: preface.blocks }
}

/** The checked raw bytes of a block. `body` holds at least `[0, entry.end)`.
 * @throws {VarveError} `DECODE_FAILED` when the checksum is wrong. */
export function blockBytes(body: Uint8Array, entry: BlockEntry, digest: Digest): Uint8Array {
  const bytes = body.subarray(entry.start, entry.end)
  if (entry.crc !== undefined && digest.crc32(bytes) !== entry.crc)
    throw new VarveError('DECODE_FAILED', 'Block fails its checksum')
  return bytes
}

/** Make the bytes of a batch fit another place: same events, same chain hash, other segment.
 * @param table what the batch's values need; carried when `tablePosition` is undefined and the table is not empty. */
export function moveBatch(
  bytes: Uint8Array,
  from: { header: BatchHeader; preface: Preface },
  to: Pick<BatchFacts, 'place' | 'epoch' | 'syncedThrough' | 'table' | 'tablePosition'> & { digest: Digest },
): { bytes: Uint8Array; tablePosition: number } {
  const carries = to.tablePosition === undefined && to.table.bytes.length > 0
  const oldTable = from.preface.table === undefined ? 0 : from.preface.table.length + 4
  const rest = bytes.subarray(BATCH_HEADER_BYTES + oldTable)
  const out = new ByteWriter(bytes.length + to.table.bytes.length + 4)
  out.raw(bytes.subarray(0, BATCH_HEADER_BYTES))
  if (carries) {
    out.u32(to.table.bytes.length)
    out.raw(to.table.bytes)
  }
  out.raw(rest)
  const moved = out.bytes
  const view = out.view
  const tablePosition = carries ? to.place.position + BATCH_HEADER_BYTES : (to.tablePosition ?? 0)
  view.setUint16(2, (carries ? FLAG_TABLE : 0) | (from.header.single ? FLAG_SINGLE : 0), true)
  view.setUint32(4, moved.length - BATCH_HEADER_BYTES, true)
  view.setUint32(12, to.syncedThrough, true)
  setU64(view, 16, to.epoch)
  view.setUint32(56, tablePosition, true)
  view.setUint32(60, to.table.crc, true)
  view.setUint32(HEADER_CRC_AT, to.digest.crc32(moved.subarray(0, HEADER_CRC_AT), headerSeed(to.place)), true)
  return { bytes: moved, tablePosition }
}
