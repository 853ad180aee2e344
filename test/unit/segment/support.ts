/** Segments of bytes, storages to read them from, and the list that a read must give.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { BatchEncoder, type EncodedBatch } from '../../../src/codec/batch.ts'
import { deflateBatch } from '../../../src/codec/batch-deflate.ts'
import type { Place } from '../../../src/codec/batch-header.ts'
import { fromHex, toHex } from '../../../src/codec/bytes.ts'
import { RowRoots } from '../../../src/codec/row-root.ts'
import { ValueEncoder } from '../../../src/codec/values.ts'
import { portableCompression } from '../../../src/ports/compression.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { type DecodeContext, type DecodedEvent, TableCache } from '../../../src/segment/decode.ts'
import { drive, FilePool, type Reading } from '../../../src/segment/file-pool.ts'
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../../../src/segment/header.ts'
import type { ChainPoint } from '../../../src/segment/scan.ts'
import { type SegmentRef, segmentRef } from '../../../src/segment/segment.ts'
import { SparseIndex } from '../../../src/segment/sparse-index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { digest, makeRows, type TestEvent, tableOf } from '../codec/batch-support.ts'

export const AT = 1_700_000_000_000
export const ZERO_HASH = '0'.repeat(64)
const DIRECTORY = 'topics/t/0'
export const LINEAGE = 'lineage12345'
const ID = '0123456789abcdef'

/** Batches to build: their events and what they say was synced before. */
export interface BatchPlan {
  readonly events: readonly TestEvent[]
  /** Index of the batch before which everything was synced; default none. */
  readonly syncedBefore?: number
}

export interface BuiltSegment {
  readonly ref: SegmentRef
  readonly bytes: Uint8Array
  /** Beginning of every batch, and the end. */
  readonly points: readonly ChainPoint[]
  readonly index: SparseIndex
  readonly events: readonly DecodedEvent[]
}

interface Built {
  readonly baseOffset?: number
  readonly hashBefore?: string
  readonly id?: string
  /** The chain is over events. */
  readonly eventChain?: boolean
}

/** Write a segment as the writer does: one encoder for all batches, so that later ones point to earlier tables. */
export function buildSegment(plans: readonly BatchPlan[], facts: Built = {}): BuiltSegment {
  const building = build(plans, facts)
  let step = building.next()
  while (!step.done) step = building.next(step.value.batch.bytes.slice())
  return step.value
}

/** The same with blocks compressed wherever that pays. */
export async function deflatedSegment(plans: readonly BatchPlan[], facts: Built = {}): Promise<BuiltSegment> {
  const building = build(plans, facts)
  let step = building.next()
  while (!step.done) {
    const { batch, place } = step.value
    const bytes = await deflateBatch(batch, { place, digest, deflate: portableCompression.deflate })
    step = building.next(bytes.slice())
  }
  return step.value
}

