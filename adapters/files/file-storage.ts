/** A storage in a directory of a file system, over a table of file-system calls.
 *
 * Policy lives here and in the handles, calls in the table: loops over short counts, names of errors, parents that
 * are missing, and which directories must be synced so that a created name cannot vanish with its parent.
 * @module */
import { dirname } from 'node:path'
import type { Digest } from '../../src/codec/digest.ts'
import type { Compression } from '../../src/ports/compression.ts'
import type { OwnerPort } from '../../src/ports/owner.ts'
import type {
  Maybe,
  ReadHandle,
  Storage,
  StorageCapabilities,
  StorageEntry,
  WriteHandle,
} from '../../src/ports/storage.ts'
import { inBase } from '../../src/ports/storage-at.ts'
import { errnoOf, storageError } from './errors.ts'
import type { FileCalls } from './file-calls.ts'
import { FileReadHandle, FileWriteHandle } from './handles.ts'
import { byName, checkDirectory, checkPath, parentOf } from './paths.ts'

/** Why a directory that is to be removed is not there or stays. */
const STAYING = new Set(['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'])

export interface FileStorageParts {
  /** Adapter name for reports. */
  readonly name: string
  /** Absolute path of the directory; created with its parents by the first `createExclusive` or `link`. */
  readonly root: string
  readonly calls: FileCalls
  readonly digest: Digest
  readonly compression: Compression
  readonly owner: OwnerPort
}

/** Files in a directory. Every method is one call of the table, apart from loops and missing parents. */
export class FileStorage implements Storage {
  readonly name: string
  readonly location: string
  readonly capabilities: StorageCapabilities
  readonly digest: Digest
  readonly compression: Compression
  readonly owner: OwnerPort
  /** The table behind this storage, for reports: its `origin` says which calls are native. */
  readonly calls: FileCalls
  /** Directories whose own name this instance has made durable, so that it is done once each. */
  readonly #durable = new Map<string, Promise<void>>()

  constructor(parts: FileStorageParts) {
    this.name = parts.name
    this.location = parts.root
    this.calls = parts.calls
    this.digest = parts.digest
    this.compression = parts.compression
    this.owner = parts.owner
    this.capabilities = {
      hardLinks: true,
      syncReads: parts.calls.readSync !== undefined,
      atomicReplace: true,
      exclusiveCreate: true,
      randomWrite: true,
      durableSync: true,
      freeSpace: true,
    }
  }

  async list(directory: string): Promise<StorageEntry[]> {
    checkDirectory(directory)
    try {
      return (await this.calls.list(this.absolute(directory))).sort(byName)
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return []
      throw storageError('list', directory, cause)
    }
  }

  exists(path: string): Maybe<boolean> {
    checkDirectory(path)
    let found: Maybe<boolean>
    try {
      found = this.calls.exists(this.absolute(path))
    } catch (cause) {
      throw storageError('look up', path, cause)
    }
    if (typeof found === 'boolean') return found
    return found.catch((cause: unknown) => {
      throw storageError('look up', path, cause)
    })
  }

  openRead(path: string): Maybe<ReadHandle> {
    checkPath(path)
    try {
      const opened = this.calls.open(this.absolute(path), 'read')
      if (typeof opened === 'number') return new FileReadHandle(this.calls, path, opened)
      return this.#run('open', path, async () => new FileReadHandle(this.calls, path, await opened))
    } catch (cause) {
      throw storageError('open', path, cause)
    }
  }

  async openAppend(path: string): Promise<WriteHandle> {
    const descriptor = await this.#run('open', path, () => this.calls.open(this.absolute(path), 'write'))
    try {
      const sizeBytes = await this.calls.size(descriptor)
      return new FileWriteHandle(this.calls, { path, descriptor, sizeBytes })
    } catch (cause) {
      try {
        await this.calls.close(descriptor)
      } catch {
        // The first failure is the one to report.
      }
      throw storageError('open', path, cause)
    }
  }

