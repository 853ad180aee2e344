/** The places that `test/golden/snapshot` keeps, as varve writes them now: with a clock and a compression that
 * are the same at every run and on every runtime, everything in them is the same but for what was drawn at random.
 * @module */
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore, type Storage, type Topic } from '../../src/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { plainDeflate } from '../support/plain-deflate.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic } from '../support/small-segments.ts'

export const AT = 1_767_225_600_000
const HOUR = 3_600_000

export const CATALOG = { products: Array.from({ length: 30 }, (_, at) => ({ name: `item ${at}`, price: at / 4 })) }
export const BOARD = [
  { title: 'Plan', cards: ['tea'] },
  { title: 'Plan', cards: ['tea', 'mug'] },
  { title: 'Plan B', cards: ['mug'] },
]

/** A store, a place that its snapshots were exported to, and a store that one was restored to. */
export const PLACES = ['store', 'exported', 'restored'] as const

function storageOf(): Storage {
  const storage = memoryStorage()
  Object.defineProperty(storage, 'compression', { value: { ...storage.compression, deflate: plainDeflate } })
  return storage
}

async function place(topic: Topic, from: number, calls: number): Promise<void> {
  for (let call = from; call < from + calls; call++) {
    const events = Array.from({ length: 3 }, (_, at) => {
      return { kind: 'Placed', entity: `order-${call % 4}`, data: { call, at, note: 'x'.repeat(60) }, at: AT + call }
    })
    await topic.append(events, call % 3 === 0 ? { idempotencyKey: `call-${call}` } : {})
  }
}

export async function writeGoldenPlaces(): Promise<Record<(typeof PLACES)[number], Storage>> {
  const [store, exported, restored] = [storageOf(), storageOf(), storageOf()]
  const clock = new ManualClock(AT)
  const random = seededRandom(11)
  await createSmallTopic({ storage: store, clock, random }, { name: 'orders', partitions: 1, segmentBytes: 2_000 })
  const log = await openStore({ storage: store, clock, random })
  const orders = await log.topics.open('orders')
  const items = await log.topics.open('items', { create: { partitions: 2 } })
  await place(orders, 0, 14)
  for (let at = 0; at < 6; at++) await items.append({ kind: 'Made', entity: `item-${at}`, data: { at } })
  await log.documents.write('catalog', CATALOG, { thresholdBytes: 64 })
  const board = await log.histories.open('board', { create: true })
  for (const value of BOARD.slice(0, 2)) await board.append(value, { at: AT })
  const everything = await log.snapshots.create({ label: 'everything \u00e9', pinned: true })
  await clock.advance(2 * HOUR)

  await board.append(BOARD[2], { at: AT + HOUR })
  await place(orders, 14, 4)
  await log.topics.fork('orders', 'branch', { until: { offset: 31 } })
  await place(await log.topics.open('branch'), 100, 8)
  await log.topics.fork('branch', 'quiet', { until: { offset: 20 } })
  await log.snapshots.create({ topic: 'branch' })
  await clock.advance(2 * HOUR)
  await log.snapshots.create({ topic: 'items', partition: 1, label: 'one partition' })
  const last = await log.snapshots.create()
  await log.snapshots.restore(last.id, { to: restored })
  // Last: how many names it draws depends on how far the building of indexes is.
  for (const { id } of [everything, last]) await log.snapshots.export(id, exported)
  await log.close()

  const again = await openStore({ storage: restored, clock, random: seededRandom(12) })
  await (await again.histories.open('board')).append({ title: 'of the restored store' }, { at: AT + 5 * HOUR })
  await place(await again.topics.open('branch'), 200, 2)
  await again.close()
  return { store, exported, restored }
}
