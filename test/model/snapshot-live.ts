/** A store that lives on while snapshots are taken of it: its topics, documents, histories and projections, and the
 * model of them.
 * @module */
import { expect } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import type { NewEvent, Receipt } from '../../src/topic/types.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { Wire } from '../unit/topic/support.ts'
import {
  appended,
  endOf,
  type ModelKey,
  type ModelSnapshot,
  type ModelStore,
  type ModelTopic,
  NOTHING,
  pruned,
  withEntry,
} from './snapshot-model.ts'
import type { SnapshotPlan, StepOf } from './snapshot-plans.ts'

export const TOPICS = ['first', 'second']
export const POLICY = { maxSnapshots: 3, retentionTimeMs: 1_000, minIntervalMs: 0 }

const counting = {
  version: 1,
  initial: (): Record<string, number> => ({}),
  apply: (state: Record<string, number>, { kind }: { kind: string }) => ({ ...state, [kind]: (state[kind] ?? 0) + 1 }),
}

/** Somewhere snapshots are kept. */
export interface Place {
  readonly storage: Storage
  readonly snapshots: Map<string, ModelSnapshot>
}

/** A store that was restored. */
export interface Target {
  readonly storage: Storage
  readonly isLinked: boolean
}

interface Called {
  readonly events: readonly NewEvent[]
  readonly receipt: Receipt
  readonly key: string | undefined
  readonly known: ModelKey | undefined
}

/** Carries out what has nothing to do with snapshots. */
export class LiveRun {
  protected readonly plan: SnapshotPlan
  protected readonly files: Storage = memoryStorage()
  protected readonly clock = new ManualClock(10_000)
  protected readonly random = seededRandom(7)
  protected store: Store | undefined
  protected reader: Store | undefined
  protected model: ModelStore = NOTHING
  /** The store itself is the first. */
  protected readonly places: readonly Place[]
  protected target: Target | undefined
  protected made = 0
  /** Files of the same key need not be the same file any more. */
  protected hasImported = false

  constructor(plan: SnapshotPlan) {
    this.plan = plan
    const noLinks = memoryStorage()
    const capabilities = { ...noLinks.capabilities, hardLinks: false }
    const storages = [this.files, memoryStorage(), new Wire(noLinks, { capabilities }).storage]
    this.places = storages.map((storage) => ({ storage, snapshots: new Map() }))
  }

  protected get live(): Store {
    return this.store as Store
  }

  protected get snapshots(): Map<string, ModelSnapshot> {
    return (this.places[0] as Place).snapshots
  }

  async begin(): Promise<void> {
    for (const [at, { partitions, segmentBytes, deflate, chainEvents }] of this.plan.topics.entries()) {
      const place = { storage: this.files, clock: this.clock, random: this.random }
      const name = TOPICS[at] as string
      await createSmallTopic(place, {
        ...{ name, partitions, segmentBytes },
        ...(deflate && { compression: 'deflate' }),
        ...(chainEvents && { chain: 'events' }),
      })
    }
    await this.open(true)
    for (const name of TOPICS) {
      const { lineage, partitions: count } = await this.live.topics.open(name)
      const partitions = Array.from({ length: count }, () => ({ base: 0, start: 0, events: [] }))
      this.setTopic(name, { lineage, partitions, keys: new Map() })
    }
  }

  protected async open(beside: boolean): Promise<void> {
    const capabilities = { ...this.files.capabilities, hardLinks: this.plan.links }
    const view = () => new Wire(this.files, { capabilities }).storage
    const options = { clock: this.clock, random: this.random, snapshotPolicy: POLICY }
    this.store = await openStore({ storage: view(), ...options })
    this.reader = beside ? await openStore({ storage: view(), ...options, readOnly: true }) : undefined
  }

  protected setTopic(name: string, topic: ModelTopic | undefined): void {
    this.model = { ...this.model, topics: withEntry(this.model.topics, name, topic) }
  }

  protected pickTopic(number: number): string {
    return pick([...this.model.topics.keys()], number) as string
  }

