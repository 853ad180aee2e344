/** Idempotency keys: at most once, whatever happened to the first call, and never another call's receipt.
 * @module */
import { describe, expect, test } from 'vitest'
import { openStore } from '../../../src/store/open.ts'
import type { Receipt } from '../../../src/topic/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { collect, event, Gate, openLog, outcome, Wire } from './support.ts'

const plain = (receipt: Receipt) => JSON.parse(JSON.stringify(receipt))

describe('idempotency keys', () => {
  test('Topic.append() with a key again gives the first receipt and appends nothing', async () => {
    const { store, topic } = await openLog()
    const first = await topic.append([event('a', 1), event('b', 2)], { idempotencyKey: 'k' })
    await topic.append(event('a', 3))
    const again = await topic.append([event('a', 1), event('b', 2)], { idempotencyKey: 'k' })
    expect(plain(again)).toEqual({ ...plain(first), replayed: true })
    expect([first.replayed, again.replayed]).toEqual([false, true])
    expect(first.idempotency).toEqual({ key: 'k', until: first.recordedAt + 86_400_000, windowKeys: 1_000_000 })
    expect((await collect(topic.read())).length).toBe(3)
    await store.close()
  })

  test('Topic.append() with a key of other events is refused, however little they differ', async () => {
    const { store, topic } = await openLog()
    const given = { ...event('a', { x: [1, { y: 2 }] }), tags: ['t'], scope: 's', meta: { m: 1 } }
    await topic.append(given, { idempotencyKey: 'k' })
    const others = [
      { ...given, data: { x: [1, { y: 3 }] } },
      { ...given, data: { x: [1] } },
      { ...given, entity: 'b' },
      { ...given, kind: 'Other' },
      { ...given, tags: ['t', 'u'] },
      { ...given, meta: { m: 2 } },
      { ...given, id: 'mine' },
      { ...given, at: 5 },
      [given, given],
    ]
    for (const other of others) {
      await expect(topic.append(other, { idempotencyKey: 'k' })).rejects.toMatchObject({
        code: 'KEY_REUSED',
        details: { idempotencyKey: 'k', offset: 0 },
      })
    }
    // The order of keys of an object is no difference, nor is a time that nobody gave.
    const same = { ...given, data: { x: [1, { y: 2 }] } }
    expect((await topic.append(same, { idempotencyKey: 'k' })).replayed).toBe(true)
    await store.close()
  })

  test('Topic.append() of the same key by 64 at once appends once', async () => {
    const { store, topic } = await openLog()
    const calls = Array.from({ length: 64 }, () => topic.append(event('a', 1), { idempotencyKey: 'k' }))
    const receipts = await Promise.all(calls)
    expect(receipts.filter(({ replayed }) => !replayed).length).toBe(1)
    expect(new Set(receipts.map(({ firstOffset }) => firstOffset))).toEqual(new Set([0]))
    expect((await collect(topic.read())).length).toBe(1)
    await store.close()
  })

  test('Topic.append() of a keyed call with an expectation can be repeated', async () => {
    const { store, topic } = await openLog()
    const options = { idempotencyKey: 'k', expect: { entity: 'a', version: 'none' } } as const
    const first = await topic.append(event('a', 1), options)
    await topic.append(event('a', 2))
    const again = await topic.append(event('a', 1), options)
    expect([again.replayed, again.firstOffset]).toEqual([true, first.firstOffset])
    const condition = { query: { entity: 'a' }, after: 2 }
    await topic.append(event('a', 3), { idempotencyKey: 'c', condition })
    expect((await topic.append(event('a', 3), { idempotencyKey: 'c', condition })).replayed).toBe(true)
    await store.close()
  })

  test('Topic.append() of a large keyed call again is answered when a small batch comes before it', async () => {
    const { store, topic } = await openLog()
    await topic.append(event('a'))
    const large = event('a', 'x'.repeat(600_000))
    const first = await topic.append(large, { idempotencyKey: 'k' })
    const again = await topic.append(large, { idempotencyKey: 'k' })
    expect(plain(again)).toEqual({ ...plain(first), replayed: true })
    await store.close()
  })

  test('a call that was refused leaves its key free', async () => {
    const { store, topic } = await openLog()
    await topic.append(event('a', 0))
    const refused = topic.append(event('a', 1), { idempotencyKey: 'k', expect: { entity: 'a', version: 'none' } })
    expect(await outcome(refused)).toBe('VERSION_CONFLICT')
    expect((await topic.append(event('a', 1), { idempotencyKey: 'k' })).replayed).toBe(false)
    await store.close()
  })

  test('a key in flight is joined: the second call waits for the first', async () => {
    const { store, topic, wire } = await openLog()
    const gate = new Gate()
    wire.before = ({ op, path }) => (op === 'sync' && path.endsWith('.log') ? gate.passed : undefined)
    const first = topic.append(event('a', 1), { idempotencyKey: 'k' })
    const second = topic.append(event('a', 1), { idempotencyKey: 'k' })
    const other = topic.append(event('a', 2), { idempotencyKey: 'k' })
    other.catch(() => undefined)
    gate.open()
    expect([(await first).replayed, (await second).replayed, await outcome(other)]).toEqual([false, true, 'KEY_REUSED'])
    await store.close()
  })

  test('Topic.append() keeps the values of others apart after a call joined one in flight', async () => {
    const { store, topic } = await openLog()
    for (let round = 0; round < 4; round++) {
      const same = () => topic.append(event('a', round), { idempotencyKey: `k${round}` })
      await Promise.all([same(), same(), topic.append(event('a', 'x'))])
      const texts = ['one', 'two', 'three', 'four']
      const receipts = await Promise.all(texts.map((text) => topic.append(event('b', `${text} ${round}`))))
      const found = await Promise.all(receipts.map(({ firstOffset }) => topic.get(firstOffset)))
      expect(found.map((one) => one?.data)).toEqual(texts.map((text) => `${text} ${round}`))
    }
    await store.close()
  })

  test('a key of a buffered call is known before it is synced', async () => {
    const { store, topic } = await openLog()
    const options = { idempotencyKey: 'k', durability: 'buffered' } as const
    expect((await topic.append(event('a', 1), options)).replayed).toBe(false)
    expect((await topic.append(event('a', 1), options)).replayed).toBe(true)
    expect((await collect(topic.read())).length).toBe(1)
    await store.close()
  })

  test('keys are known after reopening, with and without checkpoint and runs', async () => {
    const wire = new Wire()
    const { store, topic } = await openLog({ wire, topic: { segmentBytes: 1 << 20 } })
    for (let n = 0; n < 6; n++) await topic.append(event('a', new Uint8Array(300_000)), { idempotencyKey: `k${n}` })
    await store.close()
    for (const options of [{}, { checkpoint: false }]) {
      const again = await openStore({ storage: wire.storage, clock: new ManualClock(), ...options })
      const reopened = await again.topics.open('orders')
      for (let n = 0; n < 6; n++) {
        const repeated = await reopened.append(event('a', new Uint8Array(300_000)), { idempotencyKey: `k${n}` })
        expect([repeated.replayed, repeated.firstOffset]).toEqual([true, n])
      }
      await again.close()
    }
  })

  test('a key is forgotten when its window has passed', async () => {
    const { store, topic, clock } = await openLog({ topic: { idempotency: { windowMs: 1_000 } } })
    await topic.append(event('a', 1), { idempotencyKey: 'k' })
    await clock.advance(999)
    expect((await topic.append(event('a', 1), { idempotencyKey: 'k' })).replayed).toBe(true)
    await clock.advance(1)
    expect((await topic.append(event('a', 2), { idempotencyKey: 'k' })).replayed).toBe(false)
    // The two calls lie side by side, and only the second one counts.
    expect((await topic.append(event('a', 2), { idempotencyKey: 'k' })).firstOffset).toBe(1)
    await store.close()
  })

  test('a key is remembered for at least so many newer ones', async () => {
    const { store, topic } = await openLog({ topic: { segmentBytes: 1 << 20, idempotency: { windowKeys: 3 } } })
    const big = (n: number) => event('a', new Uint8Array(600_000).fill(n))
    for (let n = 0; n < 3; n++) await topic.append(big(n), { idempotencyKey: `k${n}` })
    expect((await topic.append(big(0), { idempotencyKey: 'k0' })).replayed).toBe(true)
    for (let n = 3; n < 6; n++) await topic.append(big(n), { idempotencyKey: `k${n}` })
    expect((await topic.append(big(0), { idempotencyKey: 'k0' })).replayed).toBe(false)
    expect((await topic.append(big(5), { idempotencyKey: 'k5' })).replayed).toBe(true)
    await store.close()
  })

  test('a key belongs to the topic, whatever the partition', async () => {
    const { store, topic } = await openLog({ topic: { partitions: 4 } })
    const entities = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const calls = entities.map((entity) => outcome(topic.append(event(entity, 1), { idempotencyKey: 'k' })))
    const codes = (await Promise.all(calls)).map((result) => (typeof result === 'string' ? result : 'appended'))
    expect(codes.filter((code) => code === 'appended').length).toBe(1)
    expect(codes.filter((code) => code === 'KEY_REUSED').length).toBe(7)
    await store.close()
  })

  test('Topic.read() finds the events of a key, of calls of any size, in every place', async () => {
    const { store, topic, wire } = await openLog({ topic: { segmentBytes: 1 << 20 } })
    for (const [key, count] of [
      ['one', 1],
      ['many', 900],
      ['few', 3],
    ] as const) {
      const events = Array.from({ length: count }, (_, n) => event(`e${n}`, new Uint8Array(1_000)))
      await topic.append(events, { idempotencyKey: key })
      await topic.append(event('between'))
    }
    const counts = async (target: typeof topic) => {
      const found = []
      for (const key of ['one', 'many', 'few', 'none']) {
        found.push((await collect(target.read({ idempotencyKey: key }))).length)
      }
      return found
    }
    expect(await counts(topic)).toEqual([1, 900, 3, 0])
    await store.close()
    const again = await openStore({ storage: wire.storage, clock: new ManualClock() })
    const reopened = await again.topics.open('orders')
    expect(await counts(reopened)).toEqual([1, 900, 3, 0])
    const events = Array.from({ length: 900 }, (_, n) => event(`e${n}`, new Uint8Array(1_000)))
    const repeated = await reopened.append(events, { idempotencyKey: 'many' })
    expect([repeated.replayed, repeated.firstOffset, repeated.endOffset]).toEqual([true, 2, 902])
    await again.close()
  })

  test('keys are checked as names are', async () => {
    const { store, topic } = await openLog()
    for (const idempotencyKey of ['', 'x'.repeat(257), 5 as unknown as string, '\ud800']) {
      expect(await outcome(topic.append(event('a'), { idempotencyKey }))).toBe('EVENT_INVALID')
    }
    await store.close()
  })
})
