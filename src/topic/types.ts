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

/** One clause of a query: every property that is given must hold. */
export interface QueryClause {
  /** The kind is one of these. */
  readonly kinds?: readonly string[]
  /** All of these are among the event's tags. */
  readonly tags?: readonly string[]
  readonly entity?: string
}

/** What a decision was based on: refuse the call if an event that matches any clause lies at or after `after`. */
export interface AppendCondition {
  readonly query: QueryClause | readonly QueryClause[]
  /** The first offset that the caller has not seen, such as `highWatermark` of the page it decided on. */
  readonly after: number
}

export interface AppendOptions {
  /** Refuse the whole call with `VERSION_CONFLICT` unless all expectations hold after the calls queued before it. */
  readonly expect?: Expectation | readonly Expectation[]
  /** Refuse the whole call with `CONDITION_FAILED` when something matching was appended meanwhile. It sees one
   * partition: in a topic with several each clause names an entity of it, or the call names the `partition`. */
  readonly condition?: AppendCondition
  /** Append at most once: a call with the key of an earlier one gets that one's receipt, with `replayed` set, if its
   * events are the same, and `KEY_REUSED` if they are not. Remembered for the topic's idempotency window. */
  readonly idempotencyKey?: string
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
  /** This call appended nothing: an earlier one with the same idempotency key did. */
  readonly replayed: boolean
  /** With an idempotency key: how long it is remembered, at least, unless `windowKeys` newer ones come first. */
  readonly idempotency?: { readonly key: string; readonly until: number; readonly windowKeys: number }
}

