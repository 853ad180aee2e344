/** Measured series as values of a history.
 * @module */
import { utf8Length } from '../../codec/value-buffer.ts'
import { setField } from '../../codec/value-builder.ts'
import { describeValue, formatKey, isPlainPrototype } from '../../codec/value-kinds.ts'
import { VarveError } from '../../errors.ts'
import type { MetricRollup } from '../types.ts'

const NAME_MOST_BYTES = 256
const TIMESTAMP_MOST = 0xffff_ffff_ffff_ffffn

/** What a version of the kind `metrics` holds. */
export interface MetricsValue {
  readonly metadata?: unknown
  readonly metrics: Readonly<Record<string, StoredSeries>>
}

/** What a version of the kind `rollup` holds. */
export interface RollupValue {
  readonly rollup: Readonly<Record<string, MetricRollup>>
}

export interface StoredSeries {
  readonly timestamps: readonly bigint[]
  readonly values: readonly number[]
}

/** Check metrics and bring them into the form in which they are stored and read back. Series are copied, and whole
 * numbers in the place of timestamps become bigints; `metadata` is taken as it is, and the fingerprint is left out.
 * @returns a `MetricsValue`.
 * @throws {VarveError} `VALUE_UNSUPPORTED` {path, found}. */
export function metricsValue(snapshot: unknown): MetricsValue {
  const given = fieldsOf(snapshot, '')
  for (const name of Object.keys(given))
    if (name !== 'metrics' && name !== 'metadata' && name !== 'fingerprint')
      throw unsupported(formatKey(name), 'a field that metrics do not have')
  const series = fieldsOf(given.metrics, 'metrics')
  const metrics: Record<string, StoredSeries> = {}
  for (const name of Object.keys(series)) {
    const path = `metrics${formatKey(name)}`
    if (name === '' || !name.isWellFormed() || utf8Length(name) > NAME_MOST_BYTES)
      throw unsupported(path, 'a name that is not 1 to 256 UTF-8 bytes of well-formed text')
    setField(metrics, name, seriesOf(series[name], path))
  }
  const { metadata } = given
  if (metadata === undefined) return { metrics }
  fieldsOf(metadata, 'metadata')
  return { metadata, metrics }
}

function seriesOf(series: unknown, path: string): StoredSeries {
  const given = fieldsOf(series, path)
  for (const name of Object.keys(given))
    if (name !== 'timestamps' && name !== 'values')
      throw unsupported(`${path}${formatKey(name)}`, 'a field that a series does not have')
  const timestamps = timestampsOf(given.timestamps, `${path}.timestamps`)
  const values = valuesOf(given.values, `${path}.values`)
  if (timestamps.length !== values.length)
    throw unsupported(path, `${timestamps.length} timestamps and ${values.length} values`)
  return { timestamps, values }
}

function timestampsOf(given: unknown, path: string): bigint[] {
  if (given instanceof BigUint64Array) return Array.from(given)
  if (!Array.isArray(given)) throw unsupported(path, describeValue(given))
  return Array.from(given, (time: unknown, at) => {
    // Numbers are what JSON makes of small ones.
    const exact = Number.isSafeInteger(time) ? BigInt(time as number) : time
    if (typeof exact !== 'bigint') throw unsupported(`${path}[${at}]`, describeValue(time))
    if (exact < 0n || exact > TIMESTAMP_MOST) throw unsupported(`${path}[${at}]`, `${exact}, not 0 to 2^64 - 1`)
    return exact
  })
}

function valuesOf(given: unknown, path: string): number[] {
  if (given instanceof Float64Array) return Array.from(given)
  if (!Array.isArray(given)) throw unsupported(path, describeValue(given))
  return Array.from(given, (value: unknown, at) => {
    if (typeof value !== 'number') throw unsupported(`${path}[${at}]`, describeValue(value))
    return value
  })
}

function fieldsOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  const isFields = typeof value === 'object' && value !== null && isPlainPrototype(Object.getPrototypeOf(value))
  if (!isFields) throw unsupported(path, describeValue(value))
  return value as Readonly<Record<string, unknown>>
}

function unsupported(path: string, found: string): VarveError {
  const shown = path.startsWith('.') ? path.slice(1) : path
  return new VarveError(
    'VALUE_UNSUPPORTED',
    `Cannot store metrics${shown === '' ? '' : ` at "${shown}"`}: found ${found}`,
    {
      details: { path: shown, found },
    },
  )
}
