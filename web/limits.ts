/** The limits of the doors, and counters that hold requests to them.
 * @module */
import { VarveError } from '../src/index.ts'

export interface Limits {
  readonly urlBytes: number
  /** Body of a JSON append, and one batch of an NDJSON append. */
  readonly bodyBytes: number
  readonly bodyEvents: number
  /** How many times as much a compressed body may become, once that is over 64 KiB. */
  readonly bodyRatio: number
  /** One line of NDJSON. */
  readonly lineBytes: number
  /** Body of a version of a history as JSON, and one line of versions as NDJSON. */
  readonly versionBytes: number
  readonly pageEvents: number
  /** How long a body may pause. */
  readonly bodyIdleMs: number
  readonly requests: number
  readonly streams: number
  readonly streamsPerPeer: number
  readonly heartbeatMs: number
  /** How long a client may leave a stream unread before it is closed. */
  readonly writeDeadlineMs: number
  /** How long a client may leave a piece of a long answer unread before it is cut off. Longer than for a stream: what
   * lies in buffers on the way, some MiB, is read meanwhile, and what is cut off has to begin again. */
  readonly answerIdleMs: number
  /** Text that a stream prepares at once: the bound of its queue. */
  readonly streamChunkBytes: number
  readonly waitSeconds: number
  readonly jobsKept: number
}

export const DEFAULT_LIMITS: Limits = {
  urlBytes: 8_192,
  bodyBytes: 1_048_576,
  bodyEvents: 1_000,
  bodyRatio: 100,
  lineBytes: 1_048_576,
  versionBytes: 16_777_216,
  pageEvents: 1_000,
  bodyIdleMs: 15_000,
  requests: 64,
  streams: 1_000,
  streamsPerPeer: 20,
  heartbeatMs: 5_000,
  writeDeadlineMs: 15_000,
  answerIdleMs: 60_000,
  streamChunkBytes: 65_536,
  waitSeconds: 60,
  jobsKept: 100,
}

/** Counts what is in use, in all and per holder. */
export class Slots {
  readonly #what: string
  readonly #total: number
  readonly #perHolder: number
  readonly #used = new Map<string, number>()
  #count = 0

  constructor(what: string, limits: { total: number; perHolder?: number }) {
    this.#what = what
    this.#total = limits.total
    this.#perHolder = limits.perHolder ?? limits.total
  }

  get count(): number {
    return this.#count
  }

  /** Take a slot. @returns gives it back; calling it twice is harmless. @throws {VarveError} `RATE_LIMITED`. */
  take(holder: string): () => void {
    const held = this.#used.get(holder) ?? 0
    if (this.#count >= this.#total || held >= this.#perHolder) {
      const limit = this.#count >= this.#total ? this.#total : this.#perHolder
      throw new VarveError('RATE_LIMITED', `Cannot open more than ${limit} ${this.#what}`, { details: { limit } })
    }
    this.#count++
    this.#used.set(holder, held + 1)
    let taken = true
    return () => {
      if (!taken) return
      taken = false
      this.#count--
      const left = (this.#used.get(holder) ?? 1) - 1
      if (left === 0) this.#used.delete(holder)
      else this.#used.set(holder, left)
    }
  }
}
