/** The table of file-system calls on Deno.
 *
 * Native: everything on names (exists, list, link, rename, unlink, makeDirectory, syncDirectory, linkCount), and files
 * open for writing (open, write, sync, truncate, size, close): they have one user, so the cursor that `FsFile` writes
 * at needs a seek only after a gap, and a write may be made while `syncData` is under way.
 * `node:fs`: files open for reading (open, read, readSync, size, close), because an `FsFile` reads at a cursor that all
 * readers share, while `fs.read` takes a position; and freeBytes, which Deno does not have.
 * Deno cannot open with O_NOFOLLOW: opening an existing file for writing looks at what the name is first.
 * @module */
import type { StorageEntry } from '../../src/ports/storage.ts'
import type { FileCalls } from '../files/file-calls.ts'
import { nodeFileCalls } from '../node/file-calls.ts'

/** The part of Deno that is used here. */
interface DenoFiles {
  openSync(path: string, options: OpenOptions): FsFile
  open(path: string): Promise<FsFile>
  lstatSync(path: string): FileInfo
  lstat(path: string): Promise<FileInfo>
  mkdir(path: string, options: { mode: number }): Promise<void>
  readDir(path: string): AsyncIterable<{ name: string; isFile: boolean; isDirectory: boolean }>
  rename(from: string, to: string): Promise<void>
  link(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
}
interface OpenOptions {
  readonly read: true
  readonly write: true
  readonly createNew?: true
  readonly mode?: number
}
interface FileInfo {
  readonly isFile: boolean
  readonly isDirectory: boolean
  readonly size: number
  readonly nlink: number | null
}
interface FsFile {
  writeSync(bytes: Uint8Array): number
  seekSync(offset: number, whence: 0): number
  statSync(): FileInfo
  syncData(): Promise<void>
  sync(): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  close(): void
}
declare const Deno: DenoFiles

/** A file open for writing and where its cursor stands; NaN when unknown. */
interface Writer {
  readonly file: FsFile
  position: number
}

const ORIGIN: FileCalls['origin'] = {
  ...Object.fromEntries(Object.keys(nodeFileCalls.origin).map((call) => [call, 'native'])),
  open: 'native (write, create), node:fs (read)',
  close: 'native (write, create), node:fs (read)',
  size: 'native (write, create), node:fs (read)',
  read: 'node:fs',
  readSync: 'node:fs',
  freeBytes: 'node:fs',
}

/** Make a table. Descriptors below zero are files open for writing, the others belong to `node:fs`. */
export function denoFileCalls(): FileCalls {
  const writers = new Map<number, Writer>()
  let last = 0
  const writerOf = (descriptor: number): Writer => {
    const writer = writers.get(descriptor)
    if (writer === undefined) throw failure('EBADF', `No file is open for writing as ${descriptor}`)
    return writer
  }
  return {
    ...nodeFileCalls,
    origin: ORIGIN,
    open(path, purpose) {
      if (purpose === 'read') return nodeFileCalls.open(path, purpose)
      const descriptor = --last
      writers.set(descriptor, { file: openWriter(path, purpose), position: 0 })
      return descriptor
    },
    close(descriptor) {
      if (descriptor >= 0) return nodeFileCalls.close(descriptor)
      const writer = writerOf(descriptor)
      writers.delete(descriptor)
      writer.file.close()
    },
    write(descriptor, bytes, position) {
      const writer = writerOf(descriptor)
      if (writer.position !== position) writer.file.seekSync(position, 0)
      writer.position = Number.NaN
      const count = writer.file.writeSync(bytes)
      writer.position = position + count
      return count
    },
    sync: async (descriptor) => writerOf(descriptor).file.syncData(),
    truncate: async (descriptor, sizeBytes) => writerOf(descriptor).file.truncate(sizeBytes),
    size: (descriptor) => (descriptor < 0 ? writerOf(descriptor).file.statSync().size : nodeFileCalls.size(descriptor)),
    syncDirectory,
    makeDirectory: async (path) => Deno.mkdir(path, { mode: 0o700 }),
    removeDirectory,
    list,
    exists,
    rename: async (from, to) => Deno.rename(from, to),
    link: async (from, to) => Deno.link(from, to),
    unlink: async (path) => Deno.remove(path),
    linkCount: async (path) => (await Deno.lstat(path)).nlink ?? 1,
    freeBytes,
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await Deno.open(path)
  try {
    await directory.sync()
  } finally {
    directory.close()
  }
}

async function removeDirectory(path: string): Promise<void> {
  // Deno.remove takes whatever has the name.
  if (!Deno.lstatSync(path).isDirectory) throw failure('ENOTDIR', 'Not a directory')
  await Deno.remove(path)
}

async function list(path: string): Promise<StorageEntry[]> {
  const entries: StorageEntry[] = []
  for await (const { name, isFile, isDirectory } of Deno.readDir(path))
    entries.push({ name, kind: isFile ? 'file' : isDirectory ? 'directory' : 'other' })
  return entries
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path)
    return true
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw error
  }
}

async function freeBytes(path: string): Promise<number | undefined> {
  try {
    return await nodeFileCalls.freeBytes(path)
  } catch (error) {
    // It asks for --allow-sys, which a store does not otherwise need.
    if (error instanceof Error && error.name === 'NotCapable') return undefined
    throw error
  }
}

function openWriter(path: string, purpose: 'write' | 'create'): FsFile {
  if (purpose === 'create') return Deno.openSync(path, { read: true, write: true, createNew: true, mode: 0o600 })
  if (!Deno.lstatSync(path).isFile) throw failure('ELOOP', 'Not a regular file')
  return Deno.openSync(path, { read: true, write: true })
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
