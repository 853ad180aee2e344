/** A topic of an open store: checks what callers pass, and joins its partitions.
 * @module */
import { VarveError } from '../errors.ts'
import type { TopicRow } from '../manifest/index.ts'
import type { DecodedEvent } from '../segment/decode.ts'
import type { LogContext } from './context.ts'
import { type CursorPlace, decodeCursor, encodeCursor } from './cursor.ts'
import { compileFilter, optionInvalid, wholeOption } from './filter.ts'
import type { Partition } from './partition.ts'
import { atIndex, checkIdentifier, eventList, partitionOf, prepareRows } from './prepare.ts'
import { type KindSchemas, validateEvents } from './schema.ts'
import { oneByOne, type ScanBounds, scanBatches, TopicScan } from './stream.ts'
import { TopicTail } from './tail.ts'
import type {
  AppendOptions,
  EventStream,
  Expectation,
  NewEvent,
  Page,
  ReadOptions,
  Receipt,
  StoredEvent,
  Tail,
  TailOptions,
  Topic,
  TopicStats,
} from './types.ts'
import type { EntityVersions } from './versions.ts'
import type { PartitionWriter } from './writer.ts'

const PAGE_DEFAULT = 100
const PAGE_MAX = 1_000
/** A page that has to look at very much ends early with a cursor. */
const PAGE_TIME_MS = 5_000

/** One partition with what a writer of it needs; a read-only topic has no writers. */
export interface OpenPartition {
  readonly partition: Partition
  readonly versions: EntityVersions
  readonly writer: PartitionWriter | undefined
}

export class LogTopic implements Topic {
  readonly name: string
  readonly lineage: string
  readonly partitions: number
  schemas: KindSchemas | undefined
  readonly #context: LogContext
  readonly #row: TopicRow
  readonly #open: readonly OpenPartition[]

  constructor(context: LogContext, row: TopicRow, open: readonly OpenPartition[]) {
    this.#context = context
    this.#row = row
    this.#open = open
    this.name = row.name
    this.lineage = row.lineage
    this.partitions = row.options.partitions
  }

