/** Clean-ups of histories as callers see them.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { type FoundVersion, type History, type HistoryOptions, openStore, type Store } from '../../../src/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)

const OPTIONS: HistoryOptions = {
  keyframeInterval: 8,
  tiers: {
    raw: { forMs: DAY },
    compressed: { forMs: 4 * DAY, everyMs: 6 * HOUR },
    archive: { forMs: 10 * DAY, everyMs: DAY },
  },
}

interface Place {
  readonly storage: ReturnType<typeof memoryStorage>
  readonly clock: ManualClock
}

async function withHistory(work: (history: History, store: Store, place: Place) => Promise<void>): Promise<void> {
  const place = { storage: memoryStorage(), clock: new ManualClock(START) }
  const store = await openStore(place)
  try {
    await work(await store.histories.open('board', { create: OPTIONS }), store, place)
  } finally {
    await store.close()
  }
}

const boardAt = (hour: number) => ({
  hour,
  cells: Array.from({ length: 40 }, (_, at) => (at === hour % 40 ? hour : at)),
})

/** A version each hour. */
async function appendHours(history: History, hours: { from: number; to: number }): Promise<void> {
  for (let hour = hours.from; hour < hours.to; hour++)
    await history.append(boardAt(hour), { at: START + hour * HOUR, label: `h${hour}`, offset: hour })
}

async function numbers(history: History): Promise<number[]> {
  const found: number[] = []
  for await (const { version } of history.index()) found.push(version)
  return found
}

test('History.cleanup() keeps what the tiers say, says so before, and what is kept reads as it was', () =>
  withHistory(async (history, _store, { clock }) => {
    await appendHours(history, { from: 0, to: 72 })
    clock.setWall(START + 71 * HOUR)
    await history.pin({ version: 3 })
    const preview = await history.cleanup({ dryRun: true })
    expect((await history.stats()).count).toBe(72)
    const report = await history.cleanup()
    expect({ ...preview, dryRun: false }).toEqual(report)
    expect(report).toMatchObject({ versions: 72, kept: 34, tiers: { raw: 25, compressed: 9, archive: 0 } })
    expect(report.freedBytes).toBe(report.storedBytesBefore - report.storedBytes)
    const left = await numbers(history)
    expect(left.slice(0, 4)).toEqual([3, 6, 12, 18])
    for (const version of left) expect(await history.read({ version, check: true })).toEqual(boardAt(version - 1))
    const stats = await history.stats()
    expect(stats).toMatchObject({ count: 34, newestVersion: 72, oldestVersion: 3, storedBytes: report.storedBytes })
    expect(await history.verify()).toMatchObject({ ok: true, versionsChecked: 34 })
    await expect(history.read({ version: 7 })).rejects.toMatchObject({ code: 'VERSION_GONE' })
    expect((await history.find({ time: START + 6.5 * HOUR })).version).toBe(6)
    expect((await history.find({ label: 'h11' })).version).toBe(12)
    expect((await history.find({ offset: 16 })).version).toBe(12)
  }))

test('History.cleanup() lets appends go on, also after a restart', () =>
  withHistory(async (history, store, place) => {
    await appendHours(history, { from: 0, to: 40 })
    place.clock.setWall(START + 39 * HOUR)
    const [report] = await Promise.all([history.cleanup(), history.append(boardAt(40), { at: START + 40 * HOUR })])
    expect(report.versions - report.kept).toBe(report.removed.length)
    await appendHours(history, { from: 41, to: 44 })
    const before = await numbers(history)
    await store.close()
    const again = await openStore(place)
    const opened = await again.histories.open('board')
    expect(await numbers(opened)).toEqual(before)
    await appendHours(opened, { from: 44, to: 46 })
    for (const version of await numbers(opened))
      expect(await opened.read({ version, check: true })).toEqual(boardAt(version - 1))
    expect((await again.verify()).ok).toBe(true)
    await again.close()
  }))

test('History.cleanup() leaves nothing but pinned and newest versions in the end, and no files of others', () =>
  withHistory(async (history, store, { storage }) => {
    await appendHours(history, { from: 0, to: 30 })
    await history.pin({ version: 10 })
    const report = await history.cleanup({ now: START + 1_000 * DAY })
    expect(report.kept).toBe(2)
    expect(await numbers(history)).toEqual([10, 30])
    const { groups } = await history.stats()
    await store.close()
    expect(await storage.list('histories/board')).toHaveLength(groups)
  }))

