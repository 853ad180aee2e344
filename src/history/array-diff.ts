/** What turns one array into another.
 * @module */
import type { Differ } from './diff.ts'
import { PART_COST } from './diff-cost.ts'
import { keep } from './invert.ts'
import type { ArrayRun, Patch } from './patch.ts'

export interface Arrays {
  readonly before: readonly unknown[]
  readonly after: readonly unknown[]
  readonly level: number
}

export function diffArrays(differ: Differ, { before, after, level }: Arrays): Patch | undefined {
  const { comparison, copies } = differ
  const least = Math.min(before.length, after.length)
  let from = 0
  while (from < least && comparison.same(before[from], comparison.plain(after[from], from))) from++
  if (from === before.length && from === after.length) return undefined
  let behind = 0
  while (
    behind < least - from &&
    comparison.same(
      before[before.length - 1 - behind],
      comparison.plain(after[after.length - 1 - behind], after.length - 1 - behind),
    )
  )
    behind++
  const runs: ArrayRun[] = []
  keep(runs, 0, from)
  let cost = PART_COST * 2
  let at = from
  const end = after.length - behind
  if (before.length === after.length) {
    for (; at < end; at++) {
      const patch = differ.diff(before[at], comparison.plain(after[at], at), level + 1)
      if (patch === undefined) keep(runs, at, 1)
      else {
        runs.push({ type: 'change', start: at, patch })
        cost += PART_COST + differ.cost
      }
    }
  } else if (at < end) {
    const values: unknown[] = []
    const sizeBytes = copies.sizeBytes
    for (; at < end; at++) values.push(copies.copy(comparison.plain(after[at], at), level + 1))
    runs.push({ type: 'insert', values })
    cost += copies.sizeBytes - sizeBytes + PART_COST
  }
  keep(runs, before.length - behind, behind)
  return differ.smaller({ type: 'array', runs }, after, { cost, level })
}
