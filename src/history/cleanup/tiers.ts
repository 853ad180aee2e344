/** Which versions a history keeps as they grow old.
 *
 * A version has the tier of its age; within a tier that has a period the last version of each period stays. What this
 * file decides is a plan: it reads no file. Invariants: the newest version and pinned ones stay as they are; a version
 * never gets a younger tier than it has; what its age at the given moment does not ask for does not happen, so that a
 * clock that jumps back removes nothing; a plan for what a plan left changes nothing.
 * @module */
import { TIERS } from '../../manifest/index.ts'
import { optionInvalid, wholeOption } from '../../options.ts'
import type { Tier, TierOptions, Tiers, VersionKind } from '../types.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const DEFAULTS: Tiers = {
  raw: { forMs: DAY_MS },
  compressed: { forMs: 30 * DAY_MS, everyMs: HOUR_MS },
  archive: { forMs: 365 * DAY_MS, everyMs: DAY_MS },
}

/** The rank of what is older than every tier allows. */
const GONE = TIERS.length

/** What a plan has to know of a version. */
export interface PlannedVersion {
  readonly version: number
  /** Milliseconds since 1970, never below that of the version before. */
  readonly at: number
  readonly kind: VersionKind
  readonly tier: Tier
  readonly pinned: boolean
}

export interface KeptVersion {
  readonly version: number
  readonly tier: Tier
  /** Versions whose metrics this one is to sum up, ascending, itself the last. Absent: it stays as it is. */
  readonly rollup?: readonly number[]
}

/** Both in the order of the versions. */
export interface CleanupPlan {
  readonly keep: readonly KeptVersion[]
  readonly removed: readonly number[]
}

/** Complete the tiers of a history. A tier that is not given has its default, but no shorter age than the one before.
 * @throws {VarveError} `OPTION_INVALID`, also when ages do not grow. */
export function tierSettings(options: Partial<Tiers> = {}): Tiers {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw optionInvalid('tiers', 'must be an object', options)
  for (const name of Object.keys(options))
    if (!TIERS.includes(name as Tier))
      throw optionInvalid(`tiers.${name}`, 'must be one of raw, compressed, archive', name)
  const raw = tierOf('raw', options.raw, undefined)
  const compressed = tierOf('compressed', options.compressed, raw)
  const archive = tierOf('archive', options.archive, compressed)
  return { raw, compressed, archive }
}

/** Say which versions stay, in which tier, and which sum up metrics of others; nothing is done. Values and metrics of
 * a history are thinned apart from each other. Cost: linear.
 * @param versions in their order; the last is the newest.
 * @param now milliseconds since 1970. */
export function planCleanup(versions: readonly PlannedVersion[], tiers: Tiers, now: number): CleanupPlan {
  const newest = versions.at(-1)
  const ranked = versions.map((version) => rank(version, tiers, now - version.at))
  const isFree = (at: number) => versions[at] !== newest && versions[at]?.pinned === false
  const removed = new Set<number>()
  const rollups = new Map<number, readonly number[]>()
  for (const period of periodsOf(versions, ranked, tiers)) {
    const lastValue = period.values.at(-1)
    for (const at of period.values) if (at !== lastValue && isFree(at) && isDue(ranked[at])) removed.add(at)
    const due = period.metrics.filter((at) => isFree(at) && isDue(ranked[at]))
    const holder = due.pop()
    if (holder === undefined) continue
    for (const at of due) removed.add(at)
    if (due.length > 0 || versions[holder]?.kind === 'metrics') rollups.set(holder, [...due, holder])
  }
  for (const [at, { age }] of ranked.entries()) if (age === GONE && isFree(at)) removed.add(at)
  return planOf(versions, ranked, { removed, rollups })
}

/** The tier of an age; undefined: older than all of them allow. */
export function tierOfAge(ageMs: number, tiers: Tiers): Tier | undefined {
  return TIERS.find((name) => {
    const { forMs } = tiers[name]
    return forMs === null || ageMs <= forMs
  })
}

