/** Blocks: the envelope as columns, exact bytes, every combination of optional columns, and hostile sizes.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeData, decodeValues, readBlock, writeBlock } from '../../../src/codec/block.ts'
import { ByteReader, ByteWriter, fromHex, toHex } from '../../../src/codec/bytes.ts'
import { DictionaryWriter, readDictionary } from '../../../src/codec/dictionary.ts'
import { ValueDecoder, ValueEncoder } from '../../../src/codec/values.ts'
import { difference } from '../../support/same-value.ts'
import { eventArbitrary, inFull, makeRows, readEvents, type TestEvent } from './batch-support.ts'

const NO_SHAPES = new ValueDecoder([])

function blockOf(events: readonly TestEvent[], encoder = new ValueEncoder()) {
  const rows = makeRows(events, encoder)
  const dictionary = new DictionaryWriter()
  const lowestAt = rows.reduce((least, row) => Math.min(least, row.at), Number.POSITIVE_INFINITY)
  const out = new ByteWriter(1)
  writeBlock(out, { rows, dictionary, lowestAt }, { from: 0, to: rows.length })
  const section = new ByteWriter()
  dictionary.writeTo(section)
  return { bytes: out.bytes, strings: readDictionary(new ByteReader(section.bytes)), lowestAt, rows: rows.length }
}

function roundTrip(events: readonly TestEvent[]): TestEvent[] {
  const encoder = new ValueEncoder()
  const { bytes, ...facts } = blockOf(events, encoder)
  return readEvents(bytes, { ...facts, decoder: new ValueDecoder(encoder.shapes) })
}

const base = { kind: 'k', entity: 'e', at: 10, data: 1 }

describe('writeBlock()', () => {
  // columns; kinds; entities; then the column; then the data.
  test.each<[string, TestEvent[], string]>([
    ['no optional column', [base], '00' + '00' + '01' + '01'],
    ['at', [base, { ...base, at: 300 }], '01' + '0000' + '0101' + '00a202' + '0101'],
    [
      'wide at',
      [
        { ...base, at: -(2 ** 53 - 1) },
        { ...base, at: 2 ** 53 - 1 },
      ],
      '8040' + '0000' + '0101' + '010000000000e0ff' + 'ffffffffffff1f00' + '0101',
    ],
    ['correlationId', [{ ...base, correlationId: 'c' }, base], '02' + '0000' + '0101' + '0300' + '0101'],
    ['causationId', [{ ...base, causationId: 'e' }], '04' + '00' + '01' + '02' + '01'],
    ['id', [{ ...base, id: 'i' }], '08' + '00' + '01' + '03' + '01'],
    ['scope', [{ ...base, scope: 's' }], '10' + '00' + '01' + '03' + '01'],
    ['tags', [{ ...base, tags: ['t', 'u'] }, base], '20' + '0000' + '0101' + '02' + '0203' + '00' + '0101'],
    ['meta', [{ ...base, meta: 5 }, base], '40' + '0000' + '0101' + '0300' + '05' + '0101'],
    ['structural data', [{ ...base, data: '\uD800' }, base], '8001' + '0000' + '0101' + '0b02' + '0703eda080' + '01'],
    ['schemaVersion', [{ ...base, schemaVersion: 0 }], '8002' + '00' + '01' + '01' + '01'],
    ['lane', [{ ...base, lane: 2 }], '8004' + '00' + '01' + '03' + '01'],
    ['depth', [{ ...base, depth: 127 }], '8008' + '00' + '01' + '8001' + '01'],
    ['idempotencyKey', [{ ...base, idempotencyKey: 'x' }], '8010' + '00' + '01' + '03' + '01'],
    ['extensions', [{ ...base, extensions: 7 }], '8020' + '00' + '01' + '03' + '07' + '01'],
  ])('writeBlock() writes %s in its exact bytes', (_name, events, hex) => {
    expect(toHex(blockOf(events).bytes)).toBe(hex)
    expect(difference(roundTrip(events), events.map(inFull))).toBeUndefined()
  })

  test('readBlock() reads back every combination of the optional columns', () => {
    const optional = {
      at: 11,
      correlationId: 'co',
      causationId: 'ca',
      id: 'i',
      scope: 's',
      tags: ['t', 'u'],
      meta: { m: 1 },
      data: '\uDFFF',
      schemaVersion: 1,
      lane: 2,
      depth: 3,
      idempotencyKey: 'key',
      extensions: ['\uD800'],
    }
    const names = Object.entries(optional)
    for (let bits = 0; bits < 2 ** names.length; bits++) {
      const chosen = Object.fromEntries(names.filter((_, bit) => bits & (1 << bit)))
      const events: TestEvent[] = [base, { ...base, ...chosen }]
      expect(difference(roundTrip(events), events.map(inFull)), `${bits}`).toBeUndefined()
    }
  })

  test('readBlock() reads back rows of every kind', () => {
    fc.assert(
      fc.property(fc.array(eventArbitrary, { minLength: 1, maxLength: 30 }), (events) => {
        expect(difference(roundTrip(events), events.map(inFull))).toBeUndefined()
      }),
      { numRuns: 200 },
    )
  })

  test('ValueEncoder writes maps instead of records when its keys fill the table of shapes', () => {
    const events = Array.from({ length: 60 }, (_, i) => ({
      ...base,
      data: Object.fromEntries(Array.from({ length: 64 }, (_, key) => [`${i}-${key}-`.padEnd(341, 'k'), key])),
    }))
    const encoder = new ValueEncoder()
    const { bytes, ...facts } = blockOf(events, encoder)
    expect(encoder.shapes.length).toBe(49)
    const decoder = new ValueDecoder(encoder.shapes)
    expect(difference(readEvents(bytes, { ...facts, decoder }), events.map(inFull))).toBeUndefined()
  })

  test('writeBlock() writes values that do not lie end to end', () => {
    const one = makeRows([base, { ...base, data: 2, meta: 3 }])
    const other = makeRows([{ ...base, data: 4 }])
    const rows = [...other, ...one.slice(1), ...other]
    const out = new ByteWriter()
    writeBlock(out, { rows, dictionary: new DictionaryWriter(), lowestAt: 10 }, { from: 0, to: 3 })
    const facts = { rows: 3, strings: ['k', 'e'], lowestAt: 10, decoder: NO_SHAPES }
    expect(readEvents(out.bytes, facts).map(({ data, meta }) => [data, meta])).toEqual([
      [4, undefined],
      [2, 3],
      [4, undefined],
    ])
  })
})

describe('readBlock()', () => {
  const strings = ['k', 'e']
  const read = (hex: string, rows = 1) => {
    const columns = readBlock(fromHex(hex), rows, strings)
    if (columns.meta !== undefined) decodeValues(columns.meta, NO_SHAPES)
    return decodeData(columns, NO_SHAPES)
  }
  test.each<[string, string, number]>([
    ['unknown columns', '808001' + '00' + '01' + '01', 1],
    ['more rows than bytes', '00' + '00', 2 ** 31],
    ['rows that end early', '00' + '0000' + '01', 3],
    ['a string that is not in the dictionary', '00' + '02' + '01' + '01', 1],
    ['an optional string that is not in the dictionary', '02' + '00' + '01' + '03' + '01', 1],
    ['more tags than bytes', '20' + '00' + '01' + 'ffffffffffffff0f' + '01', 1],
    ['a meta size past the end', '40' + '00' + '01' + '7f' + '01', 1],
    ['a meta size that is 0 in 32 bits', '40' + '00' + '01' + '8180808020' + '01', 1],
    ['a data size past the end', '8001' + '00' + '01' + '7e' + '01', 1],
    ['a data size that is 1 in 32 bits', '8001' + '00' + '01' + '8280808020' + '01', 1],
    ['data sizes that leave bytes over', '8001' + '00' + '01' + '02' + '0101', 1],
    ['fewer values than rows', '00' + '0000' + '0101' + '01', 2],
    ['more values than rows', '00' + '00' + '01' + '0101', 1],
    ['a shape without a table', '00' + '00' + '01' + '4001', 1],
  ])('readBlock() or its decoding refuses %s', (_name, hex, rows) => {
    expect(() => read(hex, rows)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })

  test('readBlock() refuses a block cut at any length', () => {
    const event = {
      ...base,
      at: 11,
      tags: ['a', 'b'],
      meta: { a: 1 },
      extensions: '\uD800',
      data: '\uD800',
      scope: 's',
    }
    const { bytes, strings: known } = blockOf([base, event, base])
    for (let length = 0; length < bytes.length; length++) {
      const decode = () => decodeData(readBlock(bytes.subarray(0, length), 3, known), NO_SHAPES)
      expect(decode).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
    }
  })
})
