/** The words of a topic: events as appended, events as read, receipts, and the options of every call.
 * @module */

/** Event data by kind: `{ OrderPlaced: { total: number } }`. */
export type Kinds = Record<string, unknown>

/** Any kind with any data: the type of a topic that was opened without `Kinds`. */
// biome-ignore lint/suspicious/noExplicitAny: data of an untyped topic is whatever the caller stored.
export type AnyKinds = Record<string, any>

/** An event to append. Strings are well-formed, 1 to 256 UTF-8 bytes. */
export type NewEvent<K extends Kinds = AnyKinds> = {
  [Kind in keyof K & string]: {
    readonly kind: Kind
    /** What the event is about: the unit of `version` and of `expect`. */
    readonly entity: string
    readonly data: K[Kind]
    readonly scope?: string
    /** At most 16. */
    readonly tags?: readonly string[]
    /** The caller's time in whole milliseconds since 1970, kept as given; default now. */
    readonly at?: number
    /** The caller's own identifier, kept as given and not checked; default `<lineage>-<partition>-<offset>`. */
    readonly id?: string
    readonly meta?: unknown
    readonly correlationId?: string
    /** The `id` of the event that caused this one. */
    readonly causationId?: string
    /** Whole numbers from 0 to 2^32 - 1. */
    readonly lane?: number
    readonly depth?: number
    readonly schemaVersion?: number
    readonly extensions?: unknown
  }
}[keyof K & string]

/** An event as read. Optional fields are absent, not undefined, when they were not given. */
export type StoredEvent<K extends Kinds = AnyKinds> = {
  [Kind in keyof K & string]: {
    /** Number of this event in its partition, from 0. */
    readonly offset: number
    readonly partition: number
    readonly id: string
    readonly kind: Kind
    readonly entity: string
    readonly scope?: string
    readonly tags?: readonly string[]
    readonly at: number
    /** The writer's clock in milliseconds since 1970, never backwards within a partition. */
    readonly recordedAt: number
    readonly data: K[Kind]
    readonly meta?: unknown
    readonly correlationId?: string
    readonly causationId?: string
    readonly lane?: number
    readonly depth?: number
    readonly schemaVersion?: number
    readonly extensions?: unknown
  }
}[keyof K & string]

/** `synced`: on the device. `buffered`: handed to the operating system, synced within a second. */
export type Durability = 'buffered' | 'synced'

/** What the caller believes of an entity. `version`: the offset after its last event; `none` = 0; `exists` = not 0. */
export interface Expectation {
  readonly entity: string
  readonly version: number | 'none' | 'exists'
}

export interface AppendOptions {
  /** Refuse the whole call with `VERSION_CONFLICT` unless all expectations hold after the calls queued before it. */
  readonly expect?: Expectation | readonly Expectation[]
  /** Default `synced`. */
  readonly durability?: Durability
  /** Which partition, for topics with several; default that of the entities. */
  readonly partition?: number
  /** Gives up while the call waits in the queue; once its bytes are being written the call completes. */
  readonly signal?: AbortSignal
}

/** Proof of an append: `[firstOffset, endOffset)` in one partition. */
export interface Receipt {
  readonly topic: string
  readonly lineage: string
  readonly partition: number
  readonly firstOffset: number
  readonly endOffset: number
  /** The new version of every entity in the call. */
  readonly versions: Readonly<Record<string, number>>
  readonly recordedAt: number
  /** Chain hash of the record batch that holds the events, 64 hexadecimal digits. */
  readonly hash: string
  readonly durability: Durability
}

export interface ReadFilter {
  readonly kind?: string | readonly string[]
  readonly entity?: string
  readonly scope?: string
  readonly tag?: string
  readonly correlationId?: string
  readonly causationId?: string
  readonly id?: string
  /** Events with `at >= since`. */
  readonly since?: number
  /** Events with `at < until`. */
  readonly until?: number
}

export interface ReadOptions extends ReadFilter {
  /** First offset, inclusive. In a topic with several partitions it needs `partition`. */
  readonly from?: number
  /** Last offset, exclusive. In a topic with several partitions it needs `partition`. */
  readonly to?: number
  /** Only this partition; default all, merged by `recordedAt`. */
  readonly partition?: number
  readonly direction?: 'forward' | 'backward'
  readonly limit?: number
  /** Continue where a page or a tail stopped. */
  readonly cursor?: string
  readonly signal?: AbortSignal
}

