/** Goal: what src/FORMAT.md says of deltas, columns and hashes is all that a reader of groups has to know.
 * Method: random patches of every kind, also such as no comparison makes, and columns of every form, written to groups
 * by the product and read to values by the reader made from the page. Then the sample store, all of it.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { loadSample } from '../../src/cli/sample.ts'
import { contentHashOf } from '../../src/history/group/content-hash.ts'
import { GroupWriter } from '../../src/history/group/group-writer.ts'
import { applyPatch } from '../../src/history/patch/apply.ts'
import { cloneValue } from '../../src/history/patch/copy-value.ts'
import type { Patch } from '../../src/history/patch/patch.ts'
import { openStore } from '../../src/index.ts'
import { difference } from '../support/same-value.ts'
import { draws } from '../support/seeded-random.ts'
import { bytesOf, ID, placeIn } from '../unit/history/group-helpers.ts'
import { randomPatch, randomValue } from '../unit/history/support/random-patches.ts'
import { dumpManifest } from './dump.ts'
import { columnKinds } from './group-columns.ts'
import { GroupPage } from './group-files.ts'

/** Kinds of changes that were read. */
const seen = new Set<string>()

/** Write a group of a value and what each patch makes of the one before, and read it by the page. */
async function checkGroup(first: unknown, next: (before: unknown, at: number) => Patch | undefined): Promise<void> {
  const place = placeIn(memoryStorage())
  const { digest } = place.storage
  const values = [cloneValue(first)]
  const facts = (version: number, value: unknown) => {
    return { version, at: version, kind: 'value' as const, ...contentHashOf(digest, value) }
  }
  const writer = await GroupWriter.create(place, { value: first, facts: facts(1, first) })
  for (let patch = next(first, 0); patch !== undefined; patch = next(values.at(-1), values.length - 1)) {
    // What is applied becomes part of the value.
    const value = applyPatch(cloneValue(values.at(-1)), structuredClone(patch))
    values.push(value)
    await writer.write(await writer.encode(facts(values.length, value), { patch }))
  }
  await writer.close()
  const page = new GroupPage(await bytesOf(place.storage, place.path), ID)
  for (const [at, { value }] of page.values().entries()) {
    expect(difference(value, values[at]), `version ${at + 1}`).toBeUndefined()
  }
  for (const kind of page.seen) seen.add(kind)
}

test('random patches read as FORMAT.md says', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const draw = draws(seed)
    const patches = (before: unknown, at: number) => (at < 12 ? randomPatch(before, draw) : undefined)
    await checkGroup(randomValue(draw), patches)
  }
})

const range = <T>(make: (at: number) => T, count = 200): T[] => Array.from({ length: count }, (_, at) => make(at))
const SHIFT = 2n ** 64n - 5n
/** Columns of every kind, and of every number of differences. */
const COLUMNS: Readonly<Record<number, readonly (number | bigint)[]>> = {
  0: [1, 2n, -0, Number.NaN, 0.1, -(2n ** 80n), 'x'.length, 2 ** 60],
  2: range((at) => Math.sqrt(at + 2)),
  3: range((at) => ((at * 7_919) % 1_000) - 500),
  4: range((at) => 1_700_000_000_000 + ((at * 7_919) % 100) + at * 50),
  5: range((at) => at * at * 1_000 + 5),
  6: range((at) => BigInt((at * at * 7_919) % 61)),
  7: range((at) => 2n ** 90n + BigInt((at * 7_919) % 100) + BigInt(at) * 50n),
  8: range((at) => BigInt(at) * BigInt(at) * -1_000n),
  9: range((at) => ((at * 7_919) % 1_000) / 100 - 3),
  10: range((at) => 20_000_000 + at * 50 + ((at * 7_919) % 100) / 100),
  11: range((at) => (at * at * 5 + 1) / 8),
  15: range((at) => Math.sqrt(at % 3)),
}
const BITS: Readonly<Record<number, BigUint64Array>> = {
  1: BigUint64Array.from(range((at) => BigInt(at * 7_919) << 40n)),
  12: BigUint64Array.from(range((at) => (at % 7 === 0 ? SHIFT : BigInt((at * 7_919) % 60)))),
  13: BigUint64Array.from(range((at) => 2n ** 50n + BigInt(at * 40) + BigInt((at * 7_919) % 60))),
  14: BigUint64Array.from(range((at) => BigInt(at * at * 300) + 2n ** 40n)),
}

