/** Documents written and read back by path.
 * @module */
import { describe, expect, test } from 'vitest'
import { openDocumentFile } from '../../../src/document/read/document.ts'
import type { ReadCost } from '../../../src/document/types.ts'
import { VarveError } from '../../../src/errors.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { writeDocument } from './support/documents.ts'
import { concat } from './support/json-driver.ts'

const orders = (count: number) => ({
  shop: 'north',
  orders: Array.from({ length: count }, (_, i) => ({
    id: `order-${i}`,
    total: i * 1.25,
    address: { city: `City ${i % 97}`, zip: 10_000 + i },
    items: [{ sku: `s${i % 13}`, count: i % 7 }],
    paid: i % 2 === 0,
  })),
})

describe('a document of an array of records', () => {
  const value = orders(5_000)
  test.each([0, 64, 1_024, 100_000, Number.POSITIVE_INFINITY])('reads back at T = %s', async (thresholdBytes) => {
    const written = await writeDocument({ value }, { thresholdBytes })
    const document = await written.open()
    expect(await document.read()).toEqual(value)
    for (const i of [0, 1, 17, 2_499, 4_998, 4_999]) {
      expect(await document.read(`orders[${i}].address.city`)).toBe(value.orders[i]?.address.city)
      expect(await document.read(`orders[${i}].items[0].sku`)).toBe(value.orders[i]?.items[0]?.sku)
      expect(await document.read(`orders[${i}]`)).toEqual(value.orders[i])
    }
    expect(await document.read('orders[5000]')).toBeUndefined()
    expect(await document.read('orders[17].address.street')).toBeUndefined()
    expect(await document.read('shop.name')).toBeUndefined()
    expect(await written.verify()).toMatchObject({ ok: true, problems: [] })
    await document.close()
  })

  test('a path costs at most 16 KiB', async () => {
    const document = await (await writeDocument({ value })).open()
    for (let i = 0; i < 5_000; i += 7) {
      let cost: ReadCost | undefined
      await document.read(`orders[${i}].address.zip`, { onCost: (found) => (cost = found) })
      expect(cost?.bytesRead).toBeLessThanOrEqual(16_384)
    }
  })
})

describe('an object of many keys', () => {
  const keys = Array.from({ length: 30_000 }, (_, i) => `key ${(i * 7_919) % 30_000}`)
  const value = Object.fromEntries(keys.map((key, i) => [key, i]))

  test('has key pages: every key is found, others are not', async () => {
    const written = await writeDocument({ value: { before: 1, value, after: 2 } })
    const document = await written.open()
    expect(await written.verify()).toMatchObject({ ok: true, problems: [] })
    expect(await document.read('after')).toBe(2)
    for (let i = 0; i < keys.length; i += 97) expect(await document.read(`value."${keys[i]}"`)).toBe(i)
    let cost: ReadCost | undefined
    expect(await document.read('value."key -1"', { onCost: (found) => (cost = found) })).toBeUndefined()
    expect(cost?.bytesRead).toBeLessThanOrEqual(65_536)
    expect(await document.read()).toEqual({ before: 1, value, after: 2 })
  })

  test('lists its children page by page', async () => {
    const document = await (await writeDocument({ value })).open()
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page = await document.children('', { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) })
      found.push(...page.items.map(({ key }) => key as string))
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(found).toEqual(keys)
  })
})

test('JSON text, one byte at a time, gives the same document', async () => {
  const value = orders(40)
  const json = new TextEncoder().encode(JSON.stringify(value))
  const bytes = Array.from(json, (byte) => Uint8Array.of(byte))
  const document = await (await writeDocument({ json: bytes })).open()
  expect(await document.read()).toEqual(value)
  const text: Uint8Array[] = []
  for await (const piece of document.json()) text.push(piece)
  expect(new TextDecoder().decode(concat(text))).toBe(JSON.stringify(value))
})

test('events of a value are those that it is written from', async () => {
  const document = await (await writeDocument({ value: orders(300) })).open()
  const events = []
  for await (const event of document.events()) events.push(event)
  const again = await (await writeDocument({ events })).open()
  expect(await again.read()).toEqual(orders(300))
})

test('a scan passes over bytes and text that look like key pages', async () => {
  const pages = '\u001a\u0005'
  const value = {
    blob: new Uint8Array(9_000).fill(0x1a),
    text: pages.repeat(3_000),
    big: 0x1a1an << 90_000n,
    last: 'x',
  }
  for (const thresholdBytes of [64, Number.POSITIVE_INFINITY]) {
    const document = await (await writeDocument({ value: [value, value] }, { thresholdBytes })).open()
    expect(await document.read('[1].last')).toBe('x')
    expect(await document.read('[1].text')).toBe(value.text)
    expect(await document.read('[1].none')).toBeUndefined()
  }
})

test('matches reads what wildcards mean', async () => {
  const value = orders(700)
  const document = await (await writeDocument({ value })).open()
  const found: unknown[] = []
  for await (const { value } of document.matches('orders[10:600].items[*].sku')) found.push(value)
  expect(found).toEqual(value.orders.slice(10, 600).map(({ items }) => items[0]?.sku))
})

