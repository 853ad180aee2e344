/** The body of a record batch, as it is read.
 *
 * Body: the record table when carried (u32 size, shapes as in `values.ts`), then either dictionary and one block, or
 * u32 preface size, preface (varint blocks; per block varint rows, varint stored size x 4 + codec, for codec 1 varint
 * raw size, u32 CRC-32 of the stored bytes; dictionary) and the blocks. Codec 0 is none, 1 raw deflate (RFC 1951);
 * others are refused. What follows the table has at most `BATCH_BODY_MAX_BYTES`, inflated too, and no block inflates to
 * more than 100 times its size.
 *
 * These values are on disk. Do not change; add a version.
 * @module */
import { assert, VarveError } from '../errors.ts'
import { BATCH_BODY_MAX_BYTES, type BatchHeader } from './batch-header.ts'
import { ByteReader, ByteWriter, viewOf } from './bytes.ts'
import { chainHash } from './chain.ts'
import { readDictionary } from './dictionary.ts'
import type { Digest } from './digest.ts'

export const BLOCK_PLAIN = 0
export const BLOCK_DEFLATED = 1
/** Most bytes that a stored byte may inflate to: a block that would shrink more is stored as it is. */
export const RATIO_MAX = 100

/** One block of a body: stored bytes `[start, end)` of the body. */
export interface BlockEntry {
  readonly rows: number
  readonly start: number
  readonly end: number
  /** Undefined in a single-block batch, whose body CRC covers the block. */
  readonly crc: number | undefined
  /** Size when inflated; undefined: the block is stored as it is. */
  readonly rawBytes: number | undefined
}

/** What the front of a body says: its record table, where its dictionary lies, its blocks. */
export interface Preface {
  /** The carried record table, if any. */
  readonly table: Uint8Array | undefined
  readonly dictionaryAt: number
  /** Where the dictionary must end; undefined in a single-block batch, where the block begins there. */
  readonly dictionaryEnd: number | undefined
  /** Some block has to be inflated. */
  readonly deflated: boolean
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
    const block = { rows: header.lastOffsetDelta + 1, start: checkedFrom, end: header.bodyBytes, ...UNCHECKED }
    return { table, dictionaryAt: checkedFrom, dictionaryEnd: undefined, deflated: false, blocks: [block] }
  }
  const end = reader.position + 4 + reader.u32()
  if (end > body.length || digest.crc32(body.subarray(checkedFrom, end)) !== header.bodyCrc) {
    throw new VarveError('DECODE_FAILED', 'Preface fails its checksum')
  }
  const blocks = readEntries(reader, end)
  let rows = 0
  let rawBytes = end - reader.position
  for (const block of blocks) {
    rows += block.rows
    rawBytes += block.rawBytes ?? block.end - block.start
  }
  if (blocks.at(-1)?.end !== header.bodyBytes || rows !== header.lastOffsetDelta + 1) {
    throw new VarveError('DECODE_FAILED', 'Blocks do not add up to their batch')
  }
  if (rawBytes > BATCH_BODY_MAX_BYTES) throw new VarveError('DECODE_FAILED', 'Cannot inflate so many bytes')
  const deflated = blocks.some((block) => block.rawBytes !== undefined)
  return { table, dictionaryAt: reader.position, dictionaryEnd: end, deflated, blocks }
}

const UNCHECKED = { crc: undefined, rawBytes: undefined }

/** Read where the blocks lie, from `start` on. */
function readEntries(reader: ByteReader, firstStart: number): BlockEntry[] {
  const count = reader.varint()
  const blocks: BlockEntry[] = []
  let start = firstStart
  for (let i = 0; i < count; i++) {
    const rows = reader.varint()
    const word = reader.varint()
    const codec = word % 4
    if (codec > BLOCK_DEFLATED) throw new VarveError('DECODE_FAILED', 'Cannot read a block with an unknown codec')
    const storedBytes = (word - codec) / 4
    const rawBytes = codec === BLOCK_DEFLATED ? reader.varint() : undefined
    if (rawBytes !== undefined && rawBytes > storedBytes * RATIO_MAX) {
      throw new VarveError('DECODE_FAILED', `Cannot inflate a block of ${storedBytes} bytes to ${rawBytes}`)
    }
    blocks.push({ rows, start, end: start + storedBytes, crc: reader.u32(), rawBytes })
    start += storedBytes
  }
  return blocks
}

