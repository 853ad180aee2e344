/** Structural values: known bytes for each code, what is refused, and events cut anywhere.
 * @module */
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/codec/bytes.ts'
import { decodeStructural, StructuralSink } from '../../../src/codec/structural.ts'
import { ValueBuffer } from '../../../src/codec/value-buffer.ts'
import { ValueBuilder } from '../../../src/codec/value-builder.ts'
import { ValueWalker } from '../../../src/codec/value-walk.ts'
import { difference } from '../../support/same-value.ts'

const LIMITS = { sizeBytes: 2 ** 30, depth: 1_024, nodes: 2 ** 30, keyBytes: 65_536 }

function encode(value: unknown): Uint8Array {
  const out = new ValueBuffer()
  out.begin()
  expect(new ValueWalker(out, LIMITS).walk(value, 'value', new StructuralSink(out))).toBe(true)
  return out.bytes.slice(out.start, out.length)
}

const hex = (text: string) => toHex(new TextEncoder().encode(text))
const list = (length: number) => Array.from({ length }, () => 0)
const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 0]))

describe('StructuralSink', () => {
  test('text and keys take one form, however many bytes their characters have', () => {
    for (const character of ['x', 'é', '€', '🚀', '\uD800']) {
      const bytesOfOne = new TextEncoder().encode(character).length
      for (const size of [31, 32, 63, 64, 127, 128, 129, 16_383, 16_384, 16_385]) {
        for (const length of [size, Math.floor(size / bytesOfOne), Math.ceil(size / bytesOfOne)]) {
          for (const text of [character.repeat(length), `${'x'.repeat(length)}${character}`]) {
            const sizeBytes = new TextEncoder().encode(text).length
            const head = sizeBytes < 64 && text.isWellFormed() ? 1 : sizeBytes < 128 ? 2 : sizeBytes < 16_384 ? 3 : 4
            const bytes = encode(text)
            expect(bytes.length).toBe(head + sizeBytes)
            expect(decodeStructural(bytes)).toBe(text)
            if (sizeBytes > LIMITS.keyBytes) continue
            expect(decodeStructural(encode({ [text]: 1 }))).toEqual({ [text]: 1 })
          }
        }
      }
    }
  })

  test.each<[string, unknown, string]>([
    ['null', null, '00'],
    ['false', false, '01'],
    ['true', true, '02'],
    ['0', 0, '60'],
    ['31', 31, '7f'],
    ['32', 32, '0320'],
    ['-1', -1, '0400'],
    ['-129', -129, '048001'],
    ['2^53 - 1', 2 ** 53 - 1, '03ffffffffffffff0f'],
    ['2^53', 2 ** 53, '050000000000004043'],
    ['-0', -0, '050000000000000080'],
    ['NaN', Number.NaN, '05000000000000f87f'],
    ['0.1', 0.1, '160101'],
    ['-12.5', -12.5, '17017d'],
    ['0.00000001', 1e-8, '160801'],
    ['1e-9', 1e-9, '0595d626e80b2e113e'],
    ['1/3', 1 / 3, '05555555555555d53f'],
    ['empty text', '', '80'],
    ['text', 'aé', '8361c3a9'],
    ['text of 63 bytes', 'x'.repeat(63), `bf${'78'.repeat(63)}`],
    ['text of 64 bytes', 'x'.repeat(64), `0640${'78'.repeat(64)}`],
    ['text of fewer characters than bytes', '€'.repeat(22), `0642${'e282ac'.repeat(22)}`],
    ['a lone surrogate', '\uD800', '0703eda080'],
    ['0n', 0n, '0800'],
    ['-1n', -1n, '0900'],
    ['256n', 256n, '08020001'],
    ['-257n', -257n, '09020001'],
    ['bytes', Uint8Array.of(1, 2), '0a020102'],
    ['a date', new Date(1), '0b000000000000f03f'],
    ['an empty array', [], '40'],
    ['an array', [1, [2]], '42614162'],
    ['15 values', list(15), `4f${'60'.repeat(15)}`],
    ['16 values', list(16), `12${'60'.repeat(16)}13`],
    ['an empty object', {}, '50'],
    ['an object', { a: { b: 1 } }, '51c16151c16261'],
    ['a key of 31 bytes', { ['k'.repeat(31)]: 0 }, `51df${'6b'.repeat(31)}60`],
    ['a key of 32 bytes', { ['k'.repeat(32)]: 0 }, `510c20${'6b'.repeat(32)}60`],
    ['a key with a lone surrogate', { '\uDC00': 0 }, '510d03edb08060'],
    [
      '16 fields',
      fields(16),
      `10${Object.keys(fields(16))
        .map((key) => `${(0xc0 + key.length).toString(16)}${hex(key)}60`)
        .join('')}11`,
    ],
  ])('writes %s in its one form, which decodes to the same', (_, value, bytes) => {
    expect(toHex(encode(value))).toBe(bytes)
    expect(difference(decodeStructural(fromHex(bytes)), value)).toBeUndefined()
  })

  test('writes dropped fields out of the count', () => {
    expect(toHex(encode({ a: undefined, b: 1 }))).toBe('51c16261')
  })
})

