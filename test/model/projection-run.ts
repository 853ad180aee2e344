/** Carries out a plan on the projections of a store and on their models, and compares them at every step.
 * @module */
import { expect } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { isVarveError, openStore } from '../../src/index.ts'
import { nextTurn } from '../../src/ports/clock.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Projection } from '../../src/projection/types.ts'
import type { Store } from '../../src/store/types.ts'
import type { StoredEvent, Topic } from '../../src/topic/types.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { collect, outcome, Wire } from '../unit/topic/support.ts'
import { endsOf, eventsBetween, type Held, isCurrent, isPoisoned, ProjectionChecks } from './projection-checks.ts'
import { foldOf, isMeant, type ModelTopic, stateOf } from './projection-model.ts'
import type { Events, Life, ProjectionPlan, Step, StepOf } from './projection-plans.ts'

const TOPIC = 'orders'
/** What is compressed on the way takes turns of the runtime. */
const TURNS_MOST = 50_000
const NAMES = ['first', 'second']

const numRuns = RUNTIME === 'edge' ? 30 : share(300)

/** How long a test looks for a plan that fails. A failure prints the seed and the path that repeat it. */
export const LIMITS = {
  numRuns,
  interruptAfterTimeLimit: RUNTIME === 'node' ? 14_000 : 4_000,
  markInterruptAsFailure: false,
}

type Memory = Omit<Held, 'projection'>

export async function run(plan: ProjectionPlan): Promise<void> {
  const runner = new Runner(plan)
  for (const life of plan.lives) await runner.live(life)
}

class Runner {
  readonly #plan: ProjectionPlan
  readonly #files: Storage = memoryStorage()
  readonly #clock = new ManualClock(1_000)
  readonly #random = seededRandom(7)
  readonly #poison = new Set<number>()
  #model: ModelTopic | undefined
  #number = 0
  #generation = 0
  #applied = 0
  #store: Store | undefined
  #reader: Store | undefined
  #memories: Memory[] = []
  #held: Held[] = []

  constructor(plan: ProjectionPlan) {
    this.#plan = plan
  }

  get #topicModel(): ModelTopic {
    if (this.#model === undefined) throw new Error('no topic')
    return this.#model
  }

