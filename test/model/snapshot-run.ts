/** Carries out a plan on a store with snapshots and on the model, and compares them.
 * @module */
import { expect } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import { checkTruth } from '../../src/snapshot/check/check.ts'
import { copySnapshot } from '../../src/snapshot/export/copy-snapshot.ts'
import type { Until } from '../../src/snapshot/types.ts'
import type { Store } from '../../src/store/types.ts'
import type { Topic } from '../../src/topic/types.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { outcome, Wire } from '../unit/topic/support.ts'
import { filesUnder, mustHave, mustHaveEvents, mustList, withStore } from './snapshot-checks.ts'
import { type Place, pick, type Target, TOPICS } from './snapshot-live.ts'
import {
  appended,
  cutAt,
  endOf,
  endsAt,
  eventsOf,
  type ModelSnapshot,
  type ModelTopic,
  NOTHING,
  newestFirst,
  readable,
} from './snapshot-model.ts'
import type { SnapshotPlan, Step, StepOf, UntilPlan } from './snapshot-plans.ts'
import { SnapshotRun } from './snapshot-steps.ts'

const numRuns = RUNTIME === 'edge' ? 10 : share(200)

/** How long a test looks for a plan that fails. A failure prints the seed and the path that repeat it. */
export const LIMITS = {
  numRuns,
  interruptAfterTimeLimit: RUNTIME === 'node' ? 9_000 : 4_000,
  markInterruptAsFailure: false,
}

export async function run(plan: SnapshotPlan): Promise<void> {
  const runner = new Runner(plan)
  await runner.begin()
  for (const step of plan.steps) await runner.step(step)
  await runner.end()
}

