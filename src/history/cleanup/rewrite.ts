/** Thinning out: the groups of a history are replaced by groups of the versions that stay.
 *
 * 1. A plan is made from the frames of groups. 2. Kept versions of groups that do not stay as they are are rebuilt in
 * order, compared anew and written to new files, which are synced. A crash up to here leaves files that no manifest
 * names. 3. Whoever called commits the rows and removes the old files. Memory: one value, and what one group needs to
 * be read. A dry run encodes the same bytes and writes none.
 * @module */
import { isVarveError } from '../../errors.ts'
import type { GroupRow, HistoryRow } from '../../manifest/histories.ts'
import { nextTurn } from '../../ports/clock.ts'
import { contentHashOf } from '../group/content-hash.ts'
import { versionDamaged } from '../group/errors.ts'
import type { GroupFile, GroupValue } from '../group/group-file.ts'
import type { HistoryHost } from '../host.ts'
import { countOf } from '../place-versions.ts'
import type { CleanupOptions, CleanupReport, Tier } from '../types.ts'
import type { MetricsValue, RollupValue } from './metrics.ts'
import { RollupSums } from './rollup.ts'
import { type Survey, type SurveyedGroup, surveyGroups, type UseGroup } from './survey.ts'
import type { KeptVersion } from './tiers.ts'
import { Regrouper } from './writer.ts'

const REMOVED_MOST = 10_000

export interface CleanupWork {
  readonly host: HistoryHost
  readonly use: UseGroup
  /** Nothing may be appended to the history until the outcome is committed. */
  readonly options: CleanupOptions
}

export interface CleanupOutcome {
  readonly report: CleanupReport
  /** Groups before this place stay; as many as there are: nothing changes. */
  readonly from: number
  readonly groups: readonly GroupRow[]
  /** Names of files that nothing needs once the groups are committed. */
  readonly oldFiles: readonly string[]
  /** Give up the new files, after the commit or instead of it. To be called once. */
  release(): void
}

/** Write the groups that a clean-up leaves. Nothing that exists is changed. A group with a version that cannot be read
 * stays until all of it is too old. New groups have no epoch.
 * Cost: groups that change are read, and each of their kept versions is compared with the one before it.
 * @throws {VarveError} what the storage throws, and the reason of the signal; files that were written are nobody's. */
export async function rewriteGroups({ host, use, options }: CleanupWork): Promise<CleanupOutcome> {
  const row = host.row()
  const now = options.now ?? host.clock.now()
  const { signal } = options
  const lost = new Set<number>()
  for (;;) {
    const survey = await surveyGroups({ row, now, use, lost, signal })
    const regrouper = new Regrouper(host, row, { isDry: options.dryRun ?? false })
    try {
      await new Rewriting({ host, use, options }, survey, regrouper).run()
      return outcomeOf({ row, survey, regrouper, options })
    } catch (error) {
      await regrouper.abandon()
      if (!isVarveError(error, 'VERSION_DAMAGED') || !addLost(lost, error.details.versions)) throw error
    }
  }
}

/** @returns whether there are new ones, so that another plan can be better. */
function addLost(lost: Set<number>, versions: unknown): boolean {
  const { size } = lost
  if (Array.isArray(versions)) for (const version of versions) lost.add(version)
  return lost.size > size
}

class Rewriting {
  readonly #work: CleanupWork
  readonly #survey: Survey
  readonly #regrouper: Regrouper
  /** By the version that holds them: sums of members so far. */
  readonly #sums = new Map<number, RollupSums>()
  /** Versions by the one that holds their rollup. */
  readonly #holders: ReadonlyMap<number, number>
  #lastOffset: number | undefined

