/** The first events of a batch, as a batch of their own in another segment: same events, with the ids that they had.
 * @module */
import { BatchEncoder, NO_TABLE, type RecordTable, recordTable } from '../../codec/batch.ts'
import { readContents } from '../../codec/batch-body.ts'
import { deflateBatch } from '../../codec/batch-deflate.ts'
import type { BatchHeader } from '../../codec/batch-header.ts'
import { type BlockColumns, type Row, readBlock } from '../../codec/block.ts'
import { ByteWriter, fromHex, toHex } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import { RowRoots } from '../../codec/row-root.ts'
import { decodeShapes, VALUE_STRUCTURAL, type ValueCodec, ValueDecoder } from '../../codec/values.ts'
import type { ProvenEnd } from '../../manifest/index.ts'
import type { Storage } from '../../ports/storage.ts'
import { located, plainOf, readTable } from '../../segment/decode.ts'
import type { Reading } from '../../segment/file-pool.ts'
import { SEGMENT_HEADER_BYTES } from '../../segment/header.ts'
import type { SplitBatch } from './cut-partition.ts'

/** Events ready to be written again. */
export interface SplitRows {
  readonly rows: readonly Row[]
  readonly header: BatchHeader
  readonly table: RecordTable
}

/** Read the events of a batch before an offset.
 * @param lineage of the segment, for ids that are not stored. @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* readSplit(
  split: SplitBatch,
  facts: { endOffset: number; lineage: string; digest: Digest },
): Reading<SplitRows> {
  const { segment, header, position } = split
  const { digest, endOffset, lineage } = facts
  const { preface, plain } = yield* plainOf(segment, { header, position }, digest)
  const table =
    header.tablePosition === 0
      ? NO_TABLE
      : recordTable(preface.table ?? (yield* readTable(segment, header, digest)), digest)
  const rows = located(segment, position, () => {
    const decoder = new ValueDecoder(shapesOf(table))
    const { strings, blocks } = readContents(plain.preface, plain.body)
    const prefix = `${lineage}-${segment.partition}-`
    const reader = new RowReader(header, decoder, prefix)
    for (const block of blocks) {
      if (reader.offset >= endOffset) break
      reader.add(readBlock(plain.body.subarray(block.start, block.end), block.rows, strings))
    }
    return reader.rows(endOffset - header.baseOffset)
  })
  return { rows, header, table }
}

function shapesOf(table: RecordTable): readonly (readonly string[])[] {
  return table.bytes.length === 0 ? [] : decodeShapes(table.bytes)
}

/** Where the events go: the first batch of a segment. */
export interface SplitTarget {
  readonly storage: Pick<Storage, 'digest' | 'compression'>
  readonly partition: number
  readonly lineage: string
  /** Of the segment. */
  readonly seed: number
  readonly epoch: number
  readonly chain: 'batches' | 'events' | undefined
  readonly deflate: boolean
  /** Chain hash before it, 64 hexadecimal digits. */
  readonly hashBefore: string
}

/** Make the batch. @returns its bytes, and the end of the segment behind it. */
export async function encodeSplit(split: SplitRows, to: SplitTarget): Promise<{ bytes: Uint8Array; end: ProvenEnd }> {
  const { rows, header, table } = split
  const { storage, partition, lineage, seed, epoch } = to
  const { digest } = storage
  const { baseOffset, recordedAt } = header
  const place = { seed, position: SEGMENT_HEADER_BYTES }
  const roots = to.chain === 'events' ? new RowRoots(digest, { lineage, partition }) : undefined
  const batch = new BatchEncoder(digest).encode(rows, {
    place,
    epoch,
    baseOffset,
    recordedAt,
    syncedThrough: 0,
    previousHash: fromHex(to.hashBefore),
    table,
    tablePosition: undefined,
    eventRoot: roots?.of(rows, { baseOffset, recordedAt, shapes: shapesOf(table) }),
  })
  const deflate = (bytes: Uint8Array) => storage.compression.deflate(bytes)
  const bytes = to.deflate ? await deflateBatch(batch, { place, digest, deflate }) : batch.bytes
  const position = SEGMENT_HEADER_BYTES + bytes.length
  return { bytes, end: { position, offset: baseOffset + rows.length, hash: toHex(batch.hash) } }
}

/** Takes the rows of blocks apart without decoding their values. */
class RowReader {
  readonly #header: BatchHeader
  readonly #decoder: ValueDecoder
  readonly #idPrefix: string
  readonly #rows: Omit<Row, 'values'>[] = []
  readonly #values = new ByteWriter(16 * 1024)

  constructor(header: BatchHeader, decoder: ValueDecoder, idPrefix: string) {
    this.#header = header
    this.#decoder = decoder
    this.#idPrefix = idPrefix
  }

  /** Of the next row. */
  get offset(): number {
    return this.#header.baseOffset + this.#rows.length
  }

  rows(count: number): Row[] {
    const values = this.#values.bytes
    return this.#rows.slice(0, count).map((row) => ({ ...row, values }))
  }

  add(columns: BlockColumns): void {
    const { data, meta, extensions } = columns
    let dataAt = 0
    const metas = new Slices(meta)
    const others = new Slices(extensions)
    for (let row = 0; row < columns.rows; row++) {
      const word = columns.dataSizes?.[row]
      const dataTo = word === undefined ? this.#decoder.endOf(data, dataAt) : dataAt + Math.floor(word / 2)
      const start = this.#values.length
      this.#values.raw(data.subarray(dataAt, dataTo))
      dataAt = dataTo
      const dataEnd = this.#values.length
      const metaCodec = metas.copy(row, this.#values)
      const metaEnd = this.#values.length
      const extensionsCodec = others.copy(row, this.#values)
      const dataCodec = codecOf(word ?? 0)
      const codecs = { dataCodec, metaCodec, extensionsCodec }
      this.#rows.push({ ...this.#envelope(columns, row), start, dataEnd, metaEnd, end: this.#values.length, ...codecs })
    }
  }

  #envelope(columns: BlockColumns, row: number) {
    const base = columns.wideAt ? 0 : this.#header.lowestAt
    return {
      kind: columns.kinds[row] ?? '',
      entity: columns.entities[row] ?? '',
      at: columns.at === undefined ? this.#header.lowestAt : base + (columns.at[row] ?? 0),
      correlationId: columns.correlationIds?.[row],
      causationId: columns.causationIds?.[row],
      id: columns.ids?.[row] ?? this.#idPrefix + this.offset,
      scope: columns.scopes?.[row],
      tags: columns.tags?.[row],
      schemaVersion: columns.schemaVersions?.[row],
      lane: columns.lanes?.[row],
      depth: columns.depths?.[row],
      idempotencyKey: columns.idempotencyKeys?.[row],
    }
  }
}

/** An optional column of values, one row after the other. */
class Slices {
  readonly #column: BlockColumns['meta']
  #at = 0

  constructor(column: BlockColumns['meta']) {
    this.#column = column
  }

  /** Copy the value of the next row, if it has one. @returns its codec. */
  copy(row: number, to: ByteWriter): ValueCodec {
    const size = this.#column?.sizes[row] ?? 0
    if (this.#column === undefined || size === 0) return 0
    const end = this.#at + Math.floor((size - 1) / 2)
    to.raw(this.#column.bytes.subarray(this.#at, end))
    this.#at = end
    return codecOf(size - 1)
  }
}

function codecOf(word: number): ValueCodec {
  return word % 2 === VALUE_STRUCTURAL ? VALUE_STRUCTURAL : 0
}
