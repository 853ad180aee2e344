/** A progress line on standard error: how far, how fast, how long to go. Shown only to people.
 * @module */
import type { Clock } from '../ports/clock.ts'
import type { Terminal } from '../ports/terminal.ts'
import { count, duration, size } from './output.ts'

const REDRAW_MS = 100
const BAR_COLUMNS = 24
/** Before this the time left is a guess. */
const SURE_AFTER_MS = 300

export interface ProgressState {
  /** Work done, in the unit of `total`. */
  readonly done: number
  /** Undefined or 0: unknown, so there is no bar and no time left. */
  readonly total?: number
  /** What to show as done and as rate; default bytes of `done`. */
  readonly items?: { readonly count: number; readonly noun: string }
}

/** Redraws one line at most ten times a second; silent where standard error is not a terminal. */
export class Progress {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #title: string
  readonly #startedAt: number
  #drawnAt = Number.NEGATIVE_INFINITY
  #drawn = false

  constructor(title: string, { terminal, clock }: { terminal: Terminal; clock: Clock }) {
    this.#title = title
    this.#terminal = terminal
    this.#clock = clock
    this.#startedAt = clock.monotonic()
  }

  update(state: ProgressState): void {
    if (!this.#terminal.errorIsTerminal) return
    const now = this.#clock.monotonic()
    if (now - this.#drawnAt < REDRAW_MS) return
    this.#drawnAt = now
    this.#drawn = true
    const line = progressLine(this.#title, state, now - this.#startedAt)
    this.#terminal.writeError(`\r${line.slice(0, this.#terminal.columns - 1)}\u001b[K`)
  }

  /** Take the line away. */
  end(): void {
    if (this.#drawn) this.#terminal.writeError('\r\u001b[K')
    this.#drawn = false
  }
}

/** The line itself. */
export function progressLine(title: string, state: ProgressState, elapsedMs: number): string {
  const { done, total = 0, items } = state
  const seconds = elapsedMs / 1000
  const perSecond = seconds > 0 ? (items?.count ?? done) / seconds : 0
  const amount = items === undefined ? size(done) : `${count(items.count)} ${items.noun}`
  const rate = items === undefined ? `${size(perSecond)}/s` : `${count(perSecond)}/s`
  if (total === 0) return `${title}  ${amount}  ${rate}  ${duration(elapsedMs)}`
  const part = Math.min(1, done / total)
  const filled = Math.round(part * BAR_COLUMNS)
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_COLUMNS - filled)}]`
  const left = part > 0 && elapsedMs >= SURE_AFTER_MS ? `  ${duration((elapsedMs * (1 - part)) / part)} left` : ''
  return `${title}  ${bar}  ${Math.floor(part * 100)}%  ${amount}  ${rate}${left}`
}
