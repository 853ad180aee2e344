/** Turning a value into the next one. What a patch says is checked as it is applied, for a damaged file may hold any.
 *
 * Invariant: no container is in a value twice, so each may be changed in place.
 * @module */

import { setField } from '../../codec/value-builder.ts'
import { isFields, isRange, unfit } from './apply-checks.ts'
import { addBits, addNumbers, type Numbers, setNumbers } from './apply-numbers.ts'
import { countEdits, edited, remade } from './apply-runs.ts'
import { orderedKeys } from './diff-order.ts'
import type { ArrayPatch, NumbersPatch, ObjectPatch, Patch, StringPatch } from './patch.ts'

type Fields = Record<string, unknown>
type Touched = (container: object) => void

/** Objects with more fields than this lose fields one by one; smaller ones are made anew, for objects that lost a field
 * are slow to read. */
const FIELDS_FEW = 64
/** Places of an array where elements come or go one after the other; for more it is made anew. */
const EDITS_FEW = 8

/** Apply a patch to a private value: it is changed in place where that can be, and what is left of it becomes part of
 * the result, as do the values of the patch.
 * Cost: what is patched, and the fields of objects that lose some, and the elements of arrays behind the first that
 * comes or goes.
 * @param touched called for every container of `value` that is gone through or changed, before it is.
 * @returns the value that takes the place of `value`, often itself.
 * @throws {VarveError} `DECODE_FAILED` when the patch does not fit; the value is then half changed. */
export function applyPatch(value: unknown, patch: Patch, touched?: Touched): unknown {
  switch (patch.type) {
    case 'set':
      return patch.value
    case 'object':
      return applyObject(value, patch, touched)
    case 'array':
      return applyArray(value, patch, touched)
    case 'string':
      return applyString(value, patch)
    case 'numbers':
      return applyNumbers(value, patch, touched)
  }
}

function applyObject(value: unknown, patch: ObjectPatch, touched: Touched | undefined): Fields {
  if (!isFields(value)) throw unfit('there is no object')
  touched?.(value)
  for (const [key, change] of patch.changed) {
    if (!Object.hasOwn(value, key)) throw unfit('a field is not there')
    const before = value[key]
    const after = applyPatch(before, change, touched)
    if (!Object.is(after, before)) setField(value, key, after)
  }
  const { removed, added, order } = patch
  if (removed.length === 0 && order === undefined) return addFields(value, added)
  if (order === undefined && hasManyFields(value)) {
    for (const key of removed) {
      if (!Object.hasOwn(value, key)) throw unfit('a field is not there')
      delete value[key]
    }
    return addFields(value, added)
  }
  return rebuilt(value, patch)
}

function addFields(value: Fields, added: ObjectPatch['added']): Fields {
  for (const [key, field] of added) {
    if (Object.hasOwn(value, key)) throw unfit('a new field is there already')
    setField(value, key, field)
  }
  return value
}

function rebuilt(value: Fields, { removed, added, order }: ObjectPatch): Fields {
  const gone = new Set(removed)
  if (gone.size < removed.length) throw unfit('a field goes twice')
  const stays = Object.keys(value).filter((key) => !gone.delete(key))
  if (gone.size > 0) throw unfit('a field is not there')
  const fields = new Map<string, unknown>()
  for (const key of stays) fields.set(key, value[key])
  for (const [key, field] of added) fields.set(key, field)
  if (fields.size !== stays.length + added.length) throw unfit('a new field is there already')
  const keys = orderedKeys(
    stays,
    added.map(([key]) => key),
    order,
  )
  if (keys === undefined) throw unfit('the order of fields is wrong')
  const made: Fields = {}
  for (const key of keys) setField(made, key, fields.get(key))
  return made
}

function hasManyFields(value: Fields): boolean {
  let count = 0
  for (const _ in value) if (++count > FIELDS_FEW) return true
  return false
}

function applyArray(value: unknown, { runs }: ArrayPatch, touched: Touched | undefined): unknown[] {
  if (!Array.isArray(value)) throw unfit('there is no array')
  touched?.(value)
  const edits = countEdits(runs, value.length)
  for (const run of runs) {
    if (run.type === 'change') value[run.start] = applyPatch(value[run.start], run.patch, touched)
  }
  return edits <= EDITS_FEW ? edited(value, runs) : remade(value, runs)
}

function applyString(value: unknown, { edits }: StringPatch): string {
  if (typeof value !== 'string') throw unfit('there is no text')
  let text = ''
  let at = 0
  for (const { start, remove, insert } of edits) {
    if (start < at || !isRange(start, remove, value.length)) throw unfit('an edit is outside of its text')
    text += value.slice(at, start) + insert
    at = start + remove
  }
  return text + value.slice(at)
}

function applyNumbers(value: unknown, patch: NumbersPatch, touched: Touched | undefined): unknown {
  // One number of an array, followed through its patches alone.
  if (typeof value === 'number' || typeof value === 'bigint') return applyToElements([value], patch)[0]
  if (!Array.isArray(value)) throw unfit('there is no array')
  touched?.(value)
  return applyToElements(value, patch)
}

function applyToElements(value: unknown[], patch: NumbersPatch): unknown[] {
  const { positions, values, coding } = patch
  if (values.length !== (positions ?? value).length) throw unfit('there are not as many numbers as places')
  const numbers: Numbers = { array: value, positions, values }
  const isDone = coding === 'set' ? setNumbers(numbers) : coding === 'add' ? addNumbers(numbers) : addBits(numbers)
  if (!isDone) throw unfit('the numbers do not fit')
  return value
}
