/** Goal: whatever call of the file system fails, no acknowledged version of a history is lost, none is shown that was
 * refused for want of space, every failure is reported by a typed error, and appending goes on when the cause is gone.
 * Method: a workload runs once for each of its file calls, each error that fits it, once and for ever.
 * @module */
import { expect, test } from 'vitest'
import { sweepErrors } from '../faults/error-sweep.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { underFaults } from './histories-workloads.ts'

const STRIDE = RUNTIME === 'node' ? 17 : 170
const CASES_FLOOR = share(200)

test('a store with histories whose file calls fail reports it and loses nothing', { timeout: 300_000 }, async () => {
  const report = await sweepErrors({ ...underFaults, stride: STRIDE })
  console.log(`swept histories on ${RUNTIME}: ${report.calls} calls, ${report.cases} cases, ${report.checked} disks`)
  expect(report.failures).toEqual([])
  expect(report.cases).toBeGreaterThanOrEqual(CASES_FLOOR)
})
