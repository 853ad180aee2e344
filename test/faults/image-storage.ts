/** A storage over the bytes of files that belong to someone else: opening it copies nothing, writing copies that file.
 *
 * For sweeps that open the same small store very often with one byte changed in place.
 * @module */
import { nativeDigest } from '../../adapters/node/digest.ts'
import { VarveError } from '../../src/errors.ts'
import { portableCompression } from '../../src/ports/compression.ts'
import { processLocalOwner } from '../../src/ports/owner.ts'
import type { ReadHandle, Storage, StorageEntry, WriteHandle } from '../../src/ports/storage.ts'
import { newPlace } from '../support/places.ts'
import { Content } from './content.ts'

/** Store-relative path to bytes. */
export type StoreImage = ReadonlyMap<string, Uint8Array>

interface Node {
  bytes: Uint8Array
  /** Present once written. */
  own?: Content
}

const digest = nativeDigest(512)

export function imageStorage(image: StoreImage): Storage {
  const nodes = new Map<string, Node>()
  for (const [path, bytes] of image) nodes.set(path, { bytes })
  const find = (path: string): Node => {
    const node = nodes.get(path)
    if (node === undefined) throw missing(path)
    return node
  }
  const name = (path: string, node: Node) => {
    if (nodes.has(path)) throw new VarveError('FILE_EXISTS', `Cannot create "${path}"`, { details: { path } })
    nodes.set(path, node)
  }
  return {
    name: 'image',
    location: `image:${newPlace()}`,
    capabilities: {
      hardLinks: true,
      syncReads: true,
      atomicReplace: true,
      exclusiveCreate: true,
      randomWrite: true,
      durableSync: false,
      freeSpace: false,
    },
    digest,
    compression: portableCompression,
    owner: processLocalOwner,
    list: async (directory) => entriesOf(nodes.keys(), directory),
    exists: (path) => nodes.has(path) || entriesOf(nodes.keys(), path).length > 0,
    openRead: async (path) => readHandle(path, find(path)),
    openAppend: async (path) => writeHandle(path, find(path)),
    async createExclusive(path) {
      const node = { bytes: new Uint8Array(0) }
      name(path, node)
      return writeHandle(path, node)
    },
    link: async (from, to) => name(to, find(from)),
    async replace(from, to) {
      nodes.set(to, find(from))
      nodes.delete(from)
    },
    remove: async (path) => void nodes.delete(path),
    removeDirectory: async () => {},
    syncDirectory: async () => {},
    async linkCount(path) {
      const node = find(path)
      return [...nodes.values()].filter((other) => other === node).length
    },
    freeBytes: async () => undefined,
  }
}

function missing(path: string): VarveError {
  return new VarveError('FILE_MISSING', `Cannot open "${path}": it does not exist`, { details: { path } })
}

function entriesOf(paths: Iterable<string>, directory: string): StorageEntry[] {
  const prefix = directory === '' ? '' : `${directory}/`
  const found = new Map<string, StorageEntry>()
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue
    const [name = '', ...below] = path.slice(prefix.length).split('/')
    found.set(name, { name, kind: below.length > 0 ? 'directory' : 'file' })
  }
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
}

function readHandle(path: string, node: Node): ReadHandle {
  const readSync = (position: number, into: Uint8Array): number => {
    const found = node.bytes.subarray(position, position + into.length)
    into.set(found)
    return found.length
  }
  return {
    path,
    size: () => node.bytes.length,
    read: async (position, into) => readSync(position, into),
    readSync,
    close: async () => {},
  }
}

function writeHandle(path: string, node: Node): WriteHandle {
  const change = (next: Content) => {
    node.own = next
    node.bytes = next.bytes
  }
  const own = () => node.own ?? Content.of(node.bytes)
  let sizeBytes = node.bytes.length
  const writeAt = (position: number, bytes: Uint8Array): void => {
    change(own().write(position, bytes))
    sizeBytes = Math.max(sizeBytes, position + bytes.length)
  }
  return {
    path,
    get sizeBytes() {
      return sizeBytes
    },
    append: (bytes) => writeAt(sizeBytes, bytes),
    writeAt,
    sync: async () => {},
    async truncate(size) {
      change(own().resize(size))
      sizeBytes = size
    },
    close: async () => {},
  }
}
