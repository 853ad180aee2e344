/** The value at a path of a value in memory.
 * @module */

import { isBytes, isDate } from '../../codec/value-kinds.ts'
import type { Step } from '../../document/path/path.ts'

/** @returns undefined where nothing is. */
export function valueAtSteps(value: unknown, steps: readonly Step[]): unknown {
  let at = value
  for (const step of steps) {
    if (typeof at !== 'object' || at === null || isBytes(at) || isDate(at)) return undefined
    const key = keyOf(step, Array.isArray(at))
    if (key === undefined || !Object.hasOwn(at, key)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[key]
  }
  return at
}

function keyOf(step: Step, isArray: boolean): string | number | undefined {
  if (!isArray) return step.type === 'field' ? step.key : undefined
  const index = elementOf(step)
  return index < 0 ? undefined : index
}

const DIGITS = /^(?:0|[1-9]\d{0,15})$/

/** Which element of an array a step means, or -1. Pointers do not tell elements from fields. */
export function elementOf(step: Step): number {
  if (step.type === 'index') return step.index
  return step.type === 'field' && DIGITS.test(step.key) ? Number(step.key) : -1
}
