/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ShortestEdit } from '../../../src/history/patch/array-diff-order.ts'
import type { ArrayRun, Patch } from '../../../src/history/patch/patch.ts'
import { checkedDiff, roughDiff } from './support/exact.ts'

function runsOf(patch: Patch | undefined): readonly ArrayRun[] {
  return patch?.type === 'array' ? patch.runs : []
}

function kinds(patch: Patch | undefined): string {
  return runsOf(patch)
    .map((run) => (run.type === 'keep' ? `keep ${run.start}+${run.length}` : `${run.type}`))
    .join(', ')
}

const shape = (id: number, x = id) => ({ id: `shape-${id}`, x, y: 7, fill: 'red', text: `shape number ${id}` })
const shapes = Array.from({ length: 100 }, (_, id) => shape(id))
const lines = Array.from({ length: 60 }, (_, line) => `line ${line} of a text`)

describe('diffValues() of arrays', () => {
  test('finds insertions and removals', () => {
    expect(kinds(checkedDiff(shapes, [...shapes, shape(200)]))).toBe('keep 0+100, insert')
    expect(kinds(checkedDiff(shapes, [shape(200), ...shapes]))).toBe('insert, keep 0+100')
    expect(kinds(checkedDiff(shapes, shapes.toSpliced(20, 3)))).toBe('keep 0+20, keep 23+77')
    const both = shapes.toSpliced(70, 0, shape(200), shape(201)).toSpliced(10, 2)
    expect(kinds(checkedDiff(shapes, both))).toBe('keep 0+10, keep 12+58, insert, keep 70+30')
    expect(kinds(checkedDiff(lines, lines.toSpliced(5, 1, 'one', 'two')))).toMatch(
      /^keep 0\+5, .*insert.*, keep 6\+54$/,
    )
    expect(kinds(checkedDiff([1, 2], []))).toBe('')
    expect(checkedDiff([], [])).toBeUndefined()
  })

  test('changes elements in place, few or all', () => {
    const one = shapes.with(40, shape(40, 1))
    expect(kinds(checkedDiff(shapes, one))).toBe('keep 0+40, change, keep 41+59')
    const all = shapes.map(({ id, x, ...rest }) => ({ id, x: x + 0.5, ...rest }))
    expect(runsOf(checkedDiff(shapes, all)).every((run) => run.type === 'change')).toBe(true)
    const unnamed = all.map(({ id: _, ...rest }) => rest)
    const before = shapes.map(({ id: _, ...rest }) => rest)
    expect(runsOf(checkedDiff(before, unnamed)).every((run) => run.type === 'change')).toBe(true)
  })

  test('changes elements beside insertions, when they have an identity', () => {
    const after = shapes.map((one) => ({ ...one, y: 8 })).toSpliced(50, 0, shape(200))
    const runs = runsOf(checkedDiff(shapes, after))
    expect(runs.filter((run) => run.type === 'change')).toHaveLength(100)
    expect(runs.filter((run) => run.type === 'insert')).toHaveLength(1)
  })

  test('changes the one that is most alike where some came or went', () => {
    const plain = (id: number, y = 7) => ({ y, fill: 'red', text: `text of ${id}`, w: id, h: id })
    const before = [plain(1), plain(2), plain(3), plain(4)]
    const after = [plain(1), plain(3, 9), plain(4)]
    const [, change] = runsOf(checkedDiff(before, after))
    expect(change).toMatchObject({ type: 'change', start: 2 })
  })

  test('moves elements, changed ones too', () => {
    const moved = shapes.toSpliced(30, 1).toSpliced(80, 0, shape(30))
    expect(kinds(checkedDiff(shapes, moved))).toBe('keep 0+30, keep 31+50, keep 30+1, keep 81+19')
    const raised = [...shapes.toSpliced(30, 1), shape(30, 1)]
    expect(kinds(checkedDiff(shapes, raised))).toBe('keep 0+30, keep 31+69, change')
    const swapped = shapes.with(10, shape(60)).with(60, shape(10))
    expect(kinds(checkedDiff(shapes, swapped))).toBe('keep 0+10, keep 60+1, keep 11+49, keep 10+1, keep 61+39')
    expect(runsOf(checkedDiff(shapes, shapes.toReversed())).every((run) => run.type === 'keep')).toBe(true)
  })

  test('takes elements with the same key field for the same, and others not', () => {
    const row = (ref: number, text: string) => ({ title: 'row', ref, text, more: 'something that is always there' })
    const before = [row(1, 'a'), row(2, 'b'), row(3, 'c')]
    const after = [row(3, 'x'), row(1, 'y'), row(4, 'b')]
    const runs = runsOf(checkedDiff(before, after, { keyField: 'ref' }))
    expect(runs).toMatchObject([
      { type: 'change', start: 2 },
      { type: 'change', start: 0 },
      { type: 'insert', values: [row(4, 'b')] },
    ])
    expect(kinds(checkedDiff(before, before.with(1, row(2, 'z')), { keyField: 'ref' }))).toBe(
      'keep 0+1, change, keep 2+1',
    )
    expect(kinds(checkedDiff(before, before.with(1, row(5, 'b')), { keyField: 'ref' }))).toBe(
      'keep 0+1, insert, keep 2+1',
    )
  })

  test('keeps each element once, however often it is there', () => {
    const row = { text: 'the same in every place' }
    checkedDiff([row, row, 1, row], [row, row, row, row, 2])
    checkedDiff([row, 1, row], [1, row], { keyField: 'text' })
    checkedDiff([row, row], [{ ...row, a: 1 }, row, { ...row, a: 2 }, 3], { keyField: 'text' })
  })

  test('is exact for any arrays of few different elements, also by key', () => {
    const element = fc.constantFrom<unknown>(
      0,
      -0,
      1,
      'a',
      'longer text',
      null,
      { id: 1, x: 1 },
      { id: 1, x: 2 },
      [1],
      [2],
    )
    fc.assert(
      fc.property(fc.array(element, { maxLength: 30 }), fc.array(element, { maxLength: 30 }), (before, after) => {
        checkedDiff(before, after)
        checkedDiff(before, after, { keyField: 'id' })
      }),
      { numRuns: 300 },
    )
  })

  test('finds the edits of arrays of few different elements', () => {
    const bits = Array.from({ length: 400 }, (_, at): string => ((at * at) % 7 < 3 ? 'yes' : 'no'))
    const after = bits.toSpliced(300, 1).toSpliced(200, 0, 'no', 'maybe').toSpliced(100, 2)
    expect(runsOf(checkedDiff(bits, after)).length).toBeLessThan(14)
  })

  test('keeps to its bounds for long arrays of which nothing is the same', () => {
    const texts = (word: string, length: number) => Array.from({ length }, (_, at) => word + at)
    roughDiff(texts('a', 100_000), texts('b', 100_000))
    roughDiff(texts('a', 50_000), texts('b', 49_000))
    const alike = (sign: number, length: number) =>
      Array.from({ length }, (_, at) => ({ a: Array.from({ length: 40 }, () => 0), at: sign * (at + 1) }))
    roughDiff(alike(1, 3_000), alike(-1, 3_001))
    const coins = (length: number) => Array.from({ length }, (_, at) => (Math.imul(at, 0x9e37_79b1) >>> 31 ? 'a' : 'b'))
    roughDiff(coins(50_000), coins(50_000).reverse().slice(7))
  })
})

describe('ShortestEdit', () => {
  test('pairs a longest common part, or nothing past its bound', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 })
    fc.assert(
      fc.property(text, text, (one, other) => {
        const pairs = new ShortestEdit((from, to) => one[from] === other[to]).pairs(one.length, other.length)
        const common = longestCommon(one, other)
        expect(pairs).toHaveLength(common)
        expect(pairs.every(([from, to], at) => one[from] === other[to] && from > (pairs[at - 1]?.[0] ?? -1))).toBe(true)
        expect(pairs.every(([, to], at) => to > (pairs[at - 1]?.[1] ?? -1))).toBe(true)
        const edits = one.length + other.length - 2 * common
        if (edits > 3)
          expect(new ShortestEdit((a, b) => one[a] === other[b], 3).pairs(one.length, other.length)).toEqual([])
      }),
    )
  })
})

function longestCommon(one: string, other: string): number {
  let above = new Array<number>(other.length + 1).fill(0)
  for (const letter of one) {
    const row = [0]
    for (let at = 0; at < other.length; at++) {
      row.push(other[at] === letter ? (above[at] ?? 0) + 1 : Math.max(row[at] ?? 0, above[at + 1] ?? 0))
    }
    above = row
  }
  return above.at(-1) ?? 0
}
