/** The words of a store: how it is opened, what opening did, and what a check found.
 * @module */
import type { Path } from '../document/path/path.ts'
import type { DocumentRef } from '../document/reference.ts'
import type {
  DocumentBytes,
  DocumentProgress,
  DocumentReport,
  DocumentStat,
  OpenDocument,
  ReadDocumentOptions,
  StructuralEvent,
  WriteDocumentOptions,
  WriteJsonOptions,
} from '../document/types.ts'
import type { History, HistoryOptions, HistoryStats } from '../history/types.ts'
import type { Clock } from '../ports/clock.ts'
import type { Owner } from '../ports/owner.ts'
import type { Random } from '../ports/random.ts'
import type { Storage } from '../ports/storage.ts'
import type { OpenProjectionOptions, Projection, ProjectionStatus } from '../projection/types.ts'
import type { SnapshotPolicy, Snapshots, Until } from '../snapshot/types.ts'
import type { StandardSchema } from '../topic/schema.ts'
import type {
  AnyKinds,
  ChangeableTopicOptions,
  Kinds,
  Topic,
  TopicOptions,
  TopicStats,
  Upcast,
} from '../topic/types.ts'

export interface StoreOptions {
  readonly storage: Storage
  /** Open beside a writer, without a single write, and follow it. `salvage` opens a damaged store: `openReport.gaps`
   * says what cannot be read, everything else can. Default false. */
  readonly readOnly?: boolean | 'salvage'
  /** Take the store from an owner that is not provably dead; its unacknowledged appends fail. Default false. */
  readonly takeOver?: boolean
  /** How long to wait for a silent owner before `STORE_LOCKED`: 0 (the default) refuses a live owner at once;
   * 16,000 or more lets a store whose owner vanished on another host open unattended. */
  readonly lockTimeoutMs?: number
  /** Use and write checkpoints. Default true. */
  readonly checkpoint?: boolean
  /** How much memory parts of term indexes may take that are kept for the next read; default 32 MiB. */
  readonly memoryBudgetBytes?: number
  /** When clean-up removes snapshots, and how soon the next may be made. */
  readonly snapshotPolicy?: Partial<SnapshotPolicy>
  readonly clock?: Clock
  readonly random?: Random
  /** Called with facts worth a log line: repairs, ignored files, slow syncs. Must not throw. */
  readonly onDiagnostic?: (diagnostic: Diagnostic) => void
  readonly signal?: AbortSignal
}

export interface Diagnostic {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** What open did. Counts cover all partitions that open had to look at. */
export interface OpenReport {
  /** `created`; `clean`: after a clean close; `recovered`: tails were scanned; `read-only`. */
  readonly source: 'created' | 'clean' | 'recovered' | 'read-only'
  readonly epoch: number
  /** The owner before this one, when there was one that did not close. */
  readonly previousOwner?: Owner
  readonly segmentsRead: number
  /** Bytes of segments read by open. */
  readonly bytesRead: number
  /** Events found by scanning tails. */
  readonly rowsReplayed: number
  /** Derived files that were refused, with the reason; they are rebuilt when needed. */
  readonly refused: readonly { readonly file: string; readonly reason: string }[]
  /** Tails that recovery cut off or moved: nothing acknowledged is ever among the bytes left behind. */
  readonly repaired: readonly {
    readonly topic: string
    readonly partition: number
    readonly file: string
    /** Events above the last proven sync that were written again to a new segment. */
    readonly eventsMoved: number
    /** Bytes of a torn tail, left where they are and ignored. */
    readonly tornBytes: number
  }[]
  /** Of a salvage: offsets `[from, to)` that cannot be read, and why. Empty otherwise. */
  readonly gaps: readonly {
    readonly topic: string
    readonly partition: number
    readonly from: number
    readonly to: number
    readonly file: string
    readonly reason: string
  }[]
  /** Files that are not the store's, left alone. */
  readonly ignored: readonly string[]
  readonly durationMs: number
}

/** A chain hash that was kept elsewhere, such as that of a receipt. */
export interface VerifyHead {
  readonly topic: string
  /** Default 0. */
  readonly partition?: number
  /** End of the events that the hash is for, exclusive: `endOffset` of the receipt. */
  readonly offset: number
  /** 64 hexadecimal digits. */
  readonly hash: string
}

export interface VerifyOptions {
  /** The log must contain this hash; else the report has a problem `HEAD_DIFFERS` or `HEAD_UNKNOWN`. */
  readonly head?: VerifyHead
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: VerifyProgress) => void
}

