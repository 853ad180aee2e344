/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyValue } from '../../../src/history/copy-value.ts'
import { diffValues } from '../../../src/history/diff.ts'
import { difference } from '../../support/same-value.ts'
import { anyValue } from '../document/support/any-value.ts'
import { editedValues } from './support/edits.ts'
import { checkedDiff } from './support/exact.ts'

describe('diffValues()', () => {
  test('turns a value into an edited one and back, exactly', () => {
    fc.assert(
      fc.property(editedValues, ({ before, after }) => {
        checkedDiff(before, after)
      }),
      { numRuns: 600 },
    )
  })

  test('turns any value into any other and back, exactly', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (before, after) => {
        checkedDiff(before, after)
      }),
      { numRuns: 300 },
    )
  })

  test('finds nothing between a value and its copy', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const copied = copyValue(value)
        expect(difference(copied, value)).toBeUndefined()
        expect(diffValues(copied, value)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })
})
