/** Goal: no bytes make a path index or key pages do more than fail: typed errors, no endless reading, no large memory.
 * Method: indexes and runs of any shape with bytes set, taken away and put in, and bytes that are drawn like theirs,
 * without any checksum before the decoders; what they take keeps every promise that readers rely on. fast-check gives
 * the seeds and prints those of a failure; each gives a hundred inputs.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sameBytes } from '../../src/codec/bytes.ts'
import { decodeIndex } from '../../src/document/index/decode.ts'
import { encodeIndex, ITEM, itemTree, type PathIndex } from '../../src/document/index/format.ts'
import { readLeaf, readRunHeader } from '../../src/document/index/key-pages.ts'
import { isVarveError } from '../../src/errors.ts'
import { share } from '../support/runtime.ts'
import { type Draw, draws } from '../support/seeded-random.ts'
import { BLOCK_RAW_BYTES, makeIndex } from '../unit/document/support/index-maker.ts'
import { lookUp, type Pair, runOf } from '../unit/document/support/run-maker.ts'

const INPUTS = 250_000
const INPUTS_PER_SEED = 100
const READS_MAX = 1_000
const seeds = fc.integer({ min: 0, max: 0x7fff_ffff })

/** What `attempt` returns, or undefined when it fails with `DECODE_FAILED`; other errors are thrown on. */
function answer<T>(attempt: () => T): T | undefined {
  try {
    return attempt()
  } catch (error) {
    if (!isVarveError(error, 'DECODE_FAILED')) throw error
    return undefined
  }
}

/** Bytes that numbers like to be. */
function drawByte(draw: Draw): number {
  const value = draw()
  return [value >>> 24, (value >>> 24) % 8, 0xff, 0x80 | (value >>> 24), 0][value % 5] as number
}

/** One to six changes: a byte set, some taken away, one put in. */
function mutated(bytes: Uint8Array, draw: Draw): Uint8Array {
  let out = bytes.slice()
  for (let left = 1 + (draw() % 6); left > 0 && out.length > 0; left--) {
    // Half of them where the counts are.
    const at = draw() % (draw() % 2 === 0 ? out.length : Math.min(24, out.length))
    const kind = draw() % 8
    if (kind < 5) out[at] = drawByte(draw)
    else if (kind === 5) out = out.slice(0, at)
    else {
      const changed = new Uint8Array(out.length + (kind === 6 ? 1 : -1))
      changed.set(out.subarray(0, at))
      changed.set(out.subarray(kind === 6 ? at : at + 1), kind === 6 ? at + 1 : at)
      if (kind === 6) changed[at] = drawByte(draw)
      out = changed
    }
  }
  return out
}

/** Everything that readers rely on, of every item. */
function brokenPromise({ items, keys }: PathIndex, endAddress: number): string | undefined {
  const { count, kinds, depths, addresses, ordinals, sizes, counts, pages } = items
  const parents: number[] = []
  const last: number[] = []
  for (let item = 0; item < count; item++) {
    const depth = depths[item] as number
    const parent = depth === 0 ? -1 : (parents[depth - 1] ?? -2)
    const address = addresses[item] as number
    if ((depth === 0) !== (item === 0) || parent === -2) return 'depth'
    if (item > 0 && address <= (addresses[item - 1] as number)) return 'address'
    if (address + (sizes[item] as number) > endAddress) return 'end'
    if ((kinds[item] === ITEM.range) !== (sizes[item] === 0)) return 'size'
    if ((pages[item] as number) > Math.ceil(endAddress / BLOCK_RAW_BYTES)) return 'pages'
    const isField = parent >= 0 && kinds[parent] === ITEM.object && kinds[item] !== ITEM.range
    if (isField !== (items.keys[item] !== undefined)) return 'key'
    if (parent >= 0) {
      const ordinal = ordinals[item] as number
      if (!(ordinal > (last[parent] ?? -1) && ordinal < (counts[parent] as number))) return 'ordinal'
      last[parent] = ordinal
    }
    parents.length = depth
    if ((kinds[item] as number) >= ITEM.array) parents[depth] = item
  }
  return keys.every((key) => key.isWellFormed()) ? undefined : 'key table'
}

