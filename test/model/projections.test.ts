/** Projections of random topics, against folds that begin anew each time.
 *
 * Goal: whatever was appended, pruned, deleted and made anew, whichever fold fails, heals or is replaced, and however
 * the store ends, the states that a projection serves, keeps and rebuilds are those of the fold. Method: random plans
 * of steps on two projections of one topic, published every few events, in the store that writes and in one beside it.
 * A failure prints the seed and the path that repeat it.
 * @module */
import fc from 'fast-check'
import { test } from 'vitest'
import { projectionPlans } from './projection-plans.ts'
import { LIMITS, run } from './projection-run.ts'

test('projections are what their folds make', async () => {
  await fc.assert(fc.asyncProperty(projectionPlans, run), LIMITS)
}, 60_000)
