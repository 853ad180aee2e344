/** Bringing the partitions of a store back after a stop without a clean close.
 *
 * Per partition, in this order, each step safe to repeat after a crash:
 * 1. Find what is known to be synced, scan what lies above it. Nothing is written.
 * 2. Nothing above it and the old owner provably dead: the same file continues.
 * 3. Otherwise create a new segment, write the valid batches of the crash tail to it again, sync file and directory.
 * 4. One manifest record seals the old segment at its last synced end and adds the new one: the commit point. The bytes
 *    behind that end stay where they are. Nothing is served before.
 * 5. Write the derived indexes of the sealed segment.
 * @module */
import { moveBatch, type RecordTable } from '../codec/batch.ts'
import { segmentSeed } from '../codec/batch-header.ts'
import { fromHex, toHex } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { isVarveError, VarveError } from '../errors.ts'
import type { Checkpoint } from '../index/checkpoint.ts'
import type { Head, PartitionRow, ProvenEnd, TopicRow } from '../manifest/index.ts'
import { lineageAt, partitionDirectory } from '../manifest/index.ts'
import { drive, type Reading } from '../segment/file-pool.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentFeatures } from '../segment/header.ts'
import { rebuildIndex } from '../segment/load-index.ts'
import { planRecovery, type TailPlan } from '../segment/recovery.ts'
import { type SegmentRef, segmentDamaged, segmentRef } from '../segment/segment.ts'
import type { SpanTimes } from '../segment/span.ts'
import type { SparseIndex } from '../segment/sparse-index.ts'
import { loadCheckpoint } from '../topic/checkpoints.ts'
import type { LogContext } from '../topic/context.ts'
import type { HeldSegment } from '../topic/held-segments.ts'
import { commitSegment, createSegment, type FreshSegment, writeIndexes } from '../topic/roll.ts'

/** What recovery did to one partition. */
export interface Recovered {
  readonly start: PartitionStart
  readonly bytesRead: number
  readonly rows: number
  readonly repaired: { readonly file: string; readonly eventsMoved: number; readonly tornBytes: number } | undefined
}

/** Where a partition begins to work, and what is known of it without reading. */
export interface PartitionStart {
  readonly end: ProvenEnd
  /** Of a store that only reads: the segment that was active then. */
  readonly segmentId?: string
  /** Of the active segment, when recovery went through it. */
  readonly index?: SparseIndex
  readonly recordedAt?: number
  /** Of a salvage: what the partition is made of instead of its segments. */
  readonly pieces?: readonly HeldSegment[]
}

/** What recovery knows of the owner that did not close. */
export interface PreviousOwner {
  readonly head: Head
  /** Provably dead, so that nothing can still write to its files. */
  readonly gone: boolean
}

/** The active segment of a partition and the size of its file, of which nothing is read. */
export interface ActiveSegment {
  readonly ref: SegmentRef
  readonly fileBytes: number
}

/** Find the active segment of a partition. @throws {VarveError} `SEGMENT_MISSING`. */
export async function activeSegment(context: LogContext, topic: TopicRow, row: PartitionRow): Promise<ActiveSegment> {
  const directory = partitionDirectory(topic.name, row.partition)
  const active = row.segments.at(-1)
  if (active === undefined) throw new VarveError('MANIFEST_DAMAGED', `Cannot open "${directory}": it has no segment`)
  const ref = segmentRef(directory, active, { partition: row.partition, digest: context.digest })
  try {
    const handle = await context.storage.openRead(ref.path)
    try {
      return { ref, fileBytes: await handle.size() }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!isVarveError(error, 'FILE_MISSING')) throw error
    const details = { file: ref.path, topic: topic.name, partition: row.partition, baseOffset: ref.baseOffset }
    const message = `Cannot open segment "${ref.path}": the file is missing`
    throw new VarveError('SEGMENT_MISSING', message, { details, cause: error })
  }
}

/** Check that a segment file is the one the manifest means.
 * @throws {VarveError} `SEGMENT_FOREIGN`, `SEGMENT_DAMAGED`. */
export function* checkHeader(segment: SegmentRef, lineage: string, digest: Digest): Reading<void> {
  const bytes = yield { path: segment.path, position: 0, length: SEGMENT_HEADER_BYTES }
  const header = decodeSegmentHeader(bytes, segment.path, digest)
  const fits =
    header.id === segment.id &&
    header.baseOffset === segment.baseOffset &&
    header.hashBefore === segment.hashBefore &&
    header.lineage === lineage &&
    header.partition === segment.partition
  if (fits) return
  const message = `Cannot open segment "${segment.path}": its header is that of another segment`
  const details = { file: segment.path, expected: segment.id, found: header.id }
  throw new VarveError('SEGMENT_FOREIGN', message, { details })
}

/** The end that the manifest vouches for: the last clean close, or the beginning of the segment. */
export function provenEnd(row: PartitionRow): ProvenEnd {
  const active = row.segments.at(-1)
  return (
    row.proven ?? {
      position: SEGMENT_HEADER_BYTES,
      offset: active?.baseOffset ?? row.logStartOffset,
      hash: active?.hashBefore ?? row.logStartHash,
    }
  )
}

