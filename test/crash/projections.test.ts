/** Goal: no crash and no failing call makes a projection skip an event or fold one twice, or lose what it published.
 * Method: workloads run on a simulated disk, which is crashed at every operation in every mode; each different image
 * is opened and held against the ledger. One workload runs once for each of its file calls, with that call failing. A
 * failure prints its workload, operation, mode and seed.
 * @module */
import { describe, expect, test } from 'vitest'
import { sweepErrors } from '../faults/error-sweep.ts'
import { mustSurvive } from '../faults/explorer.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { explorations, underFaults } from './projections-workloads.ts'

const IMAGES_FLOOR = share(300)
const STRIDE = RUNTIME === 'node' ? 17 : 170
const CASES_FLOOR = share(150)
let unique = 0

describe('a store with projections that crashed', () => {
  test.each(explorations)('folds every event once: $name', { timeout: 300_000 }, async (run) => {
    const nested = { images: share(6), points: 8 }
    const report = await mustSurvive({ ...run, seeds: 2, imagesMax: share(160), nested })
    unique += report.unique
  })

  test('the explorations of projections reach their floor', () => {
    console.log(`crash images of projections on ${RUNTIME}: ${unique}`)
    expect(unique).toBeGreaterThanOrEqual(IMAGES_FLOOR)
  })
})

test('a store with projections whose file calls fail reports it and folds every event once', {
  timeout: 300_000,
}, async () => {
  const report = await sweepErrors({ ...underFaults, stride: STRIDE })
  console.log(`swept projections on ${RUNTIME}: ${report.calls} calls, ${report.cases} cases, ${report.checked} disks`)
  expect(report.failures).toEqual([])
  expect(report.cases).toBeGreaterThanOrEqual(CASES_FLOOR)
})
