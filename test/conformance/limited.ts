/** A storage that can do less than the one it wraps, to prove the false side of every capability.
 * @module */
import { VarveError } from '../../src/errors.ts'
import type { ReadHandle, Storage, StorageCapabilities, WriteHandle } from '../../src/ports/storage.ts'

const NONE: StorageCapabilities = {
  hardLinks: false,
  syncReads: false,
  atomicReplace: false,
  exclusiveCreate: false,
  randomWrite: false,
  durableSync: false,
  freeSpace: false,
}

/** Wrap `storage` so that it has only the capabilities named in `keep`. */
export function limitedStorage(storage: Storage, keep: Partial<StorageCapabilities> = {}): Storage {
  const capabilities = { ...NONE, ...keep }
  return {
    name: `limited ${storage.name}`,
    location: storage.location,
    digest: storage.digest,
    compression: storage.compression,
    owner: storage.owner,
    capabilities,
    list: (directory) => storage.list(directory),
    exists: (path) => Promise.resolve().then(() => storage.exists(path)),
    openRead: async (path) => limitedReader(await storage.openRead(path), capabilities),
    openAppend: async (path) => limitedWriter(await storage.openAppend(path), capabilities),
    createExclusive: async (path) => limitedWriter(await storage.createExclusive(path), capabilities),
    link: async (from, to) => (capabilities.hardLinks ? storage.link(from, to) : refuse('link', to)),
    replace: async (from, to) => (capabilities.atomicReplace ? storage.replace(from, to) : refuse('replace', to)),
    remove: (path) => storage.remove(path),
    removeDirectory: (directory) => storage.removeDirectory(directory),
    syncDirectory: (directory) => storage.syncDirectory(directory),
    linkCount: (path) => storage.linkCount(path),
    freeBytes: async () => (capabilities.freeSpace ? storage.freeBytes() : undefined),
  }
}

function limitedReader(handle: ReadHandle, { syncReads }: StorageCapabilities): ReadHandle {
  if (syncReads) return handle
  // Everything answers by promise here, as it does over a network.
  return {
    path: handle.path,
    size: async () => handle.size(),
    read: (position, into) => handle.read(position, into),
    close: () => handle.close(),
  }
}

function limitedWriter(handle: WriteHandle, { randomWrite }: StorageCapabilities): WriteHandle {
  return {
    path: handle.path,
    get sizeBytes() {
      return handle.sizeBytes
    },
    append: async (bytes) => handle.append(bytes),
    writeAt: async (position, bytes) =>
      randomWrite ? handle.writeAt(position, bytes) : refuse('write into', handle.path),
    sync: () => handle.sync(),
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    close: () => handle.close(),
  }
}

function refuse(action: string, path: string): never {
  const message = `Cannot ${action} "${path}": this storage does not have the capability`
  throw new VarveError('CAPABILITY_MISSING', message, { details: { path, action } })
}