  protected async append(step: StepOf<'append'>): Promise<void> {
    const name = this.pickTopic(step.topic)
    const topic = await this.live.topics.open(name)
    const waiting: Promise<Called>[] = []
    const used = new Set<string>()
    for (const { entity, events: given, key: drawn, clockBy } of step.calls) {
      if (!step.atOnce) this.clock.setWall(Math.max(0, this.clock.now() + clockBy))
      const key = drawn === undefined || used.has(drawn) ? undefined : drawn
      if (step.atOnce && key !== undefined) used.add(key)
      const known = key === undefined ? undefined : this.model.topics.get(name)?.keys.get(key)
      const events = known?.events ?? given.map((event) => ({ ...event, entity }) as NewEvent)
      const appending = topic.append(events, key === undefined ? {} : { idempotencyKey: key })
      const called = appending.then((receipt) => ({ events, receipt, key, known }))
      if (step.atOnce) waiting.push(called)
      else this.take(name, await called)
    }
    // One with a key looks for it in other partitions first, and may come later than one without.
    const all = await Promise.all(waiting)
    all.sort((one, other) => one.receipt.firstOffset - other.receipt.firstOffset)
    for (const called of all) this.take(name, called)
  }

  /** What a call did. */
  protected take(name: string, { events, receipt, key, known }: Called): void {
    const { partition, replayed, firstOffset } = receipt
    if (known !== undefined) {
      expect(receipt).toMatchObject({ replayed: true, partition: known.partition, firstOffset: known.firstOffset })
      return
    }
    expect(replayed).toBe(false)
    const model = this.model.topics.get(name) as ModelTopic
    const before = model.partitions[partition]
    expect(firstOffset).toBe(before && endOf(before))
    this.setTopic(name, appended(model, events, { partition, now: this.clock.now(), key }))
  }

  protected async prune({ topic: number, percent }: StepOf<'prune'>): Promise<void> {
    const name = this.pickTopic(number)
    // Or it could not go on.
    if (this.model.projections.has(`of-${name}`)) await this.project(name)
    const topic = await this.live.topics.open(name)
    const model = this.model.topics.get(name) as ModelTopic
    const partition = number % model.partitions.length
    const row = model.partitions[partition] as ModelTopic['partitions'][number]
    const before = row.start + Math.floor(((endOf(row) - row.start) * percent) / 100)
    const [report] = (await topic.prune({ before, partition })).partitions
    const start = report?.logStartOffset ?? -1
    expect(start).toBeLessThanOrEqual(Math.max(before, row.start))
    expect(start).toBeGreaterThanOrEqual(row.start)
    this.setTopic(name, pruned(model, partition, start))
  }

  protected async write({ name, value }: StepOf<'write'>): Promise<void> {
    if (value !== undefined) await this.live.documents.write(name, value)
    else if (this.model.documents.has(name)) await this.live.documents.delete(name)
    this.model = { ...this.model, documents: withEntry(this.model.documents, name, value) }
  }

  protected async version({ name, values }: StepOf<'version'>): Promise<void> {
    const { histories } = this.model
    const known = histories.get(name)
    if (values === undefined) {
      if (known !== undefined) await this.live.histories.delete(name)
      this.model = { ...this.model, histories: withEntry(histories, name, undefined) }
      return
    }
    const history = await this.live.histories.open(name, { create: true })
    for (const value of values) await history.append(value)
    this.model = { ...this.model, histories: withEntry(histories, name, [...(known ?? []), ...values]) }
  }

  protected async project(topic: string): Promise<void> {
    const name = `of-${topic}`
    const keep = topic === TOPICS[0] ? ('document' as const) : ('history' as const)
    const create = { topic, everyEvents: 3, keep }
    const projection = await this.live.projections.open(name, { create, fold: counting as never })
    await projection.run()
    const { partitions } = this.model.topics.get(topic) as ModelTopic
    const before = this.model.projections.get(name)
    const state: Record<string, number> = { ...before?.state }
    for (const [at, row] of partitions.entries())
      for (const { kind } of row.events.slice(Math.max(row.start, before?.positions[at] ?? 0) - row.base))
        state[kind] = (state[kind] ?? 0) + 1
    const made = { topic, positions: partitions.map(endOf), state }
    this.model = { ...this.model, projections: withEntry(this.model.projections, name, made) }
  }
}

/** One of what there is; undefined of nothing. */
export function pick<T>(all: readonly T[], number: number): T | undefined {
  return all[number % Math.max(1, all.length)]
}
