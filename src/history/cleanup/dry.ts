/** A storage on which files can be written without a trace.
 * @module */
import { AssertionError } from '../../errors.ts'
import type { Storage, WriteHandle } from '../../ports/storage.ts'

/** The same storage for reading; what is created is counted and forgotten, so that sizes are those of real files. */
export function withoutWrites(storage: Storage): Storage {
  const { name, location, capabilities, digest, compression, owner } = storage
  return {
    name,
    location,
    capabilities,
    digest,
    compression,
    owner,
    list: (directory) => storage.list(directory),
    exists: (path) => storage.exists(path),
    openRead: (path) => storage.openRead(path),
    linkCount: (path) => storage.linkCount(path),
    freeBytes: () => storage.freeBytes(),
    createExclusive: async (path) => new CountingHandle(path),
    syncDirectory: async () => undefined,
    remove: async () => undefined,
    removeDirectory: async () => undefined,
    openAppend: refused,
    link: refused,
    replace: refused,
  }
}

async function refused(): Promise<never> {
  throw new AssertionError('a dry run changes no file')
}

class CountingHandle implements WriteHandle {
  readonly path: string
  #sizeBytes = 0

  constructor(path: string) {
    this.path = path
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  append(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length
  }

  writeAt(position: number, bytes: Uint8Array): void {
    this.#sizeBytes = Math.max(this.#sizeBytes, position + bytes.length)
  }

  async sync(): Promise<void> {}

  async truncate(sizeBytes: number): Promise<void> {
    this.#sizeBytes = sizeBytes
  }

  async close(): Promise<void> {}
}
