/** What snapshots ask of the store that they are taken of, or restored into.
 * @module */
import type { ManifestState, TopicRow } from '../manifest/index.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Maybe, Storage } from '../ports/storage.ts'
import type { RestoreReport, SnapshotProgress, SnapshotReport, SnapshotTarget } from './types.ts'

/** A moment of a store: what exists, and where each log ends. Its files stay until it is released. */
export interface Cut {
  /** What the manifest of a snapshot says: only what is asked for, every active segment with a proven end. */
  readonly state: ManifestState
  /** Milliseconds since 1970. */
  readonly timestamp: number
  /** Let go of the files. To be called once. */
  release(): void
}

/** A topic as it is to be taken over into a store: see `fork-topic.ts`. */
export interface SourceTopic {
  /** Where its files are, with paths as in a store. */
  readonly storage: Storage
  readonly storeId: string
  /** Every active segment has a proven end. */
  readonly row: TopicRow
  /** Nobody appends to the active segments, so that they can be linked like others: those of snapshots. */
  readonly isAtRest: boolean
}

export interface SnapshotHost {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly storeId: string
  readonly epoch: number
  /** Aborted when the store closes. */
  readonly closing: AbortSignal
  /** @throws {VarveError} `STORE_CLOSED`. */
  checkOpen(action: string): void
  /** @throws {VarveError} `STORE_CLOSED`, `STORE_READ_ONLY`, `STORE_POISONED`, `STORE_FENCED`. */
  checkWritable(action: string): void
  isFenced(): Maybe<boolean>
  /** Roll what is large, then take everything at one moment. @throws {VarveError} `TOPIC_UNKNOWN`,
   * `PARTITION_UNKNOWN`, and what the storage throws. */
  cut(target: SnapshotTarget): Promise<Cut>
  /** Make a topic of a log that is somewhere else. @throws {VarveError} `NAME_INVALID`, `TOPIC_EXISTS`. */
  adoptTopic(source: SourceTopic, as: { readonly name: string; readonly plan: TakeOver }): Promise<AdoptedTopic>
  /** Check every byte of a store at rest. */
  verify(storage: Storage, options: CheckOptions): Promise<Omit<SnapshotReport, 'snapshot'>>
}

export interface CheckOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: SnapshotProgress) => void) | undefined
}

/** How much of a topic is taken over. */
export interface TakeOver extends CheckOptions {
  /** For each partition the offset before which it ends; undefined: everything. */
  readonly ends: readonly (number | undefined)[]
}

export type AdoptedTopic = RestoreReport['topics'][number] & {
  readonly filesLinked: number
  readonly filesCopied: number
  readonly bytesCopied: number
}
