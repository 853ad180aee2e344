/** Stores with a topic and a projection of it, and folds that tests look into.
 * @module */
import type { Fold, Projection, ProjectionOptions, Store, StoredEvent, Topic } from '../../../src/index.ts'
import { openShelf, type Shelf } from '../store/documents-support.ts'
import { event } from '../topic/support.ts'

export type { Projection } from '../../../src/index.ts'
export { openAgain, openShelf } from '../store/documents-support.ts'
export { collect, event, Gate, outcome, stateOf, Wire } from '../topic/support.ts'

/** What every event leaves in a state: which were folded, in which order. */
export interface Seen {
  offsets: number[]
  byKind: Record<string, number>
}

export interface CountingFold extends Fold<Seen> {
  /** How often `apply` was called. */
  readonly calls: () => number
}

/** A fold that records offsets, changes the state it is given, and counts its calls.
 * @param fails tells for which events `apply` throws, after it has changed the state. */
export function seeing(version = 1, fails: (event: StoredEvent) => boolean = () => false): CountingFold {
  let calls = 0
  return {
    version,
    calls: () => calls,
    initial: () => ({ offsets: [], byKind: {} }),
    apply: (state, event) => {
      calls++
      state.offsets.push(event.offset)
      state.byKind[event.kind] = (state.byKind[event.kind] ?? 0) + 1
      if (fails(event)) throw new Error(`no ${event.kind} at ${event.offset}`)
      return state
    },
  }
}

/** The same state, folded at once. */
export function seen(events: readonly { readonly offset: number; readonly kind: string }[]): Seen {
  const state: Seen = { offsets: [], byKind: {} }
  for (const { offset, kind } of events) {
    state.offsets.push(offset)
    state.byKind[kind] = (state.byKind[kind] ?? 0) + 1
  }
  return state
}

export const range = (to: number, from = 0) => Array.from({ length: to - from }, (_, at) => from + at)

/** `[0, to)`, each of kind `Noted`. */
export const noted = (to: number) => seen(range(to).map((offset) => ({ offset, kind: 'Noted' })))

export interface Stage extends Shelf {
  readonly topic: Topic
  readonly projection: Projection<Seen>
  readonly fold: CountingFold
}

/** A store with `count` events and a projection `seen` of them, that never ran. */
export async function openStage(
  options: Partial<ProjectionOptions> & { readonly count?: number; readonly fold?: CountingFold; shelf?: Shelf } = {},
): Promise<Stage> {
  const { count = 0, fold = seeing(), shelf = await openShelf(), ...create } = options
  const topic = await shelf.store.topics.open('orders', { create: true })
  await append(topic, count)
  const projection = await shelf.store.projections.open<Seen>('seen', { create: { topic: 'orders', ...create }, fold })
  return { ...shelf, topic, projection, fold }
}

/** Append single events. */
export async function append(topic: Topic, count: number, kind = 'Noted'): Promise<void> {
  for (let number = 0; number < count; number++) await topic.append(event(`entity-${number % 3}`, number, kind))
}

/** The published state, as whoever has no fold sees it. */
export async function publishedOf(store: Store, name = 'seen'): Promise<unknown> {
  const projection = await store.projections.open(name)
  return projection.state()
}
