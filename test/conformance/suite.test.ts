/** The suite itself: it passes a right storage and notices every defect that is planted here.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { inflateFailed } from '../../src/ports/compression.ts'
import type { ReadHandle, Storage, WriteHandle } from '../../src/ports/storage.ts'
import { get, put } from './assert.ts'
import { storageSuite } from './index.ts'

/** The title of the first case that fails, or undefined. */
async function firstFailure(factory: () => Storage): Promise<string | undefined> {
  const cases: [string, () => Promise<void>][] = []
  storageSuite({
    test: (name, run) => cases.push([name, run]),
    factory: () => ({ storage: factory(), cleanup: () => {} }),
  })
  for (const [name, run] of cases) {
    try {
      await run()
    } catch {
      return name
    }
  }
  return undefined
}

/** `target` with some members replaced; the others keep their own `this`. */
function patched<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in members) return members[name as keyof T]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const patchReader = (storage: Storage, members: (handle: ReadHandle) => Partial<ReadHandle>): Partial<Storage> => ({
  openRead: async (path) => {
    const handle = await storage.openRead(path)
    return patched(handle, members(handle))
  },
})

const patchWriter = (storage: Storage, members: (handle: WriteHandle) => Partial<WriteHandle>): Partial<Storage> => ({
  createExclusive: async (path) => {
    const handle = await storage.createExclusive(path)
    return patched(handle, members(handle))
  },
})

/** Flags of the storage with one changed. */
const flag = (storage: Storage, name: keyof Storage['capabilities'], value: boolean): Partial<Storage> => ({
  capabilities: { ...storage.capabilities, [name]: value },
})