/** Recover one partition. @throws {VarveError} `SEGMENT_DAMAGED`, `SEGMENT_MISSING`, and what the storage throws. */
export async function recoverPartition(
  context: LogContext,
  where: { topic: TopicRow; row: PartitionRow },
  previous: PreviousOwner,
): Promise<Recovered> {
  const { topic, row } = where
  const { ref, fileBytes } = await activeSegment(context, topic, row)
  const lineage = lineageAt(topic, row.partition, ref.baseOffset)
  await drive(checkHeader(ref, lineage, context.digest), context.pool)
  const slot = previous.head.slots.get(row.headSlot)
  const synced = slot !== undefined && slot.segmentId === ref.id ? slot.position : 0
  const owner = { lineage: topic.lineage, partition: row.partition }
  const directory = partitionDirectory(topic.name, row.partition)
  const checkpoint = await loadCheckpoint(context, directory, { owner, segment: ref, fileBytes })
  const proven = provenEnd(row)
  // A checkpoint is written after a sync of everything it covers, so its watermark is as good as a proven end.
  const ahead = checkpoint !== undefined && checkpoint.watermark.position > proven.position ? checkpoint : undefined
  const from = ahead?.watermark ?? proven
  const known = ahead === undefined ? {} : { index: ahead.index }
  const before = context.pool.bytesRead
  const plan = await drive(
    planRecovery(ref, from, { digest: context.digest, fileBytes, synced, ...known }),
    context.pool,
  )
  const whole = ahead !== undefined || from.position === SEGMENT_HEADER_BYTES
  const index = whole ? plan.index : await drive(rebuildIndex(ref, plan.seal.position, context.digest), context.pool)
  const recordedAt = plan.recordedAt ?? ahead?.recordedAt
  const start: PartitionStart = {
    end: plan.seal,
    ...(recordedAt === undefined ? {} : { recordedAt }),
  }
  const counts = { bytesRead: context.pool.bytesRead - before, rows: plan.rows }
  if (plan.moved.length === 0 && plan.tornBytes === 0 && previous.gone) {
    return { start: { ...start, index }, repaired: undefined, ...counts }
  }
  const times = whole ? sealedTimes(plan, ahead) : {}
  const end = await moveTail(context, where, { ref, plan, index, times })
  const eventsMoved = end.offset - plan.seal.offset
  const repaired = { file: ref.path, eventsMoved, tornBytes: plan.tornBytes }
  return { start: { ...start, end }, repaired, ...counts }
}

/** When the events of the sealed part were, as far as that is known: from the batches that were gone through, and from
 * the checkpoint that covers those before them. Keys are not counted: headers do not have them. */
function sealedTimes(plan: TailPlan, covered: Checkpoint | undefined): Partial<SpanTimes> {
  const { times } = plan
  const recordedAt = times?.recordedAt ?? covered?.recordedAt
  const highestAt = plan.index.highestAt.at(-1)
  if (recordedAt === undefined || highestAt === undefined) return {}
  const lowest = covered === undefined ? Number.POSITIVE_INFINITY : covered.lowestAt
  if (lowest === undefined) return { highestAt, recordedAt }
  return { lowestAt: Math.min(lowest, times?.lowestAt ?? lowest), highestAt, recordedAt }
}

async function moveTail(
  context: LogContext,
  where: { topic: TopicRow; row: PartitionRow },
  facts: { ref: SegmentRef; plan: TailPlan; index: SparseIndex; times: Partial<SpanTimes> },
): Promise<ProvenEnd> {
  const { topic, row } = where
  const { ref, plan, index } = facts
  const directory = partitionDirectory(topic.name, row.partition)
  const fresh = await createSegment(context, directory, {
    partition: row.partition,
    lineage: topic.lineage,
    baseOffset: plan.seal.offset,
    hashBefore: plan.seal.hash,
    features: ref.features | segmentFeatures(topic.options),
  })
  const end = await writeMoved(context, fresh, plan)
  const { offset, position, hash } = plan.seal
  const seal = { endOffset: offset, endPosition: position, endHash: hash, ...facts.times }
  await commitSegment(context, directory, fresh, () =>
    context.commit({ type: 'segment-added', topic: topic.id, partition: row.partition, seal, segment: fresh.row }),
  )
  await fresh.handle.close()
  await writeIndexes(context, ref.path, { index, seal: { id: ref.id, baseOffset: ref.baseOffset, ...seal } })
  return end
}

/** Write the batches of the crash tail to a fresh segment: same events, same chain, new places. Nothing is synced. */
async function writeMoved(context: LogContext, fresh: FreshSegment, plan: TailPlan): Promise<ProvenEnd> {
  const { digest, epoch } = context
  const seed = segmentSeed(fromHex(fresh.row.id), digest)
  let end: ProvenEnd = { ...plan.seal, position: SEGMENT_HEADER_BYTES }
  let written: RecordTable | undefined
  let tablePosition: number | undefined
  for (const batch of plan.moved) {
    const known = written?.crc === batch.table.crc && written.bytes.length === batch.table.bytes.length
    const moved = moveBatch(batch.bytes, batch, {
      place: { seed, position: end.position },
      epoch,
      syncedThrough: 0,
      table: batch.table,
      tablePosition: known ? tablePosition : undefined,
      digest,
    })
    await fresh.handle.append(moved.bytes)
    written = batch.table
    tablePosition = moved.tablePosition
    end = {
      position: end.position + moved.bytes.length,
      offset: batch.header.baseOffset + batch.header.lastOffsetDelta + 1,
      hash: toHex(batch.header.hash),
    }
  }
  return end
}

/** Take up a partition that was closed cleanly: nothing of its segment is read.
 * @returns undefined when bytes lie behind the closed end, so that it has to be recovered after all.
 * @throws {VarveError} `SEGMENT_DAMAGED`, `SEGMENT_MISSING`. */
export async function closedPartition(
  context: LogContext,
  topic: TopicRow,
  row: PartitionRow,
): Promise<PartitionStart | undefined> {
  const end = provenEnd(row)
  const { ref, fileBytes } = await activeSegment(context, topic, row)
  if (fileBytes < end.position) throw segmentDamaged(ref, fileBytes, { reason: 'the file ends before its durable end' })
  return fileBytes === end.position ? { end } : undefined
}