class Runner extends SnapshotRun {
  async end(): Promise<void> {
    await mustHave(this.live, this.model)
    const { ok, problems } = await this.live.verify()
    expect({ ok, problems }).toEqual({ ok: true, problems: [] })
    for (const place of this.places) for (const id of place.snapshots.keys()) await this.mustBeWhole(place, id)
    await this.reader?.close()
    await this.live.close()
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        await this.append(step)
        break
      case 'prune':
        await this.prune(step)
        break
      case 'write':
        await this.write(step)
        break
      case 'version':
        await this.version(step)
        break
      case 'project':
        await this.project(TOPICS[step.topic % TOPICS.length] as string)
        break
      case 'advance':
        if (step.byMs < 0) this.clock.setWall(Math.max(0, this.clock.now() + step.byMs))
        else await this.clock.advance(step.byMs)
        break
      default:
        await this.snapshotStep(step)
    }
    await this.mustListAll()
  }

  protected async snapshotStep(step: Step): Promise<void> {
    switch (step.do) {
      case 'create':
        return this.create(step)
      case 'open': {
        const one = pick([...this.snapshots.keys()], step.snapshot)
        return one === undefined ? undefined : this.mustBeWhole(this.places[0] as Place, one)
      }
      case 'pin':
        return this.pin(step)
      case 'delete':
        return this.delete(step)
      case 'cleanup':
        return this.cleanup(step)
      case 'usage':
        return this.usage()
      case 'fork':
        return this.fork(step)
      case 'drop':
        return this.drop(step)
      case 'restore':
        return this.restore(step)
      case 'copy':
        return this.copy(step)
      case 'reopen':
        return this.reopen(step)
    }
  }

  /** A moment in a topic, or beside it. */
  protected untilOf({ partitions }: ModelTopic, plan: UntilPlan): Until | undefined {
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

  protected async fork({ topic: number, until: plan }: StepOf<'fork'>): Promise<void> {
    const name = this.pickTopic(number)
    const model = this.model.topics.get(name) as ModelTopic
    const until = this.untilOf(model, plan)
    const ends = endsAt(model, until)
    const as = `fork-${++this.made}`
    const forking = outcome(this.live.topics.fork(name, as, until === undefined ? {} : { until }))
    if (typeof ends === 'string') {
      expect(await forking).toBe(ends)
      return
    }
    const found = await forking
    if (typeof found === 'string') throw new Error(`fork of ${name}: ${found}`)
    await this.adopt(as, model, ends)
  }

  /** A topic that was made of another one. */
  protected async adopt(as: string, of: ModelTopic, ends: readonly number[]): Promise<void> {
    const topic = await this.live.topics.open(as)
    expect(topic.lineage).not.toBe(of.lineage)
    const model = cutAt(of, ends, topic.lineage)
    await mustHaveEvents(topic, model)
    this.setTopic(as, model)
  }

  protected async drop({ topic: number }: StepOf<'drop'>): Promise<void> {
    const name = pick(
      [...this.model.topics.keys()].filter((topic) => !TOPICS.includes(topic)),
      number,
    )
    if (name === undefined) return
    await this.live.topics.delete(name)
    this.setTopic(name, undefined)
  }

  protected async restore(step: StepOf<'restore'>): Promise<void> {
    const { snapshot, topic: number, to, byReader } = step
    const model = pick([...this.snapshots.values()], snapshot)
    if (model === undefined) return
    const names = [...model.store.topics.keys()]
    const topic = number === undefined && (to !== 'topic' || names.length === 1) ? undefined : pick(names, number ?? 0)
    const chosen = topic === undefined ? names : [topic]
    const [first = ''] = chosen
    const wished = this.untilOf(model.store.topics.get(first) as ModelTopic, step.until)
    // Offsets are of one topic.
    const until = wished !== undefined && 'offset' in wished && chosen.length > 1 ? undefined : wished
    const options = { ...(topic !== undefined && { topic }), ...(until !== undefined && { until }) }
    const wanted = new Map<string, { of: ModelTopic; ends: number[] | string }>()
    for (const name of chosen) {
      const of = model.store.topics.get(name) as ModelTopic
      wanted.set(name, { of, ends: endsAt(of, until) })
    }
    const refusal = [...wanted.values()].map(({ ends }) => ends).find((ends) => typeof ends === 'string')
    if (to === 'topic') await this.restoreAsTopic(model, { options, refusal, ...(wanted.get(first) as Wanted) })
    else {
      const from = byReader && this.reader !== undefined ? this.reader : this.live
      const isWhole = topic === undefined && until === undefined
      await this.restoreAsStore(model, { step, from, options, refusal, wanted, isWhole })
    }
  }

  protected async restoreAsTopic(model: ModelSnapshot, { options, refusal, of, ends }: RestoreTopic): Promise<void> {
    const as = `then-${++this.made}`
    const restoring = this.live.snapshots.restore(model.id, { as, ...options })
    if (typeof refusal === 'string') {
      expect(await outcome(restoring)).toBe(refusal)
      return
    }
    const report = await restoring
    await this.adopt(as, of, ends as number[])
    const made = this.model.topics.get(as) as ModelTopic
    expect(report.topics).toEqual([{ topic: as, events: eventsOf([made]), highWatermarks: made.partitions.map(endOf) }])
    expect(report.storeId).toBe(this.live.id)
  }

  protected async restoreAsStore(model: ModelSnapshot, wish: RestoreStore): Promise<void> {
    const { step, from, options, refusal, wanted, isWhole } = wish
    const target = await this.placeFor(step)
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
    expect(report.storeId).not.toBe(this.live.id)
    await withStore(target.storage, { clock: this.clock }, async (store) => {
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
      for (const [name, topic] of topics) await goOn(await store.topics.open(name), topic, this.clock.now())
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

  protected async placeFor({ to, linked }: StepOf<'restore'>): Promise<Target> {
    if (to === 'again' && this.target !== undefined) return this.target
    if (this.target !== undefined) await wipe(this.target.storage)
    const files = memoryStorage()
    const capabilities = { ...files.capabilities, hardLinks: linked }
    const target = { storage: new Wire(files, { capabilities }).storage, isLinked: linked }
    this.target = target
    return target
  }

  protected async copy({ snapshot, from: fromAt, to: toAt }: StepOf<'copy'>): Promise<void> {
    const [from, to] = [this.places[fromAt] as Place, this.places[toAt] as Place]
    const model = pick([...from.snapshots.values()], snapshot)
    if (model === undefined || from === to) return
    const { id } = model
    const known = to.snapshots.get(id)
    const isSame = known?.store === model.store
    const copying = this.copying({ from, to, id })
    if (known !== undefined && !isSame) {
      expect(await outcome(copying)).toBe('FILE_EXISTS')
      return
    }
    const report = await copying
    if (known === undefined) to.snapshots.set(id, model)
    else expect(report).toMatchObject({ filesSent: 0, bytesSent: 0 })
    if (toAt === 0 && known === undefined) this.hasImported = true
    mustList(await new SnapshotCatalogue(to.storage).list(), newestFirst(to.snapshots.values()))
    await this.mustBeWhole(to, id)
  }

  protected copying({ from, to, id }: { from: Place; to: Place; id: string }) {
    if (from === this.places[0]) return this.live.snapshots.export(id, to.storage)
    if (to === this.places[0]) return this.live.snapshots.import(id, from.storage)
    const parts = { check: checkTruth, clock: this.clock, random: this.random }
    const catalogues = { from: new SnapshotCatalogue(from.storage), to: new SnapshotCatalogue(to.storage) }
    return copySnapshot(catalogues, id, parts)
  }

  protected async reopen({ close, beside }: StepOf<'reopen'>): Promise<void> {
    await this.reader?.close()
    if (close) await this.live.close()
    await this.open(beside)
    await mustHave(this.live, this.model)
  }
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
