/** Paths: what is read, how it is printed, what is refused where, order, pointers.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendStep } from '../../../src/document/path/format.ts'
import { Path, type Step, toSinglePath } from '../../../src/document/path/path.ts'

const field = (key: string): Step => ({ type: 'field', key })
const index = (at: number): Step => ({ type: 'index', index: at })

const READ: readonly (readonly [text: string, steps: readonly Step[], canonical?: string])[] = [
  ['', []],
  ['a', [field('a')]],
  ['users[0].name', [field('users'), index(0), field('name')]],
  ['a."odd key"[3]', [field('a'), field('odd key'), index(3)]],
  ['[0][1]', [index(0), index(1)]],
  ['m{3002}', [field('m'), { type: 'intKey', key: 3002 }]],
  ['{-5}.a', [{ type: 'intKey', key: -5 }, field('a')]],
  ['{0}', [{ type: 'intKey', key: 0 }]],
  ['*', [{ type: 'anyField' }]],
  ['a.*[*]{*}', [field('a'), { type: 'anyField' }, { type: 'anyIndex' }, { type: 'anyIntKey' }]],
  ['[10:20]', [{ type: 'slice', from: 10, to: 20 }]],
  ['[10:]', [{ type: 'slice', from: 10 }]],
  ['[:20]', [{ type: 'slice', from: 0, to: 20 }], '[0:20]'],
  ['[:]', [{ type: 'slice', from: 0 }], '[0:]'],
  ['[7:7]', [{ type: 'slice', from: 7, to: 7 }]],
  ['[9007199254740991]', [index(Number.MAX_SAFE_INTEGER)]],
  ['{-9007199254740991}', [{ type: 'intKey', key: Number.MIN_SAFE_INTEGER }]],
  ['users(jane)', [field('users'), { type: 'keyed', key: 'jane' }]],
  ['("a b").c', [{ type: 'keyed', key: 'a b' }, field('c')]],
  ['a.12', [field('a'), field('12')]],
  ['2024-01-31.$type._x', [field('2024-01-31'), field('$type'), field('_x')]],
  ['größe.名前.😀', [field('größe'), field('名前'), field('😀')]],
  ['""', [field('')]],
  ['a.""."*"', [field('a'), field(''), field('*')]],
  ['__proto__.constructor', [field('__proto__'), field('constructor')]],
  ["'a'.'b \\' \"c'", [field('a'), field('b \' "c')], 'a."b \' \\"c"'],
  ['"a"', [field('a')], 'a'],
  ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9"', [field('"\\/\b\f\n\r\tAé')], '"\\"\\\\/\\b\\f\\n\\r\\tAé"'],
  ['"\\ud83d\\ude00"', [field('😀')], '😀'],
  ['"\\uD800x"', [field('\ud800x')], '"\\ud800x"'],
  ['"\udc00"', [field('\udc00')], '"\\udc00"'],
  ['"\\u0000"', [field('\0')], '"\\u0000"'],
  ['"a\u00a0b"', [field('a\u00a0b')]],
  ['"a\u2028b"', [field('a\u2028b')]],
]

const REFUSED: readonly (readonly [text: string, position: number, found: string])[] = [
  ['.a', 0, '"."'],
  ['a.', 2, 'the end'],
  ['a..b', 2, '"."'],
  ['a b', 1, '" "'],
  [' a', 0, '" "'],
  ['a ', 1, '" "'],
  ['a.[0]', 2, '"["'],
  ['a.{0}', 2, '"{"'],
  ['a"b"', 1, '"\\""'],
  ['"a"b', 3, '"b"'],
  ['"a', 2, 'the end'],
  ['\'a"', 3, 'the end'],
  ['"a\nb"', 2, '"\\n"'],
  ['"\\x"', 2, '"x"'],
  ['"\\', 2, 'the end'],
  ['"\\u00g0"', 3, '"0"'],
  ['"\\u12', 3, '"1"'],
  ['[', 1, 'the end'],
  ['[]', 1, '"]"'],
  ['[01]', 1, '"0"'],
  ['[00]', 1, '"0"'],
  ['[-1]', 1, '"-"'],
  ['[1', 2, 'the end'],
  ['[1}', 2, '"}"'],
  ['[ 1]', 1, '" "'],
  ['[a]', 1, '"a"'],
  ['["a"]', 1, '"\\""'],
  ['[1.5]', 2, '"."'],
  ['[9007199254740992]', 1, '"9"'],
  ['[99999999999999999999999999999]', 1, '"9"'],
  ['[20:10]', 4, '"1"'],
  ['[1:2:3]', 4, '":"'],
  ['[*', 2, 'the end'],
  ['[**]', 2, '"*"'],
  ['{}', 1, '"}"'],
  ['{a}', 1, '"a"'],
  ['{-0}', 2, '"0"'],
  ['{-}', 2, '"}"'],
  ['{--1}', 2, '"-"'],
  ['{1:2}', 2, '":"'],
  ['{*]', 2, '"]"'],
  ['()', 1, '")"'],
  ['(a', 2, 'the end'],
  ['(*)', 1, '"*"'],
  ['a]', 1, '"]"'],
  ['a)', 1, '")"'],
  ['a*', 1, '"*"'],
  ['**', 1, '"*"'],
  ['*a', 1, '"a"'],
  ['a/b', 1, '"/"'],
  ['a\u00a0b', 1, '"\u00a0"'],
  ['a\u2003b', 1, '"\u2003"'],
  ['\ufeffa', 0, '"\ufeff"'],
  ['\ud800', 0, '"\\ud800"'],
  ['a\udc00', 1, '"\\udc00"'],
  ['a\0', 1, '"\\u0000"'],
]

function refusal(run: () => unknown): { code: string; details: Record<string, unknown> } {
  try {
    run()
  } catch (error) {
    return error as { code: string; details: Record<string, unknown> }
  }
  throw new Error('nothing was refused')
}

describe('Path.parse', () => {
  test.each(READ.map(([text, steps, canonical = text]) => ({ text, steps, canonical })))(
    'reads $text',
    ({ text, steps, canonical }) => {
      const path = Path.parse(text)
      expect(path.steps).toEqual(steps)
      expect(path.toString()).toBe(canonical)
      expect(Path.parse(canonical).steps).toEqual(steps)
      expect(Path.of(steps).equals(path)).toBe(true)
    },
  )

  test.each(REFUSED)('refuses %j at position %d', (text, position, found) => {
    const error = refusal(() => Path.parse(text))
    expect(error).toMatchObject({ code: 'PATH_INVALID', details: { path: text, position, found } })
    expect(error.details.expected).toBeTypeOf('string')
  })

  test('takes 1,024 steps and refuses one more by its position', () => {
    const deep = '[0]'.repeat(1024)
    expect(Path.parse(deep).steps).toHaveLength(1024)
    expect(refusal(() => Path.parse(`${deep}.a`))).toMatchObject({
      code: 'PATH_INVALID',
      details: { position: 3072, found: '"."', limit: 1024 },
    })
    expect(refusal(() => Path.parse('a.'.repeat(100_000))).code).toBe('PATH_INVALID')
  })

  test('refuses what is no text', () => {
    for (const odd of [undefined, null, 1, {}, ['a']]) {
      expect(refusal(() => Path.parse(odd as unknown as string)).code).toBe('PATH_INVALID')
    }
  })

  test('cuts a long path in the error', () => {
    const { details } = refusal(() => Path.parse(`${'a'.repeat(100_000)}[`))
    expect(details.position).toBe(100_001)
    expect(String(details.path)).toHaveLength(257)
  })
})

describe('Path.of', () => {
  const odd: readonly unknown[] = [
    { type: 'index', index: -1 },
    { type: 'index', index: 1.5 },
    { type: 'index', index: Number.NaN },
    { type: 'index', index: 2 ** 53 },
    { type: 'intKey', key: 0.5 },
    { type: 'intKey', key: '7' },
    { type: 'field', key: 7 },
    { type: 'keyed' },
    { type: 'slice', from: 2, to: 1 },
    { type: 'slice', from: -1 },
    { type: 'any' },
    {},
    null,
    'a',
  ]

  test.each(odd)('refuses %j', (step) => {
    expect(refusal(() => Path.of([field('a'), step as Step]))).toMatchObject({
      code: 'PATH_INVALID',
      details: { step: 1 },
    })
    expect(refusal(() => Path.root.join(step as Step)).code).toBe('PATH_INVALID')
  })

  test('copies steps, so that a path never changes', () => {
    const step = { type: 'field' as const, key: 'a' }
    const path = Path.of([step])
    step.key = 'b'
    expect(path.toString()).toBe('a')
    expect(() => (path.steps as Step[]).push(step)).toThrow(TypeError)
    expect(() => Object.assign(path.steps[0] as object, { key: 'b' })).toThrow(TypeError)
  })

  test('takes -0 for 0 and refuses more than 1,024 steps', () => {
    expect(Object.is((Path.of([index(-0)]).steps[0] as { index: number }).index, 0)).toBe(true)
    expect(Object.is((Path.of([{ type: 'intKey', key: -0 }]).steps[0] as { key: number }).key, 0)).toBe(true)
    const steps = Array.from({ length: 1025 }, () => index(0))
    expect(refusal(() => Path.of(steps))).toMatchObject({ code: 'PATH_INVALID', details: { limit: 1024 } })
    const long = Path.of(steps.slice(1))
    expect(refusal(() => long.join(index(0))).code).toBe('PATH_INVALID')
    expect(refusal(() => long.join(long)).code).toBe('PATH_INVALID')
  })
})

describe('Path', () => {
  test('parent, join and isAncestorOf agree', () => {
    const path = Path.parse('a[3]."b c"{7}')
    expect(path.parent?.toString()).toBe('a[3]."b c"')
    expect(path.parent?.join({ type: 'intKey', key: 7 }).equals(path)).toBe(true)
    expect(path.parent?.parent?.parent?.parent).toBe(Path.root)
    expect(Path.root.parent).toBeUndefined()
    expect(Path.root.join()).toBe(Path.root)
    expect(Path.root.join(path, field('x'), Path.parse('y[0]')).toString()).toBe('a[3]."b c"{7}.x.y[0]')
    expect(path.parent?.isAncestorOf(path)).toBe(true)
    expect(Path.root.isAncestorOf(path)).toBe(true)
    expect(path.isAncestorOf(path)).toBe(false)
    expect(Path.parse('a[4]').isAncestorOf(path)).toBe(false)
    expect(path.isAncestorOf(Path.root)).toBe(false)
  })

  test('compare() puts parents first, fields before indexes before integer keys, wildcards after their kind', () => {
    const ordered = [
      ...['', '"\\u0000"', '"10"', '"2"', 'a', 'a.a', 'a.b', 'a.*', 'a[0]', 'a[0].x', 'a[2]', 'a[10]'],
      ...['a[0:5]', 'a[0:6]', 'a[0:]', 'a[1:2]', 'a[*]', 'a{-7}', 'a{0}', 'a{12}', 'a{*}', 'a(x)', 'a(y)'],
      ...['a-', 'ab', 'b', '*', '*.a', '[0]', '[*]', '{1}', '{*}'],
    ].map((text) => Path.parse(text))
    for (const [at, path] of ordered.entries()) {
      for (const [other, second] of ordered.entries()) {
        expect(Math.sign(path.compare(second)), `${path} and ${second}`).toBe(Math.sign(at - other))
        expect(path.equals(second)).toBe(at === other)
      }
    }
  })

  test('isPlural is true for wildcards and slices only', () => {
    for (const plural of ['*', 'a[*].b', 'a{*}', '[1:2]']) expect(Path.parse(plural).isPlural).toBe(true)
    for (const single of ['', 'a', 'a[0]', 'a{1}', 'a(b)']) expect(Path.parse(single).isPlural).toBe(false)
    expect(refusal(() => toSinglePath('a[*]'))).toMatchObject({ code: 'PATH_PLURAL', details: { path: 'a[*]' } })
    expect(toSinglePath(undefined)).toBe(Path.root)
  })

  test('keyBytes are the keys of fields as UTF-8, and as WTF-8 with lone surrogates', () => {
    const { keyBytes } = Path.of([field('é'), index(1), field('\ud800a'), field('😀\udc00'), field('')])
    expect(keyBytes.map((bytes) => bytes && [...bytes])).toEqual([
      [0xc3, 0xa9],
      undefined,
      [0xed, 0xa0, 0x80, 0x61],
      [0xf0, 0x9f, 0x98, 0x80, 0xed, 0xb0, 0x80],
      [],
    ])
  })

  test('appendStep() makes the text of a child from that of its parent', () => {
    const steps = Path.parse('a."b c"[1]{2}(k).*[*]{*}[1:2]').steps
    let text = ''
    for (const [at, step] of steps.entries()) {
      text = appendStep(text, step)
      expect(text).toBe(Path.of(steps.slice(0, at + 1)).toString())
    }
  })
})

describe('pointers', () => {
  // The list of RFC 6901, section 5.
  const known: readonly (readonly [pointer: string, keys: readonly string[]])[] = [
    ['', []],
    ['/foo', ['foo']],
    ['/foo/0', ['foo', '0']],
    ['/', ['']],
    ['/a~1b', ['a/b']],
    ['/c%d', ['c%d']],
    ['/ ', [' ']],
    ['/m~0n', ['m~n']],
    ['/~01', ['~1']],
    ['//', ['', '']],
    ['/-', ['-']],
  ]

  test.each(known)('%j is read and written', (pointer, keys) => {
    const path = Path.fromPointer(pointer)
    expect(path.steps).toEqual(keys.map(field))
    expect(path.toPointer()).toBe(pointer)
    expect(Path.parse(path.toString()).equals(path)).toBe(true)
  })

  test.each([
    ['a', 0, '"a"'],
    ['#/a', 0, '"#"'],
    ['/a~', 3, 'the end'],
    ['/a~2', 3, '"2"'],
    ['/~/~0', 2, '"/"'],
  ])('%j is refused at position %d', (pointer, position, found) => {
    expect(refusal(() => Path.fromPointer(pointer))).toMatchObject({
      code: 'PATH_INVALID',
      details: { path: pointer, position, found },
    })
  })

  test('have at most 1,024 steps, and are texts', () => {
    expect(Path.fromPointer('/a'.repeat(1024)).steps).toHaveLength(1024)
    expect(refusal(() => Path.fromPointer('/a'.repeat(1025)))).toMatchObject({ details: { position: 2048 } })
    expect(refusal(() => Path.fromPointer(7 as unknown as string)).code).toBe('PATH_INVALID')
  })

  test('have digits for elements, and lack all other steps', () => {
    expect(Path.parse('a[3].b').toPointer()).toBe('/a/3/b')
    for (const lacked of ['{1}', '*', '[*]', '{*}', '[1:2]', '(k)']) {
      expect(refusal(() => Path.parse(`a${lacked === '*' ? '.*' : lacked}`).toPointer())).toMatchObject({
        code: 'PATH_INVALID',
        details: { step: 1, found: lacked },
      })
    }
  })

  test('of any keys come back', () => {
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code))
    const keys = fc.array(fc.oneof(fc.string({ unit }), fc.constantFrom('~', '/', '~1', '~0', '01')))
    fc.assert(
      fc.property(keys, (all) => {
        const path = Path.of(all.map(field))
        expect(Path.fromPointer(path.toPointer()).equals(path)).toBe(true)
        expect(Path.parse(path.toString()).equals(path)).toBe(true)
      }),
    )
  })
})
