/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NumbersPatch, Patch } from '../../../src/history/patch/patch.ts'
import { checkedDiff } from './support/exact.ts'

function numbersOf(patch: Patch | undefined): NumbersPatch {
  if (patch?.type !== 'numbers') throw new Error(`The patch is ${patch?.type}`)
  return patch
}

const readings = Array.from({ length: 200 }, (_, at) => 20 + Math.sin(at))
const times = readings.map((_, at) => 1_700_000_000_000_000_000n + BigInt(at) * 1_000_000n)

describe('diffValues() of numbers', () => {
  test('names the places of few changes', () => {
    const patch = numbersOf(checkedDiff(readings, readings.with(3, 1).with(150, 7)))
    expect(patch).toEqual({ type: 'numbers', coding: 'set', positions: [3, 150], values: [1, 7] })
    expect(checkedDiff([1, 2, 3], [1, 5, 3])).toMatchObject({ positions: [1], values: [5] })
  })

  test('adds a constant to bigints and integers', () => {
    const shifted = times.map((time) => time + 500n)
    const patch = numbersOf(checkedDiff(times, shifted))
    expect(patch).toEqual({ type: 'numbers', coding: 'add', values: times.map(() => 500n) })
    const counts = readings.map((_, at) => 1_000_000 + at * 977)
    expect(
      numbersOf(
        checkedDiff(
          counts,
          counts.map((count) => count - 3),
        ),
      ),
    ).toMatchObject({ coding: 'add' })
  })

  test('finds a window that went on, numbers or bigints', () => {
    const uneven = times.map((time, at) => time + BigInt(Math.imul(at, 0x9e37_79b1) >>> 13))
    const next = [...uneven.slice(20), ...uneven.slice(0, 20).map((time) => time + 200_000_000n)]
    const patch = checkedDiff(uneven, next)
    expect(patch).toMatchObject({ type: 'array', runs: [{ type: 'keep', start: 20, length: 180 }, { type: 'insert' }] })
    checkedDiff(readings, [...readings.slice(20), ...readings.slice(0, 20).map((value) => value * 1.1)])
  })

  test('is exact for any numbers', () => {
    const number = fc.oneof(
      fc.double(),
      fc.integer({ min: -300, max: 300 }),
      fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 2 ** 53 - 1, -(2 ** 53), 1e300, 5e-324),
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
      fc.constantFrom(0n, 1n, -1n),
    )
    const few = fc.array(number, { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(few, few, fc.double(), fc.integer(), fc.bigInt(), (before, others, factor, step, big) => {
        const change = (make: (value: number) => number, bigints: (value: bigint) => bigint) =>
          checkedDiff(
            before,
            before.map((value) => (typeof value === 'bigint' ? bigints(value) : make(value))),
          )
        change(
          (value) => value + step,
          (value) => value + big,
        )
        change(
          (value) => value * factor,
          (value) => value * big,
        )
        change(
          (value) => -value,
          (value) => -value,
        )
        checkedDiff(
          before,
          before.map((value, at) => others[at] ?? value),
        )
        checkedDiff(before, others)
      }),
      { numRuns: 150 },
    )
  })
})
