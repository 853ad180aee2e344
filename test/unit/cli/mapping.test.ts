/** Fields of other shapes made fields of events.
 * @module */
import { describe, expect, test } from 'vitest'
import { parseMapping, toEvent } from '../../../src/cli/mapping.ts'

function event(text: string, options: Partial<Parameters<typeof parseMapping>[0]> = {}): unknown {
  return toEvent({ line: 7, text, sizeBytes: text.length }, parseMapping({ map: [], skip: [], ...options }))
}

describe('toEvent()', () => {
  test('takes the fields of an event as they are, and null as absent', () => {
    const text = '{"kind":"K","entity":"e","data":null,"meta":null,"scope":null,"causationId":null,"at":5}'
    expect(event(text)).toEqual({ kind: 'K', entity: 'e', data: null, meta: null, at: 5 })
  })

  test('renames, leaves out, and fills in', () => {
    const options = { map: ['entity=stream_id,data=body', 'at=time'], skip: ['seq,extra'], kind: 'Line' }
    const text = '{"stream_id":"s","body":{"x":1},"time":"2026-01-31T12:00:00+01:00","seq":1,"extra":2}'
    expect(event(text, options)).toEqual({ kind: 'Line', entity: 's', data: { x: 1 }, at: 1769857200000 })
  })

  test('keeps the whole object as data with data=*', () => {
    const found = event('{"type":"K","level":"warn"}', { map: ['kind=type,data=*'], entity: 'web-1' })
    expect(found).toEqual({ kind: 'K', entity: 'web-1', data: { type: 'K', level: 'warn' } })
  })

  test('prefers what the event names over the defaults', () => {
    expect(event('{"kind":"K","entity":"e"}', { kind: 'D', entity: 'd' })).toMatchObject({ kind: 'K', entity: 'e' })
  })

  test('reads the dialect of values', () => {
    const found = event('{"kind":"K","entity":"e","data":[{"$type":"bytes","base64":"AAE="},12345678901234567890]}')
    expect(found).toMatchObject({ data: [new Uint8Array([0, 1]), 12345678901234567890n] })
  })

  test.each([
    ['{"kind":"K","entity":"e","stream_id":1}', 'EVENT_INVALID', /line 7: "stream_id" is not a field.*--map/],
    ['{"entity":"e"}', 'EVENT_INVALID', /line 7: "kind" is missing; give --kind/],
    ['{"kind":"K"}', 'EVENT_INVALID', /line 7: "entity" is missing/],
    ['{"kind":"K","entity":"e","at":"2026-01-31T12:00"}', 'EVENT_INVALID', /line 7: "at" must be/],
    ['[1]', 'EVENT_INVALID', /line 7: an event is a JSON object/],
    ['{"kind":}', 'JSON_INVALID', /line 7, column 9: it is not JSON: found "}"/],
    ['{\n"kind":}', 'JSON_INVALID', /line 8, column 8/],
  ])('refuses %s', (text, code, message) => {
    expect(() => event(text)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }))
  })
})

describe('parseMapping()', () => {
  test.each([['entity'], ['entity='], ['=a'], ['what=a'], ['meta=*']])('refuses --map %s', (pair) => {
    expect(() => parseMapping({ map: [pair], skip: [] })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})
