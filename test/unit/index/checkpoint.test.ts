/** Checkpoints: every version gives the answers of a scan, and whatever does not fit is refused in words.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { viewOf } from '../../../src/codec/bytes.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/index/checkpoint.ts'
import { loadColumn, storeColumn } from '../../../src/index/columns.ts'
import { TailRows } from '../../../src/index/tail-rows.ts'
import { SparseIndex } from '../../../src/segment/sparse-index.ts'
import { digest, flipBit } from '../codec/batch-support.ts'
import { endOf } from '../segment/support.ts'
import {
  answers,
  BASE_OFFSET,
  bodyOf,
  factsOf,
  fileOf,
  golden,
  OWNER,
  olderFile,
  rowsOf,
  segmentOf,
  VERSIONS,
} from './checkpoint-support.ts'

const segment = segmentOf(6)
const facts = factsOf(segment)
const file = encodeCheckpoint(facts, digest)

/** Why a checkpoint is refused: when it is opened, or when its rows are asked for. */
function reason(bytes: Uint8Array, owner = OWNER): unknown {
  try {
    const checkpoint = decodeCheckpoint(bytes, owner, digest)
    checkpoint.rows()
    return 'accepted'
  } catch (error) {
    const { code, details } = error as { code: string; details: { reason?: string } }
    expect(code).toBe('DECODE_FAILED')
    return details.reason
  }
}

const columns = ({ offsets, positions, highestAt }: SparseIndex) => ({ offsets, positions, highestAt })

describe('versions', () => {
  test.each(VERSIONS)('decodeCheckpoint() reads version %d and gives the answers of a scan', (version) => {
    const { checkpoint: bytes, segment: log } = golden(version)
    const built = segmentOf(version)
    const scanned = rowsOf(built, log)
    expect(viewOf(bytes).getUint16(6, true)).toBe(version)
    const checkpoint = decodeCheckpoint(bytes, OWNER, digest)
    expect(checkpoint).toMatchObject({ version, epoch: 3, recordedAt: facts.recordedAt })
    expect(checkpoint.watermark).toEqual({ segment: built.ref.id, ...endOf(built) })
    expect(checkpoint.lastBatchPosition).toBe(built.points.at(-2)?.position)
    expect(columns(checkpoint.index)).toEqual(columns(built.index))
    expect(answers(checkpoint.rows())).toEqual(answers(scanned))
    for (const [entity, last] of scanned.versions()) expect(checkpoint.stored.versionOf(entity)).toBe(last)
    for (const none of ['', 'no such entity', 'Kind1', 'id-0'])
      expect(checkpoint.stored.versionOf(none)).toBeUndefined()
  })

  test('the fixtures have the fields of their versions', () => {
    const fields = (bytes: Uint8Array) => Object.keys(bodyOf(bytes)).sort()
    for (const version of VERSIONS) expect(fields(golden(version).checkpoint)).toEqual(fields(olderFile(version)))
  })

  test('encodeCheckpoint() writes an empty tail that reads back', () => {
    const watermark = { segment: segment.ref.id, position: 128, offset: BASE_OFFSET, hash: segment.ref.hashBefore }
    const empty = { ...facts, watermark, rows: new TailRows(), index: new SparseIndex() }
    const checkpoint = decodeCheckpoint(encodeCheckpoint(empty, digest), OWNER, digest)
    expect(checkpoint.lastBatchPosition).toBeUndefined()
    expect(checkpoint.rows().length).toBe(0)
    expect(checkpoint.stored.versionOf('e')).toBeUndefined()
  })
})

