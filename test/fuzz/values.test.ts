/** Goal: every value of the value table comes back the same, and no bytes do more than fail.
 * Method: values drawn from the whole table with odd keys go through both codecs and the JSON dialect; encodings are
 * mutated and decoded. fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/codec/bytes.ts'
import { LeafHasher, leafValue } from '../../src/codec/event-leaf.ts'
import { decodeStructural } from '../../src/codec/structural.ts'
import {
  checkPacked,
  decodeShapes,
  encodeShapes,
  parseJsonValue,
  stringifyValue,
  VALUE_PACKED,
  ValueDecoder,
  ValueEncoder,
} from '../../src/codec/values.ts'
import { isVarveError } from '../../src/errors.ts'
import { portableDigest } from '../../src/ports/digest.ts'
import { share } from '../support/runtime.ts'
import { difference } from '../support/same-value.ts'

const lengths = [0x1f, 0x20, 0x3f, 0x40, 0x41, 0x54, 0x55, 0xff, 0x100, 0xffff, 0x10000]
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'grapheme', maxLength: 90 }) },
  { weight: 2, arbitrary: fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((u) => String.fromCharCode(u)) }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...lengths.slice(0, 9)), fc.constantFrom('a', 'é', '€', '😀', '\uD800'), fc.boolean())
      .map(([length, unit, mark]) => (mark ? '\uFEFF' : '') + unit.repeat(length)),
  },
)
const key = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c', 'name', 'items') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        '__proto__',
        'constructor',
        'hasOwnProperty',
        'toString',
        'prototype',
        '',
        '0',
        '10',
        '2',
        '-1',
        '4294967295',
      ],
      ...['$type', 'length', 'then', '__proto_', 'valueOf', 'a b', '\u2028', '"', "'", '\\', '\uDC00'],
    ),
  },
  { weight: 1, arbitrary: text.filter((candidate) => candidate.length < 300) },
)
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(
    ...[0, -0, NaN, Infinity, -Infinity, 63, 64, 127, 128, 255, 256, 65_535, 65_536, -32, -33, -128, -129],
  ),
  fc.constantFrom(
    ...[-32_768, -32_769, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 2 ** 53 + 2],
  ),
  fc.constantFrom(-(2 ** 53), 1e20, 1e21, Number.MIN_VALUE, Number.MAX_VALUE),
)
const bigint = fc.oneof(fc.bigInt(), fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), fc.constant(2n ** 64n))
const scalar = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 4, arbitrary: number },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false) },
  { weight: 1, arbitrary: bigint },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: fc.date({ noInvalidDate: true }) },
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 18 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 18 }).map(objectOf),
  ),
}))

function objectOf(fields: readonly (readonly [string, unknown])[]): object {
  const object = {}
  for (const [name, field] of fields) {
    Object.defineProperty(object, name, { value: field, writable: true, enumerable: true, configurable: true })
  }
  return object
}

function hasSmallBigint(root: unknown): boolean {
  if (typeof root === 'bigint') return Number.isSafeInteger(Number(root))
  if (typeof root !== 'object' || root === null || root instanceof Uint8Array) return false
  return Object.values(root).some(hasSmallBigint)
}

describe('values', () => {
  test('ValueEncoder and ValueDecoder give back every value of the table', () => {
    const encoder = new ValueEncoder()
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
        encoder.reset()
        const packed: unknown[] = []
        const parts: Uint8Array[] = []
        const decoder = new ValueDecoder([])
        for (const one of values) {
          const start = encoder.length
          const codec = encoder.encode(one, 'data')
          const bytes = encoder.bytes.slice(start)
          if (codec === VALUE_PACKED) {
            packed.push(one)
            parts.push(bytes)
          } else expect(difference(decoder.decodeStructural(bytes), one)).toBeUndefined()
        }
        const bytes = concat(parts)
        const shapes = decodeShapes(encodeShapes(encoder.shapes))
        expect(shapes).toEqual(encoder.shapes)
        checkPacked(bytes, packed.length, shapes)
        expect(difference(new ValueDecoder(shapes).decodeAll(bytes, packed.length), packed)).toBeUndefined()
      }),
      { numRuns: 400 },
    )
  })

  test('parseJsonValue gives back what stringifyValue wrote, bigints within 2^53 excepted', () => {
    fc.assert(
      fc.property(value, (one) => {
        const text = stringifyValue(one)
        JSON.parse(text)
        if (!hasSmallBigint(one)) expect(difference(parseJsonValue(text), one)).toBeUndefined()
      }),
      { numRuns: 400 },
    )
  })

  test('LeafHasher.hash() of an event is that of the event from its JSON, and of no other value', () => {
    const hasher = new LeafHasher(portableDigest)
    const leafOf = (data: unknown) => {
      const event = { partition: 0, offset: 1, id: 'i', kind: 'k', entity: 'e', at: 1, recordedAt: 1, data }
      return toHex(hasher.hash(leafValue(event, { lineage: 'l', idempotencyKey: undefined })))
    }
    fc.assert(
      fc.property(value, value, (one, other) => {
        const text = stringifyValue(one)
        expect(leafOf(parseJsonValue(text))).toBe(leafOf(one))
        if (text !== stringifyValue(other)) expect(leafOf(other)).not.toBe(leafOf(one))
      }),
      { numRuns: share(400) },
    )
  })

  test('parseJsonValue agrees with JSON.parse on JSON without $type and long integers', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', '}', ',', '"', '\\', '-', '0', '\u0001'),
        (json, at, put) => {
          const cut = at % (json.length + 1)
          // The escape in front sends the text to the parser of this library.
          const damaged = `["\\u0041",${json.slice(0, cut)}${put}${json.slice(cut)}]`
          let want: unknown
          try {
            want = JSON.parse(damaged)
          } catch {
            expect(() => parseJsonValue(damaged)).toThrow(expect.objectContaining({ code: 'JSON_INVALID' }))
            return
          }
          if (!/\d{16}|\$type/.test(damaged)) expect(difference(parseJsonValue(damaged), want)).toBeUndefined()
        },
      ),
      { numRuns: 400 },
    )
  })
})

describe('hostile bytes', () => {
  const samples = hostileSamples()
  const runs = share(60_000)

  test('checkPacked, then ValueDecoder, only fails with DECODE_FAILED', () => {
    const next = randomBytes(0x5eed)
    const { packed, shapes } = samples
    const decoder = new ValueDecoder(shapes)
    for (let run = 0; run < runs; run++) {
      const bytes = mutate(packed, next)
      onlyDecodeFails(() => {
        checkPacked(bytes, 8, shapes)
        expect(decoder.decodeAll(bytes, 8).length).toBe(8)
      })
    }
    // Nothing that was refused left a trace.
    expect(decoder.decodeAll(packed, 8).length).toBe(8)
  })

  test('decodeStructural and decodeShapes only fail with DECODE_FAILED', () => {
    const next = randomBytes(0xfeed)
    for (let run = 0; run < runs; run++) {
      onlyDecodeFails(() => decodeStructural(mutate(samples.structural, next)))
      onlyDecodeFails(() => decodeShapes(mutate(samples.table, next)))
    }
  })

  test('ValueDecoder.decodeAll only fails with DECODE_FAILED on unchecked bytes', () => {
    const next = randomBytes(0xbad)
    for (let run = 0; run < runs / 6; run++) {
      const decoder = new ValueDecoder(samples.shapes)
      onlyDecodeFails(() => decoder.decodeAll(mutate(samples.packed, next), 8))
    }
  })

  test('checkPacked refuses or accepts every first byte with every size at once', () => {
    for (let code = 0; code < 256; code++) {
      for (const fill of [0x00, 0x01, 0xff]) {
        const bytes = new Uint8Array(12).fill(fill)
        bytes[0] = code
        onlyDecodeFails(() => checkPacked(bytes, 1, samples.shapes))
        onlyDecodeFails(() => decodeStructural(bytes))
      }
    }
  })

  test('checkPacked and decodeStructural refuse a million levels', () => {
    for (const code of [0x91, 0x81, 0x12, 0x10]) {
      const bytes = new Uint8Array(1_000_000).fill(code)
      expect(() => checkPacked(bytes, 1)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
      expect(() => decodeStructural(bytes)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
    }
  })
})

function hostileSamples(): { packed: Uint8Array; shapes: string[][]; structural: Uint8Array; table: Uint8Array } {
  const encoder = new ValueEncoder()
  const row = {
    id: 'row-1',
    at: new Date(1_700_000_000_123),
    count: 5_000_000_000,
    tags: ['a', 'ü'],
    blob: new Uint8Array(5),
  }
  for (let index = 0; index < 8; index++) {
    encoder.encode(
      {
        ...row,
        nested: [
          { index, big: 2n ** 62n },
          { [`key${index}`]: -5, other: null },
        ],
      },
      'data',
    )
  }
  const packed = encoder.bytes.slice()
  encoder.reset()
  encoder.encode(
    { ...row, big: -(2n ** 90n), lone: 'x\uD800y', old: new Date(-5), deep: [[{ a: -0 }], 'é'.repeat(70)] },
    'data',
  )
  const shapes = encoder.shapes.map((keys) => [...keys])
  return { packed, shapes, structural: encoder.bytes.slice(), table: encodeShapes(shapes) }
}

function onlyDecodeFails(action: () => unknown): void {
  try {
    action()
  } catch (error) {
    if (!isVarveError(error, 'DECODE_FAILED')) throw error
  }
}

function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  const copy = next() % 8 === 0 ? bytes.slice(0, next() % bytes.length) : bytes.slice()
  for (let count = 1 + (next() % 3); count > 0 && copy.length > 0; count--) {
    copy[next() % copy.length] = next() % 2 === 0 ? next() : (EDGES[next() % EDGES.length] as number)
  }
  return copy
}

const EDGES = [0x00, 0x01, 0x7f, 0x80, 0x8f, 0x9f, 0xc1, 0xc6, 0xc7, 0xc9, 0xd4, 0xd5, 0xdb, 0xdd, 0xdf, 0xff]

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

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
