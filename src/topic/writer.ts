/** The writer of a partition: makes groups of waiting calls into one record batch each, writes them, and keeps two
 * groups in flight, so that one is encoded and written while another is synced.
 *
 * Invariants:
 * - One pump runs at a time; only it writes to the segment, rolls, and changes the written end.
 * - After a failed write the file is cut back to the written end.
 * - What is acknowledged, and when: `group-syncs.ts`.
 * @module */
import type { ValueEncoder } from '../codec/values.ts'
import { VarveError } from '../errors.ts'
import type { TermRun } from '../index/term-run.ts'
import type { ProvenEnd } from '../manifest/index.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { ActiveSegment, type SegmentStart } from './active-segment.ts'
import { type AppendCall, AppendQueue, type QueuedCall } from './append-queue.ts'
import { writeCheckpoint } from './checkpoints.ts'
import type { LogContext } from './context.ts'
import { asks, type Conflict, type Decision, decide } from './decisions.ts'
import { lookUp } from './group-lookup.ts'
import { type Group, GroupSyncs } from './group-syncs.ts'
import type { Partition } from './partition.ts'
import { Receipts } from './receipts.ts'
import { isSameCall, keyReused, readEarlier } from './repeats.ts'
import type { TermIndex } from './term-index.ts'
import { TermKeeper } from './term-keeper.ts'
import type { Receipt } from './types.ts'

const GROUPS_IN_FLIGHT = 2
const CHECKPOINT_BYTES = 8 * 1024 * 1024
const CHECKPOINT_INTERVAL_MS = 30_000
/** Callers whose receipts just came need a few turns of the microtask queue to append again and join the group. */
const GATHER_TURNS = 6

/** What has to be known of calls that ask nothing. */
const NOTHING_KNOWN = { version: () => 0, keyed: () => undefined, refused: () => undefined }

/** What the writer starts from. */
export interface WriterStart extends SegmentStart {
  readonly topic: string
  readonly terms: TermIndex
  /** Called after each roll. */
  readonly rolled: () => void
  /** A checkpoint that covers everything up to `end` is on disk. */
  readonly checkpointed: boolean
}

export class PartitionWriter {
  readonly #context: LogContext
  readonly #partition: Partition
  readonly #start: WriterStart
  readonly #terms: TermIndex
  readonly #segment: ActiveSegment
  readonly #keeper: TermKeeper
  readonly #syncs: GroupSyncs
  readonly #receipts: Receipts
  readonly #queue = new AppendQueue()
  #pumping: Promise<void> | undefined
  /** Position that the checkpoint on disk covers; undefined: there is none for this segment. */
  #checkpointAt: number | undefined
  #checkpointTime: number
  #closed = false
  #ended: VarveError | undefined

  constructor(context: LogContext, partition: Partition, start: WriterStart) {
    this.#context = context
    this.#partition = partition
    this.#start = start
    this.#terms = start.terms
    this.#segment = new ActiveSegment(context, partition, start)
    this.#keeper = new TermKeeper(context, partition, start.terms)
    // A failure is in the store's health by then, and whoever appends next is told.
    const onOverdue = () => void this.exclusively(async () => undefined).catch(() => undefined)
    this.#syncs = new GroupSyncs({ context, partition, segment: this.#segment, onOverdue })
    const { topic, lineage, settings } = start
    this.#receipts = new Receipts({ topic, lineage, partition: partition.partition, settings })
    this.#checkpointAt = start.checkpointed ? start.end.position : undefined
    this.#checkpointTime = context.clock.monotonic()
  }

  get encoder(): ValueEncoder {
    return this.#segment.encoder
  }

  /** Queue a call. @throws {VarveError} `QUEUE_FULL`, `STORE_CLOSED`, and what `append` documents. */
  append(call: AppendCall): Promise<Receipt> {
    const failure = this.#refusal()
    if (failure !== undefined) return Promise.reject(failure)
    if (this.#context.closing.aborted) return Promise.reject(closedError())
    return new Promise<Receipt>((resolve, reject) => {
      // Field by field: a spread costs a microsecond.
      const { rows, sizeBytes, giveBack, expect, condition, key, timed, durability, signal } = call
      const asked = { rows, sizeBytes, giveBack, expect, condition, key, timed, durability, signal }
      const waiting = { resolve, reject, unwatch: undefined, keepsValues: false }
      this.#queue.addCall({ ...asked, ...waiting })
      this.#wake()
    })
  }

  #refusal(): VarveError | undefined {
    return this.#ended ?? (this.#closed ? closedError() : this.#context.health.failure)
  }

