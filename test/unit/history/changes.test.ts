/** Goal: what is listed as changed is what differs, and all of it.
 * Method: fixed changes by their list, and random patches, for which each listed change is looked up in both values and
 * everything that is not listed is the same in both. fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendStep } from '../../../src/document/path/format.ts'
import { Path, type Step } from '../../../src/document/path/path.ts'
import { DeltaKeys } from '../../../src/history/delta/keys.ts'
import { decodePatch } from '../../../src/history/delta/read.ts'
import { encodePatch } from '../../../src/history/delta/write.ts'
import { applyPatch } from '../../../src/history/patch/apply.ts'
import { changeLines } from '../../../src/history/patch/change-lines.ts'
import { patchChanges } from '../../../src/history/patch/changes.ts'
import { cloneValue } from '../../../src/history/patch/copy-value.ts'
import { diffValues } from '../../../src/history/patch/diff.ts'
import type { Patch } from '../../../src/history/patch/patch.ts'
import { tracePath } from '../../../src/history/patch/trace-path.ts'
import { valueAtSteps } from '../../../src/history/patch/value-path.ts'
import type { Change } from '../../../src/history/types.ts'
import { difference } from '../../support/same-value.ts'
import { draws } from '../../support/seeded-random.ts'
import { randomPatch, randomValue } from './support/random-patches.ts'

const ALL = Number.POSITIVE_INFINITY

function changesBetween(before: unknown, after: unknown): readonly Change[] {
  const patch = diffValues(before, after, { isDetailed: true })
  return patch === undefined ? [] : patchChanges(before, patch, ALL).changes
}

function clonePatch(patch: Patch): Patch {
  return decodePatch(encodePatch(patch, new DeltaKeys([])), new DeltaKeys([]))
}

/** Every value inside of a value, by its path. */
function* valuesIn(
  value: unknown,
  path = '',
  steps: readonly Step[] = [],
): Generator<[string, readonly Step[], unknown]> {
  yield [path, steps, value]
  const isObject = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  if (!Array.isArray(value) && !isObject) return
  for (const key of Object.keys(value)) {
    const step: Step = isObject ? { type: 'field', key } : { type: 'index', index: Number(key) }
    yield* valuesIn(Object.getOwnPropertyDescriptor(value, key)?.value, appendStep(path, step), [...steps, step])
  }
}

