/** Bringing files from one place to another: links, copies, space, and what a failure leaves.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { sameBytes } from '../../../src/codec/bytes.ts'
import { VarveError } from '../../../src/errors.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import { copyFile } from '../../../src/snapshot/files/copy-file.ts'
import { forEach } from '../../../src/snapshot/files/several.ts'
import { transfer } from '../../../src/snapshot/files/transfer.ts'
import { bytesOf, putBytes, sizesIn } from './still-host.ts'

const MIB = 1024 * 1024

function patterned(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at++) bytes[at] = at * 31 + (at >>> 8)
  return bytes
}

/** A storage with some methods of its own. */
function changed(storage: Storage, methods: Partial<Storage>): Storage {
  return new Proxy(storage, {
    get: (target, name) => {
      if (name in methods) return methods[name as keyof Storage]
      const found = Reflect.get(target, name)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

function withoutLinks(storage: Storage): Storage {
  return changed(storage, { capabilities: { ...storage.capabilities, hardLinks: false } })
}

async function withFiles(sizes: Readonly<Record<string, number>>): Promise<Storage> {
  const storage = memoryStorage()
  for (const [path, size] of Object.entries(sizes)) await putBytes(storage, path, patterned(size))
  return storage
}

const same = (path: string) => ({ from: path, to: path })

describe('transfer', () => {
  test('links what it can and copies the beginning of what it must', async () => {
    const from = await withFiles({ 'a/one': 10, 'a/two': 20, 'b/three': 30 })
    const to = storageAt(from, 'copy')
    const files = [
      same('a/one'),
      { ...same('a/two'), copyBytes: 7 },
      { from: 'b/three', to: 'c/d/other', sizeBytes: 30 },
    ]
    expect(await transfer({ from, to }, files, {})).toEqual({ filesLinked: 2, filesCopied: 1, bytesCopied: 7 })
    expect(await from.linkCount('a/one')).toBe(2)
    expect(await from.linkCount('a/two')).toBe(1)
    expect(await bytesOf(to, 'a/two')).toEqual(patterned(7))
    expect(await bytesOf(to, 'c/d/other')).toEqual(patterned(30))
  })

  test('copies between places that share nothing, and where a link is refused', async () => {
    const from = await withFiles({ 'a/one': 3 * MIB + 5, 'a/empty': 0 })
    const files = [same('a/one'), same('a/empty')]
    const copied = { filesLinked: 0, filesCopied: 2, bytesCopied: 3 * MIB + 5 }
    const places = [
      withoutLinks(memoryStorage()),
      changed(memoryStorage(), { linkFrom: async () => false }),
      changed(memoryStorage(), { linkFrom: () => Promise.reject(new VarveError('STORAGE_DENIED', 'No links here')) }),
      ...['EMLINK', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].map((errno) =>
        changed(memoryStorage(), {
          linkFrom: () => Promise.reject(new VarveError('STORAGE_UNAVAILABLE', 'No link', { details: { errno } })),
        }),
      ),
    ]
    for (const to of places) {
      expect(await transfer({ from, to }, files, {})).toEqual(copied)
      expect(sameBytes(await bytesOf(to, 'a/one'), await bytesOf(from, 'a/one'))).toBe(true)
      expect(await bytesOf(to, 'a/empty')).toEqual(new Uint8Array(0))
    }
    const broken = () => Promise.reject(new VarveError('STORAGE_UNAVAILABLE', 'Broken', { details: { errno: 'EIO' } }))
    await expect(transfer({ from, to: changed(memoryStorage(), { linkFrom: broken }) }, files, {})).rejects.toThrow(
      'Broken',
    )
  })

  test('passes over optional files that are missing, and names a file that is not optional', async () => {
    const from = await withFiles({ 'a/one': 10 })
    for (const to of [storageAt(from, 'copy'), withoutLinks(memoryStorage())]) {
      const gone = { ...same('a/gone'), optional: true }
      await transfer({ from, to }, [same('a/one'), gone], {})
      expect([...(await sizesIn(to, '')).keys()]).toContain('a/one')
      expect(await to.exists('a/gone')).toBe(false)
      const files = [
        { from: 'a/one', to: 'b/x' },
        { from: 'a/gone', to: 'b/y' },
      ]
      const missing = transfer({ from, to }, files, {})
      await expect(missing).rejects.toMatchObject({ code: 'FILE_MISSING', details: { path: 'a/gone' } })
      expect(await to.exists('b')).toBe(false)
    }
  })

  test('asks for free space before the first copy', async () => {
    const from = await withFiles({ 'a/one': 10, 'a/two': 20 })
    const files = [{ ...same('a/one'), sizeBytes: 10 }, same('a/two'), { ...same('a/gone'), optional: true }]
    const writes: string[] = []
    const tight = (freeBytes: number) =>
      changed(withoutLinks(memoryStorage()), {
        freeBytes: async () => freeBytes,
        createExclusive: async (path) => {
          writes.push(path)
          throw new VarveError('STORAGE_FULL', 'It was tried')
        },
      })
    const details = { neededBytes: 30, freeBytes: 29 }
    await expect(transfer({ from, to: tight(29) }, files, {})).rejects.toMatchObject({ code: 'STORAGE_FULL', details })
    expect(writes).toEqual([])
    await expect(transfer({ from, to: tight(30) }, files, {})).rejects.toThrow('It was tried')
    const unknown = changed(withoutLinks(memoryStorage()), {
      freeBytes: () => Promise.reject(new Error('Nobody knows')),
    })
    expect(await transfer({ from, to: unknown }, files, {})).toMatchObject({ filesCopied: 2 })
  })

  test('removes what it made after a failure, and only that', async () => {
    const from = await withFiles({ 'a/one': 10, 'a/two': 20, 'a/three': 30 })
    for (const hardLinks of [true, false]) {
      const base = memoryStorage()
      const to = hardLinks ? base : withoutLinks(base)
      await putBytes(base, 'kept/mine', patterned(3))
      await putBytes(base, 'kept/two', patterned(4))
      const before = await sizesIn(base, '')
      const files = [
        { from: 'a/one', to: 'new/deep/one' },
        { from: 'a/one', to: 'kept/one' },
        { from: 'a/two', to: 'kept/two' },
      ]
      await expect(transfer({ from, to }, files, {})).rejects.toMatchObject({ code: 'FILE_EXISTS' })
      expect(await sizesIn(base, '')).toEqual(before)
      expect((await base.list('')).map(({ name }) => name)).toEqual(['kept'])
    }
  })

  test('ends before the next file when it is stopped, and then touches nothing', async () => {
    const paths = Array.from({ length: 9 }, (_, at) => `a/${at}`)
    const from = await withFiles(Object.fromEntries(paths.map((path) => [path, 10])))
    const to = withoutLinks(memoryStorage())
    let isStopped = false
    const run = transfer({ from, to }, paths.map(same), {
      isStopped: () => isStopped,
      onProgress: () => {
        isStopped = true
      },
    })
    await expect(run).rejects.toMatchObject({ code: 'STORE_FENCED' })
    const left = (await sizesIn(to, '')).size
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThan(paths.length)
    const abort = AbortSignal.abort(new Error('enough'))
    await expect(transfer({ from, to: memoryStorage() }, [same('a/one')], { signal: abort })).rejects.toThrow('enough')
  })

  test('syncs every file it copied, and every directory with a new name in it', async () => {
    const from = await withFiles({ 'a/one': 10, 'a/two': 20, 'b/three': 1 })
    const synced: string[] = []
    const base = memoryStorage()
    const to = changed(base, {
      syncDirectory: async (directory) => void synced.push(directory),
      createExclusive: async (path) => {
        const handle = await base.createExclusive(path)
        return new Proxy(handle, {
          get: (target, name) => {
            if (name === 'sync') return async () => void synced.push(path)
            const found = Reflect.get(target, name, target)
            return typeof found === 'function' ? found.bind(target) : found
          },
        })
      },
    })
    await transfer({ from, to }, [same('a/one'), { ...same('a/two'), copyBytes: 20 }, same('b/three')], {})
    expect(synced[0]).toBe('a/two')
    expect(synced.slice(1).sort()).toEqual(['a', 'b'])
  })

  test('tells of a source that ends too early', async () => {
    const from = await withFiles({ 'a/one': 10 })
    const run = transfer({ from, to: memoryStorage() }, [{ ...same('a/one'), copyBytes: 11 }], {})
    await expect(run).rejects.toMatchObject({ code: 'SEGMENT_DAMAGED', details: { file: 'a/one', position: 10 } })
  })
})

describe('copyFile', () => {
  test('copies files of any size, whole or a part', async () => {
    for (const size of [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 7]) {
      const storage = await withFiles({ source: size })
      const source = await storage.openRead('source')
      const target = await storage.createExclusive('target')
      expect(await copyFile(source, target, {})).toBe(size)
      const bytes = await bytesOf(storage, 'source')
      expect(sameBytes(await bytesOf(storage, 'target'), bytes)).toBe(true)
      const part = await storage.createExclusive('part')
      const position = Math.floor(size / 3)
      const sizeBytes = Math.floor(size / 2)
      expect(await copyFile(source, part, { position, sizeBytes })).toBe(sizeBytes)
      const wanted = bytes.subarray(position, position + sizeBytes)
      expect(sameBytes(await bytesOf(storage, 'part'), wanted)).toBe(true)
    }
  })

  test('fails with what failed first, reading or writing, and leaves nothing under way', async () => {
    const storage = await withFiles({ source: 3 * MIB })
    const source = await storage.openRead('source')
    const target = await storage.createExclusive('target')
    let reads = 0
    const failing = {
      ...{ path: 'source', size: () => 3 * MIB, close: async () => {} },
      read: async (position: number, into: Uint8Array) => {
        if (++reads > 1) throw new Error('unreadable')
        return source.read(position, into)
      },
    }
    await expect(copyFile(failing, target, {})).rejects.toThrow('unreadable')
    expect(target.sizeBytes).toBe(MIB)
    reads = 0
    const onBytes = () => {
      throw new Error('enough')
    }
    await expect(copyFile(failing, target, { onBytes })).rejects.toThrow('enough')
    expect(reads).toBe(2)
  })
})

describe('forEach', () => {
  test('runs so many beside each other, each item once, and begins no other after a failure', async () => {
    let running = 0
    let most = 0
    const seen: number[] = []
    const items = Array.from({ length: 20 }, (_, at) => at)
    const run = forEach(items, 4, async (item) => {
      most = Math.max(most, ++running)
      await Promise.resolve()
      seen.push(item)
      running--
      if (item === 9) throw new Error('nine')
    })
    await expect(run).rejects.toThrow('nine')
    expect(most).toBe(4)
    expect(running).toBe(0)
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen.length).toBeLessThan(20)
    await forEach([], 4, () => Promise.reject(new Error('never')))
  })
})
