/** Who may change snapshots, and who reads them.
 *
 * Invariants: at most one task has the turn; nobody reads a snapshot that the task with the turn has claimed; a task
 * that waits for readers does not have the turn while it waits, so that whoever does not need those readers gone goes
 * first. So nothing that has the turn waits for anything here, and no ring of waiting tasks can form. A task with the
 * turn must not ask for another one.
 * @module */
import { VarveError } from '../../errors.ts'
import { wholeOption } from '../../options.ts'
import type { Clock } from '../../ports/clock.ts'
import type { SnapshotLockOptions } from '../types.ts'

const LOCK_TIMEOUT_DEFAULT_MS = 30_000
/** Timers of some runtimes count milliseconds in 31 bits. */
const LOCK_TIMEOUT_MOST_MS = 2 ** 31 - 1

export interface TurnOptions extends SnapshotLockOptions {
  /** A snapshot that the task removes: it begins when nobody reads it, and others go first meanwhile. */
  readonly unread?: string
}

interface Waiting {
  /** The snapshot that nobody may read then. */
  readonly unread: string | undefined
  readonly begin: () => void
  readonly refuse: (reason: unknown) => void
}

/** The turns of one store. */
export class SnapshotTurns {
  readonly #clock: Clock
  #isTaken = false
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>()
  /** How many read a snapshot now. */
  readonly #readers = new Map<string, number>()
  /** What the task with the turn removes. */
  readonly #claimed = new Set<string>()
  /** Called when the turn ends, or a reader does: look again. */
  #lookers: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Do something that changes snapshots, one such task at a time, in the order in which they came.
   * @throws {VarveError} `SNAPSHOT_BUSY` {waitedMs} when `lockTimeoutMs` are over, or `SNAPSHOT_IN_USE` {snapshot,
   * waitedMs} when the snapshot is still being read then; `OPTION_INVALID`, the signal's reason, and what the task
   * throws. */
  async exclusively<T>(wait: TurnOptions, task: () => Promise<T>): Promise<T> {
    await this.#take(wait)
    try {
      return await task()
    } finally {
      this.#isTaken = false
      this.#claimed.clear()
      this.#look()
    }
  }

  /** To be called by the task with the turn, before it removes a snapshot: whoever comes to read it waits until the
   * turn is over. @returns false when somebody reads it now, so that it must stay. */
  claim(id: string): boolean {
    if (this.isRead(id)) return false
    this.#claimed.add(id)
    return true
  }

  isRead(id: string): boolean {
    return this.#readers.has(id)
  }

  /** Read a snapshot, beside others that do. Begins at once unless it is being removed: then the task begins when that
   * is over, and finds out. */
  async read<T>(id: string, task: () => Promise<T>): Promise<T> {
    while (this.#claimed.has(id)) await this.#change()
    this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1)
    try {
      return await task()
    } finally {
      const others = (this.#readers.get(id) ?? 0) - 1
      if (others > 0) this.#readers.set(id, others)
      else this.#readers.delete(id)
      this.#look()
    }
  }

  /** Resolve when nothing is under way and nobody waits. */
  async settled(): Promise<void> {
    while (this.#isTaken || this.#waiting.size > 0 || this.#readers.size > 0) await this.#change()
  }

  #take({ lockTimeoutMs = LOCK_TIMEOUT_DEFAULT_MS, signal, unread }: TurnOptions): Promise<void> {
    const timeoutMs = wholeOption('lockTimeoutMs', lockTimeoutMs, { least: 0, most: LOCK_TIMEOUT_MOST_MS })
    signal?.throwIfAborted()
    if (this.#canBegin(unread)) return Promise.resolve(this.#begin(unread))
    if (timeoutMs === 0) throw this.#late(unread, 0)
    return new Promise((resolve, reject) => {
      const began = this.#clock.monotonic()
      const end = () => {
        this.#waiting.delete(waiting)
        cancel()
        signal?.removeEventListener('abort', stop)
      }
      const waiting: Waiting = {
        unread,
        begin: () => {
          end()
          resolve(this.#begin(unread))
        },
        refuse: (reason) => {
          end()
          reject(reason)
          this.#look()
        },
      }
      const stop = () => waiting.refuse(signal?.reason)
      const late = () => waiting.refuse(this.#late(unread, this.#clock.monotonic() - began))
      const cancel = this.#clock.after(timeoutMs, late, true)
      signal?.addEventListener('abort', stop, { once: true })
      this.#waiting.add(waiting)
    })
  }

  #canBegin(unread: string | undefined): boolean {
    return !this.#isTaken && (unread === undefined || !this.isRead(unread))
  }

  #begin(unread: string | undefined): void {
    this.#isTaken = true
    if (unread !== undefined) this.#claimed.add(unread)
  }

  /** Give the turn to the first who can use it, and let all others look who wait for something else. */
  #look(): void {
    for (const waiting of this.#waiting) {
      if (!this.#canBegin(waiting.unread)) continue
      waiting.begin()
      break
    }
    const lookers = this.#lookers
    this.#lookers = []
    for (const look of lookers) look()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#lookers.push(resolve))
  }

  #late(unread: string | undefined, waitedMs: number): VarveError {
    if (unread !== undefined && this.isRead(unread))
      return new VarveError('SNAPSHOT_IN_USE', `Cannot remove snapshot "${unread}": it is being read`, {
        details: { snapshot: unread, waitedMs },
      })
    return new VarveError('SNAPSHOT_BUSY', 'Cannot change snapshots: another one is being made or removed', {
      details: { waitedMs },
    })
  }
}
