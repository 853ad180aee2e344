/** A store from end to end on memory.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'

const event = (n: number) => ({ kind: n % 2 ? 'Odd' : 'Even', entity: `e-${n % 7}`, data: { n, text: `number ${n}` } })

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('Store appends, reads back and continues after a clean close', async () => {
  const storage = memoryStorage()
  let store = await openStore({ storage })
  let topic = await store.topics.open('orders', { create: true })
  const receipt = await topic.append([event(0), event(1), event(2)])
  expect(receipt).toMatchObject({ firstOffset: 0, endOffset: 3, versions: { 'e-0': 1, 'e-1': 2, 'e-2': 3 } })
  await Promise.all(Array.from({ length: 100 }, (_, i) => topic.append(event(i + 3))))
  const all = await collect(topic.read())
  expect(all.map((e) => e.data.n)).toEqual(Array.from({ length: 103 }, (_, i) => i))
  expect(all.map((e) => e.offset)).toEqual(Array.from({ length: 103 }, (_, i) => i))
  await store.close()
  store = await openStore({ storage })
  expect(store.openReport.source).toBe('clean')
  topic = await store.topics.open('orders')
  expect((await topic.get(50))?.data).toEqual({ n: 50, text: 'number 50' })
  expect((await topic.append(event(103))).firstOffset).toBe(103)
  expect((await topic.last(3)).map((e) => e.offset)).toEqual([101, 102, 103])
  const page = await topic.page({ entity: 'e-3', limit: 5, direction: 'backward' })
  expect(page.items.map((e) => e.offset)).toEqual([101, 94, 87, 80, 73])
  const next = await topic.page({ entity: 'e-3', limit: 100, direction: 'backward', cursor: page.nextCursor ?? '' })
  expect(next.items[0]?.offset).toBe(66)
  await expect(topic.append(event(104), { expect: { entity: 'e-3', version: 1 } })).rejects.toMatchObject({
    code: 'VERSION_CONFLICT',
  })
  await topic.append(event(104), { expect: { entity: 'e-3', version: 102 } })
  await store.close()
})

test('Store recovers what was acknowledged when it was not closed', async () => {
  const storage = memoryStorage()
  const first = await openStore({ storage })
  const topic = await first.topics.open('orders', { create: { segmentBytes: 1024 * 1024 } })
  for (let i = 0; i < 20; i++) await topic.append(Array.from({ length: 900 }, (_, j) => event(i * 900 + j)))
  const second = await openStore({ storage, takeOver: true }).catch((e) => e)
  expect(second.code).toBe('STORE_OPEN_HERE')
  const holder = globalThis as unknown as Record<symbol, Map<string, unknown>>
  holder[Symbol.for('varve.open-stores')]?.clear()
  const again = await openStore({ storage, takeOver: true })
  expect(again.openReport.source).toBe('recovered')
  const t2 = await again.topics.open('orders')
  expect((await collect(t2.read())).map((e) => e.offset)).toEqual(Array.from({ length: 18000 }, (_, i) => i))
  expect((await collect(t2.read({ direction: 'backward' }))).map((e) => e.offset)).toEqual(
    Array.from({ length: 18000 }, (_, i) => 17999 - i),
  )
  await expect(topic.append(event(1))).rejects.toMatchObject({ code: 'STORE_FENCED' })
  await again.close()
})

test('Store opened read-only follows the writer through appends, and rolls', async () => {
  const storage = memoryStorage()
  const writer = await openStore({ storage })
  const topic = await writer.topics.open('orders', { create: { segmentBytes: 1024 * 1024 } })
  await topic.append(event(0))
  const reader = await openStore({ storage, readOnly: true })
  const followed = await reader.topics.open('orders')
  const seen: number[] = []
  const done = (async () => {
    for await (const found of followed.tail({ from: 'start' })) {
      seen.push(found.data.n)
      if (seen.length === 5000) break
    }
  })()
  for (let i = 1; i < 5000; i += 999)
    await topic.append(
      Array.from({ length: 999 }, (_, j) => ({ ...event(i + j), meta: 'x'.repeat(500) })).slice(0, 5000 - i),
    )
  await done
  expect(seen).toEqual(Array.from({ length: 5000 }, (_, i) => i))
  expect((await followed.last(1))[0]?.data.n).toBe(4999)
  expect(topic.stats().partitions[0]?.segments).toBeGreaterThan(2)
  await writer.close()
  await reader.close()
})
