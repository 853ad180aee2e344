/** Snapshots, forks and restored stores, against plain arrays.
 *
 * Goal: whatever was appended, pruned, written, snapshotted, forked, restored, exported, imported, pinned, deleted and
 * cleaned up, in whatever order, with lives of the store that end in any way: every snapshot has what the store had at
 * its moment, every copy goes on from there, and counts and freed bytes are what they are said to be. Method: random
 * plans of steps, with short segments and a clock that jumps. A failure prints the seed and the path that repeat it.
 * @module */
import fc from 'fast-check'
import { test } from 'vitest'
import { snapshotPlans } from './snapshot-plans.ts'
import { LIMITS, run } from './snapshot-run.ts'

test('snapshots, forks and restores answer as arrays do', async () => {
  await fc.assert(fc.asyncProperty(snapshotPlans, run), LIMITS)
}, 60_000)
