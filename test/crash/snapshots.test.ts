/** Goal: no crash loses or changes what the store or a snapshot of it acknowledged, shows half of a snapshot, a fork or
 * a restored store, or leaves a file that nobody needs; and no byte is ever written into a file with two names.
 * Method: workloads run on a simulated disk, which is crashed at every operation in every mode; each different image is
 * opened, by a reader and a writer, and held against the ledger; some are crashed again while they recover. A failure
 * prints its workload, operation, mode and seed.
 * @module */
import { describe, expect, test } from 'vitest'
import { mustSurvive } from '../faults/explorer.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { explorations } from './snapshots-workloads.ts'

const total = { unique: 0, nested: 0 }

describe('a store with snapshots that crashed', async () => {
  test.each(await explorations())('shows them whole and acknowledged: $name', { timeout: 300_000 }, async (run) => {
    const nested = { images: share(2), points: 5 }
    const report = await mustSurvive({ ...run, seeds: 3, imagesMax: share(45), nested })
    total.unique += report.unique
    total.nested += report.nestedImages
  })

  test('the explorations of snapshots reach their floors', () => {
    console.log(`crash images of snapshots on ${RUNTIME}: ${total.unique} unique, ${total.nested} nested`)
    expect(total.unique).toBeGreaterThanOrEqual(share(250))
    expect(total.nested).toBeGreaterThanOrEqual(share(50))
  })
})
