/** Goal: patches come back from their bytes as they were, and small ones take few bytes.
 * Method: fixed patches of every kind, and columns of every form. Random ones are in trace-path.test.ts.
 * @module */
import { describe, expect, test } from 'vitest'
import { DeltaKeys } from '../../../src/history/delta/keys.ts'
import { decodePatch } from '../../../src/history/delta/read.ts'
import { encodePatch } from '../../../src/history/delta/write.ts'
import type { Patch } from '../../../src/history/patch/patch.ts'

function roundTrip(patch: Patch, keys: readonly string[] = ['a', 'b']): Uint8Array {
  const bytes = encodePatch(patch, new DeltaKeys(keys))
  expect(decodePatch(bytes, new DeltaKeys(keys))).toEqual(patch)
  return bytes
}

/** An object of which one field changed. */
function field(key: string, patch: Patch): Patch {
  return { type: 'object', removed: [], changed: [[key, patch]], added: [] }
}

describe('encodePatch()', () => {
  test('takes few bytes for a small change', () => {
    expect(roundTrip(field('a', field('b', { type: 'set', value: 5 })))).toHaveLength(3)
    const edit: Patch = { type: 'string', edits: [{ start: 10, remove: 2, insert: 'xyz' }] }
    expect(roundTrip(field('a', edit))).toHaveLength(8)
    const element: Patch = {
      type: 'array',
      runs: [
        { type: 'keep', start: 0, length: 4 },
        { type: 'change', start: 4, patch: field('a', { type: 'set', value: 'x' }) },
        { type: 'keep', start: 5, length: 100 },
      ],
    }
    expect(roundTrip(element)).toHaveLength(6)
  })

  test('writes every kind of patch so that decodePatch() reads the same', () => {
    roundTrip({
      type: 'object',
      removed: ['gone', 'a'],
      changed: [
        ['b', { type: 'set', value: [{ a: 1, new: -0 }, 'text', 2n ** 70n, new Uint8Array(3), new Date(5), null] }],
        ['c', { type: 'string', edits: [] }],
      ],
      added: [
        ['x\ud800', { __proto__x: 1 }],
        ['gone', Number.NaN],
      ],
      order: [
        [3, 2],
        [0, 1],
      ],
    })
    roundTrip({ type: 'object', removed: [], changed: [], added: [] })
    roundTrip({ type: 'object', removed: [], changed: [], added: [], order: [] })
    roundTrip({ type: 'array', runs: [] })
    roundTrip({
      type: 'array',
      runs: [
        { type: 'keep', start: 5, length: 3 },
        { type: 'insert', values: ['a', [{}]] },
        { type: 'change', start: 1, patch: { type: 'set', value: true } },
        { type: 'change', start: 2, patch: { type: 'array', runs: [{ type: 'insert', values: [] }] } },
        { type: 'keep', start: 3, length: 2 },
      ],
    })
    roundTrip({
      type: 'string',
      edits: [
        { start: 3, remove: 0, insert: 'é\ud800' },
        { start: 9, remove: 4, insert: '' },
      ],
    })
  })
})

describe('columns of numbers', () => {
  const range = (count: number, make: (at: number) => number | bigint) =>
    Array.from({ length: count }, (_, at) => make(at))
  const columns: [string, readonly (number | bigint)[] | BigUint64Array, number][] = [
    ['nothing', [], 5],
    ['one', [1.5], 8],
    ['mixed', [1, 2n, -0, Number.NaN, 0.1, -(2n ** 80n)], 60],
    ['constant bigints', range(1000, () => 60_000_000_000n), 50],
    ['timestamps', range(1000, (at) => 1_700_000_000_000_000_000n + BigInt(at) * 1_000_000_000n), 60],
    ['whole numbers', range(1000, (at) => (at * 7919) % 1000), 2100],
    ['decimals', range(1000, (at) => ((at * 7919) % 1000) / 100), 2100],
    ['floats', range(100, (at) => Math.sqrt(at)), 810],
    ['few floats', range(1000, (at) => Math.sqrt(at % 2)), 1020],
    ['zeros and -0', range(100, (at) => (at % 2 === 0 ? 0 : -0)), 120],
    ['bits', BigUint64Array.from(range(100, (at) => BigInt(at) << 40n) as bigint[]), 110],
    ['no bits', new BigUint64Array(100), 12],
    ['huge', [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 60, Number.NEGATIVE_INFINITY], 40],
  ]
  test.each(columns)('of %s come back and are short', (_, values, sizeBytes) => {
    for (const coding of ['set', 'add', 'bits'] as const) {
      const bytes = roundTrip({ type: 'numbers', coding, values })
      expect(bytes.length).toBeLessThanOrEqual(sizeBytes)
      const positions = Array.from(values, (_, at) => at * 3)
      roundTrip({ type: 'numbers', positions, coding, values })
    }
  })
})
