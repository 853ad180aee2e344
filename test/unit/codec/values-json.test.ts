/** The JSON dialect: what is written, what reads back, what is refused.
 * @module */
import { describe, expect, test } from 'vitest'
import { parseJsonValue, stringifyValue, toJsonValue } from '../../../src/codec/values.ts'
import { difference } from '../../support/same-value.ts'

function failure(action: () => unknown): Record<string, unknown> {
  try {
    action()
  } catch (error) {
    return error as Record<string, unknown>
  }
  throw new Error('it did not fail')
}

describe('stringifyValue()', () => {
  const cases: [string, unknown, string][] = [
    ['plain values as JSON.stringify', { a: [1, 'x', null, true] }, '{"a":[1,"x",null,true]}'],
    ['undefined as null', undefined, 'null'],
    ['bigints as integers', [2n ** 64n, -5n], '[18446744073709551616,-5]'],
    ['bytes', new Uint8Array([1, 2, 255]), '{"$type":"bytes","base64":"AQL/"}'],
    ['dates', new Date(-5), '{"$type":"date","at":-5}'],
    ['minus zero', [-0, 0], '[{"$type":"number","value":"-0"},0]'],
    ['NaN', Number.NaN, '{"$type":"number","value":"NaN"}'],
    ['infinity', Number.NEGATIVE_INFINITY, '{"$type":"number","value":"-Infinity"}'],
    ['wide integral numbers', 2 ** 53, '9007199254740992.0'],
    ['objects with $type', { $type: 'date', at: 1 }, '{"$type":"object","value":{"$type":"date","at":1}}'],
    ['lone surrogates', '\uD800', '"\\ud800"'],
  ]
  for (const [name, value, text] of cases) {
    test(`writes ${name}, and parseJsonValue reads it back`, () => {
      expect(stringifyValue(value)).toBe(text)
      const isSmall = name === 'bigints as integers'
      expect(difference(parseJsonValue(text), isSmall ? [2n ** 64n, -5] : (value ?? null))).toBeUndefined()
    })
  }

  test('refuses a cycle', () => {
    const circle: unknown[] = []
    circle.push(circle)
    expect(failure(() => stringifyValue(circle)).code).toBe('VALUE_UNSUPPORTED')
  })
})

test('toJsonValue() shares what is plain, and leaves bigints', () => {
  const plain = { a: [1] }
  expect(toJsonValue(plain)).toBe(plain)
  expect(toJsonValue({ a: 5n, b: new Date(1) })).toEqual({ a: 5n, b: { $type: 'date', at: 1 } })
})

