/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sameValue } from '../../../src/codec/same-value.ts'
import { parseJsonValue, stringifyValue } from '../../../src/codec/values.ts'
import { eventsToJson, eventsToValue, jsonToEvents, valueToEvents } from '../../../src/document/events/conversions.ts'
import type { StructuralEvent } from '../../../src/document/types.ts'
import { anyValue } from './support/any-value.ts'
import { writeDocument } from './support/documents.ts'
import { concat } from './support/json-driver.ts'
import { closing, listed, slowly } from './support/sources.ts'

const BEGIN_OBJECT: StructuralEvent = { type: 'beginObject' }
const END_OBJECT: StructuralEvent = { type: 'endObject' }
const BEGIN_ARRAY: StructuralEvent = { type: 'beginArray' }
const END_ARRAY: StructuralEvent = { type: 'endArray' }

function value(of: string | number | null | undefined): StructuralEvent {
  return { type: 'value', value: of }
}

function key(text: string): StructuralEvent {
  return { type: 'key', key: text }
}

async function jsonOf(events: Iterable<StructuralEvent> | AsyncIterable<StructuralEvent>): Promise<string> {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(concat(await listed(eventsToJson(events))))
}

const STORED: readonly StructuralEvent[] = [
  BEGIN_OBJECT,
  key('kept'),
  value(1),
  key('dropped'),
  value(undefined),
  { type: 'intKey', key: -7 },
  BEGIN_ARRAY,
  value(undefined),
  { type: 'decimal', text: '1.50e400' },
  END_ARRAY,
  key('kept'),
  value('later'),
  END_OBJECT,
]

