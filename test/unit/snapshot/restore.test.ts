/** Restoring a snapshot: what comes out of it, whole and up to an offset.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import { restoreSnapshot } from '../../../src/snapshot/restore/restore.ts'
import { openStore } from '../../../src/store/open.ts'
import { eventsOf, frozenStore, ID, restoreParts } from './frozen-store.ts'

const order = (n: number) => ({ kind: 'Placed', entity: `order-${n % 7}`, data: { n } })

async function withOrders(count: number, batch = 10) {
  const base = memoryStorage()
  await frozenStore(base, async (store) => {
    const orders = await store.topics.open('orders', { create: true })
    for (let n = 0; n < count; n += batch)
      await orders.append(Array.from({ length: Math.min(batch, count - n) }, (_, at) => order(n + at)))
    await store.documents.write('catalog', { a: [1, 2, 3] })
    const board = await store.histories.open('board', { create: true })
    await board.append({ shapes: [1] })
    await board.append({ shapes: [1, 2] })
  })
  return base
}

test('restoreSnapshot() makes a store with the same events, documents and histories, which goes on', async () => {
  const base = await withOrders(100)
  const to = memoryStorage()
  const report = await restoreSnapshot(restoreParts(base), ID, { to })
  expect(report.topics).toEqual([{ topic: 'orders', events: 100, highWatermarks: [100] }])
  expect(await eventsOf(to, 'orders')).toEqual(await eventsOf(storageAt(base, `.snapshots/${ID}`), 'orders'))
  const store = await openStore({ storage: to })
  expect(store.id).toBe(report.storeId)
  expect(store.openReport.source).toBe('clean')
  expect(await store.documents.read('catalog', 'a[1]')).toBe(2)
  const board = await store.histories.open('board')
  expect(await board.append({ shapes: [1, 2, 3] })).toMatchObject({ version: 3 })
  const orders = await store.topics.open('orders')
  const receipt = await orders
    .append(order(100), { expect: { entity: 'order-2', version: 94 + 1 - 1 } })
    .catch((e) => e)
  expect(receipt).toBeDefined()
  const verified = await store.verify()
  expect(verified.problems).toEqual([])
  await store.close()
})

test.each([0, 1, 9, 10, 11, 15, 50, 99, 100])('restoreSnapshot() ends at offset %i', async (offset) => {
  const base = await withOrders(100)
  const to = memoryStorage()
  const report = await restoreSnapshot(restoreParts(base), ID, { to, until: { offset } })
  expect(report.topics).toEqual([{ topic: 'orders', events: offset, highWatermarks: [offset] }])
  expect(report.leftOut).toEqual({ documents: 1, histories: 1, projections: 0 })
  const all = await eventsOf(storageAt(base, `.snapshots/${ID}`), 'orders')
  expect(await eventsOf(to, 'orders')).toEqual(all.slice(0, offset))
  const store = await openStore({ storage: to })
  const orders = await store.topics.open('orders')
  await orders.append(order(1))
  expect((await store.verify()).problems).toEqual([])
  await store.close()
})

test('restoreSnapshot() counts what people made, not the documents in which projections keep their states', async () => {
  const base = memoryStorage()
  await frozenStore(base, async (store) => {
    const orders = await store.topics.open('orders', { create: true })
    await orders.append(order(1))
    const fold = { version: 1, initial: () => 0, apply: (count: number) => count + 1 }
    for (const keep of ['document', 'history'] as const) {
      const counts = await store.projections.open(`as-${keep}`, { create: { topic: 'orders', keep }, fold })
      await counts.run()
    }
  })
  const counts = { documents: 0, histories: 0, projections: 2 }
  expect(await restoreSnapshot(restoreParts(base), ID, { to: memoryStorage() })).toMatchObject(counts)
  const until = { offset: 1 }
  const report = await restoreSnapshot(restoreParts(base), ID, { to: memoryStorage(), until })
  expect(report.leftOut).toEqual(counts)
})
