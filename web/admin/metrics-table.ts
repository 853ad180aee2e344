/** Measured series and rollups as a table, each series with a line of its values.
 * @module */
import { html } from 'hono/html'
import type { Html } from './layout.ts'
import { formatCount, formatTime } from './words.ts'

const WIDTH = 160
const HEIGHT = 28
/** Points that a line has at most: of more, every so many are drawn. */
const POINTS = 160
const SERIES = 100

export interface Series {
  readonly name: string
  readonly count: number
  readonly min: number
  readonly max: number
  readonly last: number
  readonly mean?: number
  readonly values?: readonly number[]
  readonly lastAt?: bigint
}

/** The series of a value of metrics, or the rollups of one; undefined where it is neither. */
export function seriesOf(value: unknown): readonly Series[] | undefined {
  const { metrics, rollup } = (value ?? {}) as { metrics?: unknown; rollup?: unknown }
  if (typeof metrics === 'object' && metrics !== null)
    return Object.entries(metrics)
      .slice(0, SERIES)
      .map(([name, one]) => measured(name, one as { timestamps: readonly bigint[]; values: readonly number[] }))
  if (typeof rollup !== 'object' || rollup === null) return undefined
  return Object.entries(rollup)
    .slice(0, SERIES)
    .map(([name, one]) => ({ name, ...(one as Omit<Series, 'name'>) }))
}

function measured(
  name: string,
  { timestamps, values }: { timestamps: readonly bigint[]; values: readonly number[] },
): Series {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (value < min) min = value
    if (value > max) max = value
  }
  const lastAt = timestamps.at(-1)
  const facts = { name, count: values.length, min, max, last: values.at(-1) ?? Number.NaN, values }
  return lastAt === undefined ? facts : { ...facts, lastAt }
}

export function metricsTable(series: readonly Series[]): Html {
  return html`<div class="scroll" hx-ignore>
<table id="metrics">
<thead><tr><th scope="col">Metric</th><th scope="col" class="size">Values</th><th scope="col" class="number">Count</th>
<th scope="col" class="number">Least</th><th scope="col" class="number">Most</th>
<th scope="col" class="number">Last</th></tr></thead>
<tbody>${series.map(
    (one) => html`<tr><th scope="row">${one.name}</th>
<td class="size">${one.values === undefined ? html`mean ${numberText(one.mean ?? Number.NaN)}` : sparkline(one.values, one)}</td>
<td class="number">${formatCount(one.count)}</td><td class="number">${numberText(one.min)}</td>
<td class="number">${numberText(one.max)}</td><td class="number">${numberText(one.last)}
${one.lastAt !== undefined && html`<span class="faint">${formatTime(Number(one.lastAt / 1_000_000n))}</span>`}</td></tr>`,
  )}</tbody>
</table>
</div>`
}

function sparkline(values: readonly number[], { min, max }: Series): Html {
  const every = Math.ceil(values.length / POINTS)
  const drawn = values.filter((value, at) => at % every === 0 && Number.isFinite(value))
  const range = max - min
  const points = drawn.map((value, at) => {
    const x = drawn.length < 2 ? 0 : (at / (drawn.length - 1)) * WIDTH
    const y = range > 0 && Number.isFinite(range) ? HEIGHT - 2 - ((value - min) / range) * (HEIGHT - 4) : HEIGHT / 2
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  return html`<svg class="sparkline" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">
<polyline points="${points.join(' ')}"/></svg>`
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value)
}
