/** Events from the columns of a block: with their values, or with the way to them.
 * @module */
import { type PlainBody, readContents } from '../codec/batch-body.ts'
import type { BatchHeader } from '../codec/batch-header.ts'
import { type BlockColumns, decodeData, decodeDataOf, decodeValues, readBlock } from '../codec/block.ts'
import type { ValueDecoder } from '../codec/values.ts'
import { VarveError } from '../errors.ts'

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

/** What events have in common that blocks do not say. */
export interface EventContext {
  readonly partition: number
  /** `<lineage>-<partition>-`. */
  readonly idPrefix: string
}

/** Which rows of a batch are wanted. */
export interface RowRange {
  /** First offset, inclusive. */
  readonly from: number
  /** Last offset, exclusive. */
  readonly to: number
  readonly match: RowMatcher | undefined
}

/** The columns of a block, and what its values need. */
export interface ColumnsInHand {
  readonly columns: BlockColumns
  readonly header: BatchHeader
  /** Offset of the first row. */
  readonly offset: number
  readonly decoder: ValueDecoder
}

/** Where events go. */
export interface EventSink {
  readonly context: EventContext
  readonly events: DecodedEvent[]
  /** Present: `LazyEvent`s are wanted. Runs a later step of decoding, and says where it failed. */
  readonly locate?: Locate | undefined
}

export type Locate = <T>(step: () => T) => T

/** When fewer than one in so many rows of a block are wanted, the values of the others are passed over. */
const FEW_OF = 3

/** Append the wanted events of a block. @throws {VarveError} `DECODE_FAILED`. */
export function decodeColumns(block: ColumnsInHand, want: RowRange, into: EventSink): void {
  const { columns, header, offset } = block
  const first = Math.max(0, want.from - offset)
  const end = Math.min(columns.rows, want.to - offset)
  const rows = matching({ columns, lowestAt: columns.wideAt ? 0 : header.lowestAt, firstOffset: offset }, want.match, {
    first,
    end,
  })
  if (rows?.length === 0) return
  const { locate, events, context } = into
  const lowestAt = columns.wideAt ? 0 : header.lowestAt
  const maker = new EventMaker(locate === undefined ? block : withOwnValues(block), lowestAt, context)
  const add = (row: number) => events.push(locate === undefined ? maker.event(row) : new LazyEvent(maker, row, locate))
  if (rows === undefined) for (let row = first; row < end; row++) add(row)
  else {
    if (locate === undefined && rows.length * FEW_OF < columns.rows) maker.decodeSome(rows)
    for (const row of rows) add(row)
  }
}

/** The rows that match; undefined: all of them. */
function matching(
  view: BlockView,
  match: RowMatcher | undefined,
  range: { first: number; end: number },
): number[] | undefined {
  if (match === undefined) return undefined
  const rows: number[] = []
  for (let row = range.first; row < range.end; row++) if (match(view, row)) rows.push(row)
  return rows
}

/** The same block with bytes of its own for its values: those read may be overwritten by the next read. */
function withOwnValues(block: ColumnsInHand): ColumnsInHand {
  const { columns } = block
  const { data, meta, extensions } = columns
  return {
    ...block,
    columns: {
      ...columns,
      data: data.slice(),
      meta: meta && { ...meta, bytes: meta.bytes.slice() },
      extensions: extensions && { ...extensions, bytes: extensions.bytes.slice() },
    },
  }
}

/** Makes the events of one block. */
class EventMaker {
  readonly columns: BlockColumns
  readonly context: EventContext
  readonly recordedAt: number
  readonly offset: number
  readonly #lowestAt: number
  readonly #decoder: ValueDecoder
  #data: readonly unknown[] | undefined
  #optional: [OptionalName, readonly unknown[]][] | undefined

  constructor(block: ColumnsInHand, lowestAt: number, context: EventContext) {
    this.columns = block.columns
    this.context = context
    this.recordedAt = block.header.recordedAt
    this.offset = block.offset
    this.#lowestAt = lowestAt
    this.#decoder = block.decoder
  }

