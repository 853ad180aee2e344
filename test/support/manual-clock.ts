/** A clock that moves only when a test moves it.
 * @module */
import type { Clock } from '../../src/ports/clock.ts'

interface Timer {
  readonly due: number
  readonly order: number
  readonly run: () => void
}

/** Wall time and monotonic time advance together; `setWall` makes the wall clock jump alone. */
export class ManualClock implements Clock {
  #wallMs: number
  #monotonicMs = 0
  #order = 0
  readonly #timers = new Set<Timer>()

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallMs = wallMs
  }

  now(): number {
    return this.#wallMs
  }

  monotonic(): number {
    return this.#monotonicMs
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { due: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size
  }

  /** Jump of the wall clock, in either direction; no timer runs. */
  setWall(wallMs: number): void {
    this.#wallMs = wallMs
  }

  /** Move both clocks and run what falls due, in order of time. Promises made by a timer settle between two timers. */
  async advance(byMs: number): Promise<void> {
    const end = this.#monotonicMs + byMs
    for (let next = this.#nextBefore(end); next !== undefined; next = this.#nextBefore(end)) {
      this.#moveTo(next.due)
      this.#timers.delete(next)
      next.run()
      await settle()
    }
    this.#moveTo(end)
    await settle()
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }

  #nextBefore(end: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.due > end) continue
      if (next === undefined || timer.due < next.due || (timer.due === next.due && timer.order < next.order))
        next = timer
    }
    return next
  }
}

/** Let every promise that can settle without a timer or the outside do so. */
export async function settle(turns = 64): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await undefined
}
