/** A storage that notes which places of files are read, and whose reads take turns of their own.
 * @module */
import type { ReadHandle, Storage } from '../../src/ports/storage.ts'

export interface NotedRead {
  readonly position: number
  readonly length: number
}

/** @param reads grows with each read. */
export function notingStorage(storage: Storage, reads: NotedRead[]): Storage {
  const openRead = async (path: string) => notingReader(await storage.openRead(path), reads)
  return new Proxy(storage, {
    get: (target, name) => {
      if (name === 'openRead') return openRead
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function notingReader(handle: ReadHandle, reads: NotedRead[]): ReadHandle {
  const note = (position: number, into: Uint8Array) => reads.push({ position, length: into.length })
  const { readSync } = handle
  return {
    path: handle.path,
    size: () => handle.size(),
    read: async (position, into) => {
      note(position, into)
      // Reads that began at once end in another order.
      for (let turns = (position / 4_096) % 5; turns > 1; turns--) await undefined
      return handle.read(position, into)
    },
    ...(readSync !== undefined && {
      readSync: (position: number, into: Uint8Array) => {
        note(position, into)
        return readSync.call(handle, position, into)
      },
    }),
    close: () => handle.close(),
  }
}

/** A place that was read more than once, if there is one. */
export function readTwice(reads: readonly NotedRead[]): NotedRead | undefined {
  let end = 0
  for (const read of [...reads].sort((a, b) => a.position - b.position)) {
    if (read.position < end) return read
    end = read.position + read.length
  }
  return undefined
}
