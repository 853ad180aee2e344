/** The words of histories: versions of one value, how they are addressed, thinned and asked for.
 * @module */
import type { Path } from '../document/path/path.ts'
import type { ReadCost } from '../document/types.ts'

/** How long versions are kept, by age: `raw` first, then `compressed`, then `archive`, then they are gone. */
export type Tier = 'raw' | 'compressed' | 'archive'

export interface TierOptions {
  /** Versions up to this age belong to the tier; null: of any age, so that none leaves it. */
  readonly forMs: number | null
  /** Keep the last version of each period of this length, which begin at multiples of it since 1970. Absent: all. */
  readonly everyMs?: number
}

/** Ages grow from tier to tier. */
export interface Tiers {
  /** Default one day, every version. */
  readonly raw: TierOptions
  /** Default 30 days, one version an hour. */
  readonly compressed: TierOptions
  /** Default 365 days, one version a day. */
  readonly archive: TierOptions
}

export interface HistoryOptions {
  /** At most so many versions in a group, which begins with a whole value: 1 to 10,000, default 128. */
  readonly keyframeInterval?: number
  /** Elements of arrays that are objects are the same element when this field of them is equal. Default: when they
   * are equal as a whole, or in the same place. */
  readonly keyField?: string
  /** What a clean-up keeps. Nothing goes without one. */
  readonly tiers?: Partial<Tiers>
}

/** Every option of a history as it is. */
export interface HistorySettings {
  readonly keyframeInterval: number
  readonly keyField?: string
  readonly tiers: Tiers
}

export interface AppendVersionOptions {
  /** 1 to 256 UTF-8 bytes. Several versions may have the same. */
  readonly label?: string
  /** What the value is known by elsewhere, 1 to 256 UTF-8 bytes. Default: its hash, 32 hexadecimal digits. */
  readonly fingerprint?: string
  /** An object of the value table, at most 64 KiB encoded. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** End offset, exclusive, of the log that the value reflects; never below that of the version before. */
  readonly offset?: number
  /** Milliseconds since 1970; never before the version before. Default: now. */
  readonly at?: number
  /** Only if this is the newest version; 0: only if there is none yet. */
  readonly ifVersion?: number
  readonly signal?: AbortSignal
}

/** Measured series, as they are appended with `appendMetrics` and read back. */
export interface MetricSeries {
  /** Nanoseconds since 1970, exact: 0 to 2^64 - 1. */
  readonly timestamps: readonly bigint[] | BigUint64Array
  /** As many as there are timestamps. */
  readonly values: readonly number[] | Float64Array
}

export interface MetricsSnapshot {
  readonly fingerprint?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly metrics: Readonly<Record<string, MetricSeries>>
}

/** What a clean-up leaves of a metric over a period. Values that are NaN do not count; without another one there is
 * no rollup of the metric. */
export interface MetricRollup {
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly count: number
  readonly last: number
}

/** `metrics`: appended as such. `rollup`: metrics of a period, as `{ rollup: { [name]: MetricRollup } }`. */
export type VersionKind = 'value' | 'metrics' | 'rollup'

/** One version as the list of a history shows it. */
export interface VersionInfo {
  /** From 1. */
  readonly version: number
  readonly at: number
  readonly kind: VersionKind
  readonly label?: string
  /** The caller's, or the hash of the value. */
  readonly fingerprint: string
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly offset?: number
  readonly tier: Tier
  readonly pinned: boolean
  /** What a copy of the value would take: its encoding alone, not compressed. */
  readonly rawBytes: number
  /** What it takes. */
  readonly sizeBytes: number
  /** Stored as a change of the version before; otherwise whole. */
  readonly isDelta: boolean
  /** Number of the version that its group begins with. */
  readonly group: number
  /** Its value is lost; what is not known of it any more is empty or 0. */
  readonly isDamaged?: true
}

/** One version: by number; the newest at or before a time; the newest with a label; the newest that reflects no more
 * of the log than up to an offset. None of them: the newest. */
