/** What turns one array into another: common ends first, then which of the elements between them are old ones.
 * @module */
import type { ArrayMatch } from './array-diff-elements.ts'
import { keep } from './array-diff-keep.ts'
import { matchElements } from './array-diff-match.ts'
import type { CheckedCopy } from './copy-value.ts'
import { PART_COST } from './diff-cost.ts'
import type { Comparison } from './diff-same.ts'
import { diffNumbers } from './number-diff.ts'
import type { ArrayRun, Patch } from './patch.ts'

/** The comparison that arrays are part of. */
export interface Diffing {
  readonly keyField: string | undefined
  readonly comparison: Comparison
  readonly copies: CheckedCopy
  /** About what the patch takes that was made last. */
  cost: number
  diff(before: unknown, after: unknown, level: number): Patch | undefined
  smaller(patch: Patch, after: unknown, facts: { cost: number; level: number }): Patch
}

export interface Arrays {
  readonly before: readonly unknown[]
  readonly after: readonly unknown[]
  /** Containers around both. */
  readonly level: number
}

/** Find what turns `before` into `after`, as `diffValues` does. */
export function diffArrays(diffing: Diffing, arrays: Arrays): Patch | undefined {
  const { comparison } = diffing
  const { before, after, level } = arrays
  const least = Math.min(before.length, after.length)
  let from = 0
  while (from < least && comparison.sameElement(before[from], comparison.plain(after[from], from))) from++
  if (from === before.length && from === after.length) return undefined
  const numbers = before.length === after.length ? diffNumbers(before, after, from) : undefined
  if (numbers?.isSure) return diffing.smaller(numbers.patch, after, { cost: numbers.cost, level })
  let behind = 0
  // The last element that both may share is not compared again.
  const most = before.length === after.length ? least - from - 1 : least - from
  for (; behind < most; behind++) {
    const at = after.length - 1 - behind
    if (!comparison.sameElement(before[before.length - 1 - behind], comparison.plain(after[at], at))) break
  }
  const old = before.slice(from, before.length - behind)
  const now: unknown[] = []
  for (let index = from; index < after.length - behind; index++) now.push(comparison.plain(after[index], index))
  const match = matchElements({ old, now, keyField: diffing.keyField, comparison })
  const made = new RunMaker(diffing, arrays)
  made.keep(0, from)
  made.add(match, now, from)
  made.keep(before.length - behind, behind)
  if (numbers !== undefined && numbers.cost <= made.cost) {
    return diffing.smaller(numbers.patch, after, { cost: numbers.cost, level })
  }
  return diffing.smaller({ type: 'array', runs: made.runs }, after, { cost: made.cost, level })
}

class RunMaker {
  readonly runs: ArrayRun[] = []
  cost = PART_COST
  readonly #diffing: Diffing
  readonly #arrays: Arrays

  constructor(diffing: Diffing, arrays: Arrays) {
    this.#diffing = diffing
    this.#arrays = arrays
  }

  keep(start: number, length: number): void {
    const { runs } = this
    const count = runs.length
    keep(runs, start, length)
    if (runs.length > count) this.cost += PART_COST
  }

  /** @param at where the elements begin in both arrays. */
  add(match: ArrayMatch, now: readonly unknown[], at: number): void {
    for (let index = 0; index < now.length; index++) {
      const from = match.from[index] as number
      if (from < 0) this.#insert(now[index])
      else if (match.isChange[index] === 0) this.keep(at + from, 1)
      else this.#change(at + from, now[index])
    }
  }

  #insert(element: unknown): void {
    const { runs } = this
    const { copies } = this.#diffing
    const sizeBytes = copies.sizeBytes
    const value = copies.copy(element, this.#arrays.level + 1)
    const last = runs.at(-1)
    if (last?.type === 'insert') (last.values as unknown[]).push(value)
    else {
      runs.push({ type: 'insert', values: [value] })
      this.cost += PART_COST
    }
    this.cost += copies.sizeBytes - sizeBytes
  }

  #change(start: number, element: unknown): void {
    const { before, level } = this.#arrays
    const patch = this.#diffing.diff(before[start], element, level + 1)
    if (patch === undefined) {
      this.keep(start, 1)
      return
    }
    this.runs.push({ type: 'change', start, patch })
    this.cost += PART_COST + this.#diffing.cost
  }
}
