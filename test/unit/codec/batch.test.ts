/** Record batches: exact bytes, round trips, moves, and damage of every kind.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { moveBatch, NO_TABLE, recordTable } from '../../../src/codec/batch.ts'
import { expectedHash, prefaceBytes, readPreface } from '../../../src/codec/batch-body.ts'
import {
  BATCH_BODY_MAX_BYTES,
  BATCH_HEADER_BYTES,
  type BatchHeader,
  readBatchHeader,
} from '../../../src/codec/batch-header.ts'
import { setI64, setU64, toHex, viewOf } from '../../../src/codec/bytes.ts'
import { encodeShapes } from '../../../src/codec/values.ts'
import { share } from '../../support/runtime.ts'
import { difference } from '../../support/same-value.ts'
import {
  digest,
  eventArbitrary,
  flipBit,
  inFull,
  makeBatch,
  NO_HASH,
  openBatch,
  PLACE,
  type TestEvent,
} from './batch-support.ts'

const AT = 1_700_000_000_000
const small: TestEvent[] = [
  { kind: 'Placed', entity: 'order-1', at: AT, data: { total: 5 } },
  { kind: 'Paid', entity: 'order-12', at: AT + 7, data: { total: 5 }, tags: ['eu'], meta: '\uD800' },
]
const large: TestEvent[] = Array.from({ length: 4 }, (_, i) => ({
  kind: 'Big',
  entity: `e-${i}`,
  at: AT - i,
  data: { total: String(i).repeat(9_000) },
}))
/** A table that a batch of `small` or `large` can point to. */
const shapes = recordTable(encodeShapes([['total'], ['more']]), digest)

/** Header fields by hand, with a right checksum. */
function forge(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice()
  change(viewOf(copy))
  const seed = (PLACE.seed ^ Math.imul(PLACE.position, 0x9e37_79b1)) >>> 0
  viewOf(copy).setUint32(100, digest.crc32(copy.subarray(0, 100), seed), true)
  return copy
}

const headerOf = (bytes: Uint8Array) => readBatchHeader(bytes, 0, { place: PLACE, digest }) as BatchHeader

