/** Log snapshots in public words: a moment of a store, kept beside it, linked or copied, itself a readable store.
 * @module */
import type { Storage } from '../ports/storage.ts'

/** What a snapshot is of: a topic, one partition of it, or, with neither, everything in the store. */
export interface SnapshotTarget {
  readonly topic?: string
  readonly partition?: number
}

/** When clean-up removes a snapshot, and how soon the next one may be made. Counted for each target on its own. */
export interface SnapshotPolicy {
  /** The newest so many stay; default 5, at least 1. */
  readonly maxSnapshots: number
  /** Older ones go, but never the newest of a target; default 24 h. */
  readonly retentionTimeMs: number
  /** At least so long between two; default 1 h, 0 for none. */
  readonly minIntervalMs: number
}

/** Who waits how long while another snapshot is made or removed, or this one is read. */
export interface SnapshotLockOptions {
  /** Default 30,000; 0 refuses at once. */
  readonly lockTimeoutMs?: number
  readonly signal?: AbortSignal
}

export interface SnapshotProgress {
  readonly step: 'prepare' | 'files' | 'verify' | 'publish'
  readonly doneBytes: number
  readonly totalBytes: number
  /** Store-relative; empty between files. */
  readonly file: string
}

export interface CreateSnapshotOptions extends SnapshotTarget, SnapshotLockOptions {
  /** For people, 1 to 256 bytes of UTF-8. */
  readonly label?: string
  /** Clean-up leaves it alone. */
  readonly pinned?: boolean
  /** Instead of the one of the store's policy. */
  readonly minIntervalMs?: number
  /** Called first when nothing stands in the way any more. Must not throw. */
  readonly onProgress?: (progress: SnapshotProgress) => void
}

/** One snapshot in a list. */
export interface SnapshotInfo extends SnapshotTarget {
  /** `snapshot-<ms>`, also the name of its directory in `.snapshots/`. */
  readonly id: string
  /** The moment that it holds, milliseconds since 1970. */
  readonly timestamp: number
  readonly label?: string
  readonly pinned: boolean
  readonly topics: number
  readonly documents: number
  readonly histories: number
  readonly projections: number
  readonly events: number
  /** First offset and end offset; present when it is of one partition only. */
  readonly baseOffset?: number
  readonly highWatermark?: number
  /** Chain hash at the end of that one partition; of several, SHA-256 over all of them. 64 hexadecimal digits. */
  readonly headHash: string
  readonly numSegments: number
  /** Of segments, documents and histories, whether shared with others or not. */
  readonly totalSizeBytes: number
}

export interface SnapshotPartition {
  readonly topic: string
  readonly partition: number
  readonly baseOffset: number
  readonly highWatermark: number
  readonly headHash: string
  /** Base offsets. */
  readonly segmentOffsets: readonly number[]
  readonly sizeBytes: number
}

/** One snapshot with what its own manifest says. */
export interface SnapshotDetails extends SnapshotInfo {
  readonly storeId: string
  readonly partitions: readonly SnapshotPartition[]
}

/** Where its bytes are, those of indexes and of its manifest too. A file counts as shared when it has another name
 * outside of the snapshot; one whose other names are all elsewhere, such as in a restored store, counts in the total
 * only. */
export interface SnapshotUsage {
  readonly id: string
  readonly totalSizeBytes: number
  /** Files that the store itself still needs. */
  readonly sharedWithStoreBytes: number
  /** Files that the store does not need any more, and other snapshots do. */
  readonly sharedWithSnapshotsBytes: number
  /** Freed when this snapshot alone goes. */
  readonly ownBytes: number
}

export interface SnapshotReport {
  readonly snapshot: string
  readonly ok: boolean
  readonly filesChecked: number
  readonly bytesChecked: number
  readonly events: number
  readonly problems: readonly { readonly code: string; readonly file: string; readonly message: string }[]
  readonly durationMs: number
}

/** Where a copy of a log ends. */
export type Until =
  /** Before this offset; of a topic with several partitions a list, one for each, unless the snapshot is of one. */
  | { readonly offset: number | readonly number[] }
  /** With the last event recorded at or before this moment, milliseconds since 1970. */
  | { readonly time: number }

export interface RestoreOptions {
  /** An empty place for a store of its own. Exactly one of `to` and `as` is given. */
  readonly to?: Storage
  /** The name of a new topic in this store, for a snapshot of one topic, or with `topic`. */
  readonly as?: string
  /** Restore only this topic of the snapshot. */
  readonly topic?: string
  /** Only events up to here. Documents, histories and projections are left out: their newest state is later. */
  readonly until?: Until
  /** Replace the store in `to`, which nobody may have open. Default false. */
  readonly overwrite?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: SnapshotProgress) => void
}

export interface RestoreReport {
  readonly snapshot: string
  /** Of the restored store: a new one, or this one's. */
  readonly storeId: string
  readonly topics: readonly {
    readonly topic: string
    readonly events: number
    readonly highWatermarks: readonly number[]
  }[]
  readonly documents: number
  readonly histories: number
  readonly projections: number
  /** What the snapshot has and a restore `until` some point does not. */
  readonly leftOut: { readonly documents: number; readonly histories: number; readonly projections: number }
  readonly filesLinked: number
  readonly filesCopied: number
  readonly bytesCopied: number
  readonly bytesVerified: number
  readonly durationMs: number
}

