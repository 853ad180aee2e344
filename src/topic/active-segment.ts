/** The written end of a partition: encodes rows as a batch, writes it behind the last one, syncs, and rolls.
 *
 * Only the writer of the partition calls this, one call at a time (`sync` may overlap everything).
 * @module */
import { BatchEncoder, type EncodedBatch, NO_TABLE, type RecordTable, recordTable } from '../codec/batch.ts'
import { deflateBatch } from '../codec/batch-deflate.ts'
import type { Row } from '../codec/block.ts'
import { fromHex, toHex } from '../codec/bytes.ts'
import { RowRoots } from '../codec/row-root.ts'
import { encodeShapes, ValueEncoder } from '../codec/values.ts'
import { assert, isVarveError } from '../errors.ts'
import type { ProvenEnd, Seal } from '../manifest/index.ts'
import type { WriteHandle } from '../ports/storage.ts'
import { FEATURE_DEFLATE, SEGMENT_HEADER_BYTES, segmentFeatures } from '../segment/header.ts'
import type { LogContext } from './context.ts'
import type { Partition } from './partition.ts'
import { openNextSegment } from './roll.ts'
import type { TopicSettings } from './types.ts'

/** What a partition is written from: the open active segment and its end, all of it synced. */
export interface SegmentStart {
  readonly lineage: string
  /** The options of the topic as they are now. */
  readonly settings: () => TopicSettings
  readonly topicId: number
  readonly handle: WriteHandle
  readonly end: ProvenEnd
  readonly lastRecordedAt: number
  /** Lowest `at` of the events that are in the segment; infinite when there are none, undefined when unknown. */
  readonly lowestAt: number | undefined
}

/** A place between two batches, with the chain hash there. */
export interface WrittenEnd {
  readonly position: number
  readonly offset: number
  readonly hash: Uint8Array
}

/** A batch that was written, and is not synced yet. */
export interface WrittenBatch {
  readonly baseOffset: number
  readonly position: number
  /** Bytes. */
  readonly length: number
  readonly recordedAt: number
  readonly highestAt: number
  readonly end: WrittenEnd
}

export class ActiveSegment {
  /** Encodes the values of calls; the shapes it learns are the record table of the batches. */
  readonly encoder = new ValueEncoder()
  readonly #context: LogContext
  readonly #partition: Partition
  readonly #start: SegmentStart
  readonly #batches: BatchEncoder
  /** In a chain over events. */
  readonly #roots: RowRoots | undefined
  #handle: WriteHandle
  #end: WrittenEnd
  #syncedPosition: number
  #recordedAt: number
  #lowestAt: number | undefined
  #table: RecordTable = NO_TABLE
  #tableShapes = 0
  #tablePosition: number | undefined

  constructor(context: LogContext, partition: Partition, start: SegmentStart) {
    this.#context = context
    this.#partition = partition
    this.#start = start
    this.#batches = new BatchEncoder(context.digest)
    const origin = { lineage: start.lineage, partition: partition.partition }
    this.#roots = start.settings().chain === 'events' ? new RowRoots(context.digest, origin) : undefined
    this.#handle = start.handle
    this.#end = { ...start.end, hash: fromHex(start.end.hash) }
    this.#syncedPosition = start.end.position
    this.#recordedAt = start.lastRecordedAt
    this.#lowestAt = start.lowestAt
  }

  get end(): WrittenEnd {
    return this.#end
  }

