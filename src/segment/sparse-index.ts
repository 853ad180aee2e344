/** The sparse index of a segment: about every 4 KiB a batch's offset, its position and the highest `at` before it ends.
 *
 * In memory it serves reads of the active segment; beside a sealed segment it is two files, both derived:
 *
 * | `.index` and `.timeindex` | size | field |
 * |---|---|---|
 * | 0 | 8 | `VARVIDX` or `VARVTIX` and the version, 1 |
 * | 8 | 8 | segment id |
 * | 16 | 8 | end offset of the segment |
 * | 24 | 4 | end position of the segment |
 * | 28 | 4 | entries |
 * | 32 | 32 | end hash of the segment |
 * | 64 | 4 | CRC-32 of the file without this field |
 * | 68 | 8 each | `.index`: u32 offset - base offset, u32 position |
 * | 68 | 12 each | `.timeindex`: i64 highest `at` so far, u32 offset - base offset |
 *
 * A file that names another segment, end or hash, or fails its checksum, is ignored and rebuilt.
 * These values are on disk. Do not change; add a version.
 * @module */
import { fromHex, getI64, getU64, setI64, setU64, toHex, utf8, viewOf } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { VarveError } from '../errors.ts'

/** A new entry is made when this many bytes have passed since the last one. */
const ENTRY_EVERY_BYTES = 4096
const HEADER_BYTES = 68
const CRC_AT = 64
const POSITION_BYTES = 8
const TIME_BYTES = 12

/** What a derived file must agree with to be believed. */
export interface SealFacts {
  readonly id: string
  readonly baseOffset: number
  readonly endOffset: number
  readonly endPosition: number
  readonly endHash: string
}

/** Offsets, positions and times of some batches, ascending. */
export class SparseIndex {
  readonly offsets: number[] = []
  readonly positions: number[] = []
  /** The highest `at` of all batches up to and including that of the entry. */
  readonly highestAt: number[] = []
  #highestAt = Number.NEGATIVE_INFINITY

  /** Take note of a batch; it becomes an entry when the last one is far enough away. */
  add(batch: { baseOffset: number; position: number; highestAt: number }): void {
    if (batch.highestAt > this.#highestAt) this.#highestAt = batch.highestAt
    const last = this.positions.at(-1)
    if (last !== undefined && batch.position - last < ENTRY_EVERY_BYTES) {
      this.highestAt[this.highestAt.length - 1] = this.#highestAt
      return
    }
    this.offsets.push(batch.baseOffset)
    this.positions.push(batch.position)
    this.highestAt.push(this.#highestAt)
  }

  /** Add the entries of `other`, which covers what follows. */
  addAll(other: SparseIndex): void {
    for (let i = 0; i < other.offsets.length; i++) {
      const highestAt = other.highestAt[i] ?? 0
      this.add({ baseOffset: other.offsets[i] ?? 0, position: other.positions[i] ?? 0, highestAt })
    }
  }

  /** The last entry at or before `offset`, or -1. Cost: a binary search. */
  entryAt(offset: number): number {
    return upperBound(this.offsets, offset) - 1
  }

  /** The first entry at whose end some event had `at >= since`, or the entry count. */
  entrySince(since: number): number {
    return lowerBound(this.highestAt, since)
  }

  /** Restore from stored columns. */
  static from(columns: { offsets: number[]; positions: number[]; highestAt: number[] }): SparseIndex {
    const index = new SparseIndex()
    for (let i = 0; i < columns.offsets.length; i++) {
      index.offsets.push(columns.offsets[i] ?? 0)
      index.positions.push(columns.positions[i] ?? 0)
      index.highestAt.push(columns.highestAt[i] ?? 0)
    }
    index.#highestAt = index.highestAt.at(-1) ?? Number.NEGATIVE_INFINITY
    return index
  }
}

function upperBound(values: readonly number[], wanted: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] ?? 0) <= wanted) low = middle + 1
    else high = middle
  }
  return low
}

function lowerBound(values: readonly number[], wanted: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] ?? 0) < wanted) low = middle + 1
    else high = middle
  }
  return low
}

function startFile(magic: string, entries: number, facts: { seal: SealFacts; entryBytes: number }): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + entries * facts.entryBytes)
  const view = viewOf(bytes)
  bytes.set(utf8(magic))
  bytes[7] = 1
  bytes.set(fromHex(facts.seal.id), 8)
  setU64(view, 16, facts.seal.endOffset)
  view.setUint32(24, facts.seal.endPosition, true)
  view.setUint32(28, entries, true)
  bytes.set(fromHex(facts.seal.endHash), 32)
  return bytes
}

