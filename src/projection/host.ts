/** What projections need of the store they belong to.
 * @module */
import type { ProjectionRow } from '../manifest/index.ts'
import type { Clock } from '../ports/clock.ts'
import type { Topic } from '../topic/types.ts'
import type { StateMoment } from './types.ts'

/** A published state, the reader's own copy. */
export interface KeptState {
  readonly state: unknown
  readonly positions: readonly number[]
  /** Of the fold that made it. */
  readonly foldVersion: number
  /** The highest `recordedAt` of any event in it; 0: not known. */
  readonly recordedAt: number
}

/** A state to publish. Of a projection that keeps a document it does not change any more. */
export interface NewState {
  readonly state: unknown
  readonly recordedAt: number
}

/** States that are kept on the way, and take the place of those that were published all at once. */
export interface StateDraft {
  keep(row: ProjectionRow, state: NewState): Promise<void>
  /** Keep one more, and make row and states true together, durably. */
  publish(row: ProjectionRow, state: NewState): Promise<void>
  /** Give up what was not published. */
  end(): Promise<void>
}

export interface ProjectionHost {
  readonly clock: Clock
  /** Begin what ends early when the caller's signal is aborted, or with `STORE_CLOSED` when the store closes, which
   * waits for `end`. */
  begin(caller: AbortSignal | undefined): { readonly signal: AbortSignal; end(): void }
  /** The projection as it is now. @throws {VarveError} `PROJECTION_UNKNOWN` when it was deleted. */
  row(name: string): ProjectionRow
  /** Beside a writer: see what it did until now. @throws {VarveError} `STORE_CLOSED`. */
  refresh(): Promise<void>
  /** @throws {VarveError} unless the store may be written to. */
  checkWritable(action: string): void
  /** The topic of a name, and its id. @throws {VarveError} `TOPIC_UNKNOWN`. */
  openTopic(name: string): Promise<{ readonly topic: Topic; readonly topicId: number }>
  /** The newest published state; undefined: there is none. */
  published(name: string): Promise<KeptState | undefined>
  /** Of a projection that keeps a history: the last state at or before a moment that was kept. */
  keptAt(name: string, moment: StateMoment): Promise<KeptState | undefined>
  /** Make row and state true together, durably. Without a state only the row changes. */
  publish(row: ProjectionRow, state: NewState | undefined): Promise<void>
  /** Of a projection that keeps a history: begin states that will take the place of those there are. */
  draft(name: string): StateDraft
  diagnose(code: string, message: string, details: Readonly<Record<string, unknown>>): void
}