export interface DrillReport extends SnapshotReport {
  /** How long the restore alone took; absent without a place to restore to. */
  readonly restoreMs?: number
}

export interface SnapshotCleanupOptions extends SnapshotLockOptions {
  /** Only say what would go. */
  readonly dryRun?: boolean
  /** Fields that are given take the place of those of the store's policy. */
  readonly policy?: Partial<SnapshotPolicy>
}

export interface SnapshotCleanupReport {
  readonly dryRun: boolean
  readonly policy: SnapshotPolicy
  readonly removed: readonly { readonly id: string; readonly reason: 'count' | 'age' }[]
  readonly kept: readonly string[]
  /** Bytes of files whose last name goes. */
  readonly freedBytes: number
}

export interface SnapshotCopyOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: SnapshotProgress) => void
}

export interface SnapshotCopyReport {
  readonly snapshot: string
  readonly filesSent: number
  readonly bytesSent: number
  /** Files that were there already: of an earlier snapshot, or of an interrupted copy of this one. */
  readonly filesShared: number
  readonly bytesShared: number
  readonly durationMs: number
}

export interface SnapshotScheduleOptions extends SnapshotTarget {
  /** Time between two runs; at least one minute. */
  readonly everyMs: number
  /** A run begins up to this much later, at random, so that many stores do not begin together; default a tenth of
   * `everyMs`. */
  readonly jitterMs?: number
  readonly label?: string
}

export interface SnapshotRun {
  readonly at: number
  readonly snapshot?: string
  readonly removed?: readonly string[]
  /** Code and message of what went wrong. */
  readonly error?: { readonly code: string; readonly message: string }
}

export interface SnapshotScheduleStatus extends SnapshotTarget {
  readonly everyMs: number
  readonly jitterMs: number
  readonly isRunning: boolean
  /** Milliseconds since 1970. */
  readonly nextRunAt: number
  /** The newest first, at most 20. */
  readonly runs: readonly SnapshotRun[]
  /** Since the last success. */
  readonly failures: number
}

/** Snapshots of a store. One create, delete or clean-up at a time; restores beside each other and beside appends. */
export interface Snapshots {
  readonly policy: SnapshotPolicy
  /** Take a snapshot: an active segment of 1 MiB or more is rolled, everything is linked, or copied where the storage
   * cannot link. Appends go on meanwhile. Complete or not there.
   * @throws {VarveError} `SNAPSHOT_TOO_SOON` {nextAllowedAt}, `SNAPSHOT_BUSY`, `TOPIC_UNKNOWN`, `PARTITION_UNKNOWN`,
   * `OPTION_INVALID`, `STORE_READ_ONLY`, `STORAGE_FULL`, and what the storage throws. */
  create(options?: CreateSnapshotOptions): Promise<SnapshotInfo>
  /** The newest first. */
  list(): Promise<SnapshotInfo[]>
  /** @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED`. */
  get(id: string): Promise<SnapshotDetails>
  /** What each one shares, the newest first. Cost: a look at every file of every snapshot. */
  usage(): Promise<SnapshotUsage[]>
  /** The storage of a snapshot: `openStore({ storage, readOnly: true })` reads it as it is.
   * @throws {VarveError} `SNAPSHOT_UNKNOWN`. */
  storageOf(id: string): Promise<Storage>
  /** Check every byte of a snapshot. @throws {VarveError} `SNAPSHOT_UNKNOWN`. */
  verify(id: string, options?: SnapshotCopyOptions): Promise<SnapshotReport>
  /** Restore it as a store of its own, or as a new topic of this one. The snapshot is verified before anything is
   * touched; the place holds the old or the new store, never a mix. New store id, new lineages.
   * @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED`, `RESTORE_NOT_EMPTY`, `RESTORE_LIVE`, `STORE_LOCKED`,
   * `TOPIC_EXISTS`, `TOPIC_UNKNOWN`, `OFFSET_OUT_OF_RANGE`, `OPTION_INVALID`, `STORAGE_FULL`. */
  restore(id: string, options: RestoreOptions): Promise<RestoreReport>
  /** Try a restore: into `to`, such as `memoryStorage()`, or, without it, into nothing, and verify what came out. */
  drill(id: string, options?: SnapshotCopyOptions & { readonly to?: Storage }): Promise<DrillReport>
  /** @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_PINNED`, `SNAPSHOT_IN_USE`, `SNAPSHOT_BUSY`. */
  delete(id: string, options?: SnapshotLockOptions): Promise<{ readonly freedBytes: number }>
  /** Keep it whatever the policy says, or not any more. */
  pin(id: string, pinned?: boolean): Promise<SnapshotInfo>
  cleanup(options?: SnapshotCleanupOptions): Promise<SnapshotCleanupReport>
  /** Send it to another storage, such as another disk: only files that no snapshot there has; interrupted, the next
   * call goes on. What arrived is verified there. */
  export(id: string, to: Storage, options?: SnapshotCopyOptions): Promise<SnapshotCopyReport>
  /** Take it from a storage that it was exported to. */
  import(id: string, from: Storage, options?: SnapshotCopyOptions): Promise<SnapshotCopyReport>
  /** Make snapshots and clean up regularly, until the store closes. Takes the place of the schedule before. */
  schedule(options: SnapshotScheduleOptions | undefined): void
  /** Of `schedule`; undefined without one. */
  readonly scheduled: SnapshotScheduleStatus | undefined
}
