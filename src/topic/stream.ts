/** Reading a topic: one scan per partition, merged by `recordedAt`, as arrays or one by one, in pages, or live.
 * @module */
import type { VarveError } from '../errors.ts'
import { type Clock, nextTurn } from '../ports/clock.ts'
import type { Maybe } from '../ports/storage.ts'
import type { DecodedEvent } from '../segment/decode.ts'
import type { CompiledFilter } from './filter.ts'
import type { Partition, Scanned, ScanPlace } from './partition.ts'
import type { TermIndex } from './term-index.ts'
import type { Upcasts } from './upcast.ts'

/** Synchronous reads for longer than this let other work run in between. */
const TURN_MS = 12
/** From this limit on a run is taken as the log has it, without cutting its last batch in two. */
const WHOLE_RUN_EVENTS = 1_024

/** What all partitions of a scan share. */
export interface ScanOptions {
  readonly backward: boolean
  readonly since: number
  readonly until: number
  readonly signal: AbortSignal | undefined
  /** Why the scan can read no further: the store was closed, or the topic deleted. */
  readonly ended: () => VarveError | undefined
  readonly upcasts: Upcasts | undefined
  /** Give envelopes, and values only to those who ask. */
  readonly raw: boolean
}

/** Where the scan of one partition begins and ends. */
export interface ScanBounds {
  readonly partition: Partition
  readonly terms: TermIndex
  /** Forwards the first offset to read; backwards the offset before which to read. */
  readonly start: number
  readonly from: number
  readonly to: number
  readonly filter: CompiledFilter
}

/** A scan of one partition. */
class PartitionScan {
  readonly bounds: ScanBounds
  readonly #options: ScanOptions
  #next: number
  #place: ScanPlace | undefined
  buffer: DecodedEvent[] = []
  #at = 0

  constructor(bounds: ScanBounds, options: ScanOptions) {
    this.bounds = bounds
    this.#options = options
    this.#next = bounds.start
  }

