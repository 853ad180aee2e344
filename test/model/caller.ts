/** Makes append calls, one by one or many at once, and holds what comes of them against the model.
 * @module */
import { expect } from 'vitest'
import type { AppendOptions, Expectation, NewEvent, QueryClause, Receipt, Topic } from '../../src/topic/types.ts'
import type { ManualClock } from '../support/manual-clock.ts'
import { outcome } from '../unit/topic/support.ts'
import { idOf, startQuery } from './compare.ts'
import type { DecisionModel, Leeway, ModelCall } from './decision-model.ts'
import { type Call, LARGE, type StepOf } from './plans.ts'

/** One call as it is made. */
interface Made {
  readonly call: ModelCall
  readonly options: AppendOptions
}

interface Surroundings {
  readonly clock: ManualClock
  /** Where the segments of each partition begin, if that is known. */
  readonly bases: () => Promise<number[][] | undefined>
  /** Tell the model what is durable and pruned now. */
  readonly settle: () => Promise<void>
}

export class Caller {
  /** As it is open now. */
  topic: Topic
  readonly #model: DecisionModel
  readonly #around: Surroundings
  /** Calls with keys so far, which others repeat. */
  readonly #keyed: Made[] = []
  readonly #hashes = new Map<string, string>()
  #many = 0

  constructor(topic: Topic, model: DecisionModel, around: Surroundings) {
    this.topic = topic
    this.#model = model
    this.#around = around
  }

  async calls({ calls, atOnce, meanwhile }: StepOf<'calls'>): Promise<void> {
    if (atOnce) return this.#go(calls, meanwhile)
    for (const call of calls) await this.#go([call], undefined)
  }

