/** The places that a snapshot is restored to, and what is refused.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import { restoreSnapshot } from '../../../src/snapshot/restore/restore.ts'
import type { SnapshotProgress } from '../../../src/snapshot/types.ts'
import { openStore } from '../../../src/store/open.ts'
import { eventsOf, frozenStore, ID, restoreParts } from './frozen-store.ts'

const SNAPSHOT = `.snapshots/${ID}`

async function someSnapshot() {
  const base = memoryStorage()
  await frozenStore(base, async (store) => {
    const orders = await store.topics.open('orders', { create: true })
    await orders.append([1, 2, 3].map((n) => ({ kind: 'Placed', entity: 'a', data: n })))
    const returns = await store.topics.open('returns', { create: true })
    await returns.append({ kind: 'Returned', entity: 'a', data: 1 })
    await store.documents.write('catalog', { n: 1 })
    const board = await store.histories.open('board', { create: true })
    await board.append({ n: 1 })
  })
  return base
}

/** A store with the topic `orders` and a document of the same name as the snapshot has. */
async function otherStore(): Promise<Storage> {
  const storage = memoryStorage()
  const store = await openStore({ storage })
  const orders = await store.topics.open('orders', { create: { partitions: 2 } })
  await orders.append({ kind: 'Other', entity: 'b', data: 1 })
  const gone = await store.topics.open('gone', { create: true })
  await gone.append({ kind: 'Other', entity: 'b', data: 1 })
  await store.documents.write('catalog', { other: true })
  await store.documents.write('leaflet', { other: true })
  const board = await store.histories.open('board', { create: true })
  await board.append({ other: true })
  await store.close()
  return storage
}

/** Every file with its bytes. */
async function image(storage: Storage, directory = ''): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'directory') for (const [file, print] of await image(storage, path)) files.set(file, print)
    else {
      const handle = await storage.openRead(path)
      const bytes = new Uint8Array(await handle.size())
      await handle.read(0, bytes)
      await handle.close()
      files.set(path, `${bytes.length} ${storage.digest.crc32(bytes)}`)
    }
  }
  return files
}

test('restoreSnapshot() to a place with a store throws RESTORE_NOT_EMPTY and changes nothing', async () => {
  const base = await someSnapshot()
  const to = await otherStore()
  const before = await image(to)
  await expect(restoreSnapshot(restoreParts(base), ID, { to })).rejects.toMatchObject({ code: 'RESTORE_NOT_EMPTY' })
  expect(await image(to)).toEqual(before)
})

test('restoreSnapshot() to a store without anything in it replaces that', async () => {
  const base = await someSnapshot()
  const to = memoryStorage()
  await (await openStore({ storage: to })).close()
  const { storeId } = await restoreSnapshot(restoreParts(base), ID, { to })
  const store = await openStore({ storage: to })
  expect(store.id).toBe(storeId)
  expect(store.openReport.source).toBe('clean')
  await store.close()
})

test('restoreSnapshot() to a place with other files throws RESTORE_NOT_EMPTY', async () => {
  const base = await someSnapshot()
  for (const path of ['letter.txt', 'topics/orders/0/00000000000000000000.log']) {
    const to = memoryStorage()
    await (await to.createExclusive(path)).close()
    await expect(restoreSnapshot(restoreParts(base), ID, { to })).rejects.toMatchObject({ code: 'RESTORE_NOT_EMPTY' })
    expect([...(await image(to)).keys()]).toEqual([path])
  }
})

test('restoreSnapshot() with overwrite to a place that is no store throws STORE_FOREIGN', async () => {
  const base = await someSnapshot()
  const to = memoryStorage()
  await (await to.createExclusive('letter.txt')).close()
  const restoring = restoreSnapshot(restoreParts(base), ID, { to, overwrite: true })
  await expect(restoring).rejects.toMatchObject({ code: 'STORE_FOREIGN' })
  expect([...(await image(to)).keys()]).toEqual(['letter.txt'])
})