describe('decodeStructural()', () => {
  test.each<[string, string, unknown]>([
    ['containers with ends in counted ones', '4210111261' + '13', [{}, [1]]],
    ['counted containers in those with ends', '10c16151c1616211', { a: { a: 2 } }],
    ['integer keys', '52148006601500' + '80', { 768: 0, '-1': '' }],
    ['fields that are undefined', '52c16119c16261', { b: 1 }],
    ['undefined in an array', '421961', [null, 1]],
    ['decimals', `421804${hex('1e20')}1807${hex('-1.50E2')}`, ['1e20', '-1.50E2']],
    ['a fraction of 22 digits', '16161e', 30e-22],
    ['the last of two fields', '52c16161c16162', { a: 2 }],
    ['integers in a longer form', '4203010400', [1, -1]],
  ])('reads %s', (_, bytes, value) => {
    expect(difference(decodeStructural(fromHex(bytes)), value)).toBeUndefined()
  })

  test.each<[string, string]>([
    ['nothing', ''],
    ['bytes after the end', '6060'],
    ['an end alone', '11'],
    ['the end of an array for an object', '1013'],
    ['the end of an object for an array', '1211'],
    ['an end after a key', '10c16111'],
    ['an end in a counted array', '416013'],
    ['an end in a counted object', '51c1616011'],
    ['the end of a counted array before its values', '4213'],
    ['a key in an array', '12c16113'],
    ['a key at the root', 'c161'],
    ['two keys', '10c161c1616011'],
    ['a value without a key', '106011'],
    ['a container without a key', '105011'],
    ['a decimal without a key', '10180131' + '11'],
    ['a counted array cut off', '426060'.slice(0, 4)],
    ['a text cut off', '8261'],
    ['a varint cut off', '03ff'],
    ['a varint past 2^53', '03ffffffffffffff1f'],
    ['a varint of nine bytes', '03808080808080808001'],
    ['text that is not UTF-8', '82c328'],
    ['a long text that is not UTF-8', `9f${'ff'.repeat(31)}`],
    ['a lone surrogate as UTF-8', '83eda080'],
    ['WTF-8 that is none', '0702c328'],
    ['a bigint with a zero at the end', '080100'],
    ['a bigint of zero with a byte', '090100'],
    ['a bigint cut off', '0880808001'],
    ['a date out of range', '0b000000000000f07f'],
    ['a date with a fraction', '0b000000000000f83f'],
    ['a fraction of no digits', '160001'],
    ['a fraction of 23 digits', '161701'],
    ['a fraction of zero', '160100'],
    ['a decimal with a zero in front', '18023031'],
    ['a decimal that is none', '18024e61'],
    ['an empty decimal', '1800'],
    ['a key of a key table', '51e060'],
    ['a key by a number', '510e0060'],
    ['a key that takes a number', '510f016160'],
    ['key pages', '101a0111'],
    ['a preamble', '1b00'],
    ['a tag', '1c00'],
    ['a comment', '1d00'],
    ['a reserved code', '3f'],
    ['a size past the limit', '0681808080' + '01'],
    ['a key past 64 KiB', '510c818004'],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeStructural(fromHex(bytes))).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })

  test('says where it was', () => {
    expect(() => decodeStructural(fromHex('4260ff'))).toThrow(
      expect.objectContaining({ details: { position: 2, found: 'the key 31, which the key table lacks' } }),
    )
    expect(() => decodeStructural(fromHex('426060' + '00'))).toThrow(
      expect.objectContaining({ details: { position: 3, found: 'bytes after the end' } }),
    )
  })

  test.each([
    ['10c161', '11'],
    ['12', '13'],
    ['41', ''],
    ['51c161', ''],
  ])('follows 1,024 levels of %s and no more', (begin, end) => {
    const nest = (levels: number) => fromHex(`${begin.repeat(levels)}60${end.repeat(levels)}`)
    decodeStructural(nest(1_024))
    expect(() => decodeStructural(nest(1_025))).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })

  test('makes fields of `__proto__` and values of their own memory', () => {
    const bytes = fromHex('52c95f5f70726f746f5f5f50c1610a0101')
    const value = decodeStructural(bytes) as Record<string, unknown>
    bytes.fill(0)
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toEqual(['__proto__', 'a'])
    expect(value.a).toEqual(Uint8Array.of(1))
  })
})

