/** Reading groups: what was written, and what that costs.
 * @module */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { nativeCompression } from '../../../adapters/node/compression.ts'
import { nodeStorage } from '../../../adapters/node/index.ts'
import { Path } from '../../../src/document/path/path.ts'
import type { ReadCost } from '../../../src/document/types.ts'
import { GroupFile } from '../../../src/history/group/group-file.ts'
import { applyPatch } from '../../../src/history/patch/apply.ts'
import { copyValue } from '../../../src/history/patch/copy-value.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { limitedStorage } from '../../conformance/limited.ts'
import { difference } from '../../support/same-value.ts'
import { drawing, drawingEdits, type Extra, GroupMaker, groupOf, placeIn } from './group-helpers.ts'

/** Every kind of value, and values that come back. */
function someValues(): unknown[] {
  const rows = Array.from({ length: 200 }, (_, at) => ({ id: `row ${at}`, count: at, done: false }))
  const first = {
    title: 'first',
    rows,
    at: new Date(0),
    big: 2n ** 70n,
    odd: [Number.NaN, -0, null],
    bytes: new Uint8Array(99),
  }
  const second = { ...first, title: 'second', proto: JSON.parse('{"__proto__":1}') as unknown }
  const third = { ...second, rows: rows.map((row, at) => (at === 150 ? { ...row, done: true } : row)), odd: [0, -0] }
  const fourth = { ...third, text: 'word '.repeat(400), 'a new key': { 'a new key': '\ud800' } }
  const fifth = { ...fourth, more: [{ 'a new key': 5, 'another key': 6 }] }
  return [first, second, third, second, second, fourth, first, fifth, 'another type', ['another type'], fourth, {}]
}

