/** Goal: documents are what src/FORMAT.md says.
 * Method: the library writes them, and a reader made from that page alone reads them: whole, by the index at several T,
 * by key pages, with keys that come twice. It counts the blocks that it uses.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { type Documents, openStore, type Storage, type StructuralEvent } from '../../src/index.ts'
import { KeyRun } from './document-runs.ts'
import { DocumentFile, type Step } from './documents.ts'

async function bytesOf(storage: Storage, path: string): Promise<Uint8Array> {
  const handle = await storage.openRead(path)
  const bytes = new Uint8Array(await handle.size())
  await handle.read(0, bytes)
  await handle.close()
  return bytes
}

/** Let the library write a document, and the reader open it. */
async function written(write: (documents: Documents) => Promise<unknown>) {
  const storage = memoryStorage()
  const store = await openStore({ storage })
  await write(store.documents)
  const stat = await store.documents.stat('d')
  const value = await store.documents.read('d')
  await store.close()
  const [{ name = '' } = {}] = await storage.list('documents/d')
  const bytes = await bytesOf(storage, `documents/d/${name}`)
  return { bytes, row: { ...stat, id: name.slice(0, 16) }, value }
}

async function read(write: (documents: Documents) => Promise<unknown>) {
  const { bytes, row, value } = await written(write)
  return { file: new DocumentFile(bytes, row), value }
}

/** What is at a path, and how many blocks that took. */
function cost(file: DocumentFile, steps: readonly Step[]): { value: unknown; blocks: number } {
  file.used.clear()
  return { value: file.read(steps), blocks: file.used.size }
}

const SCALARS = [
  ...[null, true, false, 0, 31, 32, 2 ** 53 - 1, -1, -(2 ** 53 - 1), -0, Number.NaN, 0.1, -2.25, 1e300, 1e-7],
  ...['', 'short', 'ä'.repeat(40), 'x'.repeat(9_000), '\ud800 alone', '\u{1f600}'],
  ...[0n, -1n, 2n ** 70n, -(2n ** 63n), new Uint8Array([1, 2, 255]), new Uint8Array(5_000), new Date(-5)],
  ...[[], {}, [[]], { a: {} }, Array.from({ length: 15 }, (_, i) => i), Array.from({ length: 16 }, (_, i) => -i)],
  { '': 1, 'odd.key': 2, '\udc00': 3, ['k'.repeat(300)]: 4, ['k'.repeat(31)]: 5, ['k'.repeat(32)]: 6 },
]

function orders(count: number) {
  const one = (_: unknown, i: number) => ({
    id: `order-${i}`,
    total: i / 4,
    note: i % 10 === 0 ? 'n'.repeat(1_500) : 'none',
    items: Array.from({ length: i % 20 }, (_, item) => ({ sku: `sku-${item}`, count: item })),
  })
  return { made: 1, orders: Array.from({ length: count }, one), end: 'here' }
}

test('values of every kind read back as they were written', async () => {
  const { file, value } = await read((documents) => documents.write('d', SCALARS))
  expect(value).toEqual(SCALARS)
  expect(file.value()).toEqual(SCALARS)
  for (const [at, scalar] of SCALARS.entries()) expect(file.read([at])).toEqual(scalar)
})

test('a document of integer keys, decimals and undefined reads as the library reads it', async () => {
  const key = (key: number): StructuralEvent => ({ type: 'intKey', key })
  const events: StructuralEvent[] = [
    { type: 'beginObject' },
    ...[key(7), { type: 'decimal', text: '0.10000000000000000000001' } as const],
    ...[key(-(2 ** 53 - 1)), { type: 'value', value: undefined } as const],
    ...[{ type: 'key', key: '7' } as const, { type: 'value', value: 'text' } as const],
    { type: 'endObject' },
  ]
  const { file } = await read((documents) => documents.writeEvents('d', events))
  expect(file.read([{ intKey: 7 }])).toBe('0.10000000000000000000001')
  expect(file.read(['7'])).toBe('text')
  expect(file.find([{ intKey: -(2 ** 53 - 1) }])).toBeDefined()
  expect(file.find([{ intKey: 8 }])).toBeUndefined()
})

for (const thresholdBytes of [0, 100, undefined, 20_000, Number.POSITIVE_INFINITY])
  test(`paths lead to their values with a T of ${thresholdBytes ?? 'the default'}`, async () => {
    const value = orders(1_500)
    const options = thresholdBytes === undefined ? {} : { thresholdBytes }
    const { file } = await read((documents) => documents.write('d', value, options))
    if (thresholdBytes !== undefined) expect(file.threshold).toBe(thresholdBytes)
    expect(file.preamble.threshold).toBe(file.threshold)
    expect(file.value()).toEqual(value)
    for (let order = 0; order < 1_500; order += 97) {
      const own = value.orders[order]
      expect(file.read(['orders', order])).toEqual(own)
      expect(file.read(['orders', order, 'total'])).toBe(own?.total)
      for (const [at, item] of (own?.items ?? []).entries())
        expect(file.read(['orders', order, 'items', at, 'count'])).toBe(item.count)
    }
    expect(file.read(['end'])).toBe('here')
    for (const absent of [['orders', 1_500], ['orders', 'x'], ['ende'], ['made', 'x'], ['orders', 0, 'items', 0]])
      expect(file.find(absent), absent.join()).toBeUndefined()
  })

