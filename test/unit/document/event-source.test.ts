/** @module */
import { describe, expect, test } from 'vitest'
import { pumpEvents } from '../../../src/document/events/source.ts'
import type { StructuralEvent } from '../../../src/document/types.ts'
import { RecordingOutput } from './support/recording-output.ts'

const EVENTS: readonly StructuralEvent[] = [
  { type: 'beginObject' },
  { type: 'key', key: 'scalars' },
  { type: 'beginArray' },
  ...[null, true, 1.5, 2n ** 70n, 'ü', new Uint8Array([1]), new Date(-5), undefined].map(
    (value): StructuralEvent => ({ type: 'value', value }),
  ),
  { type: 'decimal', text: '-1.50e+3' },
  { type: 'endArray' },
  { type: 'intKey', key: -7 },
  { type: 'value', value: '' },
  { type: 'endObject' },
]

async function* slowly<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item)
}

describe('pumpEvents()', () => {
  test.each([1, 3, 100])(
    'writes events as they are, from either kind of source, paused every %d',
    async (fullEvery) => {
      for (const source of [EVENTS, slowly(EVENTS)]) {
        const output = new RecordingOutput({ fullEvery })
        await pumpEvents(output, source)
        expect(output.events).toEqual(EVENTS)
        expect(output.drains).toBe(Math.floor(EVENTS.length / fullEvery))
      }
    },
  )

  test('takes integer keys of -0 for 0', async () => {
    const output = new RecordingOutput()
    await pumpEvents(output, [{ type: 'beginObject' }, { type: 'intKey', key: -0 }, { type: 'value', value: 1 }])
    expect(output.events[1]).toStrictEqual({ type: 'intKey', key: 0 })
  })

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a word', 'beginObject'],
    ['an unknown type', { type: 'comment' }],
    ['a key that is none', { type: 'key', key: 1 }],
    ['an integer key that is none', { type: 'intKey', key: 1.5 }],
    ['an integer key too large', { type: 'intKey', key: 2 ** 53 }],
    ['an integer key of text', { type: 'intKey', key: '1' }],
    ['a decimal with a plus', { type: 'decimal', text: '+1' }],
    ['a decimal with a zero in front', { type: 'decimal', text: '01' }],
    ['a decimal of hex', { type: 'decimal', text: '0x1' }],
    ['a decimal with a line', { type: 'decimal', text: '1\n' }],
    ['a decimal that is a number', { type: 'decimal', text: 1 }],
  ])('refuses %s', async (_, event) => {
    const source = [{ type: 'beginArray' }, event] as StructuralEvent[]
    await expect(pumpEvents(new RecordingOutput(), source)).rejects.toMatchObject({
      code: 'DOCUMENT_SEQUENCE',
      details: { path: '[0]', expected: 'a structural event' },
    })
  })

  test.each<[string, unknown, string]>([
    ['an array', [], 'an object of type Array'],
    ['an object', {}, 'an instance of Object'],
    ['a function', () => 1, 'a function'],
    ['a Map', new Map(), 'an object of type Map'],
    ['an invalid Date', new Date(Number.NaN), 'an invalid Date'],
  ])('refuses %s for a scalar', async (_, value) => {
    const source = [{ type: 'beginArray' }, { type: 'value', value }] as StructuralEvent[]
    await expect(pumpEvents(new RecordingOutput(), source)).rejects.toMatchObject({
      code: 'VALUE_UNSUPPORTED',
      details: { path: '[0]' },
    })
  })

  test('leaves the order of events to the output and closes its source when that refuses', async () => {
    let isClosed = false
    async function* source(): AsyncGenerator<StructuralEvent> {
      try {
        yield* slowly<StructuralEvent>([{ type: 'beginArray' }, { type: 'key', key: 'a' }, { type: 'endArray' }])
      } finally {
        isClosed = true
      }
    }
    await expect(pumpEvents(new RecordingOutput(), source())).rejects.toMatchObject({ code: 'DOCUMENT_SEQUENCE' })
    expect(isClosed).toBe(true)
  })

  test('rejects with the reason of its signal at the next drain', async () => {
    const abort = new AbortController()
    abort.abort(new Error('enough'))
    await expect(pumpEvents(new RecordingOutput(), EVENTS, { signal: abort.signal })).rejects.toThrow('enough')
    const later = new AbortController()
    async function* source(): AsyncGenerator<StructuralEvent> {
      yield* slowly(EVENTS.slice(0, 3))
      later.abort(new Error('enough'))
      yield* slowly(EVENTS.slice(3))
    }
    const output = new RecordingOutput({ fullEvery: 2 })
    await expect(pumpEvents(output, source(), { signal: later.signal })).rejects.toThrow('enough')
    expect(output.events.length).toBeLessThanOrEqual(4)
  })

  test('rejects with the reason of its signal while a source gives nothing any more', async () => {
    const abort = new AbortController()
    let isClosed = false
    const stalled: AsyncIterable<StructuralEvent> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: async () => {
          isClosed = true
          return { done: true, value: undefined }
        },
      }),
    }
    const pumped = pumpEvents(new RecordingOutput(), stalled, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(pumped).rejects.toThrow('enough')
    expect(isClosed).toBe(true)
  })
})
