/** The table of file-system calls over `node:fs`, and the base of the tables for other runtimes.
 *
 * Calls on page cache and names are synchronous: they take 1 to 5 us, where a trip through the thread pool takes 20 to
 * 30. What waits for the device (sync, truncate, rename, link, unlink, mkdir, list) and `read` go to the thread pool.
 * On Windows there is no O_NOFOLLOW, O_NONBLOCK or O_DIRECTORY and a directory cannot be synced.
 * @module */
import * as fs from 'node:fs'
import type { StorageEntry } from '../../src/ports/storage.ts'
import type { FileCalls } from '../files/file-calls.ts'

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants
// O_NONBLOCK means nothing to files; a pipe planted under a file's name must not stop the process in open.
const FLAGS = {
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  write: O_RDWR | O_NOFOLLOW | O_NONBLOCK,
  create: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
}
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700
const NO_THROW = { throwIfNoEntry: false } as const

/** File-system calls of `node:fs`. */
export const nodeFileCalls: FileCalls = {
  origin: {
    open: 'node:fs',
    close: 'node:fs',
    read: 'node:fs',
    readSync: 'node:fs',
    write: 'node:fs',
    sync: 'node:fs',
    truncate: 'node:fs',
    size: 'node:fs',
    syncDirectory: 'node:fs',
    makeDirectory: 'node:fs',
    removeDirectory: 'node:fs',
    list: 'node:fs',
    exists: 'node:fs',
    rename: 'node:fs',
    link: 'node:fs',
    unlink: 'node:fs',
    linkCount: 'node:fs',
    freeBytes: 'node:fs',
  },
  open: (path, purpose) => fs.openSync(path, FLAGS[purpose], FILE_MODE),
  close: (descriptor) => fs.closeSync(descriptor),
  read: (descriptor, into, position) =>
    new Promise((resolve, reject) => {
      fs.read(descriptor, into, 0, into.length, position, (error, count) => (error ? reject(error) : resolve(count)))
    }),
  readSync: (descriptor, into, position) => fs.readSync(descriptor, into, 0, into.length, position),
  write: (descriptor, bytes, position) => fs.writeSync(descriptor, bytes, 0, bytes.length, position),
  sync: (descriptor) => promised((done) => fs.fdatasync(descriptor, done)),
  truncate: (descriptor, sizeBytes) => promised((done) => fs.ftruncate(descriptor, sizeBytes, done)),
  size: (descriptor) => fs.fstatSync(descriptor).size,
  async syncDirectory(path) {
    const descriptor = fs.openSync(path, O_RDONLY | O_DIRECTORY)
    try {
      await promised((done) => fs.fsync(descriptor, done))
    } finally {
      fs.closeSync(descriptor)
    }
  },
  makeDirectory: (path) => promised((done) => fs.mkdir(path, DIRECTORY_MODE, done)),
  removeDirectory: (path) => promised((done) => fs.rmdir(path, done)),
  list: async (path) => (await fs.promises.readdir(path, { withFileTypes: true })).map(entryOf),
  // A link under this name counts, wherever it leads. Not existsSync: it calls every failure an absence, and the
  // fence must not take an input/output error for "no newer epoch".
  exists: (path) => fs.lstatSync(path, NO_THROW) !== undefined,
  rename: (from, to) => promised((done) => fs.rename(from, to, done)),
  link: (from, to) => promised((done) => fs.link(from, to, done)),
  unlink: (path) => promised((done) => fs.unlink(path, done)),
  linkCount: async (path) => (await fs.promises.lstat(path)).nlink,
  async freeBytes(path) {
    const { bavail, bsize } = await fs.promises.statfs(path)
    return bavail * bsize
  },
}

function entryOf(entry: fs.Dirent): StorageEntry {
  return { name: entry.name, kind: entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other' }
}

function promised(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()))
  })
}