export interface VerifyProgress {
  readonly doneBytes: number
  readonly totalBytes: number
  readonly file: string
}

export interface VerifyProblem {
  readonly code: string
  readonly file: string
  readonly message: string
  /** Position in the file in bytes, where known. */
  readonly position?: number
  /** Truth was damaged, as opposed to a derived file that can be rebuilt. */
  readonly damage: boolean
}

export interface VerifyReport {
  /** No damage to truth; derived files may still be listed as problems. */
  readonly ok: boolean
  readonly filesChecked: number
  readonly bytesChecked: number
  readonly eventsChecked: number
  readonly documentsChecked: number
  /** Versions of histories. */
  readonly versionsChecked: number
  readonly problems: readonly VerifyProblem[]
  readonly unknownFiles: readonly string[]
  /** What this check did not look at, in sentences. */
  readonly notChecked: readonly string[]
  readonly durationMs: number
}

export interface OpenTopicOptions<K extends Kinds> {
  /** Create the topic when it does not exist. */
  readonly create?: TopicOptions | true
  /** Validate data of these kinds before it is appended; kinds without a schema are refused. */
  readonly schemas?: { readonly [Kind in keyof K & string]: StandardSchema }
  /** How data of older schema versions is read, by kind. */
  readonly upcasts?: { readonly [Kind in keyof K & string]?: Upcast }
}

export interface Topics {
  /** Open a topic. The same instance for the same name.
   * @throws {VarveError} `NAME_INVALID`, `TOPIC_UNKNOWN`, `TOPIC_EXISTS` (other options), `OPTION_INVALID`. */
  open<K extends Kinds = AnyKinds>(name: string, options?: OpenTopicOptions<K>): Promise<Topic<K>>
  /** Names and sizes, sorted by name. */
  list(): Promise<TopicStats[]>
  /** Change options of a topic. Fields that are not given stay; `retention` and `idempotency` are replaced whole.
   * @throws {VarveError} `TOPIC_UNKNOWN`, `OPTION_INVALID`, `STORE_READ_ONLY`. */
  change(name: string, options: ChangeableTopicOptions): Promise<TopicStats>
  /** Delete a topic and all of its files. Its open instances answer `TOPIC_DELETED`; the name may be used again.
   * @throws {VarveError} `TOPIC_UNKNOWN`, `STORE_READ_ONLY`. */
  delete(name: string): Promise<void>
  /** Make a new topic that has the events of another one up to `until`, by default all, without copying them: segments
   * are shared, ids and versions stay, and both go on. Cost: a link for each file, and a copy of at most 1 MiB.
   * @throws {VarveError} `TOPIC_UNKNOWN`, `TOPIC_EXISTS`, `NAME_INVALID`, `OFFSET_OUT_OF_RANGE`, `OFFSET_PRUNED`,
   * `OPTION_INVALID`, `STORE_READ_ONLY`. */
  fork(
    name: string,
    as: string,
    options?: { readonly until?: Until; readonly signal?: AbortSignal },
  ): Promise<TopicStats>
}