async function everyStorage(run: (storage: Storage) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'varve-groups-'))
  try {
    await run(memoryStorage())
    await run(nodeStorage(directory))
    await run(limitedStorage(memoryStorage()))
    await run({ ...limitedStorage(memoryStorage()), compression: nativeCompression })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

describe('GroupFile.value()', () => {
  test('gives every version back on every storage', () =>
    everyStorage(async (storage) => {
      const values = someValues()
      const { file } = await groupOf(values, placeIn(storage))
      expect(file.damaged).toEqual([])
      for (const [at, value] of values.entries()) expect(difference(await file.value(at + 1), value)).toBeUndefined()
      // In any order, beside each other.
      const found = await Promise.all([12, 1, 6, 3].map((version) => file.value(version)))
      expect(difference(found, [values[11], values[0], values[5], values[2]])).toBeUndefined()
      await file.close()
    }))

  test('gives values that are the caller’s own', async () => {
    const { file } = await groupOf([{ list: [{ a: 1 }] }, { list: [{ a: 1 }, { b: { c: 2 } }] }])
    const value = (await file.value(2)) as { list: { b: { c: number } }[] }
    ;(value.list[1] as { b: { c: number } }).b.c = 99
    expect(await file.value(2)).toEqual({ list: [{ a: 1 }, { b: { c: 2 } }] })
    await file.close()
  })

  test('reads a value of many chunks at once, and one of scalars', async () => {
    const value = { numbers: Float64Array.from({ length: 60_000 }, (_, at) => Math.sin(at)).join(), more: [1, 2] }
    const { file } = await groupOf([value])
    const costs: ReadCost[] = []
    expect(await file.value(1, { onCost: (cost) => costs.push(cost) })).toEqual(value)
    expect(costs[0]?.reads).toBe(2)
    expect(costs[0]?.bytesRead).toBeGreaterThan(100_000)
    await file.close()
    for (const scalar of [null, 0, '', 'text', 2n ** 80n, new Date(7)]) {
      const { file: small } = await groupOf([scalar, [scalar], scalar])
      expect(await small.value(3)).toEqual(scalar)
      await small.close()
    }
  })

  test('finds a key among thousands, whose pages are between the blocks', async () => {
    const fields = Array.from({ length: 9_000 }, (_, at) => [`key ${at * 7}`, at] as const)
    const value = Object.fromEntries(fields)
    const { file } = await groupOf([value, { ...value, 'key 7': 'seven' }])
    expect(difference(await file.value(1), value)).toBeUndefined()
    expect(await file.valueAt(2, Path.of([{ type: 'field', key: 'key 7' }]))).toBe('seven')
    expect(await file.valueAt(2, Path.of([{ type: 'field', key: 'key 62993' }]))).toBe(8_999)
    expect(await file.valueAt(2, Path.of([{ type: 'field', key: 'key 8' }]))).toBeUndefined()
    await file.close()
  })

  test('stops when its signal is aborted', async () => {
    const { file } = await groupOf([{ a: 1 }])
    await expect(file.value(1, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
    await file.close()
  })
})

describe('GroupFile.valueAt()', () => {
  test('gives what the whole value has there, on every storage', () =>
    everyStorage(async (storage) => {
      const values = someValues()
      const { file } = await groupOf(values, placeIn(storage))
      const paths = [
        '',
        'title',
        'rows[150].done',
        'rows[199]',
        'odd[0]',
        'text',
        '"a new key"."a new key"',
        'nothing',
        'rows[200]',
      ]
      for (const [at, value] of values.entries()) {
        for (const text of paths) {
          const path = Path.parse(text)
          expect(difference(await file.valueAt(at + 1, path), at1(value, path), text)).toBeUndefined()
        }
      }
      await file.close()
    }))

  test('reads little of a large document, and tells how much', async () => {
    const versions = 30
    const maker = new GroupMaker()
    for (const value of drawingEdits(1_200, versions)) await maker.add(value)
    const row = await maker.rest()
    const last = maker.values.at(-1)
    for (const text of [
      'elements[0].x',
      'elements[600]',
      'elements[1199].text',
      'appState.gridSize',
      'elements[5000]',
    ]) {
      const file = await GroupFile.open(maker.place, row)
      const costs: ReadCost[] = []
      const path = Path.parse(text)
      const found = await file.valueAt(versions, path, { onCost: (cost) => costs.push(cost) })
      expect(difference(found, at1(last, path))).toBeUndefined()
      expect(file.openCost.bytesRead + (costs[0]?.bytesRead ?? 0)).toBeLessThan(65_536)
      await file.close()
    }
  })

  test('refuses a path that means many', async () => {
    const { file } = await groupOf([{ a: [1] }])
    await expect(file.valueAt(1, Path.parse('a[*]'))).rejects.toMatchObject({ code: 'PATH_PLURAL' })
    await file.close()
  })
})

function at1(value: unknown, path: Path): unknown {
  let at = value
  for (const step of path.steps) {
    if (typeof at !== 'object' || at === null) return undefined
    const key = step.type === 'field' ? step.key : step.type === 'index' ? String(step.index) : ''
    at = Object.getOwnPropertyDescriptor(at, key)?.value
  }
  return at
}

describe('GroupFile.values()', () => {
  test('gives the versions in order from any of them', async () => {
    const values = someValues()
    const { file } = await groupOf(values)
    for (let from = 1; from <= values.length; from++) {
      const seen: number[] = []
      for await (const { version, value } of file.values(from)) {
        seen.push(version.version)
        expect(difference(value, values[version.version - 1], `version ${version.version}`)).toBeUndefined()
      }
      expect(seen).toEqual(values.map((_, at) => at + 1).slice(from - 1))
    }
    await file.close()
  })

  test('decodes the keyframe once, also where two values take turns', async () => {
    const one = drawing(300, 1)
    const other = { ...one, name: 'other' }
    const { file } = await groupOf([one, other, one, other, one, other, one])
    let whole = 0
    await file.value(1, { onCost: ({ eventsScanned }) => (whole = eventsScanned) })
    const costs: ReadCost[] = []
    let versions = 0
    for await (const { value } of file.values(1, { onCost: (cost) => costs.push(cost) })) {
      versions++
      expect((value as typeof other).name).toBe(versions % 2 === 0 ? 'other' : one.name)
    }
    expect(costs.map(({ eventsScanned }) => eventsScanned)).toEqual([whole])
    await file.close()
  })

  test('tells the patches that make each value of the one before', async () => {
    const values = someValues()
    const { file } = await groupOf(values)
    let before: unknown
    for await (const { version, value, patch } of file.values(1)) {
      expect(patch === undefined).toBe(!version.isDelta || version.sameAs !== undefined)
      if (patch !== undefined) expect(difference(applyPatch(before, structuredClone(patch)), value)).toBeUndefined()
      before = copyValue(value)
    }
    await file.close()
  })
})

describe('GroupFile.versions', () => {
  test('has all facts of the versions', async () => {
    const maker = new GroupMaker()
    const facts: Extra[] = [
      { at: 0, label: 'né', offset: 5 },
      { at: 0, fingerprint: 'f', metadata: { who: ['me'], __proto__x: 1n } },
      { kind: 'metrics', offset: 5, at: 8.64e15 },
      {
        kind: 'rollup',
        offset: Number.MAX_SAFE_INTEGER,
        label: 'a',
        fingerprint: 'b',
        metadata: {},
        version: 1_000_000,
      },
    ]
    for (const [at, extra] of facts.entries()) await maker.add('x'.repeat(100 - at * 30), { at: 8.64e15, ...extra })
    const row = await maker.rest()
    const file = await GroupFile.open(maker.place, row)
    expect(file.versions).toEqual(
      maker.facts.map((fact, at) => ({ ...fact, sizeBytes: maker.frameBytes[at], isDelta: at > 0 })),
    )
    expect(file.has(3)).toBe(true)
    expect(file.has(4)).toBe(false)
    expect(file.has(1_000_000)).toBe(true)
    expect(file.damaged).toEqual([])
    await file.close()
  })

  test('names what a version is the same as', async () => {
    const { file } = await groupOf(['a', 'b', 'a', 'a', 'b', 'c', 'c'])
    expect(file.versions.map(({ sameAs }) => sameAs)).toEqual([undefined, undefined, 1, 1, 2, undefined, 6])
    await file.close()
  })
})

describe('GroupFile.grown()', () => {
  test('reads only the frames that came, beside the file as it was', async () => {
    const maker = new GroupMaker()
    for (const value of [{ n: 1 }, { n: 2 }]) await maker.add(value)
    const before = await GroupFile.open(maker.place, maker.row())
    for (const value of [{ n: 3, m: 'new' }, { n: 1 }, { n: 3, m: 'newer' }]) await maker.add(value)
    const after = await before.grown(maker.row())
    expect(after.openCost).toEqual({
      reads: 1,
      bytesRead: after.versions.slice(2).reduce((sum, v) => sum + v.sizeBytes, 0),
    })
    expect(before.versions.length).toBe(2)
    await before.close()
    await before.close()
    for (const [at, value] of maker.values.entries()) expect(await after.value(at + 1)).toEqual(value)
    const same = await after.grown(maker.row())
    await after.close()
    expect(await same.value(5)).toEqual({ n: 3, m: 'newer' })
    await same.close()
    await maker.rest()
  })
})
