/** From the bytes of a batch to events: filters on columns first, so that values are decoded only where
 * something matches.
 * @module */
import {
  type BlockEntry,
  blockBytes,
  type PlainBody,
  type Preface,
  plainBody,
  readContents,
  readPreface,
} from '../codec/batch-body.ts'
import { BATCH_HEADER_BYTES, type BatchHeader } from '../codec/batch-header.ts'
import { readBlock } from '../codec/block.ts'
import type { Digest } from '../codec/digest.ts'
import { decodeShapes, ValueDecoder } from '../codec/values.ts'
import { isVarveError } from '../errors.ts'
import { type DecodedEvent, decodeColumns, type EventContext, type EventSink, type RowRange } from './events.ts'
import type { Reading } from './file-pool.ts'
import { type SegmentRef, segmentDamaged } from './segment.ts'

export type { BlockView, DecodedEvent, RowMatcher, RowRange } from './events.ts'

/** What decoding depends on besides the bytes. */
export interface DecodeContext extends EventContext {
  readonly digest: Digest
  readonly tables: TableCache
}

const TABLES_MAX = 512

/** Value decoders by segment and position of their record table: compiling one costs more than decoding a block. */
export class TableCache {
  readonly #decoders = new Map<string, ValueDecoder>()
  readonly none = new ValueDecoder([])

  get(key: string): ValueDecoder | undefined {
    return this.#decoders.get(key)
  }

  /** @throws {VarveError} `DECODE_FAILED`. */
  add(key: string, table: Uint8Array): ValueDecoder {
    const decoder = new ValueDecoder(decodeShapes(table))
    if (this.#decoders.size >= TABLES_MAX) this.#decoders.clear()
    this.#decoders.set(key, decoder)
    return decoder
  }
}

/** The record table that a batch points to, from its own body or from elsewhere in the segment.
 * @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* readTable(segment: SegmentRef, header: BatchHeader, digest: Digest): Reading<Uint8Array> {
  const position = header.tablePosition
  const size = yield { path: segment.path, position, length: 4 }
  const length = size.length < 4 ? 0 : new DataView(size.buffer, size.byteOffset).getUint32(0, true)
  const table = yield { path: segment.path, position: position + 4, length: Math.min(length, 1 << 24) }
  if (table.length !== length || digest.crc32(table) !== header.tableCrc) {
    throw segmentDamaged(segment, position, { reason: 'the record table fails its checksum' })
  }
  return table
}

/** The decoder for the values of a batch. */
export function* valueDecoder(
  segment: SegmentRef,
  batch: { header: BatchHeader; preface: Preface },
  context: DecodeContext,
): Reading<ValueDecoder> {
  const { header, preface } = batch
  if (header.tablePosition === 0) return context.tables.none
  const key = `${segment.id}:${header.tablePosition}:${header.tableCrc}`
  const known = context.tables.get(key)
  if (known !== undefined) return known
  const table = preface.table ?? (yield* readTable(segment, header, context.digest))
  return located(segment, header.tablePosition, () => context.tables.add(key, table))
}

/** Run a decoding step and say where in which file it failed. */
export function located<T>(segment: SegmentRef, position: number, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw placed(segment, position, error)
  }
}

function placed(segment: SegmentRef, position: number, error: unknown): unknown {
  if (!isVarveError(error, 'DECODE_FAILED')) return error
  return segmentDamaged(segment, position, { reason: error.message, cause: error })
}

/** The raw bytes of a block, of which `stored` holds the stored bytes at `[entry.start, entry.end)`.
 * @throws {VarveError} `SEGMENT_DAMAGED` for the batch at `position`. */
export function* rawBlock(
  segment: SegmentRef,
  position: number,
  block: { entry: BlockEntry; stored: Uint8Array; digest: Digest },
): Reading<Uint8Array> {
  try {
    const bytes = blockBytes(block.stored, block.entry, block.digest)
    const { rawBytes } = block.entry
    return rawBytes === undefined ? bytes : yield { inflate: bytes, rawBytes }
  } catch (error) {
    throw placed(segment, position, error)
  }
}

/** Check every block, and undo its compression. @throws {VarveError} `DECODE_FAILED`. */
export function* inflated(preface: Preface, body: Uint8Array, digest: Digest): Reading<PlainBody> {
  const blocks: Uint8Array[] = []
  for (const block of preface.blocks) {
    const bytes = blockBytes(body, block, digest)
    if (preface.deflated) {
      blocks.push(block.rawBytes === undefined ? bytes : yield { inflate: bytes, rawBytes: block.rawBytes })
    }
  }
  return preface.deflated ? plainBody(preface, body, blocks) : { preface, body }
}

/** Read the whole body of a batch, check it, and undo its compression. @throws {VarveError} `SEGMENT_DAMAGED`. */
export function* plainOf(
  segment: SegmentRef,
  batch: { header: BatchHeader; position: number },
  digest: Digest,
): Reading<{ preface: Preface; plain: PlainBody }> {
  const { header, position } = batch
  // Not brief: the bytes are used after later reads, of the record table for one.
  const body = yield { path: segment.path, position: position + BATCH_HEADER_BYTES, length: header.bodyBytes }
  if (body.length < header.bodyBytes) throw segmentDamaged(segment, position, { reason: 'a batch is cut short' })
  try {
    const preface = readPreface(header, body, digest)
    return { preface, plain: yield* inflated(preface, body, digest) }
  } catch (error) {
    throw placed(segment, position, error)
  }
}

/** One batch in memory. */
export interface BatchBytes {
  readonly header: BatchHeader
  /** Position of the header in the segment. */
  readonly position: number
  readonly body: Uint8Array
}

/** Append the wanted events of a batch to `events`.
 * @throws {VarveError} `SEGMENT_DAMAGED` with file and position. */
export function* decodeBatch(
  segment: SegmentRef,
  batch: BatchBytes,
  want: RowRange & { context: DecodeContext; events: DecodedEvent[]; raw?: boolean | undefined },
): Reading<void> {
  const { header, position, body } = batch
  const { context, events } = want
  const locate = want.raw ? <T>(step: () => T) => located(segment, position, step) : undefined
  const into: EventSink = { context, events, locate }
  const preface = located(segment, position, () => readPreface(header, body, context.digest))
  const decoder = yield* valueDecoder(segment, { header, preface }, context)
  const { strings, blocks } = located(segment, position, () => readContents(preface, body))
  let offset = header.baseOffset
  for (const block of blocks) {
    const end = offset + block.rows
    if (end > want.from && offset < want.to) {
      const bytes = yield* rawBlock(segment, position, { entry: block, stored: body, digest: context.digest })
      located(segment, position, () => decodeBlock({ header, strings, block, bytes, offset, decoder }, want, into))
    }
    offset = end
  }
}

/** One block in memory, checked. */
export interface BlockInHand {
  readonly header: BatchHeader
  readonly strings: readonly string[]
  readonly block: BlockEntry
  readonly bytes: Uint8Array
  /** Offset of the first row. */
  readonly offset: number
  readonly decoder: ValueDecoder
}

/** Append the wanted events of a block. @throws {VarveError} `DECODE_FAILED`. */
export function decodeBlock(source: BlockInHand, want: RowRange, into: EventSink): void {
  const { header, offset, decoder } = source
  const columns = readBlock(source.bytes, source.block.rows, source.strings)
  decodeColumns({ columns, header, offset, decoder }, want, into)
}
