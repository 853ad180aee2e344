/** Differences between values, for callers: what histories store, without a history.
 * @module */
import { applyPatch } from './patch/apply.ts'
import { copyValue } from './patch/copy-value.ts'
import { diffValues as diffOwn } from './patch/diff.ts'
import { invertPatch as invertOwn } from './patch/invert.ts'
import type { Patch } from './patch/patch.ts'

/** Say what turns one value into another: plain data that shares nothing with either. Exact by the value table, the
 * order of keys included. Cost: a copy of the first, and a pass over both.
 * @param options `keyField`: elements of arrays that are objects are the same element when this field of them is equal.
 * @returns undefined when they are equal. @throws {VarveError} `VALUE_UNSUPPORTED` {path}, `DOCUMENT_LIMIT`.
 * @example
 * ```ts
 * import { strict as assert } from 'node:assert'
 * import { diffValues, invertPatch, patchValue } from 'varve'
 *
 * const [draft, final] = [{ title: 'a', tags: [1, 2] }, { title: 'b', tags: [1, 3, 2] }]
 * const patch = diffValues(draft, final)
 * assert.deepEqual(patchValue(draft, patch), final)
 * assert.deepEqual(patchValue(final, invertPatch(draft, patch)), draft)
 * ```
 */
export function diffValues(
  before: unknown,
  after: unknown,
  options: { readonly keyField?: string } = {},
): Patch | undefined {
  return diffOwn(copyValue(before), after, options)
}

/** The value that a patch makes of the one it was made from; both stay as they are. Cost: a copy of them.
 * @throws {VarveError} `DECODE_FAILED` when the patch is for another value, where that shows. */
export function patchValue(before: unknown, patch: Patch | undefined): unknown {
  const copy = copyValue(before)
  return patch === undefined ? copy : applyPatch(copy, structuredClone(patch))
}

/** What undoes a patch: it turns the value after it into the one before.
 * @param before what the patch was made from. @throws {VarveError} as `patchValue`. */
export function invertPatch(before: unknown, patch: Patch | undefined): Patch | undefined {
  return patch === undefined ? undefined : invertOwn(copyValue(before), structuredClone(patch))
}
