/** The table of file-system calls that a file storage makes. Each runtime brings its own; tests bring one that fails.
 *
 * Paths are absolute. Descriptors are numbers that mean something to this table only. Failures carry a Node-style
 * `code` (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, ...). No policy here: no retries, no loops over short counts.
 * @module */
import type { Maybe, StorageEntry } from '../../src/ports/storage.ts'

export interface FileCalls {
  /** For reports, name to 'native' or 'node:fs': which calls are native to the runtime and which are not. Tables with
   * the same object see the same files: links are made between them. */
  readonly origin: Readonly<Record<string, string>>
  /** `read`: existing file, read only. `write`: existing file, read and write, not in append mode. `create`: must not
   * exist, mode 0600. Symbolic links as the last path part are not followed. */
  open(path: string, purpose: 'read' | 'write' | 'create'): Maybe<number>
  close(descriptor: number): Maybe<void>
  /** One positional read; may be short; 0 at the end of the file. */
  read(descriptor: number, into: Uint8Array, position: number): Promise<number>
  readSync?(descriptor: number, into: Uint8Array, position: number): number
  /** One positional write; may be short. */
  write(descriptor: number, bytes: Uint8Array, position: number): Maybe<number>
  /** Make the file's bytes and size durable (fdatasync). */
  sync(descriptor: number): Promise<void>
  truncate(descriptor: number, sizeBytes: number): Promise<void>
  size(descriptor: number): Maybe<number>
  /** Open, fsync and close a directory. */
  syncDirectory(path: string): Promise<void>
  /** Make one directory, mode 0700. @throws `EEXIST`, `ENOENT` without its parent. */
  makeDirectory(path: string): Promise<void>
  /** Remove one empty directory. @throws `ENOENT`, `ENOTEMPTY` or `EEXIST`, `ENOTDIR`. */
  removeDirectory(path: string): Promise<void>
  list(path: string): Promise<StorageEntry[]>
  exists(path: string): Maybe<boolean>
  rename(from: string, to: string): Promise<void>
  link(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  linkCount(path: string): Promise<number>
  freeBytes(path: string): Promise<number | undefined>
}