export interface VersionSelector {
  readonly version?: number
  /** Milliseconds since 1970. */
  readonly time?: number
  readonly label?: string
  readonly offset?: number
}

export interface ReadVersionOptions extends VersionSelector {
  /** Only the value there; undefined where nothing is. */
  readonly path?: string | Path
  /** Compare the value with the hash that was stored with it: `VERSION_DAMAGED` when they differ. Whole values only. */
  readonly check?: boolean
  readonly onCost?: (cost: ReadCost) => void
  readonly signal?: AbortSignal
}

/** Versions `[from, to)`. */
export interface VersionRange {
  readonly from?: number
  readonly to?: number
  readonly direction?: 'forward' | 'backward'
  readonly signal?: AbortSignal
}

export interface ListVersionsOptions extends VersionRange {
  /** 1 to 1,000; default 100. */
  readonly limit?: number
  readonly cursor?: string
}

export interface VersionPage {
  readonly items: readonly VersionInfo[]
  readonly nextCursor?: string
}

/** One difference between two values. */
export interface Change {
  readonly type: 'added' | 'removed' | 'changed' | 'moved'
  /** Where it is now; of what was removed, where it was. */
  readonly path: string
  /** Where it was, of what was moved. */
  readonly from?: string
  readonly before?: unknown
  readonly after?: unknown
}

export interface DiffOptions {
  readonly from: VersionSelector
  /** Default: the newest. */
  readonly to?: VersionSelector
  /** Changes at most; 1 to 10,000, default 1,000. */
  readonly limit?: number
  readonly signal?: AbortSignal
}

export interface VersionDiff {
  readonly from: VersionInfo
  readonly to: VersionInfo
  readonly changes: readonly Change[]
  /** For people: one or two lines a change, such as `~ shapes[4].x: 10 -> 12`. */
  readonly lines: readonly string[]
  /** There are more changes than the limit. */
  readonly isCut: boolean
}

/** The value at one path in one version. */
export interface PathVersion {
  readonly version: number
  readonly at: number
  readonly label?: string
  readonly value: unknown
}

export interface PathVersionsOptions extends VersionRange {
  /** Only where the value differs from that of the version before it in this order. Default true. */
  readonly onlyChanges?: boolean
}

export interface HistoryQuery {
  /** `at >= since`. */
  readonly since?: number
  /** `at < until`. */
  readonly until?: number
  readonly label?: string
  readonly fingerprint?: string
  /** Metrics that have a series, or a rollup, of this name. */
  readonly metric?: string
  /** Versions in which something is there; what is found is that alone. */
  readonly path?: string | Path
  readonly tier?: Tier
  /** 0: none. Default: all. */
  readonly limit?: number
  readonly direction?: 'forward' | 'backward'
  /** Encoded bytes of the values that are found, together; default 50 MiB. */
  readonly budgetBytes?: number
  /** Where another query with the same filters stopped. */
  readonly cursor?: string
  readonly signal?: AbortSignal
}

export interface FoundVersion extends VersionInfo {
  readonly value: unknown
}

/** Versions as they are found. Iterate it once. */
export interface FoundVersions extends AsyncIterable<FoundVersion> {
  /** Why it ended, after the iteration: all were seen, the limit, or the budget; and where to go on. */
  readonly outcome: { readonly reason: 'end' | 'limit' | 'budget'; readonly nextCursor?: string } | undefined
}

export interface CleanupOptions {
  /** Change nothing, say what would go. */
  readonly dryRun?: boolean
  /** Ages are measured from here; default now. */
  readonly now?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly groups: number; readonly totalGroups: number }) => void
}

export interface CleanupReport {
  readonly dryRun: boolean
  /** Versions before, and those that stay. */
  readonly versions: number
  readonly kept: number
  /** Versions that go, or went, ascending; the first 10,000 of them. */
  readonly removed: readonly number[]
  /** How many versions are in each tier afterwards. */
  readonly tiers: Readonly<Record<Tier, number>>
  /** Metrics that become rollups. */
  readonly rolledUp: number
  readonly groupsRewritten: number
  readonly storedBytesBefore: number
  readonly storedBytes: number
  /** Space given back: the difference of the two. */
  readonly freedBytes: number
}

