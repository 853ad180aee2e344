/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringifyValue } from '../../../src/codec/values.ts'
import { difference } from '../../support/same-value.ts'
import { cutAt, cutEvery, outcome, readChunks, utf8 } from './support/json-chunks.ts'

const WHOLE: readonly (readonly [string, unknown])[] = [
  ['{"$type":"bytes","base64":""}', new Uint8Array(0)],
  ['{"$type":"bytes","base64":"/w=="}', Uint8Array.of(255)],
  ['{"$type":"bytes","base64":"AAE="}', Uint8Array.of(0, 1)],
  ['{"$type":"bytes","base64":"AAEC+\\/8="}', Uint8Array.of(0, 1, 2, 0xfb, 0xff)],
  ['{"$type":"date","at":0}', new Date(0)],
  ['{"$type":"date","at":-8.64e15}', new Date(-8.64e15)],
  ['{"$type":"number","value":"NaN"}', Number.NaN],
  ['{"$type":"number","value":"-0"}', -0],
  ['{"$type":"number","value":"-Infinity"}', Number.NEGATIVE_INFINITY],
  ['{"\\u0024type":"d\\u0061te", "a\\u0074" : 12 }', new Date(12)],
  ['{"$type":"object","value":{}}', {}],
  ['{"$type":"object","value":{"$type":"bytes"}}', { $type: 'bytes' }],
  ['{"$type":"object","value":{"$type":{"$type":"date","at":1},"a":[]}}', { $type: new Date(1), a: [] }],
  [
    '{"$type":"object","value":{"$type":1,"b":{"$type":"object","value":{"$type":"object"}}}}',
    { $type: 1, b: { $type: 'object' } },
  ],
]

const THEMSELVES: readonly unknown[] = [
  { $type: 'other', base64: '' },
  { $type: 'datetime' },
  { $type: '' },
  { $type: 'dâte' },
  { $type: '\ud800' },
  { $type: 5 },
  { $type: 0.25, x: 1 },
  { $type: true },
  { $type: null },
  { $type: ['bytes', { a: 1 }] },
  { $type: [] },
  { $type: {} },
  { $type: { a: 'bytes' } },
  { $type: 9_007_199_254_740_993n },
  { a: 1, $type: 'bytes', base64: 'x' },
  { $typ: 'bytes' },
  { $types: 'bytes' },
]

const WRONG = [
  '{"$type":"bytes"}',
  '{"$type":"bytes","base64":"AA"}',
  '{"$type":"bytes","base64":"A==="}',
  '{"$type":"bytes","base64":"===="}',
  '{"$type":"bytes","base64":"AA A"}',
  '{"$type":"bytes","base64":"AA=A"}',
  '{"$type":"bytes","base64":"AA\\ud800"}',
  '{"$type":"bytes","base64":1}',
  '{"$type":"bytes","base64":null}',
  '{"$type":"bytes","base64":[]}',
  '{"$type":"bytes","base64":{}}',
  '{"$type":"bytes","base64":{"$type":"date","at":1}}',
  '{"$type":"bytes","base64":"","x":1}',
  '{"$type":"bytes","value":""}',
  '{"$type":"bytes","\\ud800":""}',
  '{"$type":"date","at":"0"}',
  '{"$type":"date","at":0.5}',
  '{"$type":"date","at":8640000000000001}',
  '{"$type":"date","at":99999999999999999999}',
  '{"$type":"date","at":1,"at":2}',
  '{"$type":"number","value":1}',
  '{"$type":"number","value":"1"}',
  '{"$type":"number","value":"+Infinity"}',
  '{"$type":"number","value":true}',
  '{"$type":"object"}',
  '{"$type":"object","value":[]}',
  '{"$type":"object","value":"x"}',
  '{"$type":"object","value":{},"x":1}',
]

describe('JsonReader revives', () => {
  test.each(WHOLE)('%s, alone and inside others, however it is cut', (text, want) => {
    for (const [before, after, whole] of [
      ['', '', want],
      ['[0, ', ', 1]', [0, want, 1]],
      ['{"a":{"b":', '},"c":[]}', { a: { b: want }, c: [] }],
      ['[{"$type":', '}]', [{ $type: want }]],
    ] as const) {
      const bytes = utf8(`${before}${text}${after}`)
      for (const size of [1, 2, 3, 5, 1_000]) {
        expect(difference(readChunks(cutEvery(bytes, size)).value, whole)).toBeUndefined()
      }
    }
  })

  test('nothing in objects with another $type, or not as the first key', () => {
    for (const value of THEMSELVES) {
      for (const whole of [value, [value, value], { x: value, y: { z: value } }]) {
        const bytes = utf8(plainJson(whole))
        for (const size of [1, 3, 1_000]) {
          expect(difference(readChunks(cutEvery(bytes, size)).value, whole)).toBeUndefined()
        }
      }
    }
  })

  test.each(WRONG)('and refuses %s where its $type begins', (text) => {
    const bytes = utf8(`[\n  ${text}\n]`)
    const place = text.startsWith('{"$type":"object","value":{},') ? {} : { position: 5, line: 2, column: 4 }
    for (const size of [1, 4, 1_000]) {
      expect(outcome(cutEvery(bytes, size))).toMatchObject({ code: 'JSON_INVALID', details: place })
    }
  })

  test('what stringifyValue writes', () => {
    const key = fc.constantFrom('$type', 'value', 'at', 'base64', 'a', '__proto__')
    const leaf = fc.oneof(
      fc.double(),
      fc.bigInt({ min: 2n ** 53n }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('bytes', 'object'),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Uint8Array.from(bytes)),
      fc.date({ noInvalidDate: true }),
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 5 }, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('object')),
      object: fc.uniqueArray(fc.tuple(key, tie('value')), { maxLength: 4, selector: ([name]) => name }).map(objectOf),
    }))
    fc.assert(
      fc.property(value, fc.array(fc.nat(300), { maxLength: 8 }), (whole, places) => {
        const chunks = cutAt(utf8(stringifyValue(whole)), places)
        expect(difference(readChunks(chunks).value, whole)).toBeUndefined()
      }),
      { numRuns: 2_000 },
    )
  })
})

function objectOf(fields: [string, unknown][]): unknown {
  const object = {}
  for (const [name, value] of fields) {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
  }
  return object
}

/** JSON text without the dialect, but for bigints. */
function plainJson(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `#${inner}#` : inner)).replace(
    /"#(\d+)#"/g,
    '$1',
  )
}
