/** That a patch does what it says, both ways, and owns what it holds.
 * @module */
import { expect } from 'vitest'
import { applyPatch } from '../../../../src/history/patch/apply.ts'
import { cloneValue } from '../../../../src/history/patch/copy-value.ts'
import { type DiffSettings, diffValues } from '../../../../src/history/patch/diff.ts'
import { invertPatch } from '../../../../src/history/patch/invert.ts'
import type { Patch } from '../../../../src/history/patch/patch.ts'
import { difference } from '../../../support/same-value.ts'

/** Diff, apply and undo. @returns the patch, whose values are part of another value by now. */
export function checkedDiff(before: unknown, after: unknown, settings?: DiffSettings): Patch | undefined {
  const kept = cloneValue(before)
  const keptAfter = cloneValue(after)
  const patch = diffValues(before, after, settings)
  expect(difference(before, kept)).toBeUndefined()
  expect(difference(after, keptAfter)).toBeUndefined()
  if (patch === undefined) {
    expect(difference(before, after)).toBeUndefined()
    return undefined
  }
  expect(difference(before, after)).toBeDefined()
  const held = containersOf(patch, new Set())
  for (const container of [...containersOf(before, new Set()), ...containersOf(after, new Set())]) {
    expect(held.has(container)).toBe(false)
  }
  const undo = invertPatch(before, patch)
  const value = applyPatch(cloneValue(before), patch)
  expect(difference(value, after)).toBeUndefined()
  expect(difference(applyPatch(value, undo), before)).toBeUndefined()
  return patch
}

/** The same for large values, without the checks that take long. */
export function roughDiff(before: unknown, after: unknown): Patch | undefined {
  const kept = cloneValue(before)
  const patch = diffValues(before, after)
  if (patch === undefined) return undefined
  const undo = invertPatch(before, patch)
  const value = applyPatch(before, patch)
  expect(diffValues(value, after)).toBeUndefined()
  expect(diffValues(applyPatch(value, undo), kept)).toBeUndefined()
  return patch
}

/** Every object inside, itself included. */
export function containersOf(value: unknown, found: Set<object>): Set<object> {
  if (typeof value !== 'object' || value === null || found.has(value)) return found
  found.add(value)
  if (value instanceof Uint8Array || value instanceof BigUint64Array || value instanceof Date) return found
  for (const key of Object.keys(value)) containersOf(Object.getOwnPropertyDescriptor(value, key)?.value, found)
  return found
}
