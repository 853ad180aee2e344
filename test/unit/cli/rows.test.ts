/** Mapping rows to events: the words of `--map`, forms of times and values, hostile names.
 * @module */
import { describe, expect, test } from 'vitest'
import { parseRowMap } from '../../../src/cli/row-map.ts'
import { RowMapper } from '../../../src/cli/rows.ts'
import { quoted } from '../../../src/cli/sqlite.ts'

function mapped(words: string, row: Readonly<Record<string, unknown>>, skipped: readonly string[] = []) {
  const mapper = new RowMapper(parseRowMap([words]), { noun: 'row', skipped })
  return mapper.event(new Map(Object.entries(row)), 7)
}

describe('parseRowMap()', () => {
  test('reads columns, constants, forms and names with anything in them', () => {
    const map = parseRowMap([`entity=stream,kind='it''s, one',at=t:s`, `data="a ""b"", c=d":json,id="x:s"`])
    expect([...map]).toEqual([
      ['entity', { column: 'stream', form: undefined }],
      ['kind', { constant: "it's, one" }],
      ['at', { column: 't', form: 's' }],
      ['data', { column: 'a "b", c=d', form: 'json' }],
      ['id', { column: 'x:s', form: undefined }],
    ])
  })

  test('takes the rest as data unless it is told otherwise', () => {
    expect(parseRowMap(['entity=a']).get('data')).toEqual({ columns: 'rest' })
    expect(parseRowMap(['data=*']).get('data')).toEqual({ columns: 'all' })
  })

  test('takes a column for one even where it looks like one with a form', () => {
    expect(parseRowMap(['at=t:s'], ['t:s']).get('at')).toEqual({ column: 't:s', form: undefined })
    expect(parseRowMap(['at=t:s'], ['t']).get('at')).toEqual({ column: 't', form: 's' })
  })

  test.each([
    ['entity', 'write field=column'],
    ['entity=', 'write field=column'],
    ['colour=a', 'the fields are kind, entity, data'],
    ['entity=a,entity=b', '"entity" is there twice'],
    ['entity=a,', 'ends with a comma'],
    ['kind=*', 'only data can be *'],
    ['at=t:hours', 'its forms are ms, s, us, iso, utc'],
    ['entity=t:s', '"entity" has no forms'],
    [`kind='a':s`, 'a constant has no form'],
    ['entity="a" or 1=1', 'write field=column'],
  ])('refuses %s', (words, message) => {
    expect(() => parseRowMap([words])).toThrow(message)
  })

  test('refuses what is no column of the table, whatever its quotes say', () => {
    for (const name of ['nope', '"kind"', 'kind; drop table x', `kind"--`, "'' || kind"]) {
      const word = `entity="${name.replaceAll('"', '""')}"`
      expect(() => parseRowMap([word], ['kind'])).toThrow('the columns are kind')
    }
  })
})

describe('RowMapper', () => {
  const base = `entity=e,kind='K'`

  test('makes an event of the columns and takes the others as data', () => {
    const row = { e: 12, t: 1_000, x: null, y: 2n ** 60n, z: 5n, w: 'left out' }
    expect(mapped(`${base},at=t`, row, ['w'])).toEqual({
      kind: 'K',
      entity: '12',
      at: 1_000,
      data: { x: null, y: 2n ** 60n, z: 5 },
    })
  })

  test('keeps columns called like parts of objects', () => {
    const row = Object.fromEntries([
      ['e', 'x'],
      ['__proto__', 1],
      ['constructor', 2],
    ] as const)
    const { data } = mapped(base, row)
    expect(Object.entries(data)).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
    ])
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype)
  })

  test.each([
    ['d', '{"a":[1]}', { a: [1] }],
    ['d', 'plain text', 'plain text'],
    ['d', '12', 12],
    ['d:text', '12', '12'],
    ['d:json', 'null', null],
    ['d', null, null],
    ['d', new Uint8Array([1]), new Uint8Array([1])],
  ])('data=%s of %s', (source, value, expected) => {
    expect(mapped(`${base},data=${source}`, { e: 'x', d: value }).data).toEqual(expected)
  })

  test.each([
    ['t', 1_700_000_000_123, 1_700_000_000_123],
    ['t', '1700000000123', 1_700_000_000_123],
    ['t:ms', 5n, 5],
    ['t:s', 1.5, 1_500],
    ['t:s', '-2', -2_000],
    ['t:us', 1_700_000_000_123_456n, 1_700_000_000_123],
    ['t', '1970-01-01T00:00:01Z', 1_000],
    ['t', '1970-01-01 00:00:01', 1_000],
    ['t', '1970-01-01 01:00:01.5+0100', 1_500],
    ['t:utc', '1970-01-01T00:00:01.123456', 1_123],
    ['t', '1970-01-02', 86_400_000],
  ])('at=%s of %s', (source, value, expected) => {
    expect(mapped(`${base},at=${source}`, { e: 'x', t: value }).at).toBe(expected)
  })

  test.each([
    ['t', '1970-01-01T00:00:01'],
    ['t', 'yesterday'],
    ['t', 1e300],
    ['t:iso', 5],
    ['t:s', 'x'],
    ['t', '2026-13-01'],
  ])('at=%s of %s is refused with its row', (source, value) => {
    expect(() => mapped(`${base},at=${source}`, { e: 'x', t: value })).toThrow(/^Cannot import row 7: "at" is /)
  })

  test('reads tags of JSON or of one text, and whole numbers of text', () => {
    const words = `${base},tags=t,lane=n,data='d'`
    expect(mapped(words, { e: 'x', t: '["a",1]', n: '3' })).toMatchObject({ tags: ['a', '1'], lane: 3 })
    expect(mapped(words, { e: 'x', t: 'one', n: 4n })).toMatchObject({ tags: ['one'], lane: 4 })
    expect(Object.keys(mapped(words, { e: 'x', t: null, n: null }))).toEqual(['entity', 'kind', 'data'])
  })

  test.each([
    [{ e: null }, '"entity" is missing'],
    [{ e: '' }, '"entity" is missing'],
    [{ e: new Uint8Array([1]) }, '"entity" must be text or a number'],
  ])('refuses %j', (row, message) => {
    expect(() => mapped(base, row)).toThrow(message)
  })

  test('refuses what shall be JSON and is not', () => {
    expect(() => mapped(`${base},data=d:json`, { e: 'x', d: '{' })).toThrow('Cannot import row 7: "data" is not JSON')
  })
})

test('quoted() makes one name of anything', () => {
  expect(quoted('a"; drop table b; --')).toBe('"a""; drop table b; --"')
})
