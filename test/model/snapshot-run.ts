/** Carries out a plan on a store with snapshots and on the model, and compares them.
 * @module */
import { expect } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { storageAt } from '../../src/ports/storage-at.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue.ts'
import { checkTruth } from '../../src/snapshot/check.ts'
import { copySnapshot } from '../../src/snapshot/copy-snapshot.ts'
import type { SnapshotInfo, SnapshotTarget, Until } from '../../src/snapshot/types.ts'
import type { Store } from '../../src/store/types.ts'
import type { NewEvent, Receipt, Topic } from '../../src/topic/types.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { outcome, Wire } from '../unit/topic/support.ts'
import { filesUnder, mustHave, mustHaveEvents, mustList, mustTell, withStore } from './snapshot-checks.ts'
import {
  appended,
  cleanedUp,
  cutAt,
  endOf,
  endsAt,
  eventsOf,
  type ModelKey,
  type ModelSnapshot,
  type ModelStore,
  type ModelTopic,
  NOTHING,
  newestFirst,
  pruned,
  readable,
  snapshotOf,
  tooSoon,
  withEntry,
} from './snapshot-model.ts'
import type { SnapshotPlan, Step, StepOf, UntilPlan } from './snapshot-plans.ts'

const TOPICS = ['first', 'second']
const POLICY = { maxSnapshots: 3, retentionTimeMs: 1_000, minIntervalMs: 0 }

const numRuns = RUNTIME === 'edge' ? 10 : share(200)

/** How long a test looks for a plan that fails. A failure prints the seed and the path that repeat it. */
export const LIMITS = {
  numRuns,
  interruptAfterTimeLimit: RUNTIME === 'node' ? 9_000 : 4_000,
  markInterruptAsFailure: false,
}

const counting = {
  version: 1,
  initial: (): Record<string, number> => ({}),
  apply: (state: Record<string, number>, { kind }: { kind: string }) => ({ ...state, [kind]: (state[kind] ?? 0) + 1 }),
}

/** Somewhere snapshots are kept. */
interface Place {
  readonly storage: Storage
  readonly snapshots: Map<string, ModelSnapshot>
}

/** A store that was restored. */
interface Target {
  readonly storage: Storage
  readonly isLinked: boolean
}

export async function run(plan: SnapshotPlan): Promise<void> {
  const runner = new Runner(plan)
  await runner.begin()
  for (const step of plan.steps) await runner.step(step)
  await runner.end()
}

class Runner {
  readonly #plan: SnapshotPlan
  readonly #files: Storage = memoryStorage()
  readonly #clock = new ManualClock(10_000)
  readonly #random = seededRandom(7)
  #store: Store | undefined
  #reader: Store | undefined
  #model: ModelStore = NOTHING
  /** The store itself is the first. */
  readonly #places: readonly Place[]
  #target: Target | undefined
  #made = 0
  /** Files of the same key need not be the same file any more. */
  #hasImported = false

  constructor(plan: SnapshotPlan) {
    this.#plan = plan
    const noLinks = memoryStorage()
    const capabilities = { ...noLinks.capabilities, hardLinks: false }
    const storages = [this.#files, memoryStorage(), new Wire(noLinks, { capabilities }).storage]
    this.#places = storages.map((storage) => ({ storage, snapshots: new Map() }))
  }

  get #live(): Store {
    return this.#store as Store
  }

  get #snapshots(): Map<string, ModelSnapshot> {
    return (this.#places[0] as Place).snapshots
  }

