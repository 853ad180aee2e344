/** Compressed topics and chains over events in a whole store: the same log from fewer bytes, in every way of reading.
 *
 * Goal: what a topic stores and says does not depend on how its blocks are written.
 * Method: the same calls to topics that differ only in their options, on storages that inflate at once and by promise.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { nativeCompression } from '../../../adapters/node/compression.ts'
import { openStore, verifyProof, verifyStorage } from '../../../src/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { FEATURE_DEFLATE, FEATURE_EVENT_CHAIN } from '../../../src/segment/header.ts'
import type { EventProof, NewEvent, Receipt, StoredEvent, Topic } from '../../../src/topic/types.ts'
import { limitedStorage } from '../../conformance/limited.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { difference } from '../../support/same-value.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { createSmallTopic } from '../../support/small-segments.ts'
import { collect, openLog, Wire } from '../topic/support.ts'

const order = (i: number): NewEvent => ({
  kind: i % 3 === 0 ? 'OrderPaid' : 'OrderPlaced',
  entity: `order-${i % 50}`,
  data: { number: i, note: 'Please ring twice and leave it with the neighbour on the left', odd: i % 7 === 0 ? -0 : i },
  ...(i % 11 === 0 ? { tags: ['late', `n${i % 5}`], meta: { by: 'me' }, id: `id-${i}` } : {}),
})

/** Storages that inflate at once, and by promise. */
const STORAGES: [string, () => Storage][] = [
  ['synchronous', () => new Wire(memoryStorage(), { compression: nativeCompression }).storage],
  [
    'asynchronous',
    () => limitedStorage(memoryStorage(), { atomicReplace: true, exclusiveCreate: true, hardLinks: true }),
  ],
]

const OPTIONS = [
  {},
  { compression: 'deflate' },
  { chain: 'events' },
  { compression: 'deflate', chain: 'events' },
] as const

interface Filled {
  readonly storage: Storage
  readonly receipts: Receipt[]
}

/** Create a topic of small segments and append batches of several sizes. */
async function fill(storage: Storage, options: (typeof OPTIONS)[number]): Promise<Filled> {
  const clock = new ManualClock()
  const small = { name: 'orders', partitions: 1, segmentBytes: 60_000, ...options }
  await createSmallTopic({ storage, clock, random: seededRandom(7) }, small)
  await using store = await openStore({ storage, clock, random: seededRandom(8) })
  const topic = await store.topics.open('orders')
  const receipts: Receipt[] = []
  let n = 0
  for (const size of [1, 2, 300, 1, 700, 40, 900, 3]) {
    receipts.push(await topic.append(Array.from({ length: size }, () => order(n++))))
    clock.advance(5)
  }
  return { storage, receipts }
}

async function withTopic<T>(storage: Storage, work: (topic: Topic) => Promise<T>): Promise<T> {
  await using store = await openStore({ storage, clock: new ManualClock(), readOnly: true })
  return await work(await store.topics.open('orders'))
}

/** Everything a reader can see. */
function seen(storage: Storage) {
  return withTopic(storage, async (topic) => {
    const all = await collect(topic.read())
    const backward = await collect(topic.read({ direction: 'backward' }))
    const found = await collect(topic.read({ kind: 'OrderPaid', entity: 'order-3' }))
    const tagged = await collect(topic.read({ tag: 'late' }))
    const single: (StoredEvent | undefined)[] = []
    for (let offset = 0; offset < all.length; offset += 97) single.push(await topic.get(offset))
    const decoded = (await collect(topic.read({ from: 100, to: 400 }).raw())).flat().map((event) => event.decode())
    return { all, backward, found, tagged, single, decoded, last: await topic.last(5), ...(await sizes(topic)) }
  })
}

async function sizes(topic: Topic) {
  const { sizeBytes, partitions } = topic.stats()
  return { sizeBytes, segments: partitions[0]?.segments ?? 0 }
}

