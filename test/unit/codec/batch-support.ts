/** Rows and batches of bytes for the tests of the codec and of segments.
 * @module */
import fc from 'fast-check'
import {
  BatchEncoder,
  type BatchFacts,
  type EncodedBatch,
  NO_TABLE,
  type RecordTable,
  recordTable,
} from '../../../src/codec/batch.ts'
import { blockBytes, expectedHash, readContents, readPreface } from '../../../src/codec/batch-body.ts'
import { BATCH_HEADER_BYTES, type Place, readBatchHeader } from '../../../src/codec/batch-header.ts'
import { decodeData, decodeValues, type Row, readBlock } from '../../../src/codec/block.ts'
import { sameBytes } from '../../../src/codec/bytes.ts'
import { decodeShapes, encodeShapes, ValueDecoder, ValueEncoder } from '../../../src/codec/values.ts'
import { isVarveError } from '../../../src/errors.ts'
import { portableDigest } from '../../../src/ports/digest.ts'
import type { ScannedBatch } from '../../../src/segment/scan.ts'

export const digest = portableDigest
export const NO_HASH = new Uint8Array(32)

/** An event as a test writes it down. */
export interface TestEvent {
  readonly kind: string
  readonly entity: string
  readonly at: number
  readonly data: unknown
  readonly correlationId?: string | undefined
  readonly causationId?: string | undefined
  readonly id?: string | undefined
  readonly scope?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly schemaVersion?: number | undefined
  readonly lane?: number | undefined
  readonly depth?: number | undefined
  readonly idempotencyKey?: string | undefined
  readonly meta?: unknown
  readonly extensions?: unknown
}

/** Encode events as the append path does: the values of all of them end to end in one buffer. */
export function makeRows(events: readonly TestEvent[], encoder = new ValueEncoder()): Row[] {
  encoder.reset()
  const marks = events.map((event) => {
    const start = encoder.length
    const dataCodec = encoder.encode(event.data, 'data')
    const dataEnd = encoder.length
    const metaCodec = event.meta === undefined ? 0 : encoder.encode(event.meta, 'meta')
    const metaEnd = encoder.length
    const extensionsCodec = event.extensions === undefined ? 0 : encoder.encode(event.extensions, 'extensions')
    return { start, dataCodec, dataEnd, metaCodec, metaEnd, extensionsCodec, end: encoder.length } as const
  })
  const values = encoder.bytes.slice()
  return events.map(({ data: _data, meta: _meta, extensions: _extensions, ...envelope }, i) => ({
    ...ABSENT,
    ...envelope,
    ...(marks[i] as (typeof marks)[number]),
    values,
  }))
}

const ABSENT = {
  correlationId: undefined,
  causationId: undefined,
  id: undefined,
  scope: undefined,
  tags: undefined,
  schemaVersion: undefined,
  lane: undefined,
  depth: undefined,
  idempotencyKey: undefined,
}

/** The record table of what `encoder` has seen. */
export function tableOf(encoder: ValueEncoder): RecordTable {
  return encoder.shapes.length === 0 ? NO_TABLE : recordTable(encodeShapes(encoder.shapes), digest)
}

export const PLACE: Place = { seed: 0x1234_5678, position: 128 }

/** Encode events as a batch that carries its table. The bytes are its own. */
export function makeBatch(events: readonly TestEvent[], facts: Partial<BatchFacts> = {}): EncodedBatch {
  const values = new ValueEncoder()
  const rows = makeRows(events, values)
  const batch = new BatchEncoder(digest).encode(rows, {
    place: PLACE,
    epoch: 1,
    baseOffset: 0,
    recordedAt: 1_700_000_000_000,
    syncedThrough: 0,
    previousHash: NO_HASH,
    table: tableOf(values),
    tablePosition: undefined,
    ...facts,
  })
  return { ...batch, bytes: batch.bytes.slice() }
}

/** Where a batch lies and what came before it. */
export interface Around {
  readonly place: Place
  readonly previousHash: Uint8Array
  /** The table it points to, when it does not carry it. */
  readonly table: RecordTable | undefined
}

const AROUND: Around = { place: PLACE, previousHash: NO_HASH, table: undefined }

/** Check a batch as a reader does: header, preface, every block, table, chain.
 * @returns what refused it, or its events. */
