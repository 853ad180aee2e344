/** Goal: whatever versions a group has, and however often its file was closed in between, each reads back as it was:
 * whole, in order from any of them, and at every path.
 * Method: random values and random edits of them, some undone again; fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Path, type Step } from '../../../src/document/path/path.ts'
import { GroupFile } from '../../../src/history/group/group-file.ts'
import { valueAtSteps } from '../../../src/history/patch/value-path.ts'
import { share } from '../../support/runtime.ts'
import { difference } from '../../support/same-value.ts'
import { anyValue } from '../document/support/any-value.ts'
import { GroupMaker } from './group-helpers.ts'
import { edited, someEdits } from './support/edits.ts'

const versions = fc
  .tuple(anyValue, fc.array(fc.tuple(someEdits, fc.nat(9)), { maxLength: 8 }))
  .map(([first, steps]) => {
    const values = [first]
    for (const [edits, back] of steps) {
      const before = values[Math.max(0, values.length - 1 - back)]
      values.push(back > 6 ? values.at(-1) : edited(back > 3 ? before : values.at(-1), edits))
    }
    return values
  })

/** Paths to some values inside one. */
function pathsIn(value: unknown, picks: readonly number[]): Path[] {
  return picks.map((pick) => {
    const steps: Step[] = []
    let at = value
    for (let left = pick; left > 0 && typeof at === 'object' && at !== null; left = Math.floor(left / 7)) {
      if (Array.isArray(at)) steps.push({ type: 'index', index: left % (at.length + 1) })
      else steps.push({ type: 'field', key: Object.keys(at)[left % 8] ?? 'nothing' })
      at = valueAtSteps(value, steps)
    }
    return Path.of(steps)
  })
}

test('groups give random versions back', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(versions, fc.array(fc.nat(5), { maxLength: 4 }), fc.array(fc.nat(99_999), { minLength: 4 }), run),
    { numRuns: share(150) },
  )
})

async function run(values: readonly unknown[], rests: readonly number[], picks: readonly number[]): Promise<void> {
  const maker = new GroupMaker()
  let grown: GroupFile | undefined
  for (const [at, value] of values.entries()) {
    await maker.add(value, rests.includes(at) ? { label: `v${at}` } : {})
    if (!rests.includes(at)) continue
    const row = await maker.rest()
    const before: GroupFile | undefined = grown
    grown = before === undefined ? await GroupFile.open(maker.place, row) : await before.grown(row)
    await before?.close()
    await maker.resume(row)
  }
  const row = await maker.rest()
  for (const file of [await GroupFile.open(maker.place, row), await grown?.grown(row)]) {
    if (file !== undefined) await check(file, values, picks)
  }
  await grown?.close()
}

async function check(file: GroupFile, values: readonly unknown[], picks: readonly number[]): Promise<void> {
  expect(file.damaged).toEqual([])
  for (const [at, value] of values.entries()) {
    expect(difference(await file.value(at + 1), value)).toBeUndefined()
    for (const path of pathsIn(value, picks)) {
      const found = await file.valueAt(at + 1, path)
      expect(difference(found, valueAtSteps(value, path.steps), `${at + 1} ${path}`)).toBeUndefined()
    }
  }
  const from = 1 + ((picks[0] ?? 0) % values.length)
  let next = from
  for await (const { version, value } of file.values(from)) {
    expect(version.version).toBe(next++)
    expect(difference(value, values[version.version - 1])).toBeUndefined()
  }
  expect(next).toBe(values.length + 1)
  await file.close()
}
