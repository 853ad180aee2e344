/** One run of a projection: folding what is there, and then what comes, publishing now and then.
 *
 * Invariants: what is published is a state and the positions that it reflects, in one commit; at most one publication
 * is under way, beside the folding, which does not touch what it writes. The folding goes on with the state as it is
 * stored, so a restart goes on with exactly what this run went on with. A state that an apply threw away is never
 * published, nor shown. What was begun anew takes the place of the published states when it is caught up, all at once.
 *
 * In topics with several partitions, events of each are folded in order, and those of several by `recordedAt` as far
 * as they are there: one that is recorded while another partition is being read may come after a later one. A fold
 * over several partitions must not depend on the order between them.
 * @module */
import type { VarveError } from '../errors.ts'
import { copyValue } from '../history/patch/copy-value.ts'
import type { ProjectionFailure, ProjectionRow } from '../manifest/index.ts'
import type { StoredEvent, Topic } from '../topic/types.ts'
import { type Beginning, lastPublished, type RunFacts } from './beginning.ts'
import { ApplyError, type Folding, projectionFailed } from './fold.ts'
import type { NewState, StateDraft } from './host.ts'
import { beginningOf, cursorAt, foldUntil, lagOf } from './reading.ts'
import { isStoredForm } from './stored-form.ts'

/** Following publishes at most this often. */
const PUBLISH_EVERY_MS = 1_000

export class ProjectionRun {
  readonly #facts: RunFacts
  readonly #topic: Topic
  readonly #live: Folding
  /** Aborted when there is no point in going on: the signal, or a publication that failed. */
  readonly #stop = new AbortController()
  /** What the next publication is based on. */
  #row: ProjectionRow
  #isAnew: boolean
  /** Everything that was there when it began is folded. */
  #isCaughtUp = false
  /** States on the way, while others are published. */
  readonly #draft: StateDraft | undefined
  /** No apply threw. */
  #isIntact = true
  /** Events folded since the last publication began. */
  #unpublished = 0
  #lastEvent: StoredEvent | undefined
  #folded = 0
  #writing: Promise<void> | undefined
  #publishedAt = Number.NEGATIVE_INFINITY
  /** Why a publication failed. */
  #broken: { readonly error: unknown } | undefined
  #cancelTimer: (() => void) | undefined

  constructor(facts: RunFacts, { row, topic, live, isAnew }: Beginning) {
    this.#facts = facts
    this.#row = row
    this.#topic = topic
    this.#live = live
    this.#isAnew = isAnew
    if (row.keep === 'history' && this.#replaces) this.#draft = facts.host.draft(facts.name)
  }

  /** What is newer than what is published, not to be changed; undefined: nothing that may be shown. */
  get served(): Folding | undefined {
    return this.#isIntact && !this.#replaces ? this.#live : undefined
  }

  /** What is published is of another fold, or another topic. */
  get #replaces(): boolean {
    return this.#isAnew && this.#row.foldVersion > 0
  }

  /** Fold what is there, publish, and when following go on until the signal is aborted.
   * @throws {VarveError} `PROJECTION_FAILED`, what reading and publishing throws, and the signal's reason unless
   * following. What was folded until then is published. */
  async go(follow: { readonly begins: () => void } | undefined): Promise<void> {
    const { signal } = this.#facts
    const stop = () => this.#stop.abort(signal.reason)
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    try {
      await this.#catchUp()
      await this.#finish()
      if (follow === undefined) return
      follow.begins()
      await this.#tail()
      await this.#finish()
    } catch (error) {
      if (error instanceof ApplyError) throw await this.#failed(error)
      const finished = this.#finish()
      const isOver = follow !== undefined && signal.aborted && this.#broken === undefined
      if (isOver) await finished
      else {
        await finished.catch(() => undefined)
        throw error
      }
    } finally {
      this.#cancelTimer?.()
      signal.removeEventListener('abort', stop)
      await this.#draft?.end()
    }
  }

