/** One history: what its callers see, over the files of its groups.
 * @module */
import { type Path, toSinglePath } from '../document/path/path.ts'
import { isVarveError, VarveError } from '../errors.ts'
import type { GroupRow, HistoryRow } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import { cleanUp, previewCleanup } from './cleanup/clean.ts'
import { metricsValue } from './cleanup/metrics.ts'
import { contentHashOf } from './group/content-hash.ts'
import { versionDamaged } from './group/errors.ts'
import type { HistoryHost } from './host.ts'
import { OpenGroups } from './open-groups.ts'
import { changeLines } from './patch/change-lines.ts'
import { patchChanges } from './patch/changes.ts'
import { diffValues } from './patch/diff.ts'
import { pathValues } from './path-values.ts'
import { countOf } from './place-versions.ts'
import { queryVersions } from './query/query.ts'
import type {
  AppendVersionOptions,
  CleanupOptions,
  CleanupReport,
  DiffOptions,
  FoundVersions,
  History,
  HistoryQuery,
  HistoryReport,
  HistorySettings,
  HistoryStats,
  ListVersionsOptions,
  MetricsSnapshot,
  PathVersion,
  PathVersionsOptions,
  ReadVersionOptions,
  VersionDiff,
  VersionInfo,
  VersionPage,
  VersionRange,
  VersionReceipt,
  VersionSelector,
} from './types.ts'
import { verifyHistory } from './verify-history.ts'
import { checkSelector, type FoundPlace, VersionFinder } from './version-finder.ts'
import { checkRange, cursorId, infosOf, VersionList } from './version-list.ts'
import { type AppendCall, VersionWriter } from './version-writer.ts'

const CHANGES_DEFAULT = 1_000
const CHANGES_MOST = 10_000
/** Beside a writer, a group that was replaced is looked for again so often. */
const LOOKS_MOST = 5

export class StoredHistory implements History {
  readonly name: string
  readonly #host: HistoryHost
  readonly #groups: OpenGroups
  readonly #finder: VersionFinder
  readonly #list: VersionList
  readonly #writer: VersionWriter

  constructor(host: HistoryHost) {
    this.name = host.name
    this.#host = host
    this.#groups = new OpenGroups(host)
    this.#finder = new VersionFinder(this.#groups)
    this.#list = new VersionList(host, this.#groups)
    this.#writer = new VersionWriter(host, this.#groups)
  }

  get settings(): HistorySettings {
    return this.#host.row().options
  }

  async append(value: unknown, options: AppendVersionOptions = {}): Promise<VersionReceipt> {
    this.#checkPublic('append to')
    return this.appendWith({ value, kind: 'value', options })
  }

  async appendMetrics(
    snapshot: MetricsSnapshot,
    options: Omit<AppendVersionOptions, 'fingerprint' | 'metadata'> = {},
  ): Promise<VersionReceipt> {
    this.#checkPublic('append to')
    const { metrics } = metricsValue(snapshot)
    const { fingerprint, metadata } = snapshot
    const more = { ...(fingerprint !== undefined && { fingerprint }), ...(metadata !== undefined && { metadata }) }
    return this.appendWith({ value: { metrics }, kind: 'metrics', options: { ...options, ...more } })
  }

