/** The projections that exist, in the order of their names without regard to case.
 * @module */

export interface ProjectionRow {
  readonly name: string
  readonly topic: string
  /** Of the topic: another one with its name is another topic. */
  readonly topicId: number
  /** What its state is kept as, under the name `_<name>`. */
  readonly keep: 'document' | 'history'
  readonly everyEvents: number
  readonly createdAt: number
  /** Of the fold that made the state; 0: nothing was published yet. */
  readonly foldVersion: number
  /** End offset, exclusive, of what the state reflects, of each partition. */
  readonly positions: readonly number[]
  /** Milliseconds since 1970; 0: never. */
  readonly publishedAt: number
  /** Why it stopped. Absent: it did not. */
  readonly failure?: ProjectionFailure
}

export interface ProjectionFailure {
  readonly partition: number
  readonly offset: number
  readonly kind: string
  readonly message: string
  readonly at: number
}