  /** Refuse everything queued and every later append with this error. Only inside `exclusively`. */
  end(error: VarveError): void {
    this.#ended = error
  }

  /** Run `task` when everything queued before it is written and synced, before anything queued after it. */
  exclusively(task: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = async () => {
        try {
          await this.#syncs.drain()
          await task()
          resolve()
        } catch (error) {
          reject(error)
        }
      }
      this.#queue.addTask({ run })
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
      const task = this.#queue.takeTask()
      if (task !== undefined) {
        await task.run()
        continue
      }
      if (this.#syncs.inFlight >= GROUPS_IN_FLIGHT) {
        await this.#syncs.slotFree()
        for (let turn = 0; turn < GATHER_TURNS; turn++) await undefined
      }
      // With nothing in flight half of the calls wait for the next group: then there are two that take turns, and the
      // callers of one prepare their next events while the other is synced.
      const most = this.#syncs.inFlight === 0 ? Math.ceil(this.#queue.length / 2) : this.#queue.length
      const calls = this.#queue.takeCalls(most)
      try {
        await this.#writeCalls(calls)
      } catch (error) {
        // Those that repeat another call are answered with it.
        for (const call of calls) if (!call.keepsValues) call.reject(this.#context.health.failure ?? error)
      }
      for (const call of calls) if (!call.keepsValues) call.giveBack()
      if (this.#checkpointDue()) this.checkpoint().catch(() => undefined)
    }
  }

  /** Check, write and start to sync one group. What can be done while the device works is done then. */
  async #writeCalls(calls: readonly QueuedCall[]): Promise<void> {
    const known = calls.some(asks) ? await this.#lookUp(calls) : NOTHING_KNOWN
    const failure = this.#refusal()
    if (failure !== undefined) throw failure
    const decision = decide(calls, { topic: this.#start.topic, offset: this.#segment.end.offset, ...known })
    this.#settleRepeats(decision.repeats)
    const { accepted, rows, conflicts } = decision
    const segment = this.#segment
    if (rows.length === 0) return this.#refuse(conflicts)
    if (segment.isFull(accepted.reduce((sum, call) => sum + call.sizeBytes, 0))) await this.roll()
    const batch = await segment.write(rows)
    const mustSync = conflicts.length > 0 || accepted.some((call) => call.durability === 'synced')
    const synced = mustSync ? segment.sync() : undefined
    this.#terms.tail.add(rows, batch)
    this.#partition.noteBatch(batch)
    const receipts = this.#receipts.ofBatch(accepted, batch)
    const waiting = receipts.filter(({ call }) => call.durability === 'synced')
    const group: Group = {
      accepted: waiting,
      keys: this.#noteKeys(accepted),
      end: batch.end,
      recordedAt: batch.recordedAt,
    }
    if (synced !== undefined) this.#syncs.finishLater(group, synced)
    else this.#syncs.syncLater(group)
    if (waiting.length < receipts.length) await this.#syncs.acknowledgeBuffered(receipts)
    this.#refuse(conflicts)
  }

  /** What the log says about calls that ask something. */
  #lookUp(calls: readonly QueuedCall[]): ReturnType<typeof lookUp> {
    return lookUp(calls, {
      context: this.#context,
      partition: this.#partition,
      terms: this.#terms,
      keysInFlight: this.#syncs.keysInFlight,
      window: this.#start.settings().idempotency,
      writtenOffset: this.#segment.end.offset,
    })
  }

  #noteKeys(accepted: readonly QueuedCall[]): string[] {
    const keys: string[] = []
    for (const call of accepted) {
      if (call.key === undefined) continue
      this.#syncs.keysInFlight.set(call.key, call)
      keys.push(call.key)
    }
    return keys
  }

