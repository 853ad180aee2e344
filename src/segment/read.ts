/** Reading the durable part of a segment: runs of events forwards and backwards, and one event by itself.
 *
 * Everything here is below a known synced position, so whatever fails a checksum is damage and is named.
 * @module */
import { prefaceBytes, readContents, readPreface } from '../codec/batch-body.ts'
import { BATCH_BODY_MAX_BYTES, BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from '../codec/batch-header.ts'
import type { Digest } from '../codec/digest.ts'
import { isVarveError } from '../errors.ts'
import {
  type BatchBytes,
  type DecodeContext,
  type DecodedEvent,
  decodeBatch,
  decodeBlock,
  located,
  type RowMatcher,
  type RowRange,
  rawBlock,
  valueDecoder,
} from './decode.ts'
import type { Reading } from './file-pool.ts'
import { type LogPoint, type SegmentRef, segmentDamaged } from './segment.ts'
import type { SparseIndex } from './sparse-index.ts'

const CHUNK_BYTES = 256 * 1024
const SMALL_CHUNK_BYTES = 16 * 1024
/** A run with fewer wanted events than this starts with a small read. */
const SMALL_LIMIT = 64

/** What a run of reading wants, and where the durable part of the segment ends. */
export interface RunOptions extends RowRange {
  readonly context: DecodeContext
  readonly end: LogPoint
  /** Most events; a run may give fewer. */
  readonly limit: number
  /** Skip batches whose events all lie outside `[since, until)`. */
  readonly since: number
  readonly until: number
  /** The events are to be `LazyEvent`s. */
  readonly raw?: boolean | undefined
}

/** Some events in order, and where the next run begins. */
export interface Run {
  readonly events: DecodedEvent[]
  readonly next: LogPoint
}

/** Read events from `start`, which must be the beginning of a batch, until a chunk is used up or `limit` is reached.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* readForward(segment: SegmentRef, start: LogPoint, options: RunOptions): Reading<Run> {
  const { context, end, limit } = options
  const events: DecodedEvent[] = []
  const want = { from: options.from, to: options.to, match: options.match, context, events, raw: options.raw }
  const small = limit <= SMALL_LIMIT
  const bytes = yield* readWholeBatches(segment, start.position, { end, digest: context.digest, small })
  let at = 0
  let next: LogPoint = start
  while (at < bytes.length && next.offset < options.to) {
    const position = start.position + at
    const header = headerAt(segment, { bytes, at, position, digest: context.digest })
    const total = BATCH_HEADER_BYTES + header.bodyBytes
    if (at + total > bytes.length) break
    const endOffset = header.baseOffset + header.lastOffsetDelta + 1
    const inTime = header.highestAt >= options.since && header.lowestAt < options.until
    if (endOffset > options.from && inTime) {
      const body = bytes.subarray(at + BATCH_HEADER_BYTES, at + total)
      const had = events.length
      try {
        yield* decodeBatch(segment, { header, position, body }, want)
      } catch (error) {
        // What lies before the damage is given first; the next run begins with the damage and names it.
        if (had === 0 || !isVarveError(error, 'SEGMENT_DAMAGED')) throw error
        events.length = had
        return { events, next }
      }
      if (events.length > limit) {
        events.length = limit
        return { events, next: { position, offset: (events.at(-1)?.offset ?? header.baseOffset) + 1 } }
      }
    }
    // The wish ends inside this batch: the next run begins with the same batch again.
    if (endOffset > options.to) return { events, next: { position, offset: options.to } }
    at += total
    next = { position: start.position + at, offset: endOffset }
    if (events.length >= limit) break
  }
  return { events, next }
}

/** The header at a place that must have one. @throws {VarveError} `SEGMENT_DAMAGED`. */
function headerAt(
  segment: SegmentRef,
  where: { bytes: Uint8Array; at: number; position: number; digest: Digest },
): BatchHeader {
  const { position, digest } = where
  const header = readBatchHeader(where.bytes, where.at, { place: { seed: segment.seed, position }, digest })
  if (header === undefined) throw segmentDamaged(segment, position, { reason: 'a batch header fails its checksum' })
  return header
}

/** Bytes from `position` that hold at least one whole batch; a batch cut by the end of the chunk is left out. */
function* readWholeBatches(
  segment: SegmentRef,
  position: number,
  facts: { end: LogPoint; digest: Digest; small: boolean },
): Reading<Uint8Array> {
  const left = facts.end.position - position
  const chunk = facts.small ? SMALL_CHUNK_BYTES : CHUNK_BYTES
  let bytes = yield* readExactly(segment, position, Math.min(left, chunk))
  const first = headerAt(segment, { bytes, at: 0, position, digest: facts.digest })
  const wanted = BATCH_HEADER_BYTES + first.bodyBytes
  if (wanted > left) throw segmentDamaged(segment, position, { reason: 'a batch reaches past the end of the segment' })
  if (wanted > bytes.length) bytes = yield* readExactly(segment, position, wanted)
  let end = wanted
  while (end + BATCH_HEADER_BYTES <= bytes.length) {
    const place = { seed: segment.seed, position: position + end }
    const header = readBatchHeader(bytes, end, { place, digest: facts.digest })
    // A damaged one begins the next run, which names it.
    if (header === undefined) break
    if (end + BATCH_HEADER_BYTES + header.bodyBytes > bytes.length) break
    end += BATCH_HEADER_BYTES + header.bodyBytes
  }
  return bytes.subarray(0, end)
}

/** Read bytes that must be there. @throws {VarveError} `SEGMENT_DAMAGED` when the file is shorter. */
function* readExactly(segment: SegmentRef, position: number, length: number): Reading<Uint8Array> {
  const bytes = yield { path: segment.path, position, length, brief: true }
  if (bytes.length < length) {
    throw segmentDamaged(segment, position + bytes.length, { reason: 'the file ends before its durable end' })
  }
  return bytes
}

/** Read the events before `before` (exclusive), newest first, as far as one chunk of the index reaches.
 * @param index of the same segment; its entries are beginnings of batches.
 * @returns the events and the offset before which the next run continues. */
export function* readBackward(
  segment: SegmentRef,
  before: number,
  options: RunOptions & { index: SparseIndex },
): Reading<{ events: DecodedEvent[]; before: number }> {
  const { index, end, limit } = options
  const last = index.entryAt(before - 1)
  const stop = index.positions[last + 1] ?? end.position
  const chunk = limit <= SMALL_LIMIT ? SMALL_CHUNK_BYTES : CHUNK_BYTES
  let entry = last
  while (entry > 0 && stop - (index.positions[entry] ?? 0) < chunk && (index.offsets[entry] ?? 0) > options.from)
    entry--
  let point: LogPoint = { position: index.positions[entry] ?? 0, offset: index.offsets[entry] ?? 0 }
  const startOffset = point.offset
  const events: DecodedEvent[] = []
  while (point.position < stop && point.offset < before) {
    const run: Run = yield* readForward(segment, point, { ...options, to: before, limit: Number.POSITIVE_INFINITY })
    for (const event of run.events) events.push(event)
    point = run.next
  }
  events.reverse()
  if (events.length > limit) {
    events.length = limit
    return { events, before: events.at(-1)?.offset ?? startOffset }
  }
  return { events, before: startOffset }
}

/** The event at `offset`, which must be in the durable part. Reads headers, one preface and one block.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* readOne(
  segment: SegmentRef,
  offset: number,
  facts: { start: LogPoint; end: LogPoint; context: DecodeContext; match?: RowMatcher | undefined },
): Reading<DecodedEvent | undefined> {
  const { context, match } = facts
  const { digest } = context
  const found = yield* findBatch(segment, offset, { start: facts.start, end: facts.end, digest })
  return found && (yield* readOneOfBatch(segment, offset, { found, context, match }))
}

/** A batch of which the first bytes of the body are in hand, until the next read. */
export interface FoundBatch extends BatchBytes {
  /** Chain hash of the batch before it, when the search passed that. */
  readonly hashBefore: Uint8Array | undefined
}

/** The batch that holds `offset`, or the first one after it, from the batch at `start` on. Reads headers.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* findBatch(
  segment: SegmentRef,
  offset: number,
  facts: { start: LogPoint; end: LogPoint; digest: Digest },
): Reading<FoundBatch | undefined> {
  const { end, digest } = facts
  let { position } = facts.start
  let bytes: Uint8Array = new Uint8Array(0)
  let bytesAt = position
  let hashBefore: Uint8Array | undefined
  while (position < end.position) {
    let at = position - bytesAt
    if (at + BATCH_HEADER_BYTES > bytes.length) {
      bytes = yield* readExactly(segment, position, Math.min(SMALL_CHUNK_BYTES, end.position - position))
      bytesAt = position
      at = 0
    }
    const header = headerAt(segment, { bytes, at, position, digest })
    const bodyAt = position + BATCH_HEADER_BYTES
    if (offset <= header.baseOffset + header.lastOffsetDelta) {
      if (header.bodyBytes > BATCH_BODY_MAX_BYTES || bodyAt + header.bodyBytes > end.position) {
        throw segmentDamaged(segment, position, { reason: 'a batch reaches past the end of the segment' })
      }
      const body = bytes.subarray(at + BATCH_HEADER_BYTES, at + BATCH_HEADER_BYTES + header.bodyBytes)
      return { header, position, body, hashBefore }
    }
    hashBefore = header.hash
    position = bodyAt + header.bodyBytes
  }
  return undefined
}

/** Decode one event of a batch of which the first bytes of the body are in hand. */
function* readOneOfBatch(
  segment: SegmentRef,
  offset: number,
  batch: { found: FoundBatch; context: DecodeContext; match: RowMatcher | undefined },
): Reading<DecodedEvent | undefined> {
  const { context } = batch
  const { header, position } = batch.found
  if (offset < header.baseOffset) return undefined
  const bodyAt = position + BATCH_HEADER_BYTES
  let front = batch.found.body
  for (let wanted = prefaceBytes(header, front); wanted > front.length; wanted = prefaceBytes(header, front)) {
    front = yield* readExactly(segment, bodyAt, wanted)
  }
  const preface = located(segment, position, () => readPreface(header, front, context.digest))
  const decoder = yield* valueDecoder(segment, { header, preface }, context)
  const { strings, blocks } = located(segment, position, () => readContents(preface, front))
  let first = header.baseOffset
  for (const block of blocks) {
    if (offset < first + block.rows) {
      const stored =
        block.end <= front.length
          ? front.subarray(block.start, block.end)
          : yield* readExactly(segment, bodyAt + block.start, block.end - block.start)
      const entry = { ...block, start: 0, end: stored.length }
      const bytes = yield* rawBlock(segment, position, { entry, stored, digest: context.digest })
      const events: DecodedEvent[] = []
      located(segment, position, () => {
        const source = { header, strings, block, bytes, offset: first, decoder }
        decodeBlock(source, { from: offset, to: offset + 1, match: batch.match }, { context, events })
      })
      return events[0]
    }
    first += block.rows
  }
  return undefined
}
