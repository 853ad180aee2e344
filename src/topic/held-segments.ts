/** The segments of a partition in memory: which one holds an offset, and where in it.
 * @module */
import { assert } from '../errors.ts'
import type { PartitionRow, Seal, SegmentRow } from '../manifest/index.ts'
import type { Reading } from '../segment/file-pool.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { extendIndex, loadIndex } from '../segment/load-index.ts'
import { type LogPoint, type SegmentRef, segmentRef } from '../segment/segment.ts'
import { SparseIndex } from '../segment/sparse-index.ts'
import type { LogContext } from './context.ts'

/** How many indexes of sealed segments stay in memory. */
const INDEXES_MAX = 64

/** A segment as the partition holds it. */
export interface HeldSegment {
  readonly ref: SegmentRef
  readonly seal: Seal | undefined
  /** The first batch that is read: behind the header, except where a salvage goes on after damage. Its offset may lie
   * inside that batch when the blocks before it are damaged. */
  readonly begin: LogPoint
  /** Of a salvaged piece, which has no derived files. */
  readonly index?: SparseIndex
}

/** Times that are wanted: `at` in `[since, until)`. */
export interface TimeWish {
  readonly since: number
  readonly until: number
}

/** Whether a segment can hold events with `at` in `[since, until)`. Those before seals said so can. */
export function overlaps(seal: Seal | undefined, wish: TimeWish): boolean {
  const { lowestAt, highestAt } = seal ?? {}
  return lowestAt === undefined || highestAt === undefined || (highestAt >= wish.since && lowestAt < wish.until)
}

/** Whose segments they are. */
export interface SegmentsOwner {
  readonly directory: string
  readonly partition: number
  /** First offset not yet durable, and the position of its batch in the active segment. */
  readonly durable: LogPoint
}

export class HeldSegments {
  readonly #context: LogContext
  readonly #owner: SegmentsOwner
  readonly #list: HeldSegment[]
  readonly #indexes = new Map<string, SparseIndex>()
  /** The index of the active segment, and the position up to which it covers it. */
  #activeIndex: { readonly index: SparseIndex; covered: number } | undefined

  constructor(context: LogContext, owner: SegmentsOwner, from: readonly HeldSegment[] | PartitionRow) {
    this.#context = context
    this.#owner = owner
    this.#list = 'segments' in from ? from.segments.map((row) => this.#hold(row)) : [...from]
  }

