/** The header of a group's file.
 *
 * | position | field |
 * |---|---|
 * | 0 | `VARVGRP`, u8 format version 1 |
 * | 8 | u64 id of the group |
 * | 16 | u32 size of the header |
 * | 20 | u32 raw bytes of a chunk but the last of its part |
 * | 24 | u32 raw bytes of the first part of the keyframe |
 * | 28 | u64 raw bytes of its second part |
 * | 36 | table of the chunks (`chunks.ts`): those of the first part, then those of the second |
 * | | facts of the first version (`version-frame.ts`) |
 * | end - 4 | u32 CRC-32 of all before |
 *
 * Behind it come the chunks, then the frames (`version-frame.ts`). All is little-endian. The keyframe is a document
 * (`document/file-format.ts`) whose id is that of the group and whose version is the first. Its first part is the
 * header and the index section of that document, its second part the blocks between them, so that a search by path
 * reads the chunks of the first part and one or two of the second. Bytes behind the last frame that the manifest counts
 * mean nothing. These values are on disk: do not change, add a version.
 * @module */
import { ByteReader, ByteWriter, fromHex, sameBytes, toHex, utf8, viewOf } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import { VarveError } from '../../errors.ts'
import {
  CHUNK_MOST_BYTES,
  CHUNK_ROW_BYTES,
  type ChunkRow,
  canHold,
  type PlacedChunk,
  readChunkRow,
  writeChunkRow,
} from './chunks.ts'
import { NO_BASE, readFacts, type VersionFacts, writeFacts } from './version-frame.ts'

const FORMAT_VERSION = 1
const FIXED_BYTES = 36
const CRC_BYTES = 4

export interface GroupHeader {
  /** 16 hexadecimal digits. */
  readonly id: string
  readonly chunkBytes: number
  readonly leadBytes: number
  readonly streamBytes: number
  readonly chunks: readonly ChunkRow[]
  readonly first: VersionFacts
}

/** A header as it was read. */
export interface ReadHeader extends GroupHeader {
  readonly sizeBytes: number
  /** What the first frame is seeded with. */
  readonly crc: number
}

/** Make the header of a file. */
export function encodeGroupHeader(header: GroupHeader, digest: Digest): Uint8Array {
  const out = new ByteWriter()
  out.raw(utf8('VARVGRP'))
  out.u8(FORMAT_VERSION)
  out.raw(fromHex(header.id))
  const sizeAt = out.skip(4)
  out.u32(header.chunkBytes)
  out.u32(header.leadBytes)
  out.u64(header.streamBytes)
  for (const row of header.chunks) writeChunkRow(out, row)
  writeFacts(out, header.first, { base: NO_BASE })
  out.view.setUint32(sizeAt, out.length + CRC_BYTES, true)
  out.u32(digest.crc32(out.bytes))
  return out.bytes.slice()
}

/** The checksum of a header. */
export function headerCrc(header: Uint8Array): number {
  return viewOf(header).getUint32(header.length - CRC_BYTES, true)
}

/** Size of the header that begins with these bytes. @throws {VarveError} `DECODE_FAILED`. */
export function groupHeaderSize(bytes: Uint8Array): number {
  if (bytes.length < FIXED_BYTES) throw damaged('the end of the file')
  if (!sameBytes(bytes.subarray(0, 7), utf8('VARVGRP'))) throw damaged('another magic')
  const sizeBytes = viewOf(bytes).getUint32(16, true)
  if (sizeBytes < FIXED_BYTES + CRC_BYTES) throw damaged('a size that is none')
  return sizeBytes
}

/** Read a header that fills `bytes`. @throws {VarveError} `DECODE_FAILED`, `FORMAT_NEWER`. */
export function readGroupHeader(bytes: Uint8Array, digest: Digest): ReadHeader {
  if (groupHeaderSize(bytes) !== bytes.length) throw damaged('the end of the file')
  const crc = headerCrc(bytes)
  if (digest.crc32(bytes.subarray(0, bytes.length - CRC_BYTES)) !== crc) throw damaged('a wrong checksum')
  const formatVersion = bytes[7] as number
  if (formatVersion !== FORMAT_VERSION) throw newer(formatVersion)
  const from = new ByteReader(bytes.subarray(0, bytes.length - CRC_BYTES), 8)
  const id = toHex(from.raw(8))
  from.u32()
  const chunkBytes = from.u32()
  const leadBytes = from.u32()
  const streamBytes = from.u64()
  if (chunkBytes < 1 || chunkBytes > CHUNK_MOST_BYTES) throw damaged('chunks of an impossible size')
  const count = Math.ceil(leadBytes / chunkBytes) + Math.ceil(streamBytes / chunkBytes)
  if (count * CHUNK_ROW_BYTES > from.remaining) throw damaged('more chunks than there is room for')
  const chunks: ChunkRow[] = []
  for (let number = 0; number < count; number++) chunks.push(readChunkRow(from))
  const { facts } = readFacts(from, NO_BASE)
  if (from.remaining > 0) throw damaged('bytes behind the facts')
  return { id, chunkBytes, leadBytes, streamBytes, chunks, first: facts, sizeBytes: bytes.length, crc }
}

/** Where the chunks of a group are: behind its header. @throws {VarveError} `DECODE_FAILED` for impossible sizes. */
export function placeChunks({ chunks, chunkBytes, leadBytes, streamBytes, sizeBytes }: ReadHeader): PlacedChunk[] {
  const leadChunks = Math.ceil(leadBytes / chunkBytes)
  let position = sizeBytes
  return chunks.map((row, number) => {
    const isLead = number < leadChunks
    const before = (isLead ? number : number - leadChunks) * chunkBytes
    const rawBytes = Math.min(chunkBytes, (isLead ? leadBytes : streamBytes) - before)
    if (!canHold(row.storedBytes, row.isDeflated, rawBytes)) throw damaged('a chunk of an impossible size')
    const placed = { ...row, position, rawBytes }
    position += row.storedBytes
    return placed
  })
}

function newer(foundVersion: number): VarveError {
  return new VarveError('FORMAT_NEWER', `Cannot read a group of format ${foundVersion}`, {
    details: { foundVersion, knownVersion: FORMAT_VERSION },
  })
}

function damaged(found: string): VarveError {
  const what = `${found} in the header`
  return new VarveError('DECODE_FAILED', `Cannot read the header of a group: found ${found}`, {
    details: { found: what },
  })
}