test('restoreSnapshot() with overwrite replaces a store, of which nothing is left after the next open', async () => {
  const base = await someSnapshot()
  const to = await otherStore()
  const old = [...(await image(to)).keys()].filter((path) => /^(topics|documents|histories)/.test(path))
  const report = await restoreSnapshot(restoreParts(base), ID, { to, overwrite: true })
  const store = await openStore({ storage: to })
  expect((await store.topics.list()).map(({ topic }) => topic)).toEqual(['orders', 'returns'])
  expect(await store.documents.read('catalog')).toEqual({ n: 1 })
  expect((await store.documents.list()).map(({ name }) => name)).toEqual(['catalog'])
  const board = await store.histories.open('board')
  expect(await board.read({})).toEqual({ n: 1 })
  expect((await store.verify()).problems).toEqual([])
  await store.close()
  expect(await eventsOf(to, 'orders')).toEqual(await eventsOf(storageAt(base, SNAPSHOT), 'orders'))
  await (await openStore({ storage: to })).close()
  const left = [...(await image(to)).keys()]
  const taken = new Set(report.topics.map(({ topic }) => `topics/${topic}/0/index.ckpt`))
  expect(left.filter((path) => old.includes(path) && !taken.has(path))).toEqual([])
})

test('restoreSnapshot() twice to the same place has the same log and other ids', async () => {
  const base = await someSnapshot()
  const to = memoryStorage()
  const first = await restoreSnapshot(restoreParts(base), ID, { to })
  const events = await eventsOf(to, 'orders')
  const second = await restoreSnapshot(restoreParts(base), ID, { to, overwrite: true })
  expect(second.storeId).not.toBe(first.storeId)
  expect(await eventsOf(to, 'orders')).toEqual(events)
  const store = await openStore({ storage: to })
  expect(await store.documents.read('catalog')).toEqual({ n: 1 })
  expect((await store.verify()).problems).toEqual([])
  await store.close()
})

test('restoreSnapshot() to the store that is open, in it or around it throws RESTORE_LIVE', async () => {
  const root = memoryStorage()
  const base = storageAt(root, 'a/live')
  const store = await openStore({ storage: base })
  await store.close()
  const places = [base, storageAt(base, 'inside'), storageAt(root, 'a'), root, storageAt(storageAt(root, 'a'), 'live')]
  await frozenStore(base, async () => undefined)
  for (const to of places) {
    const restoring = restoreSnapshot(restoreParts(base), ID, { to, overwrite: true })
    await expect(restoring).rejects.toMatchObject({ code: 'RESTORE_LIVE' })
  }
  await restoreSnapshot(restoreParts(base), ID, { to: storageAt(root, 'a/liver') })
})

