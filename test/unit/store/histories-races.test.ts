/** Histories while something else happens to them.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore, type Store } from '../../../src/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const START = Date.UTC(2026, 0, 1)

async function withStore(work: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore({ storage: memoryStorage(), clock: new ManualClock(START) })
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

test('History.append() stores what it was given when its toJSON appends before it', () =>
  withStore(async (store) => {
    const history = await store.histories.open('board', { create: true })
    await history.append({ list: [1, 2, 3], count: 0 })
    let inner: Promise<unknown> | undefined
    const counted = {
      toJSON: () => {
        inner ??= history.append({ list: [9, 8, 7, 6], other: true, count: 0 })
        return 5
      },
    }
    const receipt = await history.append({ list: [1, 2, 3, 4], count: counted })
    await inner
    expect(receipt.version).toBe(3)
    expect(await history.read({ version: 2 })).toEqual({ list: [9, 8, 7, 6], other: true, count: 0 })
    expect(await history.read({ version: 3 })).toEqual({ list: [1, 2, 3, 4], count: 5 })
  }))

test('Histories.delete() ends a history also when another one with its name is made in the same millisecond', () =>
  withStore(async (store) => {
    const before = await store.histories.open('board', { create: true })
    await before.append({ of: 'before' })
    await store.histories.delete('board')
    const after = await store.histories.open('board', { create: true })
    const old = expect(before.append({ of: 'before' })).rejects.toMatchObject({ code: 'HISTORY_UNKNOWN' })
    const receipts = await Promise.all([after.append({ of: 'after' }), after.append({ of: 'after', at: 2 })])
    await old
    await expect(before.read()).rejects.toMatchObject({ code: 'HISTORY_UNKNOWN' })
    expect(receipts.map(({ version }) => version)).toEqual([1, 2])
    expect(await after.read({ version: 1 })).toEqual({ of: 'after' })
  }))

test('History.verify() finds nothing wrong when a clean-up replaces what it has not seen yet', () =>
  withStore(async (store) => {
    const tiers = { raw: { forMs: 1_000 }, compressed: { forMs: null, everyMs: 20 }, archive: { forMs: null } }
    const history = await store.histories.open('board', { create: { keyframeInterval: 10, tiers } })
    for (let at = 0; at < 100; at++) await history.append({ at, text: 'x'.repeat(50) }, { at })
    const [report, cleaned] = await Promise.all([history.verify(), history.cleanup({ now: START })])
    expect(cleaned.kept).toBe(5)
    expect(report).toMatchObject({ ok: true, damaged: [], problems: [] })
  }))

test.each([Number.NaN, -1, 1.5, 'now'])('History.cleanup() removes nothing when `now` is %s', (now) =>
  withStore(async (store) => {
    const history = await store.histories.open('board', { create: true })
    for (let count = 0; count < 5; count++) await history.append({ count })
    const cleaned = history.cleanup({ now: now as number })
    await expect(cleaned).rejects.toMatchObject({ code: 'OPTION_INVALID', details: { option: 'now' } })
    expect((await history.stats()).count).toBe(5)
  }),
)
