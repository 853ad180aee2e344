/** Goal: no crash loses an acknowledged version of a history, shows half of one or one that nobody wrote, or leaves a
 * file that nobody needs.
 * Method: workloads run on a simulated disk, which is crashed at every operation in every mode; each different
 * image is opened, by a reader and a writer, and held against the ledger; some are crashed again while they recover. A
 * failure prints its workload, operation, mode and seed.
 * @module */
import { describe, expect, test } from 'vitest'
import { mustSurvive } from '../faults/explorer.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { explorations } from './histories-workloads.ts'

const IMAGES_FLOOR = share(400)
const NESTED_FLOOR = share(100)
const total = { unique: 0, nested: 0 }

describe('a store with histories that crashed', () => {
  test.each(explorations)('shows each version whole and acknowledged: $name', { timeout: 300_000 }, async (run) => {
    const nested = { images: share(4), points: 8 }
    const report = await mustSurvive({ ...run, seeds: 4, imagesMax: share(130), nested })
    total.unique += report.unique
    total.nested += report.nestedImages
  })

  test('the explorations of histories reach their floors', () => {
    console.log(`crash images of histories on ${RUNTIME}: ${total.unique} unique, ${total.nested} nested`)
    expect(total.unique).toBeGreaterThanOrEqual(IMAGES_FLOOR)
    expect(total.nested).toBeGreaterThanOrEqual(NESTED_FLOOR)
  })
})
