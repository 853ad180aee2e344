/** The writer of a partition: makes groups of waiting calls into one record batch each, writes them, and keeps two
 * groups in flight, so that one is encoded and written while another is synced.
 *
 * Invariants:
 * - One pump runs at a time; only it writes to the segment, rolls, and changes the written end.
 * - A call is acknowledged after: write, sync (of it and of every group before it), fence check. In that order.
 * - After a failed sync nothing is acknowledged any more; after a failed write the file is cut back to the written end.
 * - Groups are acknowledged in the order in which they were written.
 * @module */
import { toHex } from '../codec/bytes.ts'
import type { ValueEncoder } from '../codec/values.ts'
import { VarveError } from '../errors.ts'
import type { TermRun } from '../index/term-run.ts'
import type { ProvenEnd } from '../manifest/index.ts'
import type { Maybe } from '../ports/storage.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { ActiveSegment, type SegmentStart, type WrittenBatch, type WrittenEnd } from './active-segment.ts'
import { type AppendCall, AppendQueue, type QueuedCall } from './append-queue.ts'
import { writeCheckpoint } from './checkpoints.ts'
import type { LogContext } from './context.ts'
import { asks, type Conflict, type Decision, decide } from './decisions.ts'
import { lookUp } from './group-lookup.ts'
import type { Partition } from './partition.ts'
import { isSameCall, keyReused, readEarlier } from './repeats.ts'
import type { TermIndex } from './term-index.ts'
import { TermKeeper } from './term-keeper.ts'
import type { Receipt } from './types.ts'

const GROUPS_IN_FLIGHT = 2
/** Buffered appends are synced at the latest after this time. */
const BUFFERED_SYNC_MS = 1_000
const CHECKPOINT_BYTES = 8 * 1024 * 1024
const CHECKPOINT_INTERVAL_MS = 30_000
/** Callers whose receipts just came need a few turns of the microtask queue to append again and join the group. */
const GATHER_TURNS = 6

/** What has to be known of calls that ask nothing. */
const NOTHING_KNOWN = { version: () => 0, keyed: () => undefined, refused: () => undefined }

interface Accepted {
  readonly call: QueuedCall
  readonly receipt: Receipt
}

