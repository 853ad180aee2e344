/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonValue } from '../../../src/codec/values.ts'
import { difference } from '../../support/same-value.ts'
import { cutAt, cutEvery, outcome, readChunks, utf8 } from './support/json-chunks.ts'

/** One a word. */
const words = (text: string): string[] => text.split(' ')

const RIGHT = [
  ...words('0 -0 1 -1 9007199254740991 -9007199254740991 1.5 1.50 10.0 -0.0 0.1 1e3 1E+2 1e-7 123.456e5 100 31 32 1e0'),
  ...words('1.7976931348623157e308 5e-324 1e400 -1e400 1e-400 0e99 9007199254740993.0 -65.613616999999977 1e23 9e22'),
  ...words(
    '0.30000000000000004 1234567890123.45678 0.000001234567890123456789 123456789012345678901234.5 4.35 12.5e-1',
  ),
  ...words('2.2250738585072011e-308 10e-1 true false null "" "a" "\\"" "\\\\\\/\\b\\f\\n\\r\\t" "\\u0000" "a\\u0022b"'),
  ...words(
    '"\\u0041\\u00e9\\u20AC\\ud83d\\ude00" "é€😀" "\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}"',
  ),
  ...words(
    '"\\ud800" "\\udc00" "\\ud800\\ud800\\udc00x" "\\ud800x\\udc00" "\\udbff\\udfff" "\\ud83d\\n\\ude00" "\u2028"',
  ),
  ...words('[] {} [[]] [{}] {"a":[]} [1,2,3] {"a":1,"b":{"c":[true,null]}} {"":0} {"__proto__":1} {"a\\u0062":1}'),
  ...words('{"\\ud800":1} {"é":{"€":"😀"}} [[[[1]]],[[]],{"x":[{}]}] {"b":1,"a":2,"10":3,"2":4}'),
  ...['[ 1 , "x" ]', ' \t\r\n[\n]\n', '[1]\n', '\n\n"x"', '{"a" : 1 , "b" : 2}'],
]

const WRONG = [
  ...words(
    '] } , : [ { [1 [1, [,1] [1,] [1:2] {"a" {"a": {"a":1 {"a":1, {"a":1,} {,} {"a":} {a:1} {1:1} {\'a\':1} {"a":1] [1}',
  ),
  ...words(
    '{] 01 - -a --1 +1 .5 1. 1.e1 1e 1e+ 1e+a 0x1 1.2.3 00 -01 1-1 NaN 1_0 Infinity -Infinity tru truE trux nul',
  ),
  ...words(
    'nulll falsy undefined True truefalse " "a "\\ "\\" "\\x" "\\u12" "\\u12G4" "\\u" ""x {"a":tru} [1,"\\q"] é \u2028',
  ),
  ...words('"\n" "\t" "\u0000" "a\u001fb" \u00a01 \u0001 [1]\u0000 \f1 {"a\n":1}'),
  ...['', ' ', '\n', '[1 2]', '{"a" 1}', '{"a":1 "b":2}', '1 2', '[] []', '/* */1', '1 // one'],
]