const DEFECTS: Record<string, (storage: Storage) => Partial<Storage>> = {
  'createExclusive takes a name that exists': (s) => ({
    createExclusive: async (path) => {
      await s.remove(path)
      return s.createExclusive(path)
    },
  }),
  'openAppend creates what is missing': (s) => ({
    openAppend: async (path) => ((await s.exists(path)) ? s.openAppend(path) : s.createExclusive(path)),
  }),
  'append loses the last byte of a large write': (s) =>
    patchWriter(s, (h) => ({ append: (b) => h.append(b.length > 2 ** 20 ? b.subarray(1) : b) })),
  'append keeps the array until sync': (s) =>
    patchWriter(s, (handle) => {
      const kept: Uint8Array[] = []
      const flush = async () => {
        for (const bytes of kept.splice(0)) await handle.append(bytes)
      }
      return {
        append: (bytes) => void kept.push(bytes),
        sync: () => flush().then(() => handle.sync()),
        close: () => flush().then(() => handle.close()),
      }
    }),
  'writeAt appends': (s) => patchWriter(s, (h) => ({ writeAt: (_, b) => h.append(b) })),
  'sync answers without a promise': (s) =>
    patchWriter(s, () => ({ sync: () => undefined as unknown as Promise<void> })),
  'truncate does nothing': (s) => patchWriter(s, () => ({ truncate: async () => {} })),
  'a closed writer goes on': (s) => patchWriter(s, () => ({ close: async () => {} })),
  'a closed reader goes on': (s) => patchReader(s, () => ({ close: async () => {} })),
  'read counts the whole array at the end': (s) =>
    patchReader(s, (h) => ({ read: async (at, into) => Math.max(await h.read(at, into), into.length) })),
  'concurrent reads share a cursor': (s) =>
    patchReader(s, (handle) => {
      let cursor = 0
      return {
        read: async (position, into) => {
          cursor = position
          await Promise.resolve()
          return handle.read(cursor, into)
        },
      }
    }),
  'size is that of the opening': (s) => ({
    openRead: async (path) => {
      const handle = await s.openRead(path)
      const size = await handle.size()
      return patched(handle, { size: () => size })
    },
  }),
  'list is not sorted': (s) => ({ list: async (directory) => (await s.list(directory)).reverse() }),
  'list gives files only': (s) => ({
    list: async (directory) => (await s.list(directory)).filter(({ kind }) => kind === 'file'),
  }),
  'exists answers from a cache': (s) => {
    const known = new Map<string, boolean>()
    return {
      exists: (path) => {
        const answer = known.get(path) ?? s.exists(path)
        if (typeof answer === 'boolean') known.set(path, answer)
        return answer
      },
    }
  },
  'remove needs the file': (s) => ({
    remove: async (path) => {
      await s.linkCount(path)
      await s.remove(path)
    },
  }),
  'removeDirectory does nothing': () => ({ removeDirectory: async () => {} }),
  'removeDirectory takes the files, too': (s) => ({
    removeDirectory: async (directory) => {
      for (const { name } of await s.list(directory)) await s.remove(`${directory}/${name}`)
      await s.removeDirectory(directory)
    },
  }),
  'removeDirectory needs the directory': (s) => ({
    removeDirectory: async (directory) => {
      await s.syncDirectory(directory)
      await s.removeDirectory(directory)
    },
  }),
  'removeDirectory takes a file': (s) => ({
    removeDirectory: async (directory) => {
      await s.remove(directory)
      await s.removeDirectory(directory)
    },
  }),
  'linkFrom copies': (s) => ({
    linkFrom: async (source, from, to) => {
      const bytes = await get(source, from)
      await put(s, to, bytes)
      return true
    },
  }),
  'linkFrom takes every storage for its own': (s) => ({
    linkFrom: async (_, from, to) => {
      await s.link(from, to)
      return true
    },
  }),
  'link replaces': (s) => ({
    link: async (from, to) => {
      await s.remove(to)
      await s.link(from, to)
    },
  }),
  'linkCount is always 1': () => ({ linkCount: async () => 1 }),
  'replace keeps the first name': (s) => ({
    replace: async (from, to) => {
      await s.remove(to)
      await s.link(from, to)
    },
  }),
  'paths lead out of the store': (s) => ({ openRead: (path) => s.openRead(path.replace(/^\.\.\//, '')) }),
  'hardLinks is false and links are made': (s) => flag(s, 'hardLinks', false),
  'atomicReplace is false and files are replaced': (s) => flag(s, 'atomicReplace', false),
  'randomWrite is false and bytes are overwritten': (s) => flag(s, 'randomWrite', false),
  'syncReads is false and readSync is there': (s) => flag(s, 'syncReads', false),
  'freeSpace is true and nothing is known': (s) => flag(s, 'freeSpace', true),
  'crc32 forgets its seed': (s) => ({ digest: { ...s.digest, crc32: (bytes) => s.digest.crc32(bytes) } }),
  'crc32 is signed': (s) => ({ digest: { ...s.digest, crc32: (b, seed) => s.digest.crc32(b, seed) | 0 } }),
  'sha256 reuses its answer': (s) => {
    const shared = new Uint8Array(32)
    const sha256 = (bytes: Uint8Array) => {
      shared.set(s.digest.sha256(bytes))
      return shared
    }
    return { digest: { ...s.digest, sha256 } }
  },
  'inflate cuts what is too much': (s) => {
    const inflate = async (bytes: Uint8Array, rawBytes: number) => {
      const raw = await new Response(
        new Blob([bytes.slice()]).stream().pipeThrough(new DecompressionStream('deflate-raw')),
      ).bytes()
      if (raw.length < rawBytes) throw inflateFailed(rawBytes)
      return raw.slice(0, rawBytes)
    }
    return { compression: { ...s.compression, inflate } }
  },
  'the owner has no host': (s) => ({
    owner: { ...s.owner, describe: () => ({ ...s.owner.describe(), host: undefined as unknown as string }) },
  }),
}

test('storageSuite() passes a storage without defects', async () => {
  expect(await firstFailure(memoryStorage)).toBeUndefined()
  expect(await firstFailure(() => patched(memoryStorage(), {}))).toBeUndefined()
})

test.each(Object.keys(DEFECTS))('storageSuite() notices when %s', async (defect) => {
  const failed = await firstFailure(() => {
    const storage = memoryStorage()
    return patched(storage, DEFECTS[defect]?.(storage) ?? {})
  })
  expect(failed).toBeDefined()
})
