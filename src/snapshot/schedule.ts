/** Snapshots made regularly: when the next run is, and what became of the last ones.
 *
 * Invariants: one run at a time; whatever a run does, the next one has its time. Times are wall time, looked at once a
 * minute at least, so that a machine that slept through several runs makes one of them when it wakes, and a clock that
 * goes back takes the next run with it.
 * @module */
import { isVarveError } from '../errors.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import type { SnapshotRun, SnapshotScheduleOptions, SnapshotScheduleStatus, SnapshotTarget } from './types.ts'

const EVERY_LEAST_MS = 60_000
const EVERY_MOST_MS = 366 * 24 * 60 * 60_000
const LOOK_EVERY_MS = 60_000
const RUNS_MOST = 20

export interface SnapshotScheduleParts {
  readonly clock: Clock
  readonly random: Random
  /** Make a snapshot and clean up. */
  readonly run: (
    target: SnapshotTarget & { readonly label?: string },
  ) => Promise<{ readonly snapshot: string; readonly removed: readonly string[] }>
  /** When the newest snapshot of the target was made, milliseconds since 1970: the first run is `everyMs` later, or now
   * when that is over. Absent: there is none, and the first run is now; up to `jitterMs` later each time. */
  readonly last?: number | undefined
}

/** A schedule that goes on until it is stopped. Its timer does not keep the process alive. */
export class SnapshotSchedule {
  readonly #options: SnapshotScheduleOptions & { readonly jitterMs: number }
  readonly #parts: SnapshotScheduleParts
  #nextRunAt: number
  /** Wall time when it was last looked at. */
  #seenAt: number
  #running: Promise<void> | undefined
  #runs: readonly SnapshotRun[] = []
  #failures = 0
  #isStopped = false
  #cancel: () => void = () => {}

  /** @throws {VarveError} `OPTION_INVALID`. */
  constructor(options: SnapshotScheduleOptions, parts: SnapshotScheduleParts) {
    this.#options = checkOptions(options)
    this.#parts = parts
    const now = parts.clock.now()
    const { last } = parts
    this.#seenAt = now
    this.#nextRunAt = this.#later(last === undefined ? now : Math.max(now, Math.min(now, last) + options.everyMs))
    this.#arm()
  }

  get status(): SnapshotScheduleStatus {
    const { topic, partition, everyMs, jitterMs } = this.#options
    return {
      ...(topic === undefined ? {} : { topic }),
      ...(partition === undefined ? {} : { partition }),
      everyMs,
      jitterMs,
      isRunning: this.#running !== undefined,
      nextRunAt: this.#nextRunAt,
      runs: this.#runs,
      failures: this.#failures,
    }
  }

  /** Begin no further run, and resolve when the one that is under way is over. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#running
  }

  /** Up to `jitterMs` after a moment. */
  #later(at: number): number {
    const { jitterMs } = this.#options
    let draw = 0
    for (const byte of this.#parts.random.bytes(4)) draw = (draw * 256 + byte) % 2 ** 32
    return at + Math.floor((draw / 2 ** 32) * (jitterMs + 1))
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
    else this.#running = this.#run(now).finally(() => this.#over())
  }

  #over(): void {
    this.#running = undefined
    this.#arm()
  }

  async #run(at: number): Promise<void> {
    const { everyMs, topic, partition, label } = this.#options
    this.#nextRunAt = this.#later(at + everyMs)
    try {
      const { snapshot, removed } = await this.#parts.run({
        ...(topic === undefined ? {} : { topic }),
        ...(partition === undefined ? {} : { partition }),
        ...(label === undefined ? {} : { label }),
      })
      this.#note({ at, snapshot, removed })
      this.#failures = 0
    } catch (error) {
      const { code, message, nextAllowedAt } = describe(error)
      this.#note({ at, error: { code, message } })
      // Somebody else made one: nothing went wrong, it only has to wait.
      if (nextAllowedAt === undefined) this.#failures++
      else this.#nextRunAt = Math.max(nextAllowedAt, at + 1_000)
    }
  }

  #note(run: SnapshotRun): void {
    this.#runs = [run, ...this.#runs].slice(0, RUNS_MOST)
  }
}

function describe(error: unknown): { code: string; message: string; nextAllowedAt?: number } {
  if (!isVarveError(error)) return { code: 'INTERNAL', message: String(error) }
  const { code, message, details } = error
  const { nextAllowedAt } = details
  return code === 'SNAPSHOT_TOO_SOON' && typeof nextAllowedAt === 'number'
    ? { code, message, nextAllowedAt }
    : { code, message }
}

function checkOptions(options: SnapshotScheduleOptions): SnapshotScheduleOptions & { readonly jitterMs: number } {
  const { everyMs, topic, partition } = options
  wholeOption('everyMs', everyMs, { least: EVERY_LEAST_MS, most: EVERY_MOST_MS })
  const jitterMs = wholeOption('jitterMs', options.jitterMs ?? Math.floor(everyMs / 10), { least: 0, most: everyMs })
  if (partition !== undefined && topic === undefined)
    throw optionInvalid('partition', 'needs the option "topic"', partition)
  return { ...options, jitterMs }
}
