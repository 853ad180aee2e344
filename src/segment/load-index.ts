/** The sparse index of a sealed segment: from its two derived files, or else from the segment itself.
 * @module */
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from '../codec/batch-header.ts'
import type { Digest } from '../codec/digest.ts'
import { isUnreadable, type Reading } from './file-pool.ts'
import { SEGMENT_HEADER_BYTES } from './header.ts'
import { besideSegment } from './names.ts'
import { type SegmentRef, segmentDamaged } from './segment.ts'
import { decodeIndexes, type SealFacts, SparseIndex } from './sparse-index.ts'

const WINDOW_BYTES = 64 * 1024
/** Larger than the index or the checkpoint of a segment of 1 GiB usually is. */
const WHOLE_MAX_BYTES = 256 * 1024 * 1024

/** Load the index, or rebuild it by walking the batch headers and say why.
 * @throws {VarveError} `SEGMENT_DAMAGED` when a header of the segment fails. */
export function* loadIndex(
  segment: SegmentRef,
  seal: SealFacts,
  digest: Digest,
): Reading<{ index: SparseIndex; refused: string | undefined }> {
  try {
    const index = yield* readWhole(besideSegment(segment.path, 'index'))
    const timeIndex = yield* readWhole(besideSegment(segment.path, 'timeindex'))
    return { index: decodeIndexes({ index, timeIndex }, seal, digest), refused: undefined }
  } catch (error) {
    if (!isUnreadable(error)) throw error
    const index = yield* rebuildIndex(segment, seal.endPosition, digest)
    return { index, refused: error instanceof Error ? error.message : String(error) }
  }
}

/** Read a derived file of unknown size. */
export function* readWhole(path: string): Reading<Uint8Array> {
  let length = WINDOW_BYTES
  for (;;) {
    const bytes = yield { path, position: 0, length }
    if (bytes.length < length || length >= WHOLE_MAX_BYTES) return bytes
    length *= 4
  }
}

/** Walk the batch headers of a segment up to `endPosition`. Cost: reads headers only where batches are large.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* rebuildIndex(segment: SegmentRef, endPosition: number, digest: Digest): Reading<SparseIndex> {
  const index = new SparseIndex()
  yield* extendIndex(segment, { index, covered: SEGMENT_HEADER_BYTES }, { endPosition, digest })
  return index
}

/** Add the batches between `known.covered` and `endPosition` to an index. @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* extendIndex(
  segment: SegmentRef,
  known: { index: SparseIndex; covered: number },
  facts: { endPosition: number; digest: Digest },
): Reading<void> {
  const range = { from: known.covered, to: facts.endPosition, digest: facts.digest }
  yield* walkHeaders(segment, range, (header, position) => {
    known.index.add({ baseOffset: header.baseOffset, position, highestAt: header.highestAt })
  })
}

/** Go from header to header through durable bytes, from one batch boundary to another.
 * Cost: reads headers only where batches are large; bodies are neither read nor checked.
 * @throws {VarveError} `SEGMENT_DAMAGED` where a header fails its checksum or the walk misses `range.to`. */
export function* walkHeaders(
  segment: SegmentRef,
  range: { from: number; to: number; digest: Digest },
  onHeader: (header: BatchHeader, position: number) => void,
): Reading<void> {
  const { to, digest } = range
  let position = range.from
  let bytes: Uint8Array = new Uint8Array(0)
  let bytesAt = position
  while (position < to) {
    if (position + BATCH_HEADER_BYTES > bytesAt + bytes.length) {
      bytes = yield { path: segment.path, position, length: Math.min(WINDOW_BYTES, to - position) }
      bytesAt = position
    }
    const header = readBatchHeader(bytes, position - bytesAt, { place: { seed: segment.seed, position }, digest })
    if (header === undefined) throw segmentDamaged(segment, position, { reason: 'a batch header fails its checksum' })
    onHeader(header, position)
    position += BATCH_HEADER_BYTES + header.bodyBytes
  }
  if (position !== to) throw segmentDamaged(segment, to, { reason: 'a batch reaches past the durable end' })
}
