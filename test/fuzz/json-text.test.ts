/** Goal: damaged structural events never become text that is not JSON, and never do more than fail.
 * Method: events in all forms are mutated and given to `JsonText` in pieces; what it takes must be JSON, and the value
 * that `ValueBuilder` makes of the same bytes, and what one of them takes, the other does too. The seed is fixed, so
 * that a failure names the run.
 * @module */
import { expect, test } from 'vitest'
import { ValueBuilder } from '../../src/codec/value-builder.ts'
import { parseJsonValue } from '../../src/codec/values.ts'
import type { EventConsumer } from '../../src/document/events/consumer.ts'
import { JsonText } from '../../src/document/json/text.ts'
import { isVarveError } from '../../src/errors.ts'
import { share } from '../support/runtime.ts'
import { difference } from '../support/same-value.ts'
import { concat } from '../unit/document/support/json-driver.ts'
import { structuralBytes } from '../unit/document/support/structural-bytes.ts'

const RUNS = share(250_000)
const KEYS = ['id', 'name', '$type', ...Array.from({ length: 40 }, (_, n) => `key ${n}`)]
/** Codes that end, begin and count, and bytes that are no UTF-8. */
const EDGES = [0x00, 0x05, 0x07, 0x08, 0x0a, 0x0b, 0x0c, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x18, 0x19]
EDGES.push(0x1a, 0x40, 0x42, 0x50, 0x52, 0x60, 0x7f, 0x80, 0x85, 0xbf, 0xc0, 0xc3, 0xdf, 0xe0, 0xe2, 0xff)

/** xorshift32. */
function randomBytes(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

function samples(next: () => number): Uint8Array[] {
  const values: unknown[] = [
    { id: 1, name: 'Zürich 漢字 😀', $type: 'x', list: [1, -2, 3.25, -0.5, 2 ** 40, 1e300], deep: [[{ id: null }]] },
    [{ $type: { id: 1n, big: -(2n ** 70n) } }, new Date(5), new Uint8Array([1, 2, 3, 4]), true, false, undefined],
    { 'odd "key"': 'lone \uD800', '\uDC00': 'a\n"b"', 'key 39': ['', 'x'.repeat(70)], gone: undefined, $type: 1 },
    ['a', 'b', [[], {}, [{}]], { id: [0.1, 0.2] }],
  ]
  return values.flatMap((value) =>
    [() => true, () => false, () => next() % 2 === 0, () => next() % 3 === 0].map((pick) =>
      structuralBytes(value, { keys: KEYS, pick }),
    ),
  )
}

function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  const copy = next() % 8 === 0 ? bytes.slice(0, 1 + (next() % bytes.length)) : bytes.slice()
  for (let count = 1 + (next() % 3); count > 0; count--) {
    copy[next() % copy.length] = next() % 2 === 0 ? next() : (EDGES[next() % EDGES.length] as number)
  }
  return copy
}

/** @returns how far it read, or -1 if it refused. */
function feed(consumer: EventConsumer, bytes: Uint8Array, cut: number): number {
  try {
    const at = consumer.push(bytes, 0, cut)
    return consumer.push(bytes, at, bytes.length)
  } catch (error) {
    if (!isVarveError(error, 'DECODE_FAILED')) throw error
    return -1
  }
}

test('JsonText makes of damaged inputs JSON or DECODE_FAILED, as ValueBuilder', () => {
  const next = randomBytes(0x7e47)
  const originals = samples(next)
  let taken = 0
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutate(originals[run % originals.length] as Uint8Array, next)
    const text = new JsonText(KEYS)
    const value = new ValueBuilder(KEYS)
    const at = feed(text, bytes, next() % bytes.length)
    const want = feed(value, bytes, bytes.length)
    if (text.done !== value.done || (text.done && at !== want)) {
      throw new Error(`run ${run}: text stops at ${at}, value at ${want}: ${bytes.join(' ')}`)
    }
    if (!text.done) continue
    taken++
    const json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(concat(text.take()))
    JSON.parse(json)
    if (run % 10 !== 0 || hasOddity(value.value)) continue
    const found = difference(parseJsonValue(json), value.value ?? null)
    if (found !== undefined) throw new Error(`run ${run}: ${found}: ${json}`)
  }
  expect(taken).toBeGreaterThan(RUNS / 20)
}, 60_000)

/** Bigints that JSON reads as numbers, and strings for decimals, which it reads as numbers too. */
function hasOddity(root: unknown): boolean {
  if (typeof root === 'bigint') return Number.isSafeInteger(Number(root))
  if (typeof root === 'string') return root !== '' && !Number.isNaN(Number(root))
  if (typeof root !== 'object' || root === null || root instanceof Uint8Array) return false
  return Object.values(root).some(hasOddity)
}
