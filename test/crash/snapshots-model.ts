/** What a store, its snapshots, and the places that they were restored or exported to may be after anything that was
 * done to them: every object is what its acknowledged facts made of it, and any of those that were under way.
 * @module */
import type { Store } from '../../src/store/types.ts'
import type { StoredEvent } from '../../src/topic/types.ts'
import type { Known, Ledger } from '../faults/explorer.ts'
import { must, plain } from '../support/scenario.ts'

/** What an object is, as text; undefined when it is not there. */
export type State = string | undefined

/** One thing that is done to one object, or was to be. Facts of an object happen in the order in which they began. */
export interface Fact {
  /** Such as `topic orders` or `snapshot first`. */
  readonly object: string
  readonly what: string
  readonly apply: (state: State) => State
  /** When it began and was over, counted over everything that is done. */
  begun?: number
  ended?: number
  /** What a snapshot was when it had been taken. */
  contents?: string
}

export type FactLedger = Ledger<Fact>
export type KnownFacts = Known<Fact>

/** Objects and what they are. */
export type States = ReadonlyMap<string, string>

/** What an open store shows: the state of each object in it, and every event by its id. */
export interface Contents {
  readonly states: States
  readonly events: ReadonlyMap<string, string>
}

export interface TopicState {
  readonly start: number
  readonly numbers: readonly number[]
}

export function topicText(state: TopicState): string {
  return plain(state)
}

export function topicOf(text: State): TopicState {
  return text === undefined ? { start: 0, numbers: [] } : (JSON.parse(text) as TopicState)
}

/** The number of what is written to see whether a store goes on; it is part of no contents. */
export const AFTERWARDS = -1

/** Read everything. */
export async function contentsOf(store: Store): Promise<Contents> {
  const states = new Map<string, string>()
  const events = new Map<string, string>()
  for (const { topic: name } of await store.topics.list()) {
    const topic = await store.topics.open(name)
    const found: StoredEvent[] = []
    for await (const batch of topic.read({}).batches())
      found.push(...batch.filter(({ data }) => data.number !== AFTERWARDS))
    for (const event of found) events.set(event.id, plain(event))
    const start = topic.stats().partitions[0]?.logStartOffset ?? 0
    states.set(`topic ${name}`, topicText({ start, numbers: found.map(({ data }) => data.number as number) }))
  }
  for (const { name } of await store.documents.list())
    states.set(`document ${name}`, plain(await store.documents.read(name)))
  for (const { history: name } of await store.histories.list()) {
    const history = await store.histories.open(name)
    const values: unknown[] = []
    for await (const { value } of history.query({}))
      if ((value as { number: number }).number !== AFTERWARDS) values.push(value)
    states.set(`history ${name}`, plain(values))
  }
  return { states, events }
}

/** The same as one text. */
export function contentsText({ states, events }: Contents): string {
  return plain([Object.fromEntries(states), Object.fromEntries(events)])
}

/** Check that every object is what it may be.
 * @returns the facts that made it that. @throws {ScenarioFailure} */
export function mustBeAllowed(seen: States, known: KnownFacts, isIn: (object: string) => boolean): Fact[] {
  const shown = new Set<Fact>()
  const objects = new Set([...known.attempted.map(({ object }) => object), ...seen.keys()])
  for (const object of objects) {
    if (!isIn(object)) continue
    const facts = known.attempted.filter((fact) => fact.object === object)
    const ways = waysOf(facts, known.acknowledged)
    const way = ways.find(({ state }) => state === seen.get(object))
    must(way !== undefined, () => `${object} is ${clip(seen.get(object))}, not ${ways.map(described).join(', or ')}`)
    for (const fact of way.facts) shown.add(fact)
  }
  return known.attempted.filter((fact) => shown.has(fact))
}

interface Way {
  readonly state: State
  readonly facts: readonly Fact[]
}

function waysOf(facts: readonly Fact[], acknowledged: readonly Fact[]): Way[] {
  let ways: Way[] = [{ state: undefined, facts: [] }]
  for (const fact of facts) {
    const after = ways.map((way) => ({ state: fact.apply(way.state), facts: [...way.facts, fact] }))
    // Nothing that was under way comes first, so that the fewest facts are said to have happened.
    ways = acknowledged.includes(fact) ? after : [...ways, ...after]
  }
  return ways
}

function described({ state, facts }: Way): string {
  return `${clip(state)} after ${facts.map(({ what }) => what).join(', ')}`
}

function clip(text: State): string {
  return text === undefined ? 'not there' : text.slice(0, 200)
}

/** Check that a snapshot holds one moment: of every object a state that it had, with everything that was over before
 * the snapshot was begun, nothing that began after it was taken, and nothing that began after what it has not.
 * @throws {ScenarioFailure} */
export function mustBeMoment(
  seen: States,
  known: KnownFacts,
  taken: { readonly begun: number; readonly ended: number; readonly isOf: (object: string) => boolean },
): void {
  const out: Fact[] = []
  let newest = 0
  for (const object of new Set(known.attempted.map((fact) => fact.object))) {
    if (!taken.isOf(object)) continue
    const facts = known.attempted.filter((fact) => fact.object === object)
    const count = prefixOf(facts, seen.get(object))
    must(count !== undefined, () => `a snapshot has ${object} as ${clip(seen.get(object))}, which it never was`)
    const [there, missing] = [facts.slice(0, count), facts.slice(count)]
    for (const fact of there) newest = Math.max(newest, fact.begun ?? 0)
    for (const { begun = 0, what } of there)
      must(begun < taken.ended, () => `a snapshot has ${what} of ${object}, which came after it`)
    for (const { ended = Number.POSITIVE_INFINITY, what } of missing)
      must(ended > taken.begun, () => `a snapshot lacks ${what} of ${object}, which came before it`)
    out.push(...missing)
  }
  for (const { object, what, ended = Number.POSITIVE_INFINITY } of out)
    must(ended > newest, () => `a snapshot lacks ${what} of ${object}, and has what began after it`)
}

/** After how many facts an object is so; the most of them. */
function prefixOf(facts: readonly Fact[], wanted: State): number | undefined {
  let found = wanted === undefined ? 0 : undefined
  let state: State
  for (const [order, fact] of facts.entries()) {
    state = fact.apply(state)
    if (state === wanted) found = order + 1
  }
  return found
}
