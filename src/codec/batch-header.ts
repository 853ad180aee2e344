/** The header of a record batch, 104 bytes, little-endian:
 *
 * | at | size | field |
 * |---|---|---|
 * | 0 | 2 | magic `0xb756` |
 * | 2 | 2 | flags: 1 carries its record table, 2 single block, 4 the chain is over events |
 * | 4 | 4 | body size in bytes |
 * | 8 | 4 | last offset minus base offset |
 * | 12 | 4 | syncedThrough: position in this segment known synced before this batch was written |
 * | 16 | 8 | epoch of the writer |
 * | 24 | 8 | base offset |
 * | 32 | 8+8 | lowest and highest `at` of the events, i64 |
 * | 48 | 8 | recordedAt, milliseconds since 1970 |
 * | 56 | 4+4 | file position of the record table (0 = no shapes) and its CRC-32 |
 * | 64 | 4 | CRC-32 of the preface, or of the whole body after the table of a single-block batch |
 * | 68 | 32 | chain hash |
 * | 100 | 4 | CRC-32 of bytes 0-99, seeded with segment id and file position |
 *
 * A CRC seeded with its place differs for every other place, so a batch in the wrong place fails without costing bytes.
 * These values are on disk. Do not change; add a version.
 * @module */
import { isVarveError } from '../errors.ts'
import { getI64, getU64, setI64, setU64, viewOf } from './bytes.ts'
import { HASH_BYTES } from './chain.ts'
import type { Digest } from './digest.ts'

export const BATCH_HEADER_BYTES = 104
/** Most bytes of a batch's body: a call of 16 MiB and its envelopes. */
export const BATCH_BODY_MAX_BYTES = 24 * 1024 * 1024

const MAGIC = 0xb756
const FLAG_TABLE = 1
const FLAG_SINGLE = 2
const FLAG_EVENT_CHAIN = 4
const HASH_AT = 68
const HEADER_CRC_AT = 100

export interface BatchHeader {
  readonly carriesTable: boolean
  readonly single: boolean
  /** The hash is over the events, not over the bytes of the batch. */
  readonly eventChain: boolean
  readonly bodyBytes: number
  readonly lastOffsetDelta: number
  readonly syncedThrough: number
  readonly epoch: number
  readonly baseOffset: number
  readonly lowestAt: number
  readonly highestAt: number
  readonly recordedAt: number
  readonly tablePosition: number
  readonly tableCrc: number
  readonly bodyCrc: number
  readonly hash: Uint8Array
}

/** Where a batch lies: the seed of its segment (`segmentSeed`) and its position in the file. */
export interface Place {
  readonly seed: number
  readonly position: number
}

/** The seed of a segment, from its 8-byte random id. */
export function segmentSeed(segmentId: Uint8Array, digest: Digest): number {
  return digest.crc32(segmentId)
}

/** A different position always gives a different seed: multiplication by an odd number is a bijection. */
function headerSeed(place: Place): number {
  return (place.seed ^ Math.imul(place.position, 0x9e37_79b1)) >>> 0
}

/** Read the header at `at`. @returns undefined when these bytes are no batch header of this place, or say a number
 * above 2^53 - 1. */
export function readBatchHeader(
  bytes: Uint8Array,
  at: number,
  facts: { place: Place; digest: Digest },
): BatchHeader | undefined {
  if (bytes.length - at < BATCH_HEADER_BYTES || bytes[at] !== (MAGIC & 0xff) || bytes[at + 1] !== MAGIC >> 8)
    return undefined
  const view = viewOf(bytes)
  const crc = facts.digest.crc32(bytes.subarray(at, at + HEADER_CRC_AT), headerSeed(facts.place))
  if (crc !== view.getUint32(at + HEADER_CRC_AT, true)) return undefined
  try {
    return headerFields(view, bytes, at)
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED')) return undefined
    throw error
  }
}

function headerFields(view: DataView, bytes: Uint8Array, at: number): BatchHeader {
  const flags = view.getUint16(at + 2, true)
  return {
    carriesTable: (flags & FLAG_TABLE) !== 0,
    single: (flags & FLAG_SINGLE) !== 0,
    eventChain: (flags & FLAG_EVENT_CHAIN) !== 0,
    bodyBytes: view.getUint32(at + 4, true),
    lastOffsetDelta: view.getUint32(at + 8, true),
    syncedThrough: view.getUint32(at + 12, true),
    epoch: getU64(view, at + 16),
    baseOffset: getU64(view, at + 24),
    lowestAt: getI64(view, at + 32),
    highestAt: getI64(view, at + 40),
    recordedAt: getU64(view, at + 48),
    tablePosition: view.getUint32(at + 56, true),
    tableCrc: view.getUint32(at + 60, true),
    bodyCrc: view.getUint32(at + 64, true),
    hash: bytes.slice(at + HASH_AT, at + HASH_AT + HASH_BYTES),
  }
}

/** Write a header over the first bytes of `bytes`, which hold the whole batch otherwise.
 * `fields.bodyBytes` follows from the length. */
export function writeBatchHeader(
  bytes: Uint8Array,
  fields: Omit<BatchHeader, 'bodyBytes'>,
  facts: { place: Place; digest: Digest },
): void {
  const view = viewOf(bytes)
  view.setUint16(0, MAGIC, true)
  const chain = fields.eventChain ? FLAG_EVENT_CHAIN : 0
  view.setUint16(2, (fields.carriesTable ? FLAG_TABLE : 0) | (fields.single ? FLAG_SINGLE : 0) | chain, true)
  view.setUint32(4, bytes.length - BATCH_HEADER_BYTES, true)
  view.setUint32(8, fields.lastOffsetDelta, true)
  view.setUint32(12, fields.syncedThrough, true)
  setU64(view, 16, fields.epoch)
  setU64(view, 24, fields.baseOffset)
  setI64(view, 32, fields.lowestAt)
  setI64(view, 40, fields.highestAt)
  setU64(view, 48, fields.recordedAt)
  view.setUint32(56, fields.tablePosition, true)
  view.setUint32(60, fields.tableCrc, true)
  view.setUint32(64, fields.bodyCrc, true)
  bytes.set(fields.hash, HASH_AT)
  view.setUint32(HEADER_CRC_AT, facts.digest.crc32(bytes.subarray(0, HEADER_CRC_AT), headerSeed(facts.place)), true)
}
