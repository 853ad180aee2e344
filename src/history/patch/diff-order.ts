/** The order of an object's fields after a patch. JavaScript puts keys that are array indexes first, ascending, in
 * every object, so only the order of the others can be chosen.
 * @module */
import { isRange } from './apply-checks.ts'

type Runs = [start: number, length: number][]

const INDEX_MAX = 0xffff_fffe

/** Whether objects sort this key by its number. */
export function isIndexKey(key: string): boolean {
  const first = key.charCodeAt(0)
  if (!(first >= 0x30 && first <= 0x39) || key.length > 10) return false
  const index = Number(key)
  return index <= INDEX_MAX && String(index) === key
}

/** The runs that order the fields that stay, followed by the new ones, as `wanted`, which has the same keys.
 * Undefined when they are so by themselves. Cost: linear. */
export function orderRuns(
  stays: readonly string[],
  added: readonly string[],
  wanted: readonly string[],
): Runs | undefined {
  if (isInOrder(stays, added, wanted)) return undefined
  const places = new Map<string, number>()
  for (const key of stays) places.set(key, places.size)
  for (const key of added) places.set(key, places.size)
  const runs: Runs = []
  for (const key of wanted) {
    const place = places.get(key) as number
    const last = runs.at(-1)
    if (last !== undefined && last[0] + last[1] === place) last[1]++
    else runs.push([place, 1])
  }
  return runs
}

function isInOrder(stays: readonly string[], added: readonly string[], wanted: readonly string[]): boolean {
  let at = 0
  for (const keys of [stays, added]) {
    for (const key of keys) {
      if (isIndexKey(key)) continue
      while (at < wanted.length && isIndexKey(wanted[at] as string)) at++
      if (wanted[at++] !== key) return false
    }
  }
  return true
}

/** All keys after a patch, in order, of an object with the keys `stays` and then `added`.
 * @returns undefined when the runs do not name each of them once. */
export function orderedKeys(
  stays: readonly string[],
  added: readonly string[],
  runs: readonly (readonly [start: number, length: number])[] | undefined,
): string[] | undefined {
  const keys = [...stays, ...added]
  if (runs === undefined) return keys
  const ordered: string[] = []
  const isTaken = new Uint8Array(keys.length)
  for (const [start, length] of runs) {
    if (!isRange(start, length, keys.length)) return undefined
    for (let at = start; at < start + length; at++) {
      if (isTaken[at] === 1) return undefined
      isTaken[at] = 1
      ordered.push(keys[at] as string)
    }
  }
  return ordered.length === keys.length ? ordered : undefined
}
