/** Metrics of a period in a few numbers each.
 * @module */
import { setField } from '../../codec/value-builder.ts'
import type { MetricRollup } from '../types.ts'
import type { MetricsValue, RollupValue } from './metrics.ts'

/** Sum up metrics, and what was summed up before. `count` is exact, `mean` is the sum divided by it, `last` is the last
 * value of the last series in the order given. Values that are NaN are left out and not counted; a metric without any
 * other value is not named. */
export function rollUp(parts: readonly (MetricsValue | RollupValue)[]): RollupValue {
  const sums = new RollupSums()
  for (const part of parts) sums.add(part)
  return sums.value()
}

interface Sum {
  min: number
  max: number
  count: number
  sum: number
  /** Of numbers so large that their sum is none: what it would be in units of 2^64, which has room for it. */
  scaledSum: number
  last: number
}

const SCALE = 2 ** -64

/** What `rollUp` does, one part after the other: only the sums are held. */
export class RollupSums {
  readonly #sums = new Map<string, Sum>()

  /** The next one in time. Nothing of it is kept. */
  add(part: MetricsValue | RollupValue): void {
    if ('metrics' in part) for (const [name, { values }] of Object.entries(part.metrics)) this.#addValues(name, values)
    else for (const [name, known] of Object.entries(part.rollup)) this.#addRollup(name, known)
  }

  value(): RollupValue {
    const rollup: Record<string, MetricRollup> = {}
    for (const [name, sum] of this.#sums) setField(rollup, name, rollupOf(sum))
    return { rollup }
  }

  #addValues(name: string, values: readonly number[]): void {
    for (const value of values) {
      if (!Number.isNaN(value)) this.#addRollup(name, { min: value, max: value, mean: value, count: 1, last: value })
    }
  }

  #addRollup(name: string, { min, max, mean, count, last }: MetricRollup): void {
    const known = this.#sums.get(name)
    if (known === undefined) {
      this.#sums.set(name, { min, max, count, sum: mean * count, scaledSum: mean * SCALE * count, last })
      return
    }
    known.min = Math.min(known.min, min)
    known.max = Math.max(known.max, max)
    known.count += count
    known.sum += mean * count
    known.scaledSum += mean * SCALE * count
    known.last = last
  }
}

function rollupOf({ min, max, count, sum, scaledSum, last }: Sum): MetricRollup {
  const mean = Number.isFinite(sum) ? sum / count : scaledSum / count / SCALE
  // Rounding must not carry a mean past all of its values. NaN, of both infinities, stays.
  return { min, max, mean: Math.min(max, Math.max(min, mean)), count, last }
}
