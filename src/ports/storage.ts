/** The storage port: everything varve asks of the place where it keeps its files.
 *
 * Paths are relative, `/`-separated, made of `[A-Za-z0-9._-]` segments, and never contain `..`.
 * Unless a method says otherwise nothing is durable until the handle (for bytes) or the directory (for names) is
 * synced, and writes that were not synced may survive a crash in any order and in part.
 * Every failure is a `VarveError` made by the storage: `FILE_MISSING`, `FILE_EXISTS`, `STORAGE_FULL`,
 * `STORAGE_DENIED`, `STORAGE_UNAVAILABLE` (any other input/output error; `retryable` says whether it may pass),
 * `CAPABILITY_MISSING`; `NAME_INVALID` for a path outside the grammar, `STORE_CLOSED` for a handle after `close`.
 * A method that returns `Maybe` may answer at once: the caller awaits only what is a promise.
 * @module */
import type { Digest } from '../codec/digest.ts'
import type { Compression } from './compression.ts'
import type { OwnerPort } from './owner.ts'

/** A value now, or a promise of it: storages with synchronous calls answer without a promise. */
export type Maybe<T> = T | Promise<T>

/** What a storage can do. The conformance suite proves each flag both when true and when false. */
export interface StorageCapabilities {
  /** `link` makes a second name for the same bytes. When false it throws `CAPABILITY_MISSING`. */
  readonly hardLinks: boolean
  /** Read handles have `readSync`. When false they do not. */
  readonly syncReads: boolean
  /** `replace` is all or nothing for readers and crashes. When false it throws `CAPABILITY_MISSING`. */
  readonly atomicReplace: boolean
  /** `createExclusive` and `link` let exactly one of many racing callers succeed. */
  readonly exclusiveCreate: boolean
  /** `writeAt` overwrites in place. When false it throws `CAPABILITY_MISSING`. */
  readonly randomWrite: boolean
  /** `sync` and `syncDirectory` survive power loss on an honest device. */
  readonly durableSync: boolean
  /** `freeBytes` knows the free space. When false it resolves to `undefined`. */
  readonly freeSpace: boolean
}

export interface StorageEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'other'
}

/** A place that keeps files. One instance may be shared by one writing store and any number of readers. */
export interface Storage {
  /** Adapter name for reports, such as `node` or `memory`. */
  readonly name: string
  /** Where this is, for people and to notice a second open of the same place in one process. */
  readonly location: string
  readonly capabilities: StorageCapabilities
  /** Checksums and hashes, native where the runtime has them. */
  readonly digest: Digest
  /** Raw deflate, native where the runtime has a synchronous one. */
  readonly compression: Compression
  /** Who this process is, and whether another owner is provably gone. */
  readonly owner: OwnerPort
  /** Names directly under a directory, sorted; empty when the directory does not exist. */
  list(directory: string): Promise<StorageEntry[]>
  /** Whether a file or directory has this name now. Never answers from a cache. */
  exists(path: string): Maybe<boolean>
  /** Open for reading. What answers at once throws at once. @throws `FILE_MISSING`. */
  openRead(path: string): Maybe<ReadHandle>
  /** Open an existing file for writing; `append` continues at its size. @throws `FILE_MISSING`. */
  openAppend(path: string): Promise<WriteHandle>
  /** Create an empty file that must not exist, and its parent directories. The name is durable after
   * `syncDirectory` of its directory; new parent directories are made durable by this call. @throws `FILE_EXISTS`. */
  createExclusive(path: string): Promise<WriteHandle>
  /** Give `from` a second name. Exclusive: of many racing callers one succeeds. Not durable before `syncDirectory`.
   * Parent directories are created and made durable. @throws `FILE_EXISTS`, `FILE_MISSING`. */
  link(from: string, to: string): Promise<void>
  /** Give the file `from` of another storage of the same kind a second name here; otherwise as `link`.
   * @returns whether the two can share files; when they cannot (another kind, another device), nothing has happened,
   * apart from parent directories. See `linkBetween`. */
  linkFrom?(source: Storage, from: string, to: string): Promise<boolean>
  /** Rename `from` over `to`; readers and crashes see the old file or the new. Not durable before `syncDirectory`. */
  replace(from: string, to: string): Promise<void>
  /** Remove a file; absent is fine. Not durable before `syncDirectory`. */
  remove(path: string): Promise<void>
  /** Remove an empty directory; absent is fine, and one that holds something stays, as does a file of that name.
   * Nothing happens where directories do not exist. Not durable before `syncDirectory` of its parent. */
  removeDirectory(directory: string): Promise<void>
  /** Make the names in a directory durable. `''` is the root. */
  syncDirectory(directory: string): Promise<void>
  /** How many names the bytes of this file have; 1 where links do not exist. @throws `FILE_MISSING`. */
  linkCount(path: string): Promise<number>
  /** Free space in bytes, if known. */
  freeBytes(): Promise<number | undefined>
}

/** A file open for reading. Reads at any position, in any order, also while another handle appends. */
export interface ReadHandle {
  readonly path: string
  /** Size in bytes now. */
  size(): Maybe<number>
  /** Fill `into` from `position`. @returns bytes read: less than `into.length` only at the end of the file. */
  read(position: number, into: Uint8Array): Promise<number>
  /** The same without a promise. Present exactly when `capabilities.syncReads`. */
  readSync?(position: number, into: Uint8Array): number
  close(): Promise<void>
}

/** A file open for writing by one owner. */
export interface WriteHandle {
  readonly path: string
  /** Bytes in the file as this handle knows it: the position at which `append` writes. */
  readonly sizeBytes: number
  /** Write all of `bytes` at the end, looping over short writes. After an error a prefix may be in the file while
   * `sizeBytes` is unchanged: the caller truncates. Calls must not overlap. */
  append(bytes: Uint8Array): Maybe<void>
  /** Overwrite in place; all of it, not atomically. Bytes past the end move it. @throws `CAPABILITY_MISSING` without
   * `randomWrite`. */
  writeAt(position: number, bytes: Uint8Array): Maybe<void>
  /** Make all bytes appended before this call durable. May overlap later `append` calls and other `sync` calls.
   * After an error the durability of everything since the last success is unknown for ever. */
  sync(): Promise<void>
  /** Cut the file to `sizeBytes`, which becomes the position for `append`. */
  truncate(sizeBytes: number): Promise<void>
  close(): Promise<void>
}
