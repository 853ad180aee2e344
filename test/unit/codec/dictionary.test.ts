/** The strings of a batch: exact bytes, shared prefixes, and hostile sections.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter, fromHex, toHex } from '../../../src/codec/bytes.ts'
import { DictionaryWriter, readDictionary } from '../../../src/codec/dictionary.ts'
import { nameArbitrary } from './batch-support.ts'

function section(strings: readonly string[]): Uint8Array {
  const dictionary = new DictionaryWriter()
  for (const text of strings) dictionary.index(text)
  const out = new ByteWriter(1)
  dictionary.writeTo(out)
  return out.bytes
}

const read = (hex: string) => readDictionary(new ByteReader(fromHex(hex)))

function refused(hex: string): unknown {
  try {
    return { strings: read(hex) }
  } catch (error) {
    return error
  }
}

test.each<[string, string[], string]>([
  ['nothing', [], '00'],
  ['one string', ['abc'], '0106616263'],
  ['a prefix of two units, which does not pay', ['abc', 'abd'], '020606616263616264'],
  ['a prefix of three units', ['abc1', 'abc2'], '02080303616263' + '31' + '32'],
  ['a string that begins another', ['abc', 'abcd'], '02060303616263' + '64'],
  ['two that part inside a surrogate pair', ['aaa\u{1F600}', 'aaa\u{1F601}'], '020e0903616161f09f9880f09f9881'],
])('DictionaryWriter writes %s in its exact bytes', (_name, strings, hex) => {
  expect(toHex(section(strings))).toBe(hex)
  expect(read(hex)).toEqual(strings)
})

test('DictionaryWriter.index() gives the same index for the same string, also after a reset', () => {
  const dictionary = new DictionaryWriter()
  expect(['a', 'b', 'a', 'c', 'b'].map((text) => dictionary.index(text))).toEqual([0, 1, 0, 2, 1])
  dictionary.reset()
  expect(['c', 'a'].map((text) => dictionary.index(text))).toEqual([0, 1])
  const out = new ByteWriter()
  dictionary.writeTo(out)
  expect(readDictionary(new ByteReader(out.bytes))).toEqual(['c', 'a'])
})

test('readDictionary() reads back every list of distinct strings and stops at its end', () => {
  const texts = fc.uniqueArray(
    fc.oneof(
      nameArbitrary,
      fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
    ),
  )
  fc.assert(
    fc.property(texts, (strings) => {
      const bytes = section(strings)
      const reader = new ByteReader(Uint8Array.of(...bytes, 1, 2, 3))
      expect(readDictionary(reader)).toEqual(strings)
      expect(reader.remaining).toBe(3)
    }),
    { numRuns: 300 },
  )
})

test('readDictionary() refuses a section cut at any length', () => {
  const bytes = section(['order-17', 'order-18', 'é-1', 'é-12', 'abc\u{1F600}', 'abc\u{1F601}'])
  for (let length = 0; length < bytes.length; length++) {
    expect(refused(toHex(bytes.subarray(0, length)))).toMatchObject({ code: 'DECODE_FAILED' })
  }
})

test.each([
  ['more strings than bytes', 'ffffffffffffff0f'],
  ['a suffix past the end', `01${'feffffffffffff0f'}61`],
  ['sizes whose sum passes 2^53', `02${'feffffffffffff0f'.repeat(2)}61`],
  ['a share of nothing', '0103036162'],
  ['a share of more than the string before', '020603046162' + '6364'],
  ['a share of 2^53 - 1', `020603${'ffffffffffffff0f'}61626364`],
  ['bytes that are not UTF-8', '0102ff'],
  ['a character over two strings', '020202c3a9'],
])('readDictionary() refuses %s', (_name, hex) => {
  expect(refused(hex)).toMatchObject({ code: 'DECODE_FAILED' })
})

test('readDictionary() needs memory by its bytes, not by what shares pretend', () => {
  // 60,000 strings that each take over all of a first string of 30,000 units: 1.8 GB when laid out in full.
  const out = new ByteWriter()
  out.varint(60_000)
  out.varint(60_000)
  for (let i = 1; i < 60_000; i++) {
    out.varint(1)
    out.varint(30_000)
  }
  out.raw(new Uint8Array(30_000).fill(0x61))
  const strings = readDictionary(new ByteReader(out.bytes))
  expect(strings).toHaveLength(60_000)
  expect(strings[59_999]).toHaveLength(30_000)
})