describe.each(STORAGES)('on a storage with %s compression', (_name, open) => {
  test('every reader sees the same events, and the same hashes in a chain over the same', async () => {
    const plain = await fill(open(), {})
    const want = await seen(plain.storage)
    expect(want.all.length).toBe(1_947)
    expect(want.segments).toBeGreaterThan(2)
    for (const options of OPTIONS) {
      const { storage, receipts } = await fill(open(), options)
      const { sizeBytes, segments, ...found } = await seen(storage)
      const { sizeBytes: _, segments: __, ...expected } = want
      expect(difference(found, expected), JSON.stringify(options)).toBeUndefined()
      if ('compression' in options) expect(sizeBytes).toBeLessThan(want.sizeBytes * 0.6)
      else expect(sizeBytes).toBe(want.sizeBytes)
      const hashes = receipts.map(({ hash }) => hash)
      if ('chain' in options) expect(hashes).not.toContain(plain.receipts[0]?.hash)
      else expect(hashes).toEqual(plain.receipts.map(({ hash }) => hash))
      const report = await verifyStorage({ storage })
      expect(report.problems.filter(({ damage }) => damage)).toEqual([])
      expect(report.eventsChecked).toBe(1_947)
    }
  })

  test('a crash keeps compressed batches, hashes and proofs', async () => {
    for (const options of OPTIONS) {
      const { storage, receipts } = await fill(open(), options)
      const clock = new ManualClock()
      const first = await openStore({ storage, clock })
      const more = await (await first.topics.open('orders')).append(Array.from({ length: 200 }, (_, i) => order(i)))
      // Not closed: another process takes over and writes the batches again that it cannot know to be synced.
      const view = { location: `${storage.location} again` }
      await using second = await openStore({ storage: new Wire(storage, view).storage, clock, takeOver: true })
      const topic = await second.topics.open('orders')
      expect(difference((await topic.get(more.firstOffset))?.data, order(0).data)).toBeUndefined()
      const next = await topic.append(Array.from({ length: 300 }, (_, i) => order(i)))
      const report = await second.verify()
      expect(report.problems.filter(({ damage }) => damage)).toEqual([])
      if (!('chain' in options)) continue
      for (const receipt of [...receipts, more, next]) {
        for (const offset of [receipt.firstOffset, receipt.endOffset - 1]) {
          expect(verifyProof((await topic.proof(offset)) as EventProof)).toBe(receipt.hash)
        }
      }
    }
  })
})

describe('options', () => {
  test('a segment says what it may hold, and the manifest agrees', async () => {
    const { wire, store } = await openLog({ topic: { compression: 'deflate', chain: 'events' } })
    const { storage } = wire
    await store.close()
    const handle = await storage.openRead('topics/orders/0/00000000000000000000.log')
    const bytes = new Uint8Array(12)
    await handle.read(0, bytes)
    expect(bytes[8]).toBe(FEATURE_DEFLATE | FEATURE_EVENT_CHAIN)
  })

  test('compression that is turned on counts from the next segment on, turned off at once', async () => {
    const MIB = 1024 * 1024
    const { store, topic } = await openLog({ topic: { segmentBytes: MIB } })
    const events = Array.from({ length: 2_000 }, (_, i) => order(i))
    const grown = async () => {
      const before = topic.stats().sizeBytes
      await topic.append(events)
      return topic.stats().sizeBytes - before
    }
    const plainBytes = await grown()
    await store.topics.change('orders', { compression: 'deflate' })
    expect(await grown()).toBeGreaterThan(plainBytes * 0.9)
    while (topic.stats().partitions[0]?.segments === 1) await grown()
    expect(await grown()).toBeLessThan(plainBytes * 0.6)
    await store.topics.change('orders', { compression: 'none' })
    expect(await grown()).toBeGreaterThan(plainBytes * 0.9)
    expect((await collect(topic.read())).length).toBe(topic.stats().events)
    await store.close()
  })

  test('a topic without a chain over events proves nothing', async () => {
    const { store, topic } = await openLog()
    await topic.append(order(1))
    await expect(topic.proof(0)).rejects.toMatchObject({ code: 'PROOF_UNSUPPORTED' })
    await store.close()
  })

  test('what a toJSON answers differently each time is hashed as it is stored', async () => {
    let asked = 0
    const { store, topic } = await openLog({ topic: { chain: 'events' } })
    const receipt = await topic.append({ kind: 'k', entity: 'e', data: { n: { toJSON: () => ++asked } } })
    expect(verifyProof((await topic.proof(0)) as EventProof)).toBe(receipt.hash)
    await store.close()
  })
})
