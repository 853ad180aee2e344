/** The first 128 bytes of a segment.
 *
 * | at | size | field |
 * |---|---|---|
 * | 0 | 8 | `VARVSEG` and the version, 1 |
 * | 8 | 4 | incompatible feature bits: 1 blocks may be compressed, 2 the hash chain is over events |
 * | 12 | 4 | partition |
 * | 16 | 8 | segment id, random |
 * | 24 | 8 | base offset |
 * | 32 | 8 | epoch of the writer that created it |
 * | 40 | 8 | created, milliseconds since 1970 |
 * | 48 | 32 | chain hash before the first batch |
 * | 80 | 16 | lineage of the topic, ASCII, zero-padded |
 * | 96 | 28 | zeros |
 * | 124 | 4 | CRC-32 of bytes 0-123 |
 *
 * These values are on disk. Do not change; add a version.
 * @module */
import { fromHex, getU64, setU64, toHex, utf8, viewOf } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { VarveError } from '../errors.ts'

export const SEGMENT_HEADER_BYTES = 128
const MAGIC = utf8('VARVSEG')
const VERSION = 1
const CRC_AT = 124
/** Feature bits, all incompatible: who does not know one refuses the segment. */
export const FEATURE_DEFLATE = 1
export const FEATURE_EVENT_CHAIN = 2
const FEATURES_KNOWN = 3

export interface SegmentHeader {
  readonly partition: number
  /** 16 hexadecimal digits. */
  readonly id: string
  readonly baseOffset: number
  readonly epoch: number
  readonly createdAt: number
  /** 64 hexadecimal digits. */
  readonly hashBefore: string
  readonly lineage: string
  /** Bits; absent: none. */
  readonly features?: number
}

/** The feature bits of a segment of a topic with these options. */
export function segmentFeatures(options: {
  readonly compression?: 'none' | 'deflate'
  readonly chain?: 'batches' | 'events'
}): number {
  return (
    (options.compression === 'deflate' ? FEATURE_DEFLATE : 0) | (options.chain === 'events' ? FEATURE_EVENT_CHAIN : 0)
  )
}

/** Make the first bytes of a segment. */
export function encodeSegmentHeader(header: SegmentHeader, digest: Digest): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES)
  const view = viewOf(bytes)
  bytes.set(MAGIC)
  bytes[7] = VERSION
  view.setUint32(8, header.features ?? 0, true)
  view.setUint32(12, header.partition, true)
  bytes.set(fromHex(header.id), 16)
  setU64(view, 24, header.baseOffset)
  setU64(view, 32, header.epoch)
  setU64(view, 40, header.createdAt)
  bytes.set(fromHex(header.hashBefore), 48)
  bytes.set(utf8(header.lineage).subarray(0, 16), 80)
  view.setUint32(CRC_AT, digest.crc32(bytes.subarray(0, CRC_AT)), true)
  return bytes
}

/** Read a segment header. @param file for messages.
 * @throws {VarveError} `SEGMENT_DAMAGED` when it is not one, `FORMAT_NEWER` for a later version. */
export function decodeSegmentHeader(bytes: Uint8Array, file: string, digest: Digest): Required<SegmentHeader> {
  const damaged = (reason: string) =>
    new VarveError('SEGMENT_DAMAGED', `Cannot read the header of segment "${file}": ${reason}`, {
      details: { file, position: 0, reason },
    })
  if (bytes.length < SEGMENT_HEADER_BYTES) throw damaged('the file is shorter than a header')
  const view = viewOf(bytes)
  if (digest.crc32(bytes.subarray(0, CRC_AT)) !== view.getUint32(CRC_AT, true)) throw damaged('checksum differs')
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) throw damaged('the magic is not that of a segment')
  const version = bytes[7] ?? 0
  if (version === 0) throw damaged('the version is 0')
  const features = view.getUint32(8, true)
  if (version > VERSION || (features & ~FEATURES_KNOWN) !== 0) {
    throw new VarveError(
      'FORMAT_NEWER',
      `Cannot read segment "${file}" of format ${version}; this varve reads ${VERSION}`,
      {
        details: { file, found: version, supported: VERSION, features },
      },
    )
  }
  let lineage = ''
  for (const byte of bytes.subarray(80, 96)) if (byte !== 0) lineage += String.fromCharCode(byte)
  const number = (at: number) => {
    try {
      return getU64(view, at)
    } catch {
      throw damaged('a number is above 2^53 - 1')
    }
  }
  return {
    partition: view.getUint32(12, true),
    id: toHex(bytes.subarray(16, 24)),
    baseOffset: number(24),
    epoch: number(32),
    createdAt: number(40),
    hashBefore: toHex(bytes.subarray(48, 80)),
    lineage,
    features,
  }
}
