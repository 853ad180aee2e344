/** Opening the partitions of a topic.
 * @module */
import type { Checkpoint } from '../index/checkpoint.ts'
import type { PartitionRow, ProvenEnd, TopicRow } from '../manifest/index.ts'
import { SparseIndex } from '../segment/sparse-index.ts'
import { loadCheckpoint } from '../topic/checkpoints.ts'
import type { LogContext } from '../topic/context.ts'
import { Partition } from '../topic/partition.ts'
import type { OpenPartition } from '../topic/readable.ts'
import { TermIndex } from '../topic/term-index.ts'
import type { LogTopic } from '../topic/topic.ts'
import type { TopicSettings } from '../topic/types.ts'
import { PartitionWriter } from '../topic/writer.ts'
import type { PartitionStart } from './recover.ts'

/** The row of an open topic as it is now: its options may change. */
export interface LiveRow {
  row: TopicRow
  settings: TopicSettings
}

export interface OpenTopic {
  readonly topic: LogTopic
  readonly live: LiveRow
  readonly partitions: readonly OpenPartition[]
}

/** Open a partition, for writing unless the store is read-only.
 * @param rolled called after each roll. */
export async function openPartition(
  context: LogContext,
  facts: { readonly live: LiveRow; readonly row: PartitionRow; readonly start: PartitionStart },
  rolled: () => void,
): Promise<OpenPartition> {
  const { live, row, start } = facts
  const { name, lineage, ancestors, id } = live.row
  const { end, pieces } = start
  const held = { topic: name, lineage, ancestors, row, durable: end }
  const partition = new Partition(context, pieces === undefined ? held : { ...held, pieces })
  const isFresh = end.offset === partition.active.ref.baseOffset
  const checkpoint = isFresh ? undefined : await checkpointAt(context, lineage, { partition, end })
  const index = isFresh ? new SparseIndex() : (start.index ?? checkpoint?.index)
  if (index !== undefined) partition.adoptActiveIndex(index)
  const lastRecordedAt = start.recordedAt ?? checkpoint?.recordedAt ?? (await lastRecorded(partition))
  if (lastRecordedAt !== undefined) partition.adoptLastRecordedAt(lastRecordedAt)
  const terms = new TermIndex(context, partition, checkpoint)
  if (context.readOnly) return { partition, terms, writer: undefined }
  const writer = new PartitionWriter(context, partition, {
    topic: name,
    lineage,
    settings: () => live.settings,
    topicId: id,
    handle: await context.storage.openAppend(partition.active.ref.path),
    end,
    lastRecordedAt: lastRecordedAt ?? 0,
    lowestAt: isFresh ? Number.POSITIVE_INFINITY : checkpoint?.lowestAt,
    terms,
    checkpointed: checkpoint !== undefined,
    rolled,
  })
  return { partition, terms, writer }
}

/** The checkpoint of a partition when it covers everything up to `end`: the usual case after a clean close. */
function checkpointAt(
  context: LogContext,
  lineage: string,
  { partition, end }: { readonly partition: Partition; readonly end: ProvenEnd },
): Promise<Checkpoint | undefined> {
  const owner = { lineage, partition: partition.partition }
  return loadCheckpoint(context, partition.directory, { owner, segment: partition.active.ref, end })
}

/** `recordedAt` of the last event, so that it never goes backwards over a restart. Reads one block, unless the event is
 * in a sealed segment that says it. */
async function lastRecorded(partition: Partition): Promise<number | undefined> {
  const { offset } = partition.durable
  if (offset === partition.logStartOffset) return undefined
  const last = partition.segments.at(-2)?.seal
  if (last?.endOffset === offset && last.recordedAt !== undefined && last.recordedAt > 0) return last.recordedAt
  return (await partition.drive(partition.one(offset - 1)))?.recordedAt
}
