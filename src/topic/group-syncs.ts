/** From written to durable: the groups of calls that wait for a sync, and the order in which they are acknowledged.
 *
 * Invariants:
 * - A call is acknowledged after: write, sync (of it and of every group before it), fence check. In that order.
 * - After a failed sync nothing is acknowledged any more.
 * - Groups are acknowledged in the order in which they were written.
 * @module */
import { toHex } from '../codec/bytes.ts'
import type { Maybe } from '../ports/storage.ts'
import type { ActiveSegment, WrittenEnd } from './active-segment.ts'
import type { QueuedCall } from './append-queue.ts'
import type { LogContext } from './context.ts'
import type { Partition } from './partition.ts'
import type { Receipt } from './types.ts'

/** Buffered appends are synced at the latest after this time. */
const BUFFERED_SYNC_MS = 1_000

/** A call that was written, and what it will be told. */
export interface Accepted {
  readonly call: QueuedCall
  readonly receipt: Receipt
}

/** What a sync makes durable, and who waits for it. */
export interface Group {
  readonly accepted: readonly Accepted[]
  /** Of all its calls, those that are acknowledged before the sync included. */
  readonly keys: string[]
  readonly end: WrittenEnd
  readonly recordedAt: number
}

/** What the groups of a partition go through. */
export interface SyncedParts {
  readonly context: LogContext
  readonly partition: Partition
  readonly segment: ActiveSegment
  /** Buffered groups have waited long enough: make everything written durable. */
  readonly onOverdue: () => void
}

export class GroupSyncs {
  readonly #parts: SyncedParts
  /** Calls with a key that are written and not durable yet. */
  readonly keysInFlight = new Map<string, QueuedCall>()
  #inFlight = 0
  #wakeSlot: (() => void) | undefined
  /** Settles when every sync that was started has ended. Never rejects. */
  #settled: Promise<void> = Promise.resolve()
  /** The end of buffered groups that no sync was started for. */
  #unsynced: Group | undefined
  #cancelTimer: (() => void) | undefined

  constructor(parts: SyncedParts) {
    this.#parts = parts
  }

  /** How many groups wait for the device. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Settles when every sync that was started by now has ended. Never rejects. */
  get settled(): Promise<void> {
    return this.#settled
  }

  /** Stop waiting for buffered groups. */
  stop(): void {
    this.#cancelTimer?.()
  }

  /** Acknowledge the buffered calls among these: they are in the hands of the operating system. */
  async acknowledgeBuffered(receipts: readonly Accepted[]): Promise<void> {
    const failure = (await this.#isOurs()) ? undefined : this.#parts.context.health.failure
    for (const { call, receipt } of receipts) {
      if (call.durability !== 'buffered') continue
      if (failure === undefined) call.resolve(receipt)
      else call.reject(failure)
    }
  }

  /** Acknowledge `group` when `synced`, a sync of everything written so far, and all syncs before it have ended. */
  finishLater(group: Group, synced: Promise<void>): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const whole = this.#withUnsynced(group)
    this.#unsynced = undefined
    this.#inFlight++
    this.#settled = this.#finish(whole, this.#settled, synced)
  }

  /** Never rejects. */
  async #finish(group: Group, before: Promise<void>, synced: Promise<void>): Promise<void> {
    const { health } = this.#parts.context
    try {
      await synced
    } catch (cause) {
      health.poison(cause)
    }
    await before
    if (health.failure === undefined) await this.#publish(group)
    for (const key of group.keys) this.keysInFlight.delete(key)
    for (const { call, receipt } of group.accepted) {
      if (health.failure === undefined) call.resolve(receipt)
      else call.reject(health.failure)
    }
    this.#inFlight--
    this.#wakeSlot?.()
  }

  /** The group is on the device: see that the store is still ours, then tell the head file and the readers. */
  async #publish(group: Group): Promise<void> {
    const { context, partition, segment } = this.#parts
    const { end } = group
    const ours = this.#isOurs()
    if (typeof ours === 'boolean' ? !ours : !(await ours)) return
    segment.noteSynced(end.position)
    const told = context.publishHead(partition.headSlot, {
      endOffset: end.offset,
      position: end.position,
      segmentId: partition.active.ref.id,
      hash: end.hash,
    })
    if (told !== undefined) await told
    partition.publish({ position: end.position, offset: end.offset, hash: toHex(end.hash) }, group.recordedAt)
  }

  /** Whether the store still belongs to this process; when not, or when nobody can tell, it may not write any more.
   * Never throws. */
  #isOurs(): Maybe<boolean> {
    const { health, epoch, isFenced } = this.#parts.context
    const answer = (fenced: boolean) => {
      if (fenced) health.fenced(epoch)
      return !fenced
    }
    const unknown = (cause: unknown) => {
      health.poison(cause)
      return false
    }
    try {
      const looked = isFenced()
      return typeof looked === 'boolean' ? answer(looked) : looked.then(answer).catch(unknown)
    } catch (cause) {
      return unknown(cause)
    }
  }

  /** Resolves when a group in flight has ended. */
  slotFree(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeSlot = () => {
        this.#wakeSlot = undefined
        resolve()
      }
    })
  }

  /** A group of buffered calls only: it is synced with the next, or when its time has come. */
  syncLater(group: Group): void {
    this.#unsynced = this.#withUnsynced(group)
    this.#cancelTimer ??= this.#parts.context.clock.after(BUFFERED_SYNC_MS, () => {
      this.#cancelTimer = undefined
      this.#parts.onOverdue()
    })
  }

  /** One sync makes a group durable and all groups before it that were not synced. */
  #withUnsynced(group: Group): Group {
    const before = this.#unsynced
    if (before === undefined || before === group || before.keys.length === 0) return group
    for (const key of group.keys) before.keys.push(key)
    return { ...group, keys: before.keys }
  }

  /** Start a sync of what no sync was started for. */
  flush(): void {
    if (this.#unsynced !== undefined) this.finishLater(this.#unsynced, this.#parts.segment.sync())
  }

  /** Wait until everything written is durable. @throws {VarveError} the failure when it cannot be. */
  async drain(): Promise<void> {
    const { health } = this.#parts.context
    if (health.failure === undefined) this.flush()
    while (this.#inFlight > 0) await this.#settled
    if (health.failure !== undefined) throw health.failure
  }
}
