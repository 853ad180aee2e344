/** Little-endian bytes: exact forms, limits, and the end of the bytes.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ByteReader,
  ByteWriter,
  fromHex,
  fromUtf8,
  getI64,
  getU64,
  sameBytes,
  setI64,
  setU64,
  toHex,
  utf8,
} from '../../../src/codec/bytes.ts'

const MAX = Number.MAX_SAFE_INTEGER

function written(write: (out: ByteWriter) => void): string {
  const out = new ByteWriter(1)
  write(out)
  return toHex(out.bytes)
}

function failure(read: () => unknown): unknown {
  try {
    return { read: read() }
  } catch (error) {
    return error
  }
}

describe('ByteWriter', () => {
  test.each<[string, (out: ByteWriter) => void, string]>([
    ['u8', (out) => out.u8(0xab), 'ab'],
    ['u32', (out) => out.u32(0x0102_0304), '04030201'],
    ['u64', (out) => out.u64(MAX), 'ffffffffffff1f00'],
    ['u64 above 2^32', (out) => out.u64(2 ** 32 + 5), '0500000001000000'],
    ['i64', (out) => out.i64(-1), 'ffffffffffffffff'],
    ['i64 at its least', (out) => out.i64(-MAX), '010000000000e0ff'],
    ['i64 below -2^32', (out) => out.i64(-(2 ** 32)), '00000000ffffffff'],
    ['varint of one byte', (out) => out.varint(127), '7f'],
    ['varint of two bytes', (out) => out.varint(128), '8001'],
    ['varint of five bytes', (out) => out.varint(2 ** 31), '8080808008'],
    ['varint at its most', (out) => out.varint(MAX), 'ffffffffffffff0f'],
    ['text', (out) => void out.text('aé€\u{1F600}'), '61c3a9e282acf09f9880'],
    ['raw', (out) => out.raw(Uint8Array.of(1, 2)), '0102'],
    ['skip', (out) => void out.skip(3), '000000'],
  ])('ByteWriter writes %s in its exact bytes', (_name, write, hex) => {
    expect(written(write)).toBe(hex)
  })

  test.each([MAX + 1, 2 ** 60, Number.POSITIVE_INFINITY])(
    'ByteWriter refuses %d, which it could only round',
    (value) => {
      const out = new ByteWriter()
      expect(() => out.u64(value)).toThrow('Invariant')
      expect(() => out.i64(value)).toThrow('Invariant')
      expect(() => out.varint(value)).toThrow('Invariant')
    },
  )

  test('ByteWriter.skip() gives zeros where older bytes were cut away', () => {
    const out = new ByteWriter(4)
    out.u32(0xffff_ffff)
    out.reset()
    out.skip(4)
    expect(toHex(out.bytes)).toBe('00000000')
    expect(() => out.reset(5)).toThrow('a writer is only cut')
  })

  test('ByteReader reads back what ByteWriter wrote, in any order of fields', () => {
    const field = fc.oneof(
      fc.record({ type: fc.constant('varint' as const), value: fc.maxSafeNat() }),
      fc.record({ type: fc.constant('u64' as const), value: fc.maxSafeNat() }),
      fc.record({ type: fc.constant('i64' as const), value: fc.maxSafeInteger() }),
      fc.record({ type: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
      fc.record({ type: fc.constant('u8' as const), value: fc.nat(255) }),
    )
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const out = new ByteWriter(1)
        for (const { type, value } of fields) out[type](value)
        const reader = new ByteReader(out.bytes)
        expect(fields.map(({ type }) => reader[type]())).toEqual(fields.map(({ value }) => value))
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  test('ByteWriter.text() writes the bytes of TextEncoder', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const out = new ByteWriter(1)
        expect(out.text(text)).toBe(utf8(text).length)
        expect(sameBytes(out.bytes, utf8(text))).toBe(true)
        expect(fromUtf8(out.bytes)).toBe(text)
      }),
    )
  })
})

describe('ByteReader', () => {
  test.each<[string, string, (reader: ByteReader) => unknown]>([
    ['a u64 of 2^53', '0000000000002000', (reader) => reader.u64()],
    ['a u64 of all ones', 'ffffffffffffffff', (reader) => reader.u64()],
    ['an i64 of 2^53', '0000000000002000', (reader) => reader.i64()],
    ['an i64 of -2^53', '000000000000e0ff', (reader) => reader.i64()],
    ['the least i64', '0000000000000080', (reader) => reader.i64()],
    ['a varint of 2^53', '8080808080808010', (reader) => reader.varint()],
    ['a varint of nine bytes', '808080808080808001', (reader) => reader.varint()],
    ['an endless varint', 'ff'.repeat(40), (reader) => reader.varint()],
  ])('ByteReader refuses %s', (_name, hex, read) => {
    expect(failure(() => read(new ByteReader(fromHex(hex))))).toMatchObject({ code: 'DECODE_FAILED' })
  })

  test('ByteReader refuses every field that is cut short, and does not move', () => {
    const fields: [number, (reader: ByteReader) => unknown][] = [
      [1, (reader) => reader.u8()],
      [4, (reader) => reader.u32()],
      [8, (reader) => reader.u64()],
      [8, (reader) => reader.i64()],
      [9, (reader) => reader.raw(9)],
    ]
    for (const [size, read] of fields) {
      for (let length = 0; length < size; length++) {
        const reader = new ByteReader(new Uint8Array(length))
        expect(failure(() => read(reader))).toMatchObject({ code: 'DECODE_FAILED' })
        expect(reader.position).toBe(0)
      }
    }
    for (let length = 0; length < 8; length++) {
      expect(failure(() => new ByteReader(new Uint8Array(length).fill(0xff)).varint())).toMatchObject({
        code: 'DECODE_FAILED',
      })
    }
  })

  test('ByteReader.raw() refuses a size past the end without allocating it', () => {
    expect(failure(() => new ByteReader(new Uint8Array(8)).raw(MAX))).toMatchObject({ code: 'DECODE_FAILED' })
  })

  test('getU64() and getI64() round-trip the limits', () => {
    const view = new DataView(new ArrayBuffer(8))
    for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, MAX - 1, MAX]) {
      setU64(view, 0, value)
      expect(getU64(view, 0)).toBe(value)
      setI64(view, 0, value)
      expect(getI64(view, 0)).toBe(value)
      setI64(view, 0, -value)
      expect(getI64(view, 0)).toBe(value === 0 ? 0 : -value)
    }
  })

  test('fromUtf8() keeps a byte order mark and refuses what is not UTF-8', () => {
    expect(fromUtf8(fromHex('efbbbf61'))).toBe('\uFEFFa')
    for (const hex of ['80', 'c3', 'eda080', 'f8888080', 'c080']) {
      expect(failure(() => fromUtf8(fromHex(hex)))).toMatchObject({ code: 'DECODE_FAILED' })
    }
  })
})
