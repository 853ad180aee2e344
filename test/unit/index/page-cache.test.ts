/** The cache of checked pages: what it keeps, how much, and what it forgets.
 * @module */
import { expect, test } from 'vitest'
import { ByteReader } from '../../../src/codec/bytes.ts'
import { PageCache } from '../../../src/index/page-cache.ts'

const page = () => new ByteReader(new Uint8Array(16))

test('PageCache gives back what it was given, by file and page', () => {
  const cache = new PageCache(1 << 20)
  const [a, b] = [cache.runOf('a'), cache.runOf('b')]
  const pages = [page(), page(), page()]
  cache.set(a, 0, pages[0] as ByteReader)
  cache.set(a, 1, pages[1] as ByteReader)
  cache.set(b, 0, pages[2] as ByteReader)
  expect([cache.get(a, 0), cache.get(a, 1), cache.get(b, 0), cache.get(b, 1)]).toEqual([...pages, undefined])
  expect(cache.runOf('a')).toBe(a)
  expect([cache.hits, cache.misses]).toEqual([3, 1])
})

test('PageCache stays within its budget, whatever is asked for', () => {
  for (const budget of [0, 1, 5_000, 10_000, 100_000]) {
    const cache = new PageCache(budget)
    const run = cache.runOf('a')
    for (let i = 0; i < 500; i++) {
      cache.set(run, (i * 7) % 90, page())
      cache.get(run, (i * 11) % 90)
      expect(cache.sizeBytes).toBeLessThanOrEqual(budget)
    }
    expect(cache.sizeBytes > 0).toBe(budget >= 10_000)
  }
})

test('PageCache keeps a page that is asked for again and again, and lets the others go', () => {
  const cache = new PageCache(20 * 4352)
  const run = cache.runOf('a')
  cache.set(run, 0, page())
  for (let i = 1; i < 200; i++) {
    cache.set(run, i, page())
    expect(cache.get(run, 0)).toBeDefined()
  }
  expect(cache.get(run, 1)).toBeUndefined()
})

test('PageCache.forget() drops the pages of a file, and of no other', () => {
  const cache = new PageCache(1 << 20)
  const [a, b] = [cache.runOf('a'), cache.runOf('b')]
  for (const run of [a, b]) for (let i = 0; i < 10; i++) cache.set(run, i, page())
  const before = cache.sizeBytes
  cache.forget('a')
  cache.forget('never seen')
  expect(cache.sizeBytes).toBe(before / 2)
  expect([cache.get(a, 3), cache.get(cache.runOf('a'), 3)]).toEqual([undefined, undefined])
  expect(cache.get(b, 3)).toBeDefined()
})
