/** From the bytes of a batch to events: filters on columns first, so that values are decoded only where
 * something matches.
 * @module */
import { type BlockEntry, blockBytes, type Preface, readContents, readPreface } from '../codec/batch-body.ts'
import type { BatchHeader } from '../codec/batch-header.ts'
import { type BlockColumns, decodeData, decodeValues, readBlock } from '../codec/block.ts'
import type { Digest } from '../codec/digest.ts'
import { decodeShapes, ValueDecoder } from '../codec/values.ts'
import { isVarveError, VarveError } from '../errors.ts'
import type { Reading } from './file-pool.ts'
import { type SegmentRef, segmentDamaged } from './segment.ts'

/** An event while it is built: the public type is the union by kind of `topic/types.ts`. */
export interface DecodedEvent {
  offset: number
  partition: number
  id: string
  kind: string
  entity: string
  scope?: string
  tags?: readonly string[]
  at: number
  recordedAt: number
  data: unknown
  meta?: unknown
  correlationId?: string
  causationId?: string
  lane?: number
  depth?: number
  schemaVersion?: number
  extensions?: unknown
}

/** The envelopes of a block. */
export interface BlockView {
  readonly columns: BlockColumns
  /** `at` column values are relative to this; without the column it is the time of every row. */
  readonly lowestAt: number
  /** Offset of the first row. */
  readonly firstOffset: number
}

/** Decides on its envelope whether a row is wanted. One that never is visits envelopes without decoding a value. */
export type RowMatcher = (block: BlockView, row: number) => boolean

/** What decoding depends on besides the bytes. */
export interface DecodeContext {
  readonly digest: Digest
  readonly partition: number
  /** `<lineage>-<partition>-`. */
  readonly idPrefix: string
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

/** Which rows of a batch are wanted. */
export interface RowRange {
  /** First offset, inclusive. */
  readonly from: number
  /** Last offset, exclusive. */
  readonly to: number
  readonly match: RowMatcher | undefined
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
  want: RowRange & { context: DecodeContext; events: DecodedEvent[] },
): Reading<void> {
  const { header, position, body } = batch
  const { context, events } = want
  const preface = located(segment, position, () => readPreface(header, body, context.digest))
  const decoder = yield* valueDecoder(segment, { header, preface }, context)
  const { strings, blocks } = located(segment, position, () => readContents(preface, body))
  let offset = header.baseOffset
  for (const block of blocks) {
    const end = offset + block.rows
    if (end > want.from && offset < want.to) {
      const bytes = yield* rawBlock(segment, position, { entry: block, stored: body, digest: context.digest })
      located(segment, position, () =>
        decodeBlock({ header, strings, block, bytes, offset, decoder }, want, { context, events }),
      )
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
export function decodeBlock(
  source: BlockInHand,
  want: RowRange,
  into: { context: DecodeContext; events: DecodedEvent[] },
): void {
  const { header, block, offset } = source
  const columns = readBlock(source.bytes, block.rows, source.strings)
  const first = Math.max(0, want.from - offset)
  const end = Math.min(block.rows, want.to - offset)
  const { match } = want
  const { recordedAt } = header
  const lowestAt = columns.wideAt ? 0 : header.lowestAt
  const view = { columns, lowestAt, firstOffset: offset }
  if (match !== undefined) {
    let any = false
    for (let row = first; row < end && !any; row++) any = match(view, row)
    if (!any) return
  }
  const data = decodeData(columns, source.decoder)
  if (data.length !== block.rows) throw new VarveError('DECODE_FAILED', 'Values do not fit the rows of their block')
  const optional = optionalColumns(columns, source.decoder)
  const { partition, idPrefix } = into.context
  const { at } = columns
  for (let row = first; row < end; row++) {
    if (match !== undefined && !match(view, row)) continue
    const eventOffset = offset + row
    const event: DecodedEvent = {
      offset: eventOffset,
      partition,
      id: idPrefix + eventOffset,
      kind: columns.kinds[row] as string,
      entity: columns.entities[row] as string,
      at: at === undefined ? lowestAt : lowestAt + (at[row] as number),
      recordedAt,
      data: data[row],
    }
    if (optional !== undefined) {
      for (const [name, values] of optional) if (values[row] !== undefined) event[name] = values[row] as never
    }
    into.events.push(event)
  }
}

type OptionalName =
  | 'id'
  | 'scope'
  | 'tags'
  | 'meta'
  | 'correlationId'
  | 'causationId'
  | 'lane'
  | 'depth'
  | 'schemaVersion'
  | 'extensions'

/** The optional columns that this block has, by field name; undefined when it has none. */
function optionalColumns(
  columns: BlockColumns,
  decoder: ValueDecoder,
): [OptionalName, readonly unknown[]][] | undefined {
  const present: [OptionalName, readonly unknown[]][] = []
  const add = (name: OptionalName, values: readonly unknown[] | undefined) => {
    if (values !== undefined) present.push([name, values])
  }
  add('id', columns.ids)
  add('scope', columns.scopes)
  add('tags', columns.tags)
  add('meta', columns.meta && decodeValues(columns.meta, decoder))
  add('correlationId', columns.correlationIds)
  add('causationId', columns.causationIds)
  add('lane', columns.lanes)
  add('depth', columns.depths)
  add('schemaVersion', columns.schemaVersions)
  add('extensions', columns.extensions && decodeValues(columns.extensions, decoder))
  return present.length === 0 ? undefined : present
}