  /** Histories of the store's own are read by callers, and written by what they belong to. */
  #checkPublic(action: string): void {
    const { name } = this
    if (!name.startsWith('_')) return
    const message = `Cannot ${action} history "${name}": it is the store's own`
    throw new VarveError('NAME_INVALID', message, { details: { what: 'history', name } })
  }

  /** For projections: versions that are committed with something else. */
  appendWith(call: AppendCall): Promise<VersionReceipt> {
    return this.#writer.append(call)
  }

  async read(options: ReadVersionOptions = {}): Promise<unknown> {
    checkSelector(options)
    const path = options.path === undefined ? undefined : toSinglePath(options.path)
    const { signal, onCost, check = false } = options
    if (check && path !== undefined) throw optionInvalid('check', 'is for whole values, without a path', check)
    return this.#look(options, ({ group, version }) =>
      this.#groups.use(group, async (file) => {
        if (path !== undefined) return file.valueAt(version, path, { signal, onCost })
        const value = await file.value(version, { signal, onCost })
        if (!check) return value
        const stored = file.versions.find((one) => one.version === version)
        const found = contentHashOf(this.#host.storage.digest, value)
        if (stored?.hash === found.hash) return value
        throw versionDamaged(this.#host.place(group), { versions: [version], found: 'another value than was stored' })
      }),
    )
  }

  async find(selector: VersionSelector = {}): Promise<VersionInfo> {
    checkSelector(selector)
    return this.#look(selector, ({ group, version }) => this.#list.infoOf(group, version))
  }

  /** Find a version and work with it. Beside a writer that replaced its group meanwhile, begin again. */
  async #look<T>(selector: VersionSelector, work: (place: FoundPlace) => Promise<T>): Promise<T> {
    await this.#host.refresh()
    for (let looks = 1; ; looks++) {
      const row = this.#host.row()
      try {
        return await work(await this.#finder.find(row, selector))
      } catch (error) {
        if (!isVarveError(error, 'VERSION_DAMAGED') || looks === LOOKS_MOST) throw error
        await this.#host.refresh()
        if (this.#host.row() === row) throw error
      }
    }
  }

  async list(options: ListVersionsOptions = {}): Promise<VersionPage> {
    await this.#host.refresh()
    return this.#list.page(options)
  }

  async *index(range: VersionRange = {}): AsyncGenerator<VersionInfo> {
    const checked = checkRange(range)
    await this.#host.refresh()
    yield* this.#list.index(checked, range.signal)
  }

  async diff({ from, to = {}, limit, signal }: DiffOptions): Promise<VersionDiff> {
    const most = limit === undefined ? CHANGES_DEFAULT : wholeOption('limit', limit, { least: 1, most: CHANGES_MOST })
    const [older, newer] = [await this.find(from), await this.find(to)]
    const before = await this.read({ version: older.version, ...(signal && { signal }) })
    const after = await this.read({ version: newer.version, ...(signal && { signal }) })
    const patch = diffValues(before, after, { ...this.settings, isDetailed: true })
    const { changes, isCut } = patch === undefined ? { changes: [], isCut: false } : patchChanges(before, patch, most)
    return { from: older, to: newer, changes, lines: changeLines(changes), isCut }
  }

  async *values(path: string | Path, options: PathVersionsOptions = {}): AsyncGenerator<PathVersion> {
    const { onlyChanges = true, signal } = options
    const [single, range] = [toSinglePath(path), checkRange(options)]
    await this.#host.refresh()
    const [host, groups] = [this.#host, this.#groups]
    yield* pathValues({ host, groups, path: single, range, onlyChanges, signal })
  }

  query(query: HistoryQuery = {}): FoundVersions {
    const host = this.#host
    return queryVersions(
      {
        id: cursorId(host.row()),
        digest: host.storage.digest,
        refresh: () => host.refresh(),
        groups: () => host.row().groups,
        open: async (look, signal) => {
          const used = await this.#groups.acquireFound(look)
          if (used === undefined) return undefined
          const { group, file, release } = used
          return {
            row: group,
            versions: infosOf(file, group, host.row().pins).filter(({ version }) => file.has(version)),
            damaged: file.damaged,
            value: (version) => file.value(version, { signal }),
            valueAt: (version, path) => file.valueAt(version, path, { signal }),
            values: (from) => numbered(file.values(from, { signal })),
            release,
          }
        },
      },
      query,
    )
  }

  pin(selector: VersionSelector): Promise<VersionInfo> {
    return this.#pin(selector, true)
  }

  unpin(selector: VersionSelector): Promise<VersionInfo> {
    return this.#pin(selector, false)
  }

  async #pin(selector: VersionSelector, pinned: boolean): Promise<VersionInfo> {
    this.#checkPublic('pin a version of')
    this.#host.checkWritable('pin a version')
    checkSelector(selector)
    return this.#writer.inTurn(async () => {
      const info = await this.find(selector)
      if (info.pinned === pinned) return info
      const { name, groups, lastVersion, pins = [] } = this.#host.row()
      const others = pins.filter((version) => version !== info.version)
      const next = pinned ? [...others, info.version].sort((a, b) => a - b) : others
      await this.#host.commit({ name, from: groups.length, groups: [], lastVersion, pins: next })
      return { ...info, pinned }
    })
  }

  async cleanup(options: CleanupOptions = {}): Promise<CleanupReport> {
    const { dryRun = false, now } = options
    if (now !== undefined) wholeOption('now', now, { least: 0 })
    if (!dryRun) this.#checkPublic('clean up')
    if (!dryRun) this.#host.checkWritable('clean up a history')
    await this.#host.refresh()
    const parts = { host: this.#host, groups: this.#groups, writer: this.#writer }
    return dryRun ? previewCleanup(parts, options) : this.#writer.inTurn(() => cleanUp(parts, options))
  }

  async stats(): Promise<HistoryStats> {
    await this.#host.refresh()
    return statsOf(this.#host.row())
  }

  async verify(options: Parameters<History['verify']>[0] = {}): Promise<HistoryReport> {
    await this.#host.refresh()
    return verifyHistory({ host: this.#host, groups: this.#groups }, options)
  }

  /** Give memory and file handles back, after the appends that wait. */
  async rest(): Promise<void> {
    await this.#writer.rest()
    await this.closeGroups()
  }

  /** Give what reads keep back: labels, and files of groups, those in use when they are not any more. */
  closeGroups(): Promise<void> {
    this.#finder.rest()
    return this.#groups.close()
  }

  /** Do something between two appends. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.#writer.inTurn(task)
  }

  /** The manifest of another process has changed: do not keep files that it has replaced. */
  moved(): void {
    this.#groups.keepOnly(this.#host.row().groups)
  }
}

async function* numbered(
  values: AsyncIterable<{ readonly version: { readonly version: number }; readonly value: unknown }>,
): AsyncGenerator<{ version: number; value: unknown }> {
  for await (const { version, value } of values) yield { version: version.version, value }
}

/** What is known of a history by its row. */
export function statsOf({ name, createdAt, options, groups, lastVersion, pins = [] }: HistoryRow): HistoryStats {
  const sum = (of: (group: GroupRow) => number) => groups.reduce((total, group) => total + of(group), 0)
  const [rawBytes, storedBytes] = [sum((group) => group.rawBytes), sum((group) => group.endBytes)]
  const last = groups.at(-1)
  return {
    history: name,
    createdAt,
    settings: options,
    count: sum(countOf),
    newestVersion: lastVersion,
    oldestVersion: groups[0]?.firstVersion ?? 0,
    ...(last !== undefined && { newestAt: last.lastAt }),
    groups: groups.length,
    rawBytes,
    storedBytes,
    ratio: storedBytes === 0 ? 1 : rawBytes / storedBytes,
    pinned: pins,
  }
}