  /** The end in the words of the manifest. */
  get provenEnd(): ProvenEnd {
    return { ...this.#end, hash: toHex(this.#end.hash) }
  }

  /** Everything before `position` is synced: batches written from now on say so. */
  noteSynced(position: number): void {
    this.#syncedPosition = position
  }

  /** Whether `sizeBytes` more would make a segment that has events too large. */
  isFull(sizeBytes: number): boolean {
    const { position } = this.#end
    return position > SEGMENT_HEADER_BYTES && position + sizeBytes > this.#start.settings().segmentBytes
  }

  /** Write `rows` as one batch. @throws what the storage throws: then nothing was written. A file that cannot be cut
   * back poisons the store. */
  async write(rows: readonly Row[]): Promise<WrittenBatch> {
    const recordedAt = Math.max(this.#context.clock.now(), this.#recordedAt)
    const batch = this.#encode(rows, recordedAt)
    const { position, offset } = this.#end
    const bytes = this.#compresses ? await this.#compressed(batch) : batch.bytes
    await this.#append(bytes)
    this.#recordedAt = recordedAt
    if (this.#lowestAt !== undefined) this.#lowestAt = Math.min(this.#lowestAt, batch.lowestAt)
    this.#tablePosition = batch.tablePosition
    this.#end = { position: position + bytes.length, offset: offset + rows.length, hash: batch.hash }
    const { highestAt } = batch
    return { baseOffset: offset, position, length: bytes.length, recordedAt, highestAt, end: this.#end }
  }

  get #compresses(): boolean {
    // `none` counts at once, `deflate` from the next segment on, whose header says so.
    return (
      this.#start.settings().compression === 'deflate' && (this.#partition.active.ref.features & FEATURE_DEFLATE) !== 0
    )
  }

  #compressed(batch: EncodedBatch): Promise<Uint8Array> {
    const { storage, digest } = this.#context
    const place = { seed: this.#partition.active.ref.seed, position: this.#end.position }
    return deflateBatch(batch, { place, digest, deflate: (bytes) => storage.compression.deflate(bytes) })
  }

  #encode(rows: readonly Row[], recordedAt: number): EncodedBatch {
    const shapes = this.encoder.shapes
    if (shapes.length !== this.#tableShapes) {
      this.#table = recordTable(encodeShapes(shapes), this.#context.digest)
      this.#tableShapes = shapes.length
      this.#tablePosition = undefined
    }
    const baseOffset = this.#end.offset
    return this.#batches.encode(rows, {
      place: { seed: this.#partition.active.ref.seed, position: this.#end.position },
      epoch: this.#context.epoch,
      baseOffset,
      recordedAt,
      syncedThrough: this.#syncedPosition,
      previousHash: this.#end.hash,
      table: this.#table,
      tablePosition: this.#tablePosition,
      eventRoot: this.#roots?.of(rows, { baseOffset, recordedAt, shapes }),
    })
  }

  /** Write at the written end; after a failure cut the file back, or poison the store when that fails too. */
  async #append(bytes: Uint8Array): Promise<void> {
    const { position } = this.#end
    assert(this.#handle.sizeBytes === position, 'a segment has one writer')
    try {
      const written = this.#handle.append(bytes)
      if (written !== undefined) await written
    } catch (error) {
      this.#tablePosition = undefined
      try {
        await this.#handle.truncate(position)
      } catch (cause) {
        throw this.#context.health.poison(cause)
      }
      throw error
    }
  }

  /** Make everything written so far durable. Rejects when the device says no, and then proves nothing ever again. */
  sync(): Promise<void> {
    // After a failed sync another one proves nothing, and may report success for pages that were dropped.
    return this.#context.health.failure === undefined ? this.#handle.sync() : Promise.resolve()
  }

  /** Lowest `at` of the events of this segment, where it is known. */
  get lowestAt(): number | undefined {
    return this.#lowestAt
  }

  /** Seal this segment, of which everything is durable, and go on in a new one.
   * @param keys how many calls with an idempotency key are in it.
   * @throws what the storage throws: then this segment goes on. */
  async roll(keys: number): Promise<void> {
    const { position, offset, hash } = this.#end
    const next = await openNextSegment(this.#context, this.#partition, {
      topicId: this.#start.topicId,
      lineage: this.#start.lineage,
      seal: { endOffset: offset, endPosition: position, endHash: toHex(hash), ...this.#zone(keys) },
      features: segmentFeatures(this.#start.settings()),
    })
    const sealed = this.#handle
    this.#handle = next.handle
    this.#lowestAt = Number.POSITIVE_INFINITY
    this.#end = { position: SEGMENT_HEADER_BYTES, offset, hash }
    this.#syncedPosition = SEGMENT_HEADER_BYTES
    this.#tablePosition = undefined
    // Everything in it is durable: a failure to close is nobody's loss.
    await sealed.close().catch((error: unknown) => {
      const details = { file: sealed.path, reason: String(error) }
      this.#context.diagnose('CLOSE_FAILED', `Did not close "${sealed.path}"`, details)
    })
  }

  /** What the seal says of the events: when they were, and how many keys they have. */
  #zone(keys: number): Pick<Seal, 'lowestAt' | 'recordedAt' | 'keys'> {
    const times = Number.isFinite(this.#lowestAt) ? { lowestAt: this.#lowestAt as number } : {}
    return { ...times, recordedAt: this.#recordedAt, keys }
  }

  /** Release the file. */
  async close(): Promise<void> {
    await this.#handle.close().catch((error: unknown) => {
      if (!isVarveError(error)) throw error
    })
  }
}
