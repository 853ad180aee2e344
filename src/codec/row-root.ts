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
    const values = this.#dataOf(rows)
    const leaves: Uint8Array[] = []
    for (const [i, row] of rows.entries()) {
      const offset = facts.baseOffset + i
      // Field by field, because a spread of so many costs more than the hash.
      const leaf = this.#hasher.hash({
        lineage,
        partition,
        offset,
        id: row.id ?? `${lineage}-${partition}-${offset}`,
        kind: row.kind,
        entity: row.entity,
        scope: row.scope,
        tags: row.tags,
        at: row.at,
        recordedAt: facts.recordedAt,
        data: values[i],
        meta: this.#value(row.values, { start: row.dataEnd, end: row.metaEnd, codec: row.metaCodec }),
        correlationId: row.correlationId,
        causationId: row.causationId,
        lane: row.lane,
        depth: row.depth,
        schemaVersion: row.schemaVersion,
        extensions: this.#value(row.values, { start: row.metaEnd, end: row.end, codec: row.extensionsCodec }),
        idempotencyKey: row.idempotencyKey,
      })
      leaves.push(leaf)
    }
    return merkleRoot(leaves, this.#digest)
  }

  /** The data of every row; neighbours whose bytes lie end to end are decoded together, which is the usual case. */
  #dataOf(rows: readonly Row[]): unknown[] {
    const all: unknown[] = []
    for (let from = 0; from < rows.length; ) {
      const first = rows[from] as Row
      let to = from + 1
      let end = first.dataEnd
      if (first.dataCodec !== VALUE_STRUCTURAL) {
        for (; to < rows.length; to++) {
          const next = rows[to] as Row
          if (next.values !== first.values || next.start !== end || next.dataCodec !== first.dataCodec) break
          end = next.dataEnd
        }
      }
      const bytes = first.values.subarray(first.start, end)
      if (first.dataCodec === VALUE_STRUCTURAL) all.push(this.#decoder.decodeStructural(bytes))
      else for (const value of this.#decoder.decodeAll(bytes, to - from)) all.push(value)
      from = to
    }
    return all
  }

  /** No value is empty, so no bytes are none. */
  #value(values: Uint8Array, part: { start: number; end: number; codec: ValueCodec }): unknown {
    const { start, end, codec } = part
    if (start === end) return undefined
    const bytes = values.subarray(start, end)
    return codec === VALUE_STRUCTURAL ? this.#decoder.decodeStructural(bytes) : this.#decoder.decodeAll(bytes, 1)[0]
  }
}
