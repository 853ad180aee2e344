/** The words of projections: a named fold over a topic, whose position and state are published together.
 * @module */
import type { AnyKinds, Kinds, StoredEvent } from '../topic/types.ts'

/** How events become a state. Not stored: the program that runs a projection brings it. */
export interface Fold<S, K extends Kinds = AnyKinds> {
  /** Whole number from 1. With another one than that of the published state the projection begins anew. */
  readonly version: number
  /** The state before the first event, made anew for each beginning: of the value table, and nothing in it twice. */
  readonly initial: () => S
  /** What an event does to the state: changes and returns it, or returns another. By kind, where kinds that are not
   * named do nothing; or one function for all. Must not do anything else: events are folded more than once. Events of
   * one partition come in their order; what is made of those of several must not depend on the order between them. The
   * state is stored and read back between any two of them: fields that are undefined are not there then, and an object
   * that is in it twice is two. */
  readonly apply:
    | { readonly [Kind in keyof K & string]?: (state: S, event: StoredEvent<Pick<K, Kind>>) => S }
    | ((state: S, event: StoredEvent<K>) => S)
}

export interface ProjectionOptions {
  readonly topic: string
  /** `document`: the newest published state is kept. `history`: each one is, so that the state at any event is near.
   * Default `document`. */
  readonly keep?: 'document' | 'history'
  /** State and position are published after so many events, and when it has caught up: 1 to 10,000,000, default
   * 10,000. */
  readonly everyEvents?: number
}

export interface OpenProjectionOptions<S, K extends Kinds = AnyKinds> {
  /** Create the projection when it does not exist. */
  readonly create?: ProjectionOptions
  /** Without it the published states can be read, and nothing else. */
  readonly fold?: Fold<S, K>
}

/** A state and what it reflects. */
export interface Projected<S> {
  readonly state: S
  /** End offset, exclusive, of each partition. */
  readonly positions: readonly number[]
  /** The same, of a topic with one partition. */
  readonly offset?: number
}

/** The state after the events below an offset (one partition only), or after those recorded up to a time. */
export type StateMoment = { readonly offset: number } | { readonly time: number }

export interface ProjectionStatus {
  readonly projection: string
  readonly topic: string
  readonly keep: 'document' | 'history'
  readonly everyEvents: number
  /** Of the fold that made the published state; 0: nothing was published yet. */
  readonly foldVersion: number
  /** `idle`: nobody runs it here. `failed`: an apply threw, see `failure`. */
  readonly state: 'idle' | 'running' | 'following' | 'failed'
  /** This process was given a fold for it, so that it can run here. */
  readonly hasFold: boolean
  /** Of the state that is served: published, or in memory here. */
  readonly positions: readonly number[]
  readonly publishedPositions: readonly number[]
  readonly publishedAt: number
  readonly highWatermarks: readonly number[]
  /** Events between the two, of all partitions. */
  readonly lag: number
  readonly failure?: {
    readonly partition: number
    readonly offset: number
    readonly kind: string
    readonly message: string
    readonly at: number
  }
}

export interface RunOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly events: number; readonly lag: number }) => void
}

export interface Projection<S = unknown> {
  readonly name: string
  readonly topic: string
  /** Fold what is there, publish, and resolve. A fold of another version, or a topic that was created anew, begins
   * anew; the old state is served until then.
   * @throws {VarveError} `PROJECTION_FAILED` {partition, offset, kind} when an apply threw: the state before that event
   * is published and served; the next run tries it again. `PROJECTION_UNDEFINED` without a fold, `PROJECTION_BUSY` when
   * it runs already, `OFFSET_PRUNED` when events that it has to fold are gone (deleting it makes it begin with what is
   * there), `VALUE_UNSUPPORTED` for what `initial` gives, `STORE_READ_ONLY`, `TOPIC_UNKNOWN`. */
  run(options?: RunOptions): Promise<ProjectionStatus>
  /** The same, and then go on with every event that comes, publishing at most once a second, until the signal is
   * aborted or the store closes, which publishes once more. Resolves then. @throws as `run`. */
  follow(options?: RunOptions): Promise<ProjectionStatus>
  /** Fold all events anew, whatever was published. One that does not come to its end leaves that as it is. Whoever
   * follows pauses meanwhile. @throws as `run`. */
  rebuild(options?: RunOptions): Promise<ProjectionStatus>
  /** The newest state: the one in memory when it runs here, else the published one. The caller's to change.
   * @throws {VarveError} `PROJECTION_EMPTY` when nothing was published and there is no fold. */
  state(): Promise<Projected<S>>
  /** The state as of any event or time. Cost: the kept version before it, and a fold of the events in between; of a
   * projection that keeps a document, a fold from the beginning of the log or from the published state.
   * @throws {VarveError} `PROJECTION_UNDEFINED`, `OFFSET_OUT_OF_RANGE`, `OFFSET_PRUNED`, `PROJECTION_FAILED`. */
  stateAt(moment: StateMoment, options?: { readonly signal?: AbortSignal }): Promise<Projected<S>>
  status(): Promise<ProjectionStatus>
}
