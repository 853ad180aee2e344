/** A record batch, the unit of atomicity, sync and chain, as it is written: `batch-header.ts` and `batch-body.ts` have
 * the bytes, `chain.ts` the hash.
 * @module */
import { assert, VarveError } from '../errors.ts'
import type { Preface } from './batch-body.ts'
import {
  BATCH_BODY_MAX_BYTES,
  BATCH_HEADER_BYTES,
  type BatchHeader,
  type Place,
  writeBatchHeader,
} from './batch-header.ts'
import { type BlockSource, type Row, writeBlock } from './block.ts'
import { ByteWriter } from './bytes.ts'
import { chainHash, HASH_BYTES } from './chain.ts'
import { DictionaryWriter } from './dictionary.ts'
import type { Digest } from './digest.ts'

const BLOCK_RAW_BYTES = 16 * 1024
/** Rough envelope bytes of a row, to cut blocks before they are encoded. */
const ROW_ENVELOPE_BYTES = 6

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
  /** In a chain over events: the root of the tree over those of this batch. */
  readonly eventRoot?: Uint8Array | undefined
}

export interface EncodedBatch {
  /** A view on a buffer that the next `encode` reuses. */
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
  readonly tablePosition: number
  readonly lowestAt: number
  readonly highestAt: number
  readonly header: Omit<BatchHeader, 'bodyBytes'>
  readonly layout: BatchLayout
}

/** Where the parts of an encoded batch lie in its bytes. */
export interface BatchLayout {
  /** End of header and table. */
  readonly tableEnd: number
  readonly dictionaryAt: number
  /** Beginning of the blocks, to the end. */
  readonly blocksAt: number
  /** Per block its rows, and its end behind `blocksAt`. */
  readonly cuts: readonly BlockCut[]
}

export interface BlockCut {
  readonly rows: number
  readonly end: number
}

/** What encoding found: where the parts of the body lie, and what the header says of the events. */
interface Found {
  readonly body: {
    readonly carriesTable: boolean
    readonly single: boolean
    readonly layout: BatchLayout
    /** End of the part that the body's checksum covers. */
    readonly checkedTo: number
  }
  readonly lowestAt: number
  readonly highestAt: number
  readonly lastOffsetDelta: number
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
    const tableEnd = out.length
    const dictionaryAt = this.#writePreface(cuts)
    const blocksAt = out.length
    out.raw(this.#blocks.bytes)
    if (out.length - BATCH_HEADER_BYTES > BATCH_BODY_MAX_BYTES) {
      const facts = { limitName: 'bodyBytes', limit: BATCH_BODY_MAX_BYTES, found: out.length - BATCH_HEADER_BYTES }
      throw new VarveError('APPEND_TOO_LARGE', 'Cannot append so many bytes in one batch', { details: facts })
    }
    const single = cuts.length === 1
    const layout = { tableEnd, dictionaryAt, blocksAt, cuts }
    const body = { carriesTable, single, layout, checkedTo: single ? out.length : blocksAt }
    return this.#close(out.bytes, facts, { body, lowestAt, highestAt, lastOffsetDelta: rows.length - 1 })
  }

  /** Hash the batch into the chain and write its header. Field by field, because spreads cost more than the hash. */
  #close(bytes: Uint8Array, facts: BatchFacts, found: Found): EncodedBatch {
    const digest = this.#digest
    const { body, lowestAt, highestAt, lastOffsetDelta } = found
    const { place, epoch, baseOffset, recordedAt, syncedThrough, previousHash, table, eventRoot } = facts
    const hash = chainHash(this.#chain, {
      previousHash,
      baseOffset,
      lastOffsetDelta,
      lowestAt,
      highestAt,
      recordedAt,
      tableHash: table.hash,
      logical: bytes.subarray(body.layout.dictionaryAt),
      eventRoot,
      digest,
    })
    const tablePosition = body.carriesTable ? place.position + BATCH_HEADER_BYTES : (facts.tablePosition ?? 0)
    const header = {
      carriesTable: body.carriesTable,
      single: body.single,
      eventChain: eventRoot !== undefined,
      lastOffsetDelta,
      syncedThrough,
      epoch,
      baseOffset,
      lowestAt,
      highestAt,
      recordedAt,
      tablePosition,
      tableCrc: table.crc,
      bodyCrc: digest.crc32(bytes.subarray(body.layout.tableEnd, body.checkedTo)),
      hash,
    }
    writeBatchHeader(bytes, header, { place, digest })
    return { bytes, hash, tablePosition, lowestAt, highestAt, header, layout: body.layout }
  }

  /** @returns per block: rows and the end in the blocks buffer. */
  #writeBlocks(source: BlockSource): BlockCut[] {
    const { rows } = source
    const blocks = this.#blocks
    blocks.reset()
    const cuts: BlockCut[] = []
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
  #writePreface(cuts: readonly BlockCut[]): number {
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
  const tablePosition = carries ? to.place.position + BATCH_HEADER_BYTES : (to.tablePosition ?? 0)
  const changed = { carriesTable: carries, tablePosition, tableCrc: to.table.crc }
  const { epoch, syncedThrough } = to
  writeBatchHeader(moved, { ...from.header, ...changed, epoch, syncedThrough }, { place: to.place, digest: to.digest })
  return { bytes: moved, tablePosition }
}