describe('BatchEncoder', () => {
  test('BatchEncoder.encode() writes a small batch in its exact bytes', () => {
    const { bytes, hash } = makeBatch(small, { epoch: 3, baseOffset: 41, syncedThrough: 9 })
    expect(toHex(bytes)).toMatchInlineSnapshot(
      `"56b703003c0000000100000009000000030000000000000029000000000000000068e5cf8b0100000768e5cf8b0100000068e5cf8b010000e8000000b3533f5b7a707deb32bd97c0c668cb02b45444f9b99f6aa0251f8818bbfb12e8502a02a58678f886aa1b92f108000000010105746f74616c050c080e030704506c61636564506169646f726465722d3132657561000102030007000104000c0703eda08040054005"`,
    )
    expect(toHex(hash)).toBe(toHex(bytes.subarray(68, 100)))
  })

  test('BatchEncoder.encode() writes nothing of another batch from its buffers', () => {
    expect(toHex(makeBatch(small).bytes)).toBe(toHex(makeBatch(small).bytes))
    expect(makeBatch(small).lowestAt).toBe(AT)
    expect(makeBatch(large).lowestAt).toBe(AT - 3)
    expect(makeBatch(large).highestAt).toBe(AT)
  })

  test('readBatchHeader() and openBatch() give back every batch', () => {
    const batches = fc.array(eventArbitrary, { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(batches, (events) => {
        const { bytes } = makeBatch(events)
        expect(difference(openBatch(bytes), events.map(inFull))).toBeUndefined()
        expect(headerOf(bytes).lowestAt).toBe(Math.min(...events.map(({ at }) => at)))
        expect(headerOf(bytes).highestAt).toBe(Math.max(...events.map(({ at }) => at)))
      }),
      { numRuns: share(200) },
    )
  })

  test.each([1, 2, 127, 128, 129, 1000, 3000])('BatchEncoder.encode() keeps %d rows over as many blocks', (count) => {
    const events = Array.from({ length: count }, (_, i) => ({
      kind: `K${i % 3}`,
      entity: `entity-${i}`,
      at: AT + ((i * 7919) % count),
      data: { i, text: 'x'.repeat(i % 50) },
      ...(i % 5 === 0 ? { scope: 's' } : {}),
    }))
    const { bytes } = makeBatch(events)
    expect(difference(openBatch(bytes), events.map(inFull))).toBeUndefined()
    const preface = readPreface(headerOf(bytes), bytes.subarray(BATCH_HEADER_BYTES), digest)
    expect(preface.blocks.reduce((sum, block) => sum + block.rows, 0)).toBe(count)
    expect(preface.blocks.length > 1).toBe(count >= 1000)
    expect(headerOf(bytes).single).toBe(preface.blocks.length === 1)
  })

  test('BatchEncoder.encode() gives a row larger than a block one of its own', () => {
    const row = (size: number) => ({ kind: 'k', entity: 'e', at: AT, data: 'x'.repeat(size) })
    const { bytes } = makeBatch([row(10), row(40_000), row(10), row(10)])
    const { blocks } = readPreface(headerOf(bytes), bytes.subarray(BATCH_HEADER_BYTES), digest)
    expect(blocks.map((block) => block.rows)).toEqual([1, 1, 2])
  })

  test('BatchEncoder.encode() keeps times as far apart as numbers go', () => {
    const times = [-(2 ** 53 - 1), -(2 ** 53 - 2), -1, 0, 1, AT, 2 ** 53 - 2, 2 ** 53 - 1]
    const events = times.map((at) => ({ kind: 'k', entity: 'e', at, data: null }))
    expect(difference(openBatch(makeBatch(events).bytes), events.map(inFull))).toBeUndefined()
  })

  test('BatchEncoder.encode() refuses offsets past 2^53 - 1 and bodies past the limit, before anything is written', () => {
    const last = 2 ** 53 - 1 - small.length
    expect(headerOf(makeBatch(small, { baseOffset: last }).bytes).baseOffset).toBe(last)
    expect(() => makeBatch(small, { baseOffset: last + 1 })).toThrow(
      expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' }),
    )
    const huge = Array.from({ length: 25 }, () => ({ kind: 'k', entity: 'e', at: AT, data: new Uint8Array(1_048_000) }))
    expect(() => makeBatch(huge)).toThrow(expect.objectContaining({ code: 'APPEND_TOO_LARGE' }))
    expect(BATCH_BODY_MAX_BYTES).toBeLessThan(25 * 1_048_000)
  })
})

describe('chain', () => {
  test('expectedHash() changes with every logical field, and only with those', () => {
    const base = { baseOffset: 7, recordedAt: AT, previousHash: NO_HASH }
    const hash = (events: readonly TestEvent[], facts = {}) => toHex(makeBatch(events, { ...base, ...facts }).hash)
    const [first, second] = small as [TestEvent, TestEvent]
    const changed: Record<string, string> = {
      baseOffset: hash(small, { baseOffset: 8 }),
      recordedAt: hash(small, { recordedAt: AT + 1 }),
      previousHash: hash(small, { previousHash: new Uint8Array(32).fill(1) }),
      table: hash(small, { table: shapes }),
      noTable: hash(small, { table: NO_TABLE }),
      rows: hash([first]),
      order: hash([second, first]),
      ...Object.fromEntries(
        Object.entries({
          kind: 'Placed2',
          entity: 'order-2',
          at: AT + 1,
          data: { total: 6 },
          correlationId: 'c',
          causationId: 'c',
          id: 'c',
          scope: 'c',
          tags: ['c'],
          schemaVersion: 1,
          lane: 1,
          depth: 1,
          idempotencyKey: 'c',
          meta: 1,
          extensions: 1,
        }).map(([name, value]) => [name, hash([{ ...first, [name]: value }, second])]),
      ),
    }
    const all = [hash(small), ...Object.values(changed)]
    expect(new Set(all).size).toBe(all.length)
    for (const facts of [{ epoch: 9 }, { syncedThrough: 9 }, { place: { seed: 1, position: 4096 } }]) {
      expect(hash(small, facts)).toBe(hash(small))
    }
  })

  test('expectedHash() of a header with another count or time differs', () => {
    const { bytes } = makeBatch(small)
    const body = bytes.subarray(BATCH_HEADER_BYTES)
    const header = headerOf(bytes)
    const preface = readPreface(header, body, digest)
    const tableHash = digest.sha256(preface.table as Uint8Array)
    const hash = (changed: Partial<BatchHeader>) =>
      toHex(expectedHash({ ...header, ...changed }, preface, { body, previousHash: NO_HASH, tableHash, digest }))
    expect(hash({})).toBe(toHex(header.hash))
    for (const field of ['lastOffsetDelta', 'lowestAt', 'highestAt', 'recordedAt', 'baseOffset'] as const) {
      expect(hash({ [field]: header[field] + 1 }), field).not.toBe(hash({}))
    }
  })
})

describe('moveBatch()', () => {
  const place = { seed: 99, position: 8_000 }
  const cases: [string, TestEvent[]][] = [
    ['a single block', small],
    ['many blocks', large],
  ]
  test.each(cases)('moveBatch() keeps hash and events of %s, and carries or points to its table', (_name, events) => {
    const { bytes, hash } = makeBatch(events, { table: shapes })
    const header = headerOf(bytes)
    const from = { header, preface: readPreface(header, bytes.subarray(BATCH_HEADER_BYTES), digest) }
    const to = { place, epoch: 5, syncedThrough: 77, table: shapes, digest }
    const carrying = moveBatch(bytes, from, { ...to, tablePosition: undefined })
    expect(carrying.tablePosition).toBe(8_000 + BATCH_HEADER_BYTES)
    const pointing = moveBatch(bytes, from, { ...to, tablePosition: 4_242 })
    expect(pointing.tablePosition).toBe(4_242)
    expect(carrying.bytes.length - pointing.bytes.length).toBe(shapes.bytes.length + 4)
    for (const moved of [carrying, pointing]) {
      expect(openBatch(moved.bytes)).toBe('header')
      expect(difference(openBatch(moved.bytes, { place, table: shapes }), events.map(inFull))).toBeUndefined()
      const found = readBatchHeader(moved.bytes, 0, { place, digest })
      expect(found).toMatchObject({ epoch: 5, syncedThrough: 77, baseOffset: 0, bodyBytes: moved.bytes.length - 104 })
      expect(toHex(found?.hash ?? NO_HASH)).toBe(toHex(hash))
    }
    // And back: from a batch that points to its table to one that carries it.
    const pointer = readBatchHeader(pointing.bytes, 0, { place, digest }) as BatchHeader
    const preface = readPreface(pointer, pointing.bytes.subarray(BATCH_HEADER_BYTES), digest)
    const back = moveBatch(
      pointing.bytes,
      { header: pointer, preface },
      {
        place: PLACE,
        epoch: 1,
        syncedThrough: 0,
        table: shapes,
        tablePosition: undefined,
        digest,
      },
    )
    expect(toHex(back.bytes)).toBe(toHex(bytes))
  })

  test('moveBatch() moves a batch without a table', () => {
    const events = [{ kind: 'k', entity: 'e', at: AT, data: 5 }]
    const { bytes } = makeBatch(events)
    const header = headerOf(bytes)
    const from = { header, preface: readPreface(header, bytes.subarray(BATCH_HEADER_BYTES), digest) }
    const to = { place, epoch: 1, syncedThrough: 0, table: NO_TABLE, tablePosition: undefined, digest }
    const moved = moveBatch(bytes, from, to)
    expect(moved.tablePosition).toBe(0)
    expect(difference(openBatch(moved.bytes, { place }), events.map(inFull))).toBeUndefined()
  })
})

describe('damage', () => {
  const whole: [string, Uint8Array][] = [
    ['a single block that carries its table', makeBatch(small).bytes],
    ['a single block that points to its table', makeBatch(small, { table: shapes, tablePosition: 500 }).bytes],
    ['many blocks that carry their table', makeBatch(large).bytes],
    ['many blocks that point to their table', makeBatch(large, { table: shapes, tablePosition: 500 }).bytes],
  ]

  /** Goal: no flipped bit gives other events. Method: every bit of header, table, preface and dictionary and the edges
   * of every block, every 31st bit inside long data. */
  test.each(whole)('openBatch() refuses every flipped bit of %s', (_name, bytes) => {
    expect(openBatch(bytes, { table: shapes })).toBeInstanceOf(Array)
    const body = bytes.subarray(BATCH_HEADER_BYTES)
    const edges = readPreface(headerOf(bytes), body, digest).blocks.flatMap(({ start, end }) => [start, end])
    const near = (byte: number) => byte < 300 || edges.some((edge) => Math.abs(byte - 104 - edge) < 12)
    const survived: number[] = []
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      if (!near(bit >> 3) && bit % (8 * 131) !== 0) continue
      if (typeof openBatch(flipBit(bytes, bit), { table: shapes }) !== 'string') survived.push(bit)
    }
    expect(survived).toEqual([])
  })

  test.each(whole)('openBatch() refuses %s cut at any length', (_name, bytes) => {
    const step = bytes.length > 5_000 ? 97 : 1
    for (let length = 0; length < bytes.length; length += length < 400 ? 1 : step) {
      expect(typeof openBatch(bytes.subarray(0, length), { table: shapes }), `${length}`).toBe('string')
    }
  })

  test('readBatchHeader() refuses another place, whatever the distance', () => {
    const { bytes } = makeBatch(small)
    for (const position of [0, 127, 129, 256, 4_096, 2 ** 31, 2 ** 32 - 128]) {
      expect(readBatchHeader(bytes, 0, { place: { ...PLACE, position }, digest })).toBeUndefined()
    }
    for (let bit = 0; bit < 32; bit++) {
      const seed = (PLACE.seed ^ (1 << bit)) >>> 0
      expect(readBatchHeader(bytes, 0, { place: { ...PLACE, seed }, digest })).toBeUndefined()
    }
    expect(readBatchHeader(Uint8Array.of(0, ...bytes), 1, { place: PLACE, digest })).toBeDefined()
  })

  test('openBatch() notices a batch after another one than its own, and another table', () => {
    expect(openBatch(makeBatch(small).bytes, { previousHash: new Uint8Array(32).fill(1) })).toBe('chain')
    const pointing = makeBatch(small, { table: shapes, tablePosition: 500 }).bytes
    expect(openBatch(pointing, { table: recordTable(encodeShapes([['other'], ['more']]), digest) })).toBe('table')
  })

  test('readBatchHeader() refuses numbers of 2^53 and above, never rounds them', () => {
    const { bytes } = makeBatch(small)
    for (const at of [16, 24, 48]) {
      expect(openBatch(forge(bytes, (view) => view.setBigUint64(at, 2n ** 53n, true)))).toBe('header')
      expect(openBatch(forge(bytes, (view) => view.setBigUint64(at, 2n ** 64n - 1n, true)))).toBe('header')
    }
    for (const at of [32, 40]) {
      expect(openBatch(forge(bytes, (view) => view.setBigInt64(at, 2n ** 53n, true)))).toBe('header')
      expect(openBatch(forge(bytes, (view) => view.setBigInt64(at, -(2n ** 53n), true)))).toBe('header')
    }
    expect(headerOf(forge(bytes, (view) => setU64(view, 16, 2 ** 53 - 1))).epoch).toBe(2 ** 53 - 1)
    expect(headerOf(forge(bytes, (view) => setI64(view, 32, 1 - 2 ** 53))).lowestAt).toBe(1 - 2 ** 53)
  })

  test('readPreface() refuses sizes larger than the bytes', () => {
    for (const [, bytes] of whole) {
      for (const change of [
        (view: DataView) => view.setUint32(4, 0xffff_ffff, true),
        (view: DataView) => view.setUint32(8, 0xffff_ffff, true),
        (view: DataView) => view.setUint32(BATCH_HEADER_BYTES, 0xffff_ffff, true),
      ]) {
        const forged = forge(bytes, change)
        expect(typeof openBatch(forged, { table: shapes })).toBe('string')
        const header = headerOf(forged)
        expect(prefaceBytes(header, forged.subarray(BATCH_HEADER_BYTES))).toBeLessThanOrEqual(header.bodyBytes)
      }
    }
  })

  test('prefaceBytes() reaches its answer whatever part of the body is known', () => {
    for (const [, bytes] of whole) {
      const header = headerOf(bytes)
      const body = bytes.subarray(BATCH_HEADER_BYTES)
      const wanted = prefaceBytes(header, body)
      let known = 0
      const ask = () => prefaceBytes(header, body.subarray(0, known))
      for (let next = ask(); next > known; next = ask()) known = next
      expect(known).toBe(wanted)
      expect(readPreface(header, body.subarray(0, wanted), digest).blocks.length).toBeGreaterThan(0)
    }
  })
})