  async begin(): Promise<void> {
    for (const [at, { partitions, segmentBytes, deflate, chainEvents }] of this.#plan.topics.entries()) {
      const place = { storage: this.#files, clock: this.#clock, random: this.#random }
      const name = TOPICS[at] as string
      await createSmallTopic(place, {
        ...{ name, partitions, segmentBytes },
        ...(deflate && { compression: 'deflate' }),
        ...(chainEvents && { chain: 'events' }),
      })
    }
    await this.#open(true)
    for (const name of TOPICS) {
      const { lineage, partitions: count } = await this.#live.topics.open(name)
      const partitions = Array.from({ length: count }, () => ({ base: 0, start: 0, events: [] }))
      this.#setTopic(name, { lineage, partitions, keys: new Map() })
    }
  }

  async #open(beside: boolean): Promise<void> {
    const capabilities = { ...this.#files.capabilities, hardLinks: this.#plan.links }
    const view = () => new Wire(this.#files, { capabilities }).storage
    const options = { clock: this.#clock, random: this.#random, snapshotPolicy: POLICY }
    this.#store = await openStore({ storage: view(), ...options })
    this.#reader = beside ? await openStore({ storage: view(), ...options, readOnly: true }) : undefined
  }

  #setTopic(name: string, topic: ModelTopic | undefined): void {
    this.#model = { ...this.#model, topics: withEntry(this.#model.topics, name, topic) }
  }

  async end(): Promise<void> {
    await mustHave(this.#live, this.#model)
    const { ok, problems } = await this.#live.verify()
    expect({ ok, problems }).toEqual({ ok: true, problems: [] })
    for (const place of this.#places) for (const id of place.snapshots.keys()) await this.#mustBeWhole(place, id)
    await this.#reader?.close()
    await this.#live.close()
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        await this.#append(step)
        break
      case 'prune':
        await this.#prune(step)
        break
      case 'write':
        await this.#write(step)
        break
      case 'version':
        await this.#version(step)
        break
      case 'project':
        await this.#project(TOPICS[step.topic % TOPICS.length] as string)
        break
      case 'advance':
        if (step.byMs < 0) this.#clock.setWall(Math.max(0, this.#clock.now() + step.byMs))
        else await this.#clock.advance(step.byMs)
        break
      default:
        await this.#snapshotStep(step)
    }
    await this.#mustListAll()
  }

  async #snapshotStep(step: Step): Promise<void> {
    switch (step.do) {
      case 'create':
        return this.#create(step)
      case 'open': {
        const one = pick([...this.#snapshots.keys()], step.snapshot)
        return one === undefined ? undefined : this.#mustBeWhole(this.#places[0] as Place, one)
      }
      case 'pin':
        return this.#pin(step)
      case 'delete':
        return this.#delete(step)
      case 'cleanup':
        return this.#cleanup(step)
      case 'usage':
        return this.#usage()
      case 'fork':
        return this.#fork(step)
      case 'drop':
        return this.#drop(step)
      case 'restore':
        return this.#restore(step)
      case 'copy':
        return this.#copy(step)
      case 'reopen':
        return this.#reopen(step)
    }
  }

  #pickTopic(number: number): string {
    return pick([...this.#model.topics.keys()], number) as string
  }

  async #append(step: StepOf<'append'>): Promise<void> {
    const name = this.#pickTopic(step.topic)
    const topic = await this.#live.topics.open(name)
    const waiting: Promise<Called>[] = []
    const used = new Set<string>()
    for (const { entity, events: given, key: drawn, clockBy } of step.calls) {
      if (!step.atOnce) this.#clock.setWall(Math.max(0, this.#clock.now() + clockBy))
      const key = drawn === undefined || used.has(drawn) ? undefined : drawn
      if (step.atOnce && key !== undefined) used.add(key)
      const known = key === undefined ? undefined : this.#model.topics.get(name)?.keys.get(key)
      const events = known?.events ?? given.map((event) => ({ ...event, entity }) as NewEvent)
      const appending = topic.append(events, key === undefined ? {} : { idempotencyKey: key })
      const called = appending.then((receipt) => ({ events, receipt, key, known }))
      if (step.atOnce) waiting.push(called)
      else this.#take(name, await called)
    }
    // One with a key looks for it in other partitions first, and may come later than one without.
    const all = await Promise.all(waiting)
    all.sort((one, other) => one.receipt.firstOffset - other.receipt.firstOffset)
    for (const called of all) this.#take(name, called)
  }

  /** What a call did. */
  #take(name: string, { events, receipt, key, known }: Called): void {
    const { partition, replayed, firstOffset } = receipt
    if (known !== undefined) {
      expect(receipt).toMatchObject({ replayed: true, partition: known.partition, firstOffset: known.firstOffset })
      return
    }
    expect(replayed).toBe(false)
    const model = this.#model.topics.get(name) as ModelTopic
    const before = model.partitions[partition]
    expect(firstOffset).toBe(before && endOf(before))
    this.#setTopic(name, appended(model, events, { partition, now: this.#clock.now(), key }))
  }

  async #prune({ topic: number, percent }: StepOf<'prune'>): Promise<void> {
    const name = this.#pickTopic(number)
    // Or it could not go on.
    if (this.#model.projections.has(`of-${name}`)) await this.#project(name)
    const topic = await this.#live.topics.open(name)
    const model = this.#model.topics.get(name) as ModelTopic
    const partition = number % model.partitions.length
    const row = model.partitions[partition] as ModelTopic['partitions'][number]
    const before = row.start + Math.floor(((endOf(row) - row.start) * percent) / 100)
    const [report] = (await topic.prune({ before, partition })).partitions
    const start = report?.logStartOffset ?? -1
    expect(start).toBeLessThanOrEqual(Math.max(before, row.start))
    expect(start).toBeGreaterThanOrEqual(row.start)
    this.#setTopic(name, pruned(model, partition, start))
  }

  async #write({ name, value }: StepOf<'write'>): Promise<void> {
    if (value !== undefined) await this.#live.documents.write(name, value)
    else if (this.#model.documents.has(name)) await this.#live.documents.delete(name)
    this.#model = { ...this.#model, documents: withEntry(this.#model.documents, name, value) }
  }

  async #version({ name, values }: StepOf<'version'>): Promise<void> {
    const { histories } = this.#model
    const known = histories.get(name)
    if (values === undefined) {
      if (known !== undefined) await this.#live.histories.delete(name)
      this.#model = { ...this.#model, histories: withEntry(histories, name, undefined) }
      return
    }
    const history = await this.#live.histories.open(name, { create: true })
    for (const value of values) await history.append(value)
    this.#model = { ...this.#model, histories: withEntry(histories, name, [...(known ?? []), ...values]) }
  }

  async #project(topic: string): Promise<void> {
    const name = `of-${topic}`
    const keep = topic === TOPICS[0] ? ('document' as const) : ('history' as const)
    const create = { topic, everyEvents: 3, keep }
    const projection = await this.#live.projections.open(name, { create, fold: counting as never })
    await projection.run()
    const { partitions } = this.#model.topics.get(topic) as ModelTopic
    const before = this.#model.projections.get(name)
    const state: Record<string, number> = { ...before?.state }
    for (const [at, row] of partitions.entries())
      for (const { kind } of row.events.slice(Math.max(row.start, before?.positions[at] ?? 0) - row.base))
        state[kind] = (state[kind] ?? 0) + 1
    const made = { topic, positions: partitions.map(endOf), state }
    this.#model = { ...this.#model, projections: withEntry(this.#model.projections, name, made) }
  }

  #targetOf({ of, topic: number, partition }: StepOf<'create'>): SnapshotTarget {
    if (of === 'all') return {}
    const topic = this.#pickTopic(number)
    const count = this.#model.topics.get(topic)?.partitions.length ?? 1
    return of === 'topic' ? { topic } : { topic, partition: partition % count }
  }

