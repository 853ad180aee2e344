/** A directory of a storage as a storage of its own, and links between any two.
 *
 * A view holds nothing and checks nothing: paths get a prefix, and whoever reads a view reads the base. Paths in
 * handles and errors are those of the base, so that people find the file.
 * @module */
import type { Maybe, ReadHandle, Storage, StorageCapabilities, StorageEntry, WriteHandle } from './storage.ts'

/** A file and where it is. */
export interface StorageFile {
  readonly storage: Storage
  readonly path: string
}

/** Everything under `directory` of `storage`, which need not be there yet. Views of views are views of the base.
 * Two views of one directory have the same `location`. */
export function storageAt(storage: Storage, directory: string): Storage {
  if (directory === '') return storage
  const { storage: base, path } = inBase({ storage, path: directory })
  return new StorageView(base, path)
}

/** Give a file a second name in another place; parent directories are made durable, the name is not before
 * `syncDirectory`.
 * @returns false when the two places cannot share files: another kind, another device, or no links at all.
 * @throws {VarveError} `FILE_EXISTS`, `FILE_MISSING`, and what the storage throws. */
export async function linkBetween(from: StorageFile, to: StorageFile): Promise<boolean> {
  const source = inBase(from)
  const target = inBase(to)
  if (!target.storage.capabilities.hardLinks) return false
  if (source.storage !== target.storage)
    return (await target.storage.linkFrom?.(source.storage, source.path, target.path)) ?? false
  await target.storage.link(source.path, target.path)
  return true
}

/** The same file with a storage that is no view. */
export function inBase(file: StorageFile): StorageFile {
  return file.storage instanceof StorageView ? file.storage.inBase(file.path) : file
}

class StorageView implements Storage {
  readonly name: string
  readonly location: string
  readonly capabilities: StorageCapabilities
  readonly digest: Storage['digest']
  readonly compression: Storage['compression']
  readonly owner: Storage['owner']
  readonly #base: Storage
  readonly #directory: string

  constructor(base: Storage, directory: string) {
    this.#base = base
    this.#directory = directory
    this.name = base.name
    this.location = `${base.location}/${directory}`
    this.capabilities = base.capabilities
    this.digest = base.digest
    this.compression = base.compression
    this.owner = base.owner
  }

  inBase(path: string): StorageFile {
    return { storage: this.#base, path: this.#path(path) }
  }

  list(directory: string): Promise<StorageEntry[]> {
    return this.#base.list(this.#under(directory))
  }

  exists(path: string): Maybe<boolean> {
    return this.#base.exists(this.#under(path))
  }

  openRead(path: string): Maybe<ReadHandle> {
    return this.#base.openRead(this.#path(path))
  }

  openAppend(path: string): Promise<WriteHandle> {
    return this.#base.openAppend(this.#path(path))
  }

  createExclusive(path: string): Promise<WriteHandle> {
    return this.#base.createExclusive(this.#path(path))
  }

  link(from: string, to: string): Promise<void> {
    return this.#base.link(this.#path(from), this.#path(to))
  }

  linkFrom(source: Storage, from: string, to: string): Promise<boolean> {
    return linkBetween({ storage: source, path: from }, { storage: this, path: to })
  }

  replace(from: string, to: string): Promise<void> {
    return this.#base.replace(this.#path(from), this.#path(to))
  }

  remove(path: string): Promise<void> {
    return this.#base.remove(this.#path(path))
  }

  removeDirectory(directory: string): Promise<void> {
    return this.#base.removeDirectory(this.#path(directory))
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#base.syncDirectory(this.#under(directory))
  }

  linkCount(path: string): Promise<number> {
    return this.#base.linkCount(this.#path(path))
  }

  freeBytes(): Promise<number | undefined> {
    return this.#base.freeBytes()
  }

  /** Of a directory, where the empty path is the root. */
  #under(path: string): string {
    return path === '' ? this.#directory : `${this.#directory}/${path}`
  }

  /** Of a name in it: the empty path is left for the base to refuse. */
  #path(path: string): string {
    return path === '' ? '' : `${this.#directory}/${path}`
  }
}
