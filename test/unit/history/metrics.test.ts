/** Metrics as values, and summed up.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { metricsValue } from '../../../src/history/cleanup/metrics.ts'
import { rollUp } from '../../../src/history/cleanup/rollup.ts'

const series = (values: number[]) => ({ timestamps: values.map((_, at) => BigInt(at)), values })
const snapshot = (values: number[]) => metricsValue({ metrics: { cpu: series(values) } })

describe('metricsValue()', () => {
  test('keeps timestamps, values and metadata exactly', () => {
    const values = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, 0.1]
    const timestamps = [0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]
    const stored = { metadata: { host: 'a', at: new Date(5) }, metrics: { cpu: { timestamps, values } } }
    expect(metricsValue({ fingerprint: 'x', ...stored })).toEqual(stored)
    expect(metricsValue({ metrics: { cpu: { timestamps, values } } })).toEqual({ metrics: stored.metrics })
  })

  test('takes typed arrays, and numbers in the place of timestamps', () => {
    const typed = { timestamps: BigUint64Array.of(7n, 2n ** 64n - 1n), values: Float64Array.of(-0, 2.5) }
    const numbered = { timestamps: [7, 2n ** 64n - 1n], values: [-0, 2.5] }
    const stored = { timestamps: [7n, 2n ** 64n - 1n], values: [-0, 2.5] }
    expect(metricsValue({ metrics: { typed, numbered } })).toEqual({ metrics: { typed: stored, numbered: stored } })
  })

  test('shares no series with the caller', () => {
    const given = { metrics: { cpu: series([1, 2]) } }
    const stored = metricsValue(given)
    given.metrics.cpu.values[0] = 9
    expect(stored.metrics.cpu?.values).toEqual([1, 2])
  })

  test('takes any name as an own field', () => {
    const metrics = JSON.parse(
      '{"__proto__":{"timestamps":[1],"values":[2]},"constructor":{"timestamps":[],"values":[]}}',
    )
    expect(Object.keys(metricsValue({ metrics }).metrics)).toEqual(['__proto__', 'constructor'])
    expect(Object.keys(rollUp([metricsValue({ metrics })]).rollup)).toEqual(['__proto__'])
  })

  test.each([
    ['', undefined],
    ['', 5],
    ['other', { metrics: {}, other: 1 }],
    ['metrics', {}],
    ['metrics', { metrics: [] }],
    ['metadata', { metrics: {}, metadata: 'text' }],
    ['metrics.cpu', { metrics: { cpu: 5 } }],
    ['metrics.cpu', { metrics: { cpu: { timestamps: [1n], values: [] } } }],
    ['metrics.cpu.values', { metrics: { cpu: { timestamps: [1n] } } }],
    ['metrics.cpu.timestamps', { metrics: { cpu: { timestamps: '1', values: [1] } } }],
    ['metrics.cpu.timestamps[0]', { metrics: { cpu: { timestamps: [-1n], values: [1] } } }],
    ['metrics.cpu.timestamps[1]', { metrics: { cpu: { timestamps: [1n, 2n ** 64n], values: [1, 1] } } }],
    ['metrics.cpu.timestamps[0]', { metrics: { cpu: { timestamps: [1.5], values: [1] } } }],
    ['metrics.cpu.values[1]', { metrics: { cpu: { timestamps: [1n, 2n], values: [1, '2'] } } }],
    ['metrics.cpu.values[0]', { metrics: { cpu: { timestamps: [1n], values: new Array(1) } } }],
    ['metrics.cpu.unit', { metrics: { cpu: { timestamps: [], values: [], unit: 's' } } }],
    ['metrics.""', { metrics: { '': series([1]) } }],
    ['metrics."\\ud800"', { metrics: { '\ud800': series([1]) } }],
  ])('refuses at "%s" %o', (path, value) => {
    expect(() => metricsValue(value)).toThrow(
      expect.objectContaining({ code: 'VALUE_UNSUPPORTED', details: expect.objectContaining({ path }) }),
    )
  })
})

describe('rollUp()', () => {
  test('says least, most, mean, count and last', () => {
    const { rollup } = rollUp([snapshot([4, 1]), snapshot([7])])
    expect(rollup).toEqual({ cpu: { min: 1, max: 7, mean: 4, count: 3, last: 7 } })
  })

  test('leaves NaN out, and a metric that has nothing else', () => {
    expect(rollUp([snapshot([1, Number.NaN]), snapshot([Number.NaN])]).rollup).toEqual({
      cpu: { min: 1, max: 1, mean: 1, count: 1, last: 1 },
    })
    expect(rollUp([snapshot([Number.NaN]), snapshot([])])).toEqual({ rollup: {} })
    expect(rollUp([])).toEqual({ rollup: {} })
  })

  test('has a mean where the sum is too large for a number, and with infinities', () => {
    const most = Number.MAX_VALUE
    expect(rollUp([snapshot([most, most, -most, most])]).rollup.cpu?.mean).toBe(most / 2)
    expect(rollUp([snapshot([1, Number.POSITIVE_INFINITY])]).rollup.cpu?.mean).toBe(Number.POSITIVE_INFINITY)
    expect(rollUp([snapshot([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])]).rollup.cpu?.mean).toBeNaN()
  })

  test('gives the same for parts that were summed up before', () => {
    const numbers = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { maxLength: 12 })
    fc.assert(
      fc.property(fc.array(numbers, { maxLength: 8 }), fc.nat(8), (parts, cut) => {
        const all = parts.map(snapshot)
        const whole = rollUp(all).rollup.cpu
        const stepwise = rollUp([rollUp(all.slice(0, cut)), ...all.slice(cut)]).rollup.cpu
        const values = parts.flat()
        if (whole === undefined || stepwise === undefined) {
          expect([whole, stepwise, values]).toEqual([undefined, undefined, []])
          return
        }
        expect({ ...stepwise, mean: 0 }).toEqual({ ...whole, mean: 0 })
        expect(Math.abs(stepwise.mean - whole.mean)).toBeLessThanOrEqual(1e-4)
        expect(whole).toMatchObject({ count: values.length, last: values.at(-1) })
        expect(whole.mean).toBeGreaterThanOrEqual(whole.min)
        expect(whole.mean).toBeLessThanOrEqual(whole.max)
      }),
    )
  })
})
