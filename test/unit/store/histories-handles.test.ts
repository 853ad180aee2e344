/** How many files histories hold.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore, type Storage } from '../../../src/index.ts'

/** A storage that counts the groups that are open for reading. */
function countingStorage(): { readonly storage: Storage; readonly open: Set<object>; opened: number } {
  const storage = memoryStorage()
  const open = new Set<object>()
  const counts = { open, opened: 0 }
  const plainly = storage.openRead.bind(storage)
  const openRead: Storage['openRead'] = async (path) => {
    const handle = await plainly(path)
    if (!path.endsWith('.vgrp')) return handle
    open.add(handle)
    counts.opened++
    const close = handle.close.bind(handle)
    handle.close = async () => {
      open.delete(handle)
      await close()
    }
    return handle
  }
  return Object.assign(counts, { storage: Object.assign(storage, { openRead }) })
}

test('History.read() closes the files of histories that were read longest ago when many are read', async () => {
  const { storage, open } = countingStorage()
  const store = await openStore({ storage })
  const names = Array.from({ length: 100 }, (_, number) => `board-${number}`)
  for (const name of names) {
    const history = await store.histories.open(name, { create: { keyframeInterval: 1 } })
    for (let count = 0; count < 3; count++) await history.append({ name, count })
  }
  let most = 0
  for (const name of names) {
    const history = await store.histories.open(name)
    for (let version = 1; version <= 3; version++)
      expect(await history.read({ version })).toEqual({ name, count: version - 1 })
    most = Math.max(most, open.size)
  }
  expect(most).toBeLessThanOrEqual(32 * 4)
  const [first = ''] = names
  expect(await (await store.histories.open(first)).read()).toEqual({ name: first, count: 2 })
  await store.close()
  expect(open.size).toBe(0)
})

test('Store.close() leaves files that somebody still reads to the next owner, who removes them', async () => {
  const storage = memoryStorage()
  const store = await openStore({ storage })
  const history = await store.histories.open('board', { create: true })
  await history.append({ count: 1 })
  // Nobody ends this iteration.
  await history.values('count')[Symbol.asyncIterator]().next()
  await store.histories.delete('board')
  expect(await storage.list('histories/board')).toHaveLength(1)
  await store.close()
  await (await openStore({ storage })).close()
  expect(await storage.list('histories/board')).toEqual([])
})

test('History.cleanup() that is given up does not look for its files again for each of them', async () => {
  const storage = memoryStorage()
  const removed: string[] = []
  const plainly = storage.remove.bind(storage)
  Object.assign(storage, {
    remove: (path: string) => {
      removed.push(path)
      return plainly(path)
    },
  })
  const store = await openStore({ storage })
  const tiers = { raw: { forMs: 1_000 }, compressed: { forMs: null, everyMs: 2 }, archive: { forMs: null } }
  const history = await store.histories.open('board', { create: { keyframeInterval: 4, tiers } })
  for (let at = 0; at < 200; at++) await history.append({ at }, { at })
  removed.length = 0
  const giveUp = new AbortController()
  const cleaned = history.cleanup({
    now: 1_000_000,
    signal: giveUp.signal,
    onProgress: ({ groups, totalGroups }) => {
      if (groups === totalGroups - 1) giveUp.abort(new Error('enough'))
    },
  })
  await expect(cleaned).rejects.toThrow('enough')
  await store.close()
  expect(removed.length).toBeGreaterThan(20)
  expect(removed.length).toBeLessThanOrEqual(2 * new Set(removed).size)
})

test('History.find() forgets the labels of histories that were read longest ago', async () => {
  const counts = countingStorage()
  const store = await openStore({ storage: counts.storage })
  const openedBy = async (name: string) => {
    const history = await store.histories.open(name)
    const before = counts.opened
    await expect(history.find({ label: 'none' })).rejects.toMatchObject({ code: 'VERSION_UNKNOWN' })
    return counts.opened - before
  }
  const names = Array.from({ length: 40 }, (_, number) => `board-${number}`)
  for (const name of names) {
    const history = await store.histories.open(name, { create: { keyframeInterval: 1 } })
    for (let count = 0; count < 6; count++) await history.append({ count }, { label: `label ${count}` })
  }
  expect(await openedBy('board-0')).toBe(6)
  expect(await openedBy('board-0')).toBe(0)
  for (const name of names) await openedBy(name)
  expect(await openedBy('board-0')).toBe(6)
  await store.close()
})

test.each(['index', 'values', 'query', 'verify', 'cleanup'] as const)(
  'Store.close() ends what History.%s() has not done yet, and no file stays open',
  async (name) => {
    const { storage, open } = countingStorage()
    const store = await openStore({ storage })
    const tiers = { raw: { forMs: 1 }, compressed: { forMs: null, everyMs: 2 }, archive: { forMs: null } }
    const history = await store.histories.open('board', { create: { keyframeInterval: 5, tiers } })
    for (let at = 0; at < 100; at++) await history.append({ at }, { at })
    let isClosing = false
    let seen = 0
    const begin = async (): Promise<unknown> => {
      if (name === 'verify') return history.verify({ onProgress: close })
      if (name === 'cleanup') return history.cleanup({ now: 10_000, onProgress: close })
      const found = name === 'values' ? history.values('at') : history[name]()
      for await (const _ of found) if (++seen === 12) close()
      return undefined
    }
    let closed: Promise<void> | undefined
    function close(): void {
      if (!isClosing) closed = store.close()
      isClosing = true
    }
    await expect(begin()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    await closed
    expect(open.size).toBe(0)
    const again = await openStore({ storage })
    const kept = await again.histories.open('board')
    expect(await kept.verify()).toMatchObject({ ok: true, versionsChecked: 100 })
    expect(await storage.list('histories/board')).toHaveLength((await kept.stats()).groups)
    await again.close()
  },
)
