/** Values as bytes: the value table, limits, shapes, and bytes of unknown origin.
 * @module */
import { Packr } from 'msgpackr/pack'
import { describe, expect, test } from 'vitest'
import {
  checkPacked,
  decodeShapes,
  encodeShapes,
  VALUE_PACKED,
  VALUE_STRUCTURAL,
  ValueDecoder,
  ValueEncoder,
} from '../../../src/codec/values.ts'
import { difference } from '../../support/same-value.ts'

function roundTrip(value: unknown): { codec: number; back: unknown; bytes: Uint8Array } {
  const encoder = new ValueEncoder()
  const codec = encoder.encode(value, 'data')
  const bytes = encoder.bytes.slice()
  const decoder = new ValueDecoder(encoder.shapes)
  const back = codec === VALUE_PACKED ? decoder.decodeAll(bytes, 1)[0] : decoder.decodeStructural(bytes)
  return { codec, back, bytes }
}

function failure(action: () => unknown): { code: string; details: Record<string, unknown> } {
  try {
    action()
  } catch (error) {
    return error as { code: string; details: Record<string, unknown> }
  }
  throw new Error('it did not fail')
}

const refusal = (value: unknown) => failure(() => new ValueEncoder().encode(value, 'data'))

function own(key: string, value: unknown): object {
  return Object.defineProperty({}, key, { value, writable: true, enumerable: true, configurable: true })
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

describe('ValueEncoder.encode() keeps', () => {
  const wide = Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`k${index}`, index]))
  const packed: Record<string, unknown> = {
    'minus zero': -0,
    'numbers at the edges of their forms': [63, 64, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53],
    'negative numbers at the edges': [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1],
    'NaN and infinities': [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324],
    'bigints of 64 bits': [0n, 5n, -(2n ** 63n), 2n ** 63n, 2n ** 64n - 1n],
    'dates from 1970 on': [new Date(0), new Date(1), new Date(1_700_000_000_999), new Date(2 ** 34 * 1000 - 1)],
    'bytes of every length form': [0, 1, 255, 256, 65_535, 65_536].map((length) => new Uint8Array(length).fill(7)),
    'keys that msgpackr reads as properties': { constructor: 1, hasOwnProperty: 'x', toJSON: 'data', valueOf: null },
    'keys that are integers': { 10: 'b', 2: 'a', '-1': 'd', '': 'c' },
    'an object of more than 65,535 keys': wide,
    'an array of 99,000': new Array(99_000).fill(1),
    'no fields and no elements': [{}, [], ''],
  }
  for (const length of [31, 32, 63, 64, 65, 255, 256, 65_535, 65_536]) {
    packed[`text of ${length} characters`] = ['a', 'é', '€', '\uFFFF'].map((unit) => unit.repeat(length))
    packed[`text of ${length} pairs`] = '😀'.repeat(length)
  }
  for (const [name, value] of Object.entries(packed)) {
    test(`${name}, packed`, () => {
      const { codec, back, bytes } = roundTrip(value)
      expect(codec).toBe(VALUE_PACKED)
      expect(difference(back, value)).toBeUndefined()
      checkPacked(bytes, 1, [
        ['constructor', 'hasOwnProperty', 'toJSON', 'valueOf'],
        ['2', '10', '-1', ''],
      ])
    })
  }

  const structural: Record<string, unknown> = {
    'lone surrogates': ['\uD800', 'a\uDFFFb', `${'x'.repeat(80)}\uD83D`, '\uDC00\uD800'],
    'lone surrogates in keys': { 'a\uD800': 1 },
    'a `__proto__` key': own('__proto__', { polluted: true }),
    'a `__proto__` key beside others': JSON.parse('{"a":1,"__proto__":[1],"b":2}'),
    'bigints past 64 bits': [2n ** 64n, -(2n ** 63n) - 1n, 12345678901234567890123456789012345678901234567890n],
    'dates before 1970 and far away': [new Date(-1), new Date(8.64e15), new Date(2 ** 34 * 1000)],
    'a byte order mark before a long text': `\uFEFF${'x'.repeat(64)}`,
    'every form beside them': ['\uD800', -0, 1.5, -1, -65, 64, 2 ** 53 - 1, 2 ** 53, true, false, null, 'é'.repeat(70)],
  }
  for (const [name, value] of Object.entries(structural)) {
    test(`${name}, as structural events`, () => {
      const { codec, back } = roundTrip(value)
      expect(codec).toBe(VALUE_STRUCTURAL)
      expect(difference(back, value)).toBeUndefined()
    })
  }

  test('subclasses of Uint8Array as Uint8Array, in memory of their own', () => {
    class Bytes extends Uint8Array {}
    const { bytes } = roundTrip(new Bytes([1, 2, 3]))
    const back = new ValueDecoder([]).decodeAll(bytes, 1)[0] as Uint8Array
    expect(Object.getPrototypeOf(back)).toBe(Uint8Array.prototype)
    bytes.fill(0)
    expect([...back]).toEqual([1, 2, 3])
  })

  test('objects without a prototype, and the same object twice', () => {
    const shared = { a: [1] }
    const bare = Object.assign(Object.create(null), { toJSON: 'data', a: 1 })
    expect(roundTrip([shared, shared, bare]).back).toEqual([shared, shared, { toJSON: 'data', a: 1 }])
  })
})

