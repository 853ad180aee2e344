/** Columns of numbers put into an array, and what undoes them.
 * @module */
import type { NumbersPatch } from './patch.ts'

export interface Numbers {
  readonly array: unknown[]
  readonly positions: readonly number[] | undefined
  /** As many as there are positions. */
  readonly values: NumbersPatch['values']
}

const floats = new Float64Array(1)
const bits = new BigUint64Array(floats.buffer)

/** The bits of an f64. */
export function bitsOf(value: number): bigint {
  floats[0] = value
  return bits[0] as bigint
}

/** The f64 that has these bits, of which 64 count. */
export function ofBits(value: bigint): number {
  bits[0] = value
  return floats[0] as number
}

/** Each new number in its place. @returns whether all were numbers before, the positions ascending and inside. */
export function setNumbers({ array, positions, values }: Numbers): boolean {
  let last = -1
  for (let index = 0; index < values.length; index++) {
    const at = positions === undefined ? index : (positions[index] as number)
    if (!isPlace(array, at, last)) return false
    last = at
    array[at] = values[index]
  }
  return true
}

/** Each number plus a value of its own kind. @returns as `setNumbers`, and whether the sums are whole and exact. */
export function addNumbers({ array, positions, values }: Numbers): boolean {
  let last = -1
  for (let index = 0; index < values.length; index++) {
    const at = positions === undefined ? index : (positions[index] as number)
    if (!isPlace(array, at, last)) return false
    last = at
    const before = array[at]
    const value = values[index]
    if (typeof before === 'bigint' && typeof value === 'bigint') array[at] = before + value
    else if (typeof before === 'number' && typeof value === 'number' && Number.isSafeInteger(before + value)) {
      array[at] = before + value
    } else return false
  }
  return true
}

/** The bits of each number plus a value. @returns as `setNumbers`, and whether none is a bigint. */
export function addBits({ array, positions, values }: Numbers): boolean {
  let last = -1
  for (let index = 0; index < values.length; index++) {
    const at = positions === undefined ? index : (positions[index] as number)
    if (!isPlace(array, at, last)) return false
    last = at
    const before = array[at]
    const value = values[index] as number | bigint
    if (typeof before !== 'number') return false
    array[at] = ofBits(bitsOf(before) + (typeof value === 'bigint' ? value : bitsOf(value)))
  }
  return true
}

function isPlace(array: readonly unknown[], at: number, last: number): boolean {
  if (!Number.isSafeInteger(at) || at <= last || at >= array.length) return false
  const there = array[at]
  return typeof there === 'number' || typeof there === 'bigint'
}
