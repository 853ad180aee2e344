/** Envelopes without values: the same events as reads give, in the same order, and the values when they are asked for.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { ValueDecoder } from '../../../src/codec/values.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { openStore } from '../../../src/store/open.ts'
import type { Store } from '../../../src/store/types.ts'
import type { NewEvent, RawEvent, ReadOptions, StoredEvent, Topic } from '../../../src/topic/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { difference } from '../../support/same-value.ts'
import { createSmallTopic, type SmallTopic } from '../../support/small-segments.ts'
import { collect, openLog, random } from './support.ts'

/** What records cannot hold, between what they can. */
const VALUES: readonly unknown[] = [
  { n: 1, text: 'plain' },
  { n: 2, text: 'plain' },
  -0,
  [{ e: [] }, 0.1, 2 ** 63],
  { ['__proto__']: 1, '': [[]], '\ud800': 1 },
  { at: new Date(-5), bytes: new Uint8Array([0, 255]) },
  'lone \ud800 surrogate',
  null,
  Array.from({ length: 30 }, (_, n) => ({ [`key-${n}`]: [n] })),
]

function eventAt(n: number): NewEvent {
  return {
    kind: `Kind${n % 3}`,
    entity: `entity-${(n * 7) % 11}`,
    data: VALUES[n % VALUES.length],
    at: 1_000 + ((n * 37) % 200),
    ...(n % 2 === 0 ? { id: `id-${n}`, scope: `scope-${n % 4}` } : {}),
    ...(n % 3 === 0 ? { tags: [`tag-${n % 5}`, 'often'], meta: { n, nested: VALUES[(n + 1) % VALUES.length] } } : {}),
    ...(n % 5 === 0 ? { extensions: [VALUES[(n + 2) % VALUES.length]], correlationId: `c-${n % 7}` } : {}),
    ...(n % 7 === 0 ? { causationId: `id-${n - 2}`, lane: n, depth: 0, schemaVersion: n % 4 } : {}),
  }
}

const COUNT = 160
const READS: readonly ReadOptions[] = [
  {},
  { direction: 'backward' },
  { from: 100, to: 150 },
  { from: 3, limit: 7 },
  { direction: 'backward', to: 200, limit: 33 },
  { limit: 0 },
  { entity: 'entity-4' },
  { kind: ['Kind0', 'Kind2'], direction: 'backward' },
  { tag: 'tag-1' },
  { scope: 'scope-2', limit: 5 },
  { id: 'id-42' },
  { correlationId: 'c-3' },
  { causationId: 'id-19' },
  { since: 1_020, until: 1_060 },
  { tag: 'often', since: 1_100, direction: 'backward' },
  { entity: 'nobody' },
]

async function filled(options: Partial<SmallTopic>): Promise<{ storage: Storage; store: Store; topic: Topic }> {
  const place = { storage: memoryStorage(), clock: new ManualClock(), random }
  await createSmallTopic(place, { name: 'orders', partitions: 1, segmentBytes: 3_000, ...options })
  const store = await openStore(place)
  const topic = await store.topics.open('orders')
  for (let n = 0; n < COUNT; n += 8) await topic.append(Array.from({ length: 8 }, (_, i) => eventAt(n + i)))
  expect(topic.stats().partitions[0]?.segments).toBeGreaterThan(3)
  return { storage: place.storage, store, topic }
}

const envelope = ({ data: _, meta: __, extensions: ___, ...rest }: StoredEvent) => rest
/** What of an event everybody sees: its own enumerable fields. */
const shown = (event: RawEvent) => Object.fromEntries(Object.entries(event))

async function checkAll(topic: Topic): Promise<void> {
  for (const options of READS) {
    const events = await collect(topic.read(options))
    const raw = (await collect(topic.read(options).raw())).flat()
    expect([options, raw.map(shown)]).toEqual([options, events.map(envelope)])
    expect(JSON.parse(JSON.stringify(raw))).toEqual(JSON.parse(JSON.stringify(events.map(envelope))))
    // In another order than they lie, and twice: a block is decoded once, and gives each row its own.
    const decoded = raw.toReversed().map((event) => event.decode())
    expect(difference(decoded.toReversed(), events)).toBeUndefined()
    expect(
      difference(
        raw.map((event) => event.decode()),
        events,
      ),
    ).toBeUndefined()
  }
}

