/** Writing and reading the checkpoint of a partition.
 * @module */
import { BATCH_HEADER_BYTES, readBatchHeader } from '../codec/batch-header.ts'
import { toHex } from '../codec/bytes.ts'
import { isVarveError } from '../errors.ts'
import {
  type Checkpoint,
  type CheckpointOwner,
  decodeCheckpoint,
  encodeCheckpoint,
  type Watermark,
} from '../index/checkpoint.ts'
import type { ProvenEnd } from '../manifest/index.ts'
import { drive, isUnreadable, type Reading } from '../segment/file-pool.ts'
import { readWhole } from '../segment/load-index.ts'
import { CHECKPOINT_FILE } from '../segment/names.ts'
import type { SegmentRef } from '../segment/segment.ts'
import type { LogContext } from './context.ts'
import { writeDerived } from './derived.ts'
import type { Partition } from './partition.ts'
import type { TermIndex } from './term-index.ts'

/** Write the checkpoint of a partition of which everything is durable and nothing is being written.
 * Derived: a failure is reported, never thrown. @returns whether it is on disk. */
export async function writeCheckpoint(
  context: LogContext,
  partition: Partition,
  facts: { lineage: string; terms: TermIndex; watermark: Watermark; lowestAt: number | undefined },
): Promise<boolean> {
  const { lineage, terms, watermark } = facts
  const file = `${partition.directory}/${CHECKPOINT_FILE}`
  try {
    const rows = await terms.completeTail()
    const index = await partition.drive(partition.indexOfActive())
    const owner = { storeId: context.storeId, lineage, partition: partition.partition, epoch: context.epoch }
    const recordedAt = partition.lastRecordedAt ?? 0
    const lowestAt = Number.isFinite(facts.lowestAt) ? { lowestAt: facts.lowestAt as number } : {}
    return await writeDerived(
      context,
      { path: file, durable: true },
      encodeCheckpoint({ ...owner, watermark, recordedAt, ...lowestAt, index, rows }, context.digest),
    )
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    context.diagnose('DERIVED_NOT_WRITTEN', `Did not write "${file}"`, { file, reason })
    return false
  }
}

/** Read the checkpoint of a partition and compare it with the segment it speaks of.
 * With `end`, known from a clean close, it must reach exactly that far and nothing of the segment is read; otherwise
 * the hash of the last batch it covers is compared. @returns undefined when there is none or it is refused, which is
 * reported. Cost: reading the file. */
export async function loadCheckpoint(
  context: LogContext,
  directory: string,
  facts: SegmentFacts & { owner: Omit<CheckpointOwner, 'storeId'> },
): Promise<Checkpoint | undefined> {
  if (!context.checkpoints) return undefined
  const file = `${directory}/${CHECKPOINT_FILE}`
  try {
    const bytes = await drive(readWhole(file), context.pool)
    const checkpoint = decodeCheckpoint(bytes, { storeId: context.storeId, ...facts.owner }, context.digest)
    const reason = await drive(misfit(checkpoint, facts, context), context.pool)
    if (reason === undefined) return checkpoint
    context.refuse(file, reason)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    if (isVarveError(error) && error.code !== 'FILE_MISSING') {
      context.refuse(file, String(error.details.reason ?? error.message))
    }
  } finally {
    await context.pool.forget(file)
  }
  return undefined
}

/** The segment a checkpoint has to speak of: with the exact end, or the size of its file. */
interface SegmentFacts {
  readonly segment: SegmentRef
  readonly end?: ProvenEnd
  readonly fileBytes?: number
}

/** Why a checkpoint cannot speak for this segment. */
function* misfit(checkpoint: Checkpoint, facts: SegmentFacts, context: LogContext): Reading<string | undefined> {
  const { watermark, lastBatchPosition } = checkpoint
  const { segment, end, fileBytes } = facts
  if (watermark.segment !== segment.id) return 'the segment of the watermark is not the active one'
  if (end !== undefined) {
    if (watermark.position !== end.position || watermark.offset !== end.offset)
      return 'it ends elsewhere than the segment'
    return watermark.hash === end.hash ? undefined : 'the hash differs from that of the segment'
  }
  if (fileBytes !== undefined && watermark.position > fileBytes) return 'the segment is shorter than the watermark'
  if (lastBatchPosition === undefined) {
    return watermark.hash === segment.hashBefore ? undefined : 'the hash differs from that of the segment'
  }
  const bytes = yield { path: segment.path, position: lastBatchPosition, length: BATCH_HEADER_BYTES }
  const place = { seed: segment.seed, position: lastBatchPosition }
  const header = readBatchHeader(bytes, 0, { place, digest: context.digest })
  if (header === undefined || toHex(header.hash) !== watermark.hash) return 'the hash differs from that of the segment'
  return undefined
}
