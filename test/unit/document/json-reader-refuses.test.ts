/** @module */
import { describe, expect, test } from 'vitest'
import { JsonReader } from '../../../src/document/json/reader.ts'
import { DOCUMENT_LIMITS } from '../../../src/document/write/output.ts'
import { cutEvery, outcome, readChunks, utf8 } from './support/json-chunks.ts'
import { RecordingOutput } from './support/recording-output.ts'

describe('JsonReader tells where it stopped', () => {
  const at = (text: string | Uint8Array) => {
    const bytes = typeof text === 'string' ? utf8(text) : text
    const results = [[bytes], cutEvery(bytes, 1), cutEvery(bytes, 7)].map((chunks) => outcome(chunks))
    for (const result of results) expect(result).toEqual(results[0])
    return (results[0] as { details: unknown }).details
  }

  test('in bytes, lines and columns', () => {
    expect(at('[1,\n  "é", x]')).toEqual({ position: 12, line: 2, column: 9, found: '"x"' })
    expect(at('{\r\n"a": 1\r\n"b": 2}')).toEqual({ position: 11, line: 3, column: 1, found: '"\\""' })
    expect(at('[1,\n2')).toEqual({ position: 5, line: 2, column: 2, found: 'the end' })
    expect(at('[1,\n-')).toEqual({ position: 5, line: 2, column: 2, found: 'the end' })
    expect(at('["abc\ndef"]')).toEqual({
      ...{ position: 5, line: 1, column: 6 },
      found: 'a control character inside a string',
    })
    expect(at('["abc\\u12x4"]')).toEqual({ position: 5, line: 1, column: 6, found: 'a bad escape' })
    expect(at('\n"abc')).toEqual({ position: 5, line: 2, column: 5, found: 'the end inside a string' })
    expect(at('{"a":1.x}')).toEqual({ position: 7, line: 1, column: 8, found: '"x"' })
    expect(at('[1.5.2]')).toEqual({ position: 4, line: 1, column: 5, found: '"."' })
    expect(at('\u00a0[]')).toEqual({ position: 0, line: 1, column: 1, found: 'the byte c2' })
  })

  test('behind a byte order mark, which is no column', () => {
    expect(readChunks(cutEvery(utf8('\ufeff{"a":1}'), 1)).value).toEqual({ a: 1 })
    expect(at('\ufeffx')).toEqual({ position: 3, line: 1, column: 1, found: '"x"' })
    expect(at('\ufeff')).toEqual({ position: 3, line: 1, column: 1, found: 'the end' })
    expect(at(' \ufeff1')).toEqual({ position: 1, line: 1, column: 2, found: 'the byte ef' })
    expect(at('1\ufeff')).toEqual({ position: 1, line: 1, column: 2, found: 'the byte ef' })
    expect(at(Uint8Array.of(0xef, 0xbb))).toEqual({ position: 0, line: 1, column: 1, found: 'the byte ef' })
    expect(at(Uint8Array.of(0xef, 0x31))).toEqual({ position: 0, line: 1, column: 1, found: 'the byte ef' })
    expect(at(Uint8Array.of(0xff, 0xfe, 0x31, 0))).toEqual({ position: 0, line: 1, column: 1, found: 'the byte ff' })
  })

  const MALFORMED = [
    '80',
    'bf',
    'c0 80',
    'c1 bf',
    'c3',
    'c3 28',
    'e0 80 80',
    'e0 9f bf',
    'e2 82',
    'e2 28 a1',
    'e2 82 28',
  ]
  MALFORMED.push(
    'ed a0 80',
    'ed bf bf',
    'f0 80 80 80',
    'f0 8f bf bf',
    'f0 9f 98',
    'f0 9f 98 28',
    'f4 90 80 80',
    'f5 80 80 80',
    'ff',
  )

  test.each(MALFORMED)('at bytes that are not UTF-8: %s', (hex) => {
    const bad = hex.split(' ').map((byte) => Number.parseInt(byte, 16))
    const inside = (before: string, after: string) => Uint8Array.of(...utf8(before), ...bad, ...utf8(after))
    const found = 'bytes that are not UTF-8'
    expect(at(inside('["aé', 'b"]'))).toEqual({ position: 5, line: 1, column: 6, found })
    expect(at(inside('{"', '":1}'))).toEqual({ position: 2, line: 1, column: 3, found })
    expect(at(inside('{"a":0,"\\n', '":1}'))).toEqual({ position: 10, line: 1, column: 11, found })
  })
})

describe('JsonReader keeps limits', () => {
  test('of depth, without memory for levels past it', () => {
    const { depth } = DOCUMENT_LIMITS
    expect(outcome([utf8('['.repeat(depth) + ']'.repeat(depth))])).toHaveProperty('value')
    for (const text of ['[', '{"a":', '[{"a":']) {
      const chunks = cutEvery(utf8(text.repeat(100_000)), 10_000)
      expect(outcome(chunks)).toMatchObject({ code: 'DOCUMENT_LIMIT', details: { limitName: 'depth' } })
    }
  })

  test('of keys while they are collected', () => {
    const chunk = utf8('k'.repeat(1_000))
    const chunks = [utf8('{"a":{"'), ...Array.from({ length: 100 }, () => chunk)]
    expect(outcome(chunks)).toEqual({
      code: 'DOCUMENT_LIMIT',
      details: { path: 'a', limit: DOCUMENT_LIMITS.keyBytes, limitName: 'keyBytes', found: 66_000 },
    })
  })

  test('of a string that never ends while it is collected', () => {
    const reader = new JsonReader(new RecordingOutput())
    reader.push(utf8('["'))
    const chunk = new Uint8Array(2 ** 24).fill(0x61)
    for (let count = 0; count < 16; count++) reader.push(chunk)
    expect(() => reader.push(chunk.subarray(0, 1))).toThrow(
      expect.objectContaining({
        code: 'DOCUMENT_LIMIT',
        details: { path: '[0]', limit: 268_435_456, limitName: 'scalarBytes', found: 268_435_457 },
      }),
    )
  })

  test('of effort: a string and a number of a megabyte in chunks of one byte', () => {
    const text = `["${'aé\\n\\u00e9'.repeat(100_000)}",0.${'17'.repeat(50_000)}]`
    const output = new RecordingOutput()
    const reader = new JsonReader(output)
    const bytes = utf8(text)
    for (let at = 0; at < bytes.length; at++) reader.push(bytes.subarray(at, at + 1))
    reader.end()
    expect(output.value).toEqual(JSON.parse(text))
  })
})
