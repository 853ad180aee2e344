/** Topics that are pruned, changed, deleted and created again, against the model.
 *
 * Goal: only what may go goes, all of what must go goes, versions stay, everything else answers as before. Method: as
 * for reads, with retention of each kind, pruning by offset with a dry run before it, and topics of the same name one
 * after the other.
 * @module */
import fc from 'fast-check'
import { test } from 'vitest'
import { plans } from './plans.ts'
import { LIMITS, run } from './runner.ts'

test('Topic.prune(), retention and deletion leave what the model leaves', async () => {
  const steps = { calls: 5, many: 5, query: 3, walk: 1, prune: 4, retain: 3, change: 1, advance: 2, checkpoint: 1 }
  await fc.assert(fc.asyncProperty(plans({ ...steps, recreate: 1 }), run), LIMITS)
}, 30_000)
