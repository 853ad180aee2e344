/** Carries out a plan on a store and on the model, and compares them at every step.
 * @module */
import { expect } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import type { Topic } from '../../src/topic/types.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { outcome, Wire } from '../unit/topic/support.ts'
import { Caller } from './caller.ts'
import { compareEntities, compareQuery, compareVersions, compareWalk } from './compare.ts'
import { DecisionModel } from './decision-model.ts'
import type { Life, Plan, Step, StepOf } from './plans.ts'
import { mustKeepWithin } from './retention.ts'

const NAME = 'orders'

/** In edge workers and pages fast-check takes a part by itself. */
const numRuns = RUNTIME === 'edge' ? 60 : share(60)

/** How long a test looks for a plan that fails. A failure prints the seed and the path that repeat it. */
export const LIMITS = { numRuns, interruptAfterTimeLimit: 3_500, markInterruptAsFailure: false }

/** A topic as it is opened, with its model. */
export interface Held {
  readonly topic: Topic
  readonly model: DecisionModel
  readonly caller: Caller
}

/** Carry out a plan. */
export async function run(plan: Plan): Promise<void> {
  const runner = new Runner(plan)
  await runner.create()
  for (const life of plan.lives) await runner.live(life)
}

class Runner {
  readonly #plan: Plan
  readonly #files: Storage = memoryStorage()
  readonly #clock = new ManualClock(0)
  readonly #random = seededRandom(7)
  #known: Held | undefined
  /** The names of segments say where each begins; after a takeover there may be others. */
  #exact = true
  #retention: { maxEvents?: number; maxBytes?: number; maxAgeMs?: number } = {}

  constructor(plan: Plan) {
    this.#plan = plan
  }