describe('patchChanges()', () => {
  test('names fields that came, went, changed and moved', () => {
    const before = { a: 1, b: { c: 'old' }, gone: [1], same: true }
    expect(changesBetween(before, { b: { c: 'new', 'odd key': null }, same: true, a: 2 })).toEqual([
      { type: 'removed', path: 'gone', before: [1] },
      { type: 'moved', path: '', from: '' },
      { type: 'changed', path: 'a', before: 1, after: 2 },
      { type: 'changed', path: 'b.c', before: 'old', after: 'new' },
      { type: 'added', path: 'b."odd key"', after: null },
    ])
    expect(changesBetween({ b: 1 }, { a: 0, b: 1 })).toEqual([{ type: 'added', path: 'a', after: 0 }])
    expect(changesBetween(1, 'one')).toEqual([{ type: 'changed', path: '', before: 1, after: 'one' }])
  })

  test('names elements that came, went, changed and moved, not those that others shifted', () => {
    const row = (id: number, more = {}) => ({ id, text: `row ${id}`, ...more })
    const rows = [0, 1, 2, 3, 4, 5].map((id) => row(id))
    const moved = [row(9), row(4), row(0), row(1), row(3, { text: 'other' }), row(5)]
    const patch: Patch = {
      type: 'array',
      runs: [
        { type: 'insert', values: [moved[0]] },
        { type: 'keep', start: 4, length: 1 },
        { type: 'keep', start: 0, length: 2 },
        { type: 'change', start: 3, patch: { type: 'set', value: moved[4] } },
        { type: 'keep', start: 5, length: 1 },
      ],
    }
    expect(applyPatch(structuredClone(rows), structuredClone(patch))).toEqual(moved)
    expect(patchChanges(rows, patch, ALL).changes).toEqual([
      { type: 'removed', path: '[2]', before: row(2) },
      { type: 'added', path: '[0]', after: row(9) },
      { type: 'moved', path: '[1]', from: '[4]' },
      { type: 'changed', path: '[4]', before: row(3), after: row(3, { text: 'other' }) },
    ])
  })

  test('names each number of a column', () => {
    const patch: Patch = { type: 'numbers', positions: [1, 3], coding: 'add', values: [10, -1] }
    expect(patchChanges([1, 2, 3, 4], patch, ALL).changes).toEqual([
      { type: 'changed', path: '[1]', before: 2, after: 12 },
      { type: 'changed', path: '[3]', before: 4, after: 3 },
    ])
  })

  test('stops at the limit, and says that there is more', () => {
    const before = Array.from({ length: 100 }, (_, at) => at)
    const patches: Patch[] = [
      { type: 'array', runs: [] },
      {
        type: 'array',
        runs: [
          { type: 'keep', start: 0, length: 100 },
          { type: 'insert', values: before },
        ],
      },
      { type: 'numbers', coding: 'add', values: before.map(() => 1) },
      { type: 'array', runs: before.map((at) => ({ type: 'keep', start: 99 - at, length: 1 })) },
    ]
    for (const patch of patches) {
      expect(patchChanges(before, patch, 10)).toMatchObject({ changes: { length: 10 }, isCut: true })
      const all = patchChanges(before, patch, 100)
      expect(all.isCut).toBe(false)
      expect(patchChanges(before, patch, all.changes.length).isCut).toBe(false)
      expect(patchChanges(before, patch, all.changes.length - 1).isCut).toBe(true)
    }
  })

  test('names what was there by where it was, inside of elements that others shifted', () => {
    const before = [{ id: 0 }, { id: 1, gone: true, list: [7], a: 1, b: 2 }]
    const after = [{ id: 1, list: [], b: 2, a: 1 }]
    expect(patchChanges(before, diffValues(before, after, { keyField: 'id', isDetailed: true }) as Patch, ALL)).toEqual(
      {
        isCut: false,
        changes: [
          { type: 'removed', path: '[0]', before: { id: 0 } },
          { type: 'removed', path: '[1].gone', before: true },
          { type: 'moved', path: '[0]', from: '[0]' },
          { type: 'removed', path: '[1].list[0]', before: 7 },
        ],
      },
    )
  })

  test('goes down 1,024 levels', () => {
    let before: unknown = 1
    let patch: Patch = { type: 'set', value: 2 }
    for (let level = 0; level < 1_024; level++) {
      const isArray = level % 2 === 0
      before = isArray ? [before] : { a: before }
      if (isArray) patch = { type: 'array', runs: [{ type: 'change', start: 0, patch }] }
      else patch = { type: 'object', removed: [], changed: [['a', patch]], added: [] }
    }
    const path = 'a[0]'.concat('.a[0]'.repeat(511))
    expect(patchChanges(before, patch, 1).changes).toEqual([{ type: 'changed', path, before: 1, after: 2 }])
    const { steps } = Path.parse(path)
    expect(tracePath([patch, patch], steps)).toEqual({ from: { value: 2 }, patches: [] })
  })

  test('leaves out the numbers of a patch of every element that are the same', () => {
    const before = [1, Number.NaN, 3, -0]
    const patch: Patch = { type: 'numbers', coding: 'set', values: [1, Number.NaN, 4, 0] }
    const changed = (path: string, was: number, is: number) => ({ type: 'changed', path, before: was, after: is })
    const all = [changed('[2]', 3, 4), changed('[3]', -0, 0)]
    expect(patchChanges(before, patch, ALL)).toEqual({ changes: all, isCut: false })
    expect(patchChanges(before, patch, 2)).toEqual({ changes: all, isCut: false })
    expect(patchChanges(before, patch, 1)).toEqual({ changes: all.slice(0, 1), isCut: true })
  })

  test('names exactly what differs, for random patches', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7fff_ffff }), (seed) => {
        const draw = draws(seed)
        const before = randomValue(draw)
        const patch = clonePatch(randomPatch(before, draw))
        const after = applyPatch(cloneValue(before), clonePatch(patch))
        const { changes } = patchChanges(before, patch, ALL)
        const was = new Map([...valuesIn(before)].map(([path, , value]) => [path, value]))
        const is = new Map([...valuesIn(after)].map(([path, , value]) => [path, value]))
        const named = new Map<string, Change>()
        for (const change of changes) {
          if (change.type === 'removed') expect(difference(change.before, was.get(change.path))).toBeUndefined()
          else {
            if (change.type !== 'moved') expect(difference(change.after, is.get(change.path))).toBeUndefined()
            if (change.type === 'moved') expect(was.has(change.from ?? 'x') && is.has(change.path)).toBe(true)
            if (change.type !== 'moved') expect(named.has(change.path)).toBe(false)
            if (change.type !== 'moved') named.set(change.path, change)
          }
        }
        for (const [path, steps, value] of valuesIn(after)) {
          const isContainer = typeof value === 'object' && value !== null
          if (isContainer) continue
          const above = steps.map((_, at) => steps.slice(0, at).reduce(appendStep, '')).concat(path)
          const { from } = tracePath([patch], steps)
          const there = from === 'absent' || 'value' in from ? undefined : valueAtSteps(before, from.steps)
          const isSame =
            (there !== undefined && difference(there, value) === undefined) || isWrittenAgain(before, patch, steps)
          if (!isSame) expect(above.some((one) => named.has(one)) || path).toBe(true)
          const change = named.get(path)
          if (change?.type === 'changed' && there !== undefined)
            expect(difference(change.before, there)).toBeUndefined()
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** A patch of numbers gives an element the number that it had. */
function isWrittenAgain(before: unknown, patch: Patch, steps: readonly Step[]): boolean {
  const { from, patches } = tracePath([patch], steps.slice(0, -1))
  if (from === 'absent' || 'value' in from || patches[0]?.type !== 'numbers') return false
  const array = valueAtSteps(before, from.steps)
  const [was, is] = [cloneValue(array), applyPatch(cloneValue(array), clonePatch(patches[0]))]
  return difference(valueAtSteps(was, steps.slice(-1)), valueAtSteps(is, steps.slice(-1))) === undefined
}

describe('changeLines()', () => {
  test('says each change in a line, or in two', () => {
    const long = 'x'.repeat(200)
    expect(
      changeLines([
        { type: 'changed', path: 'shapes[4].x', before: 10, after: 12 },
        { type: 'added', path: 'a."odd key"', after: { a: [1, 'two', null], b: -0, c: 5n } },
        { type: 'removed', path: 'list[2]', before: new Uint8Array(12) },
        { type: 'moved', path: 'list[0]', from: 'list[7]' },
        { type: 'moved', path: 'object', from: 'object' },
        { type: 'changed', path: '', before: new Date(0), after: Number.NaN },
        { type: 'changed', path: 'text', before: `${long}old`, after: `${long}new` },
        { type: 'changed', path: 'wide', before: Array.from({ length: 99 }, (_, at) => at), after: long },
        { type: 'changed', path: 'big', before: 2n ** 300n, after: 10n ** 70n },
      ]),
    ).toEqual([
      '~ shapes[4].x: 10 -> 12',
      '+ a."odd key": {"a": [1, "two", null], "b": -0, "c": 5}',
      '- list[2]: 12 bytes',
      '> list[0]: moved from list[7]',
      '~ object: fields in another order',
      '~ (root): 1970-01-01T00:00:00.000Z -> NaN',
      '~ text: …"xxxxxxxxxxxxxxxxold" -> …"xxxxxxxxxxxxxxxxnew"',
      '~ wide: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, …]',
      `     -> "${'x'.repeat(60)}"…`,
      '~ big: a bigint past 256 bits',
      `    -> 1${'0'.repeat(59)}…`,
    ])
  })

  test('never cuts a pair of surrogates, and stays short for any value', () => {
    const faces = '😀'.repeat(100)
    for (const text of [faces, `x${faces}`, `${faces}x`]) {
      for (const line of changeLines([{ type: 'changed', path: 'a', before: text, after: `${text}!` }])) {
        expect(line.isWellFormed()).toBe(true)
        expect(line.includes('\\ud')).toBe(false)
        expect(line.length).toBeLessThan(200)
      }
    }
    let deep: unknown = 1
    for (let level = 0; level < 1_000; level++) deep = level % 2 === 0 ? [deep] : { ['key'.repeat(50)]: deep }
    expect((changeLines([{ type: 'added', path: 'deep', after: deep }])[0] as string).length).toBeLessThan(300)
  })
})
