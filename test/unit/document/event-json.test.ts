/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonValue, stringifyValue } from '../../../src/codec/values.ts'
import { jsonToEvents, valueToEvents } from '../../../src/document/events/conversions.ts'
import type { StructuralEvent } from '../../../src/document/types.ts'
import { anyValue } from './support/any-value.ts'
import { cutAt, cutEvery, utf8 } from './support/json-chunks.ts'
import { closing, slowly } from './support/sources.ts'

interface Read {
  readonly events: readonly StructuralEvent[]
  readonly error?: unknown
}

/** All events, and what came behind them. */
async function readAll(source: AsyncIterable<StructuralEvent>): Promise<Read> {
  const events: StructuralEvent[] = []
  try {
    for await (const event of source) events.push(event)
    return { events }
  } catch (error) {
    return { events, error }
  }
}

const places = fc.array(fc.nat(400), { maxLength: 20 })

describe('jsonToEvents()', () => {
  test('gives the events of the value, however the text is cut', async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, places, async (value, at) => {
        const text = stringifyValue(value)
        const events = [...valueToEvents(parseJsonValue(text))]
        const chunks = cutAt(utf8(text), at)
        expect(await readAll(jsonToEvents(chunks))).toEqual({ events })
        expect(await readAll(jsonToEvents(slowly(chunks)))).toEqual({ events })
      }),
      { numRuns: 200 },
    )
  })

  // Method: a valid text in which one byte is another one, or is missing.
  test('gives the same events and the same error, however damaged text is cut', async () => {
    let texts = 0
    let refused = 0
    await fc.assert(
      fc.asyncProperty(anyValue, places, fc.nat(), fc.nat(255), async (value, at, place, byte) => {
        texts++
        const bytes = utf8(stringifyValue(value))
        bytes[place % bytes.length] = byte
        const whole = await readAll(jsonToEvents(bytes))
        expect(await readAll(jsonToEvents(cutAt(bytes, at)))).toEqual(whole)
        if (whole.error === undefined) return
        refused++
        expect(whole.error).toMatchObject({ code: expect.stringMatching(/^(?:JSON_INVALID|DOCUMENT_LIMIT)$/) })
      }),
      { numRuns: 300 },
    )
    expect(refused).toBeGreaterThan(texts / 10)
  })

  test('gives events as soon as their chunk was read, and reads no further than is asked', async () => {
    const source = closing(['{"a":[1,', ' ', '2', ',3]', '}'].map(utf8))
    const events = jsonToEvents(source.slowly)
    const seen: [string, number][] = []
    for await (const event of events) seen.push([event.type, source.state.taken])
    expect(seen).toEqual([
      ['beginObject', 1],
      ['key', 1],
      ['beginArray', 1],
      ['value', 1],
      ['value', 4],
      ['value', 4],
      ['endArray', 4],
      ['endObject', 5],
    ])
    expect(source.state.isClosed).toBe(true)
  })

  test('takes large chunks piece by piece', async () => {
    const bytes = utf8(`[${'1,'.repeat(500_000)}1]`)
    let events = 0
    for await (const _ of jsonToEvents(bytes)) events++
    expect(events).toBe(500_003)
  })

  test('reads nothing before the first event is asked for', async () => {
    const source = closing([utf8('1')])
    await jsonToEvents(source.items).return()
    expect(source.state.taken).toBe(0)
  })

  test('closes its source when the loop is left, whatever kind it is', async () => {
    const endless = (): Iterable<Uint8Array> => ({
      *[Symbol.iterator]() {
        yield utf8('[0')
        for (;;) yield utf8(',1')
      },
    })
    for (const isSlow of [false, true]) {
      const source = closing(endless())
      for await (const event of jsonToEvents(isSlow ? source.slowly : source.items)) {
        if (event.type === 'value' && event.value === 1) break
      }
      // A number ends with what comes behind it.
      expect(source.state).toEqual({ taken: 3, isClosed: true })
    }
    let cancelled = false
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(utf8('[')),
      cancel: () => {
        cancelled = true
      },
    })
    for await (const _ of jsonToEvents(stream)) break
    expect(cancelled).toBe(true)
  })

  test('gives the events before an error, then the error, then nothing', async () => {
    const source = closing(cutEvery(utf8('{"a": [1, x]}'), 3))
    const events = jsonToEvents(source.items)
    const read = await readAll(events)
    expect(read.events.map(({ type }) => type)).toEqual(['beginObject', 'key', 'beginArray', 'value'])
    expect(read.error).toMatchObject({ code: 'JSON_INVALID', details: { position: 10, line: 1, column: 11 } })
    expect(source.state.isClosed).toBe(true)
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  test('passes on what the source throws, and refuses one that is no bytes', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield utf8('[1')
      throw new Error('the line is cut')
    }
    const read = await readAll(jsonToEvents(failing()))
    expect(read).toMatchObject({ events: [{ type: 'beginArray' }], error: new Error('the line is cut') })
    expect((await readAll(jsonToEvents('[1]' as never))).error).toMatchObject({ code: 'OPTION_INVALID' })
  })

  test('refuses numbers that a number cannot hold, if asked', async () => {
    const text = utf8('[0.1, 0.12345678901234567890]')
    expect(await readAll(jsonToEvents(text))).toMatchObject({ events: { length: 4 } })
    const { events, error } = await readAll(jsonToEvents(text, { exactNumbers: 'refuse' }))
    expect(events.length).toBe(2)
    expect(error).toMatchObject({ code: 'JSON_INVALID' })
  })

  test('rejects with the reason of its signal: before, between chunks, and while a chunk is awaited', async () => {
    const aborted = AbortSignal.abort(new Error('enough'))
    const untouched = closing([utf8('1')])
    expect(await readAll(jsonToEvents(untouched.items, { signal: aborted }))).toEqual({
      events: [],
      error: new Error('enough'),
    })
    expect(untouched.state.taken).toBe(0)

    const abort = new AbortController()
    const source = closing(['[1', ',2', ',3]'].map(utf8))
    const events: StructuralEvent[] = []
    const read = async () => {
      for await (const event of jsonToEvents(source.slowly, { signal: abort.signal })) {
        events.push(event)
        abort.abort(new Error('enough'))
      }
    }
    await expect(read()).rejects.toThrow('enough')
    expect(events.length).toBe(1)
    expect(source.state.isClosed).toBe(true)

    const later = new AbortController()
    const stalled = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }
    const waiting = readAll(jsonToEvents(stalled, { signal: later.signal }))
    later.abort(new Error('enough'))
    expect((await waiting).error).toEqual(new Error('enough'))
  })
})
