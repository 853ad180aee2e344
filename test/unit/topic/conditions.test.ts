/** Conditions, folds and decisions: what was decided on is what the log still says.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/store/open.ts'
import type { NewEvent } from '../../../src/topic/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { collect, event, openLog, outcome, Wire } from './support.ts'

const tagged = (entity: string, kind: string, ...tags: string[]): NewEvent => ({ kind, entity, data: null, tags })

describe('conditions', () => {
  test('Topic.append() is refused by an event that matches at or after `after`, and by no other', async () => {
    const { store, topic } = await openLog()
    await topic.append([tagged('a', 'Booked', 'room-1', 'day-1'), tagged('b', 'Booked', 'room-2'), tagged('c', 'Paid')])
    const cases: [object | object[], number, boolean][] = [
      [{ kinds: ['Booked'], tags: ['room-1', 'day-1'] }, 0, false],
      [{ kinds: ['Booked'], tags: ['room-1', 'day-1'] }, 1, true],
      [{ kinds: ['Booked'], tags: ['room-1', 'room-2'] }, 0, true],
      [{ kinds: ['Paid', 'Refunded'] }, 2, false],
      [{ kinds: ['Refunded'] }, 0, true],
      [{ tags: ['room-2'] }, 1, false],
      [{ tags: ['room-2'] }, 2, true],
      [{ entity: 'c' }, 2, false],
      [{ entity: 'c', kinds: ['Booked'] }, 0, true],
      [[{ entity: 'nobody' }, { kinds: ['Paid'] }], 0, false],
      [[{ entity: 'nobody' }, { tags: ['none'] }], 0, true],
    ]
    for (const [query, after, passes] of cases) {
      const { store: probe, topic: other } = await openLog()
      const booked = [tagged('a', 'Booked', 'room-1', 'day-1'), tagged('b', 'Booked', 'room-2')]
      await other.append([...booked, tagged('c', 'Paid')])
      const appended = other.append(event('x'), { condition: { query, after } })
      expect([query, after, await outcome(appended.then(() => true))]).toEqual([
        query,
        after,
        passes || 'CONDITION_FAILED',
      ])
      await probe.close()
    }
    await expect(
      topic.append(event('x'), { condition: { query: { kinds: ['Paid'] }, after: 1 } }),
    ).rejects.toMatchObject({ code: 'CONDITION_FAILED', details: { after: 1, offset: 2 } })
    await store.close()
  })

  test('Topic.append() looks past a large event in a sealed segment whose events mostly match', async () => {
    const { store, topic, wire } = await openLog({ topic: { segmentBytes: 1 << 20 } })
    await topic.append(Array.from({ length: 40 }, () => event('a')))
    for (let n = 0; n < 4; n++) await topic.append(event('b', 'x'.repeat(600_000), 'Large'))
    await store.close()
    const again = await openLog({ wire })
    const condition = { query: { kinds: ['Noted'] }, after: 40 }
    expect((await again.topic.append(event('c'), { condition })).firstOffset).toBe(44)
    expect(await outcome(again.topic.append(event('c'), { condition }))).toBe('CONDITION_FAILED')
    await again.store.close()
  })

  test('of 64 callers that found a room free one books it', async () => {
    const { store, topic } = await openLog()
    await topic.append(event('start'))
    const condition = { query: { kinds: ['Booked'], tags: ['room-1'] }, after: 1 }
    const booking = () => outcome(topic.append(tagged('g', 'Booked', 'room-1'), { condition }).then(() => 'booked'))
    const results = await Promise.all(Array.from({ length: 64 }, booking))
    expect(results.filter((result) => result === 'booked').length).toBe(1)
    expect(results.filter((result) => result === 'CONDITION_FAILED').length).toBe(63)
    expect((await collect(topic.read({ tag: 'room-1' }))).length).toBe(1)
    await store.close()
  })

  test('of two creators of an entity one wins, also in different groups', async () => {
    for (let round = 0; round < 20; round++) {
      const { store, topic } = await openLog()
      const create = () =>
        outcome(topic.append(event('a'), { expect: { entity: 'a', version: 'none' } }).then(() => 'created'))
      const results = await Promise.all([create(), topic.append(event('b')).then(create), create()])
      expect(results.filter((result) => result === 'created').length).toBe(1)
      await store.close()
    }
  })

  test('a condition looks into sealed segments, reopened or not, with runs or without', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire, topic: { segmentBytes: 1 << 20 } })
    for (let n = 0; n < 6; n++) {
      await topic.append({ ...tagged(`e${n}`, n === 1 ? 'Rare' : 'Often', `t${n}`), data: new Uint8Array(400_000) })
    }
    const check = async (target: typeof topic) => {
      for (const query of [{ kinds: ['Rare'] }, { tags: ['t1'] }, { entity: 'e1' }]) {
        const late = target.append(event('x'), { condition: { query, after: 1 } })
        expect(await outcome(late)).toBe('CONDITION_FAILED')
        await target.append(event('x'), { condition: { query, after: 2 } })
      }
    }
    await check(topic)
    await store.close()
    for (const options of [{}, { checkpoint: false }]) {
      const again = await openStore({ storage: wire.storage, clock: new ManualClock(), ...options })
      await check(await again.topics.open('orders'))
      await again.close()
    }
  })

  test('Topic.append() refuses conditions that it cannot hold', async () => {
    const { store, topic } = await openLog()
    await topic.append(event('a'))
    const bad: [unknown, string][] = [
      [{ query: {}, after: 0 }, 'OPTION_INVALID'],
      [{ query: [], after: 0 }, 'OPTION_INVALID'],
      [{ query: { kind: 'x' }, after: 0 }, 'OPTION_INVALID'],
      [{ query: { kinds: 'x' }, after: 0 }, 'OPTION_INVALID'],
      [{ query: { kinds: [''] }, after: 0 }, 'EVENT_INVALID'],
      [{ query: { entity: 'a' } }, 'OPTION_INVALID'],
      [{ query: { entity: 'a' }, after: -1 }, 'OPTION_INVALID'],
      [{ query: { entity: 'a' }, after: 2 }, 'OFFSET_OUT_OF_RANGE'],
      [null, 'OPTION_INVALID'],
    ]
    for (const [condition, code] of bad) {
      expect([condition, await outcome(topic.append(event('x'), { condition } as object))]).toEqual([condition, code])
    }
    await store.close()
    const many = await openLog({ topic: { partitions: 3 } })
    const blind = many.topic.append(event('a'), { condition: { query: { kinds: ['K'] }, after: 0 } })
    expect(await outcome(blind)).toBe('OPTION_INVALID')
    await many.topic.append(event('a'), { condition: { query: { entity: 'a' }, after: 0 } })
    await many.store.close()
  })
})

describe('folds and decisions', () => {
  const count = (sum: number, { data }: { data: unknown }) => sum + (data as number)

  test('Topic.fold() of pruned events gives their version, whatever is not durable yet', async () => {
    const { store, topic } = await openLog({ topic: { segmentBytes: 1 << 20 } })
    await topic.append(event('a'))
    for (let n = 0; n < 3; n++) await topic.append(event('b', new Uint8Array(700_000)))
    await topic.prune({ before: 3 })
    await topic.append(event('a'), { durability: 'buffered' })
    const reduce = (count: number) => count + 1
    expect(await topic.fold('a', reduce, 0)).toEqual({ state: 0, version: 1 })
    await store.checkpoint()
    expect(await topic.fold('a', reduce, 0)).toEqual({ state: 1, version: 5 })
    await store.close()
  })

  test('Topic.fold() gives the state and its version', async () => {
    const { store, topic } = await openLog()
    expect(await topic.fold('a', count, 0)).toEqual({ state: 0, version: 0 })
    await topic.append([event('a', 1), event('b', 10), event('a', 2)])
    expect(await topic.fold('a', count, 0)).toEqual({ state: 3, version: 3 })
    await store.close()
  })

  test('Topic.decide() of 64 callers counts every one', async () => {
    const { store, topic } = await openLog()
    const one = () => topic.decide('a', count, 0, (state) => event('a', state < 100 ? 1 : 0), { retries: 200 })
    await Promise.all(Array.from({ length: 64 }, one))
    expect((await topic.fold('a', count, 0)).state).toBe(64)
    await store.close()
  })

  test('Topic.decide() that decides nothing appends nothing; errors of the caller come out', async () => {
    const { store, topic } = await openLog()
    expect(await topic.decide('a', count, 5, () => [])).toEqual({ state: 5, version: 0 })
    const failing = topic.decide('a', count, 0, () => {
      throw new TypeError('no')
    })
    await expect(failing).rejects.toThrow('no')
    const { state, version, receipt } = await topic.decide('a', count, 0, async () => [event('a', 3)])
    expect([state, version, receipt?.firstOffset]).toEqual([3, 1, 0])
    await store.close()
  })

  test('Topic.decide() gives up after its retries', async () => {
    const { store, topic } = await openLog()
    let decisions = 0
    const meddle = topic.decide(
      'a',
      count,
      0,
      async () => {
        decisions++
        await topic.append(event('a', 1))
        return event('a', 1)
      },
      { retries: 2 },
    )
    expect(await outcome(meddle)).toBe('VERSION_CONFLICT')
    expect(decisions).toBe(3)
    await store.close()
  })
})

describe('after pruning', () => {
  test('a stale writer is refused: versions survive, and conditions need what is there', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire, topic: { segmentBytes: 1 << 20 } })
    const big = (entity: string) => event(entity, new Uint8Array(500_000))
    for (const entity of ['old', 'old', 'other', 'other', 'other', 'other']) await topic.append(big(entity))
    const before = await topic.version('old')
    await topic.prune({ before: 4 })
    const check = async (target: typeof topic) => {
      expect(await target.version('old')).toBe(before)
      expect((await target.fold('old', (n: number) => n + 1, 0)).version).toBe(before)
      for (const version of ['none', 1] as const) {
        const stale = target.append(event('old'), { expect: { entity: 'old', version } })
        expect(await outcome(stale)).toBe('VERSION_CONFLICT')
      }
      const blind = target.append(event('x'), { condition: { query: { entity: 'old' }, after: 1 } })
      expect(await outcome(blind)).toBe('OFFSET_PRUNED')
      expect(await outcome((async () => collect(target.read({ from: 0 })))())).toBe('OFFSET_PRUNED')
    }
    const pruned = await topic.stats()
    expect(pruned.partitions[0]?.logStartOffset).toBeGreaterThan(1)
    await check(topic)
    await store.close()
    const again = await openStore({ storage: wire.storage, clock: new ManualClock() })
    const reopened = await again.topics.open('orders')
    await check(reopened)
    await reopened.append(event('old'), { expect: { entity: 'old', version: before } })
    await again.close()
  })
})
