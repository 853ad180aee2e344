/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { valueToEvents } from '../../../src/document/events/conversions.ts'
import { EventSequence } from '../../../src/document/events/sequence.ts'
import { Path, type Step } from '../../../src/document/path/path.ts'
import type { StructuralEvent } from '../../../src/document/types.ts'
import { isVarveError } from '../../../src/errors.ts'
import { anyValue } from './support/any-value.ts'
import { writeDocument } from './support/documents.ts'

const BEGIN_OBJECT: StructuralEvent = { type: 'beginObject' }
const END_OBJECT: StructuralEvent = { type: 'endObject' }
const BEGIN_ARRAY: StructuralEvent = { type: 'beginArray' }
const END_ARRAY: StructuralEvent = { type: 'endArray' }
const ONE: StructuralEvent = { type: 'value', value: 1 }

function key(text: string): StructuralEvent {
  return { type: 'key', key: text }
}

function taken(events: Iterable<StructuralEvent>): EventSequence {
  const sequence = new EventSequence()
  for (const event of events) sequence.next(event)
  return sequence
}

function refusal(action: () => void): unknown {
  try {
    action()
  } catch (error) {
    if (isVarveError(error)) return { code: error.code, details: error.details }
    throw error
  }
  return undefined
}

function stateOf(sequence: EventSequence): unknown {
  const { path, nextPath, depth, isComplete } = sequence
  return { path, nextPath, depth, isComplete }
}

/** Paths of the values that the events of `value` belong to, one for each event. */
function pathsOf(value: unknown, steps: readonly Step[] = []): string[] {
  const path = Path.of(steps).toString()
  if (Array.isArray(value)) {
    return [path, ...value.flatMap((one, index) => pathsOf(one, [...steps, { type: 'index', index }])), path]
  }
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return [path]
  const fields = Object.entries(value).flatMap(([name, field]) => {
    const paths = pathsOf(field, [...steps, { type: 'field', key: name }])
    return [paths[0] as string, ...paths]
  })
  return [path, ...fields, path]
}

