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
  /** Feature bits of its header. */
  readonly features: number
}

/** A place between two batches: bytes and events before it. */
export interface LogPoint {
  readonly position: number
  readonly offset: number
}

/** A segment as the manifest has it. */
export interface SegmentFacts {
  readonly file: string
  readonly id: string
  readonly baseOffset: number
  readonly hashBefore: string
  readonly features?: number
}

/** Describe a segment of the manifest. */
export function segmentRef(
  directory: string,
  row: SegmentFacts,
  facts: { readonly partition: number; readonly digest: Digest },
): SegmentRef {
  return new ManifestSegment(directory, row, facts)
}

class ManifestSegment implements SegmentRef {
  readonly path: string
  readonly file: string
  readonly partition: number
  readonly id: string
  readonly baseOffset: number
  readonly hashBefore: string
  readonly features: number
  readonly #digest: Digest
  #seed: number | undefined

  constructor(directory: string, row: SegmentFacts, facts: { readonly partition: number; readonly digest: Digest }) {
    this.path = `${directory}/${row.file}`
    this.file = row.file
    this.partition = facts.partition
    this.id = row.id
    this.baseOffset = row.baseOffset
    this.hashBefore = row.hashBefore
    this.features = row.features ?? 0
    this.#digest = facts.digest
  }

  // Made when the segment is read: a partition may have thousands that nobody looks at.
  get seed(): number {
    this.#seed ??= segmentSeed(fromHex(this.id), this.#digest)
    return this.#seed
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
