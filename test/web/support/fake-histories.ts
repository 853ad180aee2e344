/** Histories in memory with the answers of the real ones, as far as the doors can tell.
 * @module */
import {
  type CleanupOptions,
  type Histories,
  type History,
  type HistoryOptions,
  type HistoryStats,
  Path,
  type Store,
  VarveError,
  type VersionInfo,
  type VersionSelector,
} from '../../../src/index.ts'

const NAME = /^_?[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const DAY = 86_400_000

export function fakeHistories(store: Store): Map<string, FakeHistory> {
  const all = new Map<string, FakeHistory>()
  const get = (name: string) => {
    if (!NAME.test(name) || name.includes('..') || name.endsWith('.') || /^(con|nul)\b/i.test(name))
      throw new VarveError('NAME_INVALID', `Cannot use the name "${name}"`)
    const found = all.get(name)
    if (found === undefined) throw new VarveError('HISTORY_UNKNOWN', `Cannot find history "${name}"`)
    return found
  }
  const histories: Histories = {
    open: async (name, options = {}) => {
      try {
        const found = get(name)
        if (typeof options.create === 'object' && Object.keys(options.create).length > 0)
          if (JSON.stringify(options.create) !== JSON.stringify(found.options))
            throw new VarveError('HISTORY_EXISTS', `Cannot create history "${name}"`)
        return found as unknown as History
      } catch (error) {
        if (!(error instanceof VarveError) || error.code !== 'HISTORY_UNKNOWN' || options.create === undefined)
          throw error
        const made = new FakeHistory(name, options.create === true ? {} : options.create)
        all.set(name, made)
        return made as unknown as History
      }
    },
    list: async () => Promise.all([...all.keys()].sort().map((name) => get(name).stats())),
    change: async (name, options) => {
      const found = get(name)
      found.options = { ...found.options, ...options }
      return found.stats()
    },
    delete: async (name) => {
      get(name)
      all.delete(name)
    },
  }
  Object.defineProperty(store, 'histories', { value: histories })
  return all
}

export class FakeHistory {
  readonly name: string
  options: HistoryOptions
  readonly versions: { info: VersionInfo; value: unknown }[] = []
  createdAt = 1_000

  constructor(name: string, options: HistoryOptions) {
    this.name = name
    this.options = options
  }

  get settings() {
    const tiers = { raw: { forMs: DAY }, compressed: { forMs: 30 * DAY }, archive: { forMs: 365 * DAY } }
    return { keyframeInterval: 128, ...this.options, tiers: { ...tiers, ...this.options.tiers } }
  }

  async append(value: unknown, options: Record<string, unknown> = {}, kind = 'value') {
    const { ifVersion, signal: _signal, at = 5_000 + this.versions.length, ...rest } = options
    const newest = this.versions.length
    if (ifVersion !== undefined && ifVersion !== newest)
      throw new VarveError('HISTORY_CONFLICT', 'Cannot append', { details: { expected: ifVersion, found: newest } })
    const version = newest + 1
    const rawBytes = JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one)).length
    const about = { version, at, kind, fingerprint: `f${version}`, ...rest, tier: 'raw', pinned: false, rawBytes }
    const info = { ...about, sizeBytes: 30, isDelta: version > 1, group: 1 } as VersionInfo
    this.versions.push({ info, value: structuredClone(value) })
    return { version, at, fingerprint: info.fingerprint, isDelta: info.isDelta, sizeBytes: 30 }
  }

  appendMetrics({ fingerprint, metadata, ...value }: Record<string, unknown>, options: object = {}) {
    const about = { ...(fingerprint !== undefined && { fingerprint }), ...(metadata !== undefined && { metadata }) }
    return this.append(value, { ...options, ...about }, 'metrics')
  }

  async find({ version, time, label, offset }: VersionSelector = {}) {
    const newestVersion = this.versions.length
    const found = this.versions.findLast(
      ({ info }) =>
        (version === undefined || info.version === version) &&
        (time === undefined || info.at <= time) &&
        (label === undefined || info.label === label) &&
        (offset === undefined || (info.offset ?? 0) <= offset),
    )
    if (found !== undefined) return found.info
    throw version === undefined
      ? new VarveError('VERSION_UNKNOWN', 'Cannot find such a version')
      : new VarveError('VERSION_OUT_OF_RANGE', 'Cannot find', { details: { oldestVersion: 1, newestVersion } })
  }

  async read({ path = '', ...selector }: VersionSelector & { path?: string | Path } = {}) {
    const { version } = await this.find(selector)
    const place = typeof path === 'string' ? Path.parse(path) : path
    if (place.isPlural) throw new VarveError('PATH_PLURAL', 'Cannot read')
    let value: unknown = this.versions[version - 1]?.value
    for (const step of place.steps)
      value = (value as Record<string, unknown> | undefined)?.[
        'key' in step ? String(step.key) : Reflect.get(step, 'index')
      ]
    return value
  }

  async list({ from = 1, to = 1e9, limit = 100, cursor = '', direction = 'forward' } = {}) {
    const all = this.versions.map(({ info }) => info).filter(({ version }) => version >= from && version < to)
    if (direction === 'backward') all.reverse()
    const start = Number(cursor)
    const items = all.slice(start, start + limit)
    return { items, ...(start + limit < all.length && { nextCursor: String(start + limit) }) }
  }

  async diff({ from, to = {}, limit }: { from: VersionSelector; to?: VersionSelector; limit?: number }) {
    const [first, second] = [await this.find(from), await this.find(to)]
    const change = { type: 'changed', path: 'n', before: first.version, after: second.version }
    return { from: first, to: second, changes: [change], lines: [`~ n: ${first.version}`], isCut: limit === 1 }
  }

  async *values(path: Path) {
    for (const { info } of this.versions)
      yield { version: info.version, at: info.at, value: await this.read({ version: info.version, path }) }
  }

  query({ limit = 1e9, label }: { limit?: number; label?: string } = {}) {
    const all = this.versions.filter(({ info }) => label === undefined || info.label === label)
    const found = {
      outcome: undefined as object | undefined,
      async *[Symbol.asyncIterator]() {
        for (const { info, value } of all.slice(0, limit)) yield { ...info, value }
        found.outcome = all.length > limit ? { reason: 'limit', nextCursor: 'c' } : { reason: 'end' }
      },
    }
    return found
  }

  async pin(selector: VersionSelector, pinned = true) {
    const { version } = await this.find(selector)
    const entry = this.versions[version - 1]
    if (entry !== undefined) entry.info = { ...entry.info, pinned }
    return entry?.info
  }

  unpin(selector: VersionSelector) {
    return this.pin(selector, false)
  }

  async cleanup({ dryRun = false, onProgress }: CleanupOptions = {}) {
    onProgress?.({ groups: 1, totalGroups: 1 })
    const { length } = this.versions
    const tiers = { raw: length, compressed: 0, archive: 0 }
    const sizes = { storedBytesBefore: 90, storedBytes: 90, freedBytes: 0 }
    return { dryRun, versions: length, kept: length, removed: [], tiers, rolledUp: 0, groupsRewritten: 0, ...sizes }
  }

  async stats(): Promise<HistoryStats> {
    const count = this.versions.length
    const pinned = this.versions.filter(({ info }) => info.pinned).map(({ info }) => info.version)
    const sizes = { rawBytes: 900, storedBytes: 90, ratio: 10 }
    const { name: history, createdAt, settings } = this
    const newestAt = this.versions.at(-1)?.info.at
    const facts = { count, newestVersion: count, oldestVersion: Math.min(1, count), groups: 1, pinned }
    return { history, createdAt, settings, ...facts, ...(newestAt !== undefined && { newestAt }), ...sizes }
  }

  async verify() {
    return { ok: true, versionsChecked: this.versions.length, bytesChecked: 90, damaged: [], problems: [] }
  }
}
