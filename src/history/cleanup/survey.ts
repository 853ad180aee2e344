/** What a clean-up is to do with each group of a history.
 *
 * Versions that cannot be read are not rebuilt: the group of one stays as it is, but for its tier, until all of it is
 * too old. Invariant: a version that is kept has the group it was in, or is in one that is written anew.
 * @module */
import type { GroupRow, HistoryRow } from '../../manifest/histories.ts'
import type { GroupFile } from '../group/group-file.ts'
import { countOf, versionsOf } from '../place-versions.ts'
import type { Tier, Tiers } from '../types.ts'
import { isOlderTier, type KeptVersion, type PlannedVersion, planCleanup, tierOfAge } from './tiers.ts'

/** Work with the file of a group. */
export type UseGroup = <T>(group: GroupRow, work: (file: GroupFile) => Promise<T>) => Promise<T>

/** What a group becomes: the same, the same in another tier, nothing, or others in its place. */
export type Fate = 'stays' | 'moves' | 'goes' | 'rewritten'

export interface SurveyedGroup {
  readonly row: GroupRow
  readonly fate: Fate
  /** The tier it has afterwards, when it is not rewritten. */
  readonly tier: Tier
  /** Of a group that is rewritten, ascending; perhaps none. */
  readonly kept: readonly KeptVersion[]
}

export interface Survey {
  readonly groups: readonly SurveyedGroup[]
  /** Rollups by the version that holds them. */
  readonly rollups: ReadonlyMap<number, readonly number[]>
  /** Versions that go, ascending, among them those of groups that go which cannot be read. */
  readonly removed: readonly number[]
  /** Metrics that become part of rollups. */
  readonly rolledUp: number
}

interface Listed {
  readonly row: GroupRow
  /** Undefined: nothing in this group is old enough for anything. */
  readonly versions: readonly PlannedVersion[] | undefined
  /** It has a version that cannot be read. */
  readonly isFixed: boolean
}

export interface SurveyParts {
  readonly row: HistoryRow
  readonly now: number
  readonly use: UseGroup
  /** Versions that turned out to be unreadable. */
  readonly lost: ReadonlySet<number>
  readonly signal: AbortSignal | undefined
}

/** Decide. Cost: the frames of each group that may change are read, no value.
 * @throws {VarveError} what the storage throws. */
export async function surveyGroups(parts: SurveyParts): Promise<Survey> {
  const { row, now } = parts
  const listed: Listed[] = []
  for (const [at, group] of row.groups.entries()) {
    parts.signal?.throwIfAborted()
    const isSettled = isSettledIn(group, row.options.tiers, now) && !mayGrow(row, at)
    listed.push(isSettled ? { row: group, versions: undefined, isFixed: false } : await listGroup(group, parts))
  }
  const planned = listed.flatMap(({ versions }) => versions ?? [])
  const plan = planCleanup([...planned, ...newestOf(row, listed)], row.options.tiers, now)
  const kept = new Map(plan.keep.map((keep) => [keep.version, keep]))
  const members = new Set(plan.keep.flatMap(({ rollup }) => rollup ?? []))
  const groups = listed.map((group) => decide(group, kept, members))
  for (const [at, { fate }] of groups.entries())
    if (fate === 'rewritten' || fate === 'moves') joinBefore(groups, at, row.options.keyframeInterval)
  const goes = groups.filter(({ fate }) => fate === 'goes').flatMap(({ row }) => versionsOf(row))
  const removed = new Set([...plan.removed, ...goes])
  const metrics = new Set(planned.filter(({ kind }) => kind === 'metrics').map(({ version }) => version))
  return {
    groups,
    rollups: new Map(plan.keep.flatMap(({ version, rollup }) => (rollup === undefined ? [] : [[version, rollup]]))),
    removed: [...removed].sort((a, b) => a - b),
    rolledUp: [...members].filter((version) => metrics.has(version)).length,
  }
}

