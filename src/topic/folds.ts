/** Folding an entity into a state, and deciding on it.
 * @module */
import { isVarveError, type VarveError } from '../errors.ts'
import { wholeOption } from '../options.ts'
import type { AppendOptions, DecideOptions, Folded, NewEvent, Receipt, StoredEvent, Topic } from './types.ts'

const RETRIES_DEFAULT = 10

/** How a state grows by an event. */
export type Reduce<S> = (state: S, event: StoredEvent) => S

/** What folding needs of a topic. */
export interface Foldable extends Pick<Topic, 'read' | 'append'> {
  partitionOf(entity: string): number
  /** The version of an entity whose events were all pruned, else 0. */
  prunedVersion(entity: string): Promise<number>
}

/** Fold the events of an entity that came after `initial`. */
async function foldFrom<S>(
  topic: Foldable,
  entity: string,
  facts: { reduce: Reduce<S>; initial: Folded<S> },
): Promise<Folded<S>> {
  let { state, version } = facts.initial
  const resume = version === 0 ? {} : { partition: topic.partitionOf(entity), from: version }
  for await (const events of topic.read({ entity, ...resume }).batches()) {
    for (const event of events) {
      state = facts.reduce(state, event)
      version = event.offset + 1
    }
  }
  // Not the version of the log: that counts events which are not durable yet, and so are not in the state.
  return { state, version: version === 0 ? await topic.prunedVersion(entity) : version }
}

/** Fold all events of an entity. */
export function foldEntity<S>(
  topic: Foldable,
  entity: string,
  facts: { reduce: Reduce<S>; initial: S },
): Promise<Folded<S>> {
  const { reduce, initial } = facts
  return foldFrom(topic, entity, { reduce, initial: { state: initial, version: 0 } })
}

/** What `decideOn` needs besides its topic. */
export interface DecisionPlan<S> {
  readonly entity: string
  readonly reduce: Reduce<S>
  readonly initial: S
  readonly decision: (state: S) => readonly NewEvent[] | NewEvent | Promise<readonly NewEvent[] | NewEvent>
  readonly options: DecideOptions
}

/** Fold, decide, append what was decided if the entity is still at that version, or do it again.
 * After a conflict only what came meanwhile is folded: `reduce` must not change the state it is given. */
export async function decideOn<S>(topic: Foldable, plan: DecisionPlan<S>): Promise<Folded<S> & { receipt?: Receipt }> {
  const { entity, reduce, decision } = plan
  const { retries = RETRIES_DEFAULT, ...rest } = plan.options
  wholeOption('retries', retries, { least: 0 })
  let folded: Folded<S> = { state: plan.initial, version: 0 }
  for (let attempt = 0; ; attempt++) {
    folded = await foldFrom(topic, entity, { reduce, initial: folded })
    const decided = await decision(folded.state)
    const events = Array.isArray(decided) ? (decided as readonly NewEvent[]) : [decided as NewEvent]
    if (events.length === 0) return folded
    const options: AppendOptions = { ...rest, expect: { entity, version: folded.version } }
    try {
      const receipt = await topic.append(events, options)
      const after = await foldFrom(topic, entity, { reduce, initial: folded })
      return { ...after, receipt }
    } catch (error) {
      if (attempt >= retries || !isConflictOn(error, entity)) throw error
    }
  }
}

function isConflictOn(error: unknown, entity: string): error is VarveError {
  return isVarveError(error, 'VERSION_CONFLICT') && error.details.entity === entity
}