export interface ReadFilter {
  readonly kind?: string | readonly string[]
  readonly entity?: string
  readonly scope?: string
  readonly tag?: string
  readonly correlationId?: string
  readonly causationId?: string
  readonly id?: string
  /** The events of calls with this key. */
  readonly idempotencyKey?: string
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

/** An event whose values are not decoded: its envelope, and the way to the rest. */
export interface RawEvent<K extends Kinds = AnyKinds>
  extends Omit<StoredEvent<AnyKinds>, 'data' | 'meta' | 'extensions'> {
  /** Decode the whole event. The first call for any event of a block decodes its block.
   * @throws {VarveError} `SEGMENT_DAMAGED`, `SCHEMA_NEWER`, `UPCAST_FAILED`. */
  decode(): StoredEvent<K>
}

/** Events as they are read: iterate them one by one, or in arrays with `batches()`, which is the fast way. */
export interface EventStream<K extends Kinds = AnyKinds> extends AsyncIterable<StoredEvent<K>> {
  batches(): AsyncIterable<StoredEvent<K>[]>
  /** Arrays of envelopes without values, for readers that need few of the values or none. */
  raw(): AsyncIterable<RawEvent<K>[]>
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

/** How much of a topic is kept, per partition. Whole segments go, oldest first, never the active one; what is given
 * must not be exceeded by more than a segment. */
export interface Retention {
  /** Of `recordedAt`, in milliseconds. */
  readonly maxAgeMs?: number
  /** Of segment files. */
  readonly maxBytes?: number
  readonly maxEvents?: number
}

/** What a topic is created with. */
export interface TopicOptions {
  /** 1 to 1,024, fixed at creation; default 1. */
  readonly partitions?: number
  /** When a segment is sealed: 1 MiB to 1 GiB, default 64 MiB. */
  readonly segmentBytes?: number
  /** Default: everything is kept. */
  readonly retention?: Retention
  /** `deflate`: blocks are compressed, which costs appends and reads time. Default `none`. */
  readonly compression?: 'none' | 'deflate'
  /** `events`: the hash chain is over single events, so that `proof` proves one alone; appends hash each event.
   * Fixed at creation; default `batches`. */
  readonly chain?: 'batches' | 'events'
  /** How long idempotency keys are remembered: default 24 hours and 1,000,000 keys, whichever ends first. */
  readonly idempotency?: { readonly windowMs?: number; readonly windowKeys?: number }
}

/** The options of a topic that may change later. */
export type ChangeableTopicOptions = Omit<TopicOptions, 'partitions' | 'chain'>

/** Every option of a topic as it is. */
export interface TopicSettings {
  readonly partitions: number
  readonly segmentBytes: number
  readonly retention: Retention
  readonly compression: 'none' | 'deflate'
  readonly chain: 'batches' | 'events'
  readonly idempotency: { readonly windowMs: number; readonly windowKeys: number }
}

/** How older data of a kind becomes what the program knows now. Applied at every read; the log stays as it is. */
export interface Upcast {
  /** The schema version this program knows. Events appended without one are given it. */
  readonly version: number
  /** By schema version: from data of that version to data of the next. Events without a version are of version 1;
   * a step from 0 is needed only for events that say 0. A step may change the data it is given. */
  readonly from: { readonly [version: number]: (data: never, event: StoredEvent) => unknown }
}

/** What pruning does, or would do. */
export interface PruneReport {
  readonly dryRun: boolean
  readonly partitions: readonly {
    readonly partition: number
    readonly logStartOffsetBefore: number
    readonly logStartOffset: number
    readonly segments: number
    readonly events: number
    /** Space that is given back. */
    readonly sizeBytes: number
    /** Space that is not, because snapshots or forks have the files, too. */
    readonly sharedBytes: number
  }[]
}

/** A proof that one event is part of the log, checked by `verifyProof` without a store. Plain data, about 2 KiB. */
export interface EventProof {
  readonly format: 1
  readonly topic: string
  readonly lineage: string
  readonly event: StoredEvent
  /** The key of the append that wrote the event, if it had one. */
  readonly idempotencyKey?: string
  /** Hashes beside the way from the event to the root of its batch, leaf first, 64 hexadecimal digits each. */
  readonly path: readonly string[]
  /** The batch as the chain hashes it. */
  readonly batch: {
    readonly previousHash: string
    readonly baseOffset: number
    readonly lastOffsetDelta: number
    readonly lowestAt: number
    readonly highestAt: number
    readonly recordedAt: number
  }
  /** Chain hash of the batch: what the receipt of the append says. */
  readonly hash: string
}

export interface DecideOptions {
  /** How often to decide again after a conflict; default 10. */
  readonly retries?: number
  readonly durability?: Durability
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
}

/** How many events `causes` and `effects` give at most, and what ends them. */
export interface WalkOptions {
  /** 1 to 10,000; default 1,000. */
  readonly limit?: number
  readonly signal?: AbortSignal
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
  readonly settings: TopicSettings
  readonly events: number
  readonly sizeBytes: number
  readonly lastRecordedAt?: number
  readonly partitions: readonly PartitionStats[]
}

/** A state and the version of its entity at which it was. */
export interface Folded<S> {
  readonly state: S
  readonly version: number
}

export interface PruneOptions {
  /** Change nothing, say what would go. */
  readonly dryRun?: boolean
  /** Everything below this offset may go, instead of what the topic's retention says. Whole segments. */
  readonly before?: number
  readonly partition?: number
}

/** One topic of an open store. */
export interface Topic<K extends Kinds = AnyKinds> {
  readonly name: string
  readonly lineage: string
  readonly partitions: number
  /** Append one event, or an array as one atomic batch, and resolve when it is durable as asked.
   * Cost: one write; calls that wait at the same time share one sync.
   * @throws {VarveError} `EVENT_INVALID`, `VALUE_UNSUPPORTED`, `EVENT_TOO_LARGE`, `APPEND_TOO_LARGE`,
   * `SCHEMA_REJECTED`, `SCHEMA_NEWER`, `PARTITION_SPANNED`, `PARTITION_UNKNOWN`, `VERSION_CONFLICT`,
   * `CONDITION_FAILED`, `KEY_REUSED`, `QUEUE_FULL`, `STORAGE_FULL`, `STORE_POISONED`, `STORE_FENCED`,
   * `STORE_READ_ONLY`, `STORE_CLOSED`, `TOPIC_DELETED`. */
  append(events: NewEvent<K> | readonly NewEvent<K>[], options?: AppendOptions): Promise<Receipt>
  /** Read durable events. The end is the high watermark at the time of the call.
   * @throws {VarveError} `OFFSET_OUT_OF_RANGE`, `OFFSET_PRUNED`, `CURSOR_INVALID`, `CURSOR_FOREIGN`, `OPTION_INVALID`,
   * `SEGMENT_DAMAGED`, `SCHEMA_NEWER`. */
  read(options?: ReadOptions): EventStream<K>
  /** Read at most `limit` (default 100, at most 1,000) events and a cursor for the rest. */
  page(options?: ReadOptions): Promise<Page<K>>
  /** The event at an offset, or `undefined` past the high watermark. Decodes one block, not its batch. */
  get(offset: number, options?: { readonly partition?: number }): Promise<StoredEvent<K> | undefined>
  /** The last `count` events (at most 1,000), oldest first. */
  last(count: number, options?: { readonly partition?: number }): Promise<StoredEvent<K>[]>
  /** Follow the topic. @throws {VarveError} as `read`. */
  tail(options?: TailOptions): Tail<K>
  /** The version of an entity: the offset after its last event, 0 when it never had one. Survives pruning. */
  version(entity: string): Promise<number>
  /** Fold the events of an entity into a state, and say at which version it is. */
  fold<S>(entity: string, reduce: (state: S, event: StoredEvent<K>) => S, initial: S): Promise<Folded<S>>
  /** Fold an entity, decide on its state, append what was decided, and do all of it again when somebody was faster.
   * Deciding nothing (an empty array) appends nothing.
   * @throws {VarveError} as `append`; `VERSION_CONFLICT` when the retries are used up. */
  decide<S>(
    entity: string,
    reduce: (state: S, event: StoredEvent<K>) => S,
    initial: S,
    decision: (state: S) => readonly NewEvent<K>[] | NewEvent<K> | Promise<readonly NewEvent<K>[] | NewEvent<K>>,
    options?: DecideOptions,
  ): Promise<Folded<S> & { readonly receipt?: Receipt }>
  /** The events that led to this one, nearest first: its `causationId`'s event, and so on. */
  causes(id: string, options?: WalkOptions): Promise<StoredEvent<K>[]>
  /** The events that this one led to, directly or through others, in the order they are found: level by level. */
  effects(id: string, options?: WalkOptions): Promise<StoredEvent<K>[]>
  /** Give up the oldest segments, as the topic's retention says or up to an offset. One durable record raises the log
   * start, then the files go. @throws {VarveError} `OPTION_INVALID`, `STORE_READ_ONLY`. */
  prune(options?: PruneOptions): Promise<PruneReport>
  /** Prove that an event is part of the log. @throws {VarveError} `PROOF_UNSUPPORTED` unless `chain` is `events`. */
  proof(offset: number, options?: { readonly partition?: number }): Promise<EventProof | undefined>
  /** A cursor that continues after this event, forwards. */
  cursorAfter(event: { readonly partition: number; readonly offset: number }): string
  stats(): TopicStats
}