  async createExclusive(path: string): Promise<WriteHandle> {
    const descriptor = await this.#run('create', path, () =>
      this.#inDirectory(path, () => this.calls.open(this.absolute(path), 'create')),
    )
    return new FileWriteHandle(this.calls, { path, descriptor, sizeBytes: 0 })
  }

  async link(from: string, to: string): Promise<void> {
    checkPath(from)
    await this.#run('link', to, () =>
      this.#inDirectory(to, () => this.calls.link(this.absolute(from), this.absolute(to))),
    )
  }

  async linkFrom(source: Storage, from: string, to: string): Promise<boolean> {
    const { storage, path } = inBase({ storage: source, path: from })
    if (!(storage instanceof FileStorage) || storage.calls.origin !== this.calls.origin) return false
    const first = storage.absolute(path)
    checkPath(path)
    return this.#run('link', to, async () => {
      try {
        await this.#inDirectory(to, () => this.calls.link(first, this.absolute(to)))
        return true
      } catch (cause) {
        if (errnoOf(cause) !== 'EXDEV') throw cause
        return false
      }
    })
  }

  async replace(from: string, to: string): Promise<void> {
    checkPath(from)
    // On Windows a rename over a file that someone scans fails with EPERM or EBUSY for a moment; the caller sees
    // an error with the old file intact.
    await this.#run('replace', to, () => this.calls.rename(this.absolute(from), this.absolute(to)))
  }

  async remove(path: string): Promise<void> {
    checkPath(path)
    try {
      await this.calls.unlink(this.absolute(path))
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOENT') throw storageError('remove', path, cause)
    }
  }

  async removeDirectory(directory: string): Promise<void> {
    checkPath(directory)
    try {
      await this.calls.removeDirectory(this.absolute(directory))
    } catch (cause) {
      // Somebody else removed it, and what was in it.
      if (errnoOf(cause) === 'ENOENT') this.#forgetBelow(`${directory}/`)
      if (!STAYING.has(errnoOf(cause))) throw storageError('remove', directory, cause)
    } finally {
      this.#durable.delete(directory)
    }
  }

  async syncDirectory(directory: string): Promise<void> {
    checkDirectory(directory)
    try {
      await this.calls.syncDirectory(this.absolute(directory))
    } catch (cause) {
      throw storageError('sync', directory, cause)
    }
  }

  linkCount(path: string): Promise<number> {
    return this.#run('measure', path, () => this.calls.linkCount(this.absolute(path)))
  }

  async freeBytes(): Promise<number | undefined> {
    // The root may not be there yet: ask the nearest parent that is.
    for (let directory = this.location; ; directory = dirname(directory)) {
      try {
        return await this.calls.freeBytes(directory)
      } catch (cause) {
        if (errnoOf(cause) !== 'ENOENT' || directory === dirname(directory))
          throw storageError('measure the space of', '', cause)
      }
    }
  }

  /** The path for the table. */
  absolute(path: string): string {
    return path === '' ? this.location : `${this.location}/${path}`
  }

  async #run<T>(action: string, path: string, call: () => Maybe<T>): Promise<T> {
    checkPath(path)
    try {
      return await call()
    } catch (cause) {
      throw storageError(action, path, cause)
    }
  }

  /** Run `call`, which makes the name `path`, in a directory whose own name is durable. */
  async #inDirectory<T>(path: string, call: () => Maybe<T>): Promise<T> {
    const directory = parentOf(path)
    const made = this.#makeDurable(directory)
    try {
      await made
      return await call()
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOENT') throw cause
      // Someone removed the directory meanwhile: make it again, once. A missing `from` of a link ends here too.
      const isThere = await this.calls.exists(this.absolute(directory))
      if (isThere && this.#durable.get(directory) === made) throw cause
      this.#durable.clear()
      await this.#makeDurable(directory)
      return call()
    }
  }

  /** Make a directory with its parents and sync what holds each name. Also for directories that exist: whoever made
   * them may have died before the sync, and a file below a name that vanishes is lost. Once per directory. */
  #makeDurable(directory: string): Promise<void> {
    let made = this.#durable.get(directory)
    if (made === undefined) {
      made = this.#makeDirectory(directory)
      this.#durable.set(directory, made)
      made.catch(() => this.#durable.delete(directory))
    }
    return made
  }

  /** Cost: O(directories known). */
  #forgetBelow(prefix: string): void {
    for (const known of this.#durable.keys()) if (known.startsWith(prefix)) this.#durable.delete(known)
  }

  async #makeDirectory(directory: string): Promise<void> {
    if (directory === '') return this.#makeRoot(this.location)
    await this.#makeDurable(parentOf(directory))
    await this.#makeOne(this.absolute(directory))
    await this.calls.syncDirectory(this.absolute(parentOf(directory)))
  }

  /** Make the root and, from the top, those of its parents that are missing. */
  async #makeRoot(path: string): Promise<void> {
    const parent = dirname(path)
    try {
      await this.#makeOne(path)
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOENT' || parent === path) throw cause
      await this.#makeRoot(parent)
      await this.#makeOne(path)
    }
    try {
      await this.calls.syncDirectory(parent)
    } catch (cause) {
      // What holds the root may be closed to us, as under Deno's permissions: then its name is the giver's to keep.
      if (!['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(cause))) throw cause
    }
  }

  async #makeOne(path: string): Promise<void> {
    try {
      await this.calls.makeDirectory(path)
    } catch (cause) {
      if (errnoOf(cause) !== 'EEXIST') throw cause
    }
  }
}
