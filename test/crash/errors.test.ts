/** Goal: whatever call of the file system fails, however and how often, nothing acknowledged is lost, every failure is
 * reported by a typed error, and nothing is there that was refused for want of space.
 * Method: five workloads run once for each of their file calls, each error that fits it, once and for ever.
 * @module */
import { describe, expect, test } from 'vitest'
import { sweepErrors } from '../faults/error-sweep.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { exploration, underFaults } from './workloads.ts'

const STRIDE = RUNTIME === 'node' ? 1 : 11
/** Of the workloads with many calls, one case in so many: still every call with some error. */
const SHARES: Readonly<Record<string, number>> = { roll: 2, prune: 4, delete: 4 }
const CASES_FLOOR = share(5_000)
let total = 0

describe('a store whose file calls fail', () => {
  test.each(['append', 'roll', 'checkpoint', 'prune', 'delete'] as const)(
    'reports it and loses nothing: %s',
    { timeout: 300_000 },
    async (kind) => {
      const run = exploration(kind, underFaults(kind), { holding: { gaps: true } })
      const report = await sweepErrors({ ...run, stride: STRIDE * (SHARES[kind] ?? 1) })
      console.log(`swept ${kind}: ${report.calls} calls, ${report.cases} cases, ${report.checked} different disks`)
      expect(report.failures).toEqual([])
      total += report.cases
    },
  )
})

test('the sweeps reach their floor', () => {
  console.log(`failing calls on ${RUNTIME}: ${total} cases`)
  expect(total).toBeGreaterThanOrEqual(CASES_FLOOR)
})
