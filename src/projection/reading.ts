/** Reading a topic for a fold: where it begins, and from any positions up to a moment.
 * @module */
import { VarveError } from '../errors.ts'
import type { ProjectionRow } from '../manifest/index.ts'
import { encodeCursor } from '../topic/cursor.ts'
import type { StoredEvent, Topic } from '../topic/types.ts'
import type { Folder, Folding } from './fold.ts'
import type { Projected } from './types.ts'

/** Where to go on after positions, in all partitions. */
export function cursorAt(topic: Topic, positions: readonly number[]): string {
  return encodeCursor(topic.lineage, { direction: 'forward', offsets: new Map(positions.entries()) })
}

/** Where a fold begins: at the first events that the projection ever saw.
 * @throws {VarveError} `OFFSET_PRUNED` when they are gone: a state without them would pass for one with them. */
export function beginningOf(row: ProjectionRow, { topic, topicId }: { topic: Topic; topicId: number }): number[] {
  const starts = topic.stats().partitions.map(({ logStartOffset }) => logStartOffset)
  if (row.foldVersion === 0 || row.topicId !== topicId) return starts
  return starts.map((logStartOffset, partition) => {
    const offset = row.begin?.[partition] ?? 0
    if (logStartOffset <= offset) return offset
    const message = `Cannot fold projection "${row.name}" anew: events from ${offset} to ${logStartOffset} of partition ${partition} of topic "${row.topic}" were pruned; delete the projection to begin with what is there`
    throw new VarveError('OFFSET_PRUNED', message, {
      details: { projection: row.name, topic: row.topic, partition, offset, logStartOffset },
    })
  })
}

/** Events up to a time by `recordedAt`, or those below an end offset in each partition. */
export type Until = { readonly time: number } | { readonly positions: readonly number[] }

/** Fold what comes after a state, up to a moment.
 * @throws {ApplyError} and what reading throws, `OFFSET_PRUNED` above all. */
export async function foldUntil(
  folder: Folder,
  into: Folding,
  facts: { readonly topic: Topic; readonly until: Until; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { topic, until, signal } = facts
  const isThere = () => 'positions' in until && until.positions.every((end, at) => (into.positions[at] ?? 0) >= end)
  if (isThere()) return
  const to = 'positions' in until && until.positions.length === 1 ? until.positions[0] : undefined
  const options = {
    cursor: cursorAt(topic, into.positions),
    ...(to !== undefined && { to }),
    ...(signal && { signal }),
  }
  for await (const events of topic.read(options).batches()) {
    const wanted = 'time' in until ? upToTime(events, until.time) : below(events, until.positions)
    folder.fold(into, wanted, { from: 0, to: wanted.length })
    if (isThere() || ('time' in until && wanted.length < events.length)) return
  }
}

/** Partitions are merged by `recordedAt`, which never falls within one: behind the first later event are none. */
function upToTime(events: StoredEvent[], time: number): StoredEvent[] {
  const end = events.findIndex(({ recordedAt }) => recordedAt > time)
  return end < 0 ? events : events.slice(0, end)
}

function below(events: StoredEvent[], ends: readonly number[]): StoredEvent[] {
  if (ends.length === 1) return events
  return events.filter(({ partition, offset }) => offset < (ends[partition] ?? 0))
}

/** What callers are given of a state. */
export function projected<S>(state: unknown, positions: readonly number[]): Projected<S> {
  const [offset] = positions
  const only = positions.length === 1 && offset !== undefined ? { offset } : {}
  return { state: state as S, positions: [...positions], ...only }
}

/** Events between positions and the high watermarks. */
export function lagOf(topic: Topic, positions: readonly number[]): number {
  const { partitions } = topic.stats()
  const each = partitions.map(({ partition, highWatermark, logStartOffset }) =>
    Math.max(0, highWatermark - Math.max(positions[partition] ?? 0, logStartOffset)),
  )
  return each.reduce((sum, events) => sum + events, 0)
}