test('restoreSnapshot() to the open store by another path throws RESTORE_LIVE and leaves what is there', async () => {
  const base = await someSnapshot()
  const store = await openStore({ storage: base })
  const orders = await store.topics.open('orders', { create: true })
  await orders.append({ kind: 'Live', entity: 'x', data: 1 })
  await store.close()
  const alias = new Proxy(base, {
    get: (of, name) => {
      const value = Reflect.get(of, name)
      if (name === 'location') return '/another/path'
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
  const restoring = restoreSnapshot(restoreParts(base), ID, { to: alias, overwrite: true })
  await expect(restoring).rejects.toMatchObject({ code: 'RESTORE_LIVE' })
  expect(await eventsOf(base, 'orders')).toMatchObject([{ kind: 'Live' }])
})

test('restoreSnapshot() over a store that somebody has open throws STORE_LOCKED', async () => {
  const base = await someSnapshot()
  const to = memoryStorage()
  const store = await openStore({ storage: to })
  const orders = await store.topics.open('orders', { create: true })
  await orders.append({ kind: 'Live', entity: 'x', data: 1 })
  const restoring = restoreSnapshot(restoreParts(base), ID, { to, overwrite: true })
  await expect(restoring).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await orders.append({ kind: 'Live', entity: 'x', data: 2 })
  await store.close()
})

test('restoreSnapshot() of a damaged snapshot throws SNAPSHOT_DAMAGED and touches nothing', async () => {
  const base = await someSnapshot()
  const storage = storageAt(base, SNAPSHOT)
  const paths = [...(await image(storage)).keys()].filter((path) => /\.(log|vdoc|vgrp)$/.test(path))
  expect(paths.length).toBeGreaterThan(3)
  for (const path of paths) {
    const writer = await storage.openAppend(path)
    const reader = await storage.openRead(path)
    const byte = new Uint8Array(1)
    const at = writer.sizeBytes - 2
    await reader.read(at, byte)
    await writer.writeAt(
      at,
      byte.map((value) => value ^ 4),
    )
    const to = memoryStorage()
    const restoring = restoreSnapshot(restoreParts(base), ID, { to })
    await expect(restoring).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED', details: { snapshot: ID, file: path } })
    expect([...(await image(to)).keys()]).toEqual([])
    await writer.writeAt(at, byte)
    await writer.close()
    await reader.close()
  }
  await restoreSnapshot(restoreParts(base), ID, { to: memoryStorage() })
})

test('restoreSnapshot() without one of its files throws SNAPSHOT_DAMAGED; what is derived may be missing', async () => {
  const base = await someSnapshot()
  const storage = storageAt(base, SNAPSHOT)
  await storage.remove('topics/orders/0/index.ckpt')
  await restoreSnapshot(restoreParts(base), ID, { to: memoryStorage() })
  await storage.remove('topics/orders/0/00000000000000000000.log')
  const restoring = restoreSnapshot(restoreParts(base), ID, { to: memoryStorage() })
  await expect(restoring).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' })
  // A topic that is not damaged can still be had.
  await restoreSnapshot(restoreParts(base), ID, { to: memoryStorage(), topic: 'returns' })
})

test('restoreSnapshot() of one topic leaves the rest out, and says so', async () => {
  const base = await someSnapshot()
  const to = memoryStorage()
  const report = await restoreSnapshot(restoreParts(base), ID, { to, topic: 'orders', until: { offset: 2 } })
  expect(report).toMatchObject({
    topics: [{ topic: 'orders', events: 2, highWatermarks: [2] }],
    documents: 0,
    histories: 0,
    leftOut: { documents: 1, histories: 1, projections: 0 },
  })
  const store = await openStore({ storage: to })
  expect((await store.stats()).documents).toBe(0)
  await store.close()
})

test.each([
  [{}, 'OPTION_INVALID'],
  [{ to: memoryStorage(), as: 'other' }, 'OPTION_INVALID'],
  [{ as: 'other' }, 'OPTION_INVALID'],
  [{ as: 'other', topic: 'orders', overwrite: true }, 'OPTION_INVALID'],
  [{ to: memoryStorage(), topic: 'nothing' }, 'TOPIC_UNKNOWN'],
  [{ to: memoryStorage(), until: { offset: 1 } }, 'OPTION_INVALID'],
  [{ to: memoryStorage(), topic: 'orders', until: { offset: 4 } }, 'OFFSET_OUT_OF_RANGE'],
  [{ to: memoryStorage(), topic: 'orders', until: { offset: -1 } }, 'OPTION_INVALID'],
  [{ to: memoryStorage(), topic: 'orders', until: { offset: [1, 2] } }, 'OPTION_INVALID'],
  [{ to: memoryStorage(), topic: 'orders', until: { time: 1.5 } }, 'OPTION_INVALID'],
  [{ to: memoryStorage(), topic: 'orders', until: { offset: 1, time: 1 } as never }, 'OPTION_INVALID'],
])('restoreSnapshot() with impossible options $# throws $1', async (options, code) => {
  const base = await someSnapshot()
  await expect(restoreSnapshot(restoreParts(base), ID, options)).rejects.toMatchObject({ code })
})

test('restoreSnapshot() that is stopped leaves an empty place empty', async () => {
  const base = await someSnapshot()
  for (const step of ['verify', 'prepare', 'files'] as const) {
    const to = memoryStorage()
    const stop = new AbortController()
    const onProgress = (progress: SnapshotProgress) => {
      if (progress.step === step) stop.abort(new Error('stopped'))
    }
    const restoring = restoreSnapshot(restoreParts(base), ID, { to, signal: stop.signal, onProgress })
    await expect(restoring).rejects.toThrow('stopped')
    expect([...(await image(to)).keys()]).toEqual([])
  }
})
