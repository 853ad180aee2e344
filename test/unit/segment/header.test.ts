/** The first bytes of a segment: exact form, every bit, versions.
 * @module */
import { expect, test } from 'vitest'
import { setU64, toHex, viewOf } from '../../../src/codec/bytes.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  FEATURE_DEFLATE,
  FEATURE_EVENT_CHAIN,
  SEGMENT_HEADER_BYTES,
  segmentFeatures,
} from '../../../src/segment/header.ts'
import { besideSegment, isSegmentFamily, segmentFile } from '../../../src/segment/names.ts'
import { digest, flipBit } from '../codec/batch-support.ts'

const header = {
  partition: 3,
  id: '0011223344556677',
  baseOffset: 2 ** 53 - 1,
  epoch: 7,
  createdAt: 1_700_000_000_000,
  hashBefore: 'ab'.repeat(32),
  lineage: 'abcdefghijkl',
  features: 0,
}
const bytes = encodeSegmentHeader(header, digest)

function forged(change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice()
  change(viewOf(copy))
  viewOf(copy).setUint32(124, digest.crc32(copy.subarray(0, 124)), true)
  return copy
}

test('encodeSegmentHeader() writes exact bytes that decodeSegmentHeader() reads back', () => {
  expect(toHex(bytes.subarray(0, 48))).toBe(
    '5641525653454701' +
      '00000000' +
      '03000000' +
      '0011223344556677' +
      'ffffffffffff1f00' +
      '0700000000000000' +
      '0068e5cf8b010000',
  )
  expect(toHex(bytes.subarray(48, 124))).toBe(`${'ab'.repeat(32)}6162636465666768696a6b6c${'00'.repeat(32)}`)
  expect(decodeSegmentHeader(bytes, 'f', digest)).toEqual(header)
})

test('segmentFeatures() are those of the options, and decodeSegmentHeader() reads them back', () => {
  expect(segmentFeatures({})).toBe(0)
  expect(segmentFeatures({ compression: 'none', chain: 'batches' })).toBe(0)
  expect(segmentFeatures({ compression: 'deflate' })).toBe(FEATURE_DEFLATE)
  expect(segmentFeatures({ chain: 'events' })).toBe(FEATURE_EVENT_CHAIN)
  const features = segmentFeatures({ compression: 'deflate', chain: 'events' })
  const written = encodeSegmentHeader({ ...header, features }, digest)
  expect(toHex(written.subarray(8, 12))).toBe('03000000')
  expect(decodeSegmentHeader(written, 'f', digest).features).toBe(features)
})

test('decodeSegmentHeader() refuses every flipped bit and every length below a header', () => {
  for (let bit = 0; bit < SEGMENT_HEADER_BYTES * 8; bit++) {
    expect(() => decodeSegmentHeader(flipBit(bytes, bit), 'f', digest)).toThrow(
      expect.objectContaining({
        code: 'SEGMENT_DAMAGED',
        details: expect.objectContaining({ file: 'f', position: 0 }),
      }),
    )
  }
  for (let length = 0; length < SEGMENT_HEADER_BYTES; length++) {
    expect(() => decodeSegmentHeader(bytes.subarray(0, length), 'f', digest)).toThrow(
      expect.objectContaining({ code: 'SEGMENT_DAMAGED' }),
    )
  }
})

test('decodeSegmentHeader() refuses a later version, unknown features, another magic and numbers above 2^53 - 1', () => {
  const code = (change: (view: DataView) => void) => {
    try {
      return String(decodeSegmentHeader(forged(change), 'f', digest))
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  expect(code((view) => view.setUint8(7, 2))).toBe('FORMAT_NEWER')
  for (const bit of [4, 8, 2 ** 31]) expect(code((view) => view.setUint32(8, bit, true))).toBe('FORMAT_NEWER')
  expect(code((view) => view.setUint8(0, 0x57))).toBe('SEGMENT_DAMAGED')
  expect(code((view) => view.setUint8(7, 0))).toBe('SEGMENT_DAMAGED')
  for (const at of [24, 32, 40]) {
    expect(code((view) => view.setBigUint64(at, 2n ** 53n, true))).toBe('SEGMENT_DAMAGED')
    expect(code((view) => setU64(view, at, 2 ** 53 - 1))).toBe('[object Object]')
  }
})

test('segmentFile() names sort by offset, and only names of the family are recognised', () => {
  expect(segmentFile(42)).toBe('00000000000000000042.log')
  expect(segmentFile(42, 3)).toBe('00000000000000000042-3.log')
  expect(segmentFile(2 ** 53 - 1)).toHaveLength(24)
  expect(besideSegment('a/00000000000000000042-3.log', 'timeindex')).toBe('a/00000000000000000042-3.timeindex')
  for (const name of ['00000000000000000042.log', '00000000000000000042-12.index', '00000000000000000042.timeindex']) {
    expect(isSegmentFamily(name)).toBe(true)
  }
  for (const name of ['42.log', 'index.ckpt', '00000000000000000042.log.bak', '00000000000000000042-.log', 'x']) {
    expect(isSegmentFamily(name)).toBe(false)
  }
})
