/** Snapshots made regularly: when the next run is, and what became of the last ones.
 *
 * Invariants: one run at a time; whatever a run does, the next one has its time. Times are wall time, looked at once a
 * minute at least, so that a machine that slept through several runs makes one of them when it wakes, and a clock that
 * goes back takes the next run with it.
 * @module */
import { isVarveError } from '../../errors.ts'
import { wholeOption } from '../../options.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import { checkLabel, checkTarget } from '../create.ts'
import type { SnapshotRun, SnapshotScheduleOptions, SnapshotScheduleStatus, SnapshotTarget } from '../types.ts'

const EVERY_LEAST_MS = 60_000
const EVERY_MOST_MS = 366 * 24 * 60 * 60_000
const LOOK_EVERY_MS = 60_000
/** A clock that is about to be told otherwise must not make it run without a pause. */
const TOO_SOON_LEAST_MS = 1_000
const RUNS_MOST = 20

export interface SnapshotScheduleParts {
  readonly clock: Clock
  readonly random: Random
  /** Make a snapshot. @returns its id. */
  readonly create: (target: SnapshotTarget & { readonly label?: string }) => Promise<string>
  /** Remove what the policy does not keep. @returns the ids. */
  readonly cleanUp: () => Promise<readonly string[]>
  /** When the newest snapshot of the target was made before now, milliseconds since 1970: the first run is `everyMs`
   * later, or now when that is over or there is none; up to `jitterMs` later each time. */
  readonly last: () => Promise<number | undefined>
}

/** A schedule that goes on until it is stopped. Its timer does not keep the process alive. */
export class SnapshotSchedule {
  readonly #options: SnapshotScheduleOptions & { readonly jitterMs: number }
  readonly #parts: SnapshotScheduleParts
  #nextRunAt: number
  /** Wall time when it was last looked at. */
  #seenAt: number
  /** A run, or finding out when the first one is. */
  #busy: Promise<void> | undefined
  #isRunning = false
  #runs: readonly SnapshotRun[] = []
  #failures = 0
  #isStopped = false
  #cancel: () => void = () => {}

  /** @throws {VarveError} `OPTION_INVALID`. */
  constructor(options: SnapshotScheduleOptions, parts: SnapshotScheduleParts) {
    this.#options = checkOptions(options)
    this.#parts = parts
    this.#seenAt = parts.clock.now()
    this.#nextRunAt = this.#later(this.#seenAt)
    this.#busy = this.#begin(this.#seenAt).finally(() => this.#arm())
  }

  get status(): SnapshotScheduleStatus {
    const { topic, partition, everyMs, jitterMs } = this.#options
    return {
      ...(topic === undefined ? {} : { topic }),
      ...(partition === undefined ? {} : { partition }),
      everyMs,
      jitterMs,
      isRunning: this.#isRunning,
      nextRunAt: this.#nextRunAt,
      runs: this.#runs,
      failures: this.#failures,
    }
  }

  /** Begin no further run, and resolve when the one that is under way is over. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#busy
  }

  /** Up to `jitterMs` after a moment. */
  #later(at: number): number {
    const { jitterMs } = this.#options
    let draw = 0
    for (const byte of this.#parts.random.bytes(4)) draw = (draw * 256 + byte) % 2 ** 32
    return at + Math.floor((draw / 2 ** 32) * (jitterMs + 1))
  }

  /** Whoever was there before made snapshots as well. */
  async #begin(now: number): Promise<void> {
    try {
      const last = await this.#parts.last()
      if (last !== undefined) this.#nextRunAt = this.#later(Math.max(now, last + this.#options.everyMs))
    } catch {
      // The run will say it.
    }
  }

  #arm(): void {
    if (this.#isStopped) return
    const { clock } = this.#parts
    const waitMs = Math.max(0, this.#nextRunAt - clock.now())
    this.#cancel = clock.after(Math.min(waitMs, LOOK_EVERY_MS), () => this.#look())
  }

  #look(): void {
    const now = this.#parts.clock.now()
    if (now < this.#seenAt) this.#nextRunAt -= this.#seenAt - now
    this.#seenAt = now
    if (now < this.#nextRunAt) this.#arm()
    else this.#busy = this.#run(now).finally(() => this.#arm())
  }

  async #run(at: number): Promise<void> {
    const { create, cleanUp } = this.#parts
    const { everyMs, topic, partition, label } = this.#options
    const target = { ...(topic !== undefined && { topic }), ...(partition !== undefined && { partition }) }
    this.#nextRunAt = this.#later(at + everyMs)
    this.#isRunning = true
    const made = await attempt(() => create({ ...target, ...(label !== undefined && { label }) }))
    // Also after a failure: that may be a full disk.
    const cleaned = await attempt(cleanUp)
    const error = made.error ?? cleaned.error
    const { nextAllowedAt } = made
    if (error === undefined) this.#failures = 0
    // Somebody else made one: nothing went wrong, it only has to wait.
    else if (nextAllowedAt === undefined || cleaned.error !== undefined) this.#failures++
    if (nextAllowedAt !== undefined) this.#nextRunAt = Math.max(nextAllowedAt, at + TOO_SOON_LEAST_MS)
    const run = {
      at,
      ...(made.value !== undefined && { snapshot: made.value }),
      ...(cleaned.value !== undefined && { removed: cleaned.value }),
      ...(error !== undefined && { error }),
    }
    this.#runs = [run, ...this.#runs].slice(0, RUNS_MOST)
    this.#isRunning = false
  }
}

interface Attempt<T> {
  readonly value?: T
  readonly error?: { readonly code: string; readonly message: string }
  /** When it was too soon. */
  readonly nextAllowedAt?: number
}

async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await work() }
  } catch (error) {
    if (!isVarveError(error)) return { error: { code: 'INTERNAL', message: String(error) } }
    const { code, message, details } = error
    const isTooSoon = code === 'SNAPSHOT_TOO_SOON' && typeof details.nextAllowedAt === 'number'
    return { error: { code, message }, ...(isTooSoon && { nextAllowedAt: details.nextAllowedAt as number }) }
  }
}

function checkOptions(options: SnapshotScheduleOptions): SnapshotScheduleOptions & { readonly jitterMs: number } {
  const { everyMs, label } = options
  wholeOption('everyMs', everyMs, { least: EVERY_LEAST_MS, most: EVERY_MOST_MS })
  const jitterMs = wholeOption('jitterMs', options.jitterMs ?? Math.floor(everyMs / 10), { least: 0, most: everyMs })
  checkTarget(options)
  checkLabel(label)
  return { ...options, jitterMs }
}
