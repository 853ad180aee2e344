/** A block: some whole events of a record batch, the envelope as columns, then the values.
 *
 * | part | form | when |
 * |---|---|---|
 * | columns | varint, a bit per optional column in the order of `COLUMN` | always |
 * | kind, entity | varint dictionary index per row | always |
 * | at | varint per row: milliseconds above the batch's lowest | bit 0 |
 * | wide at | i64 per row | bit 13, instead of bit 0: times further apart than 2^53 - 1 |
 * | correlation, causation, id, scope | varint per row: index + 1, 0 = none | bits 1-4 |
 * | tags | varint count per row, then an index each | bit 5 |
 * | schemaVersion, lane, depth | varint per row: value + 1, 0 = none | bits 8-10 |
 * | idempotencyKey | varint per row: index + 1, 0 = none | bit 11 |
 * | meta, extensions | per row varint, 0 = none, else `bytes x 2 + codec + 1`; then the values | bits 6, 12 |
 * | data sizes | varint per row: `bytes x 2 + codec` | bit 7: some data is structural |
 * | data | the values end to end, to the end of the block | always |
 *
 * These values are on disk. Do not change; add a version.
 * @module */
import { VarveError } from '../errors.ts'
import { ByteReader, type ByteWriter } from './bytes.ts'
import type { DictionaryWriter } from './dictionary.ts'
import { VALUE_STRUCTURAL, type ValueCodec, type ValueDecoder } from './values.ts'

/** The bit of each optional column. */
export const COLUMN = {
  at: 1,
  correlation: 2,
  causation: 4,
  id: 8,
  scope: 16,
  tags: 32,
  meta: 64,
  structural: 128,
  schemaVersion: 256,
  lane: 512,
  depth: 1024,
  idempotencyKey: 2048,
  extensions: 4096,
  wideAt: 8192,
} as const
/** All bits that have a meaning. */
export const COLUMNS_KNOWN = 16_383

/** One event ready to be written: its envelope, and its values already encoded in `values[start, end)`. */
export interface Row {
  readonly kind: string
  readonly entity: string
  readonly at: number
  readonly correlationId: string | undefined
  readonly causationId: string | undefined
  readonly id: string | undefined
  readonly scope: string | undefined
  readonly tags: readonly string[] | undefined
  readonly schemaVersion: number | undefined
  readonly lane: number | undefined
  readonly depth: number | undefined
  readonly idempotencyKey: string | undefined
  /** Data, then meta, then extensions. */
  readonly values: Uint8Array
  readonly start: number
  readonly dataEnd: number
  readonly metaEnd: number
  readonly end: number
  readonly dataCodec: ValueCodec
  readonly metaCodec: ValueCodec
  readonly extensionsCodec: ValueCodec
}

/** The optional columns that `rows[from, to)` need. */
function columnsOf(rows: readonly Row[], from: number, to: number, lowestAt: number): number {
  let columns = 0
  for (let i = from; i < to; i++) {
    const row = rows[i] as Row
    if (row.at !== lowestAt) columns |= row.at - lowestAt > Number.MAX_SAFE_INTEGER ? COLUMN.wideAt : COLUMN.at
    if (row.correlationId !== undefined) columns |= COLUMN.correlation
    if (row.causationId !== undefined) columns |= COLUMN.causation
    if (row.id !== undefined) columns |= COLUMN.id
    if (row.scope !== undefined) columns |= COLUMN.scope
    if (row.tags !== undefined) columns |= COLUMN.tags
    if (row.schemaVersion !== undefined) columns |= COLUMN.schemaVersion
    if (row.lane !== undefined) columns |= COLUMN.lane
    if (row.depth !== undefined) columns |= COLUMN.depth
    if (row.idempotencyKey !== undefined) columns |= COLUMN.idempotencyKey
    if (row.metaEnd > row.dataEnd) columns |= COLUMN.meta
    if (row.end > row.metaEnd) columns |= COLUMN.extensions
    if (row.dataCodec === VALUE_STRUCTURAL) columns |= COLUMN.structural
  }
  return columns & COLUMN.wideAt ? columns & ~COLUMN.at : columns
}

/** Rows of one batch to be written, with what all blocks of the batch share. */
export interface BlockSource {
  readonly rows: readonly Row[]
  readonly dictionary: DictionaryWriter
  readonly lowestAt: number
}

