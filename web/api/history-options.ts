/** Options of histories out of JSON. Here only their names and types are checked; the library knows their ranges.
 * @module */
import type { HistoryOptions, MetricSeries, MetricsSnapshot, TierOptions, Tiers } from '../../src/index.ts'
import { type Fields, fieldsOf, numberField, present, refuse, textField } from './fields.ts'

export const HISTORY_OPTIONS = ['keyframeInterval', 'keyField', 'tiers'] as const
const TIERS = ['raw', 'compressed', 'archive'] as const

/** @throws {VarveError} `OPTION_INVALID`. */
export function readHistoryOptions(fields: unknown): HistoryOptions {
  const { keyframeInterval, keyField, tiers } = fieldsOf(fields, 'options', HISTORY_OPTIONS)
  return present({
    keyframeInterval: numberField(keyframeInterval, 'keyframeInterval'),
    keyField: textField(keyField, 'keyField'),
    tiers: tiers === undefined ? undefined : readTiers(tiers),
  })
}

function readTiers(value: unknown): Partial<Tiers> {
  const fields = fieldsOf(value, 'tiers', TIERS)
  const given = TIERS.flatMap((tier) =>
    fields[tier] === undefined ? [] : [[tier, readTier(fields[tier], `tiers.${tier}`)] as const],
  )
  return Object.fromEntries(given)
}

function readTier(value: unknown, name: string): TierOptions {
  const { forMs, everyMs } = fieldsOf(value, name, ['forMs', 'everyMs'])
  const age = forMs === null ? null : numberField(forMs, `${name}.forMs`)
  if (age === undefined) throw refuse(`${name}.forMs`, `Cannot read "${name}": "forMs" is a number, or null for ever`)
  return { forMs: age, ...present({ everyMs: numberField(everyMs, `${name}.everyMs`) }) }
}

/** Measured series out of JSON, where a whole number may stand for either of its kinds.
 * @throws {VarveError} `OPTION_INVALID`; what is in a series is checked by the library. */
export function readMetrics(value: unknown): MetricsSnapshot {
  const { metrics, fingerprint, metadata } = fieldsOf(value, 'metrics', ['metrics', 'fingerprint', 'metadata'])
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics))
    throw refuse('metrics', 'Cannot append metrics: "metrics" is not an object of series by their names')
  const series = Object.entries(metrics).map(([name, one]) => [name, readSeries(one, name)] as const)
  return {
    metrics: Object.fromEntries(series),
    ...present({ fingerprint: textField(fingerprint, 'fingerprint'), metadata: readMetadata(metadata) }),
  }
}

function readSeries(value: unknown, name: string): MetricSeries {
  const { timestamps, values }: Fields = fieldsOf(value, name, ['timestamps', 'values'])
  if (!Array.isArray(timestamps) || !Array.isArray(values))
    throw refuse('metrics', `Cannot append metrics: "${name}" is not { timestamps, values }`)
  return {
    timestamps: timestamps.map((one: unknown) => (Number.isSafeInteger(one) ? BigInt(one as number) : one) as bigint),
    values: values.map((one: unknown) => (typeof one === 'bigint' ? Number(one) : one) as number),
  }
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function readMetadata(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw refuse('metadata', 'Cannot append a version: "metadata" is not an object')
}