describe('conversions', () => {
  test('a value comes back from its events, whatever the value and the kind of source', async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, async (one) => {
        const events = [...valueToEvents(one)]
        expect(sameValue(await eventsToValue(events), one)).toBe(true)
        expect(sameValue(await eventsToValue(slowly(events)), one)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('events come back from their JSON text, and the text is that of the value', async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, async (one) => {
        const events = [...valueToEvents(one)]
        const text = await jsonOf(events)
        // Small bigints come back as numbers, as everywhere in the dialect.
        const read = parseJsonValue(text)
        expect(sameValue(read, parseJsonValue(stringifyValue(one)))).toBe(true)
        expect(await listed(jsonToEvents(new TextEncoder().encode(text)))).toEqual([...valueToEvents(read)])
        expect(await jsonOf(slowly(events))).toBe(text)
        const hasType = events.some((event) => event.type === 'key' && event.key === '$type')
        if (!hasType) expect(text).toBe(stringifyValue(one))
      }),
      { numRuns: 300 },
    )
  })

  test('what values and JSON lack becomes what documents show; of a key that is there twice the last one counts', async () => {
    const shown = { kept: 'later', '-7': [null, '1.50e400'] }
    expect(await eventsToValue(STORED)).toEqual(shown)
    expect(await jsonOf(STORED)).toBe('{"kept":1,"-7":[null,1.50e400],"kept":"later"}')
    expect(await eventsToValue([value(undefined)])).toBe(undefined)
    expect(await jsonOf([value(undefined)])).toBe('null')
  })

  test('what a document gives as events is what it gives as JSON text and as a value', async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, async (one) => {
        const written = await writeDocument({ events: [...valueToEvents(one)] })
        const document = await written.open()
        try {
          const events = await listed(document.events())
          expect(events).toEqual([...valueToEvents(one)])
          expect(await jsonOf(events)).toBe(new TextDecoder().decode(concat(await listed(document.json()))))
          expect(sameValue(await eventsToValue(document.events()), await document.read())).toBe(true)
        } finally {
          await document.close()
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a key named __proto__ is a key like others', async () => {
    const text = '{"__proto__":{"isAdmin":true}}'
    const built = (await eventsToValue(jsonToEvents(new TextEncoder().encode(text)))) as Record<string, unknown>
    expect(Object.keys(built)).toEqual(['__proto__'])
    expect(built.isAdmin).toBe(undefined)
    expect(await jsonOf(valueToEvents(built))).toBe(text)
  })
})

describe('valueToEvents()', () => {
  test('reads the value as its events are taken', () => {
    let reads = 0
    const rows = Array.from({ length: 100_000 }, (_, index) => ({
      get id(): number {
        reads++
        return index
      },
    }))
    let events = 0
    for (const _ of valueToEvents({ rows })) if (++events === 1_000) break
    expect(reads).toBeLessThan(1_000)
  })

  test('copies bytes and dates', () => {
    const original = { bytes: new Uint8Array([1, 2]), at: new Date(5) }
    const values = [...valueToEvents(original)].filter((event) => event.type === 'value').map((event) => event.value)
    expect(values).toEqual([original.bytes, original.at])
    expect(values[0]).not.toBe(original.bytes)
    expect(values[1]).not.toBe(original.at)
  })

  test('gives the events before what it refuses, and then says where that is', () => {
    const events: StructuralEvent[] = []
    const read = () => {
      for (const event of valueToEvents({ a: [1, new Map()] })) events.push(event)
    }
    expect(read).toThrow(
      expect.objectContaining({ code: 'VALUE_UNSUPPORTED', details: expect.objectContaining({ path: 'a[1]' }) }),
    )
    expect(events).toEqual([BEGIN_OBJECT, key('a'), BEGIN_ARRAY, value(1)])
  })

  test.each<[string, () => unknown, string]>([
    ['too deep', () => JSON.parse('['.repeat(1_025) + ']'.repeat(1_025)), 'DOCUMENT_LIMIT'],
    ['a key too long', () => ({ ['k'.repeat(65_537)]: 1 }), 'DOCUMENT_LIMIT'],
    [
      'a cycle',
      () => {
        const cycle: unknown[] = []
        cycle.push(cycle)
        return cycle
      },
      'VALUE_UNSUPPORTED',
    ],
  ])('refuses what is %s', (_, make, code) => {
    expect(() => [...valueToEvents(make())]).toThrow(expect.objectContaining({ code }))
  })
})

describe.each<[string, (events: Iterable<StructuralEvent> | AsyncIterable<StructuralEvent>) => Promise<unknown>]>([
  ['eventsToValue()', eventsToValue],
  ['eventsToJson()', jsonOf],
])('%s', (_, convert) => {
  test.each<[string, readonly StructuralEvent[], object]>([
    ['no events', [], { code: 'DOCUMENT_SEQUENCE', details: { expected: 'a value', path: '' } }],
    ['events that end too early', [BEGIN_ARRAY, value(1)], { code: 'DOCUMENT_SEQUENCE', details: { path: '[1]' } }],
    ['a second value', [value(1), value(2)], { code: 'DOCUMENT_SEQUENCE', details: { found: 'a value' } }],
    ['a value without a key', [BEGIN_OBJECT, value(2)], { code: 'DOCUMENT_SEQUENCE', details: { found: 'a value' } }],
    ['too many levels', new Array<StructuralEvent>(1_025).fill(BEGIN_ARRAY), { code: 'DOCUMENT_LIMIT' }],
    ['a value of another type', [{ type: 'value', value: {} } as never], { code: 'VALUE_UNSUPPORTED' }],
  ])('refuses %s', async (_name, events, error) => {
    await expect(convert(events)).rejects.toMatchObject(error)
    await expect(convert(slowly(events))).rejects.toMatchObject(error)
  })

  test('closes a source that it refuses, and passes on what a source throws', async () => {
    const bad = [BEGIN_ARRAY, key('a'), value(1), END_ARRAY]
    for (const isSlow of [false, true]) {
      const source = closing(bad)
      await expect(convert(isSlow ? source.slowly : source.items)).rejects.toMatchObject({ code: 'DOCUMENT_SEQUENCE' })
      expect(source.state).toEqual({ taken: 2, isClosed: true })
    }
    async function* failing(): AsyncGenerator<StructuralEvent> {
      yield* slowly([BEGIN_ARRAY])
      throw new Error('the line is cut')
    }
    await expect(convert(failing())).rejects.toThrow('the line is cut')
  })
})

describe('eventsToJson()', () => {
  const ROWS = 40_000

  function* rows(): Generator<StructuralEvent> {
    yield BEGIN_ARRAY
    for (let row = 0; row < ROWS; row++)
      yield* [BEGIN_OBJECT, key('id'), value(row), key('gone'), value(undefined), END_OBJECT]
    yield END_ARRAY
  }

  test('gives pieces of at most 64 KiB while events come, and what is in them stays', async () => {
    const source = closing(rows())
    const pieces: Uint8Array[] = []
    const taken: number[] = []
    for await (const piece of eventsToJson(source.items)) {
      pieces.push(piece)
      taken.push(source.state.taken)
    }
    expect(pieces.length).toBeGreaterThan(5)
    for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(65_536)
    expect(taken[0]).toBeLessThan((ROWS * 6) / 3)
    const text = new TextDecoder().decode(concat(pieces))
    expect(text).toBe(JSON.stringify(Array.from({ length: ROWS }, (_, id) => ({ id }))))
  })

  test.each([false, true])('closes its source when the loop is left (a slow source: %s)', async (isSlow) => {
    const source = closing(rows())
    for await (const _ of eventsToJson(isSlow ? source.slowly : source.items)) break
    expect(source.state.isClosed).toBe(true)
    expect(source.state.taken).toBeLessThan((ROWS * 6) / 3)
  })

  test('keeps a key that waits for its value, however long both are', async () => {
    const long = 'k'.repeat(60_000)
    const object = { [long]: 'v'.repeat(1_000_000), [`${long}2`]: [long], [`${long}3`]: undefined }
    const events = Object.entries(object).flatMap(([name, field]): StructuralEvent[] =>
      Array.isArray(field) ? [key(name), BEGIN_ARRAY, value(long), END_ARRAY] : [key(name), value(field)],
    )
    expect(await jsonOf([BEGIN_OBJECT, ...events, END_OBJECT])).toBe(JSON.stringify(object))
  })
})
