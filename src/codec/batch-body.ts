/** The body of a record batch, as it is read.
 *
 * Body: the record table when carried (u32 size, shapes as in `values.ts`), then either dictionary and one block, or
 * u32 preface size, preface (varint blocks; per block varint rows, varint stored size x 4 + codec, u32 CRC-32 of the
 * stored bytes; dictionary) and the blocks. Codec 0 is none; others are refused until they exist.
 *
 * These values are on disk. Do not change; add a version.
 * @module */
import { VarveError } from '../errors.ts'
import type { BatchHeader } from './batch-header.ts'
import { ByteReader, ByteWriter, viewOf } from './bytes.ts'
import { chainHash } from './chain.ts'
import { readDictionary } from './dictionary.ts'
import type { Digest } from './digest.ts'

/** One block of a body: stored bytes `[start, end)` of the body. */
export interface BlockEntry {
  readonly rows: number
  readonly start: number
  readonly end: number
  /** Undefined in a single-block batch, whose body CRC covers the block. */
  readonly crc: number | undefined
}

/** What the front of a body says: its record table, where its dictionary lies, its blocks. */
export interface Preface {
  /** The carried record table, if any. */
  readonly table: Uint8Array | undefined
  readonly dictionaryAt: number
  /** Where the dictionary must end; undefined in a single-block batch, where the block begins there. */
  readonly dictionaryEnd: number | undefined
  /** One entry with an unknown start in a single-block batch until the dictionary is read. */
  readonly blocks: readonly BlockEntry[]
}

/** The strings of a batch and where its blocks lie. */
export interface Contents {
  readonly strings: readonly string[]
  readonly blocks: readonly BlockEntry[]
}

/** How many bytes at the front of the body `readPreface` needs, as far as `body` (a prefix of it) tells.
 * Call again with as many bytes until the answer no longer grows. */
export function prefaceBytes(header: BatchHeader, body: Uint8Array): number {
  if (header.single) return header.bodyBytes
  let at = 0
  if (header.carriesTable) {
    if (body.length < 4) return Math.min(4, header.bodyBytes)
    at = 4 + viewOf(body).getUint32(0, true)
  }
  if (body.length < at + 4) return Math.min(at + 4, header.bodyBytes)
  return Math.min(at + 4 + viewOf(body).getUint32(at, true), header.bodyBytes)
}

/** Check and read the front of a body. `body` holds at least `prefaceBytes`.
 * @throws {VarveError} `DECODE_FAILED` when a checksum or the form is wrong. */
export function readPreface(header: BatchHeader, body: Uint8Array, digest: Digest): Preface {
  const reader = new ByteReader(body)
  let table: Uint8Array | undefined
  if (header.carriesTable) {
    table = reader.raw(reader.u32())
    if (digest.crc32(table) !== header.tableCrc)
      throw new VarveError('DECODE_FAILED', 'Record table fails its checksum')
  }
  const checkedFrom = reader.position
  if (header.single) {
    if (body.length < header.bodyBytes) throw new VarveError('DECODE_FAILED', 'Body is cut short')
    if (digest.crc32(body.subarray(checkedFrom, header.bodyBytes)) !== header.bodyCrc)
      throw new VarveError('DECODE_FAILED', 'Body fails its checksum')
    const block = { rows: header.lastOffsetDelta + 1, start: checkedFrom, end: header.bodyBytes, crc: undefined }
    return { table, dictionaryAt: checkedFrom, dictionaryEnd: undefined, blocks: [block] }
  }
  const end = reader.position + 4 + reader.u32()
  if (end > body.length || digest.crc32(body.subarray(checkedFrom, end)) !== header.bodyCrc) {
    throw new VarveError('DECODE_FAILED', 'Preface fails its checksum')
  }
  const count = reader.varint()
  const blocks: BlockEntry[] = []
  let start = end
  let rows = 0
  for (let i = 0; i < count; i++) {
    const blockRows = reader.varint()
    const word = reader.varint()
    if (word % 4 !== 0) throw new VarveError('DECODE_FAILED', 'Cannot read a block with an unknown codec')
    blocks.push({ rows: blockRows, start, end: start + word / 4, crc: reader.u32() })
    start += word / 4
    rows += blockRows
  }
  if (start !== header.bodyBytes || rows !== header.lastOffsetDelta + 1) {
    throw new VarveError('DECODE_FAILED', 'Blocks do not add up to their batch')
  }
  return { table, dictionaryAt: reader.position, dictionaryEnd: end, blocks }
}

/** Read the strings of a checked body. @throws {VarveError} `DECODE_FAILED`. */
export function readContents(preface: Preface, body: Uint8Array): Contents {
  const reader = new ByteReader(body, preface.dictionaryAt)
  const strings = readDictionary(reader)
  if (preface.dictionaryEnd === undefined) {
    return { strings, blocks: preface.blocks.map((block) => ({ ...block, start: reader.position })) }
  }
  if (reader.position !== preface.dictionaryEnd) {
    throw new VarveError('DECODE_FAILED', 'The dictionary does not fill its place')
  }
  return { strings, blocks: preface.blocks }
}

/** The checked raw bytes of a block. `body` holds at least `[0, entry.end)`.
 * @throws {VarveError} `DECODE_FAILED` when the checksum is wrong. */
export function blockBytes(body: Uint8Array, entry: BlockEntry, digest: Digest): Uint8Array {
  const bytes = body.subarray(entry.start, entry.end)
  if (entry.crc !== undefined && digest.crc32(bytes) !== entry.crc)
    throw new VarveError('DECODE_FAILED', 'Block fails its checksum')
  return bytes
}

/** The chain hash that a batch with this header and body must have. */
export function expectedHash(
  header: BatchHeader,
  preface: Preface,
  facts: { body: Uint8Array; previousHash: Uint8Array; tableHash: Uint8Array; digest: Digest },
): Uint8Array {
  const { body, ...rest } = facts
  return chainHash(new ByteWriter(256), {
    ...header,
    ...rest,
    logical: body.subarray(preface.dictionaryAt, header.bodyBytes),
  })
}