describe('EventStream.raw()', () => {
  test.each<Partial<SmallTopic>>([{}, { compression: 'deflate' }, { chain: 'events' }])(
    'gives the envelopes of what read() gives, and decodes to it: %j',
    async (options) => {
      const { storage, store, topic } = await filled(options)
      await checkAll(topic)
      await store.close()
      for (const how of [{ readOnly: true }, { memoryBudgetBytes: 0, checkpoint: false }]) {
        const again = await openStore({ storage, clock: new ManualClock(), ...how })
        await checkAll(await again.topics.open('orders'))
        await again.close()
      }
    },
  )

  test('fields that were not given are absent, and values are no fields', async () => {
    const { store, topic } = await openLog()
    await topic.append({ kind: 'K', entity: 'e', data: { secret: 1 }, meta: 'm', extensions: 'x' })
    const [event] = (await collect(topic.read().raw())).flat()
    expect(Object.keys(event ?? {}).sort()).toEqual(['at', 'entity', 'id', 'kind', 'offset', 'partition', 'recordedAt'])
    expect(JSON.stringify(event)).not.toMatch(/data|secret|meta|extensions/)
    expect({ ...event }).not.toHaveProperty('data')
    expect(event?.decode()).toEqual(await topic.get(0))
    await store.close()
  })

  test('decodes no value until it is asked to, then one block once', async () => {
    const { store, topic } = await filled({})
    const { prototype } = ValueDecoder
    const { decodeAll, decodeStructural } = prototype
    let count = 0
    const calls = () => count
    prototype.decodeAll = function (this: ValueDecoder, ...given) {
      count++
      return decodeAll.apply(this, given)
    }
    prototype.decodeStructural = function (this: ValueDecoder, ...given) {
      count++
      return decodeStructural.apply(this, given)
    }
    try {
      const raw = (await collect(topic.read().raw())).flat()
      for (const options of READS) await collect(topic.read(options).raw())
      expect([raw.length, calls()]).toEqual([COUNT, 0])
      raw[0]?.decode()
      const first = calls()
      expect(first).toBeGreaterThan(0)
      raw[1]?.decode()
      raw[0]?.decode()
      expect(calls()).toBe(first)
      raw[COUNT - 1]?.decode()
      expect(calls()).toBeGreaterThan(first)
    } finally {
      Object.assign(prototype, { decodeAll, decodeStructural })
    }
    await store.close()
  })

  test('decodes after other reads and when the store is closed: an event keeps what it needs', async () => {
    const { store, topic } = await filled({ compression: 'deflate' })
    const events = await collect(topic.read())
    const raw = (await collect(topic.read().raw())).flat()
    await collect(topic.read({ direction: 'backward' }))
    for (let n = 0; n < 50; n++) await topic.append(eventAt(n))
    await store.close()
    expect(
      difference(
        raw.map((event) => event.decode()),
        events,
      ),
    ).toBeUndefined()
    expect(() => topic.read().raw()).toThrow(expect.objectContaining({ code: 'STORE_CLOSED' }))
  })

  test('joins partitions in the order of read()', async () => {
    const { store, topic, clock } = await openLog({ topic: { partitions: 4 } })
    for (let n = 0; n < 40; n++) {
      await topic.append(eventAt(n))
      await clock.advance(1)
    }
    for (const options of [{}, { direction: 'backward', limit: 11 }, { tag: 'often' }, { partition: 2 }] as const) {
      const events = await collect(topic.read(options))
      const raw = (await collect(topic.read(options).raw())).flat()
      expect(
        difference(
          raw.map((event) => event.decode()),
          events,
        ),
      ).toBeUndefined()
    }
    await store.close()
  })

  test('one stream is read in every way, each from its start', async () => {
    const { store, topic } = await filled({})
    const stream = topic.read({ from: 5, limit: 9 })
    const offsets = async (events: Promise<readonly (readonly { offset: number }[])[]>) =>
      (await events).flat().map(({ offset }) => offset)
    const wanted = [5, 6, 7, 8, 9, 10, 11, 12, 13]
    for (let times = 0; times < 2; times++) {
      expect(await offsets(collect(stream.raw()))).toEqual(wanted)
      expect(await offsets(collect(stream.batches()))).toEqual(wanted)
      expect((await collect(stream)).map(({ offset }) => offset)).toEqual(wanted)
    }
    await store.close()
  })
})
