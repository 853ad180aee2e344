/** Goal: no bytes make reading a delta do more than fail with `DECODE_FAILED`, or take memory that they do not account
 * for; what is read is written and read again as it was; and applying it to a value fails with the same error at most.
 * Method: deltas of random patches are mutated, and codes are drawn that may stand where they do.
 * @module */
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/errors.ts'
import { DeltaKeys } from '../../src/history/delta/keys.ts'
import { decodePatch } from '../../src/history/delta/read.ts'
import { encodePatch } from '../../src/history/delta/write.ts'
import { applyPatch } from '../../src/history/patch/apply.ts'
import { cloneValue } from '../../src/history/patch/copy-value.ts'
import type { Patch } from '../../src/history/patch/patch.ts'
import { tracePath } from '../../src/history/patch/trace-path.ts'
import { share } from '../support/runtime.ts'
import { difference } from '../support/same-value.ts'
import { type Draw, draws } from '../support/seeded-random.ts'
import { randomPatch, randomValue } from '../unit/history/support/random-patches.ts'

const INPUTS = 250_000
const KEYS = ['a', 'b', 'id', ...Array.from({ length: 40 }, (_, at) => `key ${at}`)]
const SAMPLES = 2_000
/** What a byte of a delta stands for at most: a repeat takes three bytes for 256 numbers. */
const VALUES_PER_BYTE = 128
const STEPS = [
  [{ type: 'field', key: 'a' }],
  [
    { type: 'index', index: 1 },
    { type: 'field', key: '0' },
  ],
] as const

function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!isVarveError(error, 'DECODE_FAILED')) throw error
    return undefined
  }
}

/** Values and parts of patches in an object. */
function count(part: unknown): number {
  if (typeof part !== 'object' || part === null || part instanceof Date || part instanceof Uint8Array) return 1
  if (part instanceof BigUint64Array) return part.length
  let parts = 1
  for (const key of Object.keys(part)) parts += count(Object.getOwnPropertyDescriptor(part, key)?.value)
  return parts
}

function check(bytes: Uint8Array, value: unknown): boolean {
  const keys = new DeltaKeys(KEYS)
  const patch = attempt(() => decodePatch(bytes, keys))
  if (patch === undefined) return false
  if (count(patch) > 20 + bytes.length * VALUES_PER_BYTE) expect(count(patch)).toBe(bytes)
  const again = decodePatch(encodePatch(patch, new DeltaKeys(KEYS)), new DeltaKeys(KEYS))
  const problem = difference(again, patch)
  if (problem !== undefined) expect({ problem, bytes }).toBe(undefined)
  for (const steps of STEPS) attempt(() => tracePath([patch, patch], steps))
  attempt(() => applyPatch(cloneValue(value), again))
  return true
}

function mutated(bytes: Uint8Array, draw: Draw): Uint8Array {
  let out = draw() % 8 === 0 ? bytes.slice(0, draw() % (bytes.length + 1)) : bytes.slice()
  for (let left = draw() % 4; left > 0 && out.length > 0; left--) {
    const at = draw() % out.length
    const kind = draw() % 6
    if (kind < 4) out[at] = drawByte(draw)
    else {
      const changed = new Uint8Array(out.length + (kind === 4 ? 1 : -1))
      changed.set(out.subarray(0, at))
      changed.set(out.subarray(kind === 4 ? at : at + 1), kind === 4 ? at + 1 : at)
      if (kind === 4) changed[at] = drawByte(draw)
      out = changed
    }
  }
  return out
}

function drawByte(draw: Draw): number {
  const value = draw()
  return value % 4 === 0 ? value >>> 24 : (BYTES[(value >>> 8) % BYTES.length] as number)
}

/** Codes of patches and values, and numbers that counts, kinds and lengths like to be. */
const BYTES = [
  ...[0x20, 0x21, 0x22, 0x24, 0x28, 0x2f, 0x30, 0x31, 0x34, 0x35, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e],
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0xff, 0x80, 0x7f],
  ...[0x40, 0x41, 0x50, 0x51, 0x60, 0x61, 0x80, 0x81, 0x61, 0x19, 0xc0, 0xc1, 0xe0, 0xe1, 0xe0, 0xe1, 0x0e],
]

