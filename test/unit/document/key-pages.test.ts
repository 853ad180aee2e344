/** Key pages: every key of a run is found, no other is, in few blocks, and hostile bytes are refused.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8, viewOf } from '../../../src/codec/bytes.ts'
import {
  buildKeyRun,
  directoryOf,
  findInLeaf,
  hashIntKey,
  hashKey,
  leavesOf,
  RUN_KEYS_MAX,
  readLeaf,
  readRunHeader,
} from '../../../src/document/index/key-pages.ts'
import { draws } from '../../support/seeded-random.ts'
import { lookUp, type Pair, runOf } from './support/run-maker.ts'

const seeds = fc.integer({ min: 0, max: 0x7fff_ffff })
const DECODE_FAILED = expect.objectContaining({ code: 'DECODE_FAILED' })

function hashText(text: string): number {
  const bytes = utf8(`..${text}.`)
  return hashKey(bytes, 2, bytes.length - 1)
}

/** Pairs as a plain map. */
function model(pairs: readonly Pair[]): Map<number, number[]> {
  const found = new Map<number, number[]>()
  for (const { hash, address } of pairs) found.set(hash, [...(found.get(hash) ?? []), address])
  return found
}

describe('hashKey()', () => {
  test.each([
    ['', 0],
    ['a', 0x3c25_69b2],
    ['aa', 0x3710_91a9],
    ['größe', 0xe3d3_963f],
    ['abc', 0xb3dd_93fa],
    ['test', 0xba6b_d213],
    ['Hello, world!', 0xc036_3e43],
    ['The quick brown fox jumps over the lazy dog', 0x2e4f_f723],
  ])('is MurmurHash3_x86_32 of %j', (text, hash) => {
    expect(hashText(text)).toBe(hash)
  })

  test('spreads numbered keys over all high and low bits', () => {
    for (const hash of [(i: number) => hashText(`k${i}`), hashIntKey]) {
      for (const shift of [0, 8, 24]) {
        const buckets = new Uint32Array(256)
        for (let i = 0; i < 65_536; i++) {
          const bucket = (hash(i) >>> shift) & 255
          buckets[bucket] = (buckets[bucket] as number) + 1
        }
        expect(Math.min(...buckets)).toBeGreaterThan(160)
        expect(Math.max(...buckets)).toBeLessThan(360)
      }
    }
  })
})

describe('hashIntKey()', () => {
  test('is MurmurHash3_x86_32 of 8 bytes with seed 1', () => {
    expect(hashIntKey(Number.MAX_SAFE_INTEGER)).toBe(0xf091_0862)
    expect(hashIntKey(-5)).toBe(0xd940_453b)
  })

  test('differs for integers that differ in sign or high bits only', () => {
    const keys = [0, -1, 1, 2 ** 32, 2 ** 32 + 1, -(2 ** 32), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
    expect(new Set(keys.map(hashIntKey)).size).toBe(keys.length)
  })
})

describe('buildKeyRun()', () => {
  const pairsArbitrary = fc.record({
    seed: seeds,
    count: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3_000 })),
    mask: fc.constantFrom(0, 1, 0xff, 0x8000_0000, 0xffff_ffff, 0xf000_000f),
    gap: fc.constantFrom(1, 200, 2 ** 32, 2 ** 41),
    blockRawBytes: fc.constantFrom(200, 500, 4_084, 65_524),
  })

  test('makes runs in which each hash gives the addresses of a map, and other hashes none', () => {
    fc.assert(
      fc.property(pairsArbitrary, ({ seed, count, mask, gap, blockRawBytes }) => {
        fc.pre(blockRawBytes > 200 || count < 400)
        const draw = draws(seed)
        let address = draw()
        const pairs: Pair[] = Array.from({ length: count }, () => {
          address += 1 + (draw() % gap)
          return { hash: (draw() & mask) >>> 0, address }
        })
        const blocks = runOf(pairs, { blockRawBytes })
        for (const block of blocks) expect(block.length).toBeLessThanOrEqual(blockRawBytes)
        const expected = model(pairs)
        for (const [hash, addresses] of expected) expect(lookUp(blocks, hash).addresses).toEqual(addresses)
        for (let i = 0; i < 50; i++) {
          const hash = draw()
          if (!expected.has(hash)) expect(lookUp(blocks, hash).addresses).toEqual([])
        }
      }),
      { numRuns: 150 },
    )
  }, 30_000)

  test('makes a run of one key, with the number of the run before', () => {
    const [top, leaf, ...more] = runOf([{ hash: 0xffff_ffff, address: 2 ** 53 - 1 }], { previousRun: 77 })
    expect(more).toEqual([])
    expect(readRunHeader(top as Uint8Array, 77)).toEqual({
      keys: 1,
      leaves: 1,
      directoryBlocks: 1,
      leavesPerBlock: 1_021,
      previousRun: 77,
    })
    expect(findInLeaf(leaf as Uint8Array, 0xffff_ffff)).toEqual([2 ** 53 - 1])
    expect(findInLeaf(leaf as Uint8Array, 0)).toEqual([])
  })

  test('makes a full run in which a key is found in three blocks of 4 KiB, at less than 7 bytes a key', () => {
    const hashes = new Uint32Array(RUN_KEYS_MAX)
    const addresses = new Float64Array(RUN_KEYS_MAX)
    for (let i = 0; i < RUN_KEYS_MAX; i++) {
      hashes[i] = hashIntKey(i)
      addresses[i] = 1e9 + i * 900
    }
    const parts = { hashes, addresses, count: RUN_KEYS_MAX, previousRun: 0, blockRawBytes: 4_084 }
    const { blocks } = buildKeyRun(parts)
    const sizeBytes = blocks.reduce((sum, block) => sum + block.length, 0)
    expect(sizeBytes / RUN_KEYS_MAX).toBeLessThan(7)
    let reads = 0
    for (let i = 0; i < RUN_KEYS_MAX; i += 1_009) {
      const found = lookUp(blocks, hashes[i] as number)
      expect(found.addresses).toContain(addresses[i])
      expect(found.reads).toBeLessThanOrEqual(5)
      reads += found.reads
    }
    expect(reads / (RUN_KEYS_MAX / 1_009)).toBeLessThan(3.05)
    const { leaves } = readRunHeader(blocks[0] as Uint8Array, 0)
    const kept = blocks.slice(blocks.length - leaves).flatMap((leaf) => [...readLeaf(leaf).hashes])
    const sorted = hashes.slice().sort()
    expect(kept.length).toBe(RUN_KEYS_MAX)
    expect(kept.every((hash, place) => hash === sorted[place])).toBe(true)
    expect(() => buildKeyRun({ ...parts, count: RUN_KEYS_MAX + 1 })).toThrow(/1,048,576 keys/)
  }, 30_000)

  test.each<[string, readonly Pair[], number]>([
    ['no keys', [], 4_084],
    [
      'keys out of document order',
      [
        { hash: 1, address: 9 },
        { hash: 2, address: 9 },
      ],
      4_084,
    ],
    ['blocks that hold no key', [{ hash: 1, address: 9 }], 16],
  ])('asserts against %s', (_, pairs, blockRawBytes) => {
    expect(() => runOf(pairs, { blockRawBytes })).toThrow(/Invariant/)
  })
})