test('History.query() goes on over a clean-up in between', () =>
  withHistory(async (history) => {
    await appendHours(history, { from: 0, to: 60 })
    const found: FoundVersion[] = []
    for await (const version of history.query()) {
      found.push(version)
      if (version.version === 20) await history.cleanup({ now: START + 59 * HOUR })
    }
    const versions = found.map(({ version }) => version)
    expect(versions.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
    expect(versions.at(-1)).toBe(60)
    for (const { version, value } of found) expect(value).toEqual(boardAt(version - 1))
  }))

test('History.cleanup() sums metrics up, which queries find by their name', () =>
  withHistory(async (history) => {
    for (let hour = 0; hour < 48; hour++) {
      const cpu = { timestamps: [BigInt(hour), BigInt(hour) + 1n], values: [hour, Number.NaN] }
      await history.appendMetrics({ metadata: { hour }, metrics: { cpu } }, { at: START + hour * HOUR })
    }
    const report = await history.cleanup({ now: START + 47 * HOUR })
    expect(report.rolledUp).toBe(23)
    const found: FoundVersion[] = []
    for await (const version of history.query({ metric: 'cpu', tier: 'compressed' })) found.push(version)
    expect(found[0]).toMatchObject({ version: 6, kind: 'rollup', metadata: { hour: 5 } })
    expect(found[0]?.value).toEqual({ rollup: { cpu: { min: 0, max: 5, mean: 2.5, count: 6, last: 5 } } })
    expect(found.length).toBe(4)
    expect((await history.verify()).ok).toBe(true)
  }))

test('History.cleanup() keeps what a clock that jumped back finds', () =>
  withHistory(async (history, _store, { clock }) => {
    await appendHours(history, { from: 0, to: 40 })
    clock.setWall(START + 39 * HOUR)
    await history.cleanup()
    const before = await numbers(history)
    clock.setWall(START)
    expect(await history.cleanup()).toMatchObject({ removed: [], groupsRewritten: 0 })
    expect(await numbers(history)).toEqual(before)
  }))

test('History.append() after two clean-ups refuses an offset below that of a version that went in the first', () =>
  withHistory(async (history, _store, { clock }) => {
    await appendHours(history, { from: 0, to: 3 })
    for (const day of [30, 31, 60]) {
      await history.append(`day ${day}`, { at: START + day * DAY })
      if (day === 31) continue
      clock.setWall(START + day * DAY)
      await history.cleanup()
    }
    await expect(history.append('back', { offset: 1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await history.append('between', { at: START + 60 * DAY })
    clock.setWall(START + 90 * DAY)
    await history.cleanup()
    expect(await numbers(history)).toEqual([7])
    await expect(history.append('back', { offset: 1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await history.append('on', { offset: 2 })
  }))

test('History.append() after a clean-up refuses an offset below that of a version that went', () =>
  withHistory(async (history, _store, { clock }) => {
    await appendHours(history, { from: 0, to: 3 })
    await history.append('says nothing of the log', { at: START + 3 * HOUR })
    clock.setWall(START + 30 * DAY)
    await history.cleanup()
    expect(await numbers(history)).toEqual([4])
    await expect(history.append('back', { offset: 1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await history.append('on', { offset: 2 })
  }))

test('History.cleanup() says what it would do beside appends, which do not wait for it', () =>
  withHistory(async (history, _, { clock }) => {
    await appendHours(history, { from: 0, to: 96 })
    clock.setWall(START + 8 * DAY)
    const order: string[] = []
    const preview = history.cleanup({ dryRun: true }).then((report) => {
      order.push('preview')
      return report
    })
    await history.append(boardAt(96), { at: START + 97 * HOUR })
    order.push('append')
    const report = await preview
    expect(order).toEqual(['append', 'preview'])
    expect(report).toMatchObject({ dryRun: true, versions: 96 })
    expect((await history.stats()).count).toBe(97)
    const again = await history.cleanup({ dryRun: true })
    const { kept, freedBytes } = await history.cleanup()
    expect({ kept, freedBytes }).toEqual({ kept: again.kept, freedBytes: again.freedBytes })
  }))

test('History.append() never takes a lower offset, whatever went since', async () => {
  const place = { storage: memoryStorage(), clock: new ManualClock(START) }
  let store = await openStore(place)
  const tiers = { raw: { forMs: 0 }, compressed: { forMs: 0 }, archive: { forMs: 0 } }
  let history = await store.histories.open('board', { create: { keyframeInterval: 1, tiers } })
  await history.append('a', { offset: 9 })
  for (let round = 0; round < 4; round++) {
    await place.clock.advance(10)
    await history.append(`b${round}`)
    await history.cleanup()
    if (round === 1) {
      await store.close()
      store = await openStore(place)
      history = await store.histories.open('board')
    }
  }
  expect((await history.stats()).count).toBe(1)
  await expect(history.append('c', { offset: 8 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  expect((await history.append('c', { offset: 9 })).version).toBe(6)
  await store.close()
})