  append(events: NewEvent | readonly NewEvent[], options: AppendOptions = {}): Promise<Receipt> {
    try {
      this.#checkOpen('append')
      if (this.#context.readOnly) {
        throw new VarveError('STORE_READ_ONLY', `Cannot append to topic "${this.name}": the store is open read-only`)
      }
      const list = eventList(events)
      if (this.schemas === undefined) return this.#appendChecked(list, options)
      const checked = validateEvents(this.name, list, this.schemas)
      if (!(checked instanceof Promise)) return this.#appendChecked(checked, options)
      return checked.then((events) => this.#appendChecked(events, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @throws {VarveError} `STORE_CLOSED`. */
  #checkOpen(action: string): void {
    if (!this.#context.closing.aborted) return
    throw new VarveError('STORE_CLOSED', `Cannot ${action} topic "${this.name}": the store is closed`)
  }

  #appendChecked(events: readonly NewEvent[], options: AppendOptions): Promise<Receipt> {
    const { signal, durability = 'synced' } = options
    if (durability !== 'synced' && durability !== 'buffered') {
      throw optionInvalid('durability', 'must be "synced" or "buffered"', durability)
    }
    if (signal?.aborted) throw signal.reason
    const expect = expectations(options.expect)
    const { writer } = this.#partitionFor(events, expect, options.partition)
    if (writer === undefined) throw new VarveError('STORE_CLOSED', 'Cannot append: the store is closed')
    const { rows, sizeBytes, giveBack } = prepareRows(events, writer.encoder, this.#context.clock.now())
    return writer.append({ rows, sizeBytes, giveBack, expect, durability, signal })
  }

  /** The one partition of a call. @throws {VarveError} `PARTITION_SPANNED`, `PARTITION_UNKNOWN`. */
  #partitionFor(events: readonly NewEvent[], expect: readonly Expectation[], named: number | undefined): OpenPartition {
    if (named !== undefined) this.#partition(named)
    if (this.partitions === 1) return this.#partition(0)
    const found = new Map<number, string>()
    const note = (entity: string) => found.set(partitionOf(entity, this.partitions, this.#context.digest), entity)
    for (const [index, { entity }] of events.entries()) {
      try {
        checkIdentifier(entity, 'entity')
      } catch (error) {
        throw atIndex(error, index, events.length)
      }
      note(entity)
    }
    for (const { entity } of expect) note(entity)
    const [only] = found.keys()
    if (found.size > 1 || (named !== undefined && named !== only)) {
      const partitions = [...found].map(([partition, entity]) => ({ partition, entity }))
      const message = `Cannot append to topic "${this.name}" in one call: its entities belong to ${found.size} partitions`
      throw new VarveError('PARTITION_SPANNED', message, { details: { topic: this.name, named, partitions } })
    }
    return this.#partition(only ?? 0)
  }

  #partition(number: number): OpenPartition {
    const open = Number.isSafeInteger(number) ? this.#open[number] : undefined
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
    // Options are checked and the end is taken when the call is made, not when the iteration begins.
    const scan = this.#scan(options)
    const open = () => scanBatches(scan(), limit) as AsyncIterable<StoredEvent[]>
    return { batches: open, [Symbol.asyncIterator]: () => oneByOne(open()) }
  }

  async page(options: ReadOptions = {}): Promise<Page> {
    const limit = wholeOption('limit', options.limit ?? PAGE_DEFAULT, { least: 1, most: PAGE_MAX })
    const scan = this.#scan(options)()
    const deadline = this.#context.clock.monotonic() + PAGE_TIME_MS
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
    return partition === undefined ? this.#open : [this.#partition(partition)]
  }

  /** Check the options of a read, fix its ends, and return what makes its scan. An entity lives in one partition, so
   * only that one is read. */
  #scan(options: ReadOptions): () => TopicScan {
    this.#checkOpen('read')
    const { direction = 'forward', cursor, entity } = options
    if (direction !== 'forward' && direction !== 'backward') {
      throw optionInvalid('direction', 'must be "forward" or "backward"', direction)
    }
    const place = cursor === undefined ? undefined : decodeCursor(cursor, this.lineage)
    if (place !== undefined && place.direction !== direction) {
      throw new VarveError('CURSOR_INVALID', `Cannot read ${direction} with a cursor that goes ${place.direction}`)
    }
    const byEntity = entity === undefined ? undefined : partitionOf(entity, this.partitions, this.#context.digest)
    const selected = this.#selected(options.partition ?? byEntity)
    const bounds = selected.map(({ partition }) => this.#bounds(partition, options, { place, direction }))
    const scanOptions = {
      backward: direction === 'backward',
      since: options.since ?? Number.NEGATIVE_INFINITY,
      until: options.until ?? Number.POSITIVE_INFINITY,
      signal: options.signal,
      closing: this.#context.closing,
    }
    return () => new TopicScan(bounds, scanOptions, this.#context.clock)
  }

  #bounds(
    partition: Partition,
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
    const match = compileFilter(options, partition.decoding.idPrefix)
    const begin = facts.direction === 'forward' ? Math.max(start, from) : Math.min(start, to)
    return { partition, start: begin, from, to, match }
  }

  async get(offset: number, options: { readonly partition?: number } = {}): Promise<StoredEvent | undefined> {
    this.#checkOpen('read')
    wholeOption('offset', offset, { least: 0 })
    const { partition } = this.#one(options.partition)
    return (await partition.drive(partition.one(offset))) as StoredEvent | undefined
  }

  /** The partition that was named, or the only one. */
  #one(named: number | undefined): OpenPartition {
    if (named === undefined && this.partitions > 1)
      throw optionInvalid('partition', 'is needed in a topic with several', named)
    return this.#partition(named ?? 0)
  }

  async last(count: number, options: { readonly partition?: number } = {}): Promise<StoredEvent[]> {
    this.#checkOpen('read')
    wholeOption('count', count, { least: 0, most: PAGE_MAX })
    if (count === 0) return []
    const { items } = await this.page({ ...options, direction: 'backward', limit: count })
    return items.reverse()
  }

  tail(options: TailOptions = {}): Tail {
    this.#checkOpen('follow')
    const { from = 'end', cursor } = options
    if (typeof from === 'string' && from !== 'start' && from !== 'end') {
      throw optionInvalid('from', 'must be an offset, "start" or "end"', from)
    }
    const place = cursor === undefined ? undefined : decodeCursor(cursor, this.lineage)
    if (place?.direction === 'backward') throw new VarveError('CURSOR_INVALID', 'Cannot follow with a backward cursor')
    const selected = this.#selected(options.partition)
    const bounds = selected.map(({ partition }) => {
      const end = partition.durable.offset
      let start = from === 'end' ? end : partition.logStartOffset
      if (typeof from !== 'string') {
        if (selected.length > 1) throw optionInvalid('from', 'needs `partition` in a topic with several', from)
        start = wholeOption('from', from, { least: 0 })
      }
      start = place?.offsets.get(partition.partition) ?? start
      if (start < partition.logStartOffset || start > end) throw partition.outOfRange(start)
      const match = compileFilter(options, partition.decoding.idPrefix)
      return { partition, start, from: start, to: Number.POSITIVE_INFINITY, match }
    })
    const scanOptions = {
      backward: false,
      since: Number.NEGATIVE_INFINITY,
      until: Number.POSITIVE_INFINITY,
      signal: undefined,
      closing: this.#context.closing,
    }
    const signals = options.signal === undefined ? [] : [options.signal]
    const scan = new TopicScan(bounds, scanOptions, this.#context.clock)
    return new TopicTail(scan, { bounds, lineage: this.lineage, signals: [...signals, this.#context.closing] })
  }

  async version(entity: string): Promise<number> {
    this.#checkOpen('read')
    checkIdentifier(entity, 'entity')
    const { versions } = this.#partition(partitionOf(entity, this.partitions, this.#context.digest))
    await versions.load([entity])
    return versions.version(entity)
  }

  cursorAfter(event: { readonly partition: number; readonly offset: number }): string {
    const offsets = new Map<number, number>()
    for (const { partition } of this.#open) {
      if (partition.partition === event.partition) offsets.set(event.partition, event.offset + 1)
    }
    return encodeCursor(this.lineage, { direction: 'forward', offsets })
  }

  stats(): TopicStats {
    this.#checkOpen('measure')
    const partitions = this.#open.map(({ partition }) => partition.stats())
    const times = partitions.flatMap(({ lastRecordedAt }) => (lastRecordedAt === undefined ? [] : [lastRecordedAt]))
    return {
      topic: this.name,
      lineage: this.lineage,
      createdAt: this.#row.createdAt,
      segmentBytes: this.#row.options.segmentBytes,
      events: partitions.reduce((sum, { logStartOffset, highWatermark }) => sum + highWatermark - logStartOffset, 0),
      sizeBytes: partitions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      ...(times.length === 0 ? {} : { lastRecordedAt: Math.max(...times) }),
      partitions,
    }
  }
}

/** The expectations of a call, as they are now. @throws {VarveError} `OPTION_INVALID`. */
function expectations(expect: AppendOptions['expect']): readonly Expectation[] {
  if (expect === undefined) return []
  const list: readonly Expectation[] = Array.isArray(expect) ? expect : [expect as Expectation]
  return list.map((wanted) => {
    if (typeof wanted !== 'object' || wanted === null)
      throw optionInvalid('expect', 'must be { entity, version }', wanted)
    checkIdentifier(wanted.entity, 'expect.entity')
    if (wanted.version !== 'none' && wanted.version !== 'exists') {
      wholeOption('expect.version', wanted.version, { least: 0 })
    }
    return { entity: wanted.entity, version: wanted.version }
  })
}