  async #create(step: StepOf<'create'>): Promise<void> {
    const { label, pinned, minIntervalMs, meanwhile } = step
    const target = this.#targetOf(step)
    const now = this.#clock.now()
    const options = { ...target, ...(label !== undefined && { label }), pinned, minIntervalMs }
    const nextAllowedAt = tooSoon(this.#snapshots.values(), target, { now, minIntervalMs })
    const creating = this.#live.snapshots.create(options).catch((error: unknown) => error)
    const states = await this.#appendMeanwhile(target.topic ?? this.#pickTopic(step.topic), meanwhile)
    const info = (await creating) as SnapshotInfo
    if (nextAllowedAt !== undefined) {
      expect(info).toMatchObject({ code: 'SNAPSHOT_TOO_SOON', details: { nextAllowedAt } })
      return
    }
    if (info instanceof Error) throw info
    expect(this.#snapshots.has(info.id)).toBe(false)
    const starts = await this.#startsIn(info)
    const candidates = states.map((state) => snapshotOf(state, target, (partition) => starts[partition] ?? -1))
    const store = candidates.find(({ topics }) => eventsOf(topics.values()) === info.events)
    if (store === undefined) throw new Error(`${info.events} events in it are those of no moment`)
    const model = { id: info.id, timestamp: now, target, label, pinned, store }
    this.#snapshots.set(info.id, model)
    mustTell(info, model)
  }

  /** Append while something else is under way. @returns the model before and after each call. */
  async #appendMeanwhile(name: string, count: number): Promise<ModelStore[]> {
    const states = [this.#model]
    const topic = await this.#live.topics.open(name)
    for (let call = 0; call < count; call++) {
      const events: NewEvent[] = ['x', 'y'].map((data) => ({ kind: 'K2', entity: 'b', data }))
      const { partition } = await topic.append(events)
      const model = this.#model.topics.get(name) as ModelTopic
      this.#setTopic(name, appended(model, events, { partition, now: this.#clock.now(), key: undefined }))
      states.push(this.#model)
    }
    return states
  }

  /** Where the partitions of the first topic begin. */
  async #startsIn({ id, topic }: SnapshotInfo): Promise<number[]> {
    if (topic === undefined) return []
    const storage = await this.#live.snapshots.storageOf(id)
    return withStore(storage, { readOnly: true, clock: this.#clock }, async (store) => {
      const { partitions } = (await store.topics.open(topic)).stats()
      return partitions.map(({ logStartOffset }) => logStartOffset)
    })
  }

  async #mustListAll(): Promise<void> {
    const models = newestFirst(this.#snapshots.values())
    mustList(await this.#live.snapshots.list(), models)
    if (this.#reader !== undefined) mustList(await this.#reader.snapshots.list(), models)
  }

  /** Compare what is in a snapshot, wherever it is. */
  async #mustBeWhole({ storage, snapshots }: Place, id: string): Promise<void> {
    const model = snapshots.get(id) as ModelSnapshot
    const at = storageAt(storage, `.snapshots/${id}`)
    await withStore(at, { readOnly: true, clock: this.#clock }, async (store) => {
      await mustHave(store, model.store)
      expect(await store.verify()).toMatchObject({ ok: true, problems: [], unknownFiles: [] })
    })
    const catalogue = new SnapshotCatalogue(storage)
    mustTell(await catalogue.info(id), model)
    const { partitions, ...details } = await catalogue.details(id)
    mustTell(details, model)
    const size = partitions.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    expect(details.totalSizeBytes).toBeGreaterThanOrEqual(size)
    const segments = partitions.reduce((sum, { segmentOffsets }) => sum + segmentOffsets.length, 0)
    expect(details.numSegments).toBe(segments)
    for (const row of partitions) {
      const known = model.store.topics.get(row.topic)?.partitions[row.partition]
      expect([row.baseOffset, row.highWatermark]).toEqual([known?.start, known && endOf(known)])
    }
    if (snapshots !== this.#snapshots) return
    const events = eventsOf(model.store.topics.values())
    expect(await this.#live.snapshots.verify(id)).toMatchObject({ ok: true, events, problems: [] })
  }

  async #pin({ snapshot, pinned }: StepOf<'pin'>): Promise<void> {
    const model = pick([...this.#snapshots.values()], snapshot)
    if (model === undefined) return
    mustTell(await this.#live.snapshots.pin(model.id, pinned), { ...model, pinned })
    this.#snapshots.set(model.id, { ...model, pinned })
  }

  async #delete({ snapshot }: StepOf<'delete'>): Promise<void> {
    const model = pick([...this.#snapshots.values()], snapshot)
    if (model === undefined) return
    if (model.pinned) {
      expect(await outcome(this.#live.snapshots.delete(model.id))).toBe('SNAPSHOT_PINNED')
      return
    }
    const own = (await this.#live.snapshots.usage()).find(({ id }) => id === model.id)?.ownBytes
    expect(await this.#live.snapshots.delete(model.id)).toEqual({ freedBytes: own })
    this.#snapshots.delete(model.id)
    expect(await outcome(this.#live.snapshots.get(model.id))).toBe('SNAPSHOT_UNKNOWN')
    expect(await filesUnder(this.#files, `.snapshots/${model.id}`)).toEqual([])
  }

  /** Nothing outside of the store has its files, and files of the same key are the same. */
  get #isPlain(): boolean {
    return !this.#hasImported && this.#target?.isLinked !== true
  }

  async #cleanup({ maxSnapshots, retentionTimeMs, dryOnly }: StepOf<'cleanup'>): Promise<void> {
    const policy = {
      ...(maxSnapshots !== undefined && { maxSnapshots }),
      ...(retentionTimeMs !== undefined && { retentionTimeMs }),
    }
    const all = { ...POLICY, ...policy }
    const gone = cleanedUp([...this.#snapshots.values()], all, this.#clock.now())
    const planned = await this.#live.snapshots.cleanup({ policy, dryRun: true })
    const removed = Object.fromEntries(planned.removed.map(({ id, reason }) => [id, reason]))
    expect(removed).toEqual(Object.fromEntries(gone))
    expect(planned.policy).toEqual(all)
    const kept = newestFirst(this.#snapshots.values()).flatMap(({ id }) => (gone.has(id) ? [] : [id]))
    expect(planned.kept).toEqual(kept)
    await this.#mustListAll()
    if (dryOnly) return
    const bytesBefore = await this.#bytesStored()
    const done = await this.#live.snapshots.cleanup({ policy })
    expect({ ...done, dryRun: true, freedBytes: 0 }).toEqual({ ...planned, freedBytes: 0 })
    for (const id of gone.keys()) this.#snapshots.delete(id)
    expect(bytesBefore - (await this.#bytesStored())).toBe(done.freedBytes)
    if (this.#isPlain) expect(planned.freedBytes).toBe(done.freedBytes)
    else expect(planned.freedBytes).toBeLessThanOrEqual(done.freedBytes)
  }

  /** Bytes of all files of the store and of its snapshots, each shared one once; without the catalogue. */
  async #bytesStored(): Promise<number> {
    let bytes = 0
    const all = [this.#files, ...(this.#target?.isLinked ? [this.#target.storage] : [])]
    for (const storage of all)
      for (const file of await filesUnder(storage))
        if (!file.path.endsWith('.json')) bytes += file.bytes / (await storage.linkCount(file.path))
    return Math.round(bytes)
  }

  async #usage(): Promise<void> {
    const usage = await this.#live.snapshots.usage()
    expect(usage.map(({ id }) => id)).toEqual(newestFirst(this.#snapshots.values()).map(({ id }) => id))
    for (const one of usage) {
      const files = await filesUnder(this.#files, `.snapshots/${one.id}`)
      expect(one.totalSizeBytes).toBe(files.reduce((sum, { bytes }) => sum + bytes, 0))
      let own = 0
      for (const { path, bytes } of files) if ((await this.#files.linkCount(path)) === 1) own += bytes
      expect(one.ownBytes).toBe(own)
      const parts = one.sharedWithStoreBytes + one.sharedWithSnapshotsBytes + one.ownBytes
      if (this.#isPlain) expect(parts).toBe(one.totalSizeBytes)
      else expect(parts).toBeLessThanOrEqual(one.totalSizeBytes)
    }
  }

  /** A moment in a topic, or beside it. */
  #untilOf({ partitions }: ModelTopic, plan: UntilPlan): Until | undefined {
    if (plan === undefined) return undefined
    if ('at' in plan) {
      const times = partitions.flatMap((row) => readable(row).map(({ recordedAt }) => recordedAt))
      return { time: Math.max(0, (pick(times, plan.at) ?? 0) + plan.by) }
    }
    const offsets = partitions.map((row, at) => {
      const share = Math.floor(((endOf(row) - row.start) * (plan.percents[at] ?? 0)) / 100)
      return Math.max(0, row.start + share + plan.by)
    })
    return { offset: offsets.length === 1 ? (offsets[0] ?? 0) : offsets }
  }

  async #fork({ topic: number, until: plan }: StepOf<'fork'>): Promise<void> {
    const name = this.#pickTopic(number)
    const model = this.#model.topics.get(name) as ModelTopic
    const until = this.#untilOf(model, plan)
    const ends = endsAt(model, until)
    const as = `fork-${++this.#made}`
    const forking = outcome(this.#live.topics.fork(name, as, until === undefined ? {} : { until }))
    if (typeof ends === 'string') {
      expect(await forking).toBe(ends)
      return
    }
    const found = await forking
    if (typeof found === 'string') throw new Error(`fork of ${name}: ${found}`)
    await this.#adopt(as, model, ends)
  }

  /** A topic that was made of another one. */
  async #adopt(as: string, of: ModelTopic, ends: readonly number[]): Promise<void> {
    const topic = await this.#live.topics.open(as)
    expect(topic.lineage).not.toBe(of.lineage)
    const model = cutAt(of, ends, topic.lineage)
    await mustHaveEvents(topic, model)
    this.#setTopic(as, model)
  }

  async #drop({ topic: number }: StepOf<'drop'>): Promise<void> {
    const name = pick(
      [...this.#model.topics.keys()].filter((topic) => !TOPICS.includes(topic)),
      number,
    )
    if (name === undefined) return
    await this.#live.topics.delete(name)
    this.#setTopic(name, undefined)
  }

  async #restore(step: StepOf<'restore'>): Promise<void> {
    const { snapshot, topic: number, to, byReader } = step
    const model = pick([...this.#snapshots.values()], snapshot)
    if (model === undefined) return
    const names = [...model.store.topics.keys()]
    const topic = number === undefined && (to !== 'topic' || names.length === 1) ? undefined : pick(names, number ?? 0)
    const chosen = topic === undefined ? names : [topic]
    const [first = ''] = chosen
    const wished = this.#untilOf(model.store.topics.get(first) as ModelTopic, step.until)
    // Offsets are of one topic.
    const until = wished !== undefined && 'offset' in wished && chosen.length > 1 ? undefined : wished
    const options = { ...(topic !== undefined && { topic }), ...(until !== undefined && { until }) }
    const wanted = new Map<string, { of: ModelTopic; ends: number[] | string }>()
    for (const name of chosen) {
      const of = model.store.topics.get(name) as ModelTopic
      wanted.set(name, { of, ends: endsAt(of, until) })
    }
    const refusal = [...wanted.values()].map(({ ends }) => ends).find((ends) => typeof ends === 'string')
    if (to === 'topic') await this.#restoreAsTopic(model, { options, refusal, ...(wanted.get(first) as Wanted) })
    else {
      const from = byReader && this.#reader !== undefined ? this.#reader : this.#live
      const isWhole = topic === undefined && until === undefined
      await this.#restoreAsStore(model, { step, from, options, refusal, wanted, isWhole })
    }
  }

  async #restoreAsTopic(model: ModelSnapshot, { options, refusal, of, ends }: RestoreTopic): Promise<void> {
    const as = `then-${++this.#made}`
    const restoring = this.#live.snapshots.restore(model.id, { as, ...options })
    if (typeof refusal === 'string') {
      expect(await outcome(restoring)).toBe(refusal)
      return
    }
    const report = await restoring
    await this.#adopt(as, of, ends as number[])
    const made = this.#model.topics.get(as) as ModelTopic
    expect(report.topics).toEqual([{ topic: as, events: eventsOf([made]), highWatermarks: made.partitions.map(endOf) }])
    expect(report.storeId).toBe(this.#live.id)
  }

  async #restoreAsStore(model: ModelSnapshot, wish: RestoreStore): Promise<void> {
    const { step, from, options, refusal, wanted, isWhole } = wish
    const target = await this.#placeFor(step)
    const overwrite = step.to === 'again'
    const restoring = from.snapshots.restore(model.id, { to: target.storage, overwrite, ...options })
    if (typeof refusal === 'string') {
      expect(await outcome(restoring)).toBe(refusal)
      return
    }
    const report = await restoring
    const { documents, histories, projections } = model.store
    const counts = { documents: documents.size, histories: histories.size, projections: projections.size }
    const none = { documents: 0, histories: 0, projections: 0 }
    expect(report).toMatchObject(isWhole ? { ...counts, leftOut: none } : { ...none, leftOut: counts })
    expect(report.storeId).not.toBe(this.#live.id)
    await withStore(target.storage, { clock: this.#clock }, async (store) => {
      expect(store.openReport.source).toBe('clean')
      expect(store.id).toBe(report.storeId)
      const topics = new Map<string, ModelTopic>()
      for (const [name, { of, ends }] of wanted) {
        const { lineage } = await store.topics.open(name)
        expect(lineage).not.toBe(of.lineage)
        topics.set(name, cutAt(of, ends as number[], lineage))
      }
      const rows = [...topics].map(([topic, { partitions }]) => ({ topic, highWatermarks: partitions.map(endOf) }))
      expect(report.topics).toMatchObject(rows)
      await mustHave(store, isWhole ? { ...model.store, topics } : { ...NOTHING, topics })
      for (const [name, topic] of topics) await goOn(await store.topics.open(name), topic, this.#clock.now())
      const { problems, ...checked } = await store.verify()
      // Those of the store that was there before are replaced by the next ones.
      const isNew = ({ code }: { code: string }) => !(overwrite && code === 'CHECKPOINT_DAMAGED')
      expect({ ...checked, problems: problems.filter(isNew) }).toMatchObject({
        ok: true,
        problems: [],
        unknownFiles: [],
      })
    })
  }

  async #placeFor({ to, linked }: StepOf<'restore'>): Promise<Target> {
    if (to === 'again' && this.#target !== undefined) return this.#target
    if (this.#target !== undefined) await wipe(this.#target.storage)
    const files = memoryStorage()
    const capabilities = { ...files.capabilities, hardLinks: linked }
    const target = { storage: new Wire(files, { capabilities }).storage, isLinked: linked }
    this.#target = target
    return target
  }

  async #copy({ snapshot, from: fromAt, to: toAt }: StepOf<'copy'>): Promise<void> {
    const [from, to] = [this.#places[fromAt] as Place, this.#places[toAt] as Place]
    const model = pick([...from.snapshots.values()], snapshot)
    if (model === undefined || from === to) return
    const { id } = model
    const known = to.snapshots.get(id)
    const isSame = known?.store === model.store
    const copying = this.#copying({ from, to, id })
    if (known !== undefined && !isSame) {
      expect(await outcome(copying)).toBe('FILE_EXISTS')
      return
    }
    const report = await copying
    if (known === undefined) to.snapshots.set(id, model)
    else expect(report).toMatchObject({ filesSent: 0, bytesSent: 0 })
    if (toAt === 0 && known === undefined) this.#hasImported = true
    mustList(await new SnapshotCatalogue(to.storage).list(), newestFirst(to.snapshots.values()))
    await this.#mustBeWhole(to, id)
  }

  #copying({ from, to, id }: { from: Place; to: Place; id: string }) {
    if (from === this.#places[0]) return this.#live.snapshots.export(id, to.storage)
    if (to === this.#places[0]) return this.#live.snapshots.import(id, from.storage)
    const parts = { check: checkTruth, clock: this.#clock, random: this.#random }
    const catalogues = { from: new SnapshotCatalogue(from.storage), to: new SnapshotCatalogue(to.storage) }
    return copySnapshot(catalogues, id, parts)
  }

  async #reopen({ close, beside }: StepOf<'reopen'>): Promise<void> {
    await this.#reader?.close()
    if (close) await this.#live.close()
    await this.#open(beside)
    await mustHave(this.#live, this.#model)
  }
}

interface Called {
  readonly events: readonly NewEvent[]
  readonly receipt: Receipt
  readonly key: string | undefined
  readonly known: ModelKey | undefined
}

type Wanted = { readonly of: ModelTopic; readonly ends: readonly number[] | string }

interface RestoreTopic extends Wanted {
  readonly options: { readonly topic?: string; readonly until?: Until }
  readonly refusal: readonly number[] | string | undefined
}

interface RestoreStore extends Pick<RestoreTopic, 'options' | 'refusal'> {
  readonly step: StepOf<'restore'>
  readonly from: Store
  readonly wanted: ReadonlyMap<string, Wanted>
  readonly isWhole: boolean
}

/** A copy goes on: calls with keys that it knows are repeated, and new ones follow. */
async function goOn(topic: Topic, model: ModelTopic, now: number): Promise<void> {
  for (const [key, { events, firstOffset, partition }] of model.keys) {
    if (firstOffset < (model.partitions[partition]?.start ?? 0)) continue
    const again = await topic.append(events, { idempotencyKey: key })
    expect(again).toMatchObject({ replayed: true, firstOffset })
  }
  const events = [{ kind: 'K1', entity: 'a', data: 'later' }]
  const { partition, firstOffset } = await topic.append(events)
  expect(firstOffset).toBe(endOf(model.partitions[partition] as ModelTopic['partitions'][number]))
  await mustHaveEvents(topic, appended(model, events, { partition, now, key: undefined }))
}

async function wipe(storage: Storage): Promise<void> {
  for (const { path } of await filesUnder(storage)) await storage.remove(path)
}

/** One of what there is; undefined of nothing. */
function pick<T>(all: readonly T[], number: number): T | undefined {
  return all[number % Math.max(1, all.length)]
}