  get head(): DecodedEvent | undefined {
    return this.buffer[this.#at]
  }

  get buffered(): number {
    return this.buffer.length - this.#at
  }

  /** Everything before this (after it, backwards) was delivered or did not match. */
  get position(): number {
    const head = this.head
    if (head === undefined) return this.#next
    return this.#options.backward ? head.offset + 1 : head.offset
  }

  take(): DecodedEvent {
    return this.buffer[this.#at++] as DecodedEvent
  }

  takeAll(): DecodedEvent[] {
    const events = this.#at === 0 ? this.buffer : this.buffer.slice(this.#at)
    this.buffer = []
    this.#at = 0
    return events
  }

  get done(): boolean {
    const { from, to, partition } = this.bounds
    if (this.#options.backward) return this.#next <= Math.max(from, partition.logStartOffset)
    return this.#next >= Math.min(to, partition.durable.offset)
  }

  /** Read one run into the empty buffer; the run may hold nothing. */
  fill(limit: number): Promise<void> | undefined {
    const filled = this.#read(limit)
    if (filled instanceof Promise) return filled.then((scanned) => this.#keep(scanned))
    this.#keep(filled)
    return undefined
  }

  /** A filter with terms asks the index which events to read; without one the log is read as it lies. */
  #read(limit: number): Maybe<Scanned & { place?: ScanPlace }> {
    const { partition, terms, from, to, filter } = this.bounds
    const { match, groups, besides } = filter
    const wish = { ...this.#options, from, to, match, limit }
    const { backward } = this.#options
    if (!backward && this.#next < partition.logStartOffset) throw partition.prunedAt(this.#next)
    if (groups.length > 0 && !partition.salvaged) {
      const wanted = { ...wish, groups, besides, place: this.#place }
      return backward ? terms.backward(this.#next, wanted) : terms.forward(this.#next, wanted)
    }
    if (backward) return partition.drive(partition.backward(this.#next, wish))
    return partition.drive(partition.forward(this.#next, wish, this.#place))
  }

  #keep(scanned: { events: DecodedEvent[]; next: number; place?: ScanPlace }): void {
    if (!this.#options.raw) this.#options.upcasts?.apply(scanned.events)
    this.buffer = scanned.events
    this.#at = 0
    this.#next = scanned.next
    this.#place = scanned.place
  }
}

/** A scan of several partitions. Its position can be taken at any time and resumed later. */
export class TopicScan {
  readonly #scans: PartitionScan[]
  readonly #options: ScanOptions
  readonly #clock: Clock
  #turnStarted: number

  constructor(bounds: readonly ScanBounds[], options: ScanOptions, clock: Clock) {
    this.#scans = bounds.map((bound) => new PartitionScan(bound, options))
    this.#options = options
    this.#clock = clock
    this.#turnStarted = clock.monotonic()
  }

  /** Offsets to continue at, by partition. */
  get positions(): Map<number, number> {
    return new Map(this.#scans.map((scan) => [scan.bounds.partition.partition, scan.position]))
  }

  /** Nothing wanted is left within the bounds, as far as the partitions are durable. */
  get done(): boolean {
    return this.#scans.every((scan) => scan.head === undefined && scan.done)
  }

  /** Up to `limit` events in order; empty when there are no more now. @throws the signal's reason. */
  async next(limit: number, untilMonotonic = Number.POSITIVE_INFINITY): Promise<DecodedEvent[]> {
    for (;;) {
      if (this.#options.signal?.aborted) throw this.#options.signal.reason
      const ended = this.#options.ended()
      if (ended !== undefined) throw ended
      const ready = await this.#fillAll(limit)
      if (!ready) {
        if (this.done || this.#clock.monotonic() >= untilMonotonic) return []
        continue
      }
      const single = this.#scans.length === 1 ? this.#scans[0] : undefined
      if (single !== undefined && single.buffered <= limit) return single.takeAll()
      return this.#merge(limit)
    }
  }

  /** Give every unfinished scan something in its buffer. @returns false when a run gave nothing: look again. */
  async #fillAll(limit: number): Promise<boolean> {
    let any = false
    let missing = false
    for (const scan of this.#scans) {
      if (scan.head === undefined && !scan.done) {
        const filling = scan.fill(limit < WHOLE_RUN_EVENTS ? limit : Number.POSITIVE_INFINITY)
        if (filling !== undefined) await filling
        if (this.#clock.monotonic() - this.#turnStarted > TURN_MS) await this.#yieldTurn()
      }
      if (scan.head !== undefined) any = true
      else if (!scan.done) missing = true
    }
    return any && !missing
  }

  async #yieldTurn(): Promise<void> {
    await nextTurn()
    this.#turnStarted = this.#clock.monotonic()
  }

  /** Take from the scan whose next event was recorded first (last, backwards) until one runs dry. */
  #merge(limit: number): DecodedEvent[] {
    const events: DecodedEvent[] = []
    const { backward } = this.#options
    while (events.length < limit) {
      let best: PartitionScan | undefined
      for (const scan of this.#scans) {
        if (scan.head === undefined) {
          if (scan.done) continue
          return events
        }
        const time = best?.head === undefined ? undefined : scan.head.recordedAt - best.head.recordedAt
        if (time === undefined || (backward ? time >= 0 : time < 0)) best = scan
      }
      if (best === undefined) return events
      events.push(best.take())
    }
    return events
  }
}

/** Arrays of events until the scan ends or `limit` is reached. */
export async function* scanBatches(
  start: Maybe<TopicScan>,
  limit: number,
): AsyncGenerator<DecodedEvent[], void, undefined> {
  const scan = await start
  let left = limit
  while (left > 0) {
    const events = await scan.next(left)
    if (events.length === 0) return
    left -= events.length
    yield events
  }
}

/** The events of arrays one by one. Cost: a resolved promise per event, no generator frame. Calls of `next` that do not
 * wait for each other are answered in order. */
export function oneByOne<T>(batches: AsyncIterable<T[]>): AsyncIterator<T> & AsyncIterable<T> {
  const source = batches[Symbol.asyncIterator]()
  let batch: T[] = []
  let at = 0
  let busy: Promise<unknown> | undefined
  const refill = async (): Promise<IteratorResult<T>> => {
    for (;;) {
      const next = await source.next()
      if (next.done) return { done: true, value: undefined }
      batch = next.value
      at = 0
      if (batch.length > 0) return { done: false, value: batch[at++] as T }
    }
  }
  const one = () => (at < batch.length ? Promise.resolve({ done: false as const, value: batch[at++] as T }) : refill())
  const hold = (answer: Promise<IteratorResult<T>>) => {
    const release = () => {
      if (busy === settled) busy = undefined
    }
    const settled = answer.then(release, release)
    busy = settled
    return answer
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next() {
      if (busy !== undefined) return hold(busy.then(one))
      return at < batch.length ? one() : hold(refill())
    },
    async return() {
      batch = []
      await source.return?.()
      return { done: true, value: undefined }
    },
  }
}
