/** Decisions of random calls, against the model.
 *
 * Goal: of calls that are made one by one or at once, with expectations, conditions and idempotency keys, those are
 * accepted that the words of a topic allow, and what is accepted is in the log, once. Method: as for reads, with mostly
 * calls; windows of keys are short in time and in number, so that keys are forgotten.
 * @module */
import fc from 'fast-check'
import { test } from 'vitest'
import { plans } from './plans.ts'
import { LIMITS, run } from './runner.ts'

test('Topic.append() decides as the model does, one by one and at once', async () => {
  const plan = plans({ calls: 12, many: 2, query: 1, change: 2, advance: 1, checkpoint: 1, prune: 1 })
  await fc.assert(fc.asyncProperty(plan, run), LIMITS)
}, 30_000)
