/** @module */
import { describe, expect, test } from 'vitest'
import { applyPatch } from '../../../src/history/patch/apply.ts'
import { cloneValue } from '../../../src/history/patch/copy-value.ts'
import { invertPatch } from '../../../src/history/patch/invert.ts'
import type { Patch } from '../../../src/history/patch/patch.ts'
import { difference } from '../../support/same-value.ts'

const object = (patch: Partial<Extract<Patch, { type: 'object' }>>): Patch => ({
  ...{ type: 'object', removed: [], changed: [], added: [] },
  ...patch,
})
const array = (...runs: Extract<Patch, { type: 'array' }>['runs']): Patch => ({ type: 'array', runs })
const keep = (start: number, length: number) => ({ type: 'keep', start, length }) as const
const set = (value: unknown): Patch => ({ type: 'set', value })

describe('applyPatch()', () => {
  test('changes containers in place and names each that it touches, before it does', () => {
    const value = { list: [{ x: 1 }, { x: 2 }], other: { y: 1 } }
    const { list } = value
    const touched: [object, string][] = []
    const patch = object({
      changed: [['list', array(keep(0, 1), { type: 'change', start: 1, patch: object({ changed: [['x', set(3)]] }) })]],
    })
    expect(applyPatch(value, patch, (one) => touched.push([one, JSON.stringify(one)]))).toBe(value)
    expect(value).toEqual({ list: [{ x: 1 }, { x: 3 }], other: { y: 1 } })
    expect(value.list).toBe(list)
    expect(touched.map(([one]) => one)).toEqual([value, list, list[1]])
    expect(touched.map(([, text]) => text)[2]).toBe('{"x":2}')
  })

  test('edits long arrays in few places, and makes them anew in many', () => {
    const elements = Array.from({ length: 50 }, (_, at) => at)
    const few = array(keep(0, 10), { type: 'insert', values: ['a', 'b'] }, keep(12, 30), {
      type: 'insert',
      values: ['c'],
    })
    const many = array(...elements.filter((at) => at % 2 === 0).map((at) => keep(at, 1)))
    const moved = array(keep(40, 10), { type: 'insert', values: ['x'] }, keep(0, 5))
    const twice = array({ type: 'insert', values: ['x'] }, { type: 'insert', values: ['y'] }, keep(0, 50))
    for (const patch of [few, many, moved, twice, array()]) {
      const undo = invertPatch(elements, patch)
      const after = applyPatch([...elements], cloneValue(patch) as Patch)
      expect(after).toEqual(naive(elements, patch))
      expect(applyPatch(after, undo)).toEqual(elements)
    }
  })

  test('takes fields from small objects and large ones', () => {
    for (const length of [3, 300]) {
      const value = Object.fromEntries(Array.from({ length }, (_, at) => [`k${at}`, at]))
      const patch = object({ removed: ['k1'], added: [['new', 1]] })
      const undo = invertPatch(value, patch)
      const after = applyPatch({ ...value }, patch)
      const { k1: _, ...rest } = value
      expect(difference(after, { ...rest, new: 1 })).toBeUndefined()
      expect(difference(applyPatch(after, undo), value)).toBeUndefined()
    }
  })

  test.each<[string, unknown, Patch]>([
    ['an object patch on an array', [], object({})],
    ['an object patch on bytes', Uint8Array.of(1), object({})],
    ['an array patch on an object', {}, array()],
    ['a text patch on a number', 1, { type: 'string', edits: [] }],
    ['a change of a field that is not there', {}, object({ changed: [['a', set(1)]] })],
    ['a change of an inherited field', {}, object({ changed: [['toString', set(1)]] })],
    ['a removal of a field that is not there', { b: 1 }, object({ removed: ['a'] })],
    ['a removal of a field twice', { a: 1 }, object({ removed: ['a', 'a'] })],
    ['a new field that is there', { a: 1 }, object({ added: [['a', 2]] })],
    [
      'a new field twice',
      { a: 1 },
      object({
        removed: ['a'],
        added: [
          ['b', 1],
          ['b', 2],
        ],
      }),
    ],
    [
      'an order that names a field twice',
      { a: 1, b: 2 },
      object({
        order: [
          [0, 1],
          [0, 1],
        ],
      }),
    ],
    ['an order that lacks a field', { a: 1, b: 2 }, object({ order: [[1, 1]] })],
    ['an order past the end', { a: 1, b: 2 }, object({ order: [[1, 2]] })],
    ['an element that is not there', [1], array(keep(0, 2))],
    ['an element before the first', [1], array(keep(-1, 1))],
    ['a part of an element', [1, 2], array(keep(0.5, 1))],
    ['an element twice', [1, 2], array(keep(0, 2), keep(1, 1))],
    ['an element changed and kept', [1, 2], array(keep(1, 1), { type: 'change', start: 1, patch: set(1) })],
    ['an edit past the end', 'abc', { type: 'string', edits: [{ start: 2, remove: 2, insert: '' }] }],
    ['edits that overlap', 'abc', { type: 'string', edits: [0, 1].map(() => ({ start: 0, remove: 2, insert: 'x' })) }],
    ['more numbers than places', [1, 2], { type: 'numbers', coding: 'set', values: [1] }],
    ['numbers for a text', ['1'], { type: 'numbers', coding: 'set', values: [1] }],
    ['places that descend', [1, 2], { type: 'numbers', coding: 'set', positions: [1, 0], values: [1, 2] }],
    ['a place past the end', [1, 2], { type: 'numbers', coding: 'set', positions: [2], values: [1] }],
    ['a bigint added to a number', [1], { type: 'numbers', coding: 'add', values: [1n] }],
    ['a sum that is not exact', [2 ** 53 - 1], { type: 'numbers', coding: 'add', values: [1] }],
    ['bits of a bigint', [1n], { type: 'numbers', coding: 'bits', values: BigUint64Array.of(1n) }],
  ])('refuses %s', (_, value, patch) => {
    const error = (action: () => unknown): unknown => {
      try {
        return action()
      } catch (cause) {
        return cause
      }
    }
    expect(error(() => applyPatch(cloneValue(value), cloneValue(patch) as Patch))).toMatchObject({
      code: 'DECODE_FAILED',
    })
    const inverted = error(() => invertPatch(value, patch))
    if (inverted instanceof Error) expect(inverted).toMatchObject({ code: 'DECODE_FAILED' })
  })
})

function naive(elements: readonly unknown[], patch: Patch): unknown[] {
  if (patch.type !== 'array') throw new Error('It is no patch of an array')
  return patch.runs.flatMap((run) =>
    run.type === 'insert' ? run.values : elements.slice(run.start, run.start + (run.type === 'keep' ? run.length : 1)),
  )
}