describe('refusals', () => {
  const change = (fields: Record<string, unknown>) => fileOf({ ...bodyOf(file), ...fields }, 6)
  const body = bodyOf(file) as Record<string, unknown> & { rows: number; watermark: object; index: object }
  const ids = (values: number[]) => storeColumn(values)
  const rows = Array.from({ length: body.rows }, (_, row) => row)

  test.each<[string, Uint8Array]>([
    ['the magic differs', Uint8Array.of(0x66, ...file.subarray(1))],
    ['the magic differs', file.subarray(0, 11)],
    ['the magic differs', new Uint8Array(0)],
    ['version 1 is not one of 2 to 6', fileOf({ ...body, version: 1 }, 1)],
    ['version 7 is not one of 2 to 6', fileOf({ ...body, version: 7 }, 7)],
    ['version 65535 is not one of 2 to 6', fileOf(body, 65_535)],
    ['the checksum differs', flipBit(file, 500)],
    ['the checksum differs', file.subarray(0, file.length - 1)],
    ['the body cannot be decoded', rawBody(file.subarray(12, 300))],
    ['the body is not a map', fileOf([1, 2], 6)],
    ['the body is not a map', fileOf(null, 6)],
    ['the body has another version', fileOf(body, 5)],
    ['it belongs to another store', change({ storeId: 'store-2' })],
    ['it belongs to another partition', change({ partition: 1 })],
    ['it belongs to another partition', change({ lineage: 'other' })],
    ['the watermark is missing', change({ watermark: null })],
    ['the watermark is incomplete', change({ watermark: { ...body.watermark, hash: 'x' } })],
    ['the next offset differs from the watermark', change({ nextOffset: facts.watermark.offset + 1 })],
    ['the segment of the watermark is missing', change({ segments: ['ffffffffffffffff'] })],
    ['the segment of the watermark is missing', change({ segments: undefined })],
    ['a batch lies in another segment', change({ segment: ids([0, 0, 0, 1, 0]) })],
    ['the rows are not in order', change({ position: ids([128, 1, 2, 3, 4]) })],
    ['the rows are not in order', change({ offset: ids(rows.toReversed()) })],
    ['the rows are not in order', change({ batchRows: ids([1, 0, 6, 30, 1]) })],
    ['the rows do not end at the watermark', change({ batchRows: ids([1, 4, 2, 30, 2]) })],
    ['the rows do not end at the watermark', change({ watermark: { ...body.watermark, position: 5_000 } })],
    ['a string id of kindId is out of range', change({ kindId: ids(rows.map(() => 1_000)) })],
    ['a string id of entityId is out of range', change({ entityId: ids(rows.map(() => -1)) })],
    ['a string id of scopeId is out of range', change({ scopeId: ids(rows.map(() => 0.5)) })],
    ['a row has no entity', change({ entityId: ids(rows.map((row) => (row === 9 ? 0 : 1))) })],
    ['column entityId', change({ entityId: ids([1, 5, 2]) })],
    ['column kindId', change({ kindId: undefined })],
    ['column lane', change({ lane: [3, 0, 0, new Uint8Array(0)] })],
    ['the strings are missing', change({ strings: 'text' })],
    ['string 0 is not empty', change({ ends: ids(rows.map(() => 4)), stringCount: rows.length })],
    ['the ends of the strings are not in order', change({ ends: ids([0, 2, 1]), stringCount: 3 })],
    ['a string is not UTF-8', change({ strings: Uint8Array.of(0xc3), ends: ids([0, 1]), stringCount: 2 })],
    ['there are more strings than bytes', change({ stringCount: 2 ** 40 })],
    ['the index is missing', change({ index: undefined })],
    [
      'the index is not in order',
      change({
        index: { ...body.index, entries: 2, offsets: ids([9, 9]), positions: ids([1, 2]), highestAt: ids([1, 2]) },
      }),
    ],
    ['rows is not a whole number', change({ rows: -1 })],
    ['rows is more than the segment can hold', change({ rows: 2 ** 40 })],
    ['batches is more than the segment can hold', change({ batches: 2 ** 33 })],
    ['entries is more than the segment can hold', change({ index: { ...body.index, entries: 2 ** 50 } })],
    ['epoch is not a whole number', change({ epoch: 1.5 })],
  ])('decodeCheckpoint() says: %s', (why, bytes) => {
    expect(reason(bytes)).toBe(why)
  })

  test('decodeCheckpoint() refuses every flipped bit and every length', () => {
    expect(reason(file)).toBe('accepted')
    for (let bit = 0; bit < file.length * 8; bit++)
      expect(reason(flipBit(file, bit)), `bit ${bit}`).not.toBe('accepted')
    for (let length = 0; length < file.length; length += 3) {
      expect(reason(file.subarray(0, length)), `length ${length}`).not.toBe('accepted')
    }
  })
})

/** A version 6 file around bytes that need not be a body. */
function rawBody(packed: Uint8Array): Uint8Array {
  const bytes = Uint8Array.of(...file.subarray(0, 12), ...packed)
  viewOf(bytes).setUint32(8, digest.crc32(packed), true)
  return bytes
}

