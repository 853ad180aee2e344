/** Data of older schema versions as programs read it that know a newer one, over sealed segments and the active one.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { openStore } from '../../../src/store/open.ts'
import type { Store } from '../../../src/store/types.ts'
import type { NewEvent, StoredEvent, Topic, Upcast } from '../../../src/topic/types.ts'
import { createApp } from '../../../web/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { collect, openLog, outcome, random } from './support.ts'

interface Order {
  amount: number
}

/** Three versions: an amount in euros, one in cents with its currency, and that as an object. Steps note their kind. */
const STEPS: Upcast['from'] = {
  1: ({ amount }: Order) => ({ cents: amount * 100, currency: 'EUR' }),
  2: ({ cents, currency }: { cents: number; currency: string }, event) => ({
    total: { cents, currency, of: event.kind },
  }),
}
const PLACED: Upcast = { version: 3, from: STEPS }

/** Events of versions 1 (without and with its number), 2 and 3, and one of a kind that nothing is known of. */
function older(n: number): NewEvent {
  const common = {
    kind: 'Placed',
    entity: `order-${n % 3}`,
    at: n,
    tags: ['t'],
    causationId: `id-${n - 1}`,
    id: `id-${n}`,
  }
  if (n % 5 === 0) return { ...common, data: { amount: n } }
  if (n % 5 === 1) return { ...common, data: { amount: n }, schemaVersion: 1 }
  if (n % 5 === 2) return { ...common, data: { cents: n * 100, currency: 'EUR' }, schemaVersion: 2 }
  if (n % 5 === 3) return { ...common, data: current(n), schemaVersion: 3 }
  return { ...common, kind: 'Other', data: { amount: n } }
}

const current = (n: number) => ({ total: { cents: n * 100, currency: 'EUR', of: 'Placed' } })
const COUNT = 120

/** An event as the program that knows version 3 sees it. */
function known(event: StoredEvent): StoredEvent {
  return event.kind === 'Other' ? event : { ...event, data: current(event.at), schemaVersion: 3 }
}

interface Filled {
  readonly storage: Storage
  readonly store: Store
  readonly topic: Topic
  /** As they were appended. */
  readonly stored: StoredEvent[]
}

/** Older events in sealed segments and an active one, and the topic opened again with upcasts. */
async function filled(upcasts: Record<string, Upcast>): Promise<Filled> {
  const place = { storage: memoryStorage(), clock: new ManualClock(), random }
  await createSmallTopic(place, { name: 'orders', partitions: 1, segmentBytes: 1_500, chain: 'events' })
  const first = await openStore(place)
  const before = await first.topics.open('orders')
  for (let n = 0; n < COUNT; n += 4) await before.append([n, n + 1, n + 2, n + 3].map(older))
  const stored = await collect(before.read())
  expect(before.stats().partitions[0]?.segments).toBeGreaterThan(3)
  await first.close()
  const store = await openStore(place)
  return { storage: place.storage, store, topic: await store.topics.open('orders', { upcasts }), stored }
}

/** What an error says besides its message. */
async function refusal(work: Promise<unknown>): Promise<object> {
  return work.then(
    () => ({ code: 'none' }),
    ({ code, details }: { code: string; details: object }) => ({ code, details }),
  )
}

