/** Whether two stored values mean the same. The order of keys is not compared: JSON that was built twice may differ
 * in it.
 * @module */
import { sameBytes } from './bytes.ts'

/** Compare values of the value table. Cost: a pass over both, without recursion. */
export function sameValue(one: unknown, other: unknown): boolean {
  const pairs: [unknown, unknown][] = [[one, other]]
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [a, b] = pair
    if (Object.is(a, b)) continue
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
    if (!sameShape(a, b, pairs)) return false
  }
  return true
}

/** Compare two objects, and leave their parts in `pairs`. */
function sameShape(a: object, b: object, pairs: [unknown, unknown][]): boolean {
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b)
  }
  if (a instanceof Date || b instanceof Date) {
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime()
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  for (const key of keys) {
    if (!Object.hasOwn(b, key)) return false
    pairs.push([(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]])
  }
  return true
}
