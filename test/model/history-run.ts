/** Carries out a plan on the histories of a store and on their models, and compares them at every step.
 * @module */
import { expect } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import type { CleanupReport, History } from '../../src/history/types.ts'
import { openStore } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { Store } from '../../src/store/types.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { difference } from '../support/same-value.ts'
import { draws, seededRandom } from '../support/seeded-random.ts'
import { collect, outcome, Wire } from '../unit/topic/support.ts'
import { type Held, type Made, makeAppend, receive } from './history-appends.ts'
import { HistoryChecks, same, sameInfos } from './history-checks.ts'
import { HistoryModel, type ModelVersion } from './history-model.ts'
import type { HistoryPlan, Life, Step, StepOf } from './history-plans.ts'

const NAMES = ['board', 'plan', 'log']

const numRuns = RUNTIME === 'edge' ? 40 : share(300)

/** How long a test looks for a plan that fails. A failure prints the seed and the path that repeat it. */
export const LIMITS = {
  numRuns,
  interruptAfterTimeLimit: RUNTIME === 'node' ? 20_000 : 5_000,
  markInterruptAsFailure: false,
}

/** What iterations give of a version. */
interface Listed {
  readonly version: number
  readonly isDamaged?: true
  readonly value?: unknown
}

export async function run(plan: HistoryPlan): Promise<void> {
  const runner = new Runner(plan)
  for (const life of plan.lives) await runner.live(life)
}

class Runner {
  readonly #plan: HistoryPlan
  readonly #files: Storage = memoryStorage()
  readonly #clock = new ManualClock(1_000)
  readonly #random = seededRandom(7)
  readonly #models = new Map<string, Omit<Held, 'history'>>()
  #held = new Map<string, Held>()
  #reader: Store | undefined
  #beside = new Map<HistoryModel, History>()
  /** Somebody who was fenced may have left a file after the next owner looked. */
  #isUntidy = false

  constructor(plan: HistoryPlan) {
    this.#plan = plan
  }