export function openBatch(bytes: Uint8Array, around: Partial<Around> = {}): string | TestEvent[] {
  const { place, previousHash, table: outside } = { ...AROUND, ...around }
  const header = readBatchHeader(bytes, 0, { place, digest })
  if (header === undefined) return 'header'
  const body = bytes.subarray(BATCH_HEADER_BYTES)
  try {
    const preface = readPreface(header, body, digest)
    const table = preface.table === undefined ? (outside ?? NO_TABLE) : recordTable(preface.table, digest)
    if (table.crc !== header.tableCrc) return 'table'
    const blocks = preface.blocks.map((block) => blockBytes(body, block, digest))
    const hash = expectedHash(header, preface, { body, previousHash, tableHash: table.hash, digest })
    if (!sameBytes(hash, header.hash)) return 'chain'
    const decoder = new ValueDecoder(table.bytes.length === 0 ? [] : decodeShapes(table.bytes))
    const contents = readContents(preface, body)
    return contents.blocks.flatMap((block, i) => {
      const raw = block.crc === undefined ? body.subarray(block.start, block.end) : (blocks[i] as Uint8Array)
      return readEvents(raw, { rows: block.rows, strings: contents.strings, lowestAt: header.lowestAt, decoder })
    })
  } catch (error) {
    if (isVarveError(error, 'DECODE_FAILED')) return error.message
    throw error
  }
}

/** The events of a scanned batch. */
export function readPlain({ header, plain, table }: ScannedBatch): TestEvent[] {
  const decoder = new ValueDecoder(table.bytes.length === 0 ? [] : decodeShapes(table.bytes))
  const { strings, blocks } = readContents(plain.preface, plain.body)
  return blocks.flatMap(({ start, end, rows }) =>
    readEvents(plain.body.subarray(start, end), { rows, strings, lowestAt: header.lowestAt, decoder }),
  )
}

/** The events of the bytes of one block. */
export function readEvents(
  block: Uint8Array,
  facts: { rows: number; strings: readonly string[]; lowestAt: number; decoder: ValueDecoder },
): TestEvent[] {
  const columns = readBlock(block, facts.rows, facts.strings)
  const data = decodeData(columns, facts.decoder)
  const meta = columns.meta && decodeValues(columns.meta, facts.decoder)
  const extensions = columns.extensions && decodeValues(columns.extensions, facts.decoder)
  const base = columns.wideAt ? 0 : facts.lowestAt
  return columns.kinds.map((kind, row) => ({
    kind,
    entity: columns.entities[row] ?? '',
    at: columns.at === undefined ? facts.lowestAt : base + (columns.at[row] as number),
    data: data[row],
    correlationId: columns.correlationIds?.[row],
    causationId: columns.causationIds?.[row],
    id: columns.ids?.[row],
    scope: columns.scopes?.[row],
    tags: columns.tags?.[row],
    schemaVersion: columns.schemaVersions?.[row],
    lane: columns.lanes?.[row],
    depth: columns.depths?.[row],
    idempotencyKey: columns.idempotencyKeys?.[row],
    meta: meta?.[row],
    extensions: extensions?.[row],
  }))
}

/** Names whose prefixes meet in the middle of surrogate pairs, and plain ones. */
export const nameArbitrary = fc.oneof(
  fc.constantFrom(
    'order-1',
    'order-12',
    'order-123',
    'ordinary',
    'o',
    'abc\u{1F600}x',
    'abc\u{1F601}y',
    'abc\u{1F600}',
  ),
  fc.constantFrom(
    '\u{1F600}\u{1F600}',
    '\u{1F600}\u{1F601}',
    'é',
    'éa',
    'éb',
    '\uFEFFbom',
    '\uFFFD',
    '\u0000',
    '日本語-1',
    '日本語-2',
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
)

/** Plain values, and values that only the structural form keeps. */
export const valueArbitrary: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ n: fc.nat(), text: fc.string({ maxLength: 8 }) }, { noNullPrototype: true }) },
  {
    weight: 3,
    arbitrary: fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
  },
  { weight: 1, arbitrary: fc.constantFrom('\uD800', 2n ** 70n, new Date(-5), [null, '\uDFFF'], -0, { a: 10n ** 30n }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
)

const count = fc.integer({ min: 0, max: 0xffff_ffff })

/** Events with each optional field there or not. */
export const eventArbitrary: fc.Arbitrary<TestEvent> = fc
  .record({
    required: fc.record({
      kind: nameArbitrary,
      entity: nameArbitrary,
      at: fc.oneof(fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }), fc.maxSafeInteger()),
      data: valueArbitrary,
    }),
    optional: fc.record(
      {
        correlationId: nameArbitrary,
        causationId: nameArbitrary,
        id: nameArbitrary,
        scope: nameArbitrary,
        tags: fc.array(nameArbitrary, { minLength: 1, maxLength: 4 }),
        schemaVersion: count,
        lane: count,
        depth: count,
        idempotencyKey: nameArbitrary,
        meta: valueArbitrary,
        extensions: valueArbitrary,
      },
      { requiredKeys: [] },
    ),
  })
  .map(({ required, optional }) => ({ ...required, ...optional }))

/** `event` with every field, absent ones undefined: the form in which events are compared. */
export function inFull(event: TestEvent): TestEvent {
  return { ...BLANK, ...event }
}

const BLANK = { kind: '', entity: '', at: 0, data: undefined, ...ABSENT, meta: undefined, extensions: undefined }

/** A copy with one bit turned over. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}