/** Whether a tier is for older versions than another one. */
export function isOlderTier(tier: Tier, than: Tier): boolean {
  return TIERS.indexOf(tier) > TIERS.indexOf(than)
}

interface Ranked {
  /** The tier it gets. */
  readonly tier: number
  /** What its age alone says. */
  readonly age: number
}

function rank({ tier }: PlannedVersion, tiers: Tiers, ageMs: number): Ranked {
  const found = tierOfAge(ageMs, tiers)
  const age = found === undefined ? GONE : TIERS.indexOf(found)
  return { age, tier: Math.min(Math.max(age, TIERS.indexOf(tier)), GONE - 1) }
}

/** Its age asks for the tier that it has: it is not the clock that went back, nor an age that was made longer. */
function isDue(ranked: Ranked | undefined): boolean {
  return ranked !== undefined && ranked.age >= ranked.tier
}

interface Period {
  /** Places in the list of versions. */
  readonly values: number[]
  readonly metrics: number[]
}

/** The versions of tiers that have a period, by period. What is too old for every tier is in none. */
function periodsOf(versions: readonly PlannedVersion[], ranked: readonly Ranked[], tiers: Tiers): Iterable<Period> {
  const periods = new Map<string, Period>()
  for (const [at, { kind, at: time }] of versions.entries()) {
    const { tier, age } = ranked[at] as Ranked
    const everyMs = tiers[TIERS[tier] as Tier].everyMs
    if (everyMs === undefined || age === GONE) continue
    const key = `${tier} ${Math.floor(time / everyMs)}`
    const period = periods.get(key) ?? { values: [], metrics: [] }
    periods.set(key, period)
    if (kind === 'value') period.values.push(at)
    else period.metrics.push(at)
  }
  return periods.values()
}

interface Decisions {
  readonly removed: ReadonlySet<number>
  readonly rollups: ReadonlyMap<number, readonly number[]>
}

function planOf(versions: readonly PlannedVersion[], ranked: readonly Ranked[], decisions: Decisions): CleanupPlan {
  const keep: KeptVersion[] = []
  const removed: number[] = []
  const numberAt = (at: number) => (versions[at] as PlannedVersion).version
  for (const [at, { version }] of versions.entries()) {
    if (decisions.removed.has(at)) {
      removed.push(version)
      continue
    }
    const tier = TIERS[(ranked[at] as Ranked).tier] as Tier
    const rollup = decisions.rollups.get(at)
    keep.push(rollup === undefined ? { version, tier } : { version, tier, rollup: rollup.map(numberAt) })
  }
  return { keep, removed }
}

function tierOf(name: Tier, given: TierOptions | undefined, before: TierOptions | undefined): TierOptions {
  const least = before?.forMs === null ? Number.POSITIVE_INFINITY : (before?.forMs ?? 0)
  if (given === undefined) {
    const tier = DEFAULTS[name]
    return (tier.forMs ?? Number.POSITIVE_INFINITY) >= least ? tier : { ...tier, forMs: before?.forMs ?? null }
  }
  if (typeof given !== 'object' || given === null)
    throw optionInvalid(`tiers.${name}`, 'must be { forMs, everyMs? }', given)
  for (const field of Object.keys(given))
    if (field !== 'forMs' && field !== 'everyMs')
      throw optionInvalid(`tiers.${name}.${field}`, 'must be one of forMs, everyMs', field)
  const { forMs, everyMs } = given
  if (forMs !== null) wholeOption(`tiers.${name}.forMs`, forMs, { least: 0 })
  if ((forMs ?? Number.POSITIVE_INFINITY) < least)
    throw optionInvalid(`tiers.${name}.forMs`, 'must not be below that of the tier before', forMs)
  if (everyMs === undefined) return { forMs }
  return { forMs, everyMs: wholeOption(`tiers.${name}.everyMs`, everyMs, { least: 1 }) }
}
