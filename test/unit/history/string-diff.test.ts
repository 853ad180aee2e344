/** @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lines, words } from '../../../src/history/patch/string-diff-tokens.ts'
import { checkedDiff, roughDiff } from './support/exact.ts'

const prose = Array.from({ length: 80 }, (_, at) => `Line ${at} says what the line before it said, but ${at * 37}.`)

function editsOf(before: string, after: string) {
  const patch = checkedDiff(before, after)
  return patch?.type === 'string' ? patch.edits : undefined
}

describe('diffValues() of texts', () => {
  test('finds one edit between common ends', () => {
    expect(editsOf('a text that is long enough', 'a text that was long enough')).toEqual([
      { start: 12, remove: 1, insert: 'wa' },
    ])
    expect(editsOf('said twice twice, then more', 'said twice, then more')).toMatchObject([{ remove: 6, insert: '' }])
    expect(editsOf('the end of this', 'the end of this, added')).toEqual([{ start: 15, remove: 0, insert: ', added' }])
  })

  test('finds edits of lines and words far from each other', () => {
    const before = prose.join('\n')
    const after = prose
      .toSpliced(60, 1)
      .with(40, prose[40]?.replace('what', 'all that') ?? '')
      .toSpliced(5, 0, 'A new line.')
      .join('\n')
    const edits = editsOf(before, after)
    expect(edits).toHaveLength(3)
    expect(edits?.reduce((sum, { insert }) => sum + insert.length, 0)).toBeLessThan(25)
    const text = 'It was one of those days on which one would rather be somewhere else than here.'
    const changed = text.replace('one of those', 'the first of the').replace('somewhere', 'anywhere')
    expect(editsOf(text, changed)?.length).toBeGreaterThan(1)
  })

  test('writes short and other texts whole', () => {
    expect(checkedDiff('abc', 'abd')).toEqual({ type: 'set', value: 'abd' })
    expect(checkedDiff('nothing of this is there', 'SOME OTHER WORDS')).toMatchObject({ type: 'set' })
    expect(checkedDiff('', 'from nothing')).toMatchObject({ type: 'set' })
    expect(checkedDiff('long enough to be edited', '')).toMatchObject({ type: 'set' })
  })

  test('cuts no pair of surrogates in two', () => {
    const text = 'a long text about 😀 and what it means'
    for (const [before, after] of [
      [text, text.replace('😀', '😁')],
      [text, text.replace('😀', '🌀')],
      [text, text.replace('😀', '\ud83d')],
      [text.replace('😀', '\ude00'), text],
    ] as const) {
      const cut = /[\ud800-\udbff]$|^[\udc00-\udfff]/
      for (const { start, remove, insert } of editsOf(before, after) ?? []) {
        expect(cut.test(before.slice(0, start)) && cut.test(before.slice(start))).toBe(false)
        expect(before.slice(start, start + remove).isWellFormed()).toBe(before.isWellFormed())
        expect(insert.isWellFormed()).toBe(after.isWellFormed())
      }
    }
  })

  test('is exact for any texts', () => {
    const unit = fc.constantFrom(
      'a',
      'b',
      ' ',
      '\n',
      '.',
      'word',
      'é',
      '\u4e2d',
      '😀',
      '\ud83d',
      '\ude00',
      'a longer part, ',
    )
    const text = fc.string({ unit, maxLength: 60 })
    fc.assert(
      fc.property(text, text, text, fc.nat(40), (before, inserted, other, at) => {
        checkedDiff(before, other)
        checkedDiff(before, before.slice(0, at) + inserted + before.slice(at + other.length))
      }),
      { numRuns: 300 },
    )
  })

  test('keeps to its bounds for long texts', () => {
    const many = (word: string, count: number) => Array.from({ length: count }, (_, at) => `${word}${at % 977}`)
    for (const gap of [' ', '\n', '']) {
      const before = many('some', 40_000).join(gap)
      const after = many('more', 39_000).reverse().join(gap)
      roughDiff(before, after)
      roughDiff(before, `${after}${before.slice(20_000)}`)
    }
  })
})

describe('lines() and words()', () => {
  test('give where the parts end, all of the text', () => {
    expect(lines('')).toEqual([])
    expect(lines('a\n\nb')).toEqual([2, 3, 4])
    expect(lines('a\n')).toEqual([2])
    expect(words('')).toEqual([])
    const text = 'two words,  and_1 中文😀!'
    const ends = words(text)
    expect(ends.map((end, at) => text.slice(ends[at - 1] ?? 0, end))).toEqual([
      ...['two', ' ', 'words', ',', '  ', 'and_1', ' ', '中', '文', '😀', '!'],
    ])
  })
})