  get #checks(): ProjectionChecks {
    const topic = this.#topicModel
    return new ProjectionChecks({ topic, poison: this.#poison, store: this.#store as Store, reader: this.#reader })
  }

  async live({ beside, steps, end }: Life): Promise<void> {
    if (this.#model === undefined) await this.#makeTopic(this.#plan.partitions)
    const store = await this.#open()
    this.#store = store
    this.#reader = beside ? await this.#open(true) : undefined
    this.#held = []
    for (const [n, options] of this.#plan.projections.entries()) {
      this.#memories[n] ??= this.#remember(NAMES[n] as string, options)
      this.#held.push(await this.#hold(this.#memories[n]))
    }
    for (const held of this.#held) await this.#checks.mustServe(held)
    for (const step of steps) {
      await this.#step(step)
      for (const held of this.#held) await this.#checks.mustServe(held)
    }
    for (const held of this.#held) if (held.keep === 'history') await this.#checks.mustKeep(held)
    const { ok, problems } = await store.verify()
    expect({ ok, problems }).toEqual({ ok: true, problems: [] })
    this.#memories = this.#held.map(({ projection: _, ...memory }) => memory)
    await this.#reader?.close()
    if (end === 'close') await store.close()
  }

  #open(readOnly = false): Promise<Store> {
    const { storage } = new Wire(this.#files)
    return openStore({ storage, clock: this.#clock, random: this.#random, readOnly })
  }

  #remember(name: string, options: ProjectionPlan['projections'][number]): Memory {
    return { name, ...options, version: 1, published: undefined, hasFailed: false }
  }

  async #hold(memory: Memory): Promise<Held> {
    const { name, keep, everyEvents } = memory
    const fold = this.#foldOf(memory)
    const store = this.#store as Store
    const projection = await store.projections.open(name, { create: { topic: TOPIC, keep, everyEvents }, fold })
    return { ...memory, projection: projection as Projection }
  }

  #foldOf({ version, style }: Memory) {
    const onApply = () => {
      this.#applied++
    }
    return foldOf(version, style, { poison: this.#poison, onApply })
  }

  /** A topic of which parts can be pruned. */
  async #makeTopic(partitions: number): Promise<void> {
    const place = { storage: this.#files, clock: this.#clock, random: this.#random }
    await createSmallTopic(place, { name: TOPIC, partitions, segmentBytes: 500 })
    this.#begin(partitions)
  }

  #begin(partitions: number): void {
    const empty = () => Array.from({ length: partitions }, () => [] as StoredEvent[])
    this.#model = { generation: ++this.#generation, partitions: empty(), starts: new Array(partitions).fill(0) }
  }

  async #step(step: Step): Promise<void> {
    const held = 'of' in step ? (this.#held[step.of] as Held) : undefined
    switch (step.do) {
      case 'append':
        return this.#append(step.events)
      case 'run':
        return this.#run(held as Held, step)
      case 'follow':
        return this.#follow(held as Held, step)
      case 'fold':
        return this.#fold(held as Held, step)
      case 'heal':
        return this.#poison.clear()
      case 'prune':
        return this.#prune(step)
      case 'at':
        return this.#at(held as Held, step)
      case 'remake':
        return this.#remake(held as Held)
      case 'topic':
        return this.#remakeTopic(step)
    }
  }

  #topic(): Promise<Topic> {
    return (this.#store as Store).topics.open(TOPIC)
  }

  async #append(events: Events): Promise<void> {
    const topic = await this.#topic()
    const model = this.#topicModel
    for (const { entity, kind, poison, clockBy } of events) {
      this.#clock.setWall(Math.max(1, this.#clock.now() + clockBy))
      const number = ++this.#number
      await topic.append({ kind, entity: `e${entity}`, data: { number } })
      if (poison) this.#poison.add(number)
    }
    for (const [partition, log] of model.partitions.entries()) {
      log.push(...(await collect(topic.read({ partition, from: log.length }))))
    }
  }

  get #ends(): number[] {
    return endsOf(this.#topicModel)
  }

  /** Where a fold of it begins; undefined: events that it has to fold are gone. */
  #beginOf({ published }: Held): readonly number[] | undefined {
    const { starts } = this.#topicModel
    if (published === undefined || published.topic !== this.#model) return [...starts]
    return published.begin.every((offset, partition) => offset >= (starts[partition] ?? 0))
      ? published.begin
      : undefined
  }

  async #run(held: Held, { rebuild }: { readonly rebuild: boolean }): Promise<void> {
    const { projection } = held
    const anew = rebuild || !isCurrent(held, this.#topicModel)
    const from = anew ? this.#beginOf(held) : this.#positionsOf(held)
    const applied = this.#applied
    const result = await (rebuild ? projection.rebuild() : projection.run()).catch((error: unknown) => error)
    if (from === undefined) {
      expect(result).toMatchObject({ code: 'OFFSET_PRUNED' })
      return
    }
    await this.#mustEnd(held, { result, anew, from })
    if (!held.hasFailed) {
      const folded = eventsBetween(this.#topicModel, from, this.#ends).filter((event) => isMeant(event, held.style))
      expect(this.#applied - applied, 'applied').toBe(folded.length)
    }
  }

  /** Positions to go on from; undefined: what comes next is gone. */
  #positionsOf({ published }: Held): readonly number[] | undefined {
    const { starts } = this.#topicModel
    const positions = published?.positions ?? starts
    return positions.every((offset, partition) => offset >= (starts[partition] ?? 0)) ? positions : undefined
  }

  /** What came of a run. */
  async #mustEnd(
    held: Held,
    { result, anew, from }: { readonly result: unknown; readonly anew: boolean; readonly from: readonly number[] },
  ): Promise<void> {
    const { projection, version } = held
    const topic = this.#topicModel
    const begin = anew ? from : (held.published?.begin ?? from)
    const poisoned = eventsBetween(this.#topicModel, from, this.#ends).filter((event) =>
      isPoisoned(event, held.style, this.#poison),
    )
    if (poisoned.length === 0) {
      if (result instanceof Error) throw result
      held.published = { foldVersion: version, topic, begin, positions: this.#ends }
      held.hasFailed = false
      expect(result).toMatchObject({ state: 'idle', lag: 0, foldVersion: version, positions: this.#ends })
      return
    }
    if (!isVarveError(result, 'PROJECTION_FAILED')) throw new Error(`not a failure: ${result}`, { cause: result })
    const { partition, offset } = result.details as { partition: number; offset: number }
    const firsts = poisoned.filter(
      (event) => !poisoned.some((o) => o.partition === event.partition && o.offset < event.offset),
    )
    expect(firsts.map((event) => ({ partition: event.partition, offset: event.offset }))).toContainEqual({
      partition,
      offset,
    })
    held.hasFailed = true
    const status = await projection.status()
    expect(status.failure).toMatchObject({ partition, offset })
    // Old states are served until the new ones are whole.
    if (anew && held.published !== undefined) return
    const { positions } = status
    expect(positions[partition]).toBe(offset)
    for (const [at, position] of positions.entries()) {
      expect(position).toBeGreaterThanOrEqual(from[at] as number)
      expect(position).toBeLessThanOrEqual(
        firsts.find((event) => event.partition === at)?.offset ?? (this.#ends[at] as number),
      )
    }
    held.published = { foldVersion: version, topic, begin, positions }
  }

  async #follow(held: Held, { rounds }: StepOf<'follow'>): Promise<void> {
    const { projection } = held
    const anew = !isCurrent(held, this.#topicModel)
    const from = anew ? this.#beginOf(held) : this.#positionsOf(held)
    const abort = new AbortController()
    let result: unknown
    let hasCaughtUp = false
    const done = projection.follow({ signal: abort.signal }).catch((error: unknown) => error)
    done.then((one) => {
      result = one
    })
    for (const events of [undefined, ...rounds]) {
      if (events !== undefined) await this.#append(events)
      for (let turn = 0; result === undefined; turn++) {
        await settle(8)
        await (turn % 64 === 63 ? timerTurn() : nextTurn())
        const { state, lag } = await projection.status()
        if (state === 'following' && lag === 0) break
        if (turn === TURNS_MOST) throw new Error('it does not catch up')
      }
      if (result !== undefined) break
      hasCaughtUp = true
      expect(await outcome(projection.run())).toBe('PROJECTION_BUSY')
      expect(from).toBeDefined()
      const begin = anew ? from : held.published?.begin
      const fold = { version: held.version, style: held.style }
      const wanted = stateOf(this.#topicModel, fold, { begin: begin ?? [], end: this.#ends })
      expect(await projection.state()).toMatchObject({ state: wanted, positions: this.#ends })
      await this.#clock.advance(700)
    }
    abort.abort()
    result = await done
    if (from === undefined) {
      expect(result).toMatchObject({ code: 'OFFSET_PRUNED' })
      return
    }
    // It published when it was caught up: then it failed behind that.
    if (anew && hasCaughtUp) {
      held.published = { foldVersion: held.version, topic: this.#topicModel, begin: from, positions: from }
    }
    await this.#mustEnd(held, { result, anew: anew && !hasCaughtUp, from })
  }

  async #fold(held: Held, { version }: StepOf<'fold'>): Promise<void> {
    held.version = version
    await this.#store?.projections.open(held.name, { fold: this.#foldOf(held) })
  }

  async #prune({ partition: drawn, percent }: StepOf<'prune'>): Promise<void> {
    const topic = await this.#topic()
    const partition = drawn % topic.partitions
    await topic.prune({ before: Math.floor(((this.#ends[partition] ?? 0) * percent) / 100), partition })
    this.#topicModel.starts = topic.stats().partitions.map(({ logStartOffset }) => logStartOffset)
  }

  async #remake(held: Held): Promise<void> {
    const { name, projection } = held
    await this.#store?.projections.delete(name)
    expect(await outcome(projection.state())).toBe('PROJECTION_UNKNOWN')
    const directory = `${held.keep === 'document' ? 'documents' : 'histories'}/_${name}`
    expect(await this.#files.list(directory)).toEqual([])
    held.published = undefined
    held.hasFailed = false
    held.projection = (await this.#hold(held)).projection
  }

  async #remakeTopic({ gap, partitions }: StepOf<'topic'>): Promise<void> {
    const store = this.#store as Store
    await store.topics.delete(TOPIC)
    if (gap) {
      for (const held of this.#held) {
        expect(await outcome(held.projection.run())).toBe('TOPIC_UNKNOWN')
        if (held.published !== undefined) await this.#checks.mustServe(held)
      }
    }
    await store.topics.open(TOPIC, { create: { partitions } })
    this.#begin(partitions)
  }

  async #at(held: Held, { moments }: StepOf<'at'>): Promise<void> {
    const { projection, published } = held
    const topic = this.#topicModel
    const times = eventsBetween(this.#topicModel, [], []).map(({ recordedAt }) => recordedAt)
    for (const moment of moments) {
      const end = this.#ends[0] as number
      if (topic.partitions.length === 1) await this.#checks.mustBeAt(held, { offset: moment % (end + 2) })
      const time = (times[moment % Math.max(1, times.length)] ?? 1_000) + (moment % 3) - 1
      await this.#checks.mustBeAt(held, { time })
    }
    if (topic.partitions.length > 1) expect(await outcome(projection.stateAt({ offset: 0 }))).toBe('OPTION_INVALID')
    expect(held.published).toBe(published)
  }
}

/** A turn that waits for whatever a runtime does beside messages: in Workers streams that compress wait for it. */
function timerTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0)
  })
}
