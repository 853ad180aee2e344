/** What the readers of a segment need to know of it.
 * @module */
import { segmentSeed } from '../codec/batch-header.ts'
import { fromHex } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { VarveError } from '../errors.ts'

/** One segment file of a partition. */
export interface SegmentRef {
  /** Store-relative path of the `.log` file. */
  readonly path: string
  readonly file: string
  readonly partition: number
  /** 16 hexadecimal digits. */
  readonly id: string
  /** Seed of the header checksums. */
  readonly seed: number
  readonly baseOffset: number
  /** Chain hash before the first batch, 64 hexadecimal digits. */
  readonly hashBefore: string
}

/** A place between two batches: bytes and events before it. */
export interface LogPoint {
  readonly position: number
  readonly offset: number
}

/** Describe a segment of the manifest. */
export function segmentRef(
  directory: string,
  row: { file: string; id: string; baseOffset: number; hashBefore: string },
  facts: { partition: number; digest: Digest },
): SegmentRef {
  return {
    path: `${directory}/${row.file}`,
    file: row.file,
    partition: facts.partition,
    id: row.id,
    seed: segmentSeed(fromHex(row.id), facts.digest),
    baseOffset: row.baseOffset,
    hashBefore: row.hashBefore,
  }
}

/** The error for bytes that fail below a known synced position. */
export function segmentDamaged(
  segment: SegmentRef,
  position: number,
  facts: { reason: string; cause?: unknown },
): VarveError {
  const message = `Cannot read segment "${segment.path}" at position ${position}: ${facts.reason}`
  const details = { file: segment.path, position, partition: segment.partition, reason: facts.reason }
  return new VarveError('SEGMENT_DAMAGED', message, { details, cause: facts.cause })
}
