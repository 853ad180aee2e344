/** Goal: no flipped bit gives a wrong answer, and every one is noticed.
 * Method: flip every bit of every file of a cleanly closed store with all kinds of files. Each flip of a derived file
 * opens the store read-only, verifies it and reads everything. For manifests and segments, which are most of the bytes,
 * each flip asks what guards the file, the scan of its frames or batches, and reads the events of the segment from a
 * store that is open already. Every 89th flip also opens the store whole, in turn read-only and for writing.
 * @module */
import { expect, test } from 'vitest'
import { bitSweep, type Observation } from '../faults/bit-sweep.ts'
import { RUNTIME } from '../support/runtime.ts'
import { guards } from './guards.ts'
import { closedStore, observeWhole } from './whole.ts'

const WHOLE_EVERY = 89
const STRIDE = RUNTIME === 'node' ? 1 : 13
const FLIPS_FLOOR = RUNTIME === 'node' ? 190_000 : 14_000
test('a store notices every flipped bit', { timeout: 240_000 }, async () => {
  const image = await closedStore()
  // Term indexes: see decided-bits.test.ts.
  const swept = new Map([...image].filter(([path]) => !path.endsWith('.terms')))
  const guarded = await guards(image)
  const baseline = new Map<string, string>()
  let turn = 0
  let whole = 0
  const observe = async (path: string): Promise<Observation> => {
    const guard = guarded.get(path) ?? (() => observeWhole(image, true))
    const answers = baseline.get(path) ?? (await observeWhole(image, true)).answers
    const isFirst = !baseline.has(path)
    baseline.set(path, answers)
    if (!isFirst && ++turn % WHOLE_EVERY === 0) {
      whole++
      const isReader = turn % (2 * WHOLE_EVERY) === 0
      const seen = await observeWhole(image, isReader)
      if (seen.answers !== answers) return { ...seen, answers: 'the whole store answers otherwise' }
      // A writer may remove the file, or have no reason to read it.
      if (isReader && seen.found.length === 0) return { ...seen, answers: 'the whole store notices nothing' }
    }
    return guard()
  }
  const report = await bitSweep({ image: swept, observe, stride: STRIDE })
  const kinds = [...new Set([...swept.keys()].map((path) => path.replace(/.*[./]|-\d+$/g, '')))].join(' ')
  const counts = `${report.flips} bits of ${swept.size} files (${kinds}), ${whole} opened whole`
  console.log(`flipped on ${RUNTIME}: ${counts}`)
  expect(report.failures).toEqual([])
  expect(report.unchangedAt).toEqual(new Map())
  expect(report.flips).toBeGreaterThanOrEqual(FLIPS_FLOOR)
})
