/** Walking a segment batch by batch and checking everything: for recovery, for `verify`, and to rebuild an index.
 *
 * A scan never throws for bad bytes: it says where the valid part ends and why. What that means (a torn tail or
 * damage) depends on what is known to have been synced, which the caller knows.
 * @module */
import { NO_TABLE, type RecordTable, recordTable } from '../codec/batch.ts'
import { expectedHash, logicalBytes, type PlainBody, type Preface, readPreface } from '../codec/batch-body.ts'
import { BATCH_BODY_MAX_BYTES, BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from '../codec/batch-header.ts'
import { fromHex, sameBytes, toHex } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { isVarveError } from '../errors.ts'
import { inflated, readTable } from './decode.ts'
import { EventRoots } from './event-root.ts'
import type { Reading } from './file-pool.ts'
import type { LogPoint, SegmentRef } from './segment.ts'

const CHUNK_BYTES = 1024 * 1024

/** A place between two batches and the chain hash there, 64 hexadecimal digits. */
export interface ChainPoint extends LogPoint {
  readonly hash: string
}

/** A batch as it is stored. */
export interface StoredBatch {
  readonly header: BatchHeader
  readonly preface: Preface
  readonly position: number
  /** Header and body. */
  readonly bytes: Uint8Array
  readonly table: RecordTable
}

/** A batch that passed every check. `bytes` and `plain` are valid until the scan goes on. */
export interface ScannedBatch extends StoredBatch {
  /** The body to decode: without compression. */
  readonly plain: PlainBody
}

/** A batch whose front was checked. Its hash says whether the rest is as it was written, and in its place. `logical` is
 * valid until the scan goes on. */
export interface UnhashedBatch {
  readonly position: number
  readonly offset: number
  readonly logical: Uint8Array
  /** Whether it is in its place, given the SHA-256 of `logical`. May be called later. */
  matches(logicalHash: Uint8Array): boolean
}

export interface ScanResult {
  /** After the last valid batch. */
  readonly end: ChainPoint
  /** Why the scan stopped there; undefined when it reached `endPosition`. */
  readonly problem: string | undefined
}

export interface ScanOptions {
  readonly digest: Digest
  readonly endPosition: number
  /** Called for each valid batch. */
  readonly onBatch: (batch: ScannedBatch) => void
  /** Whether somebody else hashes this batch. */
  readonly beside?: (batch: UnhashedBatch) => boolean
}

/** Check batches from `start` to `endPosition`, calling `onBatch` for each valid one. Without a hash at the start,
 * behind damage, the chain hash of the first batch is believed. Of batches that `beside` takes only the front is
 * checked: the hash of the rest is for it to check.
 * Cost: reads every byte once; one CRC-32 and one SHA-256 over each. */
export function* scanBatches(
  segment: SegmentRef,
  start: LogPoint & { readonly hash: string | undefined },
  options: ScanOptions,
): Reading<ScanResult> {
  const { digest, endPosition } = options
  const tables = new Map<number, RecordTable>()
  const roots = new EventRoots(segment, digest)
  let { position, offset } = start
  let hash = start.hash === undefined ? undefined : fromHex(start.hash)
  let bytes: Uint8Array = new Uint8Array(0)
  let bytesAt = position
  const stopped = (problem: string | undefined): ScanResult => ({
    end: { position, offset, hash: hash === undefined ? '' : toHex(hash) },
    problem,
  })
  while (position < endPosition) {
    const wantedHeader = Math.min(BATCH_HEADER_BYTES, endPosition - position)
    if (position - bytesAt + wantedHeader > bytes.length) {
      bytes = yield { path: segment.path, position, length: Math.min(CHUNK_BYTES, endPosition - position) }
      bytesAt = position
    }
    const header = readBatchHeader(bytes, position - bytesAt, { place: { seed: segment.seed, position }, digest })
    if (header === undefined) return stopped('a batch header fails its checksum')
    const total = BATCH_HEADER_BYTES + header.bodyBytes
    if (header.bodyBytes > BATCH_BODY_MAX_BYTES || position + total > endPosition)
      return stopped('a batch is cut short')
    if (position - bytesAt + total > bytes.length) {
      const length = Math.max(total, Math.min(CHUNK_BYTES, endPosition - position))
      bytes = yield { path: segment.path, position, length }
      bytesAt = position
      if (bytes.length < total) return stopped('a batch is cut short')
    }
    const at = position - bytesAt
    const whole = bytes.subarray(at, at + total)
    if (header.baseOffset !== offset)
      return stopped(`a batch begins at offset ${header.baseOffset} instead of ${offset}`)
    let table: RecordTable | undefined = NO_TABLE
    if (header.tablePosition !== 0) {
      table = tables.get(header.tablePosition)
      if (table === undefined && !header.carriesTable) {
        const outside = yield* tableBefore(segment, header, digest)
        if (outside === undefined) return stopped('the record table of a batch fails its checksum')
        table = outside
        tables.set(header.tablePosition, table)
      }
    }
    const facts = { ...options, position, table, previousHash: hash, roots }
    const checked = yield* checkBatch(header, whole, facts)
    if (typeof checked === 'string') return stopped(checked)
    if (header.carriesTable) tables.set(header.tablePosition, checked.table)
    options.onBatch({ header, position, bytes: whole, ...checked })
    position += total
    offset += header.lastOffsetDelta + 1
    hash = header.hash.slice()
  }
  return stopped(undefined)
}

function* tableBefore(segment: SegmentRef, header: BatchHeader, digest: Digest): Reading<RecordTable | undefined> {
  try {
    return recordTable(yield* readTable(segment, header, digest), digest)
  } catch (error) {
    if (isVarveError(error, 'SEGMENT_DAMAGED')) return undefined
    throw error
  }
}

/** Check the body of a batch and its place in the chain. @returns what is wrong, or what was read. */
function* checkBatch(
  header: BatchHeader,
  whole: Uint8Array,
  facts: {
    position: number
    table: RecordTable | undefined
    previousHash: Uint8Array | undefined
    roots: EventRoots
    digest: Digest
    beside?: ScanOptions['beside']
  },
): Reading<string | { preface: Preface; plain: PlainBody; table: RecordTable }> {
  const { digest, previousHash, roots } = facts
  const body = whole.subarray(BATCH_HEADER_BYTES)
  try {
    const preface = readPreface(header, body, digest)
    // A copy: the table is needed when these bytes are not there any more.
    const own = preface.table?.slice()
    const table = own === undefined ? (facts.table ?? NO_TABLE) : recordTable(own, digest)
    if (table.crc !== header.tableCrc) return 'a batch points to another record table'
    const isTaken = (plain: PlainBody) =>
      previousHash !== undefined &&
      !header.eventChain &&
      facts.beside?.(unhashed(header, plain, { ...facts, table, previousHash })) === true
    // The hash covers every byte that the checksums of blocks cover.
    if (!preface.deflated && isTaken({ preface, body })) return { preface, plain: { preface, body }, table }
    const plain = yield* inflated(preface, body, digest)
    if (previousHash === undefined || (preface.deflated && isTaken(plain))) return { preface, plain, table }
    const eventRoot = header.eventChain ? yield* roots.of(header, plain, table) : undefined
    const found = { body: plain.body, previousHash, tableHash: table.hash, eventRoot, digest }
    const hash = expectedHash(header, plain.preface, found)
    if (!sameBytes(hash, header.hash)) return 'the chain hash differs'
    return { preface, plain, table }
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED') || isVarveError(error, 'SEGMENT_DAMAGED')) return error.message
    throw error
  }
}

function unhashed(
  header: BatchHeader,
  { preface, body }: PlainBody,
  facts: { position: number; table: RecordTable; previousHash: Uint8Array; digest: Digest },
): UnhashedBatch {
  const { position, table, previousHash, digest } = facts
  const hash = header.hash.slice()
  return {
    position,
    offset: header.baseOffset,
    logical: logicalBytes(preface, body),
    matches: (logicalHash) =>
      sameBytes(
        expectedHash(header, preface, { body, previousHash, tableHash: table.hash, logicalHash, digest }),
        hash,
      ),
  }
}

/** What lies after the first invalid byte of a tail: whether something there proves that it was synced.
 * Looks for batch headers of this segment at every byte. */
export function* provenBeyond(
  segment: SegmentRef,
  from: number,
  facts: { digest: Digest; fileBytes: number },
): Reading<number> {
  let proven = 0
  let position = from
  while (position < facts.fileBytes) {
    const bytes = yield { path: segment.path, position, length: Math.min(CHUNK_BYTES, facts.fileBytes - position) }
    if (bytes.length < BATCH_HEADER_BYTES) return proven
    const last = bytes.length - BATCH_HEADER_BYTES
    for (let at = 0; at <= last; at++) {
      const place = { seed: segment.seed, position: position + at }
      const header = readBatchHeader(bytes, at, { place, digest: facts.digest })
      if (header !== undefined && header.syncedThrough > proven) proven = header.syncedThrough
    }
    position += last + 1
  }
  return proven
}
