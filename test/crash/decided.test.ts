/** Goal: no crash makes a retry append twice or lose what was acknowledged, and no crash changes an answer by a term.
 * Method: workloads with idempotency keys, conditions, rolls, merged term runs, pruning and changes of the format run
 * on a simulated disk, which is crashed at every operation in every mode; each different image is opened, asked by
 * every kind of term, and every call with a key is made again; some are crashed again while they recover. A failure
 * prints its workload, operation, mode and seed.
 * @module */
import { describe, expect, test } from 'vitest'
import { mustSurvive } from '../faults/explorer.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { deciding, formats, keys, merges, prunedRuns, remadeRuns } from './decided-workloads.ts'

const IMAGES_FLOOR = share(2_000)
const NESTED_FLOOR = share(500)
const total = { unique: 0, nested: 0 }

const runs = [
  deciding('merges', merges),
  deciding('remade-runs', remadeRuns),
  deciding('keys', keys),
  deciding('pruned-runs', prunedRuns),
  deciding('formats', formats, { proves: true }),
]

describe('a topic with keys and terms that crashed', () => {
  test.each(runs)('answers as a scan does and appends once: $name', { timeout: 300_000 }, async (run) => {
    const report = await mustSurvive({
      ...run,
      seeds: 4,
      imagesMax: share(800),
      nested: { images: share(10), points: 14 },
    })
    total.unique += report.unique
    total.nested += report.nestedImages
  })
})

test('the explorations of keys and terms reach their floors', () => {
  console.log(`crash images of keys and terms on ${RUNTIME}: ${total.unique} unique, ${total.nested} nested`)
  expect(total.unique).toBeGreaterThanOrEqual(IMAGES_FLOOR)
  expect(total.nested).toBeGreaterThanOrEqual(NESTED_FLOOR)
})
