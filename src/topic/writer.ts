/** The append queue of a partition: checks expectations in queue order, makes groups of waiting calls into one record
 * batch each, writes them, and keeps two groups in flight, so that one is encoded and written while another is synced.
 *
 * Invariants:
 * - One pump runs at a time; only it writes to the segment, rolls, and changes the written end.
 * - A call is acknowledged after: write, sync (of it and of every group before it), fence check. In that order.
 * - After a failed sync nothing is acknowledged any more; after a failed write the file is cut back to the written end.
 * - Groups are acknowledged in the order in which they were written.
 * @module */
import { BatchEncoder, NO_TABLE, type RecordTable, recordTable } from '../codec/batch.ts'
import type { Row } from '../codec/block.ts'
import { fromHex, toHex } from '../codec/bytes.ts'
import { encodeShapes, ValueEncoder } from '../codec/values.ts'
import { assert, isVarveError, VarveError } from '../errors.ts'
import type { TailRows } from '../index/tail-rows.ts'
import type { ProvenEnd } from '../manifest/index.ts'
import type { Maybe, WriteHandle } from '../ports/storage.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { writeCheckpoint } from './checkpoints.ts'
import type { LogContext } from './context.ts'
import type { Partition } from './partition.ts'
import type { PreparedRows } from './prepare.ts'
import { openNextSegment } from './roll.ts'
import type { Durability, Expectation, Receipt } from './types.ts'
import type { EntityVersions } from './versions.ts'

const GROUPS_IN_FLIGHT = 2
/** A group takes waiting calls up to this many bytes of values; one larger call is a group of its own. */
const GROUP_BYTES = 2 * 1024 * 1024
const GROUP_EVENTS = 10_000
const QUEUE_MAX_BYTES = 64 * 1024 * 1024
/** Buffered appends are synced at the latest after this time. */
const BUFFERED_SYNC_MS = 1_000
const CHECKPOINT_BYTES = 8 * 1024 * 1024
const CHECKPOINT_INTERVAL_MS = 30_000
/** Callers whose receipts just came need a few turns of the microtask queue to append again and join the group. */
const GATHER_TURNS = 6

/** One append call, checked and encoded. */
export interface AppendCall extends PreparedRows {
  readonly expect: readonly Expectation[]
  readonly durability: Durability
  readonly signal: AbortSignal | undefined
}

interface QueuedCall extends AppendCall {
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: unknown) => void
  /** Stop listening to its signal: it left the queue. */
  unwatch?: () => void
}

/** Something that has to run while nothing is being written, such as taking a checkpoint. */
interface QueuedTask {
  readonly run: () => Promise<void>
}

interface Accepted {
  readonly call: QueuedCall
  readonly receipt: Receipt
}

interface Group {
  readonly accepted: readonly Accepted[]
  readonly end: { readonly position: number; readonly offset: number; readonly hash: Uint8Array }
  readonly recordedAt: number
}

/** What the writer starts from: the open active segment and its end, all of it synced. */
export interface WriterStart {
  readonly topic: string
  readonly lineage: string
  readonly segmentBytes: number
  readonly topicId: number
  readonly handle: WriteHandle
  readonly end: ProvenEnd
  readonly lastRecordedAt: number
  readonly versions: EntityVersions
  /** A checkpoint that covers everything up to `end` is on disk. */
  readonly checkpointed: boolean
}

export class PartitionWriter {
  readonly encoder = new ValueEncoder()
  readonly #context: LogContext
  readonly #partition: Partition
  readonly #start: WriterStart
  readonly #batches: BatchEncoder
  readonly #versions: EntityVersions
  readonly #queue: (QueuedCall | QueuedTask)[] = []
  #queuedBytes = 0
  #pumping: Promise<void> | undefined
  #handle: WriteHandle
  /** Written end. */
  #position: number
  #offset: number
  #hash: Uint8Array
  #syncedPosition: number
  #recordedAt: number
  #table: RecordTable = NO_TABLE
  #tableShapes = 0
  #tablePosition: number | undefined
  #inFlight = 0
  #settled: Promise<void> = Promise.resolve()
  #unsynced: Group | undefined
  /** Refused calls of the group that is being made. */
  readonly #conflicts: { readonly call: QueuedCall; readonly error: VarveError }[] = []
  #cancelTimer: (() => void) | undefined
  /** Position that the checkpoint on disk covers; undefined: there is none for this segment. */
  #checkpointAt: number | undefined
  #checkpointTime: number
  #closed = false