test('decodeIndex() of mutated indexes fails with DECODE_FAILED, or gives one that keeps every promise', () => {
  let inputs = 0
  let taken = 0
  fc.assert(
    fc.property(seeds, (seed) => {
      const draw = draws(seed)
      const { index, endAddress } = makeIndex(seed, 40)
      const bytes = encodeIndex(index, BLOCK_RAW_BYTES)
      for (let input = 0; input < INPUTS_PER_SEED; input++, inputs++) {
        const isDrawn = input % 10 === 0
        const changed = isDrawn ? Uint8Array.from({ length: draw() % 60 }, () => drawByte(draw)) : mutated(bytes, draw)
        const decoded = answer(() => decodeIndex(changed, { blockRawBytes: BLOCK_RAW_BYTES, endAddress }))
        if (decoded === undefined) continue
        taken++
        const broken = brokenPromise(decoded, endAddress)
        if (broken !== undefined) throw new Error(`it breaks a promise: ${broken}`)
        itemTree(decoded.items)
        // What reads well can be written, and reads the same.
        const again = encodeIndex(decoded, BLOCK_RAW_BYTES)
        const twice = encodeIndex(decodeIndex(again, { blockRawBytes: BLOCK_RAW_BYTES, endAddress }), BLOCK_RAW_BYTES)
        if (!sameBytes(again, twice)) throw new Error('it is not what was written')
      }
    }),
    { numRuns: share(INPUTS) / INPUTS_PER_SEED },
  )
  expect(taken).toBeGreaterThan(inputs / 100)
}, 60_000)

/** A run whose directory takes one block or several. */
function makeRun(draw: Draw): { blocks: readonly Uint8Array[]; pairs: readonly Pair[] } {
  const mask = [0xffff_ffff, 0xff, 0xf000_0000][draw() % 3] as number
  let address = draw()
  const pairs = Array.from({ length: 1 + (draw() % 300) }, () => {
    address += 1 + (draw() % 5_000)
    return { hash: (draw() & mask) >>> 0, address }
  })
  return { blocks: runOf(pairs, { blockRawBytes: 160 }), pairs }
}

test('look-ups in mutated key pages fail with DECODE_FAILED, or end after few reads', () => {
  let inputs = 0
  let taken = 0
  fc.assert(
    fc.property(seeds, (seed) => {
      const draw = draws(seed)
      const { blocks, pairs } = makeRun(draw)
      for (let input = 0; input < INPUTS_PER_SEED; input++, inputs++) {
        const changed = blocks.slice()
        // Two of three times the first block: its numbers say where everything is.
        const which = input % 3 === 0 ? draw() % blocks.length : 0
        changed[which] = mutated(blocks[which] as Uint8Array, draw)
        const { hash } = pairs[draw() % pairs.length] as Pair
        const found = answer(() => lookUp(changed, hash, READS_MAX))
        if (found !== undefined) {
          taken++
          expect(found.reads).toBeLessThan(READS_MAX)
          if (!found.addresses.every(Number.isSafeInteger)) throw new Error('an address is no safe integer')
        }
        const leaf = answer(() => readLeaf(changed[which] as Uint8Array))
        if (leaf !== undefined && leaf.hashes.length > 160) throw new Error('a leaf has more keys than bytes')
      }
    }),
    { numRuns: share(INPUTS) / INPUTS_PER_SEED },
  )
  expect(taken).toBeGreaterThan(inputs / 100)
}, 60_000)

test('readRunHeader() takes what the fuzz begins with', () => {
  const { blocks, pairs } = makeRun(draws(7))
  expect(readRunHeader(blocks[0] as Uint8Array, 0).keys).toBe(pairs.length)
})