/** No version of it is old enough for anything. */
function isSettledIn({ tier, firstAt }: GroupRow, tiers: Tiers, now: number): boolean {
  const oldest = tierOfAge(now - firstAt, tiers)
  return oldest !== undefined && !isOlderTier(oldest, tier) && tiers[tier].everyMs === undefined
}

/** Whether versions that get older may be put into it. */
function mayGrow({ groups, options }: HistoryRow, at: number): boolean {
  const [group, next] = groups.slice(at, at + 2)
  if (group === undefined || group.tier === 'raw' || next?.tier === group.tier) return false
  return countOf(group) < options.keyframeInterval
}

/** The versions of a group as a plan sees them. */
async function listGroup(row: GroupRow, { row: history, now, use, lost }: SurveyParts): Promise<Listed> {
  const { tiers } = history.options
  const pins = new Set(history.pins)
  return use(row, async (file) => {
    const damaged = new Set([...file.damaged, ...versionsOf(row).filter((version) => lost.has(version))])
    const numbers = versionsOf(row)
    const hasExpired = tierOfAge(now - row.lastAt, tiers) === undefined && row !== history.groups.at(-1)
    const isFixed = damaged.size > 0 && !(hasExpired && !numbers.some((version) => pins.has(version)))
    const versions = file.versions
      .filter(({ version }) => !damaged.has(version))
      .map(({ version, at, kind }) => ({ version, at, kind, tier: row.tier, pinned: isFixed || pins.has(version) }))
    return { row, versions, isFixed }
  })
}

/** A plan lets the last version stay, which has to be the newest. As a pinned rollup it takes no part otherwise. */
function newestOf({ lastVersion, groups }: HistoryRow, listed: readonly Listed[]): PlannedVersion[] {
  const last = groups.at(-1)
  if (last === undefined || listed.at(-1)?.versions?.at(-1)?.version === lastVersion) return []
  return [{ version: lastVersion, at: last.lastAt, kind: 'rollup', tier: last.tier, pinned: true }]
}

function decide(
  { row, versions, isFixed }: Listed,
  plan: ReadonlyMap<number, KeptVersion>,
  members: ReadonlySet<number>,
): SurveyedGroup {
  const { tier } = row
  if (versions === undefined) return { row, fate: 'stays', tier, kept: [] }
  const kept = versions.flatMap(({ version }) => plan.get(version) ?? [])
  const [first] = kept
  const youngest = kept.reduce<Tier | undefined>(
    (least, keep) => (least && !isOlderTier(least, keep.tier) ? least : keep.tier),
    undefined,
  )
  const isUniform = kept.every((keep) => keep.tier === first?.tier && keep.rollup === undefined)
  if (isFixed || (isUniform && kept.length === countOf(row))) {
    const next = youngest ?? tier
    return { row, fate: next === tier ? 'stays' : 'moves', tier: next, kept: isFixed ? [] : kept }
  }
  // What is to be summed up is read before it goes.
  if (kept.length === 0 && !versions.some(({ version }) => members.has(version)))
    return { row, fate: 'goes', tier, kept }
  return { row, fate: 'rewritten', tier, kept }
}

/** A group that is written anew goes on with the one before it, when that has room, and so does one that fits there as
 * a whole: clean-ups that each move a few versions to a tier would otherwise leave as many groups there. */
function joinBefore(groups: SurveyedGroup[], at: number, most: number): void {
  const group = groups[at]
  const place = groups
    .slice(0, at)
    .findLastIndex(({ fate, kept }) => fate === 'stays' || fate === 'moves' || kept.length > 0)
  const before = groups[place]
  const first = group?.kept[0]
  if (group === undefined || before === undefined || first === undefined) return
  if (before.kept.length === 0 || lastTier(before) !== first.tier) return
  const isJoined = group.fate === 'rewritten' || before.kept.length + group.kept.length <= most
  if (!isJoined || before.kept.length >= most) return
  groups[place] = { ...before, fate: 'rewritten' }
  groups[at] = { ...group, fate: 'rewritten' }
}

function lastTier({ kept }: SurveyedGroup): Tier | undefined {
  return kept.at(-1)?.tier
}