describe('decodePatch()', () => {
  test('only fails with DECODE_FAILED: mutated deltas', () => {
    const draw = draws(0x5eed)
    const samples = Array.from({ length: SAMPLES }, () => {
      const value = randomValue(draw)
      return { value, bytes: encodePatch(randomPatch(value, draw), new DeltaKeys(KEYS)) }
    })
    let taken = 0
    for (let run = 0; run < share(INPUTS / 2); run++) {
      const { value, bytes } = samples[draw() % SAMPLES] as (typeof samples)[number]
      if (check(mutated(bytes, draw), value)) taken++
    }
    expect(taken).toBeGreaterThan(share(INPUTS / 2) / 10)
  }, 120_000)

  test('only fails with DECODE_FAILED: random codes', () => {
    const draw = draws(0xfeed)
    const value = { a: { a: [1, 2, 3], b: 'text' }, b: [{ id: 1 }], id: [1n, 2n] }
    let taken = 0
    for (let run = 0; run < share(INPUTS / 2); run++) {
      const bytes = Uint8Array.from({ length: 1 + (draw() % 24) }, () => drawByte(draw))
      if (check(bytes, value)) taken++
    }
    expect(taken).toBeGreaterThan(0)
  }, 120_000)

  test('only fails with DECODE_FAILED: columns', () => {
    const draw = draws(0xc01)
    const array = Array.from({ length: 300 }, (_, at) => (at % 3 === 0 ? 2n ** 60n : at / 8))
    for (let run = 0; run < share(INPUTS / 4); run++) {
      const head = [0x38 + (draw() % 6), ...(draw() % 2 === 0 ? [draw() % 20] : [0xac, 0x02]), draw() % 17]
      check(Uint8Array.from([...head, ...Array.from({ length: draw() % 16 }, () => drawByte(draw))]), array)
    }
  }, 120_000)

  test('refuses a million levels of each kind', () => {
    const kinds = [[0xe0], [0x22, 1, 0xe0], [0x31, 0, 0], [0x30, 1, 2], [0x24, 1, 0xe0, 0x41], [0x41], [0x51, 0xe0]]
    for (const kind of kinds) {
      const bytes = Uint8Array.from({ length: 1_000_000 }, (_, at) => kind[at % kind.length] as number)
      expect(attempt(() => decodePatch(bytes, new DeltaKeys(KEYS)))).toBeUndefined()
    }
  })

  test('takes 1,024 levels, and not one more', () => {
    const nested = (levels: number, kind: (inside: Patch) => Patch): Patch => {
      let patch: Patch = { type: 'set', value: 1 }
      for (let level = 0; level < levels; level++) patch = kind(patch)
      return patch
    }
    const kinds: ((inside: Patch) => Patch)[] = [
      (patch) => ({ type: 'object', removed: [], changed: [['a', patch]], added: [] }),
      (patch) => ({ type: 'object', removed: ['b'], changed: [['a', patch]], added: [] }),
      (patch) => ({ type: 'array', runs: [{ type: 'change', start: 0, patch }] }),
      (patch) => ({
        type: 'array',
        runs: [
          { type: 'insert', values: [] },
          { type: 'change', start: 0, patch },
        ],
      }),
      (patch) => ({ type: 'set', value: patch.type === 'set' ? [patch.value] : 0 }),
      (patch) => ({ type: 'set', value: patch.type === 'set' ? { a: patch.value } : 0 }),
    ]
    for (const kind of kinds) {
      const most = nested(1_024, kind)
      const again = decodePatch(encodePatch(most, new DeltaKeys(KEYS)), new DeltaKeys(KEYS))
      expect(count(again)).toBe(count(most))
      const bytes = encodePatch(nested(1_025, kind), new DeltaKeys(KEYS))
      expect(attempt(() => decodePatch(bytes, new DeltaKeys(KEYS)))).toBeUndefined()
    }
  })
})
