/** Reads of random topics, against the model.
 *
 * Goal: whatever was appended, in however many segments and partitions, every way of reading answers as arrays do.
 * Method: append random calls to a topic whose segments are small, ask random queries of the open store and of one that
 * reads beside it, then after a clean reopen or a takeover, with and without the files that can be made again. A
 * failure prints the seed and the path that repeat it.
 * @module */
import fc from 'fast-check'
import { test } from 'vitest'
import { plans } from './plans.ts'
import { LIMITS, run } from './runner.ts'

test('Topic reads answer as the model does, before and after reopening', async () => {
  const plan = plans({ calls: 5, many: 4, query: 6, walk: 3, prune: 1, change: 1, advance: 1, checkpoint: 1 })
  await fc.assert(fc.asyncProperty(plan, run), LIMITS)
}, 30_000)
