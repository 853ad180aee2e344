/** Reading single events whose batches are known: a header, a dictionary and the blocks that hold them, nothing else.
 * @module */
import type { DecodeContext, DecodedEvent, RowMatcher } from './decode.ts'
import type { Reading } from './file-pool.ts'
import { readOne } from './read.ts'
import type { LogPoint, SegmentRef } from './segment.ts'

/** Where a batch lies in its segment. */
export interface BatchPlace {
  readonly baseOffset: number
  readonly position: number
}

/** Append the events at ascending offsets of one segment that match.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* pickEvents(
  segment: SegmentRef,
  picked: { readonly offsets: readonly number[]; readonly places: readonly BatchPlace[] },
  want: { context: DecodeContext; match: RowMatcher | undefined; end: LogPoint; events: DecodedEvent[] },
): Reading<void> {
  const { context, end, events } = want
  for (const [at, offset] of picked.offsets.entries()) {
    const place = picked.places[at] as BatchPlace
    const start = { position: place.position, offset: place.baseOffset }
    const event = yield* readOne(segment, offset, { start, end, context, match: want.match })
    if (event !== undefined) events.push(event)
  }
}
