/** Scans stop at the right place for every kind of damage, and say why; what lies behind may prove that it was synced.
 * @module */
import { describe, expect, test } from 'vitest'
import { setU64, viewOf } from '../../../src/codec/bytes.ts'
import type { Digest } from '../../../src/codec/digest.ts'
import type { ReadRequest } from '../../../src/segment/file-pool.ts'
import { provenBeyond, type ScannedBatch, scanBatches } from '../../../src/segment/scan.ts'
import { digest, flipBit } from '../codec/batch-support.ts'
import { AT, type BuiltSegment, buildSegment, endOf, plansOf, runOver, ZERO_HASH } from './support.ts'

/** Two shapes, so that batch 0 carries a table, 1 carries a larger one, and the others point to that. */
const first = { kind: 'First', entity: 'e', at: AT, data: { first: 1 } }
const plans = [{ events: [first] }, ...plansOf(5, [1, 5], () => 40)]
const segment = buildSegment(plans)

function scan(bytes: Uint8Array, facts: { from?: number; endPosition?: number; of?: BuiltSegment } = {}) {
  const { from = 0, endPosition = bytes.length, of = segment } = facts
  const seen: ScannedBatch[] = []
  const start = of.points[from]
  if (start === undefined) throw new Error('no such point')
  const onBatch = (batch: ScannedBatch) => void seen.push({ ...batch, bytes: batch.bytes.slice() })
  const result = runOver(scanBatches(of.ref, start, { digest, endPosition, onBatch }), { [of.ref.path]: bytes })
  return { ...result, seen: seen.length, batches: seen }
}

/** `bytes` of the segment with `change` applied to the header of a batch and its checksum made right. */
function forge(batch: number, change: (header: DataView) => void): Uint8Array {
  const bytes = segment.bytes.slice()
  const position = segment.points[batch]?.position ?? 0
  const header = bytes.subarray(position, position + 104)
  change(viewOf(header))
  const seed = (segment.ref.seed ^ Math.imul(position, 0x9e37_79b1)) >>> 0
  viewOf(header).setUint32(100, digest.crc32(header.subarray(0, 100), seed), true)
  return bytes
}

describe('scanBatches()', () => {
  test('scanBatches() gives every batch of an undamaged segment, from every batch on', () => {
    for (let from = 0; from < segment.points.length; from++) {
      const found = scan(segment.bytes, { from })
      expect(found).toMatchObject({ end: endOf(segment), problem: undefined, seen: 6 - from })
    }
    const { batches } = scan(segment.bytes)
    expect(batches.map(({ position }) => position)).toEqual(segment.points.slice(0, 6).map(({ position }) => position))
    expect(new Set(batches.map(({ table }) => table.crc)).size).toBe(2)
  })

  test('scanBatches() gives the same from batches larger than a chunk and headers across its end', () => {
    const big = buildSegment([
      ...plansOf(1, [30], () => 90_000),
      ...plansOf(200, [1, 40], (n) => 300 + (n % 61)),
      ...plansOf(1, [300], () => 9_000),
      ...plansOf(3, [1], () => 1),
    ])
    expect(scan(big.bytes, { of: big })).toMatchObject({ end: endOf(big), problem: undefined, seen: 205 })
  })

  test('scanBatches() stops before the batch with a flipped bit, wherever it is', () => {
    for (let bit = 128 * 8; bit < segment.bytes.length * 8; bit += 3) {
      const damaged = segment.points.findLastIndex(({ position }) => position * 8 <= bit)
      const { end, problem, seen } = scan(flipBit(segment.bytes, bit))
      expect({ bit, end, seen }).toEqual({ bit, end: segment.points[damaged], seen: damaged })
      expect(problem).toBeTypeOf('string')
    }
  })

  test('scanBatches() stops at the last whole batch of every length', () => {
    for (let length = segment.points[0]?.position ?? 0; length <= segment.bytes.length; length++) {
      const whole = segment.points.findLastIndex(({ position }) => position <= length)
      const { end, problem, seen } = scan(segment.bytes.slice(0, length))
      expect({ length, end, seen }).toEqual({ length, end: segment.points[whole], seen: whole })
      expect(problem === undefined).toBe(segment.points[whole]?.position === length)
    }
  })

  test('scanBatches() stops where the file is shorter than it was told', () => {
    const cut = segment.bytes.slice(0, (segment.points[4]?.position ?? 0) + 110)
    expect(scan(cut, { endPosition: segment.bytes.length })).toMatchObject({ end: segment.points[4], seen: 4 })
    expect(scan(cut.slice(0, 128), { endPosition: 4_000 })).toMatchObject({ end: segment.points[0], seen: 0 })
  })

  test.each<[string, number, (header: DataView) => void, string]>([
    ['a size past the end', 3, (header) => header.setUint32(4, 0xffff_ffff, true), 'a batch is cut short'],
    [
      'an offset that leaves a gap',
      3,
      (header) => setU64(header, 24, 999),
      'a batch begins at offset 999 instead of 7',
    ],
    [
      'an epoch above 2^53',
      3,
      (header) => header.setBigUint64(16, 2n ** 53n, true),
      'a batch header fails its checksum',
    ],
    ['another time', 3, (header) => setU64(header, 48, 1), 'the chain hash differs'],
    ['another row count', 3, (header) => header.setUint32(8, 1, true), 'the chain hash differs'],
    ['another chain hash', 3, (header) => header.setUint8(70, header.getUint8(70) ^ 1), 'the chain hash differs'],
    [
      'a table elsewhere',
      3,
      (header) => header.setUint32(56, 140, true),
      'the record table of a batch fails its checksum',
    ],
    ['no table', 3, (header) => header.setUint32(56, 0, true), 'a batch points to another record table'],
    ['another table checksum', 4, (header) => header.setUint32(60, 1, true), 'a batch points to another record table'],
  ])('scanBatches() refuses a forged header with %s', (_name, batch, change, problem) => {
    expect(scan(forge(batch, change))).toMatchObject({ end: segment.points[batch], seen: batch, problem })
  })

  test('scanBatches() refuses batches of another segment, of another place and of another chain', () => {
    const other = buildSegment(plans, { id: 'fedcba9876543210' })
    expect(scan(other.bytes)).toMatchObject({ end: segment.points[0], problem: 'a batch header fails its checksum' })
    const [, one, two] = segment.points
    const moved = segment.bytes.slice()
    moved.set(segment.bytes.subarray(one?.position, two?.position), two?.position)
    expect(scan(moved)).toMatchObject({ end: two, problem: 'a batch header fails its checksum' })
    const chained = buildSegment(plans, { hashBefore: '1'.repeat(64) })
    expect(chained.ref.hashBefore).not.toBe(ZERO_HASH)
    expect(scan(chained.bytes)).toMatchObject({ end: segment.points[0], problem: 'the chain hash differs' })
  })
})