  /** Calls that repeat another: answer them from the log, or ask again when the other has come to its end. */
  #settleRepeats(repeats: Decision['repeats']): void {
    if (repeats.length === 0) return
    this.#syncs.flush()
    for (const { call, of } of repeats) {
      call.keepsValues = true
      const settled = typeof of === 'number' && of < this.#partition.durable.offset
      if (settled) void this.#repeat(call, of)
      else void this.#syncs.settled.then(() => this.#requeue(call))
    }
  }

  #requeue(call: QueuedCall): void {
    try {
      // Another one: the group of this one may still be written, and gives back the values of those that keep none.
      this.#queue.addCall({ ...call, keepsValues: false })
      this.#wake()
    } catch (error) {
      call.giveBack()
      call.reject(error)
    }
  }

  /** Answer a call from the one that was first. Never rejects. */
  async #repeat(call: QueuedCall, offset: number): Promise<void> {
    try {
      const { events, hash } = await this.#partition.drive(readEarlier(this.#partition, offset, call))
      const [first] = events
      if (first === undefined || !isSameCall(call, events, this.encoder.shapes)) {
        throw keyReused(this.#start.topic, call.key ?? '', offset)
      }
      const { recordedAt } = first
      call.resolve(this.#receipts.of(call, { baseOffset: offset, recordedAt, hash, replayed: true }))
    } catch (error) {
      call.reject(error)
    } finally {
      call.giveBack()
    }
  }

  /** Deliver conflicts when everything written so far is durable: a caller that reads again sees their cause. */
  #refuse(conflicts: readonly Conflict[]): void {
    if (conflicts.length === 0) return
    this.#syncs.flush()
    void this.#syncs.settled.then(() => {
      for (const { call, error } of conflicts) call.reject(this.#context.health.failure ?? error)
    })
  }

  /** Write a checkpoint of everything queued so far. */
  checkpoint(): Promise<void> {
    return this.exclusively(() => this.#writeCheckpoint())
  }

  async #writeCheckpoint(): Promise<void> {
    const { position } = this.#segment.end
    if (!this.#context.checkpoints || this.#checkpointAt === position || position === SEGMENT_HEADER_BYTES) return
    const watermark = { segment: this.#partition.active.ref.id, ...this.#segment.provenEnd }
    const { lineage, terms } = this.#start
    const written = await writeCheckpoint(this.#context, this.#partition, {
      lineage,
      terms,
      watermark,
      lowestAt: this.#segment.lowestAt,
    })
    if (written) this.#checkpointAt = position
    this.#checkpointTime = this.#context.clock.monotonic()
  }

  /** Now and then, so that the open after a crash has little to scan. */
  #checkpointDue(): boolean {
    const grown = this.#segment.end.position - (this.#checkpointAt ?? SEGMENT_HEADER_BYTES)
    return grown >= CHECKPOINT_BYTES && this.#context.clock.monotonic() - this.#checkpointTime >= CHECKPOINT_INTERVAL_MS
  }

  /** Seal the active segment and go on in a new one. From outside only inside `exclusively`. */
  async roll(): Promise<void> {
    await this.#syncs.drain()
    await this.#keeper.room()
    await this.#terms.loadCover()
    const rows = await this.#terms.completeTail()
    await this.#segment.roll(rows.keys)
    this.#terms.seal()
    this.#checkpointAt = undefined
    this.#start.rolled()
  }

  /** Do something with the term runs of all segments that begin before an offset. */
  withRunsBefore<T>(offset: number, use: (runs: readonly TermRun[]) => Promise<T>): Promise<T> {
    return this.#keeper.withRunsBefore(offset, use)
  }

  /** Write what is queued, sync it, release the file. @returns the end, for the manifest's record of a clean close. */
  async close(): Promise<ProvenEnd> {
    if (!this.#closed) {
      // A failure is in the store's health, and then the close is not recorded as clean.
      await this.exclusively(async () => undefined).catch(() => undefined)
      this.#closed = true
      this.#syncs.stop()
      await this.#keeper.close()
      await this.#segment.close()
    }
    return this.#segment.provenEnd
  }
}

function closedError(): VarveError {
  return new VarveError('STORE_CLOSED', 'Cannot append: the store is closed')
}
