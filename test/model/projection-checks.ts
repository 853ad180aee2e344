/** What a projection answers while nothing runs, held against the model.
 * @module */
import { expect } from 'vitest'
import { isVarveError } from '../../src/index.ts'
import type { Projected, Projection, ProjectionStatus, StateMoment } from '../../src/projection/types.ts'
import type { Store } from '../../src/store/types.ts'
import type { StoredEvent } from '../../src/topic/types.ts'
import { collect, outcome } from '../unit/topic/support.ts'
import { type FOLDS, isMeant, type ModelTopic, type Poison, stateOf } from './projection-model.ts'

/** What was published, as the model knows it. */
export interface Published {
  readonly foldVersion: number
  readonly topic: ModelTopic
  readonly begin: readonly number[]
  readonly positions: readonly number[]
}

/** A projection as it is open, with what the model knows of it. */
export interface Held {
  readonly name: string
  readonly keep: 'document' | 'history'
  readonly everyEvents: number
  readonly style: (typeof FOLDS)[number]
  version: number
  projection: Projection
  published: Published | undefined
  hasFailed: boolean
}

/** Where projections are, now. */
interface Place {
  readonly topic: ModelTopic
  readonly poison: Poison
  readonly store: Store
  readonly reader: Store | undefined
}

export class ProjectionChecks {
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  async mustBeAt(held: Held, moment: StateMoment): Promise<void> {
    const topic = this.#place.topic
    const { published, version, style } = held
    const found: unknown = await held.projection.stateAt(moment).catch((error: unknown) => error)
    const shown = `${held.name} at ${JSON.stringify(moment)}`
    const [end = 0] = endsOf(this.#place.topic)
    if ('offset' in moment && moment.offset > end) {
      expect(found, shown).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
      return
    }
    const origin = published !== undefined && published.topic === topic ? published.begin : [...topic.starts]
    const asked = topic.partitions.map((log) =>
      'offset' in moment ? moment.offset : log.filter(({ recordedAt }) => recordedAt <= moment.time).length,
    )
    // What was before the beginning is not known; of a time nobody can tell.
    const to = asked.map((offset, partition) => Math.max(offset, origin[partition] ?? 0))
    const near = isCurrent(held, this.#place.topic) ? published : undefined
    const covers = (offsets: readonly number[] | undefined) =>
      offsets?.every((offset, at) => offset <= (to[at] ?? 0) && offset >= (topic.starts[at] ?? 0)) === true
    // When the event before was recorded, a document does not say: only that it was not after the next one.
    const isKnown = near?.positions.every(
      (offset, n) => offset === 0 || offset > (topic.starts[n] ?? 0) || offset < (to[n] ?? 0),
    )
    const mustBe = covers(origin) || (covers(near?.positions) && ('offset' in moment || isKnown === true))
    const poisoned = eventsBetween(this.#place.topic, origin, to).some((event) =>
      isPoisoned(event, style, this.#place.poison),
    )
    const isBefore = 'offset' in moment && moment.offset < (origin[0] ?? 0)
    if (isVarveError(found, 'OFFSET_PRUNED')) {
      expect(isBefore || !mustBe, shown).toBe(true)
      return
    }
    expect(isBefore, shown).toBe(false)
    if (poisoned) {
      expect(found, shown).toMatchObject({ code: 'PROJECTION_FAILED' })
      return
    }
    if (found instanceof Error) throw new Error(`${shown}: ${found}`, { cause: found })
    const wanted = stateOf(topic, { version, style }, { begin: origin, end: to })
    expect(found, shown).toEqual(projected(wanted, to))
  }

  /** What is served while nothing runs. */
  async mustServe(held: Held): Promise<void> {
    const { projection, published, style, hasFailed, name, version } = held
    const status = await projection.status()
    const expected: Partial<ProjectionStatus> = {
      projection: name,
      foldVersion: published?.foldVersion ?? 0,
      state: hasFailed ? 'failed' : 'idle',
      hasFold: true,
    }
    expect(status).toMatchObject(expected)
    for (const [at, reader] of [this.#place.store, this.#place.reader].entries()) {
      if (reader === undefined) continue
      const each = at === 0 ? projection : await reader.projections.open(name)
      const found = await each.state().catch((error: unknown) => error)
      if (published !== undefined) {
        const { topic, begin, positions: end, foldVersion } = published
        expect(status.publishedPositions).toEqual(end)
        const wanted = stateOf(topic, { version: foldVersion, style }, { begin, end })
        expect(found, `${name} ${at}`).toEqual(projected(wanted, end))
      } else if (at === 1) expect(found).toMatchObject({ code: 'PROJECTION_EMPTY' })
      else {
        const starts = [...this.#place.topic.starts]
        const wanted = stateOf(this.#place.topic, { version, style }, { begin: starts, end: starts })
        expect(found).toEqual(projected(wanted, starts))
      }
      if (at === 1) expect(await outcome(each.stateAt({ time: 5 }))).toBe('PROJECTION_UNDEFINED')
    }
  }

  /** Every kept version is the state that it says it is. */
  async mustKeep({ name, published, style, everyEvents }: Held): Promise<void> {
    const history = await this.#place.store.histories.open(`_${name}`)
    const kept = await collect(history.query())
    if (published === undefined) {
      expect(kept).toEqual([])
      return
    }
    const { topic, begin } = published
    let before = begin.reduce((sum, offset) => sum + offset, 0)
    for (const { value, metadata, at } of kept) {
      const { positions, foldVersion } = metadata as { positions: number[]; foldVersion: number }
      expect(foldVersion).toBe(published.foldVersion)
      expect(value).toEqual(stateOf(topic, { version: foldVersion, style }, { begin, end: positions }))
      const events = topic.partitions.flatMap((log, partition) => log.slice(begin[partition], positions[partition]))
      expect(at).toBe(Math.max(0, ...events.map(({ recordedAt }) => recordedAt)))
      const folded = positions.reduce((sum, offset) => sum + offset, 0)
      expect(folded - before).toBeLessThanOrEqual(everyEvents)
      before = folded
    }
    const last = kept.at(-1)?.metadata as { positions: number[] }
    expect(last.positions).toEqual(published.positions)
  }
}

export function endsOf(topic: ModelTopic): number[] {
  return topic.partitions.map((log) => log.length)
}

/** Whether what was published is of this fold and this topic. */
export function isCurrent({ published, version }: Held, topic: ModelTopic): boolean {
  return published?.foldVersion === version && published.topic === topic
}

export function eventsBetween(topic: ModelTopic, from: readonly number[], to: readonly number[]): StoredEvent[] {
  return topic.partitions.flatMap((log, partition) => log.slice(from[partition], to[partition]))
}

export function isPoisoned(event: StoredEvent, style: Held['style'], poison: Poison): boolean {
  return isMeant(event, style) && poison.has((event.data as { number: number }).number)
}

function projected(state: unknown, positions: readonly number[]): Projected<unknown> {
  const [offset] = positions
  return { state, positions: [...positions], ...(positions.length === 1 && offset !== undefined && { offset }) }
}
