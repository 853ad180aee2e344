/** The bytes of path indexes: what is written reads back, how much an item takes, and what is refused.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/codec/bytes.ts'
import { decodeIndex } from '../../../src/document/index/decode.ts'
import {
  encodeIndex,
  type IndexItems,
  ITEM,
  itemSizeBytes,
  itemTree,
  type PathIndex,
} from '../../../src/document/index/format.ts'
import { BLOCK_RAW_BYTES, type Item, itemsOf, makeIndex } from './support/index-maker.ts'

const seeds = fc.integer({ min: 0, max: 0x7fff_ffff })
const FACTS = { blockRawBytes: BLOCK_RAW_BYTES, endAddress: 10_000 }
const refusedAs = (reason: RegExp) =>
  expect.objectContaining({ code: 'DECODE_FAILED', message: expect.stringMatching(reason) })

/** Object { a: [..4 elements, the 3rd is 'x'..], 7: {..} }: every kind of item. */
const ROWS: readonly Item[] = [
  { kind: ITEM.object, depth: 0, address: 40, size: 9_000, count: 900, pages: 14 },
  { kind: ITEM.array, depth: 1, address: 45, ordinal: 0, size: 3_000, key: 'a', count: 4 },
  { kind: ITEM.scalar, depth: 2, address: 50, ordinal: 2, size: 2_000 },
  { kind: ITEM.range, depth: 2, address: 2_050, ordinal: 3 },
  { kind: ITEM.range, depth: 1, address: 3_100, ordinal: 1 },
  { kind: ITEM.object, depth: 1, address: 5_000, ordinal: 9, size: 2_000, key: 7, count: 2 },
]

function indexOf(change: (rows: Item[]) => void = () => undefined, keys: readonly string[] = ['a', 'b']): PathIndex {
  const rows = ROWS.map((row) => ({ ...row }))
  change(rows)
  return { items: itemsOf(rows), keys }
}

function decoded(index: PathIndex, facts = FACTS): PathIndex {
  return decodeIndex(encodeIndex(index, facts.blockRawBytes), facts)
}

function change(item: number, facts: Partial<Item>): PathIndex {
  return indexOf((rows) => Object.assign(rows[item] as Item, facts))
}

/** An export of orders: an array of objects, of which every so many are named. */
function orders(count: number, children: number): IndexItems {
  const rows: Item[] = [{ kind: ITEM.array, depth: 0, address: 40, size: count * 4_400, count: count * 20 }]
  for (let order = 0; order < count; order++) {
    const address = 60 + order * 4_400
    const ordinal = order * 9
    if (children === 0) rows.push({ kind: ITEM.range, depth: 1, address, ordinal })
    else rows.push({ kind: ITEM.object, depth: 1, address, ordinal, size: 4_300, count: 12 })
    for (let field = 0; field < children; field++) {
      rows.push({ kind: ITEM.scalar, depth: 2, address: address + 5 + field * 1_050, ordinal: field * 2, size: 1_040 })
      Object.assign(rows[rows.length - 1] as Item, { key: `field${field}` })
    }
  }
  return itemsOf(rows)
}

