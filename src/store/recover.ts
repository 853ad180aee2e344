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
import { moveBatch, type RecordTable, segmentSeed } from '../codec/batch.ts'
import { fromHex, toHex } from '../codec/bytes.ts'
import { isVarveError, VarveError } from '../errors.ts'
import type { Head, PartitionRow, ProvenEnd, TopicRow } from '../manifest/index.ts'
import { partitionDirectory } from '../manifest/index.ts'
import { drive } from '../segment/file-pool.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { rebuildIndex } from '../segment/load-index.ts'
import { planRecovery, type TailPlan } from '../segment/recovery.ts'
import { type SegmentRef, segmentDamaged, segmentRef } from '../segment/segment.ts'
import type { LogContext } from '../topic/context.ts'
import { commitSegment, createSegment, type FreshSegment, writeIndexes } from '../topic/roll.ts'

/** What recovery did to one partition. */
export interface Recovered {
  readonly end: ProvenEnd
  readonly bytesRead: number
  readonly rows: number
  readonly repaired: { readonly file: string; readonly eventsMoved: number; readonly tornBytes: number } | undefined
}

/** What recovery knows of the owner that did not close. */
export interface PreviousOwner {
  readonly head: Head
  /** Provably dead, so that nothing can still write to its files. */
  readonly gone: boolean
}

/** The active segment of a partition. @throws {VarveError} `SEGMENT_MISSING`, `SEGMENT_FOREIGN`, `SEGMENT_DAMAGED`. */
export async function checkActiveSegment(
  context: LogContext,
  topic: TopicRow,
  row: PartitionRow,
): Promise<{ ref: SegmentRef; fileBytes: number }> {
  const directory = partitionDirectory(topic.name, row.partition)
  const active = row.segments.at(-1)
  if (active === undefined) throw new VarveError('MANIFEST_DAMAGED', `Cannot open "${directory}": it has no segment`)
  const ref = segmentRef(directory, active, { partition: row.partition, digest: context.digest })
  try {
    const handle = await context.storage.openRead(ref.path)
    try {
      const bytes = new Uint8Array(SEGMENT_HEADER_BYTES)
      const count = await handle.read(0, bytes)
      const header = decodeSegmentHeader(bytes.subarray(0, count), ref.path, context.digest)
      const fits = header.id === ref.id && header.baseOffset === ref.baseOffset && header.hashBefore === ref.hashBefore
      if (!fits || header.lineage !== topic.lineage || header.partition !== row.partition) {
        const message = `Cannot open segment "${ref.path}": its header is that of another segment`
        throw new VarveError('SEGMENT_FOREIGN', message, {
          details: { file: ref.path, expected: ref.id, found: header.id },
        })
      }
      return { ref, fileBytes: await handle.size() }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!isVarveError(error, 'FILE_MISSING')) throw error
    const details = { file: ref.path, topic: topic.name, partition: row.partition, baseOffset: ref.baseOffset }
    throw new VarveError('SEGMENT_MISSING', `Cannot open segment "${ref.path}": the file is missing`, {
      details,
      cause: error,
    })
  }
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
  const { ref, fileBytes } = await checkActiveSegment(context, topic, row)
  const slot = previous.head.slots.get(row.headSlot)
  const synced = slot !== undefined && slot.segmentId === ref.id ? slot.position : 0
  const facts = { digest: context.digest, fileBytes, synced }
  const plan = await drive(planRecovery(ref, provenEnd(row), facts), context.pool)
  const counts = { bytesRead: plan.bytesScanned, rows: plan.rows }
  if (plan.moved.length === 0 && plan.tornBytes === 0 && previous.gone) {
    return { end: plan.seal, repaired: undefined, ...counts }
  }
  const end = await moveTail(context, where, { ref, plan })
  const eventsMoved = end.offset - plan.seal.offset
  return { end, repaired: { file: ref.path, eventsMoved, tornBytes: plan.tornBytes }, ...counts }
}

async function moveTail(
  context: LogContext,
  where: { topic: TopicRow; row: PartitionRow },
  facts: { ref: SegmentRef; plan: TailPlan },
): Promise<ProvenEnd> {
  const { topic, row } = where
  const { ref, plan } = facts
  const directory = partitionDirectory(topic.name, row.partition)
  const fresh = await createSegment(context, directory, {
    partition: row.partition,
    lineage: topic.lineage,
    baseOffset: plan.seal.offset,
    hashBefore: plan.seal.hash,
  })
  const end = await writeMoved(context, fresh, plan)
  const seal = { endOffset: plan.seal.offset, endPosition: plan.seal.position, endHash: plan.seal.hash }
  await commitSegment(context, directory, fresh, () =>
    context.commit({ type: 'segment-added', topic: topic.id, partition: row.partition, seal, segment: fresh.row }),
  )
  await fresh.handle.close()
  const complete = provenEnd(row).position === SEGMENT_HEADER_BYTES
  const index = complete ? plan.index : await drive(rebuildIndex(ref, plan.seal.position, context.digest), context.pool)
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

/** Check a partition that was closed cleanly without reading its events.
 * @returns undefined when bytes lie behind the closed end, so that it has to be recovered after all.
 * @throws {VarveError} `SEGMENT_DAMAGED`, `SEGMENT_MISSING`, `SEGMENT_FOREIGN`. */
export async function checkClosedPartition(
  context: LogContext,
  topic: TopicRow,
  row: PartitionRow,
): Promise<ProvenEnd | undefined> {
  const end = provenEnd(row)
  const { ref, fileBytes } = await checkActiveSegment(context, topic, row)
  if (fileBytes < end.position) throw segmentDamaged(ref, fileBytes, { reason: 'the file ends before its durable end' })
  return fileBytes === end.position ? end : undefined
}