/** Append the block of `source.rows[from, to)` to `out`. */
export function writeBlock(out: ByteWriter, source: BlockSource, range: { from: number; to: number }): void {
  const { rows, dictionary, lowestAt } = source
  const { from, to } = range
  const columns = columnsOf(rows, from, to, lowestAt)
  out.varint(columns)
  for (let i = from; i < to; i++) out.varint(dictionary.index((rows[i] as Row).kind))
  for (let i = from; i < to; i++) out.varint(dictionary.index((rows[i] as Row).entity))
  if (columns !== 0) {
    const slice = rows.slice(from, to)
    if (columns & COLUMN.at) for (const row of slice) out.varint(row.at - lowestAt)
    if (columns & COLUMN.wideAt) for (const row of slice) out.i64(row.at)
    const text = (value: string | undefined) => out.varint(value === undefined ? 0 : dictionary.index(value) + 1)
    const count = (value: number | undefined) => out.varint(value === undefined ? 0 : value + 1)
    if (columns & COLUMN.correlation) for (const row of slice) text(row.correlationId)
    if (columns & COLUMN.causation) for (const row of slice) text(row.causationId)
    if (columns & COLUMN.id) for (const row of slice) text(row.id)
    if (columns & COLUMN.scope) for (const row of slice) text(row.scope)
    if (columns & COLUMN.tags) {
      for (const row of slice) {
        out.varint(row.tags?.length ?? 0)
        for (const tag of row.tags ?? []) out.varint(dictionary.index(tag))
      }
    }
    if (columns & COLUMN.schemaVersion) for (const row of slice) count(row.schemaVersion)
    if (columns & COLUMN.lane) for (const row of slice) count(row.lane)
    if (columns & COLUMN.depth) for (const row of slice) count(row.depth)
    if (columns & COLUMN.idempotencyKey) for (const row of slice) text(row.idempotencyKey)
    if (columns & COLUMN.meta) {
      for (const row of slice) optionalSize(out, row.metaEnd - row.dataEnd, row.metaCodec)
      for (const row of slice) out.raw(row.values.subarray(row.dataEnd, row.metaEnd))
    }
    if (columns & COLUMN.extensions) {
      for (const row of slice) optionalSize(out, row.end - row.metaEnd, row.extensionsCodec)
      for (const row of slice) out.raw(row.values.subarray(row.metaEnd, row.end))
    }
    if (columns & COLUMN.structural) for (const row of slice) out.varint((row.dataEnd - row.start) * 2 + row.dataCodec)
  }
  writeData(out, rows, from, to)
}

/** No value is empty, so 0 can mean none. */
function optionalSize(out: ByteWriter, size: number, codec: ValueCodec): void {
  out.varint(size === 0 ? 0 : size * 2 + codec + 1)
}

/** Copy the data of neighbours in one piece where they lie end to end, which is the usual case. */
function writeData(out: ByteWriter, rows: readonly Row[], from: number, to: number): void {
  let i = from
  while (i < to) {
    const first = rows[i] as Row
    let end = first.dataEnd
    i++
    while (i < to) {
      const next = rows[i] as Row
      if (next.values !== first.values || next.start !== end) break
      end = next.dataEnd
      i++
    }
    out.raw(first.values.subarray(first.start, end))
  }
}

/** The envelopes of a block as columns; optional ones are undefined when no row has a value. */
export interface BlockColumns {
  readonly rows: number
  readonly kinds: string[]
  readonly entities: string[]
  readonly at: number[] | undefined
  /** `at` counts from 1970, not from the lowest of the batch. */
  readonly wideAt: boolean
  readonly correlationIds: (string | undefined)[] | undefined
  readonly causationIds: (string | undefined)[] | undefined
  readonly ids: (string | undefined)[] | undefined
  readonly scopes: (string | undefined)[] | undefined
  readonly tags: (string[] | undefined)[] | undefined
  readonly schemaVersions: (number | undefined)[] | undefined
  readonly lanes: (number | undefined)[] | undefined
  readonly depths: (number | undefined)[] | undefined
  readonly idempotencyKeys: (string | undefined)[] | undefined
  readonly meta: Values | undefined
  readonly extensions: Values | undefined
  readonly dataSizes: number[] | undefined
  readonly data: Uint8Array
}

interface Values {
  readonly sizes: number[]
  readonly bytes: Uint8Array
}

/** Read the columns of a block without decoding any value.
 * @param strings the batch's dictionary. @throws {VarveError} `DECODE_FAILED`. */
