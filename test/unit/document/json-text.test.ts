/** JSON text from structural events: what is written for each, how it is cut, what is refused.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CODE } from '../../../src/codec/structural-codes.ts'
import { parseJsonValue, stringifyValue } from '../../../src/codec/values.ts'
import { JsonText } from '../../../src/document/json/text.ts'
import { isVarveError } from '../../../src/errors.ts'
import { share } from '../../support/runtime.ts'
import { difference } from '../../support/same-value.ts'
import { concat, jsonPieces, jsonText } from './support/json-driver.ts'
import { structuralBytes } from './support/structural-bytes.ts'

const ascii = (text: string): number[] => [...new TextEncoder().encode(text)]
const hex = (text: string): Uint8Array => Uint8Array.from(text.split(' '), (byte) => Number.parseInt(byte, 16))

function failure(action: () => unknown): Record<string, unknown> {
  try {
    action()
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED')) return error.details
    throw error
  }
  throw new Error('it did not fail')
}

describe('JsonText writes', () => {
  const cases: [string, unknown][] = [
    ['literals', [null, true, false]],
    [
      'short and long integers',
      [0, 31, 32, -1, -2, 99, 100, 12_345, 2 ** 31, 2 ** 32 + 7, 2 ** 53 - 1, -(2 ** 53 - 1)],
    ],
    ['powers of ten and their neighbours', Array.from({ length: 48 }, (_, n) => 10 ** (n >> 1) - (n & 1))],
    ['fractions', [0.5, 12.25, -0.001, 1e-6, 1.5e-7, 123_456.789, 0.1 + 0.2, 99.99, 1.1, 100.5]],
    ['odd numbers', [-0, Number.NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 70), 1e21, 1e300, 5e-324, 1.5e-10]],
    ['bigints', [0n, -1n, 2n ** 64n, -(2n ** 64n), 255n, 256n, 10n ** 40n]],
    ['dates', [new Date(0), new Date(-5), new Date(8.64e15)]],
    ['bytes', [0, 1, 2, 3, 4, 255].map((size) => Uint8Array.from({ length: size }, (_, at) => at * 7))],
    ['text', ['', 'plain', 'Zürich', '漢字', '😀', '\u2028', '\uFEFF', '\x7f', 'x'.repeat(63), 'é'.repeat(63)]],
    ['escapes', [String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code)), '"', 'a\\b', '\n']],
    ['lone surrogates', ['\uD800', 'a\uDFFFb', '\uDC00\uD800', '😀\uD83D', 'é\uD800"\n']],
    ['keys of all kinds', { a: 1, '': 2, 'a "b"': 3, é: 4, '\n': 5, '\uD800': 6, [`${'k'.repeat(40)}`]: 7 }],
    ['nothing inside', [[], {}, [[]], [{}], { a: [] }, { a: {} }]],
    [
      'many children',
      [Array.from({ length: 40 }, (_, n) => n), Object.fromEntries([...'abcdefghijklmnopqrst'].entries())],
    ],
    ['undefined', { a: undefined, b: [undefined, 1], c: undefined, d: { e: undefined }, f: [{ g: undefined }] }],
    ['undefined alone', undefined],
  ]
  for (const [name, value] of cases) {
    test(`${name} as stringifyValue, in every form and cut anywhere`, () => {
      const want = stringifyValue(value)
      let turn = 0
      const forms = [() => true, () => false, () => turn++ % 2 === 0, () => turn++ % 3 === 0]
      for (const pick of forms) {
        const keys = ['a', 'b', 'e', 'd']
        const bytes = structuralBytes(value, { keys, pick })
        expect(jsonText(bytes, { keys })).toBe(want)
        expect(jsonText(bytes, { keys, size: () => 1 })).toBe(want)
      }
    })
  }

  test('fractions as JSON.stringify', () => {
    const check = (m: number, e: number): void => {
      const varint: number[] = []
      for (let rest = m; rest > 0; rest = Math.floor(rest / 128)) varint.push(rest < 128 ? rest : (rest % 128) | 128)
      for (const isNegative of [false, true]) {
        const value = (isNegative ? -m : m) / Number(`1e${e}`)
        const text = jsonText(Uint8Array.of(isNegative ? CODE.negativeScaled : CODE.scaled, e, ...varint))
        expect(text).toBe(stringifyValue(value))
      }
    }
    for (let e = 1; e <= 22; e++) {
      for (const m of [1, 10, 12, 500, 999, 10 ** 9, 10 ** 14, 10 ** 15 - 1, 10 ** 15, 2 ** 53 - 1]) check(m, e)
    }
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 53 - 1 }), fc.integer({ min: 1, max: 22 }), check))
    fc.assert(fc.property(fc.integer({ min: 1, max: 10 ** 7 }), fc.integer({ min: 1, max: 9 }), check))
  })

  test('decimals as their literal, and integer keys as decimal strings', () => {
    const literal = '-12345678901234567890.10e+5'
    expect(jsonText(Uint8Array.of(CODE.decimal, literal.length, ...ascii(literal)))).toBe(literal)
    expect(jsonText(hex('53 14 07 60 14 8a 18 61 15 00 62'))).toBe('{"7":0,"3082":1,"-1":2}')
  })

  test('the key table by number, past 32 with a varint', () => {
    const keys = Array.from({ length: 300 }, (_, n) => `key "${n}"`)
    const value = Object.fromEntries(keys.map((key, n) => [key, n]))
    const bytes = structuralBytes(value, { keys })
    expect(bytes.length).toBeLessThan(300 * 5)
    expect(jsonText(bytes, { keys, size: () => 3 })).toBe(JSON.stringify(value))
  })

  test('an object whose first key is $type inside another, and no other one', () => {
    const typed = { $type: 'date', at: 1 }
    const cases: [unknown, string][] = [
      [typed, '{"$type":"object","value":{"$type":"date","at":1}}'],
      [{ at: 1, $type: 'date' }, '{"at":1,"$type":"date"}'],
      [{ a: undefined, $type: 'x', b: 2 }, '{"$type":"object","value":{"$type":"x","b":2}}'],
      [{ $type: undefined, a: 1 }, '{"a":1}'],
      [[{ $type: { $type: 1 } }, 2], '[{"$type":"object","value":{"$type":{"$type":"object","value":{"$type":1}}}},2]'],
      [{ $typf: 1, $typ: 2 }, '{"$typf":1,"$typ":2}'],
    ]
    for (const [value, text] of cases) {
      for (const keys of [[], ['$type']]) {
        for (const pick of [() => true, () => false]) {
          expect(jsonText(structuralBytes(value, { keys, pick }), { keys, size: () => 1 })).toBe(text)
        }
      }
      expect(difference(parseJsonValue(text), JSON.parse(JSON.stringify(value)))).toBeUndefined()
    }
    // Spelled as WTF-8, which no writer does.
    expect(jsonText(Uint8Array.of(0x51, CODE.key + 1, 5, ...ascii('$type'), 0x60))).toBe(
      '{"$type":"object","value":{"$type":0}}',
    )
  })

  test('values of any kind as stringifyValue, at any chunking', () => {
    const key = fc.oneof(fc.constantFrom('a', 'b', '__proto__', '0', 'name'), fc.string({ unit: 'binary' }))
    const scalar = fc.oneof(
      ...[fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.double(), fc.integer(), fc.bigInt()],
      ...[fc.constantFrom(null, true, false, undefined), fc.uint8Array(), fc.date({ noInvalidDate: true })],
      ...[fc.tuple(fc.integer(), fc.integer({ min: 0, max: 9 })).map(([m, e]) => m / 10 ** e)],
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    )
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        scalar,
        fc.array(tie('value'), { maxLength: 18 }),
        fc.dictionary(key, tie('value'), { maxKeys: 18 }),
      ),
    }))
    const keys = ['a', 'name', 'b']
    fc.assert(
      fc.property(
        value,
        fc.infiniteStream(fc.boolean()),
        fc.infiniteStream(fc.integer({ min: 1, max: 60 })),
        (...all) => {
          const [one, picks, sizes] = all
          const pick = () => picks.next().value === true
          const size = () => Number(sizes.next().value)
          expect(jsonText(structuralBytes(one, { keys, pick }), { keys, size })).toBe(stringifyValue(one))
        },
      ),
      { numRuns: share(600) },
    )
  })
})

describe('JsonText', () => {
  test('hands out pieces of about 64 KiB, and the last one when the value is complete', () => {
    const long = '"é\n😀'.repeat(40_000)
    const value = { long, blob: new Uint8Array(300_001).fill(7), list: Array.from({ length: 50_000 }, (_, n) => n / 8) }
    const pieces = jsonPieces(structuralBytes(value), { size: () => 100_000 })
    expect(new TextDecoder().decode(concat(pieces))).toBe(stringifyValue(value))
    expect(Math.max(...pieces.map((piece) => piece.length))).toBe(65_536)
    expect(Math.min(...pieces.slice(0, -1).map((piece) => piece.length))).toBeGreaterThan(60_000)
  })

  test('counts events, dropped ones too', () => {
    const text = new JsonText([])
    const bytes = structuralBytes([{ a: undefined, b: 1 }], { pick: () => false })
    expect([text.push(bytes, 0, bytes.length), text.events, text.done]).toEqual([bytes.length, 8, true])
  })

  test('stops behind the value, and at key pages', () => {
    const after = new JsonText([])
    expect([after.push(hex('00 61 62 63'), 1, 4), after.done]).toEqual([2, true])
    const pages = new JsonText([])
    expect([pages.push(hex('10 c1 61 61 1a 02 00 00'), 0, 8), pages.done, pages.events]).toEqual([4, false, 3])
    expect([pages.push(hex('11'), 0, 1), pages.done]).toEqual([1, true])
    expect(new TextDecoder().decode(concat(pages.take()))).toBe('{"a":1}')
  })

  test('waits for the code behind a key, and for the whole of an event', () => {
    for (const bytes of [
      '10 c1 61',
      '10 c1',
      '52 0e',
      '52 0f 02 61',
      '82 61',
      '06 80',
      '05 00 00',
      '16',
      '16 01 80',
      '0a 05 00',
    ]) {
      const text = new JsonText(Array.from({ length: 40 }, () => 'k'))
      const begin = bytes.startsWith('10') || bytes.startsWith('52') ? 1 : 0
      const given = hex(bytes)
      expect([text.push(given, 0, given.length), text.done]).toEqual([begin, false])
      // Bytes that are there but behind the end are not looked at.
      expect(new JsonText([]).push(hex(`${bytes} 00 00 00 00 00 00 00`), 0, begin)).toBe(begin)
    }
  })

  test('writes 1,024 levels and refuses more', () => {
    for (const [open, close] of [
      ['41', undefined],
      ['12', '13'],
    ] as const) {
      const levels = (count: number) =>
        hex([...Array(count).fill(open), '61', ...Array(close ? count : 0).fill(close)].join(' '))
      expect(jsonText(levels(1_024))).toBe(`${'['.repeat(1_024)}1${']'.repeat(1_024)}`)
      expect(failure(() => jsonText(levels(1_025)))).toMatchObject({ position: 1_024, found: 'too many levels' })
    }
  })
})

describe('JsonText refuses with DECODE_FAILED', () => {
  const cases: [string, string, number][] = [
    ['a key outside of objects', 'c1 61 61', 0],
    ['a key in an array', '12 c1 61 61', 1],
    ['a key after a key', '10 c1 61 c1 62 60', 3],
    ['a value without a key', '10 61', 1],
    ['the end of an object after a key', '10 c1 61 11', 3],
    ['an end of nothing', '13', 0],
    ['the end of an array in an object', '10 13', 1],
    ['the end of an object in an array', '12 11', 1],
    ['an end in a counted array', '42 60 13', 2],
    ['an end in a counted object', '52 c1 61 60 11', 4],
    ['a key that the table lacks', '51 e0 60', 1],
    ['a key far past the table', '51 0e ff ff 03 60', 1],
    ['key pages in a counted object', '52 c1 61 60 1a 01', 4],
    ['key pages in an array', '12 1a 01', 1],
    ['a preamble', '1b 00', 0],
    ['reserved codes', '12 1c', 1],
    ['a reserved code', '3f', 0],
    ['UTF-8 cut off', '81 c3', 0],
    ['a surrogate in UTF-8', '83 ed a0 80', 0],
    ['a form of UTF-8 too long', '82 c0 80', 0],
    ['a key that is not UTF-8', '51 c1 ff 60', 1],
    ['WTF-8 that is none', '07 01 ff', 0],
    ['a key of WTF-8 that is none', '51 0d 01 ff 60', 1],
    ['a scalar past 256 MiB', '06 81 80 80 80 01', 0],
    ['a key past 64 KiB', '51 0c 81 80 04', 1],
    ['an integer past 2^53', '03 80 80 80 80 80 80 80 10', 0],
    ['an integer that does not end', '03 80 80 80 80 80 80 80 80', 0],
    ['a fraction of e 0', '16 00 01', 0],
    ['a fraction of e 23', '16 17 01', 0],
    ['a fraction of zero', '16 01 00', 0],
    ['a date that is none', '0b 00 00 00 00 00 00 f8 7f', 0],
    ['a date between milliseconds', '0b 00 00 00 00 00 00 e0 3f', 0],
    ['a bigint with a zero in front', '08 01 00', 0],
    ['a decimal with a zero in front', '18 02 30 31', 0],
    ['a decimal that is none', '18 01 2d', 0],
    ['an empty decimal', '18 00', 0],
  ]
  for (const [name, bytes, position] of cases) {
    test(name, () => {
      expect(failure(() => jsonText(hex(bytes)))).toMatchObject({ position, found: expect.any(String) })
    })
  }

  test('a size past the limit before any of its bytes are there', () => {
    expect(failure(() => new JsonText([]).push(hex('0a ff ff ff ff 0f'), 0, 6)).found).toBe('a size past the limit')
  })
})
