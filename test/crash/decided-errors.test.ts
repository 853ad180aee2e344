/** Goal: whatever call of the file system fails while term indexes are written and versions are kept, appends go on as
 * far as they can, pruning does all or nothing, no retry appends twice, and everything is told by typed errors.
 * Method: two workloads run once for each of their file calls and each error that fits it, once and for ever; another
 * runs with every call to a derived file failing, and must not notice.
 * @module */
import { describe, expect, test } from 'vitest'
import { sweepErrors } from '../faults/error-sweep.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { mustSettle } from '../support/settle.ts'
import { decidedUnderFaults, deciding, withoutDerived } from './decided-workloads.ts'

const STRIDE = RUNTIME === 'node' ? 13 : 143
const CASES_FLOOR = share(800)
let total = 0

describe('a topic with keys and terms whose file calls fail', () => {
  test.each(['terms', 'versions'] as const)('reports it and loses nothing: %s', { timeout: 300_000 }, async (kind) => {
    const run = deciding(kind, decidedUnderFaults(kind), { gaps: true })
    const report = await sweepErrors({ ...run, stride: STRIDE })
    console.log(`swept ${kind}: ${report.calls} calls, ${report.cases} cases, ${report.checked} different disks`)
    expect(report.failures).toEqual([])
    total += report.cases
  })

  test('the sweeps reach their floor', () => {
    console.log(`failing calls of keys and terms on ${RUNTIME}: ${total} cases`)
    expect(total).toBeGreaterThanOrEqual(CASES_FLOOR)
  })

  test.each(['EIO', 'ENOSPC', 'EMFILE', 'EACCES'])('needs no derived file: %s', async (errno) => {
    await mustSettle(withoutDerived(new FaultFiles(), errno))
  })
})