export function readBlock(block: Uint8Array, rows: number, strings: readonly string[]): BlockColumns {
  const reader = new ByteReader(block)
  const columns = reader.varint()
  if (columns > COLUMNS_KNOWN) throw new VarveError('DECODE_FAILED', 'Cannot read a block with unknown columns')
  if (rows > reader.remaining) throw new VarveError('DECODE_FAILED', 'Cannot read more rows than the block has bytes')
  const text = (): string => {
    const string = strings[reader.varint()]
    if (string === undefined) throw new VarveError('DECODE_FAILED', 'Cannot find a string in the dictionary')
    return string
  }
  const optional = (): string | undefined => {
    const index = reader.varint()
    if (index === 0) return undefined
    const string = strings[index - 1]
    if (string === undefined) throw new VarveError('DECODE_FAILED', 'Cannot find a string in the dictionary')
    return string
  }
  const count = (): number | undefined => {
    const value = reader.varint()
    return value === 0 ? undefined : value - 1
  }
  const tags = (): string[] | undefined => {
    const length = reader.varint()
    return length === 0 ? undefined : column(length, reader, text)
  }
  const each = <T>(bit: number, read: () => T) => (columns & bit ? column(rows, reader, read) : undefined)
  const number = () => reader.varint()
  return {
    rows,
    kinds: column(rows, reader, text),
    entities: column(rows, reader, text),
    at: each(COLUMN.at, number) ?? each(COLUMN.wideAt, () => reader.i64()),
    wideAt: (columns & COLUMN.wideAt) !== 0,
    correlationIds: each(COLUMN.correlation, optional),
    causationIds: each(COLUMN.causation, optional),
    ids: each(COLUMN.id, optional),
    scopes: each(COLUMN.scope, optional),
    tags: each(COLUMN.tags, tags),
    schemaVersions: each(COLUMN.schemaVersion, count),
    lanes: each(COLUMN.lane, count),
    depths: each(COLUMN.depth, count),
    idempotencyKeys: each(COLUMN.idempotencyKey, optional),
    meta: columns & COLUMN.meta ? readValues(reader, rows) : undefined,
    extensions: columns & COLUMN.extensions ? readValues(reader, rows) : undefined,
    dataSizes: each(COLUMN.structural, number),
    data: reader.raw(reader.remaining),
  }
}

function column<T>(rows: number, reader: ByteReader, read: () => T): T[] {
  if (rows > reader.remaining) throw new VarveError('DECODE_FAILED', 'Cannot read a column longer than the block')
  const values = new Array<T>(rows)
  for (let i = 0; i < rows; i++) values[i] = read()
  return values
}

function readValues(reader: ByteReader, rows: number): Values {
  const sizes = column(rows, reader, () => reader.varint())
  let total = 0
  for (const size of sizes) total += size === 0 ? 0 : Math.floor((size - 1) / 2)
  return { sizes, bytes: reader.raw(total) }
}

/** Decode the data of every row. @throws {VarveError} `DECODE_FAILED`. */
export function decodeData(columns: BlockColumns, decoder: ValueDecoder): unknown[] {
  if (columns.dataSizes === undefined) return decoder.decodeAll(columns.data, columns.rows)
  let at = 0
  const values = columns.dataSizes.map((word) => {
    const end = at + Math.floor(word / 2)
    if (end > columns.data.length) throw new VarveError('DECODE_FAILED', 'Cannot read data past the end of its block')
    const bytes = columns.data.subarray(at, end)
    at = end
    return decodeOne(decoder, bytes, word % 2)
  })
  if (at !== columns.data.length) throw new VarveError('DECODE_FAILED', 'Cannot read data that does not fill its block')
  return values
}

/** Decode the data of some rows, going past the others.
 * @param rows ascending. @returns by row; undefined elsewhere. @throws {VarveError} `DECODE_FAILED`. */
export function decodeDataOf(columns: BlockColumns, decoder: ValueDecoder, rows: readonly number[]): unknown[] {
  if (columns.dataSizes !== undefined) return decodeData(columns, decoder)
  const { data } = columns
  const values: unknown[] = []
  let start = 0
  let row = 0
  for (const wanted of rows) {
    for (; row < wanted; row++) start = decoder.endOf(data, start)
    const end = decoder.endOf(data, start)
    values[wanted] = decoder.decodeAll(data.subarray(start, end), 1)[0]
    start = end
    row++
  }
  return values
}

/** Decode an optional value column: one entry per row, undefined where a row has none. */
export function decodeValues(values: Values, decoder: ValueDecoder): unknown[] {
  let at = 0
  return values.sizes.map((size) => {
    if (size === 0) return undefined
    const end = at + Math.floor((size - 1) / 2)
    const bytes = values.bytes.subarray(at, end)
    at = end
    return decodeOne(decoder, bytes, (size - 1) % 2)
  })
}

function decodeOne(decoder: ValueDecoder, bytes: Uint8Array, codec: number): unknown {
  return codec === VALUE_STRUCTURAL ? decoder.decodeStructural(bytes) : decoder.decodeAll(bytes, 1)[0]
}
