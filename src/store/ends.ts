/** Where each partition ends when a store is opened.
 * @module */

import { toHex } from '../codec/bytes.ts'
import type { Head, ManifestState, ManifestView, PartitionRow, TopicRow } from '../manifest/index.ts'
import { drive } from '../segment/file-pool.ts'
import { planRecovery } from '../segment/recovery.ts'
import type { LogContext } from '../topic/context.ts'
import {
  activeSegment,
  closedPartition,
  type PartitionStart,
  type PreviousOwner,
  provenEnd,
  recoverPartition,
} from './recover.ts'
import type { OpenReport } from './types.ts'

/** Where partitions start, by topic id and partition. */
export class PartitionStarts {
  readonly #starts = new Map<string, PartitionStart>()

  /** A partition that nothing is known of begins where the manifest says; so does one whose owner, another process, has
   * rolled since. */
  get(topicId: number, row: PartitionRow): PartitionStart {
    const known = this.#starts.get(`${topicId}/${row.partition}`)
    const isOld = known?.segmentId !== undefined && known.segmentId !== row.segments.at(-1)?.id
    return known === undefined || isOld ? { end: provenEnd(row) } : known
  }

  set(topicId: number, partition: number, start: PartitionStart): void {
    this.#starts.set(`${topicId}/${partition}`, start)
  }
}

interface Counts {
  segmentsRead: number
  bytesRead: number
  rowsReplayed: number
}

type Repaired = OpenReport['repaired'][number]

/** Every partition of every topic. */
export function partitionsOf(state: ManifestState): { topic: TopicRow; row: PartitionRow }[] {
  return state.topics.flatMap((topic) => topic.partitions.map((row) => ({ topic, row })))
}

/** Check every partition of a store that this process just came to own; recover those that need it.
 * @throws {VarveError} `SEGMENT_DAMAGED`, `SEGMENT_MISSING`, `SEGMENT_FOREIGN`, and what the storage throws. */
export async function recoverAll(
  context: LogContext,
  state: () => ManifestState,
  previous: { clean: boolean; owner: PreviousOwner },
): Promise<{ starts: PartitionStarts; counts: Counts; repaired: Repaired[]; source: 'clean' | 'recovered' }> {
  const starts = new PartitionStarts()
  const counts: Counts = { segmentsRead: 0, bytesRead: 0, rowsReplayed: 0 }
  const repaired: Repaired[] = []
  let recoveredAny = !previous.clean
  for (const { topic, row } of partitionsOf(state())) {
    const closed = previous.clean ? await closedPartition(context, topic, row) : undefined
    if (closed !== undefined) {
      starts.set(topic.id, row.partition, closed)
      continue
    }
    recoveredAny = true
    const recovered = await recoverPartition(context, { topic, row }, previous.owner)
    starts.set(topic.id, row.partition, recovered.start)
    counts.segmentsRead++
    counts.bytesRead += recovered.bytesRead
    counts.rowsReplayed += recovered.rows
    if (recovered.repaired !== undefined) {
      repaired.push({ topic: topic.name, partition: row.partition, ...recovered.repaired })
    }
  }
  return { starts, counts, repaired, source: recoveredAny ? 'recovered' : 'clean' }
}

/** The durable ends as a reader beside the owner sees them: from the head file where it names the active segment,
 * else by scanning what lies above the manifest's end. Writes nothing. */
export async function readOnlyStarts(
  context: LogContext,
  view: ManifestView,
  head: Head,
): Promise<{ starts: PartitionStarts; counts: Counts }> {
  const starts = new PartitionStarts()
  const counts: Counts = { segmentsRead: 0, bytesRead: 0, rowsReplayed: 0 }
  for (const { topic, row } of partitionsOf(view.state)) {
    const active = row.segments.at(-1)
    const segmentId = active?.id ?? ''
    const slot = head.slots.get(row.headSlot)
    if (slot !== undefined && slot.segmentId === segmentId) {
      const end = { position: slot.position, offset: slot.endOffset, hash: toHex(slot.hash) }
      starts.set(topic.id, row.partition, { end, segmentId })
    } else if (view.clean) {
      starts.set(topic.id, row.partition, { end: provenEnd(row), segmentId })
    } else {
      const { ref, fileBytes } = await activeSegment(context, topic, row)
      const facts = { digest: context.digest, fileBytes, synced: 0 }
      const before = context.pool.bytesRead
      const plan = await drive(planRecovery(ref, provenEnd(row), facts), context.pool)
      starts.set(topic.id, row.partition, { end: plan.seal, segmentId })
      counts.segmentsRead++
      counts.bytesRead += context.pool.bytesRead - before
      counts.rowsReplayed += plan.rows
    }
  }
  return { starts, counts }
}