describe('upcasts', () => {
  test('every way to read gives the data of the known version, with its number', async () => {
    const { store, topic, stored } = await filled({ Placed: PLACED })
    const wanted = stored.map(known)
    expect(wanted).not.toEqual(stored)
    expect(await collect(topic.read())).toEqual(wanted)
    expect(await collect(topic.read({ direction: 'backward' }))).toEqual(wanted.toReversed())
    expect((await collect(topic.read().batches())).flat()).toEqual(wanted)
    expect(await collect(topic.read({ entity: 'order-1' }))).toEqual(wanted.filter(({ at }) => at % 3 === 1))
    expect((await topic.page({ limit: 50 })).items).toEqual(wanted.slice(0, 50))
    for (const { offset } of stored) expect(await topic.get(offset)).toEqual(wanted[offset])
    expect(await topic.last(7)).toEqual(wanted.slice(-7))
    const tail = topic.tail({ from: 'start' }).batches()[Symbol.asyncIterator]()
    const tailed: StoredEvent[] = []
    while (tailed.length < COUNT) tailed.push(...((await tail.next()).value as StoredEvent[]))
    await tail.return?.()
    expect(tailed).toEqual(wanted)
    const folded = await topic.fold('order-2', (sum: number, event) => sum + (event.data.total?.cents ?? 0), 0)
    const cents = wanted.filter(({ at, kind }) => at % 3 === 2 && kind === 'Placed').map(({ at }) => at * 100)
    expect(folded).toEqual({ state: cents.reduce((a, b) => a + b, 0), version: COUNT })
    expect(await topic.causes('id-60', { limit: 9 })).toEqual(wanted.slice(51, 60).reverse())
    expect(await topic.effects('id-60', { limit: 9 })).toEqual(wanted.slice(61, 70))
    await store.close()
  })

  test('raw() decodes to the known version, however often, and its envelope is the stored one', async () => {
    const counting = { ...PLACED, from: { ...STEPS, 1: (data: Order & { cents?: number }) => changedInPlace(data) } }
    const { store, topic, stored } = await filled({ Placed: counting as Upcast })
    const raw = (await collect(topic.read({ tag: 't' }).raw())).flat()
    expect(raw.map(({ schemaVersion }) => schemaVersion)).toEqual(stored.map(({ schemaVersion }) => schemaVersion))
    for (let times = 0; times < 2; times++) expect(raw.map((event) => event.decode())).toEqual(stored.map(known))
    await store.close()
  })

  test('the log stays as it is: proofs and programs without upcasts have the event as it was appended', async () => {
    const { storage, store, topic, stored } = await filled({ Placed: PLACED })
    for (const offset of [0, 1, 2, COUNT - 1]) expect((await topic.proof(offset))?.event).toEqual(stored[offset])
    expect(await topic.get(0)).toEqual(known(stored[0] as StoredEvent))
    expect(await store.verify()).toMatchObject({ ok: true })
    await store.close()
    const again = await openStore({ storage, readOnly: true })
    expect(await collect((await again.topics.open('orders')).read())).toEqual(stored)
    await again.close()
  })

  test('events that are appended are given the known version; older ones and other kinds are kept as they are', async () => {
    const { store, topic } = await openLog()
    await store.topics.open('orders', { upcasts: { Placed: PLACED } })
    const events = [
      { kind: 'Placed', entity: 'e', data: current(1) },
      { kind: 'Placed', entity: 'e', data: { amount: 1 }, schemaVersion: 1 },
      { kind: 'Placed', entity: 'e', data: current(1), schemaVersion: 3 },
      { kind: 'Other', entity: 'e', data: 1 },
      { kind: 'Other', entity: 'e', data: 1, schemaVersion: 9 },
    ]
    await topic.append(events)
    const raw = (await collect(topic.read().raw())).flat()
    expect(raw.map(({ schemaVersion }) => schemaVersion)).toEqual([3, 1, 3, undefined, 9])
    const read = await collect(topic.read())
    expect(read.map(({ schemaVersion }) => schemaVersion)).toEqual([3, 3, 3, undefined, 9])
    expect(read.slice(0, 3).map(({ data }) => data)).toEqual(Array(3).fill(current(1)))
    expect('schemaVersion' in (read[3] as StoredEvent)).toBe(false)
    await store.close()
  })

  test('a newer version than is known is SCHEMA_NEWER, wherever it is met', async () => {
    const { store, topic } = await openLog({ topic: { chain: 'events' } })
    await topic.append([
      { kind: 'Placed', entity: 'a', data: { amount: 1 } },
      { kind: 'Placed', entity: 'b', data: 'from the future', schemaVersion: 4, id: 'new', causationId: 'old' },
    ])
    await store.topics.open('orders', { upcasts: { Placed: PLACED } })
    const details = { topic: 'orders', kind: 'Placed', found: 4, known: 3 }
    const newer = { code: 'SCHEMA_NEWER', details: { ...details, offset: 1 } }
    const reads: (() => Promise<unknown>)[] = [
      () => collect(topic.read()),
      () => collect(topic.read({ direction: 'backward' }).batches()),
      () => topic.page({ entity: 'b' }),
      () => topic.get(1),
      () => topic.last(1),
      () => topic.tail({ from: 'start' })[Symbol.asyncIterator]().next(),
      () => topic.fold('b', (count: number) => count + 1, 0),
      () =>
        topic.decide(
          'b',
          (count: number) => count + 1,
          0,
          () => [],
        ),
      () => topic.causes('new'),
      () => topic.effects('old'),
      async () => (await collect(topic.read().raw())).flat().map((event) => event.decode()),
    ]
    for (const [number, read] of reads.entries()) expect([number, await refusal(read())]).toEqual([number, newer])
    expect((await collect(topic.read().raw())).flat().map(({ kind }) => kind)).toEqual(['Placed', 'Placed'])
    expect(await topic.get(0)).toMatchObject({ data: current(1) })
    expect(await collect(topic.read({ entity: 'a' }))).toHaveLength(1)
    expect(await topic.version('b')).toBe(2)
    expect((await topic.proof(1))?.event.data).toBe('from the future')

    const appended = topic.append([
      { kind: 'Placed', entity: 'a', data: 1 },
      { kind: 'Placed', entity: 'a', data: 1, schemaVersion: 4 },
    ])
    expect(await refusal(appended)).toEqual({ code: 'SCHEMA_NEWER', details })
    expect(topic.stats().events).toBe(2)
    await store.close()
  })

  test('a step that answers later is UPCAST_FAILED, not a promise as data', async () => {
    const { store, topic } = await openLog()
    await topic.append({ kind: 'Placed', entity: 'a', data: { amount: 1 } })
    const later = { version: 2, from: { 1: async () => ({ cents: 100 }) } } as Upcast
    await store.topics.open('orders', { upcasts: { Placed: later } })
    expect((await refusal(topic.get(0))) as object).toMatchObject({ code: 'UPCAST_FAILED' })
    await store.close()
  })

  test('a step that throws is UPCAST_FAILED with what it threw, and its event is read without it', async () => {
    const { store, topic } = await openLog()
    const thrown = new TypeError('No amount')
    const fails = (data: Order) => {
      if (data.amount === 2) {
        // What it changed before must not be met again.
        data.amount = 4
        throw thrown
      }
      return { cents: data.amount * 100, currency: 'EUR' }
    }
    await topic.append([1, 2, 3].map((amount) => ({ kind: 'Placed', entity: `e-${amount}`, data: { amount } })))
    await topic.append({ kind: 'Placed', entity: 'zero', data: { amount: 9 }, schemaVersion: 0 })
    await store.topics.open('orders', { upcasts: { Placed: { version: 3, from: { ...STEPS, 1: fails } } as Upcast } })
    const details = { topic: 'orders', kind: 'Placed', offset: 1, schemaVersion: 1 }
    for (const read of [() => collect(topic.read()), () => topic.get(1), () => topic.page({ entity: 'e-2' })]) {
      const failed = await read().catch((error: unknown) => error)
      expect(failed).toMatchObject({ code: 'UPCAST_FAILED', kind: 'internal', details })
      expect((failed as Error).cause).toBe(thrown)
    }
    expect((await topic.get(2))?.data).toEqual(current(3))
    const [, raw] = (await collect(topic.read().raw())).flat()
    for (let times = 0; times < 2; times++) expect(() => raw?.decode()).toThrow(expect.objectContaining({ details }))
    // Nothing is known of version 0 here, so its data is not made up.
    expect(await refusal(topic.get(3))).toMatchObject({
      code: 'UPCAST_FAILED',
      details: { offset: 3, schemaVersion: 0 },
    })
    await store.topics.open('orders', { upcasts: { Placed: { version: 1, from: { 0: (data) => [data] } } } })
    expect(await topic.get(3)).toMatchObject({ data: [{ amount: 9 }], schemaVersion: 1 })
    expect(await topic.get(1)).toMatchObject({ data: { amount: 2 }, schemaVersion: 1 })
    await store.close()
  })

  test.each<[string, unknown, string]>([
    ['a version of 0', { version: 0, from: {} }, 'upcasts.Placed.version'],
    ['half a version', { version: 1.5, from: { 1: () => 0 } }, 'upcasts.Placed.version'],
    ['a version beyond 32 bits', { version: 2 ** 32, from: {} }, 'upcasts.Placed.version'],
    ['a version as text', { version: '2', from: { 1: () => 0 } }, 'upcasts.Placed.version'],
    ['a missing first step', { version: 3, from: { 2: () => 0 } }, 'upcasts.Placed.from'],
    ['a missing last step', { version: 3, from: { 1: () => 0 } }, 'upcasts.Placed.from'],
    ['a step that is no function', { version: 2, from: { 1: 'up' } }, 'upcasts.Placed.from'],
    ['no steps at all', { version: 2 }, 'upcasts.Placed.from'],
  ])('Topics.open() refuses %s', async (_, upcast, option) => {
    const { store } = await openLog()
    const opened = store.topics.open('orders', { upcasts: { Placed: upcast as Upcast } })
    expect(await refusal(opened)).toMatchObject({ code: 'OPTION_INVALID', details: { option } })
    await store.close()
  })

  test('version 1 needs no step', async () => {
    const { store, topic } = await openLog()
    await topic.append({ kind: 'Placed', entity: 'e', data: 1 })
    await store.topics.open('orders', { upcasts: { Placed: { version: 1, from: {} } } })
    expect(await topic.get(0)).toMatchObject({ data: 1, schemaVersion: 1 })
    expect(await outcome(topic.append({ kind: 'Placed', entity: 'e', data: 1, schemaVersion: 2 }))).toBe('SCHEMA_NEWER')
    await store.close()
  })

  test('the API gives data of the known version, and says why it cannot', async () => {
    const { store, topic } = await openLog()
    await topic.append({ kind: 'Placed', entity: 'a', data: { amount: 1 } })
    await topic.append({ kind: 'Placed', entity: 'b', data: 1, schemaVersion: 4 })
    await topic.append({ kind: 'Broken', entity: 'c', data: 1 })
    const fails = () => {
      throw new Error('secret')
    }
    await store.topics.open('orders', { upcasts: { Placed: PLACED, Broken: { version: 2, from: { 1: fails } } } })
    const app = createApp(store, { access: () => 'admin' })
    const get = async (offset: number) => {
      const answer = await app.request(`/api/topics/orders/events/${offset}`)
      return { status: answer.status, body: await answer.json() }
    }
    expect(await get(0)).toMatchObject({ status: 200, body: { data: current(1), schemaVersion: 3 } })
    expect(await get(1)).toMatchObject({ status: 501, body: { code: 'SCHEMA_NEWER' } })
    const failed = await get(2)
    expect(failed).toMatchObject({ status: 500, body: { code: 'UPCAST_FAILED' } })
    expect(JSON.stringify(failed)).not.toContain('secret')
    const body = JSON.stringify({ kind: 'Placed', entity: 'a', data: 1, schemaVersion: 4 })
    const headers = { 'content-type': 'application/json' }
    const refused = await app.request('/api/topics/orders/events', { method: 'POST', body, headers })
    expect(refused.status).toBe(501)
    await store.close()
  })
})

/** The first step, done to the data itself: done twice it is wrong. */
function changedInPlace(data: Order & { cents?: number; currency?: string }): object {
  data.cents = data.amount * 100
  data.currency = 'EUR'
  data.amount = Number.NaN
  return data
}
