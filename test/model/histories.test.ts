/** Histories of random values, against arrays of full copies.
 *
 * Goal: whatever was appended, edited, thinned out, pinned, deleted, interrupted and begun anew, every way of reading a
 * history answers as the copies do, in the store that writes and in one beside it. Method: random plans of steps on
 * several histories, with short groups, tiers of milliseconds, and lives of the store that end in any way. A failure
 * prints the seed and the path that repeat it.
 * @module */
import fc from 'fast-check'
import { test } from 'vitest'
import { historyPlans } from './history-plans.ts'
import { LIMITS, run } from './history-run.ts'

test('histories answer as copies do', async () => {
  await fc.assert(fc.asyncProperty(historyPlans, run), LIMITS)
}, 60_000)
