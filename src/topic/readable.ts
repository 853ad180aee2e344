/** Reading a topic of an open store: checks what callers ask, and joins its partitions.
 * @module */
import { VarveError } from '../errors.ts'
import type { TopicRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { DecodedEvent } from '../segment/decode.ts'
import type { LogContext } from './context.ts'
import { type CursorPlace, decodeCursor, encodeCursor } from './cursor.ts'
import { compileFilter } from './filter.ts'
import type { Partition } from './partition.ts'
import { checkIdentifier, partitionOf } from './prepare.ts'
import { settingsOf } from './settings.ts'
import { oneByOne, type ScanBounds, scanBatches, TopicScan } from './stream.ts'
import { TopicTail } from './tail.ts'
import type { TermIndex } from './term-index.ts'
import type {
  EventStream,
  Page,
  PruneOptions,
  PruneReport,
  RawEvent,
  ReadOptions,
  StoredEvent,
  Tail,
  TailOptions,
  TopicStats,
  WalkOptions,
} from './types.ts'
import type { Upcasts } from './upcast.ts'
import { walkCauses, walkEffects } from './walks.ts'
import type { PartitionWriter } from './writer.ts'

const PAGE_DEFAULT = 100
/** Beside a writer a read shows what was there at most so long ago: looking costs as much as a small read. */
const CATCH_UP_MS = 10
const PAGE_MAX = 1_000
/** A page that has to look at very much ends early with a cursor. */
const PAGE_TIME_MS = 5_000

/** One partition with what a writer of it needs; a read-only topic has no writers. */
export interface OpenPartition {
  readonly partition: Partition
  readonly terms: TermIndex
  readonly writer: PartitionWriter | undefined
}

/** What a topic is made of. */
export interface TopicFacts {
  /** The row of the manifest as it is now. */
  readonly row: () => TopicRow
  readonly open: readonly OpenPartition[]
  readonly prune: (options: PruneOptions) => Promise<PruneReport>
}

export class ReadableTopic {
  readonly name: string
  readonly lineage: string
  readonly partitions: number
  upcasts: Upcasts | undefined
  protected readonly context: LogContext
  protected readonly row: () => TopicRow
  protected readonly open: readonly OpenPartition[]
  #isDeleted = false
  #caughtUpAt = Number.NEGATIVE_INFINITY
  readonly #prune: (options: PruneOptions) => Promise<PruneReport>

  constructor(context: LogContext, facts: TopicFacts) {
    this.context = context
    this.row = facts.row
    this.open = facts.open
    this.#prune = facts.prune
    const { name, lineage, options } = facts.row()
    this.name = name
    this.lineage = lineage
    this.partitions = options.partitions
  }

  /** The topic is gone: every call from now on says so, and every read that goes on. */
  deleted(): void {
    this.#isDeleted = true
    for (const { partition } of this.open) partition.wake()
  }

  /** Why nothing can be done with the topic any more. */
  protected ended(action: string): VarveError | undefined {
    if (this.context.closing.aborted) {
      return new VarveError('STORE_CLOSED', `Cannot ${action} topic "${this.name}": the store is closed`)
    }
    if (!this.#isDeleted) return undefined
    const details = { topic: this.name, lineage: this.lineage }
    return new VarveError('TOPIC_DELETED', `Cannot ${action} topic "${this.name}": it was deleted`, { details })
  }

  /** @throws {VarveError} `STORE_CLOSED`, `TOPIC_DELETED`. */
  protected checkOpen(action: string): void {
    const ended = this.ended(action)
    if (ended !== undefined) throw ended
  }

  /** @throws {VarveError} `PARTITION_UNKNOWN`. */
  protected partition(number: number): OpenPartition {
    const open = Number.isSafeInteger(number) ? this.open[number] : undefined
    if (open === undefined) {
      const message = `Cannot use partition ${number} of topic "${this.name}": it has ${this.partitions}`
      throw new VarveError('PARTITION_UNKNOWN', message, {
        details: { topic: this.name, partition: number, partitions: this.partitions },
      })
    }
    return open
  }

  read(options: ReadOptions = {}): EventStream {
    const limit =
      options.limit === undefined ? Number.POSITIVE_INFINITY : wholeOption('limit', options.limit, { least: 0 })
    // Options are checked and the end is taken when the call is made, not when the iteration begins; beside a writer
    // the end is where that writer is when it begins.
    const scan = this.#scan(options)
    const start = (raw: boolean) => (this.context.readOnly ? this.#latest(options, raw) : scan({ raw }))
    const open = () => scanBatches(start(false), limit) as AsyncIterable<StoredEvent[]>
    const raw = () => rawBatches(scanBatches(start(true), limit), this.upcasts)
    return { batches: open, raw, [Symbol.asyncIterator]: () => oneByOne(open()) }
  }

  async #latest(options: ReadOptions, raw: boolean): Promise<TopicScan> {
    await this.#catchUp()
    return this.#scan(options)({ raw })
  }

  /** Beside a writer: see what it did until a moment ago. What cannot be seen is reported; what is known is read. */
  async #catchUp(): Promise<void> {
    const { clock, readOnly } = this.context
    if (!readOnly || clock.monotonic() - this.#caughtUpAt < CATCH_UP_MS) return
    this.#caughtUpAt = clock.monotonic()
    try {
      await this.context.refresh()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.context.diagnose('FOLLOW_FAILED', 'Could not look for new events', { reason })
    }
  }

  async page(options: ReadOptions = {}): Promise<Page> {
    const limit = wholeOption('limit', options.limit ?? PAGE_DEFAULT, { least: 1, most: PAGE_MAX })
    await this.#catchUp()
    const scan = this.#scan(options)()
    const deadline = this.context.clock.monotonic() + PAGE_TIME_MS
    const items: DecodedEvent[] = []
    while (items.length < limit && !scan.done) {
      const events = await scan.next(limit - items.length, deadline)
      if (events.length === 0) break
      for (const event of events) items.push(event)
    }
    const marks = this.#selected(options.partition).map(({ partition }) => partition.durable.offset)
    return {
      items: items as StoredEvent[],
      ...(scan.done ? {} : { nextCursor: encodeCursor(this.lineage, this.#placeOf(scan, options)) }),
      highWatermark: marks.length === 1 ? (marks[0] ?? 0) : marks,
    }
  }

  #placeOf(scan: TopicScan, options: ReadOptions): CursorPlace {
    return { direction: options.direction ?? 'forward', offsets: scan.positions }
  }

  #selected(partition: number | undefined): readonly OpenPartition[] {
    return partition === undefined ? this.open : [this.partition(partition)]
  }

  /** Check the options of a read, fix its ends, and return what makes its scan. An entity lives in one partition, so
   * only that one is read. */
  #scan(options: ReadOptions): (how?: { raw: boolean }) => TopicScan {
    this.checkOpen('read')
    const { direction = 'forward', cursor, entity } = options
    if (direction !== 'forward' && direction !== 'backward') {
      throw optionInvalid('direction', 'must be "forward" or "backward"', direction)
    }
    const place = cursor === undefined ? undefined : decodeCursor(cursor, this.lineage)
    if (place !== undefined && place.direction !== direction) {
      throw new VarveError('CURSOR_INVALID', `Cannot read ${direction} with a cursor that goes ${place.direction}`)
    }
    const byEntity = entity === undefined ? undefined : this.partitionOf(entity)
    const selected = this.#selected(options.partition ?? byEntity)
    const bounds = selected.map((open) => this.#bounds(open, options, { place, direction }))
    const scanOptions = {
      backward: direction === 'backward',
      since: options.since ?? Number.NEGATIVE_INFINITY,
      until: options.until ?? Number.POSITIVE_INFINITY,
      signal: options.signal,
      ended: () => this.ended('read'),
      upcasts: this.upcasts,
      raw: false,
    }
    return (how) => new TopicScan(bounds, { ...scanOptions, ...how }, this.context.clock)
  }

  #bounds(
    { partition, terms }: OpenPartition,
    options: ReadOptions,
    facts: { place: CursorPlace | undefined; direction: 'forward' | 'backward' },
  ): ScanBounds {
    const first = partition.logStartOffset
    const end = partition.durable.offset
    const needsOne = this.partitions > 1 && options.partition === undefined
    for (const option of ['from', 'to'] as const) {
      if (options[option] === undefined) continue
      if (needsOne) throw optionInvalid(option, 'needs `partition` in a topic with several', options[option])
      const offset = wholeOption(option, options[option], { least: 0 })
      if (option === 'from' && (offset < first || offset > end)) throw partition.outOfRange(offset)
    }
    const from = options.from ?? first
    const to = Math.min(options.to ?? end, end)
    const resumed = facts.place?.offsets.get(partition.partition)
    if (resumed !== undefined && (resumed < first || resumed > end)) throw partition.outOfRange(resumed)
    const start = resumed ?? (facts.direction === 'forward' ? from : to)
    const filter = compileFilter(options, partition.ids)
    const begin = facts.direction === 'forward' ? Math.max(start, from) : Math.min(start, to)
    return { partition, terms, start: begin, from, to, filter }
  }

  async get(offset: number, options: { readonly partition?: number } = {}): Promise<StoredEvent | undefined> {
    this.checkOpen('read')
    wholeOption('offset', offset, { least: 0 })
    await this.#catchUp()
    const { partition } = this.one(options.partition)
    const event = await partition.drive(partition.one(offset))
    if (event !== undefined) this.upcasts?.apply([event])
    return event as StoredEvent | undefined
  }

  /** The partition that was named, or the only one. */
  protected one(named: number | undefined): OpenPartition {
    if (named === undefined && this.partitions > 1)
      throw optionInvalid('partition', 'is needed in a topic with several', named)
    return this.partition(named ?? 0)
  }

  async last(count: number, options: { readonly partition?: number } = {}): Promise<StoredEvent[]> {
    this.checkOpen('read')
    wholeOption('count', count, { least: 0, most: PAGE_MAX })
    if (count === 0) return []
    const events: StoredEvent[] = []
    const newest = this.read({ ...options, direction: 'backward', limit: count })
    for await (const batch of newest.batches()) events.push(...batch)
    return events.reverse()
  }

  tail(options: TailOptions = {}): Tail {
    this.checkOpen('follow')
    const { from = 'end', cursor } = options
    if (typeof from === 'string' && from !== 'start' && from !== 'end') {
      throw optionInvalid('from', 'must be an offset, "start" or "end"', from)
    }
    const place = cursor === undefined ? undefined : decodeCursor(cursor, this.lineage)
    if (place?.direction === 'backward') throw new VarveError('CURSOR_INVALID', 'Cannot follow with a backward cursor')
    const selected = this.#selected(options.partition)
    const bounds = selected.map(({ partition, terms }) => {
      const end = partition.durable.offset
      let start = from === 'end' ? end : partition.logStartOffset
      if (typeof from !== 'string') {
        if (selected.length > 1) throw optionInvalid('from', 'needs `partition` in a topic with several', from)
        start = wholeOption('from', from, { least: 0 })
      }
      start = place?.offsets.get(partition.partition) ?? start
      if (start < partition.logStartOffset || start > end) throw partition.outOfRange(start)
      const filter = compileFilter(options, partition.ids)
      return { partition, terms, start, from: start, to: Number.POSITIVE_INFINITY, filter }
    })
    const scanOptions = {
      backward: false,
      since: Number.NEGATIVE_INFINITY,
      until: Number.POSITIVE_INFINITY,
      signal: undefined,
      ended: () => this.ended('follow'),
      upcasts: this.upcasts,
      raw: false,
    }
    const signals = options.signal === undefined ? [] : [options.signal]
    const scan = new TopicScan(bounds, scanOptions, this.context.clock)
    return new TopicTail(scan, { bounds, lineage: this.lineage, signals: [...signals, this.context.closing] })
  }

  partitionOf(entity: string): number {
    return partitionOf(entity, this.partitions, this.context.digest)
  }

  async version(entity: string): Promise<number> {
    this.checkOpen('read')
    checkIdentifier(entity, 'entity')
    await this.#catchUp()
    return this.partition(this.partitionOf(entity)).terms.version(entity)
  }

  /** The event with an id, the first one if callers gave it to several. */
  async byId(id: string): Promise<StoredEvent | undefined> {
    for (const { partition } of this.open) {
      const offset = partition.ids.offsetOf(id)
      if (offset === undefined || offset < partition.logStartOffset) continue
      const event = await this.get(offset, { partition: partition.partition })
      if (event?.id === id) return event
    }
    // Not a page, which may end before it found anything.
    for await (const [event] of this.read({ id, limit: 1 }).batches()) return event
    return undefined
  }

  async causes(id: string, options: WalkOptions = {}): Promise<StoredEvent[]> {
    checkIdentifier(id, 'id')
    return walkCauses(this, id, options)
  }

  async effects(id: string, options: WalkOptions = {}): Promise<StoredEvent[]> {
    checkIdentifier(id, 'id')
    return walkEffects(this, id, options)
  }

  cursorAfter(event: { readonly partition: number; readonly offset: number }): string {
    const offsets = new Map<number, number>()
    for (const { partition } of this.open) {
      if (partition.partition === event.partition) offsets.set(event.partition, event.offset + 1)
    }
    return encodeCursor(this.lineage, { direction: 'forward', offsets })
  }

  async prune(options: PruneOptions = {}): Promise<PruneReport> {
    this.checkOpen('prune')
    return this.#prune(options)
  }

  stats(): TopicStats {
    this.checkOpen('measure')
    const settings = settingsOf(this.row())
    const partitions = this.open.map(({ partition }) => partition.stats())
    const times = partitions.flatMap(({ lastRecordedAt }) => (lastRecordedAt === undefined ? [] : [lastRecordedAt]))
    return {
      topic: this.name,
      lineage: this.lineage,
      createdAt: this.row().createdAt,
      segmentBytes: settings.segmentBytes,
      settings,
      events: partitions.reduce((sum, { logStartOffset, highWatermark }) => sum + highWatermark - logStartOffset, 0),
      sizeBytes: partitions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      ...(times.length === 0 ? {} : { lastRecordedAt: Math.max(...times) }),
      partitions,
    }
  }
}

/** Envelopes of events that decode to what the program knows. */
async function* rawBatches(
  batches: AsyncIterable<DecodedEvent[]>,
  upcasts: Upcasts | undefined,
): AsyncGenerator<RawEvent[], void, undefined> {
  for await (const events of batches) {
    const raw = events as unknown as RawEvent[]
    yield upcasts === undefined ? raw : raw.map((event) => upcasts.lazily(event))
  }
}
