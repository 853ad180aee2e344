/** Histories of a store as a caller sees them: appending, finding, reading, listing, going on after a restart.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { type History, openStore, type Store } from '../../../src/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

async function withHistory(
  work: (history: History, store: Store) => Promise<void>,
  options: { create?: Parameters<Store['histories']['open']>[1] } = {},
): Promise<void> {
  const store = await openStore({ storage: memoryStorage(), clock: new ManualClock(1_000) })
  try {
    await work(await store.histories.open('board', options.create ?? { create: true }), store)
  } finally {
    await store.close()
  }
}

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('History.append() numbers versions from 1 and reads each back', () =>
  withHistory(
    async (history) => {
      for (let at = 1; at <= 200; at++) {
        const receipt = await history.append({ at, shapes: [{ id: 1, x: at % 7 }] })
        expect(receipt.version).toBe(at)
      }
      for (let at = 1; at <= 200; at++) {
        expect(await history.read({ version: at, check: true })).toEqual({ at, shapes: [{ id: 1, x: at % 7 }] })
        expect(await history.read({ version: at, path: 'shapes[0].x' })).toBe(at % 7)
      }
      expect(await history.read()).toEqual({ at: 200, shapes: [{ id: 1, x: 200 % 7 }] })
      const stats = await history.stats()
      expect(stats).toMatchObject({ count: 200, newestVersion: 200, oldestVersion: 1, groups: 4 })
      expect(stats.ratio).toBeGreaterThan(0)
      expect(await history.verify()).toMatchObject({ ok: true, versionsChecked: 200, damaged: [] })
    },
    { create: { create: { keyframeInterval: 64 } } },
  ))

test('History.append() stores what the value was when it was called, whatever the caller does to it then', () =>
  withHistory(async (history) => {
    const value = { list: [1, 2, 3], bytes: new Uint8Array([1]) }
    const first = history.append(value)
    value.list.push(4)
    value.bytes[0] = 9
    const second = history.append(value)
    value.list.length = 0
    await Promise.all([first, second])
    const third = history.append(value)
    value.list.push(7)
    await third
    const read = (version: number) => history.read({ version })
    expect(await read(1)).toEqual({ list: [1, 2, 3], bytes: new Uint8Array([1]) })
    expect(await read(2)).toEqual({ list: [1, 2, 3, 4], bytes: new Uint8Array([9]) })
    expect(await read(3)).toEqual({ list: [], bytes: new Uint8Array([9]) })
    const mine = (await read(3)) as { list: number[] }
    mine.list.push(1)
    await history.append({ list: [], bytes: new Uint8Array([9]), more: true })
    expect(await read(3)).toEqual({ list: [], bytes: new Uint8Array([9]) })
  }))

test('History.find() takes a version, a time, a label, an offset, or the newest', () =>
  withHistory(async (history) => {
    await history.append(1, { at: 100, label: 'a', offset: 10, metadata: { by: 'x' }, fingerprint: 'f1' })
    await history.append(2, { at: 200, label: 'b' })
    await history.append(3, { at: 200, label: 'a', offset: 30 })
    await history.append(4, { at: 400 })
    const version = async (selector: Parameters<History['find']>[0]) => (await history.find(selector)).version
    expect(await version({})).toBe(4)
    expect(await version({ version: 2 })).toBe(2)
    expect(await version({ time: 100 })).toBe(1)
    expect(await version({ time: 199 })).toBe(1)
    expect(await version({ time: 399 })).toBe(3)
    expect(await version({ label: 'a' })).toBe(3)
    expect(await version({ label: 'b' })).toBe(2)
    expect(await version({ offset: 29 })).toBe(1)
    expect(await version({ offset: 30 })).toBe(3)
    expect(await history.find({ version: 1 })).toMatchObject({ metadata: { by: 'x' }, fingerprint: 'f1', offset: 10 })
    await expect(version({ time: 99 })).rejects.toMatchObject({ code: 'VERSION_UNKNOWN' })
    await expect(version({ offset: 9 })).rejects.toMatchObject({ code: 'VERSION_UNKNOWN' })
    await expect(version({ label: 'c' })).rejects.toMatchObject({ code: 'VERSION_UNKNOWN' })
    await expect(version({ version: 5 })).rejects.toMatchObject({
      code: 'VERSION_OUT_OF_RANGE',
      details: { oldestVersion: 1, newestVersion: 4 },
    })
    await expect(version({ version: 1, time: 1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  }))

test('History.append() refuses other versions than expected, times and offsets that fall, and options it does not know', () =>
  withHistory(async (history) => {
    await history.append('a', { ifVersion: 0, at: 500, offset: 5 })
    await expect(history.append('b', { ifVersion: 0 })).rejects.toMatchObject({
      code: 'HISTORY_CONFLICT',
      details: { expected: 0, found: 1 },
    })
    await expect(history.append('b', { at: 499 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(history.append('b', { offset: 4 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(history.append('b', { label: '' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(history.append(() => 1)).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
    await history.append('b', { ifVersion: 1 })
    expect(await history.read()).toBe('b')
    expect((await history.find({ version: 2 })).at).toBe(1_000)
  }))

test('History.list() gives pages in both directions, index() all of it', () =>
  withHistory(
    async (history) => {
      for (let at = 1; at <= 150; at++) await history.append({ n: at })
      const pages: number[] = []
      let cursor: string | undefined
      do {
        const page = await history.list({ direction: 'backward', limit: 40, ...(cursor !== undefined && { cursor }) })
        pages.push(...page.items.map(({ version }) => version))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      expect(pages).toEqual(Array.from({ length: 150 }, (_, at) => 150 - at))
      const index = await collect(history.index({ from: 60, to: 70 }))
      expect(index.map(({ version, group, isDelta }) => [version, group, isDelta])).toEqual([
        ...[60, 61, 62, 63, 64].map((version) => [version, 1, true]),
        [65, 65, false],
        ...[66, 67, 68, 69].map((version) => [version, 65, true]),
      ])
      expect(index.every(({ tier, pinned }) => tier === 'raw' && !pinned)).toBe(true)
    },
    { create: { create: { keyframeInterval: 64 } } },
  ))

test('History.diff() says what changed as data and as lines, values() follows one path, pin() marks', () =>
  withHistory(async (history) => {
    await history.append({ title: 'one', shapes: [{ id: 'a', x: 1 }] })
    await history.append({ title: 'one', shapes: [{ id: 'a', x: 5 }] })
    await history.append({ title: 'two', shapes: [{ id: 'a', x: 5 }] })
    const { changes, lines } = await history.diff({ from: { version: 1 } })
    expect(changes.map(({ type, path, before, after }) => [type, path, before, after])).toEqual([
      ['changed', 'title', 'one', 'two'],
      ['changed', 'shapes[0].x', 1, 5],
    ])
    expect(lines).toHaveLength(2)
    const seen = await collect(history.values('shapes[0].x'))
    expect(seen.map(({ version, value }) => [version, value])).toEqual([
      [1, 1],
      [2, 5],
    ])
    await history.pin({ version: 2 })
    expect((await history.stats()).pinned).toEqual([2])
    expect((await history.find({ version: 2 })).pinned).toBe(true)
    await history.unpin({ version: 2 })
    expect((await history.stats()).pinned).toEqual([])
  }))

test('Histories go on after a clean close in the same file, after others in a copy of it', async () => {
  const storage = memoryStorage()
  let store = await openStore({ storage })
  const first = await store.histories.open('board', { create: true })
  for (let at = 0; at < 3; at++) await first.append({ at })
  await store.close()
  store = await openStore({ storage })
  const second = await store.histories.open('board')
  expect(await second.read({ version: 2 })).toEqual({ at: 1 })
  await second.append({ at: 3 })
  expect((await second.stats()).groups).toBe(1)
  const other = await openStore({ storage, takeOver: true }).catch(() => undefined)
  if (other !== undefined) await other.close()
  await store.close()
  store = await openStore({ storage })
  const third = await store.histories.open('board')
  await third.append({ at: 4 })
  for (let at = 0; at < 5; at++) expect(await third.read({ version: at + 1 })).toEqual({ at })
  expect((await third.stats()).groups).toBe(1)
  expect(await storage.list('histories/board')).toHaveLength(1)
  await store.close()
})

test('Histories.open() refuses unknown names without create, other options, and names of the store’s own', async () => {
  const store = await openStore({ storage: memoryStorage() })
  const { histories } = store
  await expect(histories.open('board')).rejects.toMatchObject({ code: 'HISTORY_UNKNOWN' })
  const board = await histories.open('board', { create: { keyframeInterval: 10 } })
  expect(await histories.open('board', { create: true })).toBe(board)
  await expect(histories.open('board', { create: { keyframeInterval: 11 } })).rejects.toMatchObject({
    code: 'HISTORY_EXISTS',
  })
  for (const keyframeInterval of [0, -1, 1.5, 10_001]) {
    await expect(histories.open('x', { create: { keyframeInterval } })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
  }
  await expect(histories.open('_own', { create: true })).rejects.toMatchObject({ code: 'NAME_INVALID' })
  await expect(histories.change('_own', { keyframeInterval: 3 })).rejects.toMatchObject({ code: 'NAME_INVALID' })
  await board.append(1)
  await histories.delete('board')
  await expect(board.append(2)).rejects.toMatchObject({ code: 'HISTORY_UNKNOWN' })
  expect(await histories.list()).toEqual([])
  const again = await histories.open('board', { create: true })
  expect((await again.append('new')).version).toBe(1)
  await store.close()
})

test('History.values() gives what is before a lost version, and says which is lost only where it is asked for', async () => {
  const storage = memoryStorage()
  const store = await openStore({ storage })
  const history = await store.histories.open('board', { create: true })
  const ends: number[] = []
  for (let n = 1; n <= 9; n++) {
    await history.append({ n })
    ends.push((await history.stats()).storedBytes)
  }
  await store.close()
  const [file] = await storage.list('histories/board')
  const handle = await storage.openAppend(`histories/board/${file?.name}`)
  await handle.writeAt((ends[5] as number) - 1, new Uint8Array([0xff]))
  await handle.close()
  const again = await openStore({ storage })
  const damaged = await again.histories.open('board')
  const seen: unknown[] = []
  const all = (async () => {
    for await (const { value } of damaged.values('n')) seen.push(value)
  })()
  await expect(all).rejects.toMatchObject({ code: 'VERSION_DAMAGED', details: { versions: [6, 7, 8, 9] } })
  expect(seen).toEqual([1, 2, 3, 4, 5])
  expect((await collect(damaged.values('n', { from: 2, to: 6 }))).map(({ value }) => value)).toEqual([2, 3, 4, 5])
  expect((await damaged.append({ n: 10 })).isDelta).toBe(false)
  expect(await damaged.read()).toEqual({ n: 10 })
  await again.close()
})