/** Read the strings of a checked body. @throws {VarveError} `DECODE_FAILED`. */
export function readContents(preface: Preface, body: Uint8Array): Contents {
  return contentsOf(preface, body, readDictionary)
}

/** Read the dictionary of a checked body with a reader of one's own, and say where the blocks lie.
 * @throws {VarveError} `DECODE_FAILED`. */
export function contentsOf<T>(
  preface: Preface,
  body: Uint8Array,
  readStrings: (reader: ByteReader) => T,
): { readonly strings: T; readonly blocks: readonly BlockEntry[] } {
  const reader = new ByteReader(body, preface.dictionaryAt)
  const strings = readStrings(reader)
  if (preface.dictionaryEnd === undefined) {
    return { strings, blocks: preface.blocks.map((block) => ({ ...block, start: reader.position })) }
  }
  if (reader.position !== preface.dictionaryEnd) {
    throw new VarveError('DECODE_FAILED', 'The dictionary does not fill its place')
  }
  return { strings, blocks: preface.blocks }
}

/** The checked stored bytes of a block. `body` holds at least `[0, entry.end)`.
 * @throws {VarveError} `DECODE_FAILED` when the checksum is wrong. */
export function blockBytes(body: Uint8Array, entry: BlockEntry, digest: Digest): Uint8Array {
  const bytes = body.subarray(entry.start, entry.end)
  if (entry.crc !== undefined && digest.crc32(bytes) !== entry.crc)
    throw new VarveError('DECODE_FAILED', 'Block fails its checksum')
  return bytes
}

/** A body whose blocks are as they were before they were compressed: dictionary and blocks end to end. */
export interface PlainBody {
  readonly body: Uint8Array
  readonly preface: Preface
}

/** Put the dictionary of a checked body and its raw blocks together. */
export function plainBody(preface: Preface, body: Uint8Array, rawBlocks: readonly Uint8Array[]): PlainBody {
  const dictionary = body.subarray(preface.dictionaryAt, preface.dictionaryEnd)
  const out = new ByteWriter(rawBlocks.reduce((sum, block) => sum + block.length, dictionary.length))
  out.raw(dictionary)
  const blocks = rawBlocks.map((block, i): BlockEntry => {
    const start = out.length
    out.raw(block)
    return { rows: preface.blocks[i]?.rows ?? 0, start, end: out.length, ...UNCHECKED }
  })
  const { table } = preface
  const plain = { table, dictionaryAt: 0, dictionaryEnd: dictionary.length, deflated: false, blocks }
  return { body: out.bytes, preface: plain }
}

/** The chain hash that a batch with this header and body must have. Blocks must not be compressed. */
export function expectedHash(
  header: BatchHeader,
  preface: Preface,
  facts: {
    body: Uint8Array
    previousHash: Uint8Array
    tableHash: Uint8Array
    /** The root over the events, when the header says that the chain is over them. */
    eventRoot?: Uint8Array | undefined
    /** SHA-256 of `logicalBytes`, when it is known. */
    logicalHash?: Uint8Array | undefined
    digest: Digest
  },
): Uint8Array {
  const { body, ...rest } = facts
  assert(header.eventChain === (facts.eventRoot !== undefined), 'a chain is over events or over batches')
  assert(!preface.deflated, 'the chain hash covers raw blocks')
  return chainHash(new ByteWriter(256), { ...header, ...rest, logical: logicalBytes(preface, body) })
}

/** What the chain hashes of a body whose blocks are not compressed: its dictionary and its blocks. */
export function logicalBytes(preface: Preface, body: Uint8Array): Uint8Array {
  return body.subarray(preface.dictionaryAt, preface.blocks.at(-1)?.end)
}
