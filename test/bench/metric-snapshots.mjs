/** Snapshots of measured series, as a scraper of metrics takes them: from a seed, the same on every machine.
 *
 * A snapshot has 4 metrics of 250 samples: timestamps in nanoseconds about 15 seconds apart, off by a random part of a
 * millisecond; values of 52 random bits, a few of them NaN, -0 and infinities.
 * @module */
import { seeded } from './payload.mjs'

const METRICS = ['http.requests', 'http.latency.p99', 'process.cpu', 'process.rss']
export const SAMPLES = 1_000
/** A timestamp of 8 bytes and a value of 8. */
export const RAW_BYTES = 16
const STEP_NS = 15_000_000_000n
const BEGIN_NS = 1_760_000_000_000_000_000n
const ODD = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE]
const random = seeded(3)

/** @typedef {{ timestamps: BigUint64Array, values: Float64Array }} Series
 * @typedef {Record<string, Series>} Metrics */

/** What is in the snapshots, in the order of the report: `of(number)` makes them one after the other.
 * @type {{ what: string, most?: number, of: (base: Metrics) => (number: number) => Metrics }[]} */
export const SNAPSHOTS = [
  { what: 'identical', most: 0.05, of: (base) => () => base },
  {
    what: 'two patterns of full-precision noise, in turn',
    most: 0.2,
    of(base) {
      const patterns = [noisy(base, full), noisy(base, full)]
      return (number) => /** @type {Metrics} */ (patterns[number % 2])
    },
  },
  {
    what: 'fresh noise of 3 decimals in every second one, the base in between',
    most: 0.2,
    of: (base) => (number) => (number % 2 === 0 ? base : noisy(base, rounded)),
  },
  {
    what: 'fresh noise of 3 decimals in every second one, on values of 3 decimals',
    of(base) {
      const plain = noisy(base, (value) => rounded(Math.round(value)))
      return (number) => (number % 2 === 0 ? plain : noisy(plain, (value) => rounded(Math.round(value))))
    },
  },
  {
    what: 'fresh noise of full precision in every second one, the base in between',
    of: (base) => (number) => (number % 2 === 0 ? base : noisy(base, full)),
  },
  { what: 'fresh noise of full precision in every one', of: (base) => () => noisy(base, full) },
  {
    what: 'the same values, all timestamps 15 s later each time',
    of: (base) => (number) => later(base, BigInt(number) * STEP_NS),
  },
]

/** The snapshot that the others are made of. @returns {Metrics} */
export function baseSnapshot() {
  return Object.fromEntries(
    METRICS.map((metric, at) => {
      const length = SAMPLES / METRICS.length
      const timestamps = BigUint64Array.from(
        { length },
        (_, index) => BEGIN_NS + BigInt(index) * STEP_NS + BigInt(Math.floor(random() * 1e6)),
      )
      const values = Float64Array.from({ length }, () => 100 * (at + 1) + full(10))
      for (const odd of ODD) values[Math.floor(random() * length)] = odd
      return [metric, { timestamps, values }]
    }),
  )
}

/** @param {Metrics} base @param {(value: number) => number} change of each value that is a number of the usual kind */
function noisy(base, change) {
  const changed = (/** @type {number} */ value) =>
    Math.abs(value) > 1 && Number.isFinite(value) ? change(value) : value
  return mapSeries(base, ({ timestamps, values }) => ({ timestamps, values: values.map(changed) }))
}

/** @param {Metrics} base @param {bigint} byNs */
function later(base, byNs) {
  return mapSeries(base, ({ timestamps, values }) => ({ timestamps: timestamps.map((at) => at + byNs), values }))
}

/** @param {Metrics} metrics @param {(series: Series) => Series} map @returns {Metrics} */
function mapSeries(metrics, map) {
  return Object.fromEntries(Object.entries(metrics).map(([metric, series]) => [metric, map(series)]))
}

/** Within 10 % of a value, all bits of it random. @param {number} value */
function full(value) {
  return value * (0.9 + 0.2 * (random() + random() / 2 ** 32))
}

/** Within 0.5 of a value, to 3 decimals. @param {number} value */
function rounded(value) {
  return Math.round((value + random() - 0.5) * 1_000) / 1_000
}
