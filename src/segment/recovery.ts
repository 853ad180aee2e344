/** What to keep of an active segment that was not closed.
 *
 * Known synced is the greatest of: the end proven by the manifest, the end in the owner's head file, the checkpoint's
 * watermark, and every `syncedThrough` that a valid batch carries. Below it a bad byte is damage. Above it lies the
 * crash tail: its valid batches are kept by writing them again to a new segment (the kernel may have dropped their
 * pages after a failed sync while showing them to us), and what is torn stays where it is and is ignored.
 * Nothing here writes.
 * @module */
import { toHex } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import type { Reading } from './file-pool.ts'
import { walkHeaders } from './load-index.ts'
import { type ChainPoint, provenBeyond, type ScannedBatch, type StoredBatch, scanBatches } from './scan.ts'
import { type SegmentRef, segmentDamaged } from './segment.ts'
import { Span, type SpanTimes } from './span.ts'
import { SparseIndex } from './sparse-index.ts'

/** The part of a segment that stays, and the batches that have to be written again. */
export interface TailPlan {
  /** End of what is known to be synced: where the segment is sealed. */
  readonly seal: ChainPoint
  /** Valid batches above it, in order, with bytes of their own. */
  readonly moved: readonly StoredBatch[]
  readonly tornBytes: number
  /** Events found by the scan. */
  readonly rows: number
  /** The index given, and the scanned batches up to `seal`. */
  readonly index: SparseIndex
  /** When the events between `proven` and `seal` were; undefined when there are none. */
  readonly times: SpanTimes | undefined
  /** Of the last valid batch, when any was scanned. */
  readonly recordedAt: number | undefined
}

/** Scan from `proven`, an end the manifest or a checkpoint vouches for, to the end of the file.
 * `synced` is the greatest position that other evidence proves synced; `index` covers the segment up to `proven`.
 * @throws {VarveError} `SEGMENT_DAMAGED` when something below a synced position is bad. */
export function* planRecovery(
  segment: SegmentRef,
  proven: ChainPoint,
  facts: { digest: Digest; fileBytes: number; synced: number; index?: SparseIndex },
): Reading<TailPlan> {
  const { digest, fileBytes } = facts
  if (fileBytes < Math.max(proven.position, facts.synced)) {
    throw segmentDamaged(segment, fileBytes, { reason: 'the file ends before its durable end' })
  }
  let synced = Math.max(proven.position, facts.synced)
  const index = facts.index ?? new SparseIndex()
  const span = new Span()
  const known = yield* walkProven(segment, proven, { synced, digest, index, span })
  let { rows, recordedAt } = known
  let seal = known.end
  /** Valid batches not yet known to be synced: usually the last one or two groups. */
  const unproven: StoredBatch[] = []
  const settle = () => {
    const kept = unproven.findIndex((batch) => batch.position >= synced)
    if (kept === 0) return
    for (const batch of unproven.splice(0, kept < 0 ? unproven.length : kept)) {
      index.add({ ...batch.header, position: batch.position })
      span.add(batch.header)
      seal = endOf(batch)
    }
  }
  const onBatch = (batch: ScannedBatch) => {
    rows += batch.header.lastOffsetDelta + 1
    recordedAt = batch.header.recordedAt
    if (batch.header.syncedThrough > synced) synced = batch.header.syncedThrough
    unproven.push(batch.position < synced ? batch : withOwnBytes(batch))
    settle()
  }
  const scan = yield* scanBatches(segment, known.end, { digest, endPosition: fileBytes, onBatch })
  if (scan.problem !== undefined) {
    synced = Math.max(synced, yield* provenBeyond(segment, scan.end.position, { digest, fileBytes }))
    if (scan.end.position < synced) throw segmentDamaged(segment, scan.end.position, { reason: scan.problem })
  }
  settle()
  const tornBytes = fileBytes - scan.end.position
  return { seal, moved: unproven, tornBytes, rows, index, times: span.times, recordedAt }
}

/** Go through what is known to be synced by its headers, as open does not check sealed segments either: a bad byte in a
 * body is found by whoever reads it, and by verify. @throws {VarveError} `SEGMENT_DAMAGED` where a header is bad. */
function* walkProven(
  segment: SegmentRef,
  proven: ChainPoint,
  facts: { synced: number; digest: Digest; index: SparseIndex; span: Span },
): Reading<{ end: ChainPoint; rows: number; recordedAt: number | undefined }> {
  let { offset, hash } = proven
  let recordedAt: number | undefined
  const range = { from: proven.position, to: facts.synced, digest: facts.digest }
  yield* walkHeaders(segment, range, (header, position) => {
    if (header.baseOffset !== offset) throw segmentDamaged(segment, position, { reason: 'the offsets have a gap' })
    facts.index.add({ baseOffset: offset, position, highestAt: header.highestAt })
    facts.span.add(header)
    offset += header.lastOffsetDelta + 1
    hash = toHex(header.hash)
    recordedAt = header.recordedAt
  })
  return { end: { position: facts.synced, offset, hash }, rows: offset - proven.offset, recordedAt }
}

/** A scanned batch is a view on a chunk: copy it, once, so that it outlives the chunk without holding it. */
function withOwnBytes(batch: ScannedBatch): StoredBatch {
  const { plain: _, ...stored } = batch
  const own = batch.bytes.buffer.byteLength === batch.bytes.length
  return own ? stored : { ...stored, bytes: batch.bytes.slice() }
}

function endOf(batch: StoredBatch): ChainPoint {
  return {
    position: batch.position + batch.bytes.length,
    offset: batch.header.baseOffset + batch.header.lastOffsetDelta + 1,
    hash: toHex(batch.header.hash),
  }
}