/** Events as they are read: iterate them one by one, or in arrays with `batches()`, which is the fast way. */
export interface EventStream<K extends Kinds = AnyKinds> extends AsyncIterable<StoredEvent<K>> {
  batches(): AsyncIterable<StoredEvent<K>[]>
}

export interface Page<K extends Kinds = AnyKinds> {
  readonly items: StoredEvent<K>[]
  /** Present when there may be more. */
  readonly nextCursor?: string
  /** First offset not yet durable: of the partition asked for, or of each in order. */
  readonly highWatermark: number | readonly number[]
}

export interface TailOptions extends Omit<ReadFilter, 'since' | 'until'> {
  /** An offset (needs `partition` in a topic with several), the `start`, or the `end`; default `end`. */
  readonly from?: number | 'start' | 'end'
  readonly partition?: number
  /** Continue after the event this cursor was made for. */
  readonly cursor?: string
  readonly signal?: AbortSignal
}

/** A live stream of events: what is there from the start point, then what arrives; each exactly once. */
export interface Tail<K extends Kinds = AnyKinds> extends AsyncIterable<StoredEvent<K>> {
  /** Arrays of events, as many as are there at once; resolves when at least one is. */
  batches(): AsyncIterable<StoredEvent<K>[]>
  /** A cursor just after the last event that the consumer took. */
  cursor(): string
}

/** What a topic was created with. */
export interface TopicOptions {
  /** 1 to 1,024, fixed at creation; default 1. */
  readonly partitions?: number
  /** When a segment is sealed: 1 MiB to 1 GiB, default 64 MiB. */
  readonly segmentBytes?: number
}

export interface PartitionStats {
  readonly partition: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly highWatermark: number
  readonly segments: number
  readonly sizeBytes: number
  /** `recordedAt` of the last batch, if any. */
  readonly lastRecordedAt?: number
}

export interface TopicStats {
  readonly topic: string
  readonly lineage: string
  readonly createdAt: number
  readonly segmentBytes: number
  readonly events: number
  readonly sizeBytes: number
  readonly lastRecordedAt?: number
  readonly partitions: readonly PartitionStats[]
}

/** One topic of an open store. */
export interface Topic<K extends Kinds = AnyKinds> {
  readonly name: string
  readonly lineage: string
  readonly partitions: number
  /** Append one event, or an array as one atomic batch, and resolve when it is durable as asked.
   * Cost: one write; calls that wait at the same time share one sync.
   * @throws {VarveError} `EVENT_INVALID`, `VALUE_UNSUPPORTED`, `EVENT_TOO_LARGE`, `APPEND_TOO_LARGE`,
   * `SCHEMA_REJECTED`, `PARTITION_SPANNED`, `PARTITION_UNKNOWN`, `VERSION_CONFLICT`, `QUEUE_FULL`,
   * `STORAGE_FULL`, `STORE_POISONED`, `STORE_FENCED`, `STORE_READ_ONLY`, `STORE_CLOSED`. */
  append(events: NewEvent<K> | readonly NewEvent<K>[], options?: AppendOptions): Promise<Receipt>
  /** Read durable events. The end is the high watermark at the time of the call.
   * @throws {VarveError} `OFFSET_OUT_OF_RANGE`, `CURSOR_INVALID`, `CURSOR_FOREIGN`, `OPTION_INVALID`,
   * `SEGMENT_DAMAGED`. */
  read(options?: ReadOptions): EventStream<K>
  /** Read at most `limit` (default 100, at most 1,000) events and a cursor for the rest. */
  page(options?: ReadOptions): Promise<Page<K>>
  /** The event at an offset, or `undefined` past the high watermark. Decodes one block, not its batch. */
  get(offset: number, options?: { readonly partition?: number }): Promise<StoredEvent<K> | undefined>
  /** The last `count` events (at most 1,000), oldest first. */
  last(count: number, options?: { readonly partition?: number }): Promise<StoredEvent<K>[]>
  /** Follow the topic. @throws {VarveError} as `read`. */
  tail(options?: TailOptions): Tail<K>
  /** The version of an entity: the offset after its last event, 0 when it has none. */
  version(entity: string): Promise<number>
  /** A cursor that continues after this event, forwards. */
  cursorAfter(event: { readonly partition: number; readonly offset: number }): string
  stats(): TopicStats
}
