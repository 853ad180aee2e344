/** Views of directories, and links between any two places.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { inBase, linkBetween, storageAt } from '../../../src/ports/storage-at.ts'
import { get, pattern, put } from '../../conformance/assert.ts'
import { limitedStorage, storageSuite } from '../../conformance/index.ts'
import { stalledStorage } from '../../faults/stalled-storage.ts'

/** Handles and errors of a view name files as the base does: below. */
const NAMED_BY_THE_BASE = [
  'createExclusive() makes an empty file that exists at once',
  'openAppend() continues at the size of the file',
  'openRead() gives a handle that knows its path and size',
  'errors name the store-relative path and the action, and no place outside the store',
]
const suiteTest = (title: string, run: () => Promise<void>) => {
  if (!NAMED_BY_THE_BASE.includes(title)) test(title, run)
}

describe('storageAt() of a storage that can everything', () => {
  storageSuite({
    test: suiteTest,
    factory: () => ({ storage: storageAt(memoryStorage(), 'a/b'), cleanup: () => {} }),
  })
})

describe('storageAt() of a storage that can nothing', () => {
  const factory = () => ({ storage: storageAt(limitedStorage(memoryStorage()), '.a'), cleanup: () => {} })
  storageSuite({ test: suiteTest, factory })
})

describe('storageAt()', () => {
  test('shows what is in the directory and nothing else', async () => {
    const base = memoryStorage()
    for (const path of ['f', 'd/f', 'd/e/g', 'de']) await put(base, path)
    const view = storageAt(base, 'd')
    expect(await view.list('')).toEqual([
      { name: 'e', kind: 'directory' },
      { name: 'f', kind: 'file' },
    ])
    expect([view.exists(''), view.exists('f'), view.exists('g'), view.exists('e')]).toEqual([true, true, false, true])
    expect(storageAt(base, 'none').exists('')).toBe(false)
    await view.remove('f')
    expect(base.exists('d/f')).toBe(false)
  })

  test('is the storage itself for the empty path, and flattens views of views', () => {
    const base = memoryStorage()
    expect(storageAt(base, '')).toBe(base)
    const deep = storageAt(storageAt(base, 'a'), 'b/c')
    expect(deep.location).toBe(`${base.location}/a/b/c`)
    const found = inBase({ storage: deep, path: 'f' })
    expect(found.storage).toBe(base)
    expect(found.path).toBe('a/b/c/f')
    expect(inBase({ storage: base, path: 'f' })).toEqual({ storage: base, path: 'f' })
  })

  test('names files in handles and errors as the base does', async () => {
    const view = storageAt(memoryStorage(), 'a')
    const handle = await view.createExclusive('b/f')
    expect(handle.path).toBe('a/b/f')
    await expect((async () => view.openRead('g'))()).rejects.toMatchObject({
      code: 'FILE_MISSING',
      details: { path: 'a/g' },
    })
  })

  test.each(['..', 'a/..', '../b', '/a', 'a/'])('leads nowhere from the directory %j', async (directory) => {
    const view = storageAt(memoryStorage(), directory)
    await expect(put(view, 'f')).rejects.toMatchObject({ code: 'NAME_INVALID' })
    await expect(view.list('')).rejects.toMatchObject({ code: 'NAME_INVALID' })
  })
})

describe('linkBetween()', () => {
  const wrapped = (storage: Storage) => stalledStorage(storage, () => false).storage
  const places: [string, (one: Storage, two: Storage) => [Storage, Storage]][] = [
    ['a storage and itself', (one) => [one, one]],
    ['two storages', (one, two) => [one, two]],
    ['a storage and its view', (one) => [one, storageAt(one, 'x')]],
    ['a view and its storage', (one) => [storageAt(one, 'x'), one]],
    ['two views of one storage', (one) => [storageAt(one, 'x'), storageAt(one, 'y/z')]],
    ['views of two storages', (one, two) => [storageAt(one, 'x'), storageAt(two, 'y')]],
    ['wrapped storages', (one, two) => [wrapped(one), storageAt(wrapped(two), 'y')]],
  ]

  test.each(places)('gives the bytes a second name: %s', async (_, make) => {
    const [source, target] = make(memoryStorage(), memoryStorage())
    await put(source, 'd/from', pattern(20))
    await put(target, 'taken')
    expect(await linkBetween({ storage: source, path: 'd/from' }, { storage: target, path: 'e/to' })).toBe(true)
    expect(await get(target, 'e/to')).toEqual(pattern(20))
    expect([await source.linkCount('d/from'), await target.linkCount('e/to')]).toEqual([2, 2])
    await source.remove('d/from')
    expect(await target.linkCount('e/to')).toBe(1)
    const missing = linkBetween({ storage: source, path: 'd/from' }, { storage: target, path: 'e/more' })
    await expect(missing).rejects.toMatchObject({ code: 'FILE_MISSING' })
    await put(source, 'd/from')
    const taken = linkBetween({ storage: source, path: 'd/from' }, { storage: target, path: 'taken' })
    await expect(taken).rejects.toMatchObject({ code: 'FILE_EXISTS' })
  })

  test.each<[string, Storage, Storage]>([
    ['without links in the target', memoryStorage(), limitedStorage(memoryStorage())],
    ['from another kind', limitedStorage(memoryStorage(), { hardLinks: true }), memoryStorage()],
    ['to a storage that links only its own', memoryStorage(), limitedStorage(memoryStorage(), { hardLinks: true })],
  ])('says false %s', async (_, source, target) => {
    await put(source, 'from')
    expect(await linkBetween({ storage: source, path: 'from' }, { storage: target, path: 'to' })).toBe(false)
    const view = storageAt(target, 'v')
    expect(await linkBetween({ storage: source, path: 'from' }, { storage: view, path: 'to' })).toBe(false)
    expect([await target.exists('to'), await view.exists('to')]).toEqual([false, false])
  })

  test('without links says false within one storage, too', async () => {
    const storage = limitedStorage(memoryStorage())
    await put(storage, 'from')
    expect(await linkBetween({ storage, path: 'from' }, { storage, path: 'to' })).toBe(false)
    expect(await linkBetween({ storage, path: 'from' }, { storage: storageAt(storage, 'v'), path: 'to' })).toBe(false)
  })
})
