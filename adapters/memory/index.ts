/** Storage in memory, on any runtime: for tests, caches and edge workers. Gone with the process.
 * @module */
import type { Digest } from '../../src/codec/digest.ts'
import { VarveError } from '../../src/errors.ts'
import { type Compression, portableCompression } from '../../src/ports/compression.ts'
import { portableDigest } from '../../src/ports/digest.ts'
import { processLocalOwner } from '../../src/ports/owner.ts'
import type { ReadHandle, Storage, StorageCapabilities, StorageEntry, WriteHandle } from '../../src/ports/storage.ts'
import { inBase } from '../../src/ports/storage-at.ts'
import { closedError } from '../files/errors.ts'
import { byName, checkDirectory, checkPath, checkPosition, parentOf } from '../files/paths.ts'

/** The bytes behind one or more names. Handles keep them alive after the last name is gone, as on a disk. */
class MemoryFile {
  sizeBytes = 0
  links = 1
  #buffer = new Uint8Array(0)

  read(position: number, into: Uint8Array): number {
    const endPosition = Math.min(this.sizeBytes, position + into.length)
    if (endPosition <= position) return 0
    into.set(this.#buffer.subarray(position, endPosition))
    return endPosition - position
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const endPosition = position + bytes.length
    if (endPosition > this.sizeBytes) this.resize(endPosition)
    this.#buffer.set(bytes, position)
  }

  /** New bytes are zeros, whatever a longer file left there. */
  resize(sizeBytes: number): void {
    if (sizeBytes > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(sizeBytes, Math.min(this.#buffer.length * 2, sizeBytes + 2 ** 26), 256))
      grown.set(this.#buffer.subarray(0, this.sizeBytes))
      this.#buffer = grown
    }
    if (sizeBytes < this.sizeBytes) this.#buffer.fill(0, sizeBytes, this.sizeBytes)
    this.sizeBytes = sizeBytes
  }
}

class MemoryReadHandle implements ReadHandle {
  readonly path: string
  readonly #file: MemoryFile
  #closed = false

  constructor(path: string, file: MemoryFile) {
    this.path = path
    this.#file = file
  }

  size(): number {
    this.#check()
    return this.#file.sizeBytes
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    return this.readSync(position, into)
  }

  readSync(position: number, into: Uint8Array): number {
    checkPosition(position)
    this.#check()
    return this.#file.read(position, into)
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #check(): void {
    if (this.#closed) throw closedError(this.path)
  }
}

class MemoryWriteHandle implements WriteHandle {
  readonly path: string
  readonly #file: MemoryFile
  #sizeBytes: number
  #closed = false

  constructor(path: string, file: MemoryFile) {
    this.path = path
    this.#file = file
    this.#sizeBytes = file.sizeBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  append(bytes: Uint8Array): void {
    this.writeAt(this.#sizeBytes, bytes)
  }

  writeAt(position: number, bytes: Uint8Array): void {
    checkPosition(position)
    this.#check()
    this.#file.write(position, bytes)
    if (bytes.length > 0) this.#sizeBytes = Math.max(this.#sizeBytes, position + bytes.length)
  }

  async sync(): Promise<void> {
    this.#check()
  }

  async truncate(sizeBytes: number): Promise<void> {
    checkPosition(sizeBytes)
    this.#check()
    this.#file.resize(sizeBytes)
    this.#sizeBytes = sizeBytes
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #check(): void {
    if (this.#closed) throw closedError(this.path)
  }
}

const CAPABILITIES: StorageCapabilities = {
  hardLinks: true,
  syncReads: true,
  atomicReplace: true,
  exclusiveCreate: true,
  randomWrite: true,
  durableSync: false,
  freeSpace: false,
}

let instances = 0

class MemoryStorage implements Storage {
  readonly name = 'memory'
  readonly location = `memory:${++instances}`
  readonly capabilities = CAPABILITIES
  readonly digest: Digest = portableDigest
  readonly compression: Compression = portableCompression
  readonly owner = processLocalOwner
  readonly #files = new Map<string, MemoryFile>()
  readonly #directories = new Set<string>([''])

  async list(directory: string): Promise<StorageEntry[]> {
    checkDirectory(directory)
    const entries: StorageEntry[] = []
    const add = (path: string, kind: StorageEntry['kind']) => {
      if (path !== '' && parentOf(path) === directory)
        entries.push({ name: path.slice(path.lastIndexOf('/') + 1), kind })
    }
    for (const path of this.#files.keys()) add(path, 'file')
    for (const path of this.#directories) add(path, 'directory')
    return entries.sort(byName)
  }

  exists(path: string): boolean {
    checkDirectory(path)
    return this.#files.has(path) || this.#directories.has(path)
  }

  openRead(path: string): ReadHandle {
    return new MemoryReadHandle(path, this.fileAt('open', path))
  }

  async openAppend(path: string): Promise<WriteHandle> {
    return new MemoryWriteHandle(path, this.fileAt('open', path))
  }

  async createExclusive(path: string): Promise<WriteHandle> {
    this.#checkFree('create', path)
    const file = new MemoryFile()
    this.#files.set(path, file)
    return new MemoryWriteHandle(path, file)
  }

  async link(from: string, to: string): Promise<void> {
    await this.linkFrom(this, from, to)
  }

  async linkFrom(source: Storage, from: string, to: string): Promise<boolean> {
    const { storage, path } = inBase({ storage: source, path: from })
    if (!(storage instanceof MemoryStorage)) return false
    const file = storage.fileAt('link', path)
    this.#checkFree('link', to)
    file.links++
    this.#files.set(to, file)
    return true
  }

  async replace(from: string, to: string): Promise<void> {
    const file = this.fileAt('replace', from)
    checkPath(to)
    if (!this.#directories.has(parentOf(to))) throw failure('FILE_MISSING', 'replace', to)
    const old = this.#files.get(to)
    // Two names of the same bytes: a rename leaves both, as POSIX says.
    if (old === file) return
    if (old !== undefined) old.links--
    this.#files.set(to, file)
    this.#files.delete(from)
  }

  async remove(path: string): Promise<void> {
    checkPath(path)
    const file = this.#files.get(path)
    if (file === undefined) return
    file.links--
    this.#files.delete(path)
  }

  async removeDirectory(directory: string): Promise<void> {
    checkPath(directory)
    if ((await this.list(directory)).length === 0) this.#directories.delete(directory)
  }

  async syncDirectory(directory: string): Promise<void> {
    checkDirectory(directory)
    if (!this.#directories.has(directory)) throw failure('FILE_MISSING', 'sync', directory)
  }

  async linkCount(path: string): Promise<number> {
    return this.fileAt('measure', path).links
  }

  async freeBytes(): Promise<undefined> {
    return undefined
  }

  /** Not private: links ask it of another storage, which a test may have wrapped. @throws `FILE_MISSING`. */
  fileAt(action: string, path: string): MemoryFile {
    checkPath(path)
    const file = this.#files.get(path)
    if (file === undefined) throw failure('FILE_MISSING', action, path)
    return file
  }

  /** Check that a name is free, and make its parents. */
  #checkFree(action: string, path: string): void {
    checkPath(path)
    if (this.#files.has(path) || this.#directories.has(path)) throw failure('FILE_EXISTS', action, path)
    for (let directory = parentOf(path); directory !== ''; directory = parentOf(directory)) {
      this.#directories.add(directory)
    }
  }
}

/** Keep a store in memory. Each call makes an empty, separate place. */
export function memoryStorage(): Storage {
  return new MemoryStorage()
}

function failure(code: 'FILE_MISSING' | 'FILE_EXISTS', action: string, path: string): VarveError {
  const reason = code === 'FILE_MISSING' ? 'it does not exist' : 'it exists already'
  return new VarveError(code, `Cannot ${action} "${path}": ${reason}`, { details: { path, action } })
}
