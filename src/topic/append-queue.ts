/** What waits to be written to a partition: append calls and tasks, in the order in which they came.
 * @module */
import { VarveError } from '../errors.ts'
import type { RowClause } from '../index/row-search.ts'
import type { PreparedRows } from './prepare.ts'
import type { Durability, Expectation, Receipt } from './types.ts'

/** A group takes waiting calls up to this many bytes of values; one larger call is a group of its own. */
const GROUP_BYTES = 2 * 1024 * 1024
const GROUP_EVENTS = 10_000
const QUEUE_MAX_BYTES = 64 * 1024 * 1024

/** A condition as it was checked: refuse when an event at or after `after` matches a clause. */
export interface CheckedCondition {
  readonly clauses: readonly RowClause[]
  readonly after: number
}

/** One append call, checked and encoded. */
export interface AppendCall extends PreparedRows {
  readonly expect: readonly Expectation[]
  readonly condition: CheckedCondition | undefined
  /** Idempotency key. */
  readonly key: string | undefined
  /** Per event whether the caller gave `at`; only for calls with a key, whose repetition is compared. */
  readonly timed: readonly boolean[] | undefined
  readonly durability: Durability
  readonly signal: AbortSignal | undefined
}

export interface QueuedCall extends AppendCall {
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: unknown) => void
  /** Stop listening to its signal: it left the queue. */
  unwatch: (() => void) | undefined
  /** Its values are read after its group: whoever does that gives them back. */
  keepsValues: boolean
}

/** Something that has to run while nothing is being written, such as taking a checkpoint. */
export interface QueuedTask {
  readonly run: () => Promise<void>
}

export class AppendQueue {
  readonly #entries: (QueuedCall | QueuedTask)[] = []
  #sizeBytes = 0

  get length(): number {
    return this.#entries.length
  }

  /** Add a call. @throws {VarveError} `QUEUE_FULL` when too many bytes wait already. */
  addCall(call: QueuedCall): void {
    if (this.#sizeBytes > QUEUE_MAX_BYTES) {
      const details = { queuedBytes: this.#sizeBytes, limit: QUEUE_MAX_BYTES }
      throw new VarveError('QUEUE_FULL', 'Cannot append: too many bytes wait already', { details })
    }
    this.#entries.push(call)
    this.#sizeBytes += call.sizeBytes
    if (call.signal !== undefined) this.#watch(call, call.signal)
  }

  addTask(task: QueuedTask): void {
    this.#entries.push(task)
  }

  /** Give a call up as soon as its signal says so, however long the group before it takes. */
  #watch(queued: QueuedCall, signal: AbortSignal): void {
    const giveUp = () => {
      const at = this.#entries.indexOf(queued)
      if (at < 0) return
      this.#entries.splice(at, 1)
      this.#sizeBytes -= queued.sizeBytes
      queued.reject(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    queued.unwatch = () => signal.removeEventListener('abort', giveUp)
  }

  /** The task at the front, if a task is at the front. */
  takeTask(): QueuedTask | undefined {
    const first = this.#entries[0]
    if (first === undefined || !('run' in first)) return undefined
    this.#entries.shift()
    return first
  }

  /** The calls of the next group: at most `most` of those before the next task, within the limits of a group. */
  takeCalls(most: number): QueuedCall[] {
    const calls: QueuedCall[] = []
    let bytes = 0
    let events = 0
    for (const next of this.#entries) {
      if ('run' in next || calls.length === most) break
      if (calls.length > 0 && (bytes + next.sizeBytes > GROUP_BYTES || events + next.rows.length > GROUP_EVENTS)) break
      next.unwatch?.()
      calls.push(next)
      bytes += next.sizeBytes
      events += next.rows.length
    }
    this.#entries.splice(0, calls.length)
    this.#sizeBytes -= bytes
    return calls
  }
}
