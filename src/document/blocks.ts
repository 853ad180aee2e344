/** Blocks of a document: the unit of reading and of checksums.
 *
 * | position | field |
 * |---|---|
 * | 0 | u32 CRC-32 of all that follows, seeded with the document and the number of the block |
 * | 4 | u24 stored size of the raw bytes, u8 codec: 0 none |
 * | 8 | u32 raw size |
 * | 12 | the raw bytes |
 *
 * All but the last are 2,048 bytes long, so that the place of one follows from its number; what a raw size below 2,036
 * leaves of one is zero. The seed is CRC-32 of the document's id, xor (number + 1) x 2654435761 modulo 2^32: a block in
 * another place or of another document fails. An **address** is `number x 2,036 + offset in the raw bytes`.
 * @module */
import type { Digest } from '../codec/digest.ts'
import { VarveError } from '../errors.ts'

/** Before the first block: sizes of stream and index. */
export const FILE_HEADER_BYTES = 12
export const BLOCK_BYTES = 2_048
export const BLOCK_HEADER_BYTES = 12
/** Raw bytes of a full block. */
export const BLOCK_RAW_BYTES = BLOCK_BYTES - BLOCK_HEADER_BYTES
const CODEC_NONE = 0

/** Position of a block in its file. */
export function blockPosition(block: number): number {
  return FILE_HEADER_BYTES + block * BLOCK_BYTES
}

/** What the checksums of one document are seeded with. */
export function documentSeed(digest: Digest, id: Uint8Array): number {
  return digest.crc32(id)
}

function blockSeed(seed: number, block: number): number {
  return (seed ^ Math.imul(block + 1, 0x9e3779b1)) >>> 0
}

export interface BlockPlace {
  readonly digest: Digest
  readonly seed: number
  readonly block: number
}

/** Make `block` of the `rawSize` bytes that are at 12 in it already. */
export function sealBlock(block: Uint8Array, rawSize: number, place: BlockPlace): void {
  putU32(block, 4, rawSize | (CODEC_NONE << 24))
  putU32(block, 8, rawSize)
  block.fill(0, BLOCK_HEADER_BYTES + rawSize)
  putU32(block, 0, place.digest.crc32(block.subarray(4), blockSeed(place.seed, place.block)))
}

/** Check a block. @param body the block behind its checksum. @returns how many raw bytes begin at 12.
 * @throws {VarveError} `DECODE_FAILED`. */
export function openBlock(bytes: Uint8Array, body: Uint8Array, place: BlockPlace): number {
  if (bytes.length <= BLOCK_HEADER_BYTES || bytes.length > BLOCK_BYTES) throw damaged(place.block, 'a wrong size')
  const crc = place.digest.crc32(body, blockSeed(place.seed, place.block))
  if (u32(bytes, 0) !== crc) throw damaged(place.block, 'a wrong checksum')
  const stored = u32(bytes, 4)
  const raw = u32(bytes, 8)
  // With a codec the first number is above 2^24.
  if (stored !== raw || raw === 0 || raw > bytes.length - BLOCK_HEADER_BYTES)
    throw damaged(place.block, 'a wrong codec')
  return raw
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff
  bytes[at + 1] = (value >>> 8) & 0xff
  bytes[at + 2] = (value >>> 16) & 0xff
  bytes[at + 3] = value >>> 24
}

function u32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)
  return (low | ((bytes[at + 3] as number) << 24)) >>> 0
}

function damaged(block: number, found: string): VarveError {
  const position = blockPosition(block)
  return new VarveError('DECODE_FAILED', `Cannot read block ${block} of a document: found ${found}`, {
    details: { position, found },
  })
}