  async live({ beside, steps, end, seed }: Life): Promise<void> {
    const store = await this.#open()
    this.#reader = beside ? await this.#open(true) : undefined
    this.#held = new Map()
    this.#beside = new Map()
    for (const name of this.#models.keys()) await this.#adopt(await this.#hold(store, name))
    for (const step of steps) await this.#step(store, step)
    await this.#verify(store)
    await this.#reader?.close()
    const draw = draws(seed)
    if (end === 'vanish busy') await this.#vanish(store, draw() % 400)
    else if (end === 'close') {
      await store.close()
      await this.#mustBeTidy()
    }
  }

  #open(readOnly = false): Promise<Store> {
    const capabilities = { ...this.#files.capabilities, syncReads: this.#plan.syncReads }
    const { storage } = new Wire(this.#files, { capabilities })
    return openStore({ storage, clock: this.#clock, random: this.#random, readOnly })
  }

  /** The history of a name, made if there is none. */
  async #hold(store: Store, name: string, options = this.#plan.options[NAMES.indexOf(name)]): Promise<Held> {
    const known = this.#held.get(name)
    if (known !== undefined) return known
    const model = this.#models.get(name)
    if (model === undefined) {
      if (options === undefined) throw new Error('no options')
      expect(await outcome(store.histories.open(name))).toBe('HISTORY_UNKNOWN')
      await store.histories.open(name, { create: options })
      const created = { model: new HistoryModel(name, options), values: [] }
      created.model.createdAt = this.#clock.now()
      this.#models.set(name, created)
    }
    const own = this.#models.get(name) as Omit<Held, 'history'>
    const held = { ...own, history: await store.histories.open(name) }
    expect(await store.histories.open(name, { create: own.model.options })).toBe(held.history)
    expect((await held.history.stats()).createdAt).toBe(own.model.createdAt)
    this.#held.set(name, held)
    return held
  }

  async #step(store: Store, step: Step): Promise<void> {
    const name = NAMES[step.of] as string
    const held = await this.#hold(store, name)
    switch (step.do) {
      case 'append':
        await this.#append(held, step)
        break
      case 'check':
        await this.#check(held, step)
        break
      case 'pin':
        await this.#pin(held, step)
        break
      case 'cleanup':
        await this.#cleanup(held, step)
        break
      case 'change':
        held.model.change(step.options)
        expect((await store.histories.change(name, step.options)).settings).toEqual(held.model.options)
        break
      case 'remake':
        await this.#remake(store, held, step)
        break
    }
  }

  async #checksOf({ history, model }: Held, seed: number): Promise<HistoryChecks[]> {
    const checks = [new HistoryChecks(history, model, draws(seed))]
    if (this.#reader !== undefined) {
      const known = this.#beside.get(model)
      // It is opened once: what it is asked later makes it see what was written.
      const beside = known ?? (await this.#reader.histories.open(model.name))
      this.#beside.set(model, beside)
      checks.push(new HistoryChecks(beside, model, draws(seed + 1)))
    }
    return checks
  }

  async #check(held: Held, { atOnce, seed }: StepOf<'check'>): Promise<void> {
    for (const checks of await this.#checksOf(held, seed)) await (atOnce ? checks.atOnce() : checks.all())
  }

  async #append(held: Held, { appends, atOnce, clockBy, meanwhile, cleanup, seed }: StepOf<'append'>): Promise<void> {
    this.#clock.setWall(Math.max(0, this.#clock.now() + clockBy))
    const { history, model } = held
    // Iterations begin with what there is: what is appended meanwhile is not in a query, and may be in others.
    const before = [...model.versions]
    const query = meanwhile ? collect(history.query()) : undefined
    const reads = meanwhile ? before.slice(-3).map(({ version }) => history.read({ version })) : []
    const all: Made[] = []
    for (const append of appends) {
      const made = makeAppend(held, append, this.#clock.now())
      all.push(made)
      if (!atOnce) await receive(held, made)
    }
    if (cleanup) await this.#clean(held, { now: this.#clock.now() })
    if (atOnce) for (const made of all) await receive(held, made)
    if (!cleanup && query !== undefined) {
      const found = await query
      sameInfos(found, before, 'a query beside appends')
      for (const [n, { value }] of found.entries()) same(value, before[n]?.value, `version ${before[n]?.version}`)
    }
    if (!cleanup)
      for (const [n, read] of reads.entries()) same(await read, before.slice(-3)[n]?.value, 'beside appends')
    await Promise.allSettled([query, ...reads])
    for (const checks of await this.#checksOf(held, seed)) await checks.one()
  }

  async #pin({ history, model }: Held, { which, pinned }: StepOf<'pin'>): Promise<void> {
    const version = 1 + (which % (model.lastVersion + 1))
    const wanted = model.find({ version })
    const found = await outcome(pinned ? history.pin({ version }) : history.unpin({ version }))
    if (typeof wanted === 'string') {
      expect(found).toBe(wanted)
      return
    }
    wanted.pinned = pinned
    if (typeof found === 'string') throw new Error(`pin: ${found}`)
    sameInfos([found], [wanted])
  }

  async #cleanup(held: Held, { clockBy, now, dryRun, meanwhile }: StepOf<'cleanup'>): Promise<void> {
    const { history, model } = held
    this.#clock.setWall(Math.max(0, this.#clock.now() + clockBy))
    const options = now === undefined ? {} : { now: Math.max(0, this.#clock.now() + now) }
    const asOf = options.now ?? this.#clock.now()
    const planned = await history.cleanup({ ...options, dryRun: true })
    this.#mustReport(planned, model.cleaned(asOf), { dryRun: true })
    await new HistoryChecks(history, model, draws(clockBy)).list()
    if (dryRun) return
    const before = [...model.versions]
    const gone = new Set(planned.removed)
    const reads = meanwhile ? before.slice(0, 8).map(({ version }) => outcome(history.read({ version }))) : []
    const lists = meanwhile ? await this.#listsOf(held) : []
    const report = await this.#clean(held, options)
    expect({ ...report, dryRun: true }).toEqual(planned)
    for (const [n, read] of reads.entries()) {
      const { version, value } = before[n] as ModelVersion
      const found = await read
      if (found === 'VERSION_GONE') expect(gone).toContain(version)
      else if (difference(found, value) !== undefined) same(found, model.version(version)?.value, `version ${version}`)
    }
    for (const list of lists) {
      const found = await list
      if (typeof found === 'string') throw new Error(`a list beside a clean-up: ${found}`)
      const numbers = found.map(({ version }) => version)
      expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
      expect(before.map(({ version }) => version)).toEqual(expect.arrayContaining(numbers))
      expect(numbers).toEqual(expect.arrayContaining(model.versions.map(({ version }) => version)))
      for (const { version, isDamaged, ...rest } of found) {
        expect(isDamaged, `${version} is damaged`).toBeUndefined()
        if (!('value' in rest)) continue
        const values = [model.version(version), before.find((one) => one.version === version)]
        const differences = values.map((one) => difference(rest.value, one?.value))
        expect(differences, `value of ${version}`).toContain(undefined)
      }
    }
  }

  /** Iterations that begin before a clean-up does, here and in the store beside. */
  async #listsOf({ history, model }: Held): Promise<Promise<Listed[] | string>[]> {
    const beside = this.#beside.get(model)
    return [history, ...(beside === undefined ? [] : [beside])].flatMap((each) => [
      outcome(collect<Listed>(each.index())),
      outcome(collect<Listed>(each.values('', { onlyChanges: false }))),
      outcome(collect<Listed>(each.query())),
      outcome(collect<Listed>(each.query({ direction: 'backward' })).then((found) => found.reverse())),
    ])
  }

  /** Clean up, and see that it did what the model does. */
  async #clean({ history, model }: Held, options: { readonly now?: number }): Promise<CleanupReport> {
    const wanted = model.cleaned(options.now ?? this.#clock.now())
    const report = await history.cleanup(options)
    this.#mustReport(report, wanted, { dryRun: false })
    model.versions = [...wanted.kept]
    // Sizes are others in groups that were written anew.
    if (report.groupsRewritten > 0) for (const version of model.versions) delete version.stored
    await this.#adopt({ history, model })
    const infos = await collect(history.index())
    expect(infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBe(report.storedBytes)
    return report
  }

  #mustReport(
    report: CleanupReport,
    wanted: ReturnType<HistoryModel['cleaned']>,
    { dryRun }: { dryRun: boolean },
  ): void {
    const { versions, removed, rolledUp, kept } = wanted
    const inTier = (tier: string) => kept.filter((version) => version.tier === tier).length
    expect(report).toMatchObject({
      dryRun,
      versions,
      kept: kept.length,
      removed,
      rolledUp,
      tiers: { raw: inTier('raw'), compressed: inTier('compressed'), archive: inTier('archive') },
      freedBytes: report.storedBytesBefore - report.storedBytes,
    })
  }

  /** Take what the model cannot know: hashes, and means, of which only the last bits are free. */
  async #adopt({ history, model }: Pick<Held, 'history' | 'model'>): Promise<void> {
    for (const one of model.versions) {
      const { version } = one
      if (one.hash === undefined && one.ownFingerprint === undefined)
        one.hash = (await history.find({ version })).fingerprint
      if (one.kind !== 'rollup') continue
      const value = (await history.read({ version })) as { rollup: Record<string, { mean: number }> }
      const { rollup } = one.value as typeof value
      for (const [name, own] of Object.entries(rollup)) {
        const mean = value.rollup[name]?.mean ?? NaN
        if (Math.abs(mean - own.mean) <= 1e-9 * (1 + Math.abs(own.mean))) own.mean = mean
      }
      same(value, one.value, `rollup ${version}`)
    }
  }

  async #remake(store: Store, held: Held, { options, clockBy }: StepOf<'remake'>): Promise<void> {
    const { name } = held.model
    const { history } = held
    await store.histories.delete(name)
    expect(await outcome(history.read())).toBe('HISTORY_UNKNOWN')
    expect(await outcome(history.append(1))).toBe('HISTORY_UNKNOWN')
    expect(await this.#files.list(`histories/${name}`)).toEqual([])
    this.#models.delete(name)
    this.#held.delete(name)
    this.#clock.setWall(this.#clock.now() + clockBy)
    await this.#hold(store, name, options)
    expect(await outcome(history.append(1))).toBe('HISTORY_UNKNOWN')
    expect(await outcome(history.stats())).toBe('HISTORY_UNKNOWN')
  }

  async #verify(store: Store): Promise<void> {
    let versions = 0
    for (const { history, model } of this.#held.values()) {
      const { ok, versionsChecked, damaged, problems } = await history.verify()
      expect({ ok, damaged, problems }).toEqual({ ok: true, damaged: [], problems: [] })
      expect(versionsChecked).toBe(model.versions.length)
      versions += versionsChecked
    }
    const { ok, problems, versionsChecked } = await store.verify()
    expect({ ok, problems, versionsChecked }).toEqual({ ok: true, problems: [], versionsChecked: versions })
    const names = [...this.#models.keys()].sort()
    for (const each of [store, this.#reader]) {
      if (each === undefined) continue
      expect((await each.histories.list()).map(({ history }) => history)).toEqual(names)
    }
  }

  /** Appends are under way when the store is not heard of any more; the next one finds some of them. */
  async #vanish(store: Store, turns: number): Promise<void> {
    const held = await this.#hold(store, NAMES[0] as string)
    const { history, model } = held
    const known: number[] = []
    const settled: Promise<unknown>[] = []
    const attempts = Array.from({ length: 5 }, (_, n) => {
      const value = { attempt: n, ...(n % 2 === 0 && { much: 'x'.repeat(3_000) }) }
      const attempt = history.append(value).then(({ version }) => known.push(version))
      settled.push(attempt.catch(() => undefined))
      return value
    })
    for (let turn = 0; turn < turns; turn++) await undefined
    const next = await this.#open()
    const acknowledged = Math.max(0, ...known)
    const again = await next.histories.open(model.name)
    const { newestVersion } = await again.stats()
    expect(newestVersion).toBeGreaterThanOrEqual(Math.max(acknowledged, model.lastVersion))
    const count = newestVersion - model.lastVersion
    for (const value of attempts.slice(0, count)) model.append({ kind: 'value', value, options: {} }, this.#clock.now())
    expect(model.lastVersion).toBe(newestVersion)
    await this.#adopt({ history: again, model })
    await new HistoryChecks(again, model, draws(turns)).all()
    await Promise.all(settled)
    this.#isUntidy = true
    // What the one before still did is not seen.
    expect((await again.stats()).newestVersion).toBe(newestVersion)
    await next.close()
  }

  /** Nothing is there but the groups, whole. */
  async #mustBeTidy(): Promise<void> {
    for (const { model } of this.#models.values()) {
      const files = await this.#files.list(`histories/${model.name}`).catch(() => [])
      const { name } = model
      expect(
        files.every((file) => file.name.endsWith('.vgrp')),
        name,
      ).toBe(true)
      if (!this.#isUntidy) expect(files.length, name).toBeLessThanOrEqual(model.versions.length)
    }
  }
}
