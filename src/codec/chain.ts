/** The hash chain over the record batches of a partition.
 *
 * Chain hash = SHA-256(previous hash, u64 base offset, u32 last offset delta, i64 lowest at, i64 highest at,
 * u64 recordedAt, SHA-256 of the record table or 32 zeros, SHA-256 of dictionary and raw blocks), little-endian. Before
 * the first batch it is 32 zeros. Only logical content, so that moving a batch to another segment keeps its hash.
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
  readonly digest: Digest
}

/** Hash one batch into the chain. @param scratch is overwritten. */
export function chainHash(scratch: ByteWriter, facts: ChainFacts): Uint8Array {
  scratch.reset()
  scratch.raw(facts.previousHash)
  scratch.u64(facts.baseOffset)
  scratch.u32(facts.lastOffsetDelta)
  scratch.i64(facts.lowestAt)
  scratch.i64(facts.highestAt)
  scratch.u64(facts.recordedAt)
  scratch.raw(facts.tableHash)
  scratch.raw(facts.digest.sha256(facts.logical))
  return facts.digest.sha256(scratch.bytes)
}