/** Large values, each one file, readable by path without loading them. A `DocumentRef` may stand for a name. */
export interface Documents {
  /** Store a value as the new version of a document, which need not exist.
   * Cost: about that of `JSON.stringify` and a write of it, and three syncs.
   * @throws {VarveError} `NAME_INVALID`, `DOCUMENT_CONFLICT` {name, expected, found}, `VALUE_UNSUPPORTED`,
   * `DOCUMENT_LIMIT`, `OPTION_INVALID`, `STORE_READ_ONLY`, and what the storage throws. Nothing is published then. */
  write(name: string, value: unknown, options?: WriteDocumentOptions): Promise<DocumentStat>
  /** The same from JSON text as UTF-8 in pieces of any size, in memory that does not grow with it.
   * @throws {VarveError} as `write`, and `JSON_INVALID` {position, line, column}, `KEY_DUPLICATE`. */
  writeJson(name: string, json: DocumentBytes, options?: WriteJsonOptions): Promise<DocumentStat>
  /** The same from structural events. @throws {VarveError} as `write`, and `DOCUMENT_SEQUENCE`. */
  writeEvents(
    name: string,
    events: Iterable<StructuralEvent> | AsyncIterable<StructuralEvent>,
    options?: WriteDocumentOptions,
  ): Promise<DocumentStat>
  /** Open the newest version for many reads. Close it. @throws {VarveError} `DOCUMENT_UNKNOWN`, `DOCUMENT_DAMAGED`,
   * `DOCUMENT_MISSING`. */
  open(name: string | DocumentRef): Promise<OpenDocument>
  /** Work with the newest version, which must not be closed: documents that were used lately stay open.
   * @throws {VarveError} as `open`, and what `work` throws. */
  use<T>(name: string | DocumentRef, work: (document: OpenDocument) => Promise<T>): Promise<T>
  /** One value of the newest version. Documents that were read lately stay open. */
  read(name: unknown, path?: string | Path, options?: ReadDocumentOptions): Promise<unknown>
  /** Sorted by name. */
  list(): Promise<DocumentStat[]>
  /** @throws {VarveError} `DOCUMENT_UNKNOWN`. */
  stat(name: string | DocumentRef): Promise<DocumentStat>
  /** @throws {VarveError} `DOCUMENT_UNKNOWN`, `DOCUMENT_CONFLICT`, `STORE_READ_ONLY`. */
  delete(name: string, options?: { readonly ifVersion?: number }): Promise<void>
  /** Check every byte, the sequence of events, and that the index leads where it says. Never writes. */
  verify(
    name: string | DocumentRef,
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: DocumentProgress) => void },
  ): Promise<DocumentReport>
}

/** Histories: the versions of one value each, stored as changes. */
export interface Histories {
  /** Open a history. The same instance for the same name.
   * @throws {VarveError} `NAME_INVALID`, `HISTORY_UNKNOWN`, `HISTORY_EXISTS` (other options), `OPTION_INVALID`. */
  open(name: string, options?: { readonly create?: HistoryOptions | true }): Promise<History>
  /** Sorted by name. */
  list(): Promise<HistoryStats[]>
  /** Change options. Fields that are not given stay; each tier is replaced whole.
   * @throws {VarveError} `HISTORY_UNKNOWN`, `OPTION_INVALID`, `STORE_READ_ONLY`. */
  change(name: string, options: HistoryOptions): Promise<HistoryStats>
  /** Delete a history and all of its versions. @throws {VarveError} `HISTORY_UNKNOWN`, `STORE_READ_ONLY`. */
  delete(name: string): Promise<void>
}

/** Projections: states that are folded from the events of a topic. */
export interface Projections {
  /** Open a projection. The same instance for the same name; a fold that is given replaces the one before.
   * @throws {VarveError} `NAME_INVALID`, `PROJECTION_UNKNOWN`, `PROJECTION_EXISTS` (other options), `TOPIC_UNKNOWN`. */
  open<S, K extends Kinds = AnyKinds>(name: string, options?: OpenProjectionOptions<S, K>): Promise<Projection<S>>
  /** Sorted by name. */
  list(): Promise<ProjectionStatus[]>
  /** Delete a projection and its states. @throws {VarveError} `PROJECTION_UNKNOWN`, `PROJECTION_BUSY`. */
  delete(name: string): Promise<void>
}

export interface StoreStats {
  readonly storeId: string
  readonly storage: string
  readonly location: string
  readonly readOnly: boolean
  readonly epoch: number
  readonly formatVersion: number
  readonly topics: number
  readonly documents: number
  readonly histories: number
  readonly projections: number
  readonly events: number
  readonly sizeBytes: number
  /** Parts of term indexes that are kept for the next read. */
  readonly memory: { readonly budgetBytes: number; readonly usedBytes: number }
  /** `open`, or why appends are refused. */
  readonly state: 'open' | 'poisoned' | 'fenced' | 'closed'
}

/** An open store. */
export interface Store {
  readonly id: string
  readonly readOnly: boolean
  readonly openReport: OpenReport
  readonly topics: Topics
  readonly documents: Documents
  readonly histories: Histories
  readonly projections: Projections
  readonly snapshots: Snapshots
  stats(): Promise<StoreStats>
  /** Check every byte: checksums, chains, manifest, derived files rebuilt in memory and compared. Never writes. */
  verify(options?: VerifyOptions): Promise<VerifyReport>
  /** Write checkpoints now, so that the next open after a crash replays little. */
  checkpoint(): Promise<void>
  /** Finish queued appends, write checkpoints, mark the store cleanly closed, release it. Idempotent. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