  constructor(work: CleanupWork, survey: Survey, regrouper: Regrouper) {
    this.#work = work
    this.#survey = survey
    this.#regrouper = regrouper
    this.#holders = new Map(
      [...survey.rollups].flatMap(([holder, members]) => members.map((member) => [member, holder] as const)),
    )
  }

  async run(): Promise<void> {
    const { use, options } = this.#work
    const { groups } = this.#survey
    const totalGroups = groups.filter(({ fate }) => fate === 'rewritten').length
    let done = 0
    for (const group of groups) {
      options.signal?.throwIfAborted()
      const { row, fate, tier } = group
      if (fate === 'stays') await this.#regrouper.keep(row)
      else if (fate === 'moves') await this.#regrouper.keep(inTier(row, tier))
      else if (fate === 'rewritten') {
        await use(row, (file) => this.#rewrite(file, group))
        options.onProgress?.({ groups: ++done, totalGroups })
      }
      this.#lastOffset = row.lastOffset
    }
    await this.#regrouper.end()
  }

  async #rewrite(file: GroupFile, { row, kept }: SurveyedGroup): Promise<void> {
    const { signal } = this.#work.options
    const keeps = new Map(kept.map((keep) => [keep.version, keep]))
    const wanted = [
      ...keeps.keys(),
      ...file.versions.flatMap(({ version }) => (this.#holders.has(version) ? version : [])),
    ]
    const [first, last] = [Math.min(...wanted), Math.max(...wanted)]
    // They never fall, below those of versions that go, or went before, neither.
    if (file.versions.every(({ offset }) => offset === undefined)) this.#lastOffset = row.lastOffset
    for (const { version, offset } of file.versions) if (version < first) this.#lastOffset = offset ?? this.#lastOffset
    for await (const found of file.values(first, { signal })) {
      const { version, offset } = found.version
      this.#lastOffset = offset ?? this.#lastOffset
      await this.#step(found, keeps.get(version), row)
      if (version === last) return
      await nextTurn()
    }
  }

  async #step({ version: stored, value }: GroupValue, keep: KeptVersion | undefined, source: GroupRow): Promise<void> {
    const { version } = stored
    if (this.#holders.has(version)) this.#sumUp({ version: stored, value }, source)
    if (keep === undefined) return
    const { at, kind, label, fingerprint, metadata, offset, hash, rawBytes } = stored
    const facts = {
      version,
      at,
      kind,
      ...(label !== undefined && { label }),
      ...(fingerprint !== undefined && { fingerprint }),
      ...(metadata !== undefined && { metadata }),
      ...(offset !== undefined && { offset }),
    }
    const common = { tier: keep.tier, source, lastOffset: this.#lastOffset }
    const sums = this.#sums.get(version)
    this.#sums.delete(version)
    if (sums === undefined) await this.#regrouper.add({ ...common, facts: { ...facts, hash, rawBytes }, value })
    else await this.#regrouper.add({ ...common, facts: { ...facts, kind: 'rollup' }, value: sums.value() })
  }

  #sumUp({ version: { version, hash }, value }: Pick<GroupValue, 'version' | 'value'>, source: GroupRow): void {
    const { host } = this.#work
    if (contentHashOf(host.storage.digest, value).hash !== hash)
      throw versionDamaged(host.place(source), { versions: [version], found: 'another value than was stored' })
    const holder = this.#holders.get(version) ?? version
    const sums = this.#sums.get(holder) ?? new RollupSums()
    this.#sums.set(holder, sums)
    sums.add(value as MetricsValue | RollupValue)
  }
}

/** Nobody appends to groups of older tiers. */
function inTier({ epoch: _, ...row }: GroupRow, tier: Tier): GroupRow {
  return { ...row, tier }
}

interface OutcomeParts {
  readonly row: HistoryRow
  readonly survey: Survey
  readonly regrouper: Regrouper
  readonly options: CleanupOptions
}

function outcomeOf({ row, survey, regrouper, options }: OutcomeParts): CleanupOutcome {
  const { rows } = regrouper
  const first = survey.groups.findIndex(({ fate }) => fate !== 'stays')
  const from = first === -1 ? row.groups.length : first
  const storedBytesBefore = sum(row.groups, ({ endBytes }) => endBytes)
  const storedBytes = sum(rows, ({ endBytes }) => endBytes)
  const inTierOf = (tier: Tier) => sum(rows, (group) => (group.tier === tier ? countOf(group) : 0))
  const report: CleanupReport = {
    dryRun: options.dryRun ?? false,
    versions: sum(row.groups, countOf),
    kept: sum(rows, countOf),
    removed: survey.removed.slice(0, REMOVED_MOST),
    tiers: { raw: inTierOf('raw'), compressed: inTierOf('compressed'), archive: inTierOf('archive') },
    rolledUp: survey.rolledUp,
    groupsRewritten: survey.groups.filter(({ fate }) => fate === 'rewritten').length,
    storedBytesBefore,
    storedBytes,
    freedBytes: storedBytesBefore - storedBytes,
  }
  const needed = new Set(rows.map(({ file }) => file))
  const oldFiles = row.groups.map(({ file }) => file).filter((file) => !needed.has(file))
  return { report, from, groups: rows.slice(from), oldFiles, release: () => regrouper.release() }
}

function sum(groups: readonly GroupRow[], of: (group: GroupRow) => number): number {
  return groups.reduce((total, group) => total + of(group), 0)
}
