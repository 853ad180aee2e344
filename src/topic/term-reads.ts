/** Reads that are answered by terms: candidates from the index, events from the log, every one checked.
 * @module */
import { matchRows, type RowClause } from '../index/row-search.ts'
import type { Term, TermGroups } from '../index/term.ts'
import type { DecodedEvent, RowMatcher } from '../segment/decode.ts'
import type { Reading } from '../segment/file-pool.ts'
import { matchClause } from './filter.ts'
import type { Partition, Scanned, ScanPlace, ScanWish } from './partition.ts'
import { APPEND_MAX_EVENTS } from './prepare.ts'
import { type Found, groupsOf, RowsSource, type TermSource } from './term-sources.ts'

/** Candidates that are looked up at once. */
const CANDIDATES = 1_024

/** What a read wants, with the terms that every match carries. */
export interface TermWish extends ScanWish {
  readonly groups: TermGroups
  /** An offset that may match besides: that of a computed id. */
  readonly besides: number | undefined
  readonly limit: number
}

/** What is searched: sources from the oldest on, and the events they speak of. */
export interface Searched {
  readonly partition: Partition
  readonly sources: readonly TermSource[]
}

interface SearchedSource {
  readonly partition: Partition
  readonly source: TermSource
}

/** Some matching events at or after `from`, in order. */
export function* findForward(
  { partition, sources }: Searched,
  from: number,
  wish: TermWish & { place: ScanPlace | undefined },
): Reading<Scanned & { place?: ScanPlace }> {
  const stop = Math.min(wish.to, partition.durable.offset)
  const most = Math.min(wish.limit, CANDIDATES)
  let at = from
  for (const source of sources) {
    if (source.endOffset <= at || at >= stop) continue
    const to = Math.min(stop, source.endOffset)
    const found = yield* source.search(wish.groups, { from: at, to, most, backward: false })
    if (found === 'scan') return yield* partition.forward(at, { ...wish, to }, wish.place)
    const next = found.complete ? to : (found.offsets.at(-1) ?? at) + 1
    const offsets = withBesides(found.offsets, wish.besides, { from: at, to: next })
    if (offsets.length > 0) return { events: yield* pick({ partition, source }, offsets, wish), next }
    at = to
  }
  return { events: [], next: Math.max(at, stop) }
}

/** Some matching events before `before`, newest first. */
export function* findBackward({ partition, sources }: Searched, before: number, wish: TermWish): Reading<Scanned> {
  const from = Math.max(wish.from, partition.logStartOffset)
  const most = Math.min(wish.limit, CANDIDATES)
  let at = Math.min(before, partition.durable.offset, wish.to)
  for (const source of sources.toReversed()) {
    if (source.baseOffset >= at || at <= from) continue
    const start = Math.max(from, source.baseOffset)
    const found = yield* source.search(wish.groups, { from: start, to: at, most, backward: true })
    if (found === 'scan') return yield* partition.backward(at, { ...wish, from: start })
    const next = found.complete ? start : (found.offsets.at(-1) ?? start)
    const offsets = withBesides(found.offsets.toReversed(), wish.besides, { from: next, to: at })
    if (offsets.length > 0) {
      const events = yield* pick({ partition, source }, offsets, wish)
      return { events: events.reverse(), next }
    }
    at = start
  }
  return { events: [], next: Math.min(at, from) }
}

function* pick(
  { partition, source }: SearchedSource,
  offsets: readonly number[],
  wish: ScanWish,
): Reading<DecodedEvent[]> {
  return yield* partition.pick(offsets, yield* source.places(offsets), wish)
}

/** The first event at or after `from` that matches a clause; those written and not durable yet count. */
export function* firstMatch(
  { partition, sources }: Searched,
  clause: RowClause,
  from: number,
): Reading<number | undefined> {
  const wanted = { groups: groupsOf(clause), match: matchClause(clause), from }
  for (const source of sources) {
    if (source.endOffset <= from) continue
    const found =
      source instanceof RowsSource
        ? matchRows(source.rows, clause, from)
        : yield* firstOfRun({ partition, source }, wanted)
    if (found !== undefined) return found
  }
  return undefined
}

function* firstOfRun(
  { partition, source }: SearchedSource,
  wanted: { groups: TermGroups; match: RowMatcher; from: number },
): Reading<number | undefined> {
  const { groups, match } = wanted
  const to = source.endOffset
  let from = Math.max(wanted.from, source.baseOffset)
  let place: ScanPlace | undefined
  while (from < to) {
    const wish = { since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, match, from, to }
    const found: Found | 'scan' = yield* source.search(groups, { from, to, most: CANDIDATES, backward: false })
    const run: Scanned & { place?: ScanPlace } =
      found === 'scan'
        ? yield* partition.forward(from, { ...wish, limit: 1 }, place)
        : {
            events: yield* pick({ partition, source }, found.offsets, wish),
            next: found.complete ? to : (found.offsets.at(-1) ?? to) + 1,
          }
    const [first] = run.events
    if (first !== undefined) return first.offset
    from = run.next
    place = run.place
  }
  return undefined
}

/** The first event of the last call with an idempotency key; those not durable yet count. All events of a call carry
 * its key and lie in one batch. */
export function* lastKeyed({ sources }: Searched, key: string): Reading<number | undefined> {
  const term: Term = { field: 'idempotencyKey', text: key }
  for (const source of sources.toReversed()) {
    const whole = { from: source.baseOffset, to: source.endOffset, most: 1, backward: true }
    const [last] = yield* source.offsets(term, whole)
    if (last === undefined) continue
    const [batch] = yield* source.places([last])
    const call = { from: batch?.baseOffset ?? last, to: last, most: APPEND_MAX_EVENTS, backward: true }
    let first = last
    for (const offset of yield* source.offsets(term, call)) if (offset === first - 1) first = offset
    return first
  }
  return undefined
}

/** Ascending offsets with one more among them, if it lies in the range. */
function withBesides(
  offsets: readonly number[],
  besides: number | undefined,
  range: { from: number; to: number },
): readonly number[] {
  if (besides === undefined || besides < range.from || besides >= range.to || offsets.includes(besides)) return offsets
  return [...offsets, besides].sort((a, b) => a - b)
}