describe('parseJsonValue()', () => {
  test('reads integers past 2^53 - 1 as bigint, and other numbers as JSON.parse', () => {
    expect(
      parseJsonValue('[9007199254740991,9007199254740992,-9007199254740993,1e400,0.1,1.0,-0,123456789012345678.5]'),
    ).toEqual([9007199254740991, 9007199254740992n, -9007199254740993n, Infinity, 0.1, 1, -0, 123456789012345680])
  })

  test('refuses numbers that do not survive when asked', () => {
    for (const text of ['0.10000000000000000555', '1e400', '1e-400', '123456789012345678.5', '[1.00000000000000001]']) {
      expect(failure(() => parseJsonValue(text, { exactNumbers: 'refuse' })).code).toBe('JSON_INVALID')
      parseJsonValue(text)
    }
    const fine = '[0.1,1.50,1e3,1E+2,100,0.000001,1.5e300,-0,-0.0,18446744073709551616,5e-324]'
    expect(parseJsonValue(fine, { exactNumbers: 'refuse' })).toEqual([
      ...[0.1, 1.5, 1000, 100, 100, 0.000001, 1.5e300, -0, -0, 18446744073709551616n, 5e-324],
    ])
  })

  test('keeps the last of equal keys, and `__proto__` as a key', () => {
    for (const rest of ['', ',"x":"\\u0041"', ',"$type":"mine"']) {
      const value = parseJsonValue(`{"a":1,"a":2,"__proto__":{"p":1}${rest}}`) as Record<string, unknown>
      expect(Object.keys(value).slice(0, 2)).toEqual(['a', '__proto__'])
      expect([value.a, value.p, Object.getPrototypeOf(value)]).toEqual([2, undefined, Object.prototype])
    }
  })

  test('leaves objects with a $type of others alone, escaped or not', () => {
    expect(parseJsonValue('{"$type":"app.post","text":"x"}')).toEqual({ $type: 'app.post', text: 'x' })
    expect(parseJsonValue('{"\\u0024type":"date","at":5}')).toEqual(new Date(5))
    expect(parseJsonValue('{"$type":"object","value":{"$type":"date","at":{"$type":"date","at":1}}}')).toEqual({
      $type: 'date',
      at: new Date(1),
    })
  })

  test('takes $type for a key like any other where it is not the first of its object', () => {
    expect(parseJsonValue('{"at":5,"$type":"date"}')).toEqual({ at: 5, $type: 'date' })
    expect(parseJsonValue('{"__proto__":1,"\\u0024type":"bytes"}')).toMatchObject({ $type: 'bytes' })
    expect(parseJsonValue('[{"value":{"$type":"date","at":1},"$type":"object"}]')).toEqual([
      { value: new Date(1), $type: 'object' },
    ])
    // What came first decides, also when the last one counts.
    expect(parseJsonValue('{"$type":"mine","$type":"date","at":5}')).toEqual({ $type: 'date', at: 5 })
  })

  test('keeps objects with $type at any place through writing and reading', () => {
    for (const value of [{ a: 1, $type: 'date' }, { 7: 1, $type: 'bytes', base64: 'A' }, { $type: { $type: 1 } }]) {
      expect(difference(parseJsonValue(stringifyValue(value)), value)).toBeUndefined()
    }
  })

  test('refuses a $type of its own that is not as it must be, with the position', () => {
    const bad = ['{"$type":"bytes","base64":"A"}', '{"$type":"bytes"}', '{"$type":"date","at":1.5}', '{"$type":"date"}']
    bad.push('{"$type":"number","value":"5"}', '{"$type":"object","value":[]}', '{"$type":"date","at":1,"x":1}')
    bad.push('{"$type":"date","$type":"date","at":1}', '{"$type":"object","value":{},"value":{}}')
    for (const text of bad) {
      expect(failure(() => parseJsonValue(`[\n  ${text}]`))).toMatchObject({
        code: 'JSON_INVALID',
        details: { position: 4, line: 2, column: 3 },
      })
    }
  })

  test('names line, column and position of what it cannot read', () => {
    const cases: [string, number, number, number][] = [
      ['', 0, 1, 1],
      ['{"a":1,}', 7, 1, 8],
      ['{"a":\n [1 2]}', 10, 2, 5],
      ['["a\nb"]', 1, 1, 2],
      ['[1] x', 4, 1, 5],
      ['"abc', 4, 1, 5],
      ['[01]', 2, 1, 3],
      ['nul', 0, 1, 1],
    ]
    for (const [text, position, line, column] of cases) {
      expect(failure(() => parseJsonValue(text))).toMatchObject({
        code: 'JSON_INVALID',
        details: { position, line, column },
      })
    }
  })

  test('reads 1,024 levels and refuses more, a million too', () => {
    const levels = (count: number, inside: string) => '['.repeat(count) + inside + ']'.repeat(count)
    for (const inside of ['', '12345678901234567890', '"["'.repeat(1)]) {
      parseJsonValue(levels(1_024, inside))
      for (const count of [1_025, 1_000_000]) {
        expect(failure(() => parseJsonValue(levels(count, inside)))).toMatchObject({
          code: 'JSON_INVALID',
          details: { position: 1_024 },
        })
      }
    }
  })
})
