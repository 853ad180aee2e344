/** Reading single events whose batches are known: a header, the dictionary's lengths, and of the blocks only the rows
 * that are wanted.
 * @module */
import { contentsOf, type Preface, prefaceBytes, readPreface } from '../codec/batch-body.ts'
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from '../codec/batch-header.ts'
import { readBlockRow } from '../codec/block-row.ts'
import { DictionaryView } from '../codec/dictionary-view.ts'
import type { ValueDecoder } from '../codec/values.ts'
import { type DecodeContext, located, type RowMatcher, rawBlock, valueDecoder } from './decode.ts'
import { decodeColumns, type EventSink } from './events.ts'
import type { Reading } from './file-pool.ts'
import { type LogPoint, type SegmentRef, segmentDamaged } from './segment.ts'

/** Enough for the header and the dictionary of most batches. */
const FRONT_BYTES = 12 * 1024

/** Where a batch lies in its segment. */
export interface BatchPlace {
  readonly baseOffset: number
  readonly position: number
}

/** What of the events is wanted, and where they go. */
export interface PickTarget extends Omit<EventSink, 'locate'> {
  readonly context: DecodeContext
  readonly match: RowMatcher | undefined
  /** Where the durable part of the segment ends. */
  readonly end: LogPoint
  /** Give `LazyEvent`s. */
  readonly raw?: boolean | undefined
}

/** The front of a batch. `front` holds at least the preface, from the beginning of the body. */
interface OpenBatch {
  readonly header: BatchHeader
  readonly position: number
  readonly front: Uint8Array
  readonly preface: Preface
  readonly texts: DictionaryView
  readonly blocks: Preface['blocks']
  readonly decoder: ValueDecoder
}

/** Append the events at ascending offsets of one segment that match.
 * Cost: two small reads for each batch, one more for each further block.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* pickEvents(
  segment: SegmentRef,
  picked: { readonly offsets: readonly number[]; readonly places: readonly BatchPlace[] },
  target: PickTarget,
): Reading<void> {
  const { offsets, places } = picked
  for (let at = 0; at < offsets.length; ) {
    const { position } = places[at] as BatchPlace
    let next = at + 1
    while (next < offsets.length && places[next]?.position === position) next++
    const batch = yield* openBatch(segment, position, target)
    yield* pickOfBatch(segment, { batch, offsets: offsets.slice(at, next) }, target)
    at = next
  }
}

function* openBatch(segment: SegmentRef, position: number, target: PickTarget): Reading<OpenBatch> {
  const { context, end } = target
  const left = end.position - position
  // Not brief: parts of it are used after the next read.
  let bytes = yield { path: segment.path, position, length: Math.min(FRONT_BYTES, left) }
  const place = { seed: segment.seed, position }
  const header = readBatchHeader(bytes, 0, { place, digest: context.digest })
  if (header === undefined || BATCH_HEADER_BYTES + header.bodyBytes > left) {
    throw segmentDamaged(segment, position, { reason: 'a batch header fails its checksum' })
  }
  let front = bytes.subarray(BATCH_HEADER_BYTES, BATCH_HEADER_BYTES + header.bodyBytes)
  for (let wanted = prefaceBytes(header, front); wanted > front.length; wanted = prefaceBytes(header, front)) {
    bytes = yield { path: segment.path, position: position + BATCH_HEADER_BYTES, length: wanted }
    if (bytes.length < wanted) throw segmentDamaged(segment, position, { reason: 'a batch is cut short' })
    front = bytes
  }
  const preface = located(segment, position, () => readPreface(header, front, context.digest))
  const decoder = yield* valueDecoder(segment, { header, preface }, context)
  const contents = located(segment, position, () => contentsOf(preface, front, (reader) => new DictionaryView(reader)))
  return { header, position, front, preface, texts: contents.strings, blocks: contents.blocks, decoder }
}

function* pickOfBatch(
  segment: SegmentRef,
  picked: { batch: OpenBatch; offsets: readonly number[] },
  target: PickTarget,
): Reading<void> {
  const { batch, offsets } = picked
  const { header, position, front, texts, decoder } = batch
  const { match, context, events, raw } = target
  const into: EventSink = raw
    ? { context, events, locate: (step) => located(segment, position, step) }
    : { context, events }
  let first = header.baseOffset
  let at = 0
  for (const block of batch.blocks) {
    const end = first + block.rows
    let next = at
    while (next < offsets.length && (offsets[next] as number) < end) next++
    if (next > at) {
      const stored =
        block.end <= front.length
          ? front.subarray(block.start, block.end)
          : yield {
              path: segment.path,
              position: position + BATCH_HEADER_BYTES + block.start,
              length: block.end - block.start,
            }
      const entry = { ...block, start: 0, end: block.end - block.start }
      const bytes = yield* rawBlock(segment, position, { entry, stored, digest: context.digest })
      for (const offset of offsets.slice(at, next)) {
        located(segment, position, () => {
          const columns = readBlockRow(bytes, { rows: block.rows, row: offset - first }, { texts, decoder })
          decodeColumns({ columns, header, offset, decoder }, { from: offset, to: offset + 1, match }, into)
        })
      }
    }
    at = next
    first = end
  }
}
