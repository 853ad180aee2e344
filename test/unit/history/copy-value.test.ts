/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cloneValue, copyValue } from '../../../src/history/patch/copy-value.ts'
import { difference } from '../../support/same-value.ts'
import { anyValue } from '../document/support/any-value.ts'
import { containersOf } from './support/exact.ts'

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { in: value } : [0, value]
  return value
}

function errorOf(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    return error
  }
}

describe('copyValue()', () => {
  test('copies every value of the table and shares nothing with it', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        for (const copied of [copyValue(value), cloneValue(value)]) {
          expect(difference(copied, value)).toBeUndefined()
          const own = containersOf(copied, new Set())
          for (const container of containersOf(value, new Set())) expect(own.has(container)).toBe(false)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('leaves out fields that are undefined, applies toJSON with its key, and makes an undefined root null', () => {
    const keys: string[] = []
    class Order {
      toJSON(key: string) {
        keys.push(key)
        return { order: key, none: undefined }
      }
    }
    const value = { a: undefined, one: new Order(), list: [new Order()], gone: { toJSON: () => undefined } }
    expect(copyValue(value)).toStrictEqual({ one: { order: 'one' }, list: [{ order: '0' }] })
    expect(copyValue(new Order())).toStrictEqual({ order: '' })
    expect(keys).toEqual(['one', '0', ''])
    expect(copyValue(undefined)).toBe(null)
    expect(copyValue({ toJSON: () => undefined })).toBe(null)
  })

  test('makes objects without a prototype, buffers of a subclass and inherited fields plain', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 })
    class Bytes extends Uint8Array {}
    const copied = copyValue({ bare, bytes: Bytes.of(1, 2) }) as { bare: object; bytes: Uint8Array }
    expect(difference(copied, { bare: { a: 1 }, bytes: Uint8Array.of(1, 2) })).toBeUndefined()
    try {
      Object.assign(Object.prototype, { inherited: 1 })
      expect(Object.keys(copyValue({ b: 1 }) as object)).toEqual(['b'])
      expect(Object.keys(cloneValue({ b: 1 }) as object)).toEqual(['b'])
    } finally {
      delete (Object.prototype as { inherited?: number }).inherited
    }
  })

  test('takes as many levels as a document has, and no more', () => {
    expect(difference(copyValue(nested(1_024)), nested(1_024))).toBeUndefined()
    expect(errorOf(() => copyValue(nested(1_025)))).toMatchObject({
      code: 'DOCUMENT_LIMIT',
      details: { limitName: 'depth', limit: 1_024, found: 1_025 },
    })
  })

  test('refuses keys past 64 KiB with their path', () => {
    const key = 'é'.repeat(32_768)
    expect(Object.keys(copyValue({ [key]: 1 }) as object)).toEqual([key])
    expect(errorOf(() => copyValue({ a: { [`${key}x`]: 1 } }))).toMatchObject({
      code: 'DOCUMENT_LIMIT',
      details: { limitName: 'keyBytes', found: 65_537 },
    })
  })

  const cycle: { inside: unknown[] } = { inside: [] }
  cycle.inside.push(cycle)
  const thrower = {
    get bad(): number {
      throw new Error('own')
    },
  }
  test.each<[string, unknown, { path?: string; found: string }]>([
    ['a Map', { a: [new Map()] }, { path: 'a[0]', found: 'an object of type Map' }],
    ['a class', [new (class Order {})()], { path: '[0]', found: 'an instance of Order' }],
    ['a function', { a: { f: () => 1 } }, { path: 'a.f', found: 'a function' }],
    ['a symbol', { s: Symbol('s') }, { path: 's', found: 'a symbol' }],
    ['another typed array', { a: new Uint16Array(1) }, { path: 'a', found: 'an object of type Uint16Array' }],
    ['an invalid Date', { at: new Date(Number.NaN) }, { path: 'at', found: 'an invalid Date' }],
    ['undefined in an array', { a: [1, undefined] }, { path: 'a[1]', found: 'undefined' }],
    ['a hole', { a: new Array(1) }, { path: 'a[0]', found: 'a hole' }],
    ['a cycle', cycle, { found: 'a cycle' }],
    ['own code that throws', { a: thrower }, { path: 'a', found: 'a value whose own code throws' }],
  ])('refuses %s with its path', (_, value, details) => {
    expect(errorOf(() => copyValue(value))).toMatchObject({ code: 'VALUE_UNSUPPORTED', details })
  })
})