/** Gives each batch as encoded, and takes the bytes to write. */
function* build(
  plans: readonly BatchPlan[],
  facts: Built,
): Generator<{ batch: EncodedBatch; place: Place }, BuiltSegment, Uint8Array> {
  const { baseOffset = 0, hashBefore = ZERO_HASH, id = ID, eventChain = false } = facts
  const row = { file: `${baseOffset.toString().padStart(20, '0')}.log`, id, baseOffset, hashBefore }
  const ref = segmentRef(DIRECTORY, row, { partition: 0, digest })
  const header = { ...row, partition: 0, epoch: 1, createdAt: AT, lineage: LINEAGE }
  const parts = [encodeSegmentHeader(header, digest)]
  const values = new ValueEncoder()
  const batches = new BatchEncoder(digest)
  const roots = eventChain ? new RowRoots(digest, { lineage: LINEAGE, partition: 0 }) : undefined
  const points: ChainPoint[] = [{ position: SEGMENT_HEADER_BYTES, offset: baseOffset, hash: hashBefore }]
  const index = new SparseIndex()
  const events: DecodedEvent[] = []
  let tablePosition: number | undefined
  let shapes = 0
  for (const [i, plan] of plans.entries()) {
    const at = points[i] as ChainPoint
    const rows = makeRows(plan.events, values)
    if (values.shapes.length !== shapes) tablePosition = undefined
    shapes = values.shapes.length
    const recordedAt = AT + i
    const place = { seed: ref.seed, position: at.position }
    const batch = batches.encode(rows, {
      place,
      epoch: 1,
      baseOffset: at.offset,
      recordedAt,
      syncedThrough: plan.syncedBefore === undefined ? 0 : (points[plan.syncedBefore]?.position ?? 0),
      previousHash: fromHex(at.hash),
      table: tableOf(values),
      tablePosition,
      eventRoot: roots?.of(rows, { baseOffset: at.offset, recordedAt, shapes: values.shapes }),
    })
    tablePosition = batch.tablePosition
    const bytes = yield { batch, place }
    parts.push(bytes)
    index.add({ baseOffset: at.offset, position: at.position, highestAt: batch.highestAt })
    for (const [row, event] of plan.events.entries()) events.push(decoded(event, at.offset + row, recordedAt))
    const position = at.position + bytes.length
    points.push({ position, offset: at.offset + rows.length, hash: toHex(batch.hash) })
  }
  return { ref, bytes: join(parts), points, index, events }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** An event as a read gives it: without the fields that it does not have, and never with its idempotency key. */
function decoded(event: TestEvent, offset: number, recordedAt: number): DecodedEvent {
  const { kind, entity, at, data, id } = event
  const present = Object.fromEntries(
    OPTIONAL.filter((name) => event[name] !== undefined).map((name) => [name, event[name]]),
  )
  return { offset, partition: 0, id: id ?? `${LINEAGE}-0-${offset}`, kind, entity, at, recordedAt, data, ...present }
}

const OPTIONAL = [
  'scope',
  'tags',
  'meta',
  'correlationId',
  'causationId',
  'lane',
  'depth',
  'schemaVersion',
  'extensions',
] as const

/** The end of everything in a segment. */
export function endOf(segment: BuiltSegment): ChainPoint {
  return segment.points.at(-1) as ChainPoint
}

/** `count` batches whose sizes in events follow `sizes` in turn. */
export function plansOf(count: number, sizes: readonly number[], textUnits: (n: number) => number): BatchPlan[] {
  let n = 0
  return Array.from({ length: count }, (_, batch) => ({
    events: Array.from({ length: sizes[batch % sizes.length] as number }, () => {
      const i = n++
      return {
        kind: `K${i % 3}`,
        entity: `entity-${i % 7}`,
        at: AT + (i % 4 === 0 ? -i : i * 10),
        data: i % 5 === 0 ? { i, text: 'x'.repeat(textUnits(i)), blob: Uint8Array.of(i) } : { i },
        ...(i % 6 === 0 ? { scope: `s${i % 2}`, tags: ['a', `t${i}`], meta: { i } } : {}),
        ...(i % 11 === 0 ? { id: `id-${i}`, extensions: '\uD800', correlationId: 'c', lane: i } : {}),
      }
    }),
  }))
}

/** A storage that holds one file. */
export async function storageWith(files: Readonly<Record<string, Uint8Array>>): Promise<Storage> {
  const storage = memoryStorage()
  for (const [path, bytes] of Object.entries(files)) {
    const handle = await storage.createExclusive(path)
    await handle.append(bytes)
    await handle.close()
  }
  return storage
}

/** Readings of one set of files. */
export class Desk {
  readonly pool: FilePool
  readonly context: DecodeContext

  constructor(storage: Storage) {
    this.pool = new FilePool(storage, new ManualClock())
    this.context = { digest, partition: 0, idPrefix: `${LINEAGE}-0-`, tables: new TableCache() }
  }

  async run<T>(reading: Reading<T>): Promise<T> {
    return drive(reading, this.pool)
  }
}

/** Run a reading over bytes alone, giving at most `chunk` bytes where the reading can take fewer. */
export function runOver<T>(reading: Reading<T>, files: Readonly<Record<string, Uint8Array>>): T {
  let step = reading.next()
  while (!step.done) {
    if (!('path' in step.value)) throw new Error('these readings inflate nothing')
    const { path, position, length } = step.value
    const bytes = files[path] ?? new Uint8Array(0)
    step = reading.next(bytes.slice(position, position + length))
  }
  return step.value
}