describe('ValueEncoder.encode() converts', () => {
  test('undefined: null at the top, dropped as a field', () => {
    expect(roundTrip(undefined).back).toBe(null)
    expect(difference(roundTrip({ a: undefined, b: 1, c: { d: undefined } }).back, { b: 1, c: {} })).toBeUndefined()
  })

  test('what has a toJSON, with its key, once', () => {
    class Money {
      toJSON(key: string) {
        return { key, again: { toJSON: () => undefined } }
      }
    }
    expect(roundTrip({ price: new Money(), list: [new Money()], url: new URL('http://a.b/') }).back).toEqual({
      price: { key: 'price' },
      list: [{ key: '0' }],
      url: 'http://a.b/',
    })
    expect(roundTrip({ gone: { toJSON: () => undefined } }).back).toEqual({})
    expect(roundTrip(new Money()).back).toEqual({ key: '' })
  })
})

describe('ValueEncoder.encode() refuses with the path', () => {
  class Order {
    id = 1
  }
  class List extends Array {}
  const cyclic: Record<string, unknown> = { name: 'x' }
  cyclic.children = [{ parent: cyclic }]
  const circle: unknown[] = []
  circle.push(circle)
  const cases: [string, unknown, string][] = [
    ['a Map', { items: [1, { name: new Map() }] }, 'data.items[1].name'],
    ['a Set', { 'odd key': new Set() }, 'data."odd key"'],
    ['a function', [() => 1], 'data[0]'],
    ['a symbol', { a: Symbol('s') }, 'data.a'],
    ['another typed array', { a: { b: new Float64Array(2) } }, 'data.a.b'],
    ['an ArrayBuffer', [new ArrayBuffer(2)], 'data[0]'],
    ['a class instance', { order: new Order() }, 'data.order'],
    ['a subclass of Array', { list: new List() }, 'data.list'],
    ['an invalid Date', { at: new Date(Number.NaN) }, 'data.at'],
    ['a fake Date', { at: Object.create(Date.prototype) }, 'data.at'],
    ['undefined in an array', { a: [1, undefined] }, 'data.a[1]'],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested.
    ['a hole', [1, , 3], 'data[1]'],
    [
      'a toJSON that throws',
      {
        a: [
          {
            toJSON: () => {
              throw new Error('no')
            },
          },
        ],
      },
      'data.a[0]',
    ],
    ['an instance from toJSON', { a: { toJSON: () => new Order() } }, 'data.a'],
    ['a boxed string', { a: Object('x') }, 'data.a'],
    ['an Error', new Error('x'), 'data'],
  ]
  for (const [name, value, path] of cases) {
    test(name, () => {
      const error = refusal(value)
      expect(error.code).toBe('VALUE_UNSUPPORTED')
      expect(error.details.path).toBe(path)
      // Also where a value is written as structural events.
      expect(refusal(['\uD800', value]).code).toBe('VALUE_UNSUPPORTED')
    })
  }

  test('cycles, through objects and arrays', () => {
    expect(refusal(cyclic).details).toMatchObject({ found: 'a cycle' })
    expect(refusal(circle).details).toMatchObject({ found: 'a cycle' })
  })

  test('what a million levels are, without overflowing the stack', () => {
    const error = refusal(nested(1_000_000))
    expect(error).toMatchObject({ code: 'EVENT_TOO_LARGE', details: { limitName: 'depth', limit: 128, found: 129 } })
  })

  test('depth 129, but not 127 and 128', () => {
    expect(difference(roundTrip(nested(127)).back, nested(127))).toBeUndefined()
    expect(difference(roundTrip(nested(128)).back, nested(128))).toBeUndefined()
    expect(refusal(nested(129)).code).toBe('EVENT_TOO_LARGE')
  })

  test('more than 100,000 values', () => {
    new ValueEncoder().encode(new Array(99_999).fill(0), 'data')
    expect(refusal(new Array(100_000).fill(0)).details).toMatchObject({ limitName: 'nodes', found: 100_001 })
  })

  test('keys of more than 1 KiB, in records and in maps', () => {
    const long = 'é'.repeat(512)
    expect(roundTrip({ [long]: 1 }).back).toEqual({ [long]: 1 })
    const many = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`k${index}`, 1]))
    for (const value of [{ [`${long}x`]: 1 }, { ...many, [`${long}x`]: 1 }]) {
      expect(refusal(value).details).toMatchObject({ limitName: 'keyBytes', limit: 1024, found: 1025 })
    }
  })

  test('more than 1 MiB, in one text, in bytes and in many', () => {
    const fits = 'x'.repeat(1_048_571)
    expect(roundTrip(fits).bytes.length).toBe(1_048_576)
    const large = [`${fits}x`, new Uint8Array(1_048_572), new Array(90_000).fill('0123456789ab'), ['€'.repeat(400_000)]]
    for (const value of large)
      expect(refusal(value).details).toMatchObject({ limitName: 'sizeBytes', limit: 1_048_576 })
  })

  test('nothing into the buffer, and works on after it', () => {
    const encoder = new ValueEncoder()
    encoder.encode({ a: 1 }, 'data')
    const { length } = encoder
    expect(() => encoder.encode({ a: 'x', b: new Map() }, 'data')).toThrow()
    expect(() => encoder.encode({ b: '\uD800', c: new Map() }, 'data')).toThrow()
    expect(encoder.length).toBe(length)
    encoder.encode({ a: 2 }, 'data')
    expect(new ValueDecoder(encoder.shapes).decodeAll(encoder.bytes, 2)).toEqual([{ a: 1 }, { a: 2 }])
  })
})

