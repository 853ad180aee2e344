/** What turns an array of numbers into another of the same length: columns of what changed.
 * @module */

import { bitsOf } from './apply-numbers.ts'
import { bigintCost, numberCost, PART_COST } from './diff-cost.ts'
import type { NumbersPatch } from './patch.ts'

/** So few changes are never better told as elements that moved. */
const FEW = 8
/** The same step again and again takes next to nothing. */
const AGAIN_COST = 0.1
/** A number that may be anywhere. */
const POSITION_COST = 1

export interface FoundNumbers {
  readonly patch: NumbersPatch
  readonly cost: number
  /** Nothing else need be tried. */
  readonly isSure: boolean
}

/** @param from the first element that differs. @returns undefined when there is anything but numbers. */
export function diffNumbers(
  before: readonly unknown[],
  after: readonly unknown[],
  from: number,
): FoundNumbers | undefined {
  if (!areNumbers(before) || !areNumbers(after)) return undefined
  const positions: number[] = []
  for (let at = from; at < after.length; at++) if (!Object.is(before[at], after[at])) positions.push(at)
  const some = columns(before, after, positions)
  const all = positions.length * 2 >= after.length ? columns(before, after, after.keys()) : undefined
  const placesCost = positions.length * POSITION_COST
  const isAll = all !== undefined && all.cost <= some.cost + placesCost
  const { coding, values, cost } = isAll ? all : some
  const patch: NumbersPatch = isAll
    ? { type: 'numbers', coding, values }
    : { type: 'numbers', positions, coding, values }
  const isSure = positions.length <= FEW || positions.length * 8 < after.length
  return { patch, cost: PART_COST + cost + (isAll ? 0 : placesCost), isSure }
}

function areNumbers(values: readonly unknown[]): values is readonly (number | bigint)[] {
  for (let index = 0; index < values.length; index++) {
    const value = values[index]
    if (typeof value !== 'number' && typeof value !== 'bigint') return false
  }
  return true
}

interface Columns {
  readonly coding: NumbersPatch['coding']
  readonly values: NumbersPatch['values']
  readonly cost: number
}

/** The coding that takes least. */
function columns(
  before: readonly (number | bigint)[],
  after: readonly (number | bigint)[],
  positions: Iterable<number>,
): Columns {
  const values: (number | bigint)[] = []
  const added: (number | bigint)[] = []
  const distances: bigint[] = []
  let cost = 0
  let addedCost = 0
  let bitsCost = 0
  for (const at of positions) {
    const one = before[at] as number | bigint
    const other = after[at] as number | bigint
    values.push(other)
    cost += typeof other === 'bigint' ? bigintCost(other) : numberCost(other)
    if (addedCost < Number.POSITIVE_INFINITY) {
      const difference = differenceOf(one, other)
      if (difference === undefined) addedCost = Number.POSITIVE_INFINITY
      else {
        const isAgain = difference === added.at(-1)
        added.push(difference)
        addedCost += isAgain
          ? AGAIN_COST
          : typeof difference === 'bigint'
            ? bigintCost(difference)
            : numberCost(difference)
      }
    }
    if (bitsCost < Number.POSITIVE_INFINITY) {
      // The bits of NaN are not defined.
      if (typeof one !== 'number' || typeof other !== 'number' || Number.isNaN(one) || Number.isNaN(other)) {
        bitsCost = Number.POSITIVE_INFINITY
      } else {
        const distance = bitsOf(other) - bitsOf(one)
        bitsCost += distance === distances.at(-1) ? AGAIN_COST : distanceCost(distance)
        distances.push(distance)
      }
    }
  }
  if (addedCost < cost && addedCost <= bitsCost) return { coding: 'add', values: added, cost: addedCost }
  if (bitsCost < cost) return { coding: 'bits', values: BigUint64Array.from(distances), cost: bitsCost }
  return { coding: 'set', values, cost }
}

/** What is to be added, if the sum is exact both ways. */
function differenceOf(one: number | bigint, other: number | bigint): number | bigint | undefined {
  if (typeof one === 'bigint') return typeof other === 'bigint' ? other - one : undefined
  if (typeof other === 'bigint' || !Number.isSafeInteger(one) || !Number.isSafeInteger(other)) return undefined
  const difference = other - one
  if (Object.is(one, -0) || Object.is(other, -0) || !Number.isSafeInteger(difference)) return undefined
  return difference
}

/** Floats that differ by as much have bits that do, but for some that round otherwise. */
function distanceCost(distance: bigint): number {
  return Math.min(9, bigintCost(distance) - 1)
}