/** What a sync makes durable, and who waits for it. */
interface Group {
  readonly accepted: readonly Accepted[]
  /** Of all its calls, those that are acknowledged before the sync included. */
  readonly keys: string[]
  readonly end: WrittenEnd
  readonly recordedAt: number
}

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
  readonly #queue = new AppendQueue()
  #pumping: Promise<void> | undefined
  #inFlight = 0
  /** Calls with a key that are written and not durable yet. */
  readonly #keysInFlight = new Map<string, QueuedCall>()
  #wakeSlot: (() => void) | undefined
  /** Settles when every sync that was started has ended. Never rejects. */
  #settled: Promise<void> = Promise.resolve()
  /** The end of buffered groups that no sync was started for. */
  #unsynced: Group | undefined
  #cancelTimer: (() => void) | undefined
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
          await this.#drain()
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
      if (this.#inFlight >= GROUPS_IN_FLIGHT) {
        await this.#slotFree()
        for (let turn = 0; turn < GATHER_TURNS; turn++) await undefined
      }
      // With nothing in flight half of the calls wait for the next group: then there are two that take turns, and the
      // callers of one prepare their next events while the other is synced.
      const most = this.#inFlight === 0 ? Math.ceil(this.#queue.length / 2) : this.#queue.length
      const calls = this.#queue.takeCalls(most)
      try {
        await this.#writeCalls(calls)
      } catch (error) {
        for (const call of calls) call.reject(this.#context.health.failure ?? error)
      }
      for (const call of calls) if (!call.keepsValues) call.giveBack()
      if (this.#checkpointDue()) this.checkpoint().catch(() => undefined)
    }
  }

  /** Check, write and start to sync one group. What can be done while the device works is done then. */
  async #writeCalls(calls: readonly QueuedCall[]): Promise<void> {
    const decision = await this.#decide(calls)
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
    const receipts = this.#receipts(accepted, batch)
    const waiting = receipts.filter(({ call }) => call.durability === 'synced')
    const group: Group = {
      accepted: waiting,
      keys: this.#noteKeys(accepted),
      end: batch.end,
      recordedAt: batch.recordedAt,
    }
    if (synced !== undefined) this.#finishLater(group, synced)
    else this.#syncLater(group)
    if (waiting.length < receipts.length) await this.#acknowledgeBuffered(receipts)
    this.#refuse(conflicts)
  }

  /** Decide which calls of a group are written. @throws {VarveError} why the store may not write. */
  async #decide(calls: readonly QueuedCall[]): Promise<Decision> {
    const writtenOffset = this.#segment.end.offset
    const place = {
      context: this.#context,
      partition: this.#partition,
      terms: this.#terms,
      keysInFlight: this.#keysInFlight,
      window: this.#start.settings().idempotency,
      writtenOffset,
    }
    const known = calls.some(asks) ? await lookUp(calls, place) : NOTHING_KNOWN
    const failure = this.#refusal()
    if (failure !== undefined) throw failure
    return decide(calls, { topic: this.#start.topic, offset: writtenOffset, ...known })
  }

  #noteKeys(accepted: readonly QueuedCall[]): string[] {
    const keys: string[] = []
    for (const call of accepted) {
      if (call.key === undefined) continue
      this.#keysInFlight.set(call.key, call)
      keys.push(call.key)
    }
    return keys
  }

  /** Calls that repeat another: answer them from the log, or ask again when the other has come to its end. */
  #settleRepeats(repeats: Decision['repeats']): void {
    if (repeats.length === 0) return
    if (this.#unsynced !== undefined) this.#finishLater(this.#unsynced, this.#segment.sync())
    for (const { call, of } of repeats) {
      call.keepsValues = true
      const settled = typeof of === 'number' && of < this.#partition.durable.offset
      if (settled) void this.#repeat(call, of)
      else void this.#settled.then(() => this.#requeue(call))
    }
  }

  #requeue(call: QueuedCall): void {
    try {
      this.#queue.addCall(call)
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
      const batch = { baseOffset: offset, recordedAt: first.recordedAt, hash }
      call.resolve(this.#receipt(call, batch, true))
    } catch (error) {
      call.reject(error)
    } finally {
      call.giveBack()
    }
  }

  /** Deliver conflicts when everything written so far is durable: a caller that reads again sees their cause. */
  #refuse(conflicts: readonly Conflict[]): void {
    if (conflicts.length === 0) return
    if (this.#unsynced !== undefined) this.#finishLater(this.#unsynced, this.#segment.sync())
    void this.#settled.then(() => {
      for (const { call, error } of conflicts) call.reject(this.#context.health.failure ?? error)
    })
  }

  #receipts(accepted: readonly QueuedCall[], batch: WrittenBatch): Accepted[] {
    const hash = toHex(batch.end.hash)
    const { recordedAt } = batch
    let { baseOffset } = batch
    return accepted.map((call) => {
      const receipt = this.#receipt(call, { baseOffset, recordedAt, hash }, false)
      baseOffset = receipt.endOffset
      return { call, receipt }
    })
  }

  #receipt(
    call: QueuedCall,
    written: { readonly baseOffset: number; readonly recordedAt: number; readonly hash: string },
    replayed: boolean,
  ): Receipt {
    const { topic, lineage, settings } = this.#start
    const { baseOffset, recordedAt, hash } = written
    const { key, durability } = call
    const entities = call.rows.map((row) => row.entity)
    let versions: Receipt['versions'] | undefined
    const receipt: Receipt = {
      topic,
      lineage,
      partition: this.#partition.partition,
      firstOffset: baseOffset,
      endOffset: baseOffset + call.rows.length,
      // Made when it is asked for: few callers are, and a large call has many entities.
      get versions() {
        versions ??= versionsOf(entities, baseOffset)
        return versions
      },
      recordedAt,
      hash,
      durability,
      replayed,
    }
    if (key === undefined) return receipt
    const { windowMs, windowKeys } = settings().idempotency
    // Defined on it, because a spread would make the versions.
    return Object.defineProperty(receipt, 'idempotency', {
      value: { key, until: recordedAt + windowMs, windowKeys },
      enumerable: true,
    })
  }

  async #acknowledgeBuffered(receipts: readonly Accepted[]): Promise<void> {
    const failure = (await this.#isOurs()) ? undefined : this.#context.health.failure
    for (const { call, receipt } of receipts) {
      if (call.durability !== 'buffered') continue
      if (failure === undefined) call.resolve(receipt)
      else call.reject(failure)
    }
  }

  /** Acknowledge `group` when `synced`, a sync of everything written so far, and all syncs before it have ended. */
  #finishLater(group: Group, synced: Promise<void>): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const whole = this.#withUnsynced(group)
    this.#unsynced = undefined
    this.#inFlight++
    this.#settled = this.#finish(whole, this.#settled, synced)
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
    for (const key of group.keys) this.#keysInFlight.delete(key)
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
    this.#segment.noteSynced(end.position)
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

  #slotFree(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeSlot = () => {
        this.#wakeSlot = undefined
        resolve()
      }
    })
  }

  #syncLater(group: Group): void {
    this.#unsynced = this.#withUnsynced(group)
    this.#cancelTimer ??= this.#context.clock.after(BUFFERED_SYNC_MS, () => {
      this.#cancelTimer = undefined
      // A failure is in the store's health by then, and whoever appends next is told.
      this.exclusively(async () => undefined).catch(() => undefined)
    })
  }

  /** One sync makes a group durable and all groups before it that were not synced. */
  #withUnsynced(group: Group): Group {
    const before = this.#unsynced
    if (before === undefined || before === group || before.keys.length === 0) return group
    for (const key of group.keys) before.keys.push(key)
    return { ...group, keys: before.keys }
  }

  /** Wait until everything written is durable. @throws {VarveError} the failure when it cannot be. */
  async #drain(): Promise<void> {
    const { health } = this.#context
    if (this.#unsynced !== undefined && health.failure === undefined) {
      this.#finishLater(this.#unsynced, this.#segment.sync())
    }
    while (this.#inFlight > 0) await this.#settled
    if (health.failure !== undefined) throw health.failure
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
    await this.#drain()
    await this.#keeper.room()
    await this.#terms.loadCover()
    const rows = await this.#terms.completeTail()
    await this.#segment.roll(rows.keys)
    this.#terms.seal()
    this.#checkpointAt = undefined
    this.#start.rolled()
  }

  /** The term runs of all segments that begin before an offset. */
  runsBefore(offset: number): Promise<readonly TermRun[]> {
    return this.#keeper.runsBefore(offset)
  }

  /** Write what is queued, sync it, release the file. @returns the end, for the manifest's record of a clean close. */
  async close(): Promise<ProvenEnd> {
    if (!this.#closed) {
      // A failure is in the store's health, and then the close is not recorded as clean.
      await this.exclusively(async () => undefined).catch(() => undefined)
      this.#closed = true
      this.#cancelTimer?.()
      await this.#keeper.close()
      await this.#segment.close()
    }
    return this.#segment.provenEnd
  }
}

function versionsOf(entities: readonly string[], firstOffset: number): Record<string, number> {
  const versions = new Map<string, number>()
  entities.forEach((entity, at) => {
    versions.set(entity, firstOffset + at + 1)
  })
  // Defines own keys, so that an entity named `__proto__` is one too.
  return Object.fromEntries(versions)
}

function closedError(): VarveError {
  return new VarveError('STORE_CLOSED', 'Cannot append: the store is closed')
}
