/** Elements of an array that come, go and move.
 * @module */
import { isRange, unfit } from './apply-checks.ts'
import type { ArrayRun } from './patch.ts'

type Runs = readonly ArrayRun[]

/** Values that are given to one call as arguments. */
const ARGUMENTS_MAX = 1_000

/** Check the runs of a patch for an array of this length. Cost: the runs; the elements when some moved.
 * @returns in how many places elements come or go; infinite when some moved.
 * @throws {VarveError} `DECODE_FAILED` when an element is not there, or named twice. */
export function countEdits(runs: Runs, length: number): number {
  let edits = 0
  let end = 0
  let isEdited = false
  for (const run of runs) {
    if (run.type === 'insert') {
      if (isEdited || run.values.length > ARGUMENTS_MAX) edits = Number.POSITIVE_INFINITY
      isEdited = true
      continue
    }
    const count = countOf(run)
    if (!isRange(run.start, count, length)) throw unfit('an element is not there')
    if (run.start < end) return checkMoves(runs, length)
    if (run.start > end || isEdited) edits++
    isEdited = false
    end = run.start + count
  }
  return end < length || isEdited ? edits + 1 : edits
}

function countOf(run: Exclude<ArrayRun, { readonly type: 'insert' }>): number {
  return run.type === 'keep' ? run.length : 1
}

function checkMoves(runs: Runs, length: number): number {
  const isNamed = new Uint8Array(length)
  for (const run of runs) {
    if (run.type === 'insert') continue
    const end = run.start + countOf(run)
    if (!isRange(run.start, end - run.start, length)) throw unfit('an element is not there')
    for (let at = run.start; at < end; at++) {
      if (isNamed[at] === 1) throw unfit('an element is there twice')
      isNamed[at] = 1
    }
  }
  return Number.POSITIVE_INFINITY
}

/** The array, edited in each place. For runs with a finite number of edits. */
export function edited(array: unknown[], runs: Runs): unknown[] {
  /** How far the old array is done, and the new one. */
  let from = 0
  let to = 0
  let inserted: readonly unknown[] = []
  for (const run of runs) {
    if (run.type === 'insert') {
      inserted = run.values
      continue
    }
    if (run.start > from || inserted.length > 0) array.splice(to, run.start - from, ...inserted)
    to += inserted.length + countOf(run)
    from = run.start + countOf(run)
    inserted = []
  }
  array.splice(to, array.length - to, ...inserted)
  return array
}

/** A new array. */
export function remade(array: readonly unknown[], runs: Runs): unknown[] {
  const made: unknown[] = []
  for (const run of runs) {
    if (run.type === 'insert') for (const element of run.values) made.push(element)
    else for (let at = run.start; at < run.start + countOf(run); at++) made.push(array[at])
  }
  return made
}
