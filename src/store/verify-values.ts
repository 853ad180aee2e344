/** Checking that what passes its checksums can be decoded: every column and every value.
 * @module */
import { readContents } from '../codec/batch-body.ts'
import { type BlockColumns, decodeData, decodeValues, readBlock } from '../codec/block.ts'
import { decodeShapes, ValueDecoder } from '../codec/values.ts'
import { VarveError } from '../errors.ts'
import type { ScannedBatch } from '../segment/scan.ts'

/** Who wants to see the envelopes of a block. */
interface Taker {
  block(columns: BlockColumns): void
}

/** Decodes the batches of one segment. Memory: one block at a time. */
export class ValueCheck {
  /** By position of the record table. */
  readonly #decoders = new Map<number, ValueDecoder>()

  /** Decode a batch, and show its envelopes to others. @throws what decoding throws. */
  check(batch: ScannedBatch, takers: readonly (Taker | undefined)[]): void {
    const { header, plain, table } = batch
    let decoder = this.#decoders.get(header.tablePosition)
    if (decoder === undefined) {
      decoder = new ValueDecoder(table.bytes.length === 0 ? [] : decodeShapes(table.bytes))
      this.#decoders.set(header.tablePosition, decoder)
    }
    const { body } = plain
    const { strings, blocks } = readContents(plain.preface, body)
    let highest = header.lowestAt
    for (const { start, end, rows } of blocks) {
      const columns = readBlock(body.subarray(start, end), rows, strings)
      const data = decodeData(columns, decoder)
      if (data.length !== rows) throw new VarveError('DECODE_FAILED', 'Values do not fit the rows of their block')
      if (columns.meta !== undefined) decodeValues(columns.meta, decoder)
      if (columns.extensions !== undefined) decodeValues(columns.extensions, decoder)
      const base = columns.wideAt ? 0 : header.lowestAt
      for (const at of columns.at ?? []) if (base + at > highest) highest = base + at
      for (const taker of takers) taker?.block(columns)
    }
    if (highest !== header.highestAt) {
      throw new VarveError('DECODE_FAILED', 'The highest time of the events is not that of their batch')
    }
  }
}