describe('readRunHeader()', () => {
  const [top] = runOf(
    [
      { hash: 1, address: 9 },
      { hash: 5, address: 19 },
    ],
    { previousRun: 3 },
  ) as [Uint8Array]

  test.each<[string, (view: DataView) => void]>([
    ['more keys than a run has', (view) => view.setUint32(0, RUN_KEYS_MAX + 1, true)],
    ['no leaves', (view) => view.setUint32(4, 0, true)],
    ['more leaves than keys', (view) => view.setUint32(4, 3, true)],
    ['no directory', (view) => view.setUint32(8, 0, true)],
    ['more directory blocks than leaves need', (view) => view.setUint32(8, 3, true)],
    ['further blocks of no leaves', (view) => view.setBigUint64(8, 2n, true)],
    ['fewer hashes than leaves', (view) => view.setUint32(4, 2, true)],
    ['a run before that is behind', (view) => view.setUint32(16, 4, true)],
    ['a number above 2^53 - 1', (view) => view.setUint32(20, 0x20_0000, true)],
  ])('refuses %s', (_, change) => {
    expect(readRunHeader(top, 3).keys).toBe(2)
    const changed = top.slice()
    change(viewOf(changed))
    expect(() => readRunHeader(changed, 3)).toThrow(DECODE_FAILED)
  })

  test('refuses a block that is too short, and takes one with zeros behind', () => {
    for (let length = 0; length < top.length; length++) {
      expect(() => readRunHeader(top.subarray(0, length), 3)).toThrow(DECODE_FAILED)
    }
    const padded = new Uint8Array(4_084)
    padded.set(top)
    expect(readRunHeader(padded, 3).leaves).toBe(1)
  })
})

describe('leavesOf()', () => {
  test('refuses a further directory block that is too short', () => {
    const pairs = Array.from({ length: 3_000 }, (_, i) => ({ hash: i * 1_000_000, address: i }))
    const blocks = runOf(pairs, { blockRawBytes: 200 })
    const header = readRunHeader(blocks[0] as Uint8Array, 0)
    expect(header.directoryBlocks).toBeGreaterThan(2)
    const directory = { bytes: (blocks[1] as Uint8Array).subarray(1), block: 1 }
    expect(() => leavesOf(header, directory, 5)).toThrow(DECODE_FAILED)
    expect(directoryOf(header, blocks[0] as Uint8Array, 5)).toEqual({ first: 1, last: 1 })
  })
})

describe('findInLeaf()', () => {
  const [, leaf] = runOf(
    [
      { hash: 1, address: 9 },
      { hash: 5, address: 2 ** 50 },
    ],
    {},
  ) as [Uint8Array, Uint8Array]

  test('refuses a leaf that is cut', () => {
    for (let length = 0; length < leaf.length; length++) {
      expect(() => findInLeaf(leaf.subarray(0, length), 5)).toThrow(DECODE_FAILED)
      expect(() => readLeaf(leaf.subarray(0, length))).toThrow(DECODE_FAILED)
    }
  })

  test.each<[string, number, readonly number[]]>([
    ['no keys', 0, [0, 0]],
    ['addresses of no bytes', 2, [0]],
    ['addresses of 8 bytes', 2, [8]],
    ['an address above 2^53 - 1', 8, [0, 0, 0, 0, 0, 0, 0x1f]],
    ['a hash above 2^32 - 1', 4, [255, 255, 255, 255]],
  ])('refuses %s', (_, at, bytes) => {
    const changed = leaf.slice()
    changed.set(bytes, at)
    expect(() => readLeaf(changed)).toThrow(DECODE_FAILED)
  })
})
