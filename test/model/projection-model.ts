/** What a projection must be: a fold of all events from its beginning on, done anew each time it is asked.
 * @module */
import type { Fold } from '../../src/projection/types.ts'
import type { StoredEvent } from '../../src/topic/types.ts'

/** Every event that a topic ever had, by partition and offset, and what is left of it. */
export interface ModelTopic {
  /** Another one is another topic of the same name. */
  readonly generation: number
  readonly partitions: StoredEvent[][]
  starts: number[]
}

/** What an event does, whichever fold does it. */
interface Tally {
  count: number
  sum: number
  /** Per entity, which is in one partition. */
  entities: Record<string, { last: number; seen: number[] }>
  kinds: Record<string, number>
}

/** Events at which an apply throws, by the number in their data. */
export type Poison = ReadonlySet<number>

export const FOLDS = ['one function', 'by kind'] as const

/** A fold for the product. It changes the state it is given, also when it throws. */
export function foldOf(
  version: number,
  style: (typeof FOLDS)[number],
  { poison, onApply }: { readonly poison: Poison; readonly onApply: () => void },
): Fold<Tally> {
  const initial = (): Tally => ({ count: 0, sum: 0, entities: {}, kinds: {} })
  const apply = (state: Tally, event: StoredEvent): Tally => {
    onApply()
    const { number } = event.data as { number: number }
    const { count, sum, entities, kinds } = state
    state.count++
    state.sum = sum + number * version
    if (poison.has(number)) throw new Error(`number ${number} is not to be had`)
    kinds[event.kind] = (kinds[event.kind] ?? 0) + 1
    const before = entities[event.entity]?.seen ?? []
    entities[event.entity] = { last: number, seen: [...before, event.offset].slice(-5) }
    // Every other time the state is another object.
    return count % 2 === 0 ? state : { ...state }
  }
  return { version, initial, apply: style === 'by kind' ? { Made: apply, Gone: apply } : apply }
}

/** The state after `[begin, end)` of each partition, in plain words; kinds that a fold does not name do nothing. */
export function stateOf(
  topic: ModelTopic,
  fold: { readonly version: number; readonly style: (typeof FOLDS)[number] },
  range: { readonly begin: readonly number[]; readonly end: readonly number[] },
): unknown {
  const events = topic.partitions.flatMap((log, partition) => log.slice(range.begin[partition], range.end[partition]))
  const meant = events.filter((event) => isMeant(event, fold.style))
  const numberOf = ({ data }: StoredEvent) => (data as { number: number }).number
  const entities = [...new Set(meant.map(({ entity }) => entity))].map((entity) => {
    const own = meant.filter((event) => event.entity === entity)
    return [entity, { last: numberOf(own.at(-1) as StoredEvent), seen: own.map(({ offset }) => offset).slice(-5) }]
  })
  const kinds = [...new Set(meant.map(({ kind }) => kind))].map((kind) => [
    kind,
    meant.filter((event) => event.kind === kind).length,
  ])
  return {
    count: meant.length,
    sum: meant.reduce((sum, event) => sum + numberOf(event) * fold.version, 0),
    entities: Object.fromEntries(entities),
    kinds: Object.fromEntries(kinds),
  }
}

export function isMeant({ kind }: StoredEvent, style: (typeof FOLDS)[number]): boolean {
  return style === 'one function' || kind === 'Made' || kind === 'Gone'
}