describe('decodeIndex()', () => {
  test('gives what was encoded, for indexes of any shape', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { index, endAddress } = makeIndex(seed)
        const bytes = encodeIndex(index, BLOCK_RAW_BYTES)
        const { items, keys } = decodeIndex(bytes, { blockRawBytes: BLOCK_RAW_BYTES, endAddress })
        expect(items).toEqual(index.items)
        expect(keys).toEqual(index.keys)
      }),
      { numRuns: 300 },
    )
  })

  test('gives every kind of item and key', () => {
    const odd = ['', 'größe', '\ud800', 'b', '\ufeff', 0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
    for (const key of odd) {
      const index = change(1, { key })
      expect(decoded(index)).toEqual(index)
    }
  })

  test('refuses a beginning of an index, and one with more behind it', () => {
    const bytes = encodeIndex(indexOf(), BLOCK_RAW_BYTES)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeIndex(bytes.subarray(0, length), FACTS)).toThrow(refusedAs(/./))
    }
    const longer = new Uint8Array(bytes.length + 1)
    longer.set(bytes)
    expect(() => decodeIndex(longer, FACTS)).toThrow(refusedAs(/left over/))
  })

  test.each<[string, PathIndex, RegExp]>([
    ['an address at the end', change(5, { address: 10_000 }), /address is past/],
    ['a size of 0', change(2, { size: 0 }), /size of 0/],
    ['a root that ends behind the end', change(0, { size: 9_961 }), /size of 9961/],
    ['a child as large as its container', change(2, { size: 3_000 }), /size of 3000/],
    ['more children than bytes', change(5, { count: 2_000 }), /2000 children/],
    ['an ordinal past the children', change(3, { ordinal: 4 }), /ordinal/],
    ['key pages past the end', change(0, { pages: 21 }), /key pages are past/],
    ['key pages of an array', change(1, { pages: 3 }), /no object/],
  ])('refuses %s', (_, index, reason) => {
    expect(() => decoded(index)).toThrow(refusedAs(reason))
  })

  test.each<[string, number, number]>([
    ['a root that is deeper', 0, 14],
    ['a second root', 4, 0],
    ['an item in a scalar', 3, 24],
    ['an item in a range', 5, 22],
    ['an item below the depth of documents', 5, 8_200],
  ])('refuses %s', (_, item, shape) => {
    const bytes = encodeIndex(indexOf(), BLOCK_RAW_BYTES)
    // Behind the counts and the key table.
    const at = 6
    expect([...bytes.subarray(at, at + 6)]).toEqual([6, 12, 18, 16, 8, 14])
    const number = shape < 128 ? [shape] : [(shape & 127) | 128, shape >> 7]
    const changed = [...bytes.subarray(0, at + item), ...number, ...bytes.subarray(at + item + 1)]
    expect(() => decodeIndex(Uint8Array.from(changed), FACTS)).toThrow(refusedAs(/a depth of/))
  })

  test('refuses a root that is a range, two roots in one run, and more shapes than items', () => {
    // n items, k keys, shape, address, size, count of key pages.
    for (const bytes of [
      [1, 0, 0, 1, 0],
      [2, 0, 3, 0, 1, 1, 2, 1, 0, 0],
      [1, 0, 3, 0, 1, 1, 0],
    ]) {
      expect(() => decodeIndex(Uint8Array.from(bytes), FACTS)).toThrow(refusedAs(/./))
    }
    expect(decodeIndex(Uint8Array.from([1, 0, 2, 1, 1, 0]), FACTS).items.count).toBe(1)
  })

  test('refuses keys that are past the key table, of no known form, or not what they say', () => {
    const refusedKey = (from: string, to: readonly number[], reason: RegExp) => {
      const hex = toHex(encodeIndex(change(1, { key: from }), BLOCK_RAW_BYTES))
      // Three columns end before the key of item 1; the number of item 5 (7, then the key 7) comes behind it.
      const at = hex.lastIndexOf('0707') / 2
      const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
      const changed = [...bytes.subarray(0, at - 1), ...to, ...bytes.subarray(at)]
      expect(() => decodeIndex(Uint8Array.from(changed), FACTS)).toThrow(refusedAs(reason))
    }
    refusedKey('a', [4], /key table/)
    refusedKey('a', [11], /no known form/)
    refusedKey('a', [23], /no known form/)
    refusedKey('a', [15, 255, 255, 255, 255, 255, 255, 255, 15], /no known form/)
    refusedKey('a', [19, 97], /no lone surrogate/)
    refusedKey('a', [19, 0xff], /WTF-8/)
    refusedKey('a', [9], /past the end/)
    refusedKey('a', [5, 0xff], /./)
  })

  test('refuses texts that are not UTF-8, or cut inside a character', () => {
    const bytes = encodeIndex(indexOf(undefined, ['é', 'b']), BLOCK_RAW_BYTES)
    const cut = bytes.slice()
    cut.set([1, 2], 2)
    expect(() => decodeIndex(cut, FACTS)).toThrow(refusedAs(/UTF-8/))
    const damaged = bytes.slice()
    damaged[4] = 0xff
    expect(() => decodeIndex(damaged, FACTS)).toThrow(refusedAs(/UTF-8/))
  })

  test('allocates nothing for counts that its bytes cannot hold', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
    for (const bytes of [
      [...huge, 0, 2, 1, 1, 0],
      [1, ...huge, 2, 1, 1, 0],
      [1, 1, ...huge, 2, 1, 1, 0],
    ]) {
      expect(() => decodeIndex(Uint8Array.from(bytes), FACTS)).toThrow(refusedAs(/./))
    }
  })
})

describe('encodeIndex()', () => {
  test('takes under 40 bytes for a document with one entry', () => {
    const items = itemsOf([{ kind: ITEM.object, depth: 0, address: 40, size: 2 ** 40, count: 2 ** 30 }])
    expect(encodeIndex({ items, keys: [] }, 4_084).length).toBeLessThan(24)
  })

  test('takes at most 6 bytes for a range and 9 for an entry without its key, in an export of orders', () => {
    const ranges = encodeIndex({ items: orders(10_000, 0), keys: [] }, 4_084)
    expect(ranges.length / 10_000).toBeLessThan(4)
    const entries = encodeIndex({ items: orders(10_000, 4), keys: ['field0', 'field1', 'field2', 'field3'] }, 4_084)
    expect(entries.length / 50_000).toBeLessThan(8)
  })

  test('takes no more than itemSizeBytes() for all items together', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { index } = makeIndex(seed)
        const { count, kinds, keys } = index.items
        let bound = 60
        for (const key of index.keys) bound += key.length * 3 + 2
        for (let item = 0; item < count; item++) {
          const key = keys[item]
          const keyBytes = key === undefined ? 0 : typeof key === 'number' ? 9 : key.length * 3 + 1
          bound += itemSizeBytes(keyBytes, kinds[item] as number)
        }
        expect(encodeIndex(index, BLOCK_RAW_BYTES).length).toBeLessThanOrEqual(bound)
      }),
    )
  })

  test.each<[string, PathIndex]>([
    ['addresses that do not increase', change(2, { address: 45 })],
    ['ordinals that do not increase', change(4, { ordinal: 0 })],
    ['an entry in an object without a key', indexOf((rows) => delete (rows[1] as Item).key)],
    ['key pages before their object', change(5, { pages: 9 })],
    ['nothing', { items: itemsOf([]), keys: [] }],
  ])('asserts against %s', (_, index) => {
    expect(() => encodeIndex(index, BLOCK_RAW_BYTES)).toThrow(/Invariant/)
  })
})

describe('itemTree()', () => {
  test('gives where the items inside an item end', () => {
    expect([...itemTree(indexOf().items).ends]).toEqual([6, 4, 3, 4, 5, 6])
    fc.assert(
      fc.property(seeds, (seed) => {
        const { items } = makeIndex(seed).index
        const { ends } = itemTree(items)
        for (let item = 0; item < items.count; item++) {
          let end = item + 1
          while (end < items.count && (items.depths[end] as number) > (items.depths[item] as number)) end++
          expect(ends[item]).toBe(end)
        }
      }),
    )
  })
})