describe('JsonReader reads what JSON.parse reads', () => {
  test.each(RIGHT)('%s, however it is cut', (text) => {
    const want = parseJsonValue(text)
    const bytes = utf8(text)
    for (const chunks of [[bytes], cutEvery(bytes, 1), ...everyTwo(bytes)]) {
      expect(difference(readChunks(chunks).value, want)).toBeUndefined()
    }
  })

  test.each(WRONG)('and refuses %j, with the same place and words however it is cut', (text) => {
    expect(() => JSON.parse(text)).toThrow()
    const bytes = utf8(text)
    const want = outcome([bytes])
    expect(want).toMatchObject({ code: 'JSON_INVALID' })
    for (const chunks of [cutEvery(bytes, 1), ...everyTwo(bytes)]) expect(outcome(chunks)).toEqual(want)
  })

  test('numbers of every form to the last bit', () => {
    const digits = fc.stringMatching(/^\d{1,25}$/)
    const literals = fc.tuple(fc.boolean(), digits, fc.option(digits), fc.option(fc.integer({ min: -330, max: 320 })))
    const check = (text: string) => {
      const want = parseJsonValue(text)
      expect(difference(readChunks([utf8(`${text} `)]).value, want, text)).toBeUndefined()
    }
    fc.assert(
      fc.property(literals, ([negative, whole, fraction, exponent]) => {
        const mantissa = `${BigInt(whole)}${fraction === null ? '' : `.${fraction}`}`
        check(`${negative ? '-' : ''}${mantissa}${exponent === null ? '' : `e${exponent}`}`)
      }),
      { numRuns: 3_000 },
    )
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        check(String(value))
        check(value.toPrecision(17))
        if (Math.abs(value) < 1e20) check(value.toFixed(20))
      }),
      { numRuns: 3_000 },
    )
  })

  test('decimals next to the middle between two numbers', () => {
    // The middle of two neighbours needs more digits than fit, so that digits around it are cut and rounded.
    fc.assert(
      fc.property(
        fc.integer({ min: 2 ** 20, max: 2 ** 30 }),
        fc.nat(9),
        fc.integer({ min: 16, max: 19 }),
        (n, e, length) => {
          const value = n / Number(`1e${e}`) + Number.EPSILON * n
          const text = value.toPrecision(length)
          expect(readChunks([utf8(`${text} `)]).value).toBe(Number(text))
        },
      ),
      { numRuns: 3_000 },
    )
    for (const text of [
      '9007199254740992.5',
      '9007199254740993.0',
      '9007199254740995.00',
      '4503599627370496.5',
      '4503599627370497.5',
    ]) {
      expect(readChunks([utf8(text)]).value).toBe(Number(text))
    }
  })

  test('integers past 2^53 - 1 as bigint, and refuses those too long', () => {
    expect(readChunks([utf8('9007199254740992')]).value).toBe(9_007_199_254_740_992n)
    expect(readChunks([utf8('[-505874924095815681]')]).value).toEqual([-505_874_924_095_815_681n])
    expect(readChunks(cutEvery(utf8('505874924095815681'), 5)).value).toBe(505_874_924_095_815_681n)
    expect(outcome([utf8(`[ ${'9'.repeat(100_001)}]`)])).toMatchObject({
      code: 'JSON_INVALID',
      details: { position: 2, line: 1, column: 3, found: 'an integer too long' },
    })
  })

  test('literals that a number cannot hold only without exactNumbers: refuse', () => {
    const exactNumbers = 'refuse'
    for (const text of [
      '0.1',
      '1.50',
      '9007199254740993',
      '1e22',
      '1e-7',
      '0.30000000000000004',
      '123456789012345e5',
    ]) {
      expect(difference(outcome([utf8(text)], { exactNumbers }), outcome([utf8(text)]))).toBeUndefined()
    }
    for (const text of ['0.10000000000000001', '1e400', '9007199254740993.0', '-65.613616999999977', '1e-400']) {
      const details = { position: 3, line: 2, column: 1, found: 'a number with more digits than a number holds' }
      for (const chunks of [[utf8(`[\r\n${text}]`)], cutEvery(utf8(`[\r\n${text}]`), 1)]) {
        expect(outcome(chunks, { exactNumbers })).toEqual({ code: 'JSON_INVALID', details })
      }
    }
  })

  test('any value of the dialect, cut anywhere', () => {
    const anyJson = fc.json({ maxDepth: 6, noUnicodeString: false })
    fc.assert(
      fc.property(anyJson, fc.array(fc.nat(400), { maxLength: 12 }), fc.nat(3), (text, places, indent) => {
        const json = JSON.stringify(JSON.parse(text), null, indent)
        expect(difference(readChunks(cutAt(utf8(json), places)).value, parseJsonValue(json))).toBeUndefined()
      }),
      { numRuns: 1_000 },
    )
  })
})

/** Every way to cut in two. */
function everyTwo(bytes: Uint8Array): Uint8Array[][] {
  return Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => cutAt(bytes, [index + 1]))
}