test('columns of every kind read as FORMAT.md says', async () => {
  const changes: Patch[] = []
  for (const values of Object.values(COLUMNS)) {
    changes.push({ type: 'set', value: values }, { type: 'set', value: { a: [values, 1], b: [...values] } })
    changes.push({ type: 'set', value: values.map(() => 1.5) })
    changes.push({ type: 'numbers', coding: 'set', positions: [...values.keys()], values })
    changes.push({ type: 'array', runs: [{ type: 'insert', values }] })
  }
  changes.push({ type: 'set', value: range((at) => at / 3) })
  const places = range((at) => at)
  for (const values of Object.values(BITS)) {
    changes.push({ type: 'numbers', coding: 'bits', values })
    changes.push({ type: 'numbers', coding: 'bits', positions: places, values: values.map((bits) => -bits) })
  }
  changes.push({ type: 'set', value: range((at) => at * 3) }, { type: 'numbers', coding: 'add', values: places })
  changes.push({ type: 'set', value: range((at) => BigInt(at)) })
  changes.push({ type: 'numbers', coding: 'add', positions: [3, 50], values: [-(2n ** 70n), 5n] })
  await checkGroup([], (_, at) => changes[at])
})

test('the histories of the sample store read as FORMAT.md says', async () => {
  const storage = memoryStorage()
  const store = await openStore({ storage })
  await loadSample(store, 1_767_225_600_000)
  await store.close()
  const { bodies } = dumpManifest(await bytesOf(storage, 'MANIFEST-00000000000000000001'), 1)
  const groups = groupsOf(bodies)
  let versions = 0
  for (const [name, rows] of groups) {
    for (const row of rows) {
      const bytes = await bytesOf(storage, `histories/${name}/${row.file}.vgrp`)
      const page = new GroupPage(bytes.subarray(0, row.endBytes), row.id)
      const values = page.values()
      expect(values.map(({ rawBytes }) => rawBytes).reduce((a, b) => a + b)).toBe(row.rawBytes)
      expect([values[0]?.version, values.at(-1)?.at]).toEqual([row.firstVersion, row.lastAt])
      versions += values.length
      for (const kind of page.seen) seen.add(kind)
    }
  }
  expect([...groups.keys()]).toEqual(['drawing', '_order-counts'])
  expect(versions).toBeGreaterThan(50)
})

interface Row {
  readonly id: string
  readonly file: string
  readonly firstVersion: number
  readonly lastAt: number
  readonly endBytes: number
  readonly rawBytes: number
}

/** The groups of each history as the commits of a manifest leave them. */
function groupsOf(bodies: readonly unknown[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const body of bodies as { type: string; history?: object }[]) {
    const isPublished = body.type === 'projection-published'
    if (!isPublished && body.type !== 'history-written') continue
    const written = (isPublished ? body.history : body) as { name: string; from: number; groups: Row[] }
    groups.set(written.name, [...(groups.get(written.name) ?? []).slice(0, written.from), ...written.groups])
  }
  return groups
}

test('every kind of change and of column was among them', () => {
  expect([...columnKinds].sort((a, b) => a - b)).toEqual(range((at) => at, 16))
  const codings = [0, 1, 2].flatMap((coding) => [`numbers ${coding}`, `numbers ${coding} at positions`])
  expect([...seen].sort()).toEqual(
    [
      ...['another value', 'one field', 'removed', 'changed', 'added', 'order', 'one element', 'one edit', 'edits'],
      ...['run 0', 'run 1', 'run 2', 'run 3', ...codings, 'column in a value', 'key by number'],
    ].sort(),
  )
})