describe('EventSequence', () => {
  test('knows path, next path and depth after each event', () => {
    const events: readonly (readonly [StructuralEvent, string, string, number])[] = [
      [BEGIN_OBJECT, '', '', 1],
      [key('a b'), '"a b"', '"a b"', 1],
      [BEGIN_ARRAY, '"a b"', '"a b"[0]', 2],
      [ONE, '"a b"[0]', '"a b"[1]', 2],
      [{ type: 'decimal', text: '1.0' }, '"a b"[1]', '"a b"[2]', 2],
      [BEGIN_OBJECT, '"a b"[2]', '"a b"[2]', 3],
      [END_OBJECT, '"a b"[2]', '"a b"[3]', 2],
      [END_ARRAY, '"a b"', '', 1],
      [{ type: 'intKey', key: -7 }, '{-7}', '{-7}', 1],
      [ONE, '{-7}', '', 1],
      [{ type: 'intKey', key: -0 }, '{0}', '{0}', 1],
      [BEGIN_ARRAY, '{0}', '{0}[0]', 2],
      [END_ARRAY, '{0}', '', 1],
      [END_OBJECT, '', '', 0],
    ]
    const sequence = new EventSequence()
    expect(stateOf(sequence)).toEqual({ path: '', nextPath: '', depth: 0, isComplete: false })
    for (const [event, path, nextPath, depth] of events) {
      sequence.next(event)
      expect(stateOf(sequence)).toEqual({ path, nextPath, depth, isComplete: depth === 0 })
    }
    sequence.end()
  })

  test('has the path of every value, whatever the value', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const sequence = new EventSequence()
        const paths: string[] = []
        for (const event of valueToEvents(value)) {
          sequence.next(event)
          paths.push(sequence.path)
        }
        expect(paths).toEqual(pathsOf(value))
        expect(sequence.isComplete).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test.each<[readonly StructuralEvent[], StructuralEvent, string, string, string]>([
    [[], key('a'), 'a key', 'a value', ''],
    [[], { type: 'intKey', key: 1 }, 'a key', 'a value', ''],
    [[], END_OBJECT, 'the end of an object', 'a value', ''],
    [[], END_ARRAY, 'the end of an array', 'a value', ''],
    [[BEGIN_OBJECT], ONE, 'a value', 'a key or the end of an object', ''],
    [[BEGIN_OBJECT], { type: 'decimal', text: '1' }, 'a value', 'a key or the end of an object', ''],
    [[BEGIN_OBJECT], BEGIN_ARRAY, 'an array', 'a key or the end of an object', ''],
    [[BEGIN_OBJECT], END_ARRAY, 'the end of an array', 'a key or the end of an object', ''],
    [[BEGIN_OBJECT, key('a')], key('b'), 'a key', 'a value', 'a'],
    [[BEGIN_OBJECT, key('a')], END_OBJECT, 'the end of an object', 'a value', 'a'],
    [[BEGIN_OBJECT, key('a'), ONE], BEGIN_OBJECT, 'an object', 'a key or the end of an object', ''],
    [[BEGIN_ARRAY, ONE], key('a'), 'a key', 'a value or the end of an array', '[1]'],
    [[BEGIN_ARRAY, ONE], END_OBJECT, 'the end of an object', 'a value or the end of an array', '[1]'],
    [[ONE], ONE, 'a value', 'the end of the document', ''],
    [[ONE], BEGIN_OBJECT, 'an object', 'the end of the document', ''],
    [[BEGIN_OBJECT, END_OBJECT], key('a'), 'a key', 'the end of the document', ''],
    [[BEGIN_OBJECT, END_OBJECT], END_OBJECT, 'the end of an object', 'the end of the document', ''],
    [[BEGIN_OBJECT, END_OBJECT], ONE, 'a value', 'the end of the document', ''],
    [[BEGIN_ARRAY, END_ARRAY], END_ARRAY, 'the end of an array', 'the end of the document', ''],
  ])('after %j refuses %j', (events, event, found, expected, path) => {
    const sequence = taken(events)
    const before = stateOf(sequence)
    expect(refusal(() => sequence.next(event))).toEqual({
      code: 'DOCUMENT_SEQUENCE',
      details: { found, expected, path },
    })
    expect(stateOf(sequence)).toEqual(before)
  })

  test('refuses what is no event, and values outside of the table', () => {
    const sequence = taken([BEGIN_ARRAY])
    for (const event of [undefined, null, 'value', {}, { type: 'key', key: 1 }, { type: 'decimal', text: '01' }]) {
      expect(() => sequence.next(event as StructuralEvent)).toThrow(
        expect.objectContaining({ code: 'DOCUMENT_SEQUENCE', details: expect.objectContaining({ path: '[0]' }) }),
      )
    }
    for (const value of [[], {}, Symbol('s'), () => 1, new Date(Number.NaN)]) {
      expect(() => sequence.next({ type: 'value', value } as StructuralEvent)).toThrow(
        expect.objectContaining({ code: 'VALUE_UNSUPPORTED' }),
      )
    }
    sequence.next(END_ARRAY)
    sequence.end()
  })

  test.each<[string, readonly StructuralEvent[], string]>([
    ['without events', [], 'a value'],
    ['in an array', [BEGIN_ARRAY], 'a value or the end of an array'],
    ['behind a key', [BEGIN_OBJECT, key('a')], 'a value'],
  ])('end() refuses to be %s', (_, events, expected) => {
    expect(refusal(() => taken(events).end())).toMatchObject({
      code: 'DOCUMENT_SEQUENCE',
      details: { found: 'the end of the document', expected },
    })
  })

  test('follows 1,024 containers inside each other, and refuses one more', () => {
    const sequence = taken(new Array<StructuralEvent>(1_024).fill(BEGIN_ARRAY))
    expect(refusal(() => sequence.next(BEGIN_OBJECT))).toMatchObject({
      code: 'DOCUMENT_LIMIT',
      details: { limitName: 'depth', limit: 1_024, found: 1_025 },
    })
    sequence.next(ONE)
    for (let depth = 1_024; depth > 0; depth--) sequence.next(END_ARRAY)
    expect(sequence.isComplete).toBe(true)
  })

  test.each(['k', 'é', '€', '\uD800'])('takes keys of 64 KiB of %j, and refuses longer ones', (unit) => {
    const sizeBytes = unit === '\uD800' ? 3 : new TextEncoder().encode(unit).length
    const longest = unit.repeat(65_536 / sizeBytes) + 'x'.repeat(65_536 % sizeBytes)
    taken([BEGIN_OBJECT, key(longest), ONE, END_OBJECT])
    const sequence = taken([BEGIN_OBJECT])
    const error = refusal(() => sequence.next(key(`${longest}x`)))
    expect(error).toMatchObject({ code: 'DOCUMENT_LIMIT', details: { limitName: 'keyBytes', found: 65_537 } })
    sequence.next(END_OBJECT)
  })

  test('takes scalars of 256 MiB, and refuses larger ones', () => {
    const sequence = taken([BEGIN_ARRAY, { type: 'value', value: new Uint8Array(268_435_456) }])
    expect(refusal(() => sequence.next({ type: 'value', value: new Uint8Array(268_435_457) }))).toEqual({
      code: 'DOCUMENT_LIMIT',
      details: { limitName: 'scalarBytes', limit: 268_435_456, found: 268_435_457, path: '[1]' },
    })
  })

  // Goal: what is taken here can be stored, and what is refused here is refused there, in the same words.
  // Method: random events, most of them sensible ones; a document is written of the same.
  test('refuses what documents refuse', async () => {
    const anyEvent: fc.Arbitrary<StructuralEvent> = fc.oneof(
      fc.constantFrom<StructuralEvent>(BEGIN_OBJECT, END_OBJECT, BEGIN_ARRAY, END_ARRAY),
      fc.constantFrom<StructuralEvent>(
        ONE,
        key('a'),
        key(''),
        key('ü €'),
        { type: 'intKey', key: 3 },
        { type: 'decimal', text: '0.10' },
      ),
      fc.constantFrom(key('€'.repeat(21_846)), { type: 'comment' } as never, { type: 'value', value: [] } as never),
    )
    const sensible = fc.array(fc.tuple(fc.nat(5), fc.nat(20)), { maxLength: 40 }).map(sensibleEvents)
    const hostile = fc.oneof(
      fc.array(anyEvent, { maxLength: 8 }),
      fc.tuple(sensible, fc.nat(40), anyEvent).map(([events, at, event]) => events.toSpliced(at, 0, event)),
      fc.tuple(sensible, fc.nat(40)).map(([events, at]) => events.toSpliced(at, 1)),
    )
    await fc.assert(
      fc.asyncProperty(hostile, async (events) => {
        const here = refusal(() => taken(events).end())
        const there = await writeDocument({ events }).then(
          () => undefined,
          (error: unknown) => refusal(() => thrown(error)),
        )
        expect(here).toEqual(there)
      }),
      { numRuns: 400 },
    )
  })
})

function thrown(error: unknown): never {
  throw error
}

/** Events that may follow each other, and end. */
function sensibleEvents(choices: readonly (readonly [number, number])[]): StructuralEvent[] {
  const events: StructuralEvent[] = [BEGIN_ARRAY]
  const open: StructuralEvent[] = [END_ARRAY]
  for (const [choice, number] of choices) {
    const isEnd = choice === 0 && open.length > 1
    if (isEnd) {
      events.push(open.pop() as StructuralEvent)
      continue
    }
    if (open.at(-1) === END_OBJECT) events.push(number % 2 === 0 ? key(`k${number}`) : { type: 'intKey', key: number })
    const isArray = choice === 1
    if (choice > 2) events.push(ONE)
    else {
      events.push(isArray ? BEGIN_ARRAY : BEGIN_OBJECT)
      open.push(isArray ? END_ARRAY : END_OBJECT)
    }
  }
  return [...events, ...open.reverse()]
}
