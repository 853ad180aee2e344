/** Goal: whatever call of the file system fails, no acknowledged version of a document is lost, none is shown that was
 * refused for want of space, and every failure is reported by a typed error.
 * Method: a workload runs once for each of its file calls, each error that fits it, once and for ever.
 * @module */
import { expect, test } from 'vitest'
import { sweepErrors } from '../faults/error-sweep.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { copiedUnderFaults, underFaults } from './documents-workloads.ts'

const STRIDE = RUNTIME === 'node' ? 7 : 77
const CASES_FLOOR = share(300)

test.each([underFaults, copiedUnderFaults])(
  'a store with documents whose file calls fail reports it and loses nothing: $name',
  { timeout: 300_000 },
  async (run) => {
    const report = await sweepErrors({ ...run, stride: STRIDE })
    console.log(
      `swept ${run.name} on ${RUNTIME}: ${report.calls} calls, ${report.cases} cases, ${report.checked} disks`,
    )
    expect(report.failures).toEqual([])
    expect(report.cases).toBeGreaterThanOrEqual(CASES_FLOOR)
  },
)
