/** Patches that undo patches.
 * @module */
import { isFields, isRange, unfit } from './apply-checks.ts'
import { bitsOf } from './apply-numbers.ts'
import { keep } from './array-diff-keep.ts'
import { cloneValue } from './copy-value.ts'
import { orderedKeys, orderRuns } from './diff-order.ts'
import type { ArrayPatch, ArrayRun, NumbersPatch, ObjectPatch, Patch, StringPatch } from './patch.ts'

/** Make the patch that turns the value after `patch` into the one before it. Nothing in it is shared.
 * Cost: what is patched, and what goes by it; fields of objects and runs of arrays that are patched.
 * @param before as it is while the patch is not applied.
 * @throws {VarveError} `DECODE_FAILED` when the patch does not fit, if that is noticed. */
export function invertPatch(before: unknown, patch: Patch): Patch {
  switch (patch.type) {
    case 'set':
      return { type: 'set', value: cloneValue(before) }
    case 'object':
      return invertObject(before, patch)
    case 'array':
      return invertArray(before, patch)
    case 'string':
      return invertString(before, patch)
    case 'numbers':
      return invertNumbers(before, patch)
  }
}

function invertObject(before: unknown, patch: ObjectPatch): ObjectPatch {
  if (!isFields(before)) throw unfit('there is no object')
  const changed = patch.changed.map(([key, change]) => [key, invertPatch(before[key], change)] as const)
  const added = patch.removed.map((key) => [key, cloneValue(before[key])] as const)
  const removed = patch.added.map(([key]) => key)
  const inverse: ObjectPatch = { type: 'object', removed, changed, added }
  if (added.length === 0 && patch.order === undefined) return inverse
  const keys = Object.keys(before)
  const gone = new Set(patch.removed)
  const stays = keys.filter((key) => !gone.has(key))
  const after = orderedKeys(stays, removed, patch.order)
  if (after === undefined) throw unfit('the order of fields is wrong')
  const order = orderRuns(staysAfter(after, removed), patch.removed, keys)
  return order === undefined ? inverse : { ...inverse, order }
}

/** The fields that stay, in the order they have after a patch, in an object. */
function staysAfter(after: readonly string[], added: readonly string[]): string[] {
  const made: Record<string, true> = Object.create(null)
  for (const key of after) made[key] = true
  for (const key of added) delete made[key]
  return Object.keys(made)
}

/** A run of the array before, and where it is after. */
interface Moved {
  readonly start: number
  readonly length: number
  readonly to: number
  readonly patch: Patch | undefined
}

function invertArray(before: unknown, { runs }: ArrayPatch): ArrayPatch {
  if (!Array.isArray(before)) throw unfit('there is no array')
  const moves: Moved[] = []
  let to = 0
  for (const run of runs) {
    const length = run.type === 'insert' ? run.values.length : run.type === 'keep' ? run.length : 1
    if (run.type !== 'insert') {
      if (!isRange(run.start, length, before.length)) throw unfit('an element is not there')
      moves.push({ start: run.start, length, to, patch: run.type === 'change' ? run.patch : undefined })
    }
    to += length
  }
  moves.sort((a, b) => a.start - b.start)
  const inverse: ArrayRun[] = []
  let at = 0
  for (const { start, length, to, patch } of moves) {
    if (start > at) inverse.push({ type: 'insert', values: before.slice(at, start).map(cloneValue) })
    if (patch === undefined) keep(inverse, to, length)
    else inverse.push({ type: 'change', start: to, patch: invertPatch(before[start], patch) })
    at = start + length
  }
  if (at < before.length) inverse.push({ type: 'insert', values: before.slice(at).map(cloneValue) })
  return { type: 'array', runs: inverse }
}

function invertString(before: unknown, { edits }: StringPatch): StringPatch {
  if (typeof before !== 'string') throw unfit('there is no text')
  let shift = 0
  return {
    type: 'string',
    edits: edits.map(({ start, remove, insert }) => {
      const edit = { start: start + shift, remove: insert.length, insert: before.slice(start, start + remove) }
      shift += insert.length - remove
      return edit
    }),
  }
}

function invertNumbers(before: unknown, patch: NumbersPatch): NumbersPatch {
  if (!Array.isArray(before)) throw unfit('there is no array')
  const { positions, coding } = patch
  const places = positions === undefined ? {} : { positions: [...positions] }
  if (coding === 'bits') {
    return { type: 'numbers', ...places, coding, values: BigUint64Array.from(patch.values, (value) => -toBits(value)) }
  }
  const values =
    coding === 'add' ? Array.from(patch.values, negated) : (positions?.map((at) => before[at]) ?? before.slice())
  return { type: 'numbers', ...places, coding, values: values as (number | bigint)[] }
}

function toBits(value: number | bigint): bigint {
  return typeof value === 'bigint' ? value : bitsOf(value)
}

function negated(value: number | bigint): number | bigint {
  return typeof value === 'bigint' ? -value : 0 - value
}
