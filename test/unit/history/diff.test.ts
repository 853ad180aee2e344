/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyPatch } from '../../../src/history/patch/apply.ts'
import { cloneValue, copyValue } from '../../../src/history/patch/copy-value.ts'
import { diffValues } from '../../../src/history/patch/diff.ts'
import { difference } from '../../support/same-value.ts'
import { anyValue } from '../document/support/any-value.ts'
import { editedValues } from './support/edits.ts'
import { checkedDiff, roughDiff } from './support/exact.ts'

function nested(levels: number, leaf: unknown, width = 0): unknown {
  const beside = Array.from({ length: width }, (_, at) => at)
  let value: unknown = leaf
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { beside, in: value } : [...beside, value]
  return value
}

function errorOf(before: unknown, after: unknown): unknown {
  try {
    return diffValues(before, after)
  } catch (error) {
    return error
  }
}

const fields = Object.fromEntries(Array.from({ length: 90 }, (_, at) => [`field${at}`, `value ${at}`]))

describe('diffValues()', () => {
  test('turns a value into an edited one and back, exactly', () => {
    fc.assert(
      fc.property(editedValues, ({ before, after }) => {
        checkedDiff(before, after)
      }),
      { numRuns: 250 },
    )
  })

  test('turns any value into any other and back, exactly', () => {
    fc.assert(
      fc.property(anyValue, anyValue, (before, after) => {
        checkedDiff(before, after)
      }),
      { numRuns: 200 },
    )
  })

  test('finds nothing between a value and its copy', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(diffValues(copyValue(value), value)).toBeUndefined()
      }),
      { numRuns: 200 },
    )
  })

  test('tells numbers, kinds and orders apart as the value table does', () => {
    const unlike: [unknown, unknown][] = [
      [0, -0],
      [1, 1n],
      ['1', 1],
      [null, {}],
      [[], {}],
      [{}, new Date(0)],
      [new Date(0), new Date(1)],
      [Uint8Array.of(1), Uint8Array.of(2)],
      [Uint8Array.of(1), [1]],
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      [{ a: undefined, b: 1 }, {}],
    ]
    for (const [before, after] of unlike) {
      expect(checkedDiff(copyValue({ in: [before, 'a text'] }), { in: [after, 'a text'] })).toBeDefined()
      expect(checkedDiff(copyValue(before), after)).toBeDefined()
    }
    for (const same of [Number.NaN, new Date(5), Uint8Array.of(1, 2), -0, 2n ** 80n]) {
      expect(diffValues(copyValue({ in: [same] }), { in: [copyValue(same)], none: undefined })).toBeUndefined()
    }
  })

  test('names fields that change, come and go', () => {
    const after = { ...fields, field7: 'other', more: [1] }
    expect(checkedDiff(fields, after)).toEqual({
      type: 'object',
      removed: [],
      changed: [['field7', { type: 'set', value: 'other' }]],
      added: [['more', [1]]],
    })
    const { field3: _, ...rest } = fields
    expect(checkedDiff(fields, rest)).toEqual({ type: 'object', removed: ['field3'], changed: [], added: [] })
    expect(checkedDiff(rest, fields)).toMatchObject({
      added: [['field3', 'value 3']],
      order: [
        [0, 3],
        [89, 1],
        [3, 86],
      ],
    })
  })

  test('keeps the order of fields, and of those that are array indexes', () => {
    const three = { long: 'some text that is long', 5: 'b', name: 'and another one' }
    checkedDiff(three, { name: three.name, long: three.long, 5: 'b' })
    expect(checkedDiff(three, { ...three, 3: 'a' })).not.toHaveProperty('order')
    checkedDiff({ b: 1, 1: 2, a: 3, '-1': 4, 4294967295: 5 }, { 4294967295: 5, a: 3, 1: 2, b: 2, 0: 1 })
    expect(
      Object.keys(
        applyPatch(
          { x: 'long text', y: 2 },
          diffValues({ x: 'long text', y: 2 }, { y: 2, x: 'long text' }) ?? never(),
        ) as object,
      ),
    ).toEqual(['y', 'x'])
  })

  test('takes own fields called like those of Object.prototype', () => {
    const made = (value: unknown) => {
      const object = { constructor: 'c', toString: 't', more: 'a longer text' }
      Object.defineProperty(object, '__proto__', { value, writable: true, enumerable: true, configurable: true })
      return object
    }
    checkedDiff(made(1), made({ a: 1 }))
    checkedDiff(made({ a: 1, b: 'a text' }), made({ a: 2, b: 'a text' }))
    checkedDiff({ more: 'a longer text' }, made(1))
    checkedDiff(made([1]), { more: 'a longer text' })
    expect(({} as { a?: number }).a).toBeUndefined()
  })

  test('writes a value whole when the patch would be larger', () => {
    expect(checkedDiff({ a: 1, b: 2 }, { c: 1, d: 2 })).toMatchObject({ type: 'set' })
    const before = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`k${at}`, at]))
    expect(checkedDiff(before, { k400: 400 })).toMatchObject({ type: 'set' })
    expect(checkedDiff(before, [before])).toMatchObject({ type: 'set' })
  })

  test('reads values of callers as copyValue does', () => {
    class Point {
      readonly x: number
      constructor(x: number) {
        this.x = x
      }
      toJSON() {
        return { x: this.x, none: undefined }
      }
    }
    const bare = (value: unknown) => Object.assign(Object.create(null) as object, { value })
    const value = (x: number) => ({
      one: new Point(x),
      list: [new Point(1), new Point(x)],
      bare: bare(x),
      gone: undefined,
    })
    const before = copyValue(value(1))
    expect(diffValues(before, value(1))).toBeUndefined()
    const patch = diffValues(before, value(2)) ?? never()
    expect(difference(applyPatch(before, patch), copyValue(value(2)))).toBeUndefined()
    expect(diffValues({ a: 1 }, undefined)).toEqual({ type: 'set', value: null })
    expect(diffValues(null, undefined)).toBeUndefined()
  })

  test('leaves out what objects inherit', () => {
    try {
      Object.assign(Object.prototype, { inherited: 1 })
      expect(diffValues({ a: 1 }, { a: 1 })).toBeUndefined()
      const patch = diffValues({ a: 'text', b: 1 }, { a: 'text', c: 1 }) ?? never()
      expect(Object.keys(applyPatch({ a: 'text', b: 1 }, patch) as object)).toEqual(['a', 'c'])
    } finally {
      delete (Object.prototype as { inherited?: number }).inherited
    }
  })

  test('goes as deep as documents, without a deep stack, and no deeper', () => {
    for (const [before, after] of [
      [nested(1_023, 1), nested(1_023, 2)],
      [nested(1_000, { a: 1 }, 20), nested(1_000, { b: 2 }, 20)],
      [nested(1_000, 'x'), nested(700, 'x')],
      [nested(10, 1), nested(1_023, 1)],
    ]) {
      roughDiff(copyValue(before), after)
    }
    expect(JSON.stringify(diffValues(nested(1_000, 1, 20), nested(1_000, 2, 20))).length).toBeLessThan(100_000)
    expect(errorOf(nested(1_023, 1), nested(1_024, 1))).toMatchObject({
      code: 'DOCUMENT_LIMIT',
      details: { limitName: 'depth', found: 1_025 },
    })
  })

  test('keeps to its bounds when arrays inside arrays may each be paired in many ways', () => {
    const shifted = (levels: number, isShifted: boolean) => {
      let value: unknown = isShifted ? 1 : 2
      for (let level = 0; level < levels; level++) {
        value = isShifted ? [{ level }, value, [0, value === 1]] : [value, [0], { z: 1 }]
      }
      return value
    }
    roughDiff(shifted(900, false), shifted(900, true))
    const wide = (x: number) => Array.from({ length: 60 }, (_, at) => ({ at, rows: [[at], [[at, [x]]], { x }] }))
    roughDiff([wide(1), wide(2), wide(3)], [wide(4), [wide(1)], wide(2)])
  })

  const cycle: Record<string, unknown> = { a: 1 }
  cycle.more = { cycle }
  test.each<[string, unknown, object]>([
    ['a Map', { a: 1, list: [1, { x: new Map() }] }, { path: 'list[1].x', found: 'an object of type Map' }],
    ['a function', { a: () => 1, list: [1, { x: 2 }] }, { path: 'a', found: 'a function' }],
    ['a hole', { a: 1, list: new Array(2) }, { path: 'list[0]', found: 'a hole' }],
    ['undefined', { a: 1, list: [1, undefined] }, { path: 'list[1]', found: 'undefined' }],
    ['an invalid date', { a: 1, list: [1, { x: new Date(Number.NaN) }] }, { path: 'list[1].x' }],
    ['a class', { a: 1, list: [new (class Order {})()] }, { path: 'list[0]', found: 'an instance of Order' }],
    ['a cycle', cycle, { found: 'a cycle' }],
  ])('refuses %s with its path, as copyValue does', (_, after, details) => {
    expect(errorOf({ a: 1, list: [1, { x: 2 }] }, after)).toMatchObject({ code: 'VALUE_UNSUPPORTED', details })
  })

  test('refuses a value that only sometimes is one', () => {
    let reads = 0
    const after = {
      get field() {
        return ++reads === 1 ? new Map() : 1
      },
    }
    expect(errorOf({ field: 1 }, after)).toMatchObject({ code: 'VALUE_UNSUPPORTED' })
  })

  test('changes nothing of either value, and a patch is its own', () => {
    const before = { list: [{ a: 1 }, { b: [2] }] }
    const after = { list: [{ a: 1 }, { b: [3, { c: 4 }] }], more: { d: [1] } }
    const kept = cloneValue(after)
    const value = applyPatch(cloneValue(before), diffValues(before, after) ?? never()) as typeof after
    value.more.d.push(2)
    value.list[1]?.b?.push(5)
    expect(after).toEqual(kept)
  })
})

function never(): never {
  throw new Error('No patch was found')
}
