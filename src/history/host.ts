/** What a history needs of the store it belongs to.
 * @module */
import type { GroupRow, HistoryRow, HistoryWritten } from '../manifest/index.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { Storage } from '../ports/storage.ts'
import type { GroupPlace } from './group/types.ts'

/** Groups from a place on, and what goes with them: one commit. */
export type GroupsWritten = Omit<HistoryWritten, 'type'>

export interface HistoryHost {
  readonly name: string
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly storeId: string
  readonly epoch: number
  /** The history as it is now. @throws {VarveError} `HISTORY_UNKNOWN` when it was deleted. */
  row(): HistoryRow
  /** Begin a read. Beside a writer: see what it did until now. @throws {VarveError} `STORE_CLOSED`. */
  refresh(): Promise<void>
  /** Go on with what takes long. @throws {VarveError} `STORE_CLOSED`. */
  checkOpen(): void
  /** Begin a write. @throws {VarveError} `STORE_CLOSED`, `STORE_READ_ONLY`, and as `checkSound`. */
  checkWritable(action: string): void
  /** Go on with a write, also while the store closes. @throws {VarveError} `STORE_POISONED`, `STORE_FENCED`. */
  checkSound(): void
  /** Look at the fence, then make it true. @throws {VarveError} `STORE_FENCED`, `STORE_POISONED`, and what the storage
   * throws: then a manifest may or may not say so. */
  commit(written: GroupsWritten): Promise<void>
  /** Whether a file was taken over by a snapshot while this process had it open: nothing is written to it any more. */
  isShared(file: string): boolean
  /** Keep a file of the history while it is written or read. @returns gives it up. */
  hold(file: string): () => void
  /** Remove files that nothing needs any more. */
  tidy(): Promise<void>
  /** The newest value is held in memory, of about so many bytes: rest others in its place. */
  kept(rawBytes: number): void
  /** A group is about to be read, its file stays open: close those of others in its place. */
  reads(): void
  diagnose(code: string, message: string, details: Readonly<Record<string, unknown>>): void
  /** Of a group's file. */
  place(group: Pick<GroupRow, 'id' | 'file'>): GroupPlace
}
