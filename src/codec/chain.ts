/** The hash chain over the record batches of a partition.
 *
 * Chain hash = SHA-256(previous hash, u64 base offset, u32 last offset delta, i64 lowest at, i64 highest at,
 * u64 recordedAt, SHA-256 of the record table or 32 zeros, SHA-256 of dictionary and raw blocks), little-endian. Before
 * the first batch it is 32 zeros. Only logical content, so that moving a batch to another segment keeps its hash.
 *
 * In a topic with `chain: 'events'` 32 bytes `ff` take the place of the table's hash, and the root of the tree over the
 * events (`merkle.ts`, `event-leaf.ts`) that of the last one: then the hash of a batch follows from its events, however
 * they are written, and one event alone can be proven against it.
 * These values are on disk. Do not change; add a version.
 * @module */
import type { ByteWriter } from './bytes.ts'
import type { Digest } from './digest.ts'

export const HASH_BYTES = 32

/** The logical content that a chain hash covers. */
export interface ChainFacts {
  readonly previousHash: Uint8Array
  readonly baseOffset: number
  readonly lastOffsetDelta: number
  readonly lowestAt: number
  readonly highestAt: number
  readonly recordedAt: number
  readonly tableHash: Uint8Array
  /** Dictionary and raw blocks. */
  readonly logical: Uint8Array
  /** SHA-256 of `logical`, when it is known. */
  readonly logicalHash?: Uint8Array | undefined
  /** Root of the tree over the events, in a chain over events: table and logical content do not count then. */
  readonly eventRoot?: Uint8Array | undefined
  readonly digest: Digest
}

/** A chain over events cannot be taken for one over batches: no SHA-256 is known that looks like this. */
const EVENTS_MARK = new Uint8Array(HASH_BYTES).fill(255)

/** Hash one batch into the chain. @param scratch is overwritten. */
export function chainHash(scratch: ByteWriter, facts: ChainFacts): Uint8Array {
  scratch.reset()
  scratch.raw(facts.previousHash)
  scratch.u64(facts.baseOffset)
  scratch.u32(facts.lastOffsetDelta)
  scratch.i64(facts.lowestAt)
  scratch.i64(facts.highestAt)
  scratch.u64(facts.recordedAt)
  const { eventRoot } = facts
  scratch.raw(eventRoot === undefined ? facts.tableHash : EVENTS_MARK)
  scratch.raw(eventRoot ?? facts.logicalHash ?? facts.digest.sha256(facts.logical))
  return facts.digest.sha256(scratch.bytes)
}