  /** Decode the values of all rows, once. @throws {VarveError} `DECODE_FAILED`. */
  decode(): readonly unknown[] {
    if (this.#data !== undefined) return this.#data
    const data = decodeData(this.columns, this.#decoder)
    if (data.length !== this.columns.rows) {
      throw new VarveError('DECODE_FAILED', 'Values do not fit the rows of their block')
    }
    this.#optional = optionalColumns(this.columns, this.#decoder)
    this.#data = data
    return data
  }

  /** Decode the values of these rows only, which are all that will be asked for. */
  decodeSome(rows: readonly number[]): void {
    this.#optional = optionalColumns(this.columns, this.#decoder)
    this.#data = decodeDataOf(this.columns, this.#decoder, rows)
  }

  at(row: number): number {
    const { at } = this.columns
    return at === undefined ? this.#lowestAt : this.#lowestAt + (at[row] as number)
  }

  event(row: number): DecodedEvent {
    const data = this.decode()
    const { columns, context } = this
    const offset = this.offset + row
    const event: DecodedEvent = {
      offset,
      partition: context.partition,
      id: context.idPrefix + offset,
      kind: columns.kinds[row] as string,
      entity: columns.entities[row] as string,
      at: this.at(row),
      recordedAt: this.recordedAt,
      data: data[row],
    }
    const optional = this.#optional
    if (optional !== undefined) {
      for (const [name, values] of optional) if (values[row] !== undefined) event[name] = values[row] as never
    }
    return event
  }
}

/** An event whose values are decoded when they are asked for, then for its whole block. Its own fields are those of
 * the envelope. */
export class LazyEvent implements DecodedEvent {
  readonly offset: number
  readonly partition: number
  readonly id: string
  readonly kind: string
  readonly entity: string
  readonly at: number
  readonly recordedAt: number
  declare readonly scope?: string
  declare readonly tags?: readonly string[]
  declare readonly correlationId?: string
  declare readonly causationId?: string
  declare readonly lane?: number
  declare readonly depth?: number
  declare readonly schemaVersion?: number
  readonly #maker: EventMaker
  readonly #row: number
  readonly #locate: Locate

  constructor(maker: EventMaker, row: number, locate: Locate) {
    const { columns, context } = maker
    this.#maker = maker
    this.#row = row
    this.#locate = locate
    this.offset = maker.offset + row
    this.partition = context.partition
    this.id = columns.ids?.[row] ?? context.idPrefix + this.offset
    this.kind = columns.kinds[row] as string
    this.entity = columns.entities[row] as string
    this.at = maker.at(row)
    this.recordedAt = maker.recordedAt
    // Absent, not undefined, when they were not given.
    const scope = columns.scopes?.[row]
    if (scope !== undefined) this.scope = scope
    const tags = columns.tags?.[row]
    if (tags !== undefined) this.tags = tags
    const correlationId = columns.correlationIds?.[row]
    if (correlationId !== undefined) this.correlationId = correlationId
    const causationId = columns.causationIds?.[row]
    if (causationId !== undefined) this.causationId = causationId
    const lane = columns.lanes?.[row]
    if (lane !== undefined) this.lane = lane
    const depth = columns.depths?.[row]
    if (depth !== undefined) this.depth = depth
    const schemaVersion = columns.schemaVersions?.[row]
    if (schemaVersion !== undefined) this.schemaVersion = schemaVersion
  }

  /** The whole event. @throws {VarveError} `SEGMENT_DAMAGED`. */
  decode(): DecodedEvent {
    return this.#locate(() => this.#maker.event(this.#row))
  }

  get data(): unknown {
    return this.decode().data
  }

  get meta(): unknown {
    return this.decode().meta
  }

  get extensions(): unknown {
    return this.decode().extensions
  }
}

/** An event and the key of the append that wrote it. */
export interface KeyedEvent {
  readonly event: DecodedEvent
  readonly idempotencyKey: string | undefined
}

/** All events of a checked batch. @throws {VarveError} `DECODE_FAILED`. */
export function eventsOfBatch(
  header: BatchHeader,
  plain: PlainBody,
  facts: { decoder: ValueDecoder; context: EventContext },
): KeyedEvent[] {
  const { decoder, context } = facts
  const { strings, blocks } = readContents(plain.preface, plain.body)
  const all: KeyedEvent[] = []
  let offset = header.baseOffset
  for (const block of blocks) {
    const columns = readBlock(plain.body.subarray(block.start, block.end), block.rows, strings)
    const events: DecodedEvent[] = []
    const range = { from: offset, to: offset + block.rows, match: undefined }
    decodeColumns({ columns, header, offset, decoder }, range, { context, events })
    for (const [row, event] of events.entries()) all.push({ event, idempotencyKey: columns.idempotencyKeys?.[row] })
    offset += block.rows
  }
  return all
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
