/** The rows of a segment from the segment itself: what a checkpoint would have said.
 * @module */
import { blockBytes, readContents } from '../codec/batch-body.ts'
import { type BlockColumns, readBlock } from '../codec/block.ts'
import type { Digest } from '../codec/digest.ts'
import type { Reading } from '../segment/file-pool.ts'
import { type ScannedBatch, scanBatches } from '../segment/scan.ts'
import { type LogPoint, type SegmentRef, segmentDamaged } from '../segment/segment.ts'
import type { TailRow, TailRows } from './tail-rows.ts'

/** Add the rows of the batches from one batch boundary up to an offset, decoding envelopes only.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* collectRows(
  segment: SegmentRef,
  range: { rows: TailRows; from: LogPoint; to: LogPoint },
  digest: Digest,
): Reading<void> {
  const { rows, from, to } = range
  const onBatch = (batch: ScannedBatch) => addBatch(rows, batch, digest)
  const start = { ...from, hash: undefined }
  const scan = yield* scanBatches(segment, start, { digest, endPosition: to.position, onBatch })
  if (scan.problem !== undefined) throw segmentDamaged(segment, scan.end.position, { reason: scan.problem })
}

function addBatch(rows: TailRows, batch: ScannedBatch, digest: Digest): void {
  const { header, plain, position, bytes } = batch
  const { body } = plain
  const { strings, blocks } = readContents(plain.preface, body)
  const list = blocks.flatMap((block) => rowsOf(readBlock(blockBytes(body, block, digest), block.rows, strings)))
  rows.add(list, { baseOffset: header.baseOffset, recordedAt: header.recordedAt, position, length: bytes.length })
}

/** What a checkpoint keeps of the rows of a block. */
export function rowsOf(columns: BlockColumns): TailRow[] {
  return columns.kinds.map((kind, row) => ({
    kind,
    entity: columns.entities[row] ?? '',
    id: columns.ids?.[row],
    correlationId: columns.correlationIds?.[row],
    causationId: columns.causationIds?.[row],
    scope: columns.scopes?.[row],
    lane: columns.lanes?.[row],
    depth: columns.depths?.[row],
    tags: columns.tags?.[row],
    idempotencyKey: columns.idempotencyKeys?.[row],
  }))
}
