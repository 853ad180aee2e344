/** What a history answers, held against the model.
 * @module */
import { expect } from 'vitest'
import { Path } from '../../src/document/path/path.ts'
import type {
  FoundVersion,
  History,
  HistoryQuery,
  PathVersion,
  ReadVersionOptions,
  VersionInfo,
  VersionSelector,
} from '../../src/history/types.ts'
import { difference } from '../support/same-value.ts'
import type { Draw } from '../support/seeded-random.ts'
import { collect, outcome } from '../unit/topic/support.ts'
import { checkChanges } from './history-diff.ts'
import type { HistoryModel, ModelVersion } from './history-model.ts'
import { at, randomSteps, spoil } from './history-values.ts'

export const LABELS = ['first', 'draft', 'größe', 'released']
export const FINGERPRINTS = ['f1', 'f2', '0'.repeat(32)]
export const METRICS = ['load', 'idle', '__proto__']

const WHOLE = 6
const PATHS = 8

export class HistoryChecks {
  readonly #history: History
  readonly #model: HistoryModel
  readonly #draw: Draw

  constructor(history: History, model: HistoryModel, draw: Draw) {
    this.#history = history
    this.#model = model
    this.#draw = draw
  }

  /** Everything, in part. */
  async all(): Promise<void> {
    await this.list()
    await this.stats()
    for (let left = WHOLE; left > 0; left--) await this.whole()
    for (let left = PATHS; left > 0; left--) await this.path()
    await this.values()
    await this.diff()
    await this.query()
    await this.query()
  }

  /** The same at once. */
  async atOnce(): Promise<void> {
    const some = [
      this.list,
      this.stats,
      this.whole,
      this.whole,
      this.path,
      this.path,
      this.values,
      this.diff,
      this.query,
    ]
    await Promise.all(some.map((check) => check.call(this)))
  }

  /** Any of them: what a reader asks first makes it see what was written. */
  async one(): Promise<void> {
    const any = [this.list, this.stats, this.whole, this.path, this.values, this.diff, this.query]
    await (this.#pick(any) as () => Promise<void>).call(this)
  }

  #below(end: number): number {
    return this.#draw() % Math.max(1, end)
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.#below(from.length)]
  }

