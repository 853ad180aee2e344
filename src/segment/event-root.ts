/** The tree over the events of a batch, of segments whose hash chain is over events.
 * @module */
import type { RecordTable } from '../codec/batch.ts'
import type { PlainBody } from '../codec/batch-body.ts'
import type { BatchHeader } from '../codec/batch-header.ts'
import type { Digest } from '../codec/digest.ts'
import { LeafHasher, leafValue } from '../codec/event-leaf.ts'
import { merkleRoot } from '../codec/merkle.ts'
import { decodeShapes, ValueDecoder } from '../codec/values.ts'
import { eventsOfBatch } from './events.ts'
import type { Reading } from './file-pool.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from './header.ts'
import type { SegmentRef } from './segment.ts'

/** Makes the roots of the batches of one segment. */
export class EventRoots {
  readonly #segment: SegmentRef
  readonly #digest: Digest
  readonly #hasher: LeafHasher
  #lineage: string | undefined
  #table: RecordTable | undefined
  #decoder = new ValueDecoder([])

  constructor(segment: SegmentRef, digest: Digest) {
    this.#segment = segment
    this.#digest = digest
    this.#hasher = new LeafHasher(digest)
  }

  /** The root over the events of a batch whose bytes are checked. Decodes and hashes every event; the first call
   * reads the header of the segment. @throws {VarveError} `DECODE_FAILED`, `SEGMENT_DAMAGED`. */
  *of(header: BatchHeader, plain: PlainBody, table: RecordTable): Reading<Uint8Array> {
    const { path, partition } = this.#segment
    if (this.#lineage === undefined) {
      const bytes = yield { path, position: 0, length: SEGMENT_HEADER_BYTES }
      this.#lineage = decodeSegmentHeader(bytes, path, this.#digest).lineage
    }
    const lineage = this.#lineage
    if (table !== this.#table) {
      this.#decoder = new ValueDecoder(table.bytes.length === 0 ? [] : decodeShapes(table.bytes))
      this.#table = table
    }
    const context = { partition, idPrefix: `${lineage}-${partition}-` }
    const events = eventsOfBatch(header, plain, { decoder: this.#decoder, context })
    const leaves = events.map(({ event, idempotencyKey }) =>
      this.#hasher.hash(leafValue(event, { lineage, idempotencyKey })),
    )
    return merkleRoot(leaves, this.#digest)
  }
}