export interface HistoryStats {
  readonly history: string
  readonly createdAt: number
  readonly settings: HistorySettings
  /** Versions that can be read. */
  readonly count: number
  /** Number of the newest version ever; 0: none. */
  readonly newestVersion: number
  readonly oldestVersion: number
  /** `at` of the newest version, if there is one. */
  readonly newestAt?: number
  readonly groups: number
  /** What copies of all of them would take. */
  readonly rawBytes: number
  /** What they take in files. */
  readonly storedBytes: number
  /** rawBytes / storedBytes; 1 when nothing is stored. */
  readonly ratio: number
  readonly pinned: readonly number[]
}

export interface VersionReceipt {
  readonly version: number
  readonly at: number
  readonly fingerprint: string
  readonly isDelta: boolean
  readonly sizeBytes: number
}

export interface HistoryReport {
  readonly ok: boolean
  readonly versionsChecked: number
  readonly bytesChecked: number
  /** Versions that cannot be read. */
  readonly damaged: readonly number[]
  readonly problems: readonly {
    readonly code: string
    readonly message: string
    readonly file: string
    readonly position?: number
  }[]
}

/** The versions of one value. */
export interface History {
  readonly name: string
  readonly settings: HistorySettings
  /** Store a value as the next version and resolve when it is durable. The value may be changed by the caller as soon
   * as the call has returned its promise.
   * Cost: a comparison with the version before, two syncs, and what changed in bytes; the first one after the store was
   * opened claims the file with a record of its own.
   * @throws {VarveError} `VALUE_UNSUPPORTED`, `DOCUMENT_LIMIT`, `OPTION_INVALID`, `HISTORY_CONFLICT` {expected, found},
   * `HISTORY_UNKNOWN` when it was deleted, `STORE_READ_ONLY`, and what the storage throws. */
  append(value: unknown, options?: AppendVersionOptions): Promise<VersionReceipt>
  /** Store measured series as the next version. @throws {VarveError} as `append`. */
  appendMetrics(
    snapshot: MetricsSnapshot,
    options?: Omit<AppendVersionOptions, 'fingerprint' | 'metadata'>,
  ): Promise<VersionReceipt>
  /** The value of a version, the caller's to change. Cost: one keyframe and the changes after it; of a path, what
   * leads to it. @throws {VarveError} `VERSION_OUT_OF_RANGE` {oldestVersion, newestVersion}, `VERSION_GONE` {tier},
   * `VERSION_UNKNOWN` (no version has the label, or none is so old), `VERSION_DAMAGED` {versions, file}. */
  read(options?: ReadVersionOptions): Promise<unknown>
  /** What is known of a version, without its value. @throws {VarveError} as `read`. */
  find(selector?: VersionSelector): Promise<VersionInfo>
  /** A page of the list of versions. */
  list(options?: ListVersionsOptions): Promise<VersionPage>
  /** The list of versions. */
  index(range?: VersionRange): AsyncIterable<VersionInfo>
  diff(options: DiffOptions): Promise<VersionDiff>
  /** The value at one path over time. */
  values(path: string | Path, options?: PathVersionsOptions): AsyncIterable<PathVersion>
  query(query?: HistoryQuery): FoundVersions
  /** Keep a version whatever the tiers say. @throws {VarveError} as `read`. */
  pin(selector: VersionSelector): Promise<VersionInfo>
  unpin(selector: VersionSelector): Promise<VersionInfo>
  /** Thin out as the tiers say. Pinned versions and the newest one stay. */
  cleanup(options?: CleanupOptions): Promise<CleanupReport>
  stats(): Promise<HistoryStats>
  /** Rebuild every version and compare it with its hash. Never writes. */
  verify(options?: {
    readonly signal?: AbortSignal
    readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void
  }): Promise<HistoryReport>
}
