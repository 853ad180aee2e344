/** Goal: one value at a path is made from patches alone as it is in the whole value, and what is said to have changed
 * is what differs.
 * Method: random values go through rows of random patches, also such that no comparison would make; each delta is
 * written and read, and every path of the last value is traced. fast-check prints the seed of a failure.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Step } from '../../../src/document/path/path.ts'
import { DeltaKeys } from '../../../src/history/delta/keys.ts'
import { decodePatch } from '../../../src/history/delta/read.ts'
import { encodePatch } from '../../../src/history/delta/write.ts'
import { applyPatch } from '../../../src/history/patch/apply.ts'
import { cloneValue } from '../../../src/history/patch/copy-value.ts'
import { diffValues } from '../../../src/history/patch/diff.ts'
import type { Patch } from '../../../src/history/patch/patch.ts'
import { type TracedPath, tracePath } from '../../../src/history/patch/trace-path.ts'
import { valueAtSteps } from '../../../src/history/patch/value-path.ts'
import { difference } from '../../support/same-value.ts'
import { draws } from '../../support/seeded-random.ts'
import { randomPatch, randomValue } from './support/random-patches.ts'

const seeds = fc.integer({ min: 0, max: 0x7fff_ffff })

interface Versions {
  readonly values: readonly unknown[]
  readonly patches: readonly Patch[]
}

/** Values, each made from the one before by a patch that was written and read: drawn, or found by comparing. */
function versions(seed: number, count: number): Versions {
  const draw = draws(seed)
  const values: unknown[] = [randomValue(draw)]
  const patches: Patch[] = []
  const written = new DeltaKeys(['a', 'id'])
  const read = new DeltaKeys(['a', 'id'])
  for (let version = 1; version < count; version++) {
    const before = values[version - 1]
    const drawn = randomPatch(before, draw)
    const compared = diffValues(before, applyPatch(cloneValue(before), clonePatch(drawn)))
    const patch = draw() % 2 === 0 ? drawn : (compared ?? drawn)
    const bytes = encodePatch(patch, written)
    const again = decodePatch(bytes, read)
    expect(difference(again, patch)).toBeUndefined()
    expect(read.names).toEqual(written.names)
    patches.push(again)
    values.push(applyPatch(cloneValue(before), clonePatch(again)))
  }
  return { values, patches }
}

function clonePatch(patch: Patch): Patch {
  return decodePatch(encodePatch(patch, new DeltaKeys([])), new DeltaKeys([]))
}

/** Every path of a value, and some next to them that nothing is at. */
function* pathsOf(value: unknown, parent: readonly Step[]): Generator<Step[]> {
  yield [...parent]
  yield [...parent, { type: 'field', key: 'absent' }]
  if (Array.isArray(value)) {
    yield [...parent, { type: 'index', index: value.length }]
    for (const [index, element] of value.entries()) {
      yield* pathsOf(element, [...parent, { type: 'index', index }])
      yield [...parent, { type: 'field', key: String(index) }]
    }
  } else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    yield [...parent, { type: 'index', index: 0 }]
    for (const key of Object.keys(value)) {
      const field: unknown = Object.getOwnPropertyDescriptor(value, key)?.value
      yield* pathsOf(field, [...parent, { type: 'field', key }])
    }
  }
}

function tracedValue({ from, patches }: TracedPath, first: unknown): unknown {
  if (from === 'absent') return undefined
  let value = cloneValue('value' in from ? from.value : valueAtSteps(first, from.steps))
  if (value === undefined) return undefined
  for (const patch of patches) value = applyPatch(value, clonePatch(patch))
  return value
}

describe('tracePath()', () => {
  test('gives what the whole value has at every path, over rows of patches', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { values, patches } = versions(seed, 2 + (seed % 8))
        for (const steps of pathsOf(values.at(-1), [])) {
          const found = tracedValue(tracePath(patches, steps), values[0])
          const problem = difference(found, valueAtSteps(values.at(-1), steps))
          expect(problem && { steps, problem }).toBeUndefined()
        }
      }),
      { numRuns: 400 },
    )
  })

  test('takes only the patches that a value met', () => {
    const change: Patch = { type: 'string', edits: [{ start: 0, remove: 0, insert: 'x' }] }
    const inField = (key: string, patch: Patch): Patch => ({
      type: 'object',
      removed: [],
      changed: [[key, patch]],
      added: [],
    })
    const moved: Patch = {
      type: 'array',
      runs: [
        { type: 'insert', values: [{ text: 'new' }] },
        { type: 'change', start: 3, patch: inField('text', change) },
        { type: 'keep', start: 0, length: 3 },
      ],
    }
    const patches = [inField('other', change), inField('rows', moved), inField('other', change)]
    const text: Step = { type: 'field', key: 'text' }
    const at = (index: number): Step[] => [{ type: 'field', key: 'rows' }, { type: 'index', index }, text]
    expect(tracePath(patches, at(1))).toEqual({ from: { steps: at(3) }, patches: [change] })
    expect(tracePath(patches, at(2))).toEqual({ from: { steps: at(0) }, patches: [] })
    expect(tracePath(patches, at(0))).toEqual({ from: { value: 'new' }, patches: [] })
    expect(tracePath(patches, at(5))).toEqual({ from: 'absent', patches: [] })
  })
})
