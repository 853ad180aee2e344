/** Differences between values for callers: nothing of theirs is changed or shared.
 * @module */
import { expect, test } from 'vitest'
import { diffValues, invertPatch, patchValue } from '../../../src/index.ts'

const before = {
  title: 'a',
  shapes: [
    { id: 1, at: [0, 0] },
    { id: 2, at: [5, -0] },
  ],
  raw: new Uint8Array([1, 2]),
}
const after = {
  shapes: [
    { id: 2, at: [5, 0] },
    { id: 1, at: [0, 0] },
    { id: 3, tags: ['x'] },
  ],
  title: 'b',
}

test('patchValue() makes the new value, invertPatch() the way back, as often as one likes', () => {
  const patch = diffValues(before, after, { keyField: 'id' })
  const one = patchValue(before, patch)
  expect(one).toStrictEqual(after)
  expect(Object.keys(one as object)).toEqual(['shapes', 'title'])
  ;(one as typeof after).shapes[2]?.tags?.push('mine')
  expect(patchValue(before, patch)).toStrictEqual(after)
  const back = invertPatch(before, patch)
  expect(patchValue(after, back)).toStrictEqual(before)
  expect(patchValue(after, back)).toStrictEqual(before)
  expect(before.shapes[1]?.at).toStrictEqual([5, -0])
})

test('diffValues() is undefined for equal values, and what is undefined changes nothing', () => {
  expect(diffValues(before, structuredClone(before))).toBeUndefined()
  expect(patchValue(before, undefined)).toStrictEqual(before)
  expect(patchValue(before, undefined)).not.toBe(before)
  expect(invertPatch(before, undefined)).toBeUndefined()
})

test('diffValues() refuses what no version may hold, patchValue() a patch for another value', () => {
  const refused = (make: () => unknown) => {
    try {
      make()
      return undefined
    } catch (error) {
      return (error as { code?: string }).code
    }
  }
  expect(refused(() => diffValues({}, { a: () => 1 }))).toBe('VALUE_UNSUPPORTED')
  expect(refused(() => diffValues({ a: new Map() }, {}))).toBe('VALUE_UNSUPPORTED')
  expect(refused(() => patchValue('text', diffValues({ a: 1, b: 2, c: 3 }, { a: 1, b: 2, c: 4 })))).toBe(
    'DECODE_FAILED',
  )
})