function fileCrc(bytes: Uint8Array, digest: Digest): number {
  return digest.crc32(bytes.subarray(CRC_AT + 4), digest.crc32(bytes.subarray(0, CRC_AT)))
}

/** The bytes of `.index`. */
export function encodeOffsetIndex(index: SparseIndex, seal: SealFacts, digest: Digest): Uint8Array {
  const bytes = startFile('VARVIDX', index.offsets.length, { seal, entryBytes: POSITION_BYTES })
  const view = viewOf(bytes)
  for (let i = 0; i < index.offsets.length; i++) {
    view.setUint32(HEADER_BYTES + i * POSITION_BYTES, (index.offsets[i] ?? 0) - seal.baseOffset, true)
    view.setUint32(HEADER_BYTES + i * POSITION_BYTES + 4, index.positions[i] ?? 0, true)
  }
  view.setUint32(CRC_AT, fileCrc(bytes, digest), true)
  return bytes
}

/** The bytes of `.timeindex`. */
export function encodeTimeIndex(index: SparseIndex, seal: SealFacts, digest: Digest): Uint8Array {
  const bytes = startFile('VARVTIX', index.offsets.length, { seal, entryBytes: TIME_BYTES })
  const view = viewOf(bytes)
  for (let i = 0; i < index.offsets.length; i++) {
    setI64(view, HEADER_BYTES + i * TIME_BYTES, index.highestAt[i] ?? 0)
    view.setUint32(HEADER_BYTES + i * TIME_BYTES + 8, (index.offsets[i] ?? 0) - seal.baseOffset, true)
  }
  view.setUint32(CRC_AT, fileCrc(bytes, digest), true)
  return bytes
}

function checkFile(
  bytes: Uint8Array,
  magic: string,
  facts: { seal: SealFacts; entryBytes: number; digest: Digest },
): number {
  const { seal } = facts
  const refuse = (reason: string): never => {
    throw new VarveError('DECODE_FAILED', `Cannot use a derived index: ${reason}`, { details: { reason } })
  }
  if (bytes.length < HEADER_BYTES) refuse('it is too short')
  const view = viewOf(bytes)
  if (utf8(magic).some((byte, at) => bytes[at] !== byte) || bytes[7] !== 1) refuse('magic or version differs')
  if (view.getUint32(CRC_AT, true) !== fileCrc(bytes, facts.digest)) refuse('checksum differs')
  if (toHex(bytes.subarray(8, 16)) !== seal.id) refuse('it belongs to another segment')
  if (getU64(view, 16) !== seal.endOffset || view.getUint32(24, true) !== seal.endPosition) refuse('the end differs')
  if (toHex(bytes.subarray(32, 64)) !== seal.endHash) refuse('the end hash differs')
  const entries = view.getUint32(28, true)
  if (bytes.length !== HEADER_BYTES + entries * facts.entryBytes) refuse('the size does not fit the entries')
  return entries
}

/** Read both files of a sealed segment. @throws {VarveError} `DECODE_FAILED` with the reason when either is unfit. */
export function decodeIndexes(
  files: { index: Uint8Array; timeIndex: Uint8Array },
  seal: SealFacts,
  digest: Digest,
): SparseIndex {
  const entries = checkFile(files.index, 'VARVIDX', { seal, entryBytes: POSITION_BYTES, digest })
  if (checkFile(files.timeIndex, 'VARVTIX', { seal, entryBytes: TIME_BYTES, digest }) !== entries) {
    throw new VarveError('DECODE_FAILED', 'Cannot use derived indexes of different lengths', {
      details: { reason: 'the two files have different entries' },
    })
  }
  const view = viewOf(files.index)
  const times = viewOf(files.timeIndex)
  const offsets: number[] = []
  const positions: number[] = []
  const highestAt: number[] = []
  for (let i = 0; i < entries; i++) {
    offsets.push(view.getUint32(HEADER_BYTES + i * POSITION_BYTES, true) + seal.baseOffset)
    positions.push(view.getUint32(HEADER_BYTES + i * POSITION_BYTES + 4, true))
    highestAt.push(getI64(times, HEADER_BYTES + i * TIME_BYTES))
  }
  return SparseIndex.from({ offsets, positions, highestAt })
}
