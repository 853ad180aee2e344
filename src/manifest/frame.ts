/** CRC-framed records of a manifest. Warning: this is a disk format; a change needs a new format version.
 *
 * | at | bytes | field                                                                                     |
 * | -- | ----- | ----------------------------------------------------------------------------------------- |
 * |  0 |     4 | magic `56 4D 52 FF` ("VMR" and a byte that no UTF-8 text holds, so no body contains it)    |
 * |  4 |     4 | header CRC-32 of bytes 8 to 24, seeded with the CRC-32 of {epoch u64, position u64}         |
 * |  8 |     4 | body size in bytes, at least 1                                                             |
 * | 12 |     4 | body CRC-32                                                                                |
 * | 16 |     4 | syncedThrough: every byte of the file below this position was synced before this frame     |
 * | 20 |     4 | sequence: number of this frame in its file, from 0                                         |
 * | 24 |     n | body: one JSON value as UTF-8                                                              |
 *
 * Integers are little-endian. Frames follow each other without gaps from position 0. Both checksums cover a range of
 * fixed or checked size, so every flip of a single bit is found by construction, and the seed binds a frame to its
 * epoch and position, so that a copy elsewhere fails.
 * @module */
import type { Digest } from '../codec/digest.ts'
import { assert } from '../errors.ts'

export const FRAME_HEADER_BYTES = 24

const MAGIC = 0xff524d56
const MAGIC_FIRST_BYTE = 0x56
const U32 = 2 ** 32

/** Where a frame is, and what it says about the bytes before it. */
export interface FramePlace {
  readonly epoch: number
  /** Position of the frame in its file, in bytes. */
  readonly position: number
  readonly sequence: number
  readonly syncedThrough: number
}

export interface Frame {
  readonly position: number
  readonly endPosition: number
  readonly sequence: number
  readonly syncedThrough: number
  readonly body: Uint8Array
}

export interface FrameScan {
  readonly frames: readonly Frame[]
  /** End of the last valid frame before the first bad place, in bytes. */
  readonly endPosition: number
  /** `clean`: the file ends with a valid frame. `torn`: nothing after the bad place proves that it was ever synced, so
   * it was never acknowledged. `damaged`: a frame header after the bad place is intact, so the bad place was synced. */
  readonly tail: 'clean' | 'torn' | 'damaged'
}

interface Header {
  readonly bodySizeBytes: number
  readonly bodyCrc: number
  readonly syncedThrough: number
  readonly sequence: number
}

/** Make one frame. */
export function encodeFrame(place: FramePlace, body: Uint8Array, digest: Digest): Uint8Array {
  assert(body.length > 0 && place.position + FRAME_HEADER_BYTES + body.length < U32, 'a frame fits its manifest')
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(8, body.length, true)
  view.setUint32(12, digest.crc32(body), true)
  view.setUint32(16, place.syncedThrough, true)
  view.setUint32(20, place.sequence, true)
  const seed = placeSeed(place.epoch, place.position, digest)
  view.setUint32(4, digest.crc32(bytes.subarray(8, FRAME_HEADER_BYTES), seed), true)
  bytes.set(body, FRAME_HEADER_BYTES)
  return bytes
}

/** Find the valid frames of a manifest and say how it ends. Cost: one checksum over `bytes`; when the tail is bad also
 * a search for frame headers at every byte after it. */
export function scanFrames(bytes: Uint8Array, epoch: number, digest: Digest): FrameScan {
  const frames: Frame[] = []
  let position = 0
  while (position < bytes.length) {
    const frame = frameAt(bytes, position, { epoch, digest })
    if (frame === undefined) break
    // An intact header with a number that cannot be here was not written by one appending owner.
    if (frame.sequence !== frames.length) return { frames, endPosition: position, tail: 'damaged' }
    frames.push(frame)
    position = frame.endPosition
  }
  if (position === bytes.length) return { frames, endPosition: position, tail: 'clean' }
  // A frame is written only after everything before it was synced, so any intact header further on, whatever became
  // of its body, proves that the bad place was once durable.
  for (let at = position + 1; at + FRAME_HEADER_BYTES <= bytes.length; at++) {
    at = bytes.indexOf(MAGIC_FIRST_BYTE, at)
    if (at === -1) break
    const header = headerAt(bytes, at, { epoch, digest })
    if (header !== undefined && header.syncedThrough > position)
      return { frames, endPosition: position, tail: 'damaged' }
  }
  return { frames, endPosition: position, tail: 'torn' }
}

/** Seed that binds a checksum to a place: the CRC-32 of epoch and position. */
export function placeSeed(epoch: number, position: number, digest: Digest): number {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(epoch), true)
  view.setBigUint64(8, BigInt(position), true)
  return digest.crc32(bytes)
}

interface Reader {
  readonly epoch: number
  readonly digest: Digest
}

function frameAt(bytes: Uint8Array, position: number, reader: Reader): Frame | undefined {
  const header = headerAt(bytes, position, reader)
  if (header === undefined) return undefined
  const start = position + FRAME_HEADER_BYTES
  const endPosition = start + header.bodySizeBytes
  if (header.bodySizeBytes === 0 || endPosition > bytes.length) return undefined
  const body = bytes.subarray(start, endPosition)
  if (reader.digest.crc32(body) !== header.bodyCrc) return undefined
  return { position, endPosition, sequence: header.sequence, syncedThrough: header.syncedThrough, body }
}

function headerAt(bytes: Uint8Array, position: number, reader: Reader): Header | undefined {
  if (position + FRAME_HEADER_BYTES > bytes.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + position, FRAME_HEADER_BYTES)
  if (view.getUint32(0, true) !== MAGIC) return undefined
  const seed = placeSeed(reader.epoch, position, reader.digest)
  const covered = bytes.subarray(position + 8, position + FRAME_HEADER_BYTES)
  if (reader.digest.crc32(covered, seed) !== view.getUint32(4, true)) return undefined
  return {
    bodySizeBytes: view.getUint32(8, true),
    bodyCrc: view.getUint32(12, true),
    syncedThrough: view.getUint32(16, true),
    sequence: view.getUint32(20, true),
  }
}
