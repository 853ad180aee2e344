/** One partition as readers see it: its segments, how far it is durable, and the way from an offset to an event.
 * @module */
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from '../codec/batch-header.ts'
import { assert, isVarveError, VarveError } from '../errors.ts'
import type { AncestorRow, PartitionRow, ProvenEnd, Seal, SegmentRow } from '../manifest/index.ts'
import { partitionDirectory } from '../manifest/index.ts'
import type { DecodeContext, DecodedEvent, RowMatcher } from '../segment/decode.ts'
import { drive, type Reading } from '../segment/file-pool.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { baseOffsetOf } from '../segment/names.ts'
import { type BatchPlace, pickEvents } from '../segment/pick.ts'
import { readBackward, readForward, readOne } from '../segment/read.ts'
import { type LogPoint, segmentDamaged } from '../segment/segment.ts'
import type { SparseIndex } from '../segment/sparse-index.ts'
import type { LogContext } from './context.ts'
import { EventIds } from './event-ids.ts'
import { type HeldSegment, HeldSegments, overlaps } from './held-segments.ts'
import { proveEvent } from './proof.ts'
import type { EventProof, PartitionStats } from './types.ts'

/** What a partition is made of. */
export interface PartitionFacts {
  readonly topic: string
  readonly lineage: string
  readonly ancestors?: readonly AncestorRow[] | undefined
  readonly row: PartitionRow
  readonly durable: ProvenEnd
  /** What a salvage found, in offset order, all with a seal and an index, at least one; between them may be gaps. */
  readonly pieces?: readonly HeldSegment[]
}

/** What a scan of the log wants. */
export interface ScanWish {
  /** First offset, inclusive. */
  readonly from: number
  /** Last offset, exclusive. */
  readonly to: number
  readonly since: number
  readonly until: number
  readonly match: RowMatcher | undefined
  /** Give `LazyEvent`s: envelopes, and values only to those who ask. */
  readonly raw?: boolean
}

/** What of the events at some offsets is wanted. */
export type PickWish = Pick<ScanWish, 'since' | 'until' | 'match' | 'raw'>

/** Some events, and the offset where the scan continues. */
export interface Scanned {
  readonly events: DecodedEvent[]
  readonly next: number
}

/** Where a forward scan stopped, so that it goes on without a look-up. */
export interface ScanPlace {
  readonly segment: HeldSegment
  readonly point: LogPoint
}

function isSame(a: HeldSegment, b: HeldSegment): boolean {
  return a.ref.id === b.ref.id && a.begin.offset === b.begin.offset
}

export class Partition {
  readonly topic: string
  readonly lineage: string
  readonly partition: number
  readonly directory: string
  readonly headSlot: number
  #logStartOffset: number
  #droppedSegments: number
  #prunedVersions: string | undefined
  /** The ids of events that have none of their own. */
  readonly ids: EventIds
  readonly #context: LogContext
  readonly #segments: HeldSegments
  #durable: ProvenEnd
  #lastRecordedAt: number | undefined
  readonly #waiting = new Set<() => void>()
  /** The error that whoever uses it gets, once the topic was deleted. */
  gone: VarveError | undefined
  /** Called when the log start was raised. */
  onPruned: (() => void) | undefined

  /** Made of what a salvage found: reads skip its gaps, and no derived file may be used. */
  readonly salvaged: boolean

  constructor(context: LogContext, facts: PartitionFacts) {
    const { row } = facts
    this.topic = facts.topic
    this.lineage = facts.lineage
    this.partition = row.partition
    this.directory = partitionDirectory(facts.topic, row.partition)
    this.headSlot = row.headSlot
    this.#logStartOffset = row.logStartOffset
    this.#context = context
    this.ids = new EventIds(facts, row.partition)
    this.#droppedSegments = row.droppedSegments ?? 0
    this.#prunedVersions = row.prunedVersions
    this.salvaged = facts.pieces !== undefined
    this.#durable = facts.durable
    this.#segments = new HeldSegments(context, this, facts.pieces ?? row)
  }

