/** What a terminal is shown, and what it is not.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseTime } from '../../../src/cli/arguments.ts'
import { clean, count, duration, eventLine, jsonLine, orderedEvent, size, table } from '../../../src/cli/output.ts'
import { progressLine } from '../../../src/cli/progress.ts'
import { parseJsonValue, type StoredEvent } from '../../../src/index.ts'

const EVENT: StoredEvent = { recordedAt: 2, at: 1, entity: 'e', kind: 'K', id: 'i', partition: 0, offset: 3, data: 'd' }

describe('clean()', () => {
  test.each([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u009b31mred', 'red'],
    ['\u001b]8;;http://x\u0007link\u001b]8;;\u001b\\', 'link'],
    ['\u001b]0;title never ends', ''],
    ['\u001bPsecret\u001b\\after', 'after'],
    ['\u001b(Bplain', 'plain'],
    ['a\r\nb\u0000c\u007f', 'abc'],
    ['gnp.\u202etxt\u2066\u061c\u200f', 'gnp.txt'],
    ['grün 漢字 👍', 'grün 漢字 👍'],
  ])('takes out what steers a terminal: %j', (text, left) => {
    expect(clean(text)).toBe(left)
  })

  test('takes time in proportion to the length', () => {
    for (const part of ['\u0090', '\u001b]', '\u001b[', '\u009b0', '\u001bP\u0090']) {
      expect(clean(part.repeat(200_000)).includes('\u001b')).toBe(false)
    }
  })
})

describe('jsonLine()', () => {
  test('hides characters that steer a terminal and means the same', () => {
    const text = 'a\u009b31m\u202e\u2028\u0007\u007f'
    expect(jsonLine({ text })).toBe('{"text":"a\\u009b31m\\u202e\\u2028\\u0007\\u007f"}\n')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (some) => {
        expect(parseJsonValue(jsonLine({ some }))).toEqual({ some })
      }),
    )
  })

  test('of an ordered event has one order of keys and no absent ones', () => {
    const text = '{"offset":3,"partition":0,"id":"i","kind":"K","entity":"e","at":1,"recordedAt":2,"data":"d"}\n'
    expect(jsonLine(orderedEvent(EVENT))).toBe(text)
    const full = { extensions: 1, schemaVersion: 1, depth: 1, lane: 1, causationId: 'c', correlationId: 'c', meta: 1 }
    const keys = Object.keys(orderedEvent({ ...full, ...EVENT, tags: ['t'], scope: 's' }))
    expect(keys.join(' ')).toBe(
      'offset partition id kind entity scope tags at recordedAt data meta correlationId causationId lane depth ' +
        'schemaVersion extensions',
    )
  })
})

test('eventLine() names the partition where there are several, and is cut to the columns', () => {
  const line = eventLine({ ...EVENT, scope: 's', tags: ['t'] }, { partitions: 2, columns: Number.POSITIVE_INFINITY })
  expect(line).toBe('    0:3  1970-01-01T00:00:00.001Z  K                 e @s #t  "d"\n')
  expect(eventLine(EVENT, { partitions: 1, columns: 20 })).toBe('      3  1970-01-01…\n')
})

test('numbers for people', () => {
  expect([count(0), count(999), count(1_234_567)]).toEqual(['0', '999', '1,234,567'])
  expect([size(12), size(7.87), size(1536), size(20 * 2 ** 30)]).toEqual(['12 B', '8 B', '1.50 KiB', '20.0 GiB'])
  expect([duration(900), duration(61_000), duration(3_661_000)]).toEqual(['0:01', '1:01', '1:01:01'])
  expect(
    table(
      [
        ['a', 'bb'],
        ['ccc', 'd'],
      ],
      [1],
    ),
  ).toBe('a    bb\nccc   d\n')
})

test('progressLine() has a bar and the time left only when the whole is known', () => {
  const items = { count: 1_500, noun: 'events' }
  const known = progressLine('append', { done: 25, total: 100, items }, 1_000)
  expect(known).toBe('append  [######------------------]  25%  1,500 events  1,500/s  0:03 left')
  expect(progressLine('verify', { done: 2_048 }, 2_000)).toBe('verify  2.00 KiB  1.00 KiB/s  0:02')
  expect(progressLine('verify', { done: 0, total: 10 }, 0)).toContain('0%')
})

test('parseTime() reads moments that mean the same on every machine', () => {
  expect(parseTime('1700000000000')).toBe(1_700_000_000_000)
  expect(parseTime('-5')).toBe(-5)
  expect(parseTime('2026-01-31')).toBe(Date.UTC(2026, 0, 31))
  expect(parseTime('2026-01-31T12:30Z')).toBe(Date.UTC(2026, 0, 31, 12, 30))
  for (const text of ['2026-01-31T12:30', '31.1.2026', 'now', '', '1e3', '2026-13-01']) {
    expect(parseTime(text), text).toBeUndefined()
  }
})
