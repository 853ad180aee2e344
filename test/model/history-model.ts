/** What a history must be: every version as a full copy of its value, in an array.
 * @module */
import type {
  AppendVersionOptions,
  HistoryOptions,
  MetricRollup,
  Tier,
  Tiers,
  VersionKind,
  VersionSelector,
} from '../../src/history/types.ts'
import { copyOf, put } from './history-values.ts'

const TIERS: readonly Tier[] = ['raw', 'compressed', 'archive']

export interface ModelVersion {
  readonly version: number
  readonly at: number
  kind: VersionKind
  value: unknown
  readonly label?: string
  /** The caller's. */
  readonly ownFingerprint?: string
  /** What the product said, of a caller that gave none. */
  hash?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly offset?: number
  tier: Tier
  pinned: boolean
  /** As the receipt said, until a clean-up. */
  stored?: { readonly sizeBytes: number; readonly isDelta: boolean }
  /** Of metrics and rollups: the values that count, by name. */
  series?: Map<string, number[]>
}

export interface Given {
  readonly kind: VersionKind
  readonly value: unknown
  readonly options: AppendVersionOptions
}

export interface ModelCleanup {
  readonly versions: number
  readonly removed: readonly number[]
  readonly rolledUp: number
  readonly kept: readonly ModelVersion[]
}

export class HistoryModel {
  readonly name: string
  options: { readonly keyframeInterval: number; readonly keyField?: string; readonly tiers: Tiers }
  versions: ModelVersion[] = []
  lastVersion = 0
  lastOffset = 0
  createdAt = 0

  constructor(name: string, options: HistoryModel['options']) {
    this.name = name
    this.options = options
  }

  change(options: HistoryOptions): void {
    this.options = { ...this.options, ...options, tiers: { ...this.options.tiers, ...options.tiers } }
  }

  get newest(): ModelVersion | undefined {
    return this.versions.at(-1)
  }

  version(version: number): ModelVersion | undefined {
    return this.versions.find((one) => one.version === version)
  }

  /** @returns the version, or the code of the error. */
  append({ kind, value, options }: Given, now: number): ModelVersion | string {
    const { ifVersion, at, offset, label, fingerprint, metadata } = options
    const lastAt = this.newest?.at ?? 0
    if (ifVersion !== undefined && ifVersion !== this.lastVersion) return 'HISTORY_CONFLICT'
    if (at !== undefined && at < lastAt) return 'OPTION_INVALID'
    if (offset !== undefined && offset < this.lastOffset) return 'OPTION_INVALID'
    const version: ModelVersion = {
      version: ++this.lastVersion,
      at: at ?? Math.max(now, lastAt),
      kind,
      value: copyOf(value),
      ...(label !== undefined && { label }),
      ...(fingerprint !== undefined && { ownFingerprint: fingerprint }),
      ...(metadata !== undefined && { metadata: copyOf(metadata) }),
      ...(offset !== undefined && { offset }),
      tier: 'raw',
      pinned: false,
      ...(kind === 'metrics' && { series: seriesOf(value) }),
    }
    this.lastOffset = offset ?? this.lastOffset
    this.versions.push(version)
    return version
  }

  /** @returns the version that is meant, or the code of the error. */
  find({ version, time, label, offset }: VersionSelector): ModelVersion | string {
    if (time !== undefined) return this.versions.findLast(({ at }) => at <= time) ?? 'VERSION_UNKNOWN'
    if (label !== undefined) return this.versions.findLast((one) => one.label === label) ?? 'VERSION_UNKNOWN'
    if (offset !== undefined) {
      const reflects = (one: ModelVersion) => one.offset !== undefined && one.offset <= offset
      return this.versions.findLast(reflects) ?? 'VERSION_UNKNOWN'
    }
    const wanted = version ?? this.lastVersion
    if (wanted < 1 || wanted > this.lastVersion) return 'VERSION_OUT_OF_RANGE'
    return this.version(wanted) ?? 'VERSION_GONE'
  }

  /** What a clean-up leaves. Nothing changes here yet. */
  cleaned(now: number): ModelCleanup {
    const { tiers } = this.options
    const ranked = this.versions.map((one) => {
      const age = TIERS.findIndex((name) => tiers[name].forMs === null || now - one.at <= tiers[name].forMs)
      const byAge = age === -1 ? 3 : age
      const rank = Math.min(2, Math.max(byAge, TIERS.indexOf(one.tier)))
      const { everyMs } = tiers[TIERS[rank] as Tier]
      const period = everyMs === undefined || byAge === 3 ? undefined : `${rank} ${Math.floor(one.at / everyMs)}`
      const isFree = !one.pinned && one !== this.newest
      return { one, rank, byAge, period, mayGo: isFree && byAge >= rank }
    })
    const kept: ModelVersion[] = []
    const removed: number[] = []
    let rolledUp = 0
    for (const [place, { one, rank, byAge, period, mayGo }] of ranked.entries()) {
      const isValue = one.kind === 'value'
      const isLater = (other: (typeof ranked)[number], n: number) =>
        n > place && other.period === period && (other.one.kind === 'value') === isValue && (isValue || other.mayGo)
      const isTooOld = byAge === 3 && mayGo
      if (isTooOld || (mayGo && period !== undefined && ranked.some(isLater))) {
        removed.push(one.version)
        if (one.kind === 'metrics' && !isTooOld) rolledUp++
        continue
      }
      const next: ModelVersion = { ...one, tier: TIERS[rank] as Tier }
      kept.push(next)
      if (isValue || !mayGo || period === undefined) continue
      const members = ranked.filter((other) => other.mayGo && other.period === period && other.one.kind !== 'value')
      if (members.length === 1 && one.kind === 'rollup') continue
      if (one.kind === 'metrics') rolledUp++
      next.kind = 'rollup'
      next.series = joined(members.map((member) => member.one.series ?? new Map()))
      next.value = { rollup: rollupOf(next.series) }
      delete next.hash
    }
    return { versions: this.versions.length, removed, rolledUp, kept }
  }
}

function seriesOf(value: unknown): Map<string, number[]> {
  const { metrics } = value as { metrics: Record<string, { values: number[] }> }
  const found = new Map<string, number[]>()
  for (const [name, { values }] of Object.entries(metrics)) {
    const counted = values.filter((one) => !Number.isNaN(one))
    if (counted.length > 0) found.set(name, counted)
  }
  return found
}

function joined(all: readonly Map<string, number[]>[]): Map<string, number[]> {
  const sum = new Map<string, number[]>()
  for (const one of all) for (const [name, values] of one) sum.set(name, [...(sum.get(name) ?? []), ...values])
  return sum
}

function rollupOf(series: Map<string, number[]>): Record<string, MetricRollup> {
  const rollup: Record<string, MetricRollup> = {}
  for (const [name, values] of series) {
    put(rollup, name, {
      min: Math.min(...values),
      max: Math.max(...values),
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
      count: values.length,
      last: values.at(-1) as number,
    })
  }
  return rollup
}