  async list(): Promise<void> {
    const model = this.#model
    const [from, to] = this.#range()
    const direction = this.#pick(['forward', 'backward'] as const) ?? 'forward'
    const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }), direction }
    const wanted = inRange(model.versions, range)
    const pages: VersionInfo[] = []
    let cursor: string | undefined
    do {
      const limit = 1 + this.#below(this.#below(3) === 0 ? 3 : 200)
      const page = await this.#history.list({ ...range, limit, ...(cursor !== undefined && { cursor }) })
      expect(page.items.length).toBeLessThanOrEqual(limit)
      if (page.nextCursor !== undefined) expect(page.items.length).toBe(limit)
      pages.push(...page.items)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    sameInfos(pages, wanted)
    const index = await collect(this.#history.index(range))
    expect(index).toEqual(pages)
  }

  #range(): [number | undefined, number | undefined] {
    const any = () => (this.#below(3) === 0 ? undefined : this.#below(this.#model.lastVersion + 3))
    return [any(), any()]
  }

  async stats(): Promise<void> {
    const { versions, lastVersion, options, name } = this.#model
    const infos = await collect(this.#history.index())
    const stats = await this.#history.stats()
    const newest = versions.at(-1)
    expect(stats).toMatchObject({
      history: name,
      count: versions.length,
      newestVersion: lastVersion,
      oldestVersion: versions[0]?.version ?? 0,
      pinned: versions.filter(({ pinned }) => pinned).map(({ version }) => version),
      groups: new Set(infos.map(({ group }) => group)).size,
      rawBytes: infos.reduce((sum, { rawBytes }) => sum + rawBytes, 0),
      storedBytes: infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    })
    expect(stats.newestAt).toBe(newest?.at)
    expect(stats.ratio).toBe(stats.storedBytes === 0 ? 1 : stats.rawBytes / stats.storedBytes)
    expect(stats.settings).toEqual(options)
    expect(this.#history.settings).toEqual(options)
  }

  #selector(): VersionSelector {
    const { versions, lastVersion, lastOffset } = this.#model
    const one = this.#pick(versions)
    switch (this.#below(6)) {
      case 0:
        return { time: Math.max(0, (one?.at ?? 0) + this.#below(3) - 1) }
      case 1:
        return { label: this.#pick(LABELS) ?? '' }
      case 2:
        return { offset: this.#below(lastOffset + 3) }
      case 3:
        return {}
      case 4:
        return { version: 1 + this.#below(lastVersion + 2) }
      default:
        return one === undefined ? {} : { version: one.version }
    }
  }

  async whole(): Promise<void> {
    const selector = this.#selector()
    const wanted = this.#model.find(selector)
    const options: ReadVersionOptions = { ...selector, ...(this.#below(2) === 0 && { check: true }) }
    const shown = `${this.#model.name} ${JSON.stringify(selector)}`
    const found = await outcome(this.#history.find(selector))
    if (typeof wanted === 'string') {
      expect(found, shown).toBe(wanted)
      expect(await outcome(this.#history.read(options)), shown).toBe(wanted)
      return
    }
    sameInfos([found as VersionInfo], [wanted])
    const value = await this.#history.read(options)
    same(value, wanted.value, shown)
    spoil(value)
  }

  /** A path, and the selector of a version of which it may or may not be one. */
  #pathOf(value: unknown): Path {
    return Path.of(randomSteps(value, this.#draw))
  }

  async path(): Promise<void> {
    const selector = this.#selector()
    const wanted = this.#model.find(selector)
    const own = typeof wanted === 'string' ? undefined : wanted.value
    const path = this.#pathOf(this.#below(3) === 0 ? this.#pick(this.#model.versions)?.value : own)
    const shown = `${this.#model.name} ${JSON.stringify(selector)} at ${path}`
    const asked = this.#below(2) === 0 ? path : `${path}`
    const value = await outcome(this.#history.read({ ...selector, path: asked }))
    if (typeof wanted === 'string') expect(value, shown).toBe(wanted)
    else same(value, at(wanted.value, path.steps), shown)
    spoil(value)
  }

  async values(): Promise<void> {
    const [from, to] = this.#range()
    const direction = this.#pick(['forward', 'backward'] as const) ?? 'forward'
    const onlyChanges = this.#below(3) > 0
    const path = this.#pathOf(this.#pick(this.#model.versions)?.value)
    const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }), direction }
    const wanted: PathVersion[] = []
    let last: { value: unknown } | undefined
    for (const version of inRange(this.#model.versions, range)) {
      const { label } = version
      const value = at(version.value, path.steps)
      const differs = last === undefined || difference(value, last.value) !== undefined
      last = { value }
      if (!differs && onlyChanges) continue
      wanted.push({ version: version.version, at: version.at, ...(label !== undefined && { label }), value })
    }
    const asked = this.#below(2) === 0 ? path : `${path}`
    const found = await collect(this.#history.values(asked, { ...range, onlyChanges }))
    same(found, wanted, `values at ${path} ${JSON.stringify(range)}`)
    for (const { value } of found) spoil(value)
  }

  async diff(): Promise<void> {
    const { versions } = this.#model
    const [older, newer] = [this.#pick(versions), this.#below(3) === 0 ? versions.at(-1) : this.#pick(versions)]
    if (older === undefined || newer === undefined) return
    const to = newer === versions.at(-1) && this.#below(2) === 0 ? {} : { to: { version: newer.version } }
    const from = { version: older.version }
    const whole = await this.#history.diff({ from, ...to, limit: 10_000 })
    sameInfos([whole.from, whole.to], [older, newer])
    if (!whole.isCut) {
      try {
        checkChanges(whole.changes, older.value, newer.value)
      } catch (error) {
        throw new Error(`diff of ${older.version} and ${newer.version}: ${error}`, { cause: error })
      }
    }
    expect(whole.lines.length).toBeGreaterThanOrEqual(whole.changes.length)
    const limit = 1 + this.#below(5)
    const cut = await this.#history.diff({ from, ...to, limit })
    same(cut.changes, whole.changes.slice(0, limit), 'the first changes')
    expect(cut.isCut).toBe(whole.changes.length > limit)
    for (const { before, after } of cut.changes) for (const value of [before, after]) spoil(value)
  }

  #filters(): HistoryQuery {
    const one = this.#pick(this.#model.versions)
    const two = this.#pick(this.#model.versions)
    const is = () => this.#below(4) === 0
    const fingerprint = one?.ownFingerprint ?? one?.hash
    const tier = this.#pick(['raw', 'compressed', 'archive'] as const)
    return {
      ...(is() && one && { since: one.at + this.#below(2) }),
      ...(is() && two && { until: two.at + this.#below(2) }),
      ...(is() && { label: this.#pick(LABELS) ?? '' }),
      ...(is() && fingerprint !== undefined && { fingerprint }),
      ...(is() && { metric: this.#pick(METRICS) ?? '' }),
      ...(is() && { path: this.#below(2) === 0 ? this.#pathOf(one?.value) : `${this.#pathOf(one?.value)}` }),
      ...(is() && tier && { tier }),
      ...(this.#below(2) === 0 && { direction: this.#pick(['forward', 'backward'] as const) ?? 'forward' }),
    }
  }

  /** What a query must find, in order. */
  #answer(query: HistoryQuery): { version: ModelVersion; value: unknown }[] {
    const { since = 0, until = Infinity, label, fingerprint, metric, path, tier, direction } = query
    const steps = path === undefined ? [] : Path.parse(`${path}`).steps
    const found = this.#model.versions.flatMap((version) => {
      if (version.at < since || version.at >= until) return []
      if (label !== undefined && version.label !== label) return []
      if (fingerprint !== undefined && (version.ownFingerprint ?? version.hash) !== fingerprint) return []
      if (tier !== undefined && version.tier !== tier) return []
      if (metric !== undefined) {
        if (version.kind === 'value') return []
        const series = Object.values(version.value as object)[0] as object
        if (!Object.hasOwn(series, metric)) return []
      }
      const value = at(version.value, steps)
      return value === undefined ? [] : [{ version, value }]
    })
    return direction === 'backward' ? found.reverse() : found
  }

  async query(): Promise<void> {
    const filters = this.#filters()
    const wanted = this.#answer(filters)
    const shown = `query ${JSON.stringify({ ...filters, ...(filters.path !== undefined && { path: `${filters.path}` }) })}`
    const found: FoundVersion[] = []
    let cursor: string | undefined
    do {
      const limit = this.#below(3) === 0 ? undefined : this.#below(8) + (cursor === undefined ? 0 : 1)
      const budgetBytes = this.#below(3) === 0 ? this.#below(3_000) : undefined
      const limits = { ...(limit !== undefined && { limit }), ...(budgetBytes !== undefined && { budgetBytes }) }
      const query = this.#history.query({ ...filters, ...limits, ...(cursor !== undefined && { cursor }) })
      expect(query.outcome).toBeUndefined()
      const page = await collect(query)
      found.push(...page)
      const { reason, nextCursor } = query.outcome ?? {}
      expect(reason === 'end', shown).toBe(nextCursor === undefined)
      if (limit !== undefined) expect(page.length, shown).toBeLessThanOrEqual(limit)
      if (reason === 'limit') expect(page.length, shown).toBe(limit)
      if (filters.path === undefined && budgetBytes !== undefined && page.length > 1) {
        expect(page.reduce((sum, { rawBytes }) => sum + rawBytes, 0)).toBeLessThanOrEqual(budgetBytes)
      }
      if (reason === 'budget') expect(page.length, shown).toBeGreaterThan(0)
      expect(found.length, shown).toBeLessThanOrEqual(wanted.length)
      if (limit === 0) expect(page).toEqual([])
      cursor = nextCursor
      // A limit of none is where one begins, not where one ends.
      if (reason === 'end' && limit === 0 && this.#model.versions.length > 0) expect(wanted).toEqual([])
    } while (cursor !== undefined)
    sameInfos(
      found,
      wanted.map(({ version }) => version),
      shown,
    )
    for (const [n, { value }] of wanted.entries()) {
      same(found[n]?.value, value, `${shown}: version ${found[n]?.version}`)
      spoil(found[n]?.value)
    }
  }
}

export function inRange(
  versions: readonly ModelVersion[],
  range: { readonly from?: number; readonly to?: number; readonly direction?: string },
): ModelVersion[] {
  const { from = 0, to = Infinity, direction } = range
  const found = versions.filter(({ version }) => version >= from && version < to)
  return direction === 'backward' ? found.reverse() : found
}

/** What is known of versions. Sizes and groups are checked where the model knows them. */
export function sameInfos(found: readonly VersionInfo[], wanted: readonly ModelVersion[], what = 'versions'): void {
  expect(
    found.map(({ version }) => version),
    what,
  ).toEqual(wanted.map(({ version }) => version))
  for (const [n, info] of found.entries()) {
    const { version, at, kind, label, ownFingerprint, hash, metadata, offset, tier, pinned, stored } = wanted[
      n
    ] as ModelVersion
    const fingerprint = ownFingerprint ?? hash
    const { rawBytes, sizeBytes, isDelta, group, metadata: foundMetadata, ...rest } = info
    Reflect.deleteProperty(rest, 'value')
    expect(rest, what).toEqual({
      version,
      at,
      kind,
      ...(label !== undefined && { label }),
      fingerprint: fingerprint ?? rest.fingerprint,
      ...(offset !== undefined && { offset }),
      tier,
      pinned,
    })
    same(foundMetadata, metadata, `metadata of ${version}`)
    expect(rawBytes).toBeGreaterThan(0)
    expect(sizeBytes).toBeGreaterThan(0)
    expect(isDelta).toBe(group !== version)
    if (stored !== undefined) expect({ sizeBytes, isDelta }).toEqual(stored)
  }
}

export function same(have: unknown, want: unknown, what: string): void {
  const found = difference(have, want)
  if (found !== undefined) throw new Error(`${what}: ${found.slice(0, 2_000)}`)
}