  constructor(context: LogContext, partition: Partition, start: WriterStart) {
    this.#context = context
    this.#partition = partition
    this.#start = start
    this.#batches = new BatchEncoder(context.digest)
    this.#versions = start.versions
    this.#handle = start.handle
    this.#position = start.end.position
    this.#offset = start.end.offset
    this.#hash = fromHex(start.end.hash)
    this.#syncedPosition = start.end.position
    this.#recordedAt = start.lastRecordedAt
    this.#checkpointAt = start.checkpointed ? this.#position : undefined
    this.#checkpointTime = context.clock.monotonic()
  }

  get #tail(): TailRows {
    return this.#versions.tail
  }

  /** Bytes written to the active segment. */
  get position(): number {
    return this.#position
  }

  /** Queue a call. @throws {VarveError} `QUEUE_FULL`, `STORE_CLOSED`, and what `append` documents. */
  append(call: AppendCall): Promise<Receipt> {
    const failure = this.#refusal()
    if (failure !== undefined) return Promise.reject(failure)
    if (this.#context.closing.aborted) return Promise.reject(closedError())
    if (this.#queuedBytes > QUEUE_MAX_BYTES) {
      const details = { queuedBytes: this.#queuedBytes, limit: QUEUE_MAX_BYTES }
      return Promise.reject(new VarveError('QUEUE_FULL', 'Cannot append: too many bytes wait already', { details }))
    }
    return new Promise<Receipt>((resolve, reject) => {
      const queued: QueuedCall = { ...call, resolve, reject }
      this.#queue.push(queued)
      this.#queuedBytes += call.sizeBytes
      if (call.signal !== undefined) this.#watch(queued, call.signal)
      this.#wake()
    })
  }

  /** Give a call up as soon as its signal says so, however long the group before it takes. */
  #watch(queued: QueuedCall, signal: AbortSignal): void {
    const giveUp = () => {
      const at = this.#queue.indexOf(queued)
      if (at < 0) return
      this.#queue.splice(at, 1)
      this.#queuedBytes -= queued.sizeBytes
      queued.reject(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    queued.unwatch = () => signal.removeEventListener('abort', giveUp)
  }

  #refusal(): VarveError | undefined {
    return this.#closed ? closedError() : this.#context.health.failure
  }

  /** Run `task` when everything queued before it is written and synced, before anything queued after it. */
  exclusively(task: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = async () => {
        try {
          await this.#drain()
          await task()
          resolve()
        } catch (error) {
          reject(error)
        }
      }
      this.#queue.push({ run })
      this.#wake()
    })
  }

  #wake(): void {
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined
      if (this.#queue.length > 0) this.#wake()
    })
  }

  async #pump(): Promise<void> {
    for (let turn = 0; turn < GATHER_TURNS; turn++) await undefined
    while (this.#queue.length > 0) {
      const first = this.#queue[0]
      if (first !== undefined && 'run' in first) {
        this.#queue.shift()
        await first.run()
        continue
      }
      if (this.#inFlight >= GROUPS_IN_FLIGHT) {
        await this.#slotFree()
        for (let turn = 0; turn < GATHER_TURNS; turn++) await undefined
      }
      const calls = this.#takeCalls()
      try {
        await this.#writeCalls(calls)
      } catch (error) {
        this.#conflicts.length = 0
        for (const call of calls) call.reject(this.#context.health.failure ?? error)
      }
      if (this.#checkpointDue()) this.checkpoint().catch(() => undefined)
    }
  }

  /** The calls of the next group. */
  #takeCalls(): QueuedCall[] {
    const calls: QueuedCall[] = []
    let bytes = 0
    let events = 0
    while (this.#queue.length > 0) {
      const next = this.#queue[0]
      if (next === undefined || 'run' in next) break
      if (calls.length > 0 && (bytes + next.sizeBytes > GROUP_BYTES || events + next.rows.length > GROUP_EVENTS)) break
      this.#queue.shift()
      this.#queuedBytes -= next.sizeBytes
      next.unwatch?.()
      calls.push(next)
      bytes += next.sizeBytes
      events += next.rows.length
    }
    return calls
  }

  /** Check, write and start to sync one group. */
  async #writeCalls(calls: readonly QueuedCall[]): Promise<void> {
    const asked = calls.flatMap((call) => call.expect.map((expectation) => expectation.entity))
    if (asked.length > 0) await this.#versions.load(asked)
    const failure = this.#refusal()
    if (failure !== undefined) throw failure
    const { accepted, rows } = this.#decide(calls)
    if (rows.length === 0) return this.#settleConflicts()
    const bytes = accepted.reduce((sum, call) => sum + call.sizeBytes, 0)
    if (this.#position > SEGMENT_HEADER_BYTES && this.#position + bytes > this.#start.segmentBytes) await this.#roll()
    const recordedAt = Math.max(this.#context.clock.now(), this.#recordedAt)
    const batch = this.#encode(rows, recordedAt)
    const position = this.#position
    await this.#write(batch.bytes)
    const baseOffset = this.#offset
    this.#recordedAt = recordedAt
    this.#tablePosition = batch.tablePosition
    this.#position += batch.bytes.length
    this.#offset += rows.length
    this.#hash = batch.hash
    this.#tail.add(rows, { baseOffset, recordedAt, position, length: batch.bytes.length })
    this.#partition.noteBatch({ baseOffset, position, length: batch.bytes.length, highestAt: batch.highestAt })
    const end = { position: this.#position, offset: this.#offset, hash: batch.hash }
    const group: Group = {
      accepted: this.#receipts(accepted, { baseOffset, recordedAt, hash: batch.hash }),
      end,
      recordedAt,
    }
    const waiting = group.accepted.filter(({ call }) => call.durability === 'synced')
    if (waiting.length < group.accepted.length) await this.#acknowledgeBuffered(group)
    if (waiting.length > 0 || this.#conflicts.length > 0) this.#sync({ ...group, accepted: waiting })
    else this.#syncLater({ ...group, accepted: [] })
  }

  /** Check every call against the state that the calls before it will leave. Refusals wait for their cause. */
  #decide(calls: readonly QueuedCall[]): { accepted: readonly QueuedCall[]; rows: Row[] } {
    const accepted: QueuedCall[] = []
    const rows: Row[] = []
    const pending = new Map<string, number>()
    const expecting = calls.some((call) => call.expect.length > 0)
    for (const call of calls) {
      const conflict = call.expect.find((wanted) => !holds(wanted, this.#version(wanted.entity, pending)))
      if (conflict !== undefined) {
        const error = conflictError(this.#start.topic, conflict, this.#version(conflict.entity, pending))
        this.#conflicts.push({ call, error })
        continue
      }
      for (const row of call.rows) {
        rows.push(row)
        if (expecting) pending.set(row.entity, this.#offset + rows.length)
      }
      accepted.push(call)
    }
    return { accepted, rows }
  }

  #version(entity: string, pending: ReadonlyMap<string, number>): number {
    return pending.get(entity) ?? this.#versions.version(entity)
  }

  /** Nothing was accepted: what the refused calls conflict with was written before, and perhaps not synced yet. */
  #settleConflicts(): void {
    if (this.#unsynced !== undefined) this.#sync(this.#unsynced)
    else this.#flushConflicts()
  }

  #encode(rows: readonly Row[], recordedAt: number) {
    const shapes = this.encoder.shapes
    if (shapes.length !== this.#tableShapes) {
      this.#table = recordTable(encodeShapes(shapes), this.#context.digest)
      this.#tableShapes = shapes.length
      this.#tablePosition = undefined
    }
    return this.#batches.encode(rows, {
      place: { seed: this.#partition.active.ref.seed, position: this.#position },
      epoch: this.#context.epoch,
      baseOffset: this.#offset,
      recordedAt,
      syncedThrough: this.#syncedPosition,
      previousHash: this.#hash,
      table: this.#table,
      tablePosition: this.#tablePosition,
    })
  }

  /** Write at the written end; after a failure cut the file back, or poison the store when that fails too. */
  async #write(bytes: Uint8Array): Promise<void> {
    assert(this.#handle.sizeBytes === this.#position, 'a segment has one writer')
    try {
      const written = this.#handle.append(bytes)
      if (written !== undefined) await written
    } catch (error) {
      this.#tablePosition = undefined
      try {
        await this.#handle.truncate(this.#position)
      } catch (cause) {
        throw this.#context.health.poison(cause)
      }
      throw error
    }
  }

  #receipts(
    accepted: readonly QueuedCall[],
    batch: { baseOffset: number; recordedAt: number; hash: Uint8Array },
  ): Accepted[] {
    const hash = toHex(batch.hash)
    const { topic, lineage } = this.#start
    let offset = batch.baseOffset
    return accepted.map((call) => {
      const firstOffset = offset
      const versions = new Map<string, number>()
      for (const row of call.rows) versions.set(row.entity, ++offset)
      const receipt: Receipt = {
        topic,
        lineage,
        partition: this.#partition.partition,
        firstOffset,
        endOffset: offset,
        // Defines own keys, so that an entity named `__proto__` is one too.
        versions: Object.fromEntries(versions),
        recordedAt: batch.recordedAt,
        hash,
        durability: call.durability,
      }
      return { call, receipt }
    })
  }

  async #acknowledgeBuffered(group: Group): Promise<void> {
    const failure = (await this.#isOurs()) ? undefined : this.#context.health.failure
    for (const { call, receipt } of group.accepted) {
      if (call.durability !== 'buffered') continue
      if (failure === undefined) call.resolve(receipt)
      else call.reject(failure)
    }
  }

  /** Start to sync everything written so far, and acknowledge `group` when it and all groups before it are durable. */
  #sync(group: Group): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#unsynced = undefined
    this.#inFlight++
    const before = this.#settled
    // After a failed sync another one proves nothing, and may report success for pages that were dropped.
    const synced = this.#context.health.failure === undefined ? this.#handle.sync() : Promise.resolve()
    this.#settled = this.#finish(group, before, synced)
    this.#flushConflicts()
  }

  /** Deliver conflicts when everything written so far is durable: a caller that reads again sees their cause. */
  #flushConflicts(): void {
    const conflicts = this.#conflicts.splice(0)
    if (conflicts.length === 0) return
    void this.#settled.then(() => {
      for (const { call, error } of conflicts) call.reject(this.#context.health.failure ?? error)
    })
  }

  /** Never rejects. */
  async #finish(group: Group, before: Promise<void>, synced: Promise<void>): Promise<void> {
    const { health } = this.#context
    try {
      await synced
    } catch (cause) {
      health.poison(cause)
    }
    await before
    if (health.failure === undefined) await this.#publish(group)
    for (const { call, receipt } of group.accepted) {
      if (health.failure === undefined) call.resolve(receipt)
      else call.reject(health.failure)
    }
    this.#inFlight--
    this.#wakeSlot?.()
  }

  /** The group is on the device: see that the store is still ours, then tell the head file and the readers. */
  async #publish(group: Group): Promise<void> {
    const { end } = group
    const ours = this.#isOurs()
    if (typeof ours === 'boolean' ? !ours : !(await ours)) return
    this.#syncedPosition = end.position
    const told = this.#context.publishHead(this.#partition.headSlot, {
      endOffset: end.offset,
      position: end.position,
      segmentId: this.#partition.active.ref.id,
      hash: end.hash,
    })
    if (told !== undefined) await told
    this.#partition.publish({ position: end.position, offset: end.offset }, group.recordedAt)
  }

  /** Whether the store still belongs to this process; when not, or when nobody can tell, it may not write any more.
   * Never throws. */
  #isOurs(): Maybe<boolean> {
    const { health, epoch } = this.#context
    const answer = (fenced: boolean) => {
      if (fenced) health.fenced(epoch)
      return !fenced
    }
    const unknown = (cause: unknown) => {
      health.poison(cause)
      return false
    }
    try {
      const looked = this.#context.isFenced()
      return typeof looked === 'boolean' ? answer(looked) : looked.then(answer).catch(unknown)
    } catch (cause) {
      return unknown(cause)
    }
  }

  #wakeSlot: (() => void) | undefined

  #slotFree(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeSlot = () => {
        this.#wakeSlot = undefined
        resolve()
      }
    })
  }

  #syncLater(group: Group): void {
    this.#unsynced = group
    this.#cancelTimer ??= this.#context.clock.after(BUFFERED_SYNC_MS, () => {
      this.#cancelTimer = undefined
      // A failure is in the store's health by then, and whoever appends next is told.
      this.exclusively(async () => undefined).catch(() => undefined)
    })
  }

  /** Wait until everything written is durable. @throws {VarveError} the failure when it cannot be. */
  async #drain(): Promise<void> {
    if (this.#unsynced !== undefined && this.#context.health.failure === undefined) this.#sync(this.#unsynced)
    while (this.#inFlight > 0) await this.#settled
    if (this.#context.health.failure !== undefined) throw this.#context.health.failure
  }

  /** Write a checkpoint of everything queued so far. */
  checkpoint(): Promise<void> {
    return this.exclusively(() => this.#writeCheckpoint())
  }

  async #writeCheckpoint(): Promise<void> {
    if (!this.#context.checkpoints || this.#checkpointAt === this.#position) return
    if (this.#position === SEGMENT_HEADER_BYTES) return
    const watermark = {
      segment: this.#partition.active.ref.id,
      position: this.#position,
      offset: this.#offset,
      hash: toHex(this.#hash),
    }
    const { lineage, versions } = this.#start
    await writeCheckpoint(this.#context, this.#partition, { lineage, versions, watermark })
    this.#checkpointAt = this.#position
    this.#checkpointTime = this.#context.clock.monotonic()
  }

  /** Now and then, so that the open after a crash has little to scan. */
  #checkpointDue(): boolean {
    const grown = this.#position - (this.#checkpointAt ?? SEGMENT_HEADER_BYTES)
    return grown >= CHECKPOINT_BYTES && this.#context.clock.monotonic() - this.#checkpointTime >= CHECKPOINT_INTERVAL_MS
  }

  /** Seal the active segment and go on in a new one. */
  async #roll(): Promise<void> {
    await this.#drain()
    const seal = { endOffset: this.#offset, endPosition: this.#position, endHash: toHex(this.#hash) }
    const next = await openNextSegment(this.#context, this.#partition, {
      topicId: this.#start.topicId,
      lineage: this.#start.lineage,
      seal,
    })
    const sealed = this.#handle
    this.#versions.seal()
    this.#handle = next.handle
    this.#position = SEGMENT_HEADER_BYTES
    this.#syncedPosition = SEGMENT_HEADER_BYTES
    this.#tablePosition = undefined
    this.#checkpointAt = undefined
    // Everything in it is durable: a failure to close is nobody's loss.
    await sealed.close().catch((error: unknown) => {
      const details = { file: sealed.path, reason: String(error) }
      this.#context.diagnose('CLOSE_FAILED', `Did not close "${sealed.path}"`, details)
    })
  }

  /** Write what is queued, sync it, release the file. @returns the end, for the manifest's record of a clean close. */
  async close(): Promise<ProvenEnd> {
    const end = () => ({ position: this.#position, offset: this.#offset, hash: toHex(this.#hash) })
    if (this.#closed) return end()
    // A failure is in the store's health, and then the close is not recorded as clean.
    await this.exclusively(async () => undefined).catch(() => undefined)
    this.#closed = true
    this.#cancelTimer?.()
    await this.#handle.close().catch((error: unknown) => {
      if (!isVarveError(error)) throw error
    })
    return end()
  }
}

function holds(wanted: Expectation, version: number): boolean {
  if (wanted.version === 'none') return version === 0
  if (wanted.version === 'exists') return version > 0
  return version === wanted.version
}

function conflictError(topic: string, wanted: Expectation, version: number): VarveError {
  const message = `Cannot append to topic "${topic}": expected version ${wanted.version} of entity "${wanted.entity}", it is ${version}`
  return new VarveError('VERSION_CONFLICT', message, {
    details: { topic, entity: wanted.entity, expected: wanted.version, actual: version },
  })
}

function closedError(): VarveError {
  return new VarveError('STORE_CLOSED', 'Cannot append: the store is closed')
}
