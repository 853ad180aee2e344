/** Reading a topic: one scan per partition, merged by `recordedAt`, as arrays or one by one, in pages, or live.
 * @module */
import { VarveError } from '../errors.ts'
import { type Clock, nextTurn } from '../ports/clock.ts'
import type { DecodedEvent, RowMatcher } from '../segment/decode.ts'
import type { Partition, ScanPlace } from './partition.ts'

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
  /** Aborted when the store closes: the scan can read no further. */
  readonly closing: AbortSignal
}

/** Where the scan of one partition begins and ends. */
export interface ScanBounds {
  readonly partition: Partition
  /** Forwards the first offset to read; backwards the offset before which to read. */
  readonly start: number
  readonly from: number
  readonly to: number
  readonly match: RowMatcher | undefined
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
    if (this.#options.backward) return this.#next <= from
    return this.#next >= Math.min(to, partition.durable.offset)
  }

  /** Read one run into the empty buffer; the run may hold nothing. */
  fill(limit: number): Promise<void> | undefined {
    const { partition, from, to, match } = this.bounds
    const wish = { ...this.#options, from, to, match, limit }
    const filled = this.#options.backward
      ? partition.drive(partition.backward(this.#next, wish))
      : partition.drive(partition.forward(this.#next, wish, this.#place))
    if (filled instanceof Promise) return filled.then((scanned) => this.#keep(scanned))
    this.#keep(filled)
    return undefined
  }

  #keep(scanned: { events: DecodedEvent[]; next: number; place?: ScanPlace }): void {
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
      if (this.#options.closing.aborted) throw new VarveError('STORE_CLOSED', 'Cannot read on: the store is closed')
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
export async function* scanBatches(scan: TopicScan, limit: number): AsyncGenerator<DecodedEvent[], void, undefined> {
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