describe('ValueEncoder shapes', () => {
  test('number at most 256 and later objects are maps', () => {
    const encoder = new ValueEncoder()
    const values = Array.from({ length: 1_000 }, (_, index) => ({ [`key${index}`]: index, same: true }))
    for (const value of [...values, ...values]) encoder.encode(value, 'data')
    expect(encoder.shapes.length).toBe(256)
    const decoder = new ValueDecoder(decodeShapes(encodeShapes(encoder.shapes)))
    expect(decoder.decodeAll(encoder.bytes, 2_000)).toEqual([...values, ...values])
  })

  test('have at most 64 keys, never none, and survive a reset', () => {
    const encoder = new ValueEncoder()
    const fields = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]))
    const values = [fields(64), fields(65), {}]
    for (const value of values) encoder.encode(value, 'data')
    expect(encoder.shapes.map((keys) => keys.length)).toEqual([64])
    expect(new ValueDecoder(encoder.shapes).decodeAll(encoder.bytes, 3)).toEqual(values)
    encoder.reset()
    expect([encoder.length, encoder.shapes.length]).toEqual([0, 1])
  })

  test('make the bytes that msgpackr writes', () => {
    const options = { maxSharedStructures: 256, maxOwnStructures: 0, variableMapSize: true, useRecords: () => true }
    const packr = new Packr({ ...options, structures: [] } as ConstructorParameters<typeof Packr>[0])
    const encoder = new ValueEncoder()
    for (let index = 0; index < 300; index++) {
      const value = {
        [`k${index % 70}`]: index,
        list: [{ a: -1 - index, b: index / 3 }, 'é'.repeat(index)],
        flag: true,
      }
      encoder.reset()
      encoder.encode(value, 'data')
      expect([...encoder.bytes]).toEqual([...packr.pack(value)])
    }
  })
})

