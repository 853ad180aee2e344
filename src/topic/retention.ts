/** What pruning may take from a partition: plain planning, which reads and writes nothing.
 *
 * Whole sealed segments go, oldest first. What lies within the limits is kept, so a limit is exceeded by less than a
 * segment; the active segment always stays.
 * @module */
import type { PartitionRow, SegmentRow } from '../manifest/index.ts'
import type { Retention } from './types.ts'

/** What is too much: a segment goes when any of these says so. */
export interface PruneRule extends Retention {
  /** Everything below this offset may go. */
  readonly before?: number
}

/** Where a partition ends, and what time it is. */
export interface PruneFacts {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Durable end of the active segment. */
  readonly end: { readonly position: number; readonly offset: number }
}

export interface PrunePlan {
  /** How many of the first segments go, at least 1. */
  readonly segments: number
  /** Where the log begins then: base offset of the first segment that stays, and the chain hash before it. */
  readonly logStartOffset: number
  readonly logStartHash: string
}

/** Plan what goes. A sealed segment whose seal does not say when it was recorded is not too old for `maxAgeMs`.
 * @returns undefined when everything stays. */
export function planPrune(row: PartitionRow, rule: PruneRule, facts: PruneFacts): PrunePlan | undefined {
  const { segments } = row
  let count = Math.max(countBelow(row, rule), countOld(row, rule, facts), countSurplus(row, rule, facts))
  if (count === 0) return undefined
  // A segment without events keeps nothing.
  while (isEmpty(segments[count])) count++
  count = Math.min(count, segments.length - 1)
  const first = segments[count]
  if (first === undefined || first.baseOffset <= row.logStartOffset) return undefined
  return { segments: count, logStartOffset: first.baseOffset, logStartHash: first.hashBefore }
}

function isEmpty(segment: SegmentRow | undefined): boolean {
  return segment?.sealed !== undefined && segment.sealed.endOffset === segment.baseOffset
}

/** How many of the first segments lie below `before`. */
function countBelow({ segments }: PartitionRow, { before = 0 }: PruneRule): number {
  return countWhile(segments, ({ sealed }) => sealed !== undefined && sealed.endOffset <= before)
}

function countOld({ segments }: PartitionRow, { maxAgeMs }: PruneRule, { now }: PruneFacts): number {
  if (maxAgeMs === undefined) return 0
  const horizon = now - maxAgeMs
  return countWhile(segments, (segment) => {
    const recordedAt = segment.sealed?.recordedAt
    return isEmpty(segment) || (recordedAt !== undefined && recordedAt < horizon)
  })
}

/** How many of the first segments can go with as much left as the limits allow. */
function countSurplus({ segments }: PartitionRow, { maxBytes, maxEvents }: PruneRule, { end }: PruneFacts): number {
  let bytesAfter = end.position
  for (const { sealed } of segments) bytesAfter += sealed?.endPosition ?? 0
  const isSurplus = ({ sealed }: SegmentRow) => {
    if (sealed === undefined) return false
    bytesAfter -= sealed.endPosition
    const eventsAfter = end.offset - sealed.endOffset
    return (maxBytes !== undefined && bytesAfter >= maxBytes) || (maxEvents !== undefined && eventsAfter >= maxEvents)
  }
  return countWhile(segments, isSurplus)
}

function countWhile(segments: readonly SegmentRow[], holds: (segment: SegmentRow) => boolean): number {
  const stays = segments.findIndex((segment) => !holds(segment))
  return stays < 0 ? segments.length : stays
}