  /** The first offset that is kept. Pruning raises it. */
  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** How many segments there were before the first one. */
  get droppedSegments(): number {
    return this.#droppedSegments
  }

  /** The file with the versions of entities whose events were pruned. */
  get prunedVersions(): string | undefined {
    return this.#prunedVersions
  }

  /** Segments before `row`'s log start were given up; their files may be gone from now on. */
  pruned(row: PartitionRow): void {
    this.#segments.prune(row)
    this.#logStartOffset = row.logStartOffset
    this.#droppedSegments = row.droppedSegments ?? 0
    this.#prunedVersions = row.prunedVersions
    this.onPruned?.()
    this.wake()
  }

  get segments(): readonly HeldSegment[] {
    return this.#segments.list
  }

  get active(): HeldSegment {
    const { last } = this.#segments
    assert(this.salvaged || last.seal === undefined, 'the last segment is active')
    return last
  }

  /** First offset not yet durable, the position of its batch in the active segment, and the chain hash before it. */
  get durable(): ProvenEnd {
    return this.#durable
  }

  get lastRecordedAt(): number | undefined {
    return this.#lastRecordedAt
  }

  /** Give the index of the active segment, known from recovery or a checkpoint. */
  adoptActiveIndex(index: SparseIndex): void {
    this.#segments.adoptActiveIndex(index)
  }

  adoptLastRecordedAt(recordedAt: number): void {
    this.#lastRecordedAt = recordedAt
  }

  /** A batch was written to the active segment. It is read once `publish` covers it. */
  noteBatch(batch: { baseOffset: number; position: number; length: number; highestAt: number }): void {
    this.#segments.noteBatch(batch)
  }