  async #catchUp(): Promise<void> {
    const cursor = cursorAt(this.#topic, this.#live.positions)
    const { signal } = this.#stop
    for await (const events of this.#topic.read({ cursor, signal }).batches()) await this.#take(events)
    this.#checkPublished()
    this.#isCaughtUp = true
  }

  async #tail(): Promise<void> {
    const cursor = cursorAt(this.#topic, this.#live.positions)
    for await (const events of this.#topic.tail({ cursor, signal: this.#stop.signal }).batches()) {
      await this.#take(events)
      this.#publishSoon()
    }
    this.#checkPublished()
  }

  async #take(events: readonly StoredEvent[]): Promise<void> {
    const { everyEvents } = this.#row
    for (let from = 0; from < events.length; ) {
      this.#checkPublished()
      const room = this.#unpublished < everyEvents ? everyEvents - this.#unpublished : events.length
      const to = Math.min(events.length, from + room)
      this.#fold(events, { from, to })
      from = to
      if (this.#unpublished >= everyEvents) await this.#publishOnTheWay()
    }
    const { onProgress } = this.#facts
    if (onProgress !== undefined) onProgress({ events: this.#folded, lag: lagOf(this.#topic, this.#live.positions) })
  }

  #fold(events: readonly StoredEvent[], range: { readonly from: number; readonly to: number }): void {
    try {
      this.#facts.folder.fold(this.#live, events, range)
    } catch (error) {
      // At once: a timer may be about to publish.
      this.#isIntact = false
      throw error
    }
    this.#lastEvent = events[range.to - 1]
    this.#folded += range.to - range.from
    this.#unpublished += range.to - range.from
  }

  /** A history has a version every so many events exactly; a document as often as one can be written meanwhile. */
  async #publishOnTheWay(): Promise<void> {
    const isDocument = this.#row.keep === 'document'
    if (isDocument && (this.#writing !== undefined || (this.#replaces && !this.#isCaughtUp))) return
    await this.#writing
    this.#publish().catch(() => undefined)
  }

  /** Publish now, or when it was long enough ago. */
  #publishSoon(): void {
    if (this.#cancelTimer !== undefined || this.#unpublished === 0) return
    const { clock } = this.#facts.host
    const due = () => {
      this.#cancelTimer = undefined
      if (!this.#isIntact || this.#stop.signal.aborted) return
      if (this.#writing !== undefined) this.#writing.then(() => this.#publishSoon()).catch(() => undefined)
      else this.#publish().catch(() => undefined)
    }
    const waitMs = this.#publishedAt + PUBLISH_EVERY_MS - clock.monotonic()
    // Holds the process: it would end with events that are folded and not published.
    if (waitMs > 0) this.#cancelTimer = clock.after(waitMs, due, true)
    else due()
  }

  /** Publish what is folded and not published, and wait for it. */
  async #finish(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    await this.#writing
    this.#checkPublished()
    if (!this.#isIntact) return
    const isDue = this.#isAnew || this.#row.failure !== undefined
    const isNewer = this.#unpublished > 0 && !this.#replaces
    if (this.#isCaughtUp ? isDue || this.#unpublished > 0 : isNewer) await this.#publish()
  }

  #checkPublished(): void {
    if (this.#broken !== undefined) throw this.#broken.error
  }

  /** Begin to publish. What is published is settled when this returns. */
  #publish(): Promise<void> {
    const { clock } = this.#facts.host
    this.#publishedAt = clock.monotonic()
    let state: NewState
    try {
      state = this.#handOver()
    } catch (error) {
      return this.#breaks(error)
    }
    const { failure: _, ...rest } = this.#row
    const row: ProjectionRow = { ...rest, ...this.#reached(), positions: [...this.#live.positions] }
    this.#unpublished = 0
    const written = this.#write(row, state)
    const writing: Promise<void> = written
      .catch((error: unknown) => this.#breaks(error))
      .finally(() => {
        this.#writing = undefined
      })
    writing.catch(() => undefined)
    this.#writing = writing
    return writing
  }

  async #write(row: ProjectionRow, state: NewState): Promise<void> {
    const draft = this.#replaces ? this.#draft : undefined
    if (draft !== undefined && !this.#isCaughtUp) return draft.keep(row, state)
    await (draft ?? this.#facts.host).publish(row, state)
    this.#row = row
    this.#isAnew = false
  }

  #reached(): Pick<ProjectionRow, 'foldVersion' | 'publishedAt'> {
    return { foldVersion: this.#facts.folder.version, publishedAt: this.#facts.host.clock.now() }
  }

  /** The state as it is, not to be touched any more but by histories, which take what they need at once; the folding
   * goes on with a copy. @throws {ApplyError} when it cannot be stored. */
  #handOver(): NewState {
    const { state, recordedAt } = this.#live
    if (this.#row.keep === 'history' && isStoredForm(state)) return { state, recordedAt }
    try {
      this.#live.state = copyValue(state)
    } catch (error) {
      this.#isIntact = false
      if (this.#lastEvent === undefined) throw error
      throw new ApplyError(this.#lastEvent, error, 'state')
    }
    return { state, recordedAt }
  }

  /** A publication failed: nothing goes on. */
  #breaks(error: unknown): Promise<never> {
    this.#broken ??= { error }
    this.#stop.abort(error)
    return Promise.reject(error)
  }

  /** Publish why it cannot go on, with the state before that event. @returns what to throw. */
  async #failed(error: ApplyError): Promise<VarveError> {
    const { host, name } = this.#facts
    const { partition, offset, kind } = error.event
    const failure = { partition, offset, kind, message: error.message, at: host.clock.now() }
    try {
      await this.#writing?.catch(() => undefined)
      if (!(await this.#publishBefore(error, failure))) await host.publish({ ...host.row(name), failure }, undefined)
    } catch (cause) {
      const details = { projection: name, partition, offset }
      host.diagnose('PROJECTION_UNPUBLISHED', `Cannot publish why it failed: ${String(cause)}`, details)
    }
    return projectionFailed(name, error)
  }

  /** Fold what was published, or nothing, up to the event that failed.
   * @returns false when there is no such state, or it is the published one. */
  async #publishBefore(error: ApplyError, failure: ProjectionFailure): Promise<boolean> {
    const { host, name, folder } = this.#facts
    const isFirst = this.#row.foldVersion === 0
    if (error.found === 'state' || this.#replaces) return false
    const { positions } = this.#live
    const before = isFirst ? folder.begin(beginningOf(this.#row, this.#place())) : await lastPublished(host, name)
    if (before === undefined) return false
    const isPublished = !isFirst && positions.every((end, at) => before.positions[at] === end)
    if (isPublished) return false
    try {
      await foldUntil(folder, before, { topic: this.#topic, until: { positions } })
    } catch (other) {
      // The fold does not do the same twice: what was published stays.
      if (other instanceof ApplyError) return false
      throw other
    }
    const { state, recordedAt } = before
    const row = { ...this.#row, ...this.#reached(), positions: [...before.positions], failure }
    await host.publish(row, { state, recordedAt })
    return true
  }

  #place(): { topic: Topic; topicId: number } {
    return { topic: this.#topic, topicId: this.#row.topicId }
  }
}