  #hold(row: SegmentRow): HeldSegment {
    const { directory, partition } = this.#owner
    const ref = segmentRef(directory, row, { partition, digest: this.#context.digest })
    return { ref, seal: row.sealed, begin: { position: SEGMENT_HEADER_BYTES, offset: row.baseOffset } }
  }

  get list(): readonly HeldSegment[] {
    return this.#list
  }

  get last(): HeldSegment {
    const last = this.#list.at(-1)
    assert(last !== undefined, 'a partition has a segment')
    return last
  }

  /** Take the segments of a row instead, of which the active one is another. */
  replace(row: PartitionRow): void {
    this.#list.splice(0, this.#list.length, ...row.segments.map((segment) => this.#hold(segment)))
    this.#activeIndex = undefined
  }

  /** Forget the first segments, those that `row` does not have. */
  prune(row: PartitionRow): void {
    const kept = new Set(row.segments.map((segment) => segment.id))
    const dropped = this.#list.filter(({ ref }) => !kept.has(ref.id))
    this.#list.splice(0, dropped.length)
    for (const { ref } of dropped) this.#indexes.delete(ref.id)
  }

  /** The last segment was sealed, and `row` follows it. */
  roll(seal: Seal, row: SegmentRow): void {
    const { last } = this
    this.#list[this.#list.length - 1] = { ...last, seal }
    if (this.#activeIndex?.covered === seal.endPosition) this.#remember(last.ref.id, this.#activeIndex.index)
    this.#list.push(this.#hold(row))
    this.#activeIndex = { index: new SparseIndex(), covered: SEGMENT_HEADER_BYTES }
  }

  /** Give the index of the active segment, known from recovery or a checkpoint. */
  adoptActiveIndex(index: SparseIndex): void {
    this.#activeIndex = { index, covered: this.#owner.durable.position }
  }

  /** A batch was written to the active segment. */
  noteBatch(batch: { baseOffset: number; position: number; length: number; highestAt: number }): void {
    const active = this.#activeIndex
    // After a gap the index is extended from the segment when it is next needed.
    if (active === undefined || active.covered !== batch.position) return
    active.index.add(batch)
    active.covered += batch.length
  }

  #remember(id: string, index: SparseIndex): void {
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size < INDEXES_MAX) break
      this.#indexes.delete(oldest)
    }
    this.#indexes.set(id, index)
  }

  /** The index of a segment, loaded or built when it is not in memory. */
  *indexOf(segment: HeldSegment): Reading<SparseIndex> {
    const { ref, seal } = segment
    if (segment.index !== undefined) return segment.index
    const { digest } = this.#context
    if (seal === undefined) {
      const end = this.#owner.durable.position
      this.#activeIndex ??= { index: new SparseIndex(), covered: SEGMENT_HEADER_BYTES }
      const active = this.#activeIndex
      if (active.covered >= end) return active.index
      const missing = { index: new SparseIndex(), covered: active.covered }
      yield* extendIndex(ref, missing, { endPosition: end, digest })
      // Another reading may have extended it meanwhile: only one of the two counts.
      if (active.covered === missing.covered) {
        active.index.addAll(missing.index)
        active.covered = end
      }
      return active.index
    }
    const known = this.#indexes.get(ref.id)
    if (known !== undefined) return known
    const loaded = yield* loadIndex(ref, { id: ref.id, baseOffset: ref.baseOffset, ...seal }, digest)
    if (loaded.refused !== undefined) {
      const details = { file: ref.path, reason: loaded.refused }
      this.#context.diagnose('INDEX_REBUILT', `Rebuilt the index of "${ref.path}"`, details)
    }
    this.#remember(ref.id, loaded.index)
    return loaded.index
  }

  /** The segment that holds `offset`, which lies between log start and high watermark; for an offset in a gap the one
   * before the gap, or the first. Cost: a binary search. */
  at(offset: number): HeldSegment {
    let low = 0
    let high = this.#list.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#list[middle] as HeldSegment).begin.offset <= offset) low = middle
      else high = middle - 1
    }
    return this.#list[low] as HeldSegment
  }

  /** Whether a segment has an offset. */
  holds(segment: HeldSegment, offset: number): boolean {
    return offset >= segment.begin.offset && offset < this.end(segment).offset
  }

  /** Where the gap that `offset` lies in ends. Cost: a pass over the pieces. */
  gapEnd(offset: number): number {
    return this.#list.find(({ begin }) => begin.offset > offset)?.begin.offset ?? this.#owner.durable.offset
  }

  /** The durable end of a segment. */
  end(segment: HeldSegment): LogPoint {
    const { seal } = segment
    return seal === undefined ? this.#owner.durable : { position: seal.endPosition, offset: seal.endOffset }
  }

  /** The start of the batch that holds `from`, or of a later one when all between are older than `since`. */
  *pointAt(segment: HeldSegment, from: number, since: number): Reading<LogPoint> {
    // Where a segment begins is known without its index.
    if (from <= segment.begin.offset && since === Number.NEGATIVE_INFINITY) return segment.begin
    const index = yield* this.indexOf(segment)
    let entry = Math.max(0, index.entryAt(from))
    if (since !== Number.NEGATIVE_INFINITY) {
      const timely = index.entrySince(since)
      if (timely >= index.offsets.length) return this.end(segment)
      entry = Math.max(entry, timely)
    }
    const position = index.positions[entry]
    if (position === undefined) return segment.begin
    return { position, offset: index.offsets[entry] ?? segment.begin.offset }
  }

  /** Where events in time can begin at or after an offset: segments whose times lie apart are passed over. */
  firstTimely(from: number, wish: TimeWish): number {
    let at = from
    for (;;) {
      const segment = this.at(at)
      if (!this.holds(segment, at) || overlaps(segment.seal, wish)) return at
      at = this.end(segment).offset
    }
  }

  /** Where events in time can end before an offset. @param lowest which is low enough. */
  lastTimely(before: number, lowest: number, wish: TimeWish): number {
    let at = before
    while (at > lowest) {
      const segment = this.at(at - 1)
      if (!this.holds(segment, at - 1) || overlaps(segment.seal, wish)) return at
      at = segment.begin.offset
    }
    return at
  }
}
