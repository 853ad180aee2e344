/** The parts of a document's file around its blocks.
 *
 * | part | bytes |
 * |---|---|
 * | header | u64 BE size of the blocks, u32 BE size of the index section; both zero until the file is finished |
 * | blocks | see `blocks.ts`; the first event is the preamble, then comes one value |
 * | index section | the index (`index/format.ts`), then the trailer |
 *
 * Trailer, the last 64 bytes:
 *
 * | position | field |
 * |---|---|
 * | 0 | u64 id, random |
 * | 8 | u64 version of the document |
 * | 16 | u64 size of the blocks |
 * | 24 | u32 size of the index section |
 * | 28 | u32 features: 1 an object has a key twice, or so many that it was not told |
 * | 32 | f64 T of the index |
 * | 40 | u64 address behind the last event |
 * | 48 | `VARVEDOC` |
 * | 56 | u16 format version 1, u16 zero |
 * | 60 | u32 CRC-32 of header, index and trailer up to here, seeded with the complement of CRC-32 of the id |
 *
 * The preamble is `VARVEDOC`, u16 format version, u16 zero, u32 block size, f64 T as asked for, u64 id, id of the store
 * as UTF-8 to the end. All but the header are little-endian.
 * @module */
import { fromHex, getU64, setU64, toHex, utf8, viewOf } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { VarveError } from '../errors.ts'
import { BLOCK_BYTES, FILE_HEADER_BYTES } from './blocks.ts'

export const TRAILER_BYTES = 64
export const FORMAT_VERSION = 1
export const FEATURE_DUPLICATES = 1
const MAGIC = 'VARVEDOC'

export interface Trailer {
  /** 16 hexadecimal digits. */
  readonly id: string
  readonly version: number
  readonly streamBytes: number
  /** Of the index section, trailer included. */
  readonly indexBytes: number
  readonly features: number
  readonly threshold: number
  readonly endAddress: number
}

/** The header of a finished file. */
export function encodeHeader(streamBytes: number, indexBytes: number): Uint8Array {
  const header = new Uint8Array(FILE_HEADER_BYTES)
  const view = new DataView(header.buffer)
  view.setUint32(0, Math.floor(streamBytes / 2 ** 32))
  view.setUint32(4, streamBytes % 2 ** 32)
  view.setUint32(8, indexBytes)
  return header
}

/** What the preamble event holds. */
export function encodePreamble(facts: { threshold: number; id: string; storeId: string }): Uint8Array {
  const storeId = utf8(facts.storeId)
  const preamble = new Uint8Array(32 + storeId.length)
  const view = viewOf(preamble)
  preamble.set(utf8(MAGIC))
  view.setUint16(8, FORMAT_VERSION, true)
  view.setUint32(12, BLOCK_BYTES, true)
  view.setFloat64(16, facts.threshold, true)
  preamble.set(fromHex(facts.id), 24)
  preamble.set(storeId, 32)
  return preamble
}

/** The index section: index, then trailer. */
export function sealIndex(index: Uint8Array, trailer: Trailer, digest: Digest): Uint8Array {
  const section = new Uint8Array(index.length + TRAILER_BYTES)
  section.set(index)
  const view = new DataView(section.buffer, index.length)
  section.set(fromHex(trailer.id), index.length)
  setU64(view, 8, trailer.version)
  setU64(view, 16, trailer.streamBytes)
  view.setUint32(24, trailer.indexBytes, true)
  view.setUint32(28, trailer.features, true)
  view.setFloat64(32, trailer.threshold, true)
  setU64(view, 40, trailer.endAddress)
  section.set(utf8(MAGIC), index.length + 48)
  view.setUint16(56, FORMAT_VERSION, true)
  view.setUint32(60, sectionCrc(section, trailer, digest), true)
  return section
}

/** Read the trailer at the end of an index section, or of any last bytes of a file; nothing is checked but itself.
 * @throws {VarveError} `DECODE_FAILED`, `FORMAT_NEWER`. */
export function readTrailer(section: Uint8Array): Trailer {
  const at = section.length - TRAILER_BYTES
  if (at < 0) throw damaged('no trailer')
  const view = new DataView(section.buffer, section.byteOffset + at, TRAILER_BYTES)
  if (new TextDecoder('latin1').decode(section.subarray(at + 48, at + 56)) !== MAGIC) throw damaged('another magic')
  const formatVersion = view.getUint16(56, true)
  if (formatVersion > FORMAT_VERSION) {
    throw new VarveError('FORMAT_NEWER', `Cannot read a document of format ${formatVersion}`, {
      details: { foundVersion: formatVersion, knownVersion: FORMAT_VERSION },
    })
  }
  return {
    id: toHex(section.subarray(at, at + 8)),
    version: getU64(view, 8),
    streamBytes: getU64(view, 16),
    indexBytes: view.getUint32(24, true),
    features: view.getUint32(28, true),
    threshold: view.getFloat64(32, true),
    endAddress: getU64(view, 40),
  }
}

/** Check a whole index section together with the file's header. @throws {VarveError} `DECODE_FAILED`. */
export function checkSection(section: Uint8Array, header: Uint8Array, digest: Digest): Trailer {
  const trailer = readTrailer(section)
  const { streamBytes, indexBytes, features, endAddress } = trailer
  const expected = encodeHeader(streamBytes, indexBytes)
  if (header.length !== expected.length || header.some((byte, at) => byte !== expected[at])) {
    throw damaged('a header with other sizes')
  }
  const view = new DataView(section.buffer, section.byteOffset, section.length)
  const stored = view.getUint32(section.length - 4, true)
  if (stored !== sectionCrc(section, trailer, digest)) throw damaged('a wrong checksum')
  if (indexBytes !== section.length || streamBytes === 0 || endAddress === 0) throw damaged('impossible sizes')
  if ((features & ~FEATURE_DUPLICATES) !== 0) throw damaged('unknown features')
  return trailer
}

function sectionCrc(section: Uint8Array, trailer: Trailer, digest: Digest): number {
  const seed = ~digest.crc32(fromHex(trailer.id)) >>> 0
  const header = encodeHeader(trailer.streamBytes, trailer.indexBytes)
  return digest.crc32(section.subarray(0, section.length - 4), digest.crc32(header, seed))
}

function damaged(found: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot read the index of a document: found ${found}`, { details: { found } })
}