describe('ValueDecoder.decodeAll()', () => {
  const encoder = new ValueEncoder()
  for (let index = 0; index < 5; index++) encoder.encode({ id: index, name: `name ${index}` }, 'data')
  const bytes = encoder.bytes.slice()
  const decoder = new ValueDecoder(encoder.shapes)

  test('fails on another count, on missing and on trailing bytes, and works on after it', () => {
    const trailing = new Uint8Array([...bytes, 0xc1, 0xd9])
    const wrong: [Uint8Array, number][] = [
      [bytes, 4],
      [bytes, 6],
      [bytes.slice(0, -1), 5],
      [trailing, 5],
      [bytes, 0],
    ]
    wrong.push([new Uint8Array(0), 1], [new Uint8Array(100_000).fill(0x91), 1])
    for (const [damaged, count] of wrong) {
      expect(failure(() => decoder.decodeAll(damaged, count)).code).toBe('DECODE_FAILED')
      expect(decoder.decodeAll(bytes, 5)[4]).toEqual({ id: 4, name: 'name 4' })
    }
    expect(decoder.decodeAll(new Uint8Array(0), 0)).toEqual([])
  })

  test('reads a part of a larger buffer, and leaves it as it was', () => {
    const larger = new Uint8Array([9, 9, ...bytes, 9])
    const part = larger.subarray(2, 2 + bytes.length)
    expect(decoder.decodeAll(part, 5)).toEqual(decoder.decodeAll(bytes, 5))
    expect(Object.keys(part).length).toBe(bytes.length)
  })

  test('does the same where code generation is refused', () => {
    const original = globalThis.Function
    const refused = () => {
      throw new EvalError('Code generation from strings disallowed for this context')
    }
    try {
      globalThis.Function = refused as unknown as FunctionConstructor
      const fresh = new ValueDecoder(encoder.shapes)
      for (let run = 0; run < 3; run++) expect(fresh.decodeAll(bytes, 5)[3]).toEqual({ id: 3, name: 'name 3' })
    } finally {
      globalThis.Function = original
    }
  })
})

describe('checkPacked()', () => {
  test('refuses what the encoder never writes', () => {
    const refused = [[0xc1], [0xca, 0, 0, 0, 0], [0xd4, 0x72, 0x40], [0xc7, 1, 0, 0], [0xd6, 0xff, 0, 0, 0, 0], [0x40]]
    refused.push([0x81, 0x01, 0x01], [0xa5, 0x61], [0xdd, 0xff, 0xff, 0xff, 0xff], [0xc6, 0xff, 0xff, 0xff, 0xff], [])
    refused.push([0x81, 0xa9, ...new TextEncoder().encode('__proto__'), 0xc0], [0xc0, 0xc0], [0x60, 0x01])
    for (const bytes of refused) {
      expect(failure(() => checkPacked(new Uint8Array(bytes), 1)).code).toBe('DECODE_FAILED')
    }
  })
})
