/** Following one place of a value back through patches, without any of the values.
 * @module */
import type { Step } from '../../document/path/path.ts'
import type { ArrayPatch, NumbersPatch, ObjectPatch, Patch } from './patch.ts'
import { elementOf, valueAtSteps } from './value-path.ts'

export interface TracedPath {
  /** What becomes the value: the one there in the value before the first patch, a value of a patch (the patch's: copy
   * it before it is changed), or nothing. */
  readonly from: { readonly steps: readonly Step[] } | { readonly value: unknown } | 'absent'
  /** What still changes it, in order. */
  readonly patches: readonly Patch[]
}

const ABSENT: TracedPath = { from: 'absent', patches: [] }

/** What one patch says about a place behind it. */
type Origin =
  /** It was there before, at these steps, and is changed by the patch if there is one. */
  { readonly steps: readonly Step[]; readonly patch: Patch | undefined } | { readonly value: unknown } | 'absent'

/** Which value of the one before the first patch, or of a patch, becomes the value at `steps` behind the last one, and
 * the patches that still change it. Fields whose keys are digits mean elements where the value is an array, as in
 * documents. Cost: per patch the parts of it that surround the place; never a whole value.
 * @param steps without wildcards. */
export function tracePath(patches: readonly Patch[], steps: readonly Step[]): TracedPath {
  const changes: Patch[] = []
  let at = steps
  for (let index = patches.length - 1; index >= 0; index--) {
    const origin = originOf(patches[index] as Patch, at)
    if (origin === 'absent') return ABSENT
    if ('value' in origin) return { from: origin, patches: changes.reverse() }
    if (origin.patch !== undefined) changes.push(origin.patch)
    at = origin.steps
  }
  return { from: { steps: at }, patches: changes.reverse() }
}

function originOf(whole: Patch, steps: readonly Step[]): Origin {
  let patch = whole
  let before: Step[] | undefined
  for (const [depth, step] of steps.entries()) {
    if (patch.type === 'set') break
    const child = childOf(patch, step)
    if (child === 'absent') return child
    if ('value' in child) return inValue(child.value, steps, depth + 1)
    if (child.step !== step) {
      before ??= steps.slice()
      before[depth] = child.step
    }
    if (child.patch === undefined) return { steps: before ?? steps, patch: undefined }
    if (child.patch.type === 'set') return inValue(child.patch.value, steps, depth + 1)
    patch = child.patch
  }
  return patch.type === 'set' ? inValue(patch.value, steps, 0) : { steps: before ?? steps, patch }
}

function inValue(value: unknown, steps: readonly Step[], depth: number): Origin {
  const found = valueAtSteps(value, steps.slice(depth))
  return found === undefined ? 'absent' : { value: found }
}

/** Where the child at `step` of the container behind the patch comes from. */
type Child = { readonly step: Step; readonly patch: Patch | undefined } | { readonly value: unknown } | 'absent'

function childOf(patch: Exclude<Patch, { type: 'set' }>, step: Step): Child {
  if (patch.type === 'object') return step.type === 'field' ? fieldOf(patch, step) : 'absent'
  const index = patch.type === 'string' ? -1 : elementOf(step)
  if (index < 0) return 'absent'
  return patch.type === 'array' ? elementBefore(patch, index) : numberOf(patch as NumbersPatch, index)
}

function fieldOf({ added, changed, removed }: ObjectPatch, step: Step & { type: 'field' }): Child {
  const { key } = step
  for (const [name, value] of added) if (name === key) return { value }
  for (const [name, patch] of changed) if (name === key) return { step, patch }
  return removed.includes(key) ? 'absent' : { step, patch: undefined }
}

function elementBefore({ runs }: ArrayPatch, index: number): Child {
  let left = index
  for (const run of runs) {
    const length = run.type === 'keep' ? run.length : run.type === 'insert' ? run.values.length : 1
    if (left >= length) {
      left -= length
      continue
    }
    if (run.type === 'insert') return { value: run.values[left] }
    const step: Step = { type: 'index', index: run.start + left }
    return { step, patch: run.type === 'change' ? run.patch : undefined }
  }
  return 'absent'
}

/** One number of many is changed by a patch of numbers for it alone. */
function numberOf({ positions, coding, values }: NumbersPatch, index: number): Child {
  const step: Step = { type: 'index', index }
  const at = positions === undefined ? index : find(positions, index)
  const value = values[at]
  // An array that is longer than the columns does not fit the patch, and a shorter one has no such element.
  if (value === undefined) return positions === undefined ? 'absent' : { step, patch: undefined }
  if (coding === 'set') return { value }
  const one = values instanceof BigUint64Array ? values.slice(at, at + 1) : [value]
  return { step, patch: { type: 'numbers', coding, values: one } }
}

/** @returns where `position` is in ascending ones, or -1. */
function find(positions: readonly number[], position: number): number {
  let low = 0
  let high = positions.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const found = positions[middle] as number
    if (found === position) return middle
    if (found < position) low = middle + 1
    else high = middle - 1
  }
  return -1
}