  async create(): Promise<void> {
    const { partitions, segmentBytes, deflate, chainEvents } = this.#plan
    const place = { storage: this.#files, clock: this.#clock, random: this.#random }
    const options = {
      ...(deflate && { compression: 'deflate' as const }),
      ...(chainEvents && { chain: 'events' as const }),
    }
    await createSmallTopic(place, { name: NAME, partitions, segmentBytes, ...options })
    this.#known = undefined
    this.#retention = {}
  }

  async live({ checkpoint, memoryBudgetBytes, beside, steps, end, loses }: Life): Promise<void> {
    const options = { clock: this.#clock, random: this.#random, checkpoint, memoryBudgetBytes }
    const store = await openStore({ storage: this.#view(), ...options })
    const reader = beside ? await openStore({ storage: this.#view(), ...options, readOnly: true }) : undefined
    let held = await this.#hold(store)
    await this.#settle(held)
    for (const step of steps) {
      held = await this.#step(store, held, step)
      if (step.do === 'query' && reader !== undefined) {
        await store.checkpoint()
        await this.#settle(held)
        const topic = await reader.topics.open(NAME)
        await compareQuery(topic, held.model, step.query)
        await compareEntities(topic, held.model)
      }
    }
    await reader?.close()
    if (end === 'delete') await this.#delete(store, held)
    if (end === 'vanish') this.#exact = false
    else await store.close()
    if (end === 'delete') await this.create()
    else await this.#lose(loses)
  }

  #view(): Storage {
    const capabilities = { ...this.#files.capabilities, syncReads: this.#plan.syncReads }
    return new Wire(this.#files, { capabilities }).storage
  }

  async #hold(store: Store): Promise<Held> {
    const topic = await store.topics.open(NAME)
    const model = this.#known?.model ?? new DecisionModel(topic.partitions, topic.lineage)
    // Whatever was written was found again, and is durable by now.
    for (const [partition, log] of model.partitions.entries()) model.ends[partition] = log.length
    const around = {
      clock: this.#clock,
      bases: async () => (this.#exact ? this.#bases(topic.partitions) : undefined),
      settle: () => this.#settle(this.#known as Held),
    }
    const caller = this.#known?.caller ?? new Caller(topic, model, around)
    caller.topic = topic
    this.#known = { topic, model, caller }
    return this.#known
  }

  async #step(store: Store, held: Held, step: Step): Promise<Held> {
    const { topic, model, caller } = held
    switch (step.do) {
      case 'calls':
        await caller.calls(step)
        break
      case 'many':
        await caller.many(step.count)
        break
      case 'query':
        await compareQuery(topic, model, step.query)
        await compareEntities(topic, model)
        await compareVersions(topic, model)
        break
      case 'walk':
        await compareWalk(topic, model, { reference: step.id, limit: step.limit })
        break
      case 'prune':
        await this.#prune(held, step)
        break
      case 'retain':
        this.#retention = step.retention
        await store.topics.change(NAME, { retention: step.retention })
        break
      case 'change':
        await this.#change(store, held, step)
        break
      case 'advance':
        await this.#clock.advance(step.byMs)
        break
      case 'checkpoint':
        await store.checkpoint()
        break
      case 'recreate':
        return this.#recreate(store, held)
    }
    await this.#settle(held)
    return held
  }

  /** See what is durable and what was pruned. */
  async #settle({ topic, model }: Held): Promise<void> {
    // After the pruning that is under way.
    if (Object.keys(this.#retention).length > 0) await topic.prune()
    for (const { partition, logStartOffset, highWatermark, ...stats } of topic.stats().partitions) {
      const written = model.partitions[partition]?.length ?? 0
      expect(highWatermark).toBeLessThanOrEqual(written)
      expect(highWatermark).toBeGreaterThanOrEqual(Math.min(model.ends[partition] ?? 0, written))
      model.ends[partition] = highWatermark
      const facts = { partition, start: logStartOffset, stats, bases: (await this.#bases(topic.partitions))[partition] }
      mustKeepWithin(model, { ...facts, retention: this.#retention, now: this.#clock.now(), exact: this.#exact })
      model.starts[partition] = logStartOffset
    }
  }

  /** Base offsets of the segments of each partition, as their names say. */
  async #bases(partitions: number): Promise<number[][]> {
    const bases: number[][] = []
    for (let partition = 0; partition < partitions; partition++) {
      const files = await this.#files.list(`topics/${NAME}/${partition}`)
      const own = files.flatMap(({ name }) => (name.endsWith('.log') ? [Number.parseInt(name, 10)] : []))
      bases.push([...new Set(own)].sort((a, b) => a - b))
    }
    return bases
  }

  async #prune({ topic, model }: Held, { percent, partition: drawn }: StepOf<'prune'>): Promise<void> {
    const partition = drawn % topic.partitions
    const before = Math.floor(((model.partitions[partition]?.length ?? 0) * percent) / 100)
    const bases = (await this.#bases(topic.partitions))[partition] ?? []
    const stats = topic.stats()
    const planned = await topic.prune({ before, partition, dryRun: true })
    expect(topic.stats()).toEqual(stats)
    expect((await this.#bases(topic.partitions))[partition]).toEqual(bases)
    const done = await topic.prune({ before, partition })
    const plain = ({ partitions }: typeof done) => partitions.map(({ sizeBytes: _, ...rest }) => rest)
    expect(plain(done)).toEqual(plain(planned))
    const logStartOffsetBefore = model.starts[partition] ?? 0
    const [report] = done.partitions
    const logStartOffset = report?.logStartOffset ?? -1
    expect([done.partitions.length, planned.dryRun, done.dryRun]).toEqual([1, true, false])
    expect(report).toMatchObject({ partition, logStartOffsetBefore, events: logStartOffset - logStartOffsetBefore })
    expect(logStartOffset).toBeLessThanOrEqual(Math.max(before, logStartOffsetBefore))
    const wanted = bases.findLast((base) => base <= before) ?? 0
    if (this.#exact) expect(logStartOffset).toBe(Math.max(wanted, logStartOffsetBefore))
    model.starts[partition] = logStartOffset
  }

  async #change(store: Store, { topic, model }: Held, change: StepOf<'change'>): Promise<void> {
    const { compression, windowMs, windowKeys } = change
    const given = windowMs !== undefined || windowKeys !== undefined
    const idempotency = { ...(windowMs !== undefined && { windowMs }), ...(windowKeys !== undefined && { windowKeys }) }
    const options = { ...(compression !== undefined && { compression }), ...(given && { idempotency }) }
    const { settings } = await store.topics.change(NAME, options)
    if (given) model.window = { windowMs: 86_400_000, windowKeys: 1_000_000, ...idempotency }
    expect(settings).toMatchObject({ ...options, idempotency: model.window, retention: this.#retention })
    expect(topic.stats().settings).toEqual(settings)
  }

  async #delete(store: Store, { topic }: Held): Promise<void> {
    await store.topics.delete(NAME)
    const asked = [
      topic.append({ kind: 'K', entity: 'a', data: 0 }),
      topic.page(),
      topic.get(0, { partition: 0 }),
      topic.version('a'),
      topic.prune(),
      topic.fold('a', (state) => state, 0),
      topic.causes('x'),
    ]
    expect(await Promise.all(asked.map((one) => outcome(one as Promise<unknown>)))).toEqual(
      asked.map(() => 'TOPIC_DELETED'),
    )
    expect(await store.topics.list()).toEqual([])
    expect(await this.#bases(topic.partitions)).toEqual(Array.from({ length: topic.partitions }, () => []))
  }

  async #recreate(store: Store, held: Held): Promise<Held> {
    const cursor = held.topic.cursorAfter({ partition: 0, offset: 0 })
    await this.#delete(store, held)
    const partitions = (held.topic.partitions % 3) + 1
    const topic = await store.topics.open(NAME, { create: { partitions, compression: 'deflate' } })
    expect(await outcome(topic.page({ cursor }))).toBe('CURSOR_FOREIGN')
    this.#known = undefined
    this.#retention = {}
    return this.#hold(store)
  }

  async #lose(patterns: readonly string[]): Promise<void> {
    for (let partition = 0; partition < 3; partition++) {
      const directory = `topics/${NAME}/${partition}`
      for (const { name } of await this.#files.list(directory).catch(() => [])) {
        if (patterns.some((pattern) => name.includes(pattern))) await this.#files.remove(`${directory}/${name}`)
      }
    }
  }
}