test('a path by the index takes few blocks', async () => {
  const value = orders(3_000)
  const { file } = await read((documents) => documents.write('d', value))
  for (let order = 1; order < 3_000; order += 211)
    expect(cost(file, ['orders', order, 'id'])).toEqual({ value: `order-${order}`, blocks: expect.any(Number) })
  expect(cost(file, ['orders', 2_998, 'total']).blocks).toBeLessThanOrEqual(2)
})

test('an index that outgrew its budget was thinned, and leads to all values', async () => {
  const value = Array.from({ length: 150_000 }, (_, i) => ({ n: i, text: 'a text' }))
  const { file } = await read((documents) => documents.write('d', value, { thresholdBytes: 3 }))
  expect(file.preamble.threshold).toBe(3)
  expect(file.threshold).toBeGreaterThan(3)
  for (let i = 0; i < 150_000; i += 26_661) expect(file.read([i, 'n'])).toBe(i)
})

test('the small fields of an object are found between its large ones', async () => {
  const fields = Array.from({ length: 40 }, (_, i) => [`field-${i}`, i % 3 === 0 ? 'x'.repeat(3_000) : i] as const)
  const { file } = await read((documents) => documents.write('d', Object.fromEntries(fields)))
  for (const [key, value] of fields) expect(file.read([key])).toBe(value)
  expect(file.find(['field-40'])).toBeUndefined()
})

test('key pages lead to the fields of a wide object', async () => {
  const value = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`key-${i}`, { n: i, odd: i % 2 === 1 }]))
  const { file } = await read((documents) => documents.write('d', { before: 1, wide: value, after: 2 }))
  expect(file.value()).toEqual({ before: 1, wide: value, after: 2 })
  for (const i of [0, 1, 14_999, 29_999]) {
    const { value, blocks } = cost(file, ['wide', `key-${i}`, 'n'])
    expect(value).toBe(i)
    expect(blocks).toBeLessThanOrEqual(5)
  }
  expect(cost(file, ['wide', 'key-30000']).value).toBeUndefined()
  expect(file.used.size).toBeLessThanOrEqual(4)
  expect(file.read(['after'])).toBe(2)
})

test('an object of more than a million keys has two runs of key pages, in order of hashes', async () => {
  const COUNT = 1_048_576 + 5_000
  function* events(): Generator<StructuralEvent> {
    yield { type: 'beginObject' }
    for (let n = 0; n < COUNT; n++) {
      yield { type: 'intKey', key: n * 3 }
      yield { type: 'value', value: n % 32 }
    }
    yield { type: 'endObject' }
  }
  const storage = memoryStorage()
  const store = await openStore({ storage })
  const stat = await store.documents.writeEvents('d', events())
  await store.close()
  const [{ name = '' } = {}] = await storage.list('documents/d')
  const file = new DocumentFile(await bytesOf(storage, `documents/d/${name}`), { ...stat, id: name.slice(0, 16) })
  const [root] = file.items
  expect(root?.count).toBe(COUNT)
  const newest = new KeyRun(file, root?.run ?? -1)
  const oldest = new KeyRun(file, newest.before ?? -1)
  expect([newest.keys, oldest.keys, oldest.before]).toEqual([5_000, 1_048_576, undefined])
  expect(oldest.directoryBlocks).toBeGreaterThan(1)
  let last = { hash: -1, address: -1 }
  for (let leaf = 0; leaf < newest.leaves; leaf++)
    for (const key of newest.leaf(leaf)) {
      expect(key.hash > last.hash || (key.hash === last.hash && key.address > last.address)).toBe(true)
      last = key
    }
  for (const n of [0, 700_000, 1_048_575, 1_048_576, COUNT - 1]) {
    const { value, blocks } = cost(file, [{ intKey: n * 3 }])
    expect(value).toBe(n % 32)
    expect(blocks).toBeLessThanOrEqual(8)
  }
  expect(file.find([{ intKey: 1 }])).toBeUndefined()
}, 60_000)

test('the last of two fields with one key counts', async () => {
  const long = 'x'.repeat(2_000)
  const many = Array.from({ length: 5_000 }, (_, i) => `"k${i}":${i}`).join()
  const json = `{"a":1,"b":"${long}","a":{"c":"${long}","c":2},"b":3,"m":{${many},"k7":"again"},"a":{"c":4}}`
  const { file } = await read((documents) => documents.writeJson('d', new TextEncoder().encode(json)))
  expect(file.hasDuplicates).toBe(true)
  expect(file.value()).toEqual(JSON.parse(json))
  expect([['a', 'c'], ['b'], ['m', 'k7'], ['m', 'k8']].map((path) => file.read(path))).toEqual([4, 3, 'again', 8])
})

test('a flipped bit anywhere is noticed by a check that the page names', async () => {
  const { bytes, row } = await written((documents) => documents.write('d', orders(40), { thresholdBytes: 100 }))
  const whole = (bytes: Uint8Array) => new DocumentFile(bytes, row).value()
  expect(whole(bytes)).toEqual(orders(40))
  for (let at = 0; at < bytes.length; at += at < 100 || at > bytes.length - 100 ? 1 : 37) {
    const flipped = bytes.slice()
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
    expect(() => whole(flipped), `byte ${at}`).toThrow()
  }
})