describe('ValueBuilder', () => {
  const KEYS = Array.from({ length: 40 }, (_, index) => `key ${index}`)
  const DOCUMENT = fromHex(`10e060ff610e07620f03${hex('new')}4205690000000000000082c3a911`)

  test('reads the codes of documents', () => {
    const builder = new ValueBuilder(KEYS)
    expect(builder.push(DOCUMENT, 0, DOCUMENT.length)).toBe(DOCUMENT.length)
    expect(builder.done).toBe(true)
    expect(builder.value).toEqual({ 'key 0': 0, 'key 31': 1, 'key 39': 2, new: [5.19e-322, 'é'] })
    expect(builder.events).toBe(12)
  })

  test('takes the same from pieces, each event again from its beginning', () => {
    const values = [
      DOCUMENT,
      encode({ list: list(20), text: ['x'.repeat(70), -0, 1.5, 300, 2n ** 64n], k: fields(17) }),
    ]
    for (const bytes of values) {
      const whole = new ValueBuilder(KEYS)
      whole.push(bytes, 0, bytes.length)
      for (let size = 1; size < bytes.length; size++) {
        const builder = new ValueBuilder(KEYS)
        let at = 0
        for (let end = size; !builder.done; end += size) {
          expect(end - size).toBeLessThan(bytes.length)
          // What lies behind the end must not be looked at.
          const part = bytes.slice(0, Math.min(end, bytes.length))
          const stopped = builder.push(part, at, part.length)
          expect(stopped).toBeGreaterThanOrEqual(at)
          at = stopped
        }
        expect(at).toBe(bytes.length)
        expect(difference(builder.value, whole.value)).toBeUndefined()
        expect(builder.events).toBe(whole.events)
      }
    }
  })

  test('stops behind its value, at key pages, and does not go on by itself', () => {
    const builder = new ValueBuilder(KEYS)
    const bytes = fromHex('10e0601a01')
    expect(builder.push(bytes, 0, bytes.length)).toBe(3)
    expect(builder.push(bytes, 3, bytes.length)).toBe(3)
    expect(builder.done).toBe(false)
    const rest = fromHex('e1611160')
    expect(builder.push(rest, 0, rest.length)).toBe(3)
    expect(builder.value).toEqual({ 'key 0': 0, 'key 1': 1 })
    expect(builder.push(rest, 3, rest.length)).toBe(3)
    expect(builder.events).toBe(6)
  })

  test.each<[string, string]>([
    ['after a key', '10e01a01'],
    ['in an array', '121a01'],
    ['in a counted object', '52e0601a01'],
    ['at the root', '1a01'],
  ])('refuses key pages %s', (_, bytes) => {
    const input = fromHex(bytes)
    expect(() => new ValueBuilder(KEYS).push(input, 0, input.length)).toThrow(
      expect.objectContaining({ code: 'DECODE_FAILED' }),
    )
  })

  test('refuses a size past the limit before its bytes come', () => {
    const push = (bytes: string) => new ValueBuilder(KEYS).push(fromHex(bytes), 0, bytes.length / 2)
    expect(push('068080808001')).toBe(0)
    expect(() => push('068180808001')).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
    expect(() => push('100f818004')).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })

  test('makes the texts of every length', () => {
    for (let length = 0; length < 80; length++) {
      for (const last of ['z', 'é', '😀']) {
        const text = 'abcdefghijklmnopqrstuvwxyz'.repeat(4).slice(0, length) + last
        const bytes = encode({ [text]: text })
        expect(decodeStructural(bytes)).toEqual({ [text]: text })
      }
    }
  })
})
