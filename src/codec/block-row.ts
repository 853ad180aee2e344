/** One row of a block, without reading the others: `block.ts` has the form.
 * @module */
import { VarveError } from '../errors.ts'
import { type BlockColumns, COLUMN, COLUMNS_KNOWN } from './block.ts'
import { ByteReader } from './bytes.ts'
import type { ValueDecoder } from './values.ts'

/** Where the strings of a batch come from. */
export interface Texts {
  text(index: number): string
}

/** Read row `row` of a block as a block of one row. Cost: a nanosecond or two for each byte of its columns and values.
 * @throws {VarveError} `DECODE_FAILED`. */
export function readBlockRow(
  block: Uint8Array,
  where: { readonly rows: number; readonly row: number },
  means: { readonly texts: Texts; readonly decoder: ValueDecoder },
): BlockColumns {
  return new RowReader(block, where, means).read()
}

class RowReader {
  readonly #reader: ByteReader
  readonly #rows: number
  readonly #row: number
  readonly #texts: Texts
  readonly #decoder: ValueDecoder
  #columns = 0

  constructor(
    block: Uint8Array,
    where: { readonly rows: number; readonly row: number },
    means: { readonly texts: Texts; readonly decoder: ValueDecoder },
  ) {
    this.#reader = new ByteReader(block)
    this.#rows = where.rows
    this.#row = where.row
    this.#texts = means.texts
    this.#decoder = means.decoder
  }

  read(): BlockColumns {
    const reader = this.#reader
    this.#columns = reader.varint()
    if (this.#columns > COLUMNS_KNOWN) {
      throw new VarveError('DECODE_FAILED', 'Cannot read a block with unknown columns')
    }
    const kind = this.#texts.text(this.#varint())
    const entity = this.#texts.text(this.#varint())
    const at = this.#has(COLUMN.at) ? [this.#varint()] : this.#wideAt()
    const text = (bit: number) => (this.#has(bit) ? [this.#optional()] : undefined)
    const count = (bit: number) => (this.#has(bit) ? [this.#count()] : undefined)
    // In the order in which the columns lie.
    return {
      rows: 1,
      kinds: [kind],
      entities: [entity],
      at,
      wideAt: this.#has(COLUMN.wideAt),
      correlationIds: text(COLUMN.correlation),
      causationIds: text(COLUMN.causation),
      ids: text(COLUMN.id),
      scopes: text(COLUMN.scope),
      tags: this.#has(COLUMN.tags) ? [this.#tags()] : undefined,
      schemaVersions: count(COLUMN.schemaVersion),
      lanes: count(COLUMN.lane),
      depths: count(COLUMN.depth),
      idempotencyKeys: text(COLUMN.idempotencyKey),
      meta: this.#has(COLUMN.meta) ? this.#values() : undefined,
      extensions: this.#has(COLUMN.extensions) ? this.#values() : undefined,
      ...this.#data(),
    }
  }

  #has(bit: number): boolean {
    return (this.#columns & bit) !== 0
  }

  /** The varint of the row; the reader goes on behind the column. */
  #varint(): number {
    const reader = this.#reader
    reader.skipVarints(this.#row)
    const value = reader.varint()
    reader.skipVarints(this.#rows - this.#row - 1)
    return value
  }

  #wideAt(): number[] | undefined {
    if (!this.#has(COLUMN.wideAt)) return undefined
    const reader = this.#reader
    reader.raw(this.#row * 8)
    const at = reader.i64()
    reader.raw((this.#rows - this.#row - 1) * 8)
    return [at]
  }

  #optional(): string | undefined {
    const index = this.#varint()
    return index === 0 ? undefined : this.#texts.text(index - 1)
  }

  #count(): number | undefined {
    const value = this.#varint()
    return value === 0 ? undefined : value - 1
  }

  #tags(): string[] | undefined {
    const reader = this.#reader
    let tags: string[] | undefined
    for (let row = 0; row < this.#rows; row++) {
      const length = reader.varint()
      if (row !== this.#row || length === 0) reader.skipVarints(length)
      else tags = Array.from({ length: Math.min(length, reader.remaining) }, () => this.#texts.text(reader.varint()))
    }
    return tags
  }

  /** An optional value of the row, from the column of sizes and the bytes behind it. */
  #values(): { sizes: number[]; bytes: Uint8Array } {
    const sizes = this.#sizes((word) => (word === 0 ? 0 : Math.floor((word - 1) / 2)))
    const all = this.#reader.raw(sizes.total)
    return { sizes: [sizes.word], bytes: all.subarray(sizes.before, sizes.before + sizes.own) }
  }

  #sizes(bytesOf: (word: number) => number): { word: number; before: number; own: number; total: number } {
    let total = 0
    let found = { word: 0, before: 0, own: 0 }
    for (let row = 0; row < this.#rows; row++) {
      const word = this.#reader.varint()
      const own = bytesOf(word)
      if (row === this.#row) found = { word, before: total, own }
      total += own
    }
    return { ...found, total }
  }

  #data(): { dataSizes: number[] | undefined; data: Uint8Array } {
    const reader = this.#reader
    if (this.#has(COLUMN.structural)) {
      const sizes = this.#sizes((word) => Math.floor(word / 2))
      const all = reader.raw(sizes.total)
      return { dataSizes: [sizes.word], data: all.subarray(sizes.before, sizes.before + sizes.own) }
    }
    const all = reader.raw(reader.remaining)
    let start = 0
    for (let row = 0; row < this.#row; row++) start = this.#decoder.endOf(all, start)
    return { dataSizes: undefined, data: all.subarray(start, this.#decoder.endOf(all, start)) }
  }
}
