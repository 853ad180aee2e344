/** Goal: what is said to be as it is stored comes back from a copy as it is.
 * @module */
import { describe, expect, test } from 'vitest'
import { copyValue } from '../../../src/history/patch/copy-value.ts'
import { isStoredForm } from '../../../src/projection/stored-form.ts'

const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
const plain = [
  null,
  true,
  -0,
  Number.NaN,
  'a',
  5n,
  new Uint8Array(3),
  new Date(5),
  [],
  {},
  { a: [{ b: 'c' }] },
  nested(9),
]
const own = Object.defineProperty({}, '__proto__', { value: 1, enumerable: true, writable: true, configurable: true })

describe('isStoredForm()', () => {
  test.each([...plain, own])('says yes to %o', (value) => {
    expect(isStoredForm(value)).toBe(true)
    expect(copyValue(value)).toStrictEqual(value)
  })

  test.each([
    [undefined],
    [{ a: undefined }],
    [[undefined]],
    [new Array(2)],
    [{ toJSON: () => 1 }],
    [() => 1],
    [Symbol('a')],
    [new Map()],
    [new Date(Number.NaN)],
    [new Float64Array(2)],
    [Object.create(null)],
    [Object.create({ inherited: 1 })],
    [nested(100)],
    [[[new Set()]]],
  ])('says no, or does not know, of %o', (value) => {
    expect(isStoredForm(value)).toBe(false)
  })
})