describe('columns', () => {
  test.each<[string, number[], number, number]>([
    ['nothing', [], 0, 0],
    ['one number', [7], 0, 0],
    ['a constant', [5, 5, 5], 0, 0],
    ['a line', [10, 8, 6, 4], 0, 0],
    ['one byte above the least', [1_000_000, 1_000_255, 1_000_001], 1, 3],
    ['two bytes', [0, 256, 65_535], 2, 6],
    ['two bytes below zero', [-32_768, 5, 32_767, 4], 2, 8],
    ['differences of one byte', [5_000, 5_300, 5_601, 5_901], 17, 4],
    ['differences of two bytes', [0, 70_000, 140_009, 150_000], 18, 8],
    ['differences of four bytes', [0, 2 ** 31, 2 ** 32, 2 ** 32 + 1], 20, 16],
    ['differences at the limits', [2 ** 53 - 1, 2 ** 53 - 2_000, 2 ** 53 - 3_990], 2, 6],
    ['differences at the other limit', [1 - 2 ** 53, 3_000 - 2 ** 53, 5_990 - 2 ** 53], 2, 6],
    ['four bytes', [1, 2 ** 32, 7], 4, 12],
    ['more than four bytes', [0, 2 ** 32, 7], 8, 24],
    ['the limits', [2 ** 53 - 1, 0, 1 - 2 ** 53], 8, 24],
  ])('storeColumn() keeps %s in the smallest form', (_name, values, form, size) => {
    const stored = storeColumn(values)
    expect([stored[0], stored[3].length]).toEqual([form, size])
    expect(loadColumn(stored, values.length, 'c')).toEqual(values)
  })

  test('loadColumn() reads back every column of whole numbers', () => {
    const range = fc.constantFrom(1, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 50)
    const values = range.chain((most) =>
      fc
        .tuple(fc.constantFrom(0, -1_000, 2 ** 52, 1 - 2 ** 53), fc.array(fc.maxSafeNat()), fc.boolean())
        .map(([base, list, rising]) => {
          const numbers = list.map((value) => base + (value % most))
          return rising ? numbers.sort((a, b) => a - b) : numbers
        }),
    )
    fc.assert(fc.property(values, (list) => void expect(loadColumn(storeColumn(list), list.length, 'c')).toEqual(list)))
  })

  test.each<[string, unknown, number]>([
    ['no array', { 0: 0 }, 1],
    ['a short array', [0, 0, 0], 1],
    ['an unknown form', [3, 0, 0, new Uint8Array(3)], 1],
    ['a base that is no number', [0, '0', 0, new Uint8Array(0)], 1],
    ['a step that is no number', [0, 0, null, new Uint8Array(0)], 1],
    ['no bytes', [1, 0, 0, [1]], 1],
    ['too few bytes', [2, 0, 0, new Uint8Array(3)], 2],
    ['too many bytes', [1, 0, 0, new Uint8Array(3)], 2],
  ])('loadColumn() refuses %s', (_name, stored, length) => {
    expect(() => loadColumn(stored, length, 'c')).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })
})

describe('TailRows', () => {
  test('TailRows.addAll() gives what adding everything to one gives', () => {
    const whole = rowsOf(segment)
    for (let cut = 0; cut <= whole.batches.length; cut++) {
      const [first, second] = [new TailRows(), new TailRows()]
      const list = (answers(whole) as { list: Parameters<TailRows['add']>[0] }).list
      let row = 0
      whole.batches.forEach(({ rows, ...batch }, i) => {
        const into = i < cut ? first : second
        into.add(list.slice(row, row + rows), batch)
        row += rows
      })
      first.addAll(second)
      expect(answers(first)).toEqual(answers(whole))
      const again = decodeCheckpoint(encodeCheckpoint({ ...facts, rows: first }, digest), OWNER, digest)
      expect(answers(again.rows())).toEqual(answers(whole))
    }
  })

  test('TailRows grows past the first room of its columns', () => {
    const rows = new TailRows()
    const row = (i: number) => ({ ...NOTHING, kind: 'k', entity: `e${i % 300}`, lane: i })
    for (let i = 0; i < 1_000; i++) rows.add([row(i)], { baseOffset: i, recordedAt: 1, position: i, length: 1 })
    const lanes = Array.from({ length: rows.length }, (_, at) => rows.lanes.at(at))
    expect(lanes).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
    expect(rows.versionOf('e5')).toBe(906)
    expect(rows.versionOf('k')).toBeUndefined()
  })
})

const NOTHING = {
  id: undefined,
  correlationId: undefined,
  causationId: undefined,
  scope: undefined,
  depth: undefined,
  tags: undefined,
  idempotencyKey: undefined,
}
