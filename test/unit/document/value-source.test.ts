/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pumpValue } from '../../../src/document/events/value-source.ts'
import { difference } from '../../support/same-value.ts'
import { anyValue } from './support/any-value.ts'
import { RecordingOutput } from './support/recording-output.ts'

async function pumped(value: unknown, fullEvery?: number): Promise<RecordingOutput> {
  const output = fullEvery === undefined ? new RecordingOutput() : new RecordingOutput({ fullEvery })
  await pumpValue(output, value)
  expect(output.done).toBe(true)
  return output
}

function nested(levels: number, leaf: unknown = 1): unknown {
  let value: unknown = leaf
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { a: 0, in: value, z: 1 } : [0, value, 1]
  return value
}

describe('pumpValue()', () => {
  test('writes every value of the table, wherever it is paused', async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, fc.integer({ min: 1, max: 9 }), async (value, fullEvery) => {
        const whole = await pumped(value)
        expect(difference(whole.value, value)).toBeUndefined()
        const paused = await pumped(value, fullEvery)
        expect(paused.events).toEqual(whole.events)
      }),
      { numRuns: 300 },
    )
  })

  test('goes on behind each pause, also in wide and deep containers', async () => {
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${index}`, { index, list: [index] }]))
    const value = { wide, deep: nested(1_000), list: Array.from({ length: 500 }, (_, index) => `s${index}`) }
    for (const fullEvery of [1, 2, 3, 7, 100]) {
      const output = await pumped(value, fullEvery)
      expect(difference(output.value, value)).toBeUndefined()
      expect(output.drains).toBeGreaterThan(2)
    }
  })

  test('leaves out fields that are undefined and writes an undefined root as null', async () => {
    expect((await pumped({ a: undefined, b: 1, c: { toJSON: () => undefined } })).value).toEqual({ b: 1 })
    expect((await pumped(undefined)).value).toBe(null)
    expect((await pumped({ toJSON: () => undefined })).value).toBe(null)
  })

  test('applies toJSON once with the key, at the root too', async () => {
    const keys: string[] = []
    class Order {
      toJSON(key: string) {
        keys.push(key)
        return { order: key }
      }
    }
    const value = { one: new Order(), list: [0, new Order()] }
    expect((await pumped(value)).value).toEqual({ one: { order: 'one' }, list: [0, { order: '1' }] })
    expect((await pumped(new Order())).value).toEqual({ order: '' })
    expect(keys).toEqual(['one', '1', ''])
  })

  test('writes own fields only, of objects without a prototype too', async () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1, __proto__x: 2 })
    Object.defineProperty(bare, 'hidden', { value: 1, enumerable: false })
    expect((await pumped({ bare })).value).toEqual({ bare: { a: 1, __proto__x: 2 } })
    try {
      Object.assign(Object.prototype, { inherited: 1 })
      expect(Object.keys((await pumped({ a: { b: 1 } })).value as object)).toEqual(['a'])
    } finally {
      delete (Object.prototype as { inherited?: number }).inherited
    }
  })

  test('reads every property once', async () => {
    let reads = 0
    const value = {
      get field() {
        reads++
        return [reads]
      },
    }
    expect((await pumped(value)).value).toEqual({ field: [1] })
  })

  const thrower = {
    get bad(): number {
      throw new Error('own')
    },
  }
  test.each<[string, unknown, { path: string; found: string }]>([
    ['a Map', { a: [new Map()] }, { path: 'a[0]', found: 'an object of type Map' }],
    ['a class', [new (class Order {})()], { path: '[0]', found: 'an instance of Order' }],
    ['a function', { a: { f: () => 1 } }, { path: 'a.f', found: 'a function' }],
    ['a symbol', { s: Symbol('s') }, { path: 's', found: 'a symbol' }],
    ['another typed array', { a: new Uint16Array(1) }, { path: 'a', found: 'an object of type Uint16Array' }],
    ['an invalid Date', { at: new Date(Number.NaN) }, { path: 'at', found: 'an invalid Date' }],
    ['undefined in an array', { a: [1, undefined] }, { path: 'a[1]', found: 'undefined' }],
    // biome-ignore lint/suspicious/noSparseArray: that is the case
    ['a hole', { a: [1, , 2] }, { path: 'a[1]', found: 'a hole' }],
    ['toJSON to nothing in an array', [{ toJSON: () => undefined }], { path: '[0]', found: 'undefined' }],
    ['an array of a subclass', [new (class extends Array {})()], { path: '[0]', found: 'an array of a subclass' }],
    ['own code that throws', { a: thrower }, { path: 'a', found: 'a value whose own code throws' }],
    [
      'a toJSON that throws',
      {
        a: {
          toJSON() {
            throw new Error('own')
          },
        },
      },
      { path: 'a', found: 'a toJSON that throws' },
    ],
  ])('refuses %s with its path', async (_, value, details) => {
    for (const fullEvery of [1, 100]) {
      await expect(pumped(value, fullEvery)).rejects.toMatchObject({
        code: 'VALUE_UNSUPPORTED',
        details,
      })
    }
  })

  test('refuses cycles of any length, and depth past the limit', async () => {
    for (const length of [1, 2, 20, 1_000]) {
      const end: Record<string, unknown> = {}
      const start = nested(length - 1, end)
      end.again = start
      await expect(pumped(start, 50)).rejects.toMatchObject({
        code: 'VALUE_UNSUPPORTED',
        details: { found: 'a cycle' },
      })
    }
    await pumped(nested(1_024))
    await expect(pumped(nested(1_025))).rejects.toMatchObject({ code: 'DOCUMENT_LIMIT' })
    await expect(pumped(nested(1_000_000))).rejects.toMatchObject({ code: 'DOCUMENT_LIMIT' })
  })

  test('writes a container twice that is there twice', async () => {
    const shared = { a: [1] }
    expect((await pumped({ one: shared, two: [shared, shared] })).value).toEqual({ one: shared, two: [shared, shared] })
  })

  test('rejects with the reason of its signal at the next drain', async () => {
    const abort = new AbortController()
    class Aborting extends RecordingOutput {
      override drain(): Promise<void> {
        abort.abort(new Error('enough'))
        return super.drain()
      }
    }
    const output = new Aborting({ fullEvery: 2 })
    await expect(pumpValue(output, [1, 2, 3, 4, 5, 6], { signal: abort.signal })).rejects.toThrow('enough')
    expect(output.drains).toBe(1)
    await expect(pumpValue(new RecordingOutput(), 1, { signal: abort.signal })).rejects.toThrow('enough')
  })
})