describe('provenBeyond()', () => {
  const beyond = (bytes: Uint8Array, from: number, counted: Digest = digest, of = segment) =>
    runOver(provenBeyond(of.ref, from, { digest: counted, fileBytes: bytes.length }), { [of.ref.path]: bytes })

  test('provenBeyond() finds the greatest synced position that any header behind tells, at any byte', () => {
    const synced = buildSegment(plans.map((plan, i) => ({ ...plan, syncedBefore: Math.max(0, i - 1) })))
    const { points, bytes } = synced
    const at = (i: number) => points[i]?.position ?? 0
    for (let from = at(0); from <= bytes.length; from += 7) {
      const whole = points.slice(0, 6).findLastIndex(({ position }) => position >= from)
      expect(beyond(bytes, from, digest, synced)).toBe(whole < 0 ? 0 : at(4))
    }
    // A whole header is enough, its body may be torn.
    expect(beyond(bytes.slice(0, at(5) + 104), at(3), digest, synced)).toBe(at(4))
    expect(beyond(bytes.slice(0, at(5) + 103), at(3), digest, synced)).toBe(at(3))
    expect(beyond(bytes.slice(0, at(5) + 103), at(5), digest, synced)).toBe(0)
    expect(beyond(bytes, bytes.length, digest, synced)).toBe(0)
  })

  test('provenBeyond() finds a header on both sides of the end of its window', () => {
    const tail = buildSegment([...plansOf(1, [1], () => 1), { events: plans[0]?.events ?? [], syncedBefore: 1 }])
    const at = tail.points[1]?.position ?? 0
    const window = 1024 * 1024
    for (const shift of [0, 1, 50, 103, 104, 105]) {
      const from = at - window + shift
      // Positions count from the file, so what lies before is given as zeros of a longer reading.
      const bytes = tail.bytes
      const reading = provenBeyond(tail.ref, from, { digest, fileBytes: bytes.length })
      let step = reading.next()
      while (!step.done) {
        const { position, length } = step.value as ReadRequest
        const given = new Uint8Array(Math.min(length, bytes.length - position))
        given.set(bytes.subarray(Math.max(0, position), position + length), Math.max(0, -position))
        step = reading.next(given)
      }
      expect(step.value).toBe(at)
    }
  })

  test('provenBeyond() looks closer only at what could be a header', () => {
    let checksums = 0
    const count: Digest['crc32'] = (bytes, seed) => {
      checksums++
      return digest.crc32(bytes, seed)
    }
    const counting: Digest = { ...digest, crc32: count }
    expect(beyond(new Uint8Array(300_000), 128, counting)).toBe(0)
    expect(checksums).toBe(0)
  })
})
