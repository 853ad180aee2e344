/** Metrics of a period in a few numbers each.
 * @module */
import { type MetricsValue, type RollupValue, setField } from './metrics.ts'
import type { MetricRollup } from './types.ts'

/** Sum up metrics, and what was summed up before. `count` is exact, `mean` is the sum divided by it, `last` is the last
 * value of the last series in the order given. Values that are NaN are left out and not counted; a metric without any
 * other value is not named. Metadata is that of the last one given that has some. */
export function rollUp(parts: readonly (MetricsValue | RollupValue)[]): RollupValue {
  const byName = new Map<string, MetricRollup[]>()
  const add = (name: string, rollup: MetricRollup | undefined) => {
    if (rollup === undefined) return
    const known = byName.get(name)
    if (known === undefined) byName.set(name, [rollup])
    else known.push(rollup)
  }
  let metadata: unknown
  for (const part of parts) {
    metadata = part.metadata ?? metadata
    if ('metrics' in part)
      for (const [name, { values }] of Object.entries(part.metrics)) add(name, rollUpValues(values))
    else for (const [name, known] of Object.entries(part.rollup)) add(name, known)
  }
  const rollup: Record<string, MetricRollup> = {}
  for (const [name, rollups] of byName) setField(rollup, name, joined(rollups))
  return metadata === undefined ? { rollup } : { metadata, rollup }
}

function rollUpValues(values: readonly number[]): MetricRollup | undefined {
  const numbers = values.filter((value) => !Number.isNaN(value))
  const last = numbers.at(-1)
  if (last === undefined) return undefined
  let min = last
  let max = last
  let sum = 0
  for (const value of numbers) {
    min = Math.min(min, value)
    max = Math.max(max, value)
    sum += value
  }
  const count = numbers.length
  // A sum may be too large for a number where the mean is not.
  const mean = Number.isFinite(sum) ? sum / count : numbers.reduce((part, value) => part + value / count, 0)
  return { min, max, mean: within(min, max, mean), count, last }
}

function joined(rollups: readonly MetricRollup[]): MetricRollup {
  const [first] = rollups
  const last = rollups.at(-1)
  if (rollups.length === 1 && first !== undefined) return { ...first }
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let count = 0
  let sum = 0
  for (const part of rollups) {
    min = Math.min(min, part.min)
    max = Math.max(max, part.max)
    count += part.count
    sum += part.mean * part.count
  }
  const mean = Number.isFinite(sum)
    ? sum / count
    : rollups.reduce((all, part) => all + part.mean * (part.count / count), 0)
  return { min, max, mean: within(min, max, mean), count, last: last?.last ?? Number.NaN }
}

/** Rounding must not carry a mean past all of its values. NaN stays. */
function within(min: number, max: number, mean: number): number {
  return Math.min(max, Math.max(min, mean))
}