  async many(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const at = this.#many++
      const events = [{ kind: `M${at % 5}`, entity: `many-${at % 17}`, data: at, tags: [`m${at % 7}`] }]
      await this.#go([{ events, clockBy: 1, repeats: undefined, ...PLAIN } as Call], undefined)
    }
  }

  async #go(calls: readonly Call[], meanwhile: StepOf<'calls'>['meanwhile']): Promise<void> {
    const { clock, bases, settle } = this.#around
    clock.setWall(Math.max(0, clock.now() + (calls[0]?.clockBy ?? 0)))
    const model = this.#model
    const made = calls.map((call) => this.#make(call, calls.length > 1))
    const leeway = {
      durable: model.partitions.map((_, partition) => model.end(partition)),
      written: model.partitions.map(({ length }) => length),
      keyed: made.filter(({ options }) => options.idempotencyKey !== undefined).length - 1,
      bases: await bases(),
    }
    const read = meanwhile === undefined ? undefined : startQuery(this.topic, model, meanwhile)
    const given = await Promise.all(
      made.map(({ call, options }) => outcome(this.topic.append(call.events as NewEvent[], options))),
    )
    await read?.()
    const starts = this.topic.stats().partitions.map(({ logStartOffset }) => logStartOffset)
    for (const at of this.#order(made, given)) {
      this.#judge(made[at] as Made, given[at] as Receipt | string, { ...leeway, starts })
    }
    await settle()
  }

  /** In which order calls that were made at once are decided: as they were made. In a topic of several partitions those
   * with keys ask the other partitions first, and so come later; of the same key the first one comes first. */
  #order(made: readonly Made[], given: readonly (Receipt | string)[]): number[] {
    const late = (at: number): number => {
      const key = made[at]?.options.idempotencyKey
      const receipt = given[at] as Receipt | string
      if (key === undefined) return -1
      const before = [...made.keys()].filter((i) => i < at && made[i]?.options.idempotencyKey === key)
      const isFresh = typeof receipt !== 'string' && !receipt.replayed
      // In one partition only those are late that waited for a call in flight, which the window forgot meanwhile.
      const waited = before.some((i) => isKept(given[i])) || this.#isInFlight(key)
      if (this.topic.partitions === 1 && !(isFresh && waited)) return -1
      return isFresh ? receipt.firstOffset : Math.max(-1, ...before.map(late))
    }
    return [...made.keys()].sort((a, b) => late(a) - late(b) || a - b)
  }

  /** Whether a call with a key was not durable when it was last looked, in the only partition. */
  #isInFlight(key: string): boolean {
    return (this.#model.keyed(key, 0)?.firstOffset ?? -1) >= this.#model.end(0)
  }

  #judge({ call, options }: Made, given: Receipt | string, leeway: Leeway): void {
    const model = this.#model
    const allowed = model.allowed(call, leeway)
    const came = typeof given === 'string' ? given : given.replayed ? 'replayed' : 'appended'
    expect(allowed, JSON.stringify({ call, given })).toContain(came)
    const { partition } = call
    // A refusal or a repetition is told when what it comes from is durable.
    if (typeof given === 'string') {
      if (came === 'VERSION_CONFLICT' || came === 'CONDITION_FAILED') this.#mustBeDurable(partition, leeway)
      return
    }
    const { hash, versions, ...rest } = given
    const { idempotencyKey: key, durability = 'synced' } = options
    const { versions: _, ...known } = came === 'appended' ? model.accept(call) : this.#earlier(call)
    const facts = { topic: this.topic.name, lineage: model.lineage, durability, replayed: came === 'replayed' }
    const { windowMs, windowKeys } = model.window
    const until = known.recordedAt + windowMs
    expect(rest).toEqual({ ...known, ...facts, ...(key !== undefined && { idempotency: { key, until, windowKeys } }) })
    const latest = call.events.map(({ entity }, at) => [entity, known.firstOffset + at + 1] as const)
    expect(Object.entries(versions)).toEqual(Object.entries(Object.fromEntries(latest)))
    const place = `${partition}-${known.firstOffset}`
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(hash).toBe(this.#hashes.get(place) ?? hash)
    this.#hashes.set(place, hash)
    if (durability === 'synced') this.#mustBeDurable(partition, { written: [], at: known.endOffset })
  }

  #mustBeDurable(partition: number, facts: { written: readonly number[]; at?: number }): void {
    const end = this.topic.stats().partitions[partition]?.highWatermark
    expect(end).toBeGreaterThanOrEqual(facts.at ?? facts.written[partition] ?? 0)
  }

  #earlier({ key = '', partition }: ModelCall) {
    const earlier = this.#model.keyed(key, partition)
    if (earlier === undefined) throw new Error(`Nothing to replay under ${key}`)
    const { key: _, ...place } = earlier
    return { ...place, versions: {} }
  }

  /** The call of a plan as it can be made now. */
  #make(plan: Call, among: boolean): Made {
    // In several partitions it is not known when a call with a key is decided, among others.
    const asks = !among || this.topic.partitions === 1
    const repeated = plan.repeats === undefined ? undefined : this.#keyed.at(-1 - (plan.repeats % 10))
    if (repeated !== undefined) {
      const durability = plan.buffered ? 'buffered' : 'synced'
      const { call, options } = asks ? repeated : withoutQuestions(repeated)
      return { call: { ...call, now: this.#around.clock.now() }, options: { ...options, durability } }
    }
    const model = this.#model
    const partition = model.partitionOf(plan.events[0]?.entity ?? '')
    const isHere = (entity: string) => model.partitionOf(entity) === partition
    const events = plan.events.filter(({ entity }) => isHere(entity)).map((event) => this.#eventOf(event as NewEvent))
    const { key } = plan
    const expectations = asks || key === undefined ? this.#expectations(plan, isHere) : []
    const condition = asks || key === undefined ? this.#condition(plan, { partition, isHere }) : undefined
    const asked = {
      ...(expectations.length > 0 && { expect: expectations }),
      ...(condition !== undefined && { condition }),
    }
    const call = { events, partition, now: this.#around.clock.now(), ...asked, ...(key !== undefined && { key }) }
    const options: AppendOptions = {
      ...asked,
      ...(key !== undefined && { idempotencyKey: key }),
      ...(plan.buffered && { durability: 'buffered' as const }),
      ...(condition !== undefined && { partition }),
    }
    const made = { call, options }
    if (key !== undefined) this.#keyed.push(made)
    return made
  }

  #eventOf(event: NewEvent): NewEvent {
    const { id, causationId, data } = event
    return {
      ...event,
      ...(data === LARGE && { data: LARGE.repeat(40_000) }),
      ...(id !== undefined && { id: idOf(this.#model, id) }),
      ...(causationId !== undefined && { causationId: idOf(this.#model, causationId) }),
    }
  }

  #expectations(plan: Call, isHere: (entity: string) => boolean): Expectation[] {
    const entities = [...plan.events.map(({ entity }) => entity), 'unknown'].filter(isHere)
    return (plan.expect ?? []).map(({ of, version }) => {
      const entity = entities[of % entities.length] ?? ''
      if (version === 'none' || version === 'exists') return { entity, version }
      const right = this.#model.version(entity)
      return { entity, version: version === 'right' ? right : Math.max(0, right - 1) }
    })
  }

  #condition(plan: Call, { partition, isHere }: { partition: number; isHere: (entity: string) => boolean }) {
    if (plan.condition === undefined) return undefined
    const query = plan.condition.clauses.flatMap((clause: QueryClause): QueryClause[] => {
      if (clause.entity !== undefined && !isHere(clause.entity)) return []
      const asks = [...(clause.kinds ?? []), ...(clause.tags ?? [])].length > 0 || clause.entity !== undefined
      return asks ? [clause] : []
    })
    const after = Math.max(0, (this.#model.partitions[partition]?.length ?? 0) - plan.condition.back)
    return query.length === 0 ? undefined : { query, after }
  }
}

/** The key of a call with this outcome is remembered. */
function isKept(given: Receipt | string | undefined): boolean {
  return typeof given === 'object' || given === 'KEY_REUSED'
}

function withoutQuestions({ call, options }: Made): Made {
  const { expect: _, condition: __, ...plain } = call
  const { expect: ___, condition: ____, ...rest } = options
  return { call: plain, options: rest }
}

const PLAIN = { expect: undefined, condition: undefined, key: undefined, buffered: false }
