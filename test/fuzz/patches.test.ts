/** Goal: no patch, whatever it says and whatever it is applied to, does more than turn a private value into another one
 * or be refused; and a patch that `diffValues` made is exact both ways.
 * Method: patches of random edits are bent at random places (numbers, lengths, kinds, parts left out or doubled) and
 * applied to the value they were made for and to others; then long chains of edits are diffed, applied and undone.
 * fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isVarveError } from '../../src/errors.ts'
import { applyPatch } from '../../src/history/patch/apply.ts'
import { cloneValue, copyValue } from '../../src/history/patch/copy-value.ts'
import { diffValues } from '../../src/history/patch/diff.ts'
import { invertPatch } from '../../src/history/patch/invert.ts'
import type { Patch } from '../../src/history/patch/patch.ts'
import { share } from '../support/runtime.ts'
import { difference } from '../support/same-value.ts'
import { anyValue } from '../unit/document/support/any-value.ts'
import { edited, editedValues, someEdits } from '../unit/history/support/edits.ts'
import { checkedDiff } from '../unit/history/support/exact.ts'

const bends = fc.array(fc.tuple(fc.nat(1_000), fc.constantFrom('number', 'drop', 'double', 'key'), fc.nat(9)), {
  minLength: 1,
  maxLength: 4,
})
type Bend = readonly [where: number, how: string, by: number]

/** Parts that may be longer or shorter and still are what their type says. */
const LISTS = new Set<string | number>([
  ...['removed', 'changed', 'added', 'order', 'runs', 'edits', 'positions', 'values'],
])
const NUMBERS = [0, 1, 2, 3, -1, 0.5, 2 ** 31, 2 ** 53, Number.NaN, Infinity]

/** Change a part of a patch that is not a value of it. */
function bend(patch: Patch, [where, how, by]: Bend): void {
  const places: [holder: Record<string, unknown> | unknown[], key: string | number][] = []
  collect(patch, places)
  const place = places[where % Math.max(1, places.length)]
  if (place === undefined) return
  const [holder, key] = place
  const part = (holder as Record<string | number, unknown>)[key]
  if (typeof part === 'number' && how === 'number') (holder as Record<string | number, unknown>)[key] = NUMBERS[by]
  else if (typeof part === 'string' && how === 'key') (holder as Record<string | number, unknown>)[key] = `k${by}`
  else if (Array.isArray(part) && part.length > 0 && LISTS.has(key)) {
    if (how === 'drop') part.splice(by % part.length, 1)
    else if (how === 'double') part.splice(by % part.length, 0, structuredClone(part[(by * 7) % part.length]))
  }
}

function collect(patch: unknown, places: [Record<string, unknown> | unknown[], string | number][]): void {
  if (typeof patch !== 'object' || patch === null || patch instanceof BigUint64Array) return
  for (const key of Object.keys(patch)) {
    if (key === 'type' || key === 'coding' || key === 'value') continue
    places.push([patch as Record<string, unknown>, key])
    if (key !== 'values' && key !== 'added') collect((patch as Record<string, unknown>)[key], places)
  }
}

function copied(patch: Patch): Patch {
  return structuredClone(patch)
}

function refusedOr(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    if (!isVarveError(error, 'DECODE_FAILED')) throw error
    return undefined
  }
}

test('applyPatch() and invertPatch() refuse a bent patch or give a value that shares nothing inside', () => {
  let applied = 0
  fc.assert(
    fc.property(editedValues, anyValue, bends, ({ before, after }, other, many) => {
      const patch = diffValues(before, after)
      if (patch === undefined) return
      for (const one of many) bend(patch, one)
      for (const value of [before, other, after]) {
        refusedOr(() => invertPatch(value, copied(patch)))
        const own = cloneValue(value)
        const found = refusedOr(() => applyPatch(own, copied(patch)))
        if (found === undefined) continue
        applied++
        checkTree(found)
      }
    }),
    { numRuns: share(1_000) },
  )
  expect(applied).toBeGreaterThan(0)
}, 60_000)

/** Fails where a container is in a value twice: then changing one place would change the other. */
function checkTree(root: unknown): void {
  const seen = new Set<object>()
  const open = [root]
  for (let value = open.pop(); open.length > 0 || value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (seen.has(value)) throw new Error('A container is in the value twice')
    seen.add(value)
    if (value instanceof Uint8Array || value instanceof Date) continue
    for (const key of Object.keys(value)) open.push(Object.getOwnPropertyDescriptor(value, key)?.value)
  }
}

test('diffValues() follows long chains of edits, exactly, there and back', () => {
  fc.assert(
    fc.property(anyValue, fc.array(someEdits, { minLength: 5, maxLength: 20 }), fc.boolean(), (first, steps, byKey) => {
      const settings = byKey ? { keyField: 'name' } : {}
      let expected = first
      let value = copyValue(first)
      const undos: Patch[] = []
      const kept: unknown[] = []
      for (const edits of steps) {
        expected = edited(expected, edits)
        const patch = diffValues(value, expected, settings)
        expect(patch === undefined).toBe(difference(value, expected) === undefined)
        if (patch === undefined) continue
        undos.push(invertPatch(value, patch))
        kept.push(cloneValue(value))
        value = applyPatch(value, patch)
        expect(difference(value, expected)).toBeUndefined()
      }
      for (let at = undos.length - 1; at >= 0; at--) {
        value = applyPatch(value, undos[at] as Patch)
        expect(difference(value, kept[at])).toBeUndefined()
      }
    }),
    { numRuns: share(40) },
  )
}, 60_000)

test('diffValues() of two random values is exact, also by a key field', () => {
  fc.assert(
    fc.property(anyValue, anyValue, (before, after) => {
      checkedDiff([before, after], [after, before])
      checkedDiff({ a: before, b: [before, after] }, { a: after, b: [after, after, before] }, { keyField: 'name' })
    }),
    { numRuns: share(400) },
  )
}, 60_000)