  #decoding({ ref }: HeldSegment): DecodeContext {
    const { digest, tables } = this.#context
    return { digest, partition: this.partition, idPrefix: this.ids.prefixAt(ref.baseOffset), tables }
  }

  /** Everything before `point` is durable: readers may have it. */
  publish(point: ProvenEnd, recordedAt: number): void {
    assert(point.offset >= this.#durable.offset, 'the high watermark never falls')
    this.#durable = point
    this.#lastRecordedAt = recordedAt
    this.wake()
  }

  /** Let every waiting tail look again. */
  wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Call `wake` once, at the next publish. @returns stops waiting. */
  onChange(wake: () => void): () => void {
    // Nothing changes any more: whoever waits is to find out.
    if (this.gone !== undefined) void Promise.resolve().then(wake)
    this.#waiting.add(wake)
    this.#context.follow()
    return () => this.#waiting.delete(wake)
  }

  /** Somebody waits for the next publish. */
  get awaited(): boolean {
    return this.#waiting.size > 0
  }

  /** Take over what another process did to this partition: its segments, and how far they are durable. */
  follow(row: PartitionRow, durable: ProvenEnd): void {
    const rolled = row.segments.at(-1)?.id !== this.active.ref.id
    if (rolled) this.#segments.replace(row)
    if (durable.offset <= this.#durable.offset && !rolled) return
    // The end of a sealed segment is where the next one begins, so the offset never falls.
    assert(durable.offset >= this.#durable.offset, 'the high watermark never falls')
    this.#durable = durable
    this.#lastRecordedAt = undefined
    this.wake()
  }

  /** The active segment was sealed and `row` follows it. Everything in it is durable. */
  rolled(seal: Seal, row: SegmentRow): void {
    assert(seal.endOffset === this.#durable.offset, 'a segment is sealed when all of it is durable')
    this.#segments.roll(seal, row)
    this.#durable = { position: SEGMENT_HEADER_BYTES, offset: seal.endOffset, hash: seal.endHash }
  }

  /** The index of the active segment, built when it is not in memory. */
  *indexOfActive(): Reading<SparseIndex> {
    return yield* this.#segments.indexOf(this.active)
  }

  /** Read some wanted events at or after `from`, in order. `next` reaches `wish.to` or the high watermark at the end.
   * Cost: one read of a chunk, an index look-up when `place` does not fit. */
  *forward(
    first: number,
    wish: ScanWish & { limit: number },
    place?: ScanPlace,
  ): Reading<Scanned & { place?: ScanPlace }> {
    const stop = Math.min(wish.to, this.#durable.offset)
    if (first >= stop) return { events: [], next: first }
    const from = this.#segments.firstTimely(first, wish)
    if (from >= stop) return { events: [], next: stop }
    const segment = this.#segments.at(from)
    if (!this.#segments.holds(segment, from)) return { events: [], next: Math.min(this.#segments.gapEnd(from), stop) }
    const end = this.#segments.end(segment)
    let point: LogPoint
    if (place !== undefined && isSame(place.segment, segment)) {
      point = place.point
    } else {
      point = yield* this.#segments.pointAt(segment, from, wish.since)
    }
    if (point.offset >= end.offset) return { events: [], next: Math.min(end.offset, stop) }
    const reach = wish.match === undefined && wish.limit < stop - from ? from + wish.limit : stop
    const options = { ...wish, from, to: Math.min(reach, end.offset), context: this.#decoding(segment), end }
    const run = yield* readForward(segment.ref, point, options)
    const next = Math.max(from, run.next.offset)
    return { events: run.events, next: Math.min(next, stop), place: { segment, point: run.next } }
  }

  /** Read some wanted events before `before` (exclusive), newest first. `next` reaches `wish.from` at the end. */
  *backward(before: number, wish: ScanWish & { limit: number }): Reading<Scanned> {
    const lowest = Math.max(wish.from, this.logStartOffset)
    const start = this.#segments.lastTimely(Math.min(before, this.#durable.offset, wish.to), lowest, wish)
    if (start <= lowest) return { events: [], next: lowest }
    const segment = this.#segments.at(start - 1)
    if (!this.#segments.holds(segment, start - 1)) {
      const behind = this.#segments.end(segment).offset
      return { events: [], next: behind < start ? Math.max(lowest, behind) : lowest }
    }
    const from = Math.max(lowest, segment.begin.offset)
    const index = yield* this.#segments.indexOf(segment)
    const end = this.#segments.end(segment)
    const options = { ...wish, from, context: this.#decoding(segment), end, index }
    const run = yield* readBackward(segment.ref, start, options)
    return { events: run.events, next: Math.max(from, run.before) }
  }

  /** The event at an offset below the high watermark; undefined in a gap of a salvage. Cost: at most three small reads.
   * @throws {VarveError} `OFFSET_OUT_OF_RANGE`, `SEGMENT_DAMAGED`. */
  *one(offset: number): Reading<DecodedEvent | undefined> {
    if (offset >= this.#durable.offset) return undefined
    if (offset < this.logStartOffset) throw this.outOfRange(offset)
    const segment = this.#segments.at(offset)
    if (!this.#segments.holds(segment, offset)) return undefined
    const start = yield* this.#segments.pointAt(segment, offset, Number.NEGATIVE_INFINITY)
    const options = { start, end: this.#segments.end(segment), context: this.#decoding(segment) }
    return yield* readOne(segment.ref, offset, options)
  }

  /** The events at ascending offsets, of which the batches are known, as far as they match and are durable. */
  *pick(offsets: readonly number[], places: readonly BatchPlace[], wish: PickWish): Reading<DecodedEvent[]> {
    const events: DecodedEvent[] = []
    const most = Math.min(offsets.length, places.length)
    for (let at = 0; at < most; ) {
      const segment = this.#segments.at(offsets[at] as number)
      const end = this.#segments.end(segment)
      let next = at
      while (next < most && (offsets[next] as number) < end.offset) next++
      // Nothing else of it is durable, and nothing comes after it.
      if (next === at) break
      if (overlaps(segment.seal, wish)) {
        const picked = { offsets: offsets.slice(at, next), places: places.slice(at, next) }
        yield* pickEvents(segment.ref, picked, { context: this.#decoding(segment), ...wish, end, events })
      }
      at = next
    }
    return events
  }

  /** The header of the batch that holds a durable offset. @throws {VarveError} `SEGMENT_DAMAGED`. */
  *headerOf(offset: number): Reading<BatchHeader> {
    const segment = this.#segments.at(offset)
    const { ref } = segment
    let { position } = yield* this.#segments.pointAt(segment, offset, Number.NEGATIVE_INFINITY)
    for (;;) {
      const bytes = yield { path: ref.path, position, length: BATCH_HEADER_BYTES, brief: true }
      const place = { seed: ref.seed, position }
      const header = readBatchHeader(bytes, 0, { place, digest: this.#context.digest })
      if (header === undefined) throw segmentDamaged(ref, position, { reason: 'a batch header fails its checksum' })
      if (offset <= header.baseOffset + header.lastOffsetDelta) return header
      position += BATCH_HEADER_BYTES + header.bodyBytes
    }
  }

  /** The error for an offset that was pruned. */
  prunedAt(offset: number): VarveError {
    const range = { logStartOffset: this.#logStartOffset, highWatermark: this.#durable.offset }
    const message = `Cannot read topic "${this.topic}" at offset ${offset}: it was pruned, the log starts at ${range.logStartOffset}`
    return new VarveError('OFFSET_PRUNED', message, {
      details: { topic: this.topic, partition: this.partition, offset, ...range },
    })
  }

  outOfRange(offset: number): VarveError {
    if (offset < this.#logStartOffset) return this.prunedAt(offset)
    const range = { logStartOffset: this.logStartOffset, highWatermark: this.#durable.offset }
    const message = `Cannot read topic "${this.topic}" at offset ${offset}: valid are ${range.logStartOffset} to ${range.highWatermark}`
    return new VarveError('OFFSET_OUT_OF_RANGE', message, {
      details: { topic: this.topic, partition: this.partition, offset, ...range },
    })
  }

  /** A proof of the event at a durable offset. @throws {VarveError} `PROOF_UNSUPPORTED`, `SEGMENT_DAMAGED`. */
  *proof(offset: number): Reading<EventProof | undefined> {
    if (offset >= this.#durable.offset) return undefined
    if (offset < this.#logStartOffset) throw this.prunedAt(offset)
    const segment = this.#segments.at(offset)
    if (!this.#segments.holds(segment, offset)) return undefined
    const index = yield* this.#segments.indexOf(segment)
    const place = {
      topic: this.topic,
      lineage: this.ids.lineageAt(segment.ref.baseOffset),
      context: this.#decoding(segment),
      index,
      end: this.#segments.end(segment),
    }
    return yield* proveEvent(segment.ref, offset, place)
  }

  /** Run a reading of this partition. */
  drive<T>(reading: Reading<T>): T | Promise<T> {
    try {
      const result = drive(reading, this.#context.pool)
      return result instanceof Promise ? result.catch((error: unknown) => this.#missed(error)) : result
    } catch (error) {
      return this.#missed(error)
    }
  }

  /** A segment may be missing because it was pruned, or its topic deleted, under a reader of it. */
  async #missed(error: unknown): Promise<never> {
    if (!isVarveError(error, 'SEGMENT_MISSING')) throw error
    await this.#context.refresh()
    if (this.gone !== undefined) throw this.gone
    const file = String(error.details.file)
    if (this.#segments.list.some(({ ref }) => ref.path === file)) throw error
    throw this.prunedAt(baseOffsetOf(file.slice(file.lastIndexOf('/') + 1)))
  }

  stats(): PartitionStats {
    let sizeBytes = this.salvaged ? 0 : this.#durable.position
    for (const { seal, begin } of this.#segments.list)
      sizeBytes += (seal?.endPosition ?? 0) - (this.salvaged ? begin.position : 0)
    return {
      partition: this.partition,
      logStartOffset: this.logStartOffset,
      logEndOffset: this.#durable.offset,
      highWatermark: this.#durable.offset,
      segments: new Set(this.#segments.list.map(({ ref }) => ref.id)).size,
      sizeBytes,
      ...(this.#lastRecordedAt === undefined ? {} : { lastRecordedAt: this.#lastRecordedAt }),
    }
  }
}
