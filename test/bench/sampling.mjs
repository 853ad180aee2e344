/** Times of single calls, for processes that must stay small: this module imports nothing.
 * @module */

/** @param {readonly number[]} values */
export function median(values) {
  return quantile(values, 0.5)
}

/** Linear between the two nearest values. @param {readonly number[]} values @param {number} at from 0 to 1 */
export function quantile(values, at) {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * at
  const low = sorted[Math.floor(place)] ?? Number.NaN
  const high = sorted[Math.ceil(place)] ?? Number.NaN
  return low + (high - low) * (place - Math.floor(place))
}

/** A call that takes longer than this is not repeated as often: a figure that is missed by far needs no precision. */
const BUDGET_MS = 5_000

/** Time one call at a time: a third as many unmeasured ones first. `prepare(index)` is off the clock.
 * @template T
 * @param {{ calls: number, prepare: (index: number) => T | Promise<T>, call: (prepared: T) => unknown,
 *   check?: (answer: any) => void }} work
 * @returns {Promise<{ medianMs: number, p99Ms: number, calls: number }>} */
export async function timeCalls({ calls, prepare, call, check = () => undefined }) {
  const warmUp = Math.ceil(calls / 3)
  const times = []
  const begun = performance.now()
  for (let index = 0; index < warmUp + calls; index++) {
    const prepared = await prepare(index)
    const start = performance.now()
    const answer = await call(prepared)
    const ms = performance.now() - start
    check(answer)
    if (index >= warmUp) times.push(ms)
    else if (performance.now() - begun > BUDGET_MS) index = Math.max(index, warmUp - 1)
    if (times.length > 0 && performance.now() - begun > 3 * BUDGET_MS) break
  }
  return { medianMs: median(times), p99Ms: quantile(times, 0.99), calls: times.length }
}