test('matches locates a slice, reads no further than its end and tells the cost once', async () => {
  const value = orders(5_000)
  const document = await (await writeDocument({ value })).open()
  const costs: ReadCost[] = []
  const found: unknown[] = []
  const onCost = (cost: ReadCost) => costs.push(cost)
  for await (const match of document.matches('orders[4000:4003].total', { onCost })) found.push(match)
  expect(found).toEqual([4_000, 4_001, 4_002].map((i) => ({ path: `orders[${i}].total`, value: i * 1.25 })))
  expect(costs.length).toBe(1)
  expect(costs[0]?.bytesRead).toBeLessThanOrEqual(65_536)
  for await (const path of document.paths('orders[4990:].id', { onCost })) found.push(path.toString())
  expect(found.length).toBe(13)
  expect(costs.length).toBe(2)
  for (const nothing of ['orders[2:2]', 'orders[5000:]', 'orders[*].none', 'shop[0:9]', 'orders.*', 'shop.*', '{*}']) {
    for await (const { path } of document.matches(nothing)) throw new Error(`${nothing}: ${path}`)
  }
})

describe('a key that an object has twice', () => {
  const json = `{"a":{"x":1,"y":[1],"x":{"deep":2}},"b":3,"a":{"x":4}}`
  test('the last one counts', async () => {
    const document = await (await writeDocument({ json })).open()
    expect(await document.read()).toEqual(JSON.parse(json))
    expect(await document.read('a.x')).toBe(4)
    expect((await document.children()).items.map(({ key }) => key)).toEqual(['b', 'a'])
  })
  test('is refused on request', async () => {
    await expect(writeDocument({ json }, { duplicateKeys: 'refuse' })).rejects.toMatchObject({ code: 'KEY_DUPLICATE' })
  })
})

test('readMany reads no block twice', async () => {
  const value = orders(3_000)
  const document = await (await writeDocument({ value })).open()
  let cost: ReadCost | undefined
  const paths = Array.from({ length: 3_000 }, (_, i) => `orders[${2_999 - i}].total`)
  const totals = await document.readMany(paths, { onCost: (found) => (cost = found) })
  expect(totals).toEqual(value.orders.map(({ total }) => total).reverse())
  expect(cost?.bytesRead).toBeLessThanOrEqual(document.sizeBytes)
})

describe('a read that fails', () => {
  /** Fails the read numbered `fails`. */
  function failing(storage: Storage, counts: { reads: number; fails: number }, isSync: boolean): Storage {
    const check = () => {
      if (counts.reads++ === counts.fails)
        throw new VarveError('STORAGE_UNAVAILABLE', 'Cannot read: it was asked to fail')
    }
    const openRead = async (path: string) => {
      const handle = await storage.openRead(path)
      const read = async (position: number, into: Uint8Array) => {
        check()
        return handle.read(position, into)
      }
      const readSync = (position: number, into: Uint8Array) => {
        check()
        return handle.readSync?.(position, into) ?? 0
      }
      const size = () => handle.size()
      return { path, size, read, ...(isSync && { readSync }), close: () => handle.close() }
    }
    return new Proxy(storage, { get: (target, name) => (name === 'openRead' ? openRead : Reflect.get(target, name)) })
  }

  test.each([true, false])('leaves the document readable, synchronous: %s', async (isSync) => {
    const value = { ...orders(300), text: 'x'.repeat(20_000), keys: Object.fromEntries(orders(5_000).orders.entries()) }
    const written = await writeDocument({ value }, { thresholdBytes: 300 })
    const want = JSON.stringify(value)
    const counts = { reads: 0, fails: -1 }
    const storage = failing(written.parts.storage, counts, isSync)
    const document = await openDocumentFile({ ...written.parts, storage })
    const textOf = async (path: string) => {
      const pieces: Uint8Array[] = []
      for await (const piece of document.json(path)) pieces.push(piece)
      return new TextDecoder().decode(concat(pieces))
    }
    const asks = [
      async () => expect(JSON.stringify(await document.read('orders[299]'))).toBe(JSON.stringify(value.orders[299])),
      async () => expect(await textOf('orders[7]')).toBe(JSON.stringify(value.orders[7])),
      async () => expect(await textOf('text')).toBe(JSON.stringify(value.text)),
      async () => expect((await document.children('keys', { limit: 40 })).items.length).toBe(40),
      async () =>
        expect(await document.readMany(['text', 'keys.4999.id', 'shop'])).toEqual([value.text, 'order-4999', 'north']),
    ]
    for (const ask of asks) {
      for (let after = 0, hasFailed = true; hasFailed; after++) {
        counts.fails = counts.reads + after
        hasFailed = await ask().then(
          () => false,
          (error) => error.code === 'STORAGE_UNAVAILABLE' || Promise.reject(error),
        )
        counts.fails = -1
        await asks[after % asks.length]?.()
      }
    }
    expect(await textOf('')).toBe(want)
  })
})
