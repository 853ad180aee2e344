/** The tree over events that are about to be written: what a reader will make of them, from their encoded values.
 *
 * From the bytes and not from what the caller gave: a `toJSON` may answer otherwise each time it is asked.
 * @module */
import type { Row } from './block.ts'
import type { Digest } from './digest.ts'
import { LeafHasher } from './event-leaf.ts'
import { merkleRoot } from './merkle.ts'
import { VALUE_STRUCTURAL, type ValueCodec, ValueDecoder } from './values.ts'

/** Makes the roots of the batches of one partition. */
export class RowRoots {
  readonly #digest: Digest
  readonly #origin: { readonly lineage: string; readonly partition: number }
  readonly #hasher: LeafHasher
  #decoder = new ValueDecoder([])
  #shapes = 0

  constructor(digest: Digest, origin: { readonly lineage: string; readonly partition: number }) {
    this.#digest = digest
    this.#origin = origin
    this.#hasher = new LeafHasher(digest)
  }

  /** The root over `rows`, at least one. @param facts `shapes` are those that the values were encoded with.
   * Cost: decodes every value again and hashes it. */
  of(
    rows: readonly Row[],
    facts: { baseOffset: number; recordedAt: number; shapes: readonly (readonly string[])[] },
  ): Uint8Array {
    const { lineage, partition } = this.#origin
    if (facts.shapes.length !== this.#shapes) {
      this.#decoder = new ValueDecoder([...facts.shapes])
      this.#shapes = facts.shapes.length
    }
    const leaves = rows.map((row, i) => {
      const offset = facts.baseOffset + i
      const { idempotencyKey, id = `${lineage}-${partition}-${offset}` } = row
      const data = this.#value(row.values.subarray(row.start, row.dataEnd), row.dataCodec)
      const meta = this.#value(row.values.subarray(row.dataEnd, row.metaEnd), row.metaCodec)
      const extensions = this.#value(row.values.subarray(row.metaEnd, row.end), row.extensionsCodec)
      const event = { ...row, partition, offset, id, recordedAt: facts.recordedAt, data, meta, extensions }
      return this.#hasher.hash(event, { lineage, idempotencyKey })
    })
    return merkleRoot(leaves, this.#digest)
  }

  /** No value is empty, so no bytes are none. */
  #value(bytes: Uint8Array, codec: ValueCodec): unknown {
    if (bytes.length === 0) return undefined
    return codec === VALUE_STRUCTURAL ? this.#decoder.decodeStructural(bytes) : this.#decoder.decodeAll(bytes, 1)[0]
  }
}
