/** Sparse indexes: look-ups against a list, the two derived files, and falling back to the segment.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/codec/bytes.ts'
import { loadIndex, readWhole, rebuildIndex } from '../../../src/segment/load-index.ts'
import { besideSegment } from '../../../src/segment/names.ts'
import {
  decodeIndexes,
  encodeOffsetIndex,
  encodeTimeIndex,
  type SealFacts,
  SparseIndex,
} from '../../../src/segment/sparse-index.ts'
import { digest, flipBit } from '../codec/batch-support.ts'
import { buildSegment, Desk, endOf, plansOf, storageWith } from './support.ts'

const segment = buildSegment(
  plansOf(40, [3, 9, 1], () => 300),
  { baseOffset: 500 },
)
const end = endOf(segment)
const seal: SealFacts = {
  id: segment.ref.id,
  baseOffset: 500,
  endOffset: end.offset,
  endPosition: end.position,
  endHash: end.hash,
}
const files = (facts = seal) => ({
  index: encodeOffsetIndex(segment.index, facts, digest),
  timeIndex: encodeTimeIndex(segment.index, facts, digest),
})
const columns = ({ offsets, positions, highestAt }: SparseIndex) => ({ offsets, positions, highestAt })

const batchesArbitrary = fc
  .array(
    fc.record({ rows: fc.integer({ min: 1, max: 9 }), bytes: fc.integer({ min: 100, max: 9_000 }), at: fc.integer() }),
  )
  .map((list) => {
    let offset = 500
    let position = 128
    return list.map(({ rows, bytes, at }) => {
      const batch = { baseOffset: offset, position, highestAt: at }
      offset += rows
      position += bytes
      return batch
    })
  })

describe('SparseIndex', () => {
  test('SparseIndex looks up offsets and times as a list of its batches does', () => {
    fc.assert(
      fc.property(batchesArbitrary, fc.integer({ min: 490, max: 700 }), fc.integer(), (batches, offset, since) => {
        const index = new SparseIndex()
        for (const batch of batches) index.add(batch)
        const entry = index.entryAt(offset)
        const batch = batches.findLast(({ baseOffset }) => baseOffset <= offset)
        if (batch === undefined) expect(entry).toBe(-1)
        else {
          expect(index.offsets[entry]).toBeLessThanOrEqual(offset)
          expect(batch.position - (index.positions[entry] ?? 0)).toBeLessThan(4096 + 9_000)
        }
        // Nothing before the entry is as late as `since`.
        const timely = index.entrySince(since)
        const limit = index.positions[timely] ?? Number.POSITIVE_INFINITY
        for (const { position, highestAt } of batches) if (position < limit) expect(highestAt).toBeLessThan(since)
        expect(batches.map(({ position }) => position)).toEqual(expect.arrayContaining(index.positions))
      }),
      { numRuns: 200 },
    )
  })

  test('SparseIndex.from() goes on as if it had been there from the beginning, and so does addAll()', () => {
    fc.assert(
      fc.property(batchesArbitrary, fc.nat(30), (batches, cut) => {
        const all = new SparseIndex()
        for (const batch of batches) all.add(batch)
        const first = new SparseIndex()
        for (const batch of batches.slice(0, cut)) first.add(batch)
        const restored = SparseIndex.from(structuredClone(columns(first)))
        for (const batch of batches.slice(cut)) restored.add(batch)
        expect(columns(restored)).toEqual(columns(all))
        const rest = new SparseIndex()
        for (const batch of batches.slice(cut)) rest.add(batch)
        first.addAll(rest)
        for (const since of batches.map(({ highestAt }) => highestAt)) {
          const limit = first.positions[first.entrySince(since)] ?? Number.POSITIVE_INFINITY
          for (const { position, highestAt } of batches) if (position < limit) expect(highestAt).toBeLessThan(since)
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('decodeIndexes()', () => {
  test('encodeOffsetIndex() and encodeTimeIndex() write exact bytes', () => {
    const index = new SparseIndex()
    index.add({ baseOffset: 500, position: 128, highestAt: -1 })
    index.add({ baseOffset: 510, position: 9_000, highestAt: 5 })
    const hex = (bytes: Uint8Array) => toHex(bytes)
    const facts = {
      id: '0123456789abcdef',
      baseOffset: 500,
      endOffset: 520,
      endPosition: 9_999,
      endHash: 'cd'.repeat(32),
    }
    const shared = `0123456789abcdef08020000000000000f27000002000000${'cd'.repeat(32)}`
    const offsets = encodeOffsetIndex(index, facts, digest)
    expect(hex(offsets.subarray(0, 64))).toBe(`5641525649445801${shared}`)
    expect(hex(offsets.subarray(68))).toBe('00000000' + '80000000' + '0a000000' + '28230000')
    const times = encodeTimeIndex(index, facts, digest)
    expect(hex(times.subarray(0, 64))).toBe(`5641525654495801${shared}`)
    expect(hex(times.subarray(68))).toBe('ffffffffffffffff' + '00000000' + '0500000000000000' + '0a000000')
  })

  test('decodeIndexes() gives back the index', () => {
    expect(columns(decodeIndexes(files(), seal, digest))).toEqual(columns(segment.index))
    expect(segment.index.offsets.length).toBeGreaterThan(3)
  })

  test('decodeIndexes() refuses every flipped bit and every length of either file, with a reason', () => {
    const good = files()
    const refused = (changed: Partial<typeof good>) =>
      expect(() => decodeIndexes({ ...good, ...changed }, seal, digest)).toThrow(
        expect.objectContaining({ code: 'DECODE_FAILED', details: { reason: expect.any(String) } }),
      )
    for (const name of ['index', 'timeIndex'] as const) {
      const bytes = good[name]
      for (let bit = 0; bit < bytes.length * 8; bit++) refused({ [name]: flipBit(bytes, bit) })
      for (let length = 0; length < bytes.length; length++) refused({ [name]: bytes.subarray(0, length) })
      refused({ [name]: Uint8Array.of(...bytes, 0) })
    }
    refused({ index: good.timeIndex })
    refused({ timeIndex: good.index })
  })

  test.each<[string, Partial<SealFacts>]>([
    ['it belongs to another segment', { id: '0123456789abcdee' }],
    ['the end differs', { endOffset: seal.endOffset + 1 }],
    ['the end differs', { endPosition: seal.endPosition - 1 }],
    ['the end hash differs', { endHash: '1'.repeat(64) }],
  ])('decodeIndexes() says that %s', (reason, changed) => {
    expect(() => decodeIndexes(files({ ...seal, ...changed }), seal, digest)).toThrow(
      expect.objectContaining({ details: { reason } }),
    )
    expect(() =>
      decodeIndexes({ ...files(), timeIndex: files({ ...seal, ...changed }).timeIndex }, seal, digest),
    ).toThrow(expect.objectContaining({ details: { reason } }))
  })
})

describe('loadIndex()', () => {
  const { path } = segment.ref
  const good = files()
  const load = async (found: Record<string, Uint8Array>) => {
    const desk = new Desk(await storageWith({ [path]: segment.bytes, ...found }))
    return desk.run(loadIndex(segment.ref, seal, digest))
  }
  const index = besideSegment(path, 'index')
  const timeIndex = besideSegment(path, 'timeindex')

  test.each<[string, Record<string, Uint8Array>, RegExp | undefined]>([
    ['both files', { [index]: good.index, [timeIndex]: good.timeIndex }, undefined],
    ['no file', {}, /does not exist/],
    ['one file', { [index]: good.index }, /does not exist/],
    ['a damaged file', { [index]: flipBit(good.index, 700), [timeIndex]: good.timeIndex }, /checksum differs/],
    ['an empty file', { [index]: new Uint8Array(0), [timeIndex]: good.timeIndex }, /too short/],
    [
      'a file of another segment',
      { [index]: files({ ...seal, id: 'f'.repeat(16) }).index },
      /another segment|not exist/,
    ],
  ])('loadIndex() gives the same index from %s, and says why it was rebuilt', async (_name, found, refused) => {
    const loaded = await load(found)
    expect(columns(loaded.index)).toEqual(columns(segment.index))
    if (refused === undefined) expect(loaded.refused).toBeUndefined()
    else expect(loaded.refused).toMatch(refused)
  })

  test('rebuildIndex() names a damaged header and a segment that is too short', async () => {
    const third = segment.points[3]?.position ?? 0
    const damaged = new Desk(await storageWith({ [path]: flipBit(segment.bytes, (third + 50) * 8) }))
    await expect(damaged.run(rebuildIndex(segment.ref, end.position, digest))).rejects.toMatchObject({
      code: 'SEGMENT_DAMAGED',
      details: { position: third },
    })
    const whole = new Desk(await storageWith({ [path]: segment.bytes }))
    await expect(whole.run(rebuildIndex(segment.ref, end.position - 1, digest))).rejects.toMatchObject({
      code: 'SEGMENT_DAMAGED',
    })
    const short = new Desk(await storageWith({ [path]: segment.bytes.slice(0, end.position - 200) }))
    await expect(short.run(rebuildIndex(segment.ref, end.position + 1, digest))).rejects.toMatchObject({
      code: 'SEGMENT_DAMAGED',
    })
  })

  test('readWhole() reads files around the sizes of its windows whole', async () => {
    for (const size of [0, 1, 65_535, 65_536, 65_537, 262_144, 17 * 1024 * 1024]) {
      const bytes = new Uint8Array(size).fill(7)
      const desk = new Desk(await storageWith({ f: bytes }))
      expect((await desk.run(readWhole('f'))).length).toBe(size)
    }
  })
})
