/** Where each partition ends when a store is opened.
 * @module */

import { toHex } from '../codec/bytes.ts'
import type { Head, ManifestState, ManifestView, PartitionRow, ProvenEnd, TopicRow } from '../manifest/index.ts'
import { drive } from '../segment/file-pool.ts'
import { planRecovery } from '../segment/recovery.ts'
import type { LogContext } from '../topic/context.ts'
import { checkActiveSegment, checkClosedPartition, type PreviousOwner, provenEnd, recoverPartition } from './recover.ts'
import type { OpenReport } from './types.ts'

/** Durable ends by topic id and partition. */
export class PartitionEnds {
  readonly #ends = new Map<string, ProvenEnd>()

  get(topicId: number, partition: number): ProvenEnd | undefined {
    return this.#ends.get(`${topicId}/${partition}`)
  }

  set(topicId: number, partition: number, end: ProvenEnd): void {
    this.#ends.set(`${topicId}/${partition}`, end)
  }
}

interface Counts {
  segmentsRead: number
  bytesRead: number
  rowsReplayed: number
}

type Repaired = OpenReport['repaired'][number]

function* partitionsOf(state: ManifestState): Iterable<{ topic: TopicRow; row: PartitionRow }> {
  for (const topic of state.topics) for (const row of topic.partitions) yield { topic, row }
}

/** Check every partition of a store that this process just came to own; recover those that need it.
 * @throws {VarveError} `SEGMENT_DAMAGED`, `SEGMENT_MISSING`, `SEGMENT_FOREIGN`, and what the storage throws. */
export async function recoverAll(
  context: LogContext,
  state: () => ManifestState,
  previous: { clean: boolean; owner: PreviousOwner },
): Promise<{ ends: PartitionEnds; counts: Counts; repaired: Repaired[]; source: 'clean' | 'recovered' }> {
  const ends = new PartitionEnds()
  const counts: Counts = { segmentsRead: 0, bytesRead: 0, rowsReplayed: 0 }
  const repaired: Repaired[] = []
  let recoveredAny = !previous.clean
  for (const { topic, row } of partitionsOf(state())) {
    const closed = previous.clean ? await checkClosedPartition(context, topic, row) : undefined
    if (closed !== undefined) {
      ends.set(topic.id, row.partition, closed)
      continue
    }
    recoveredAny = true
    const recovered = await recoverPartition(context, { topic, row }, previous.owner)
    ends.set(topic.id, row.partition, recovered.end)
    counts.segmentsRead++
    counts.bytesRead += recovered.bytesRead
    counts.rowsReplayed += recovered.rows
    if (recovered.repaired !== undefined) {
      repaired.push({ topic: topic.name, partition: row.partition, ...recovered.repaired })
    }
  }
  return { ends, counts, repaired, source: recoveredAny ? 'recovered' : 'clean' }
}

/** The durable ends as a reader beside the owner sees them: from the head file where it names the active segment,
 * else by scanning what lies above the manifest's end. Writes nothing. */
export async function readOnlyEnds(
  context: LogContext,
  view: ManifestView,
  head: Head,
): Promise<{ ends: PartitionEnds; counts: Counts }> {
  const ends = new PartitionEnds()
  const counts: Counts = { segmentsRead: 0, bytesRead: 0, rowsReplayed: 0 }
  for (const { topic, row } of partitionsOf(view.state)) {
    const active = row.segments.at(-1)
    const slot = head.slots.get(row.headSlot)
    if (slot !== undefined && slot.segmentId === active?.id) {
      ends.set(topic.id, row.partition, { position: slot.position, offset: slot.endOffset, hash: toHex(slot.hash) })
    } else if (view.clean) {
      ends.set(topic.id, row.partition, provenEnd(row))
    } else {
      const { ref, fileBytes } = await checkActiveSegment(context, topic, row)
      const facts = { digest: context.digest, fileBytes, synced: 0 }
      const plan = await drive(planRecovery(ref, provenEnd(row), facts), context.pool)
      ends.set(topic.id, row.partition, plan.seal)
      counts.segmentsRead++
      counts.bytesRead += plan.bytesScanned
      counts.rowsReplayed += plan.rows
    }
  }
  return { ends, counts }
}
