/** Goal: no crash on an honest disk loses an acknowledged event, tears a batch, or leaves a store that does not open by
 * itself. Method: seven workloads run on a simulated disk; the disk is crashed at every operation in every mode; each
 * different image is opened and held against the ledger and a model, and some are crashed again while they recover.
 * A failure prints its workload, operation, mode and seed.
 * @module */
import { describe, expect, test } from 'vitest'
import { explore, mustSurvive } from '../faults/explorer.ts'
import { RUNTIME, share } from '../support/runtime.ts'
import { append, checkpoint, exploration, prune, recovery, remake, roll, takeover } from './workloads.ts'

const IMAGES_FLOOR = share(10_000)
const NESTED_FLOOR = share(2_000)
const total = { unique: 0, nested: 0 }

const runs = [
  exploration('append', append),
  exploration('append-async', append, { files: { asynchronous: true, seed: 7 } }),
  exploration('roll', roll),
  exploration('checkpoint', checkpoint),
  { ...exploration('prune', prune), imagesMax: share(1_500) },
  { ...exploration('remake', remake), imagesMax: share(1_500) },
  exploration('recovery', recovery),
  exploration('takeover', takeover, { holding: { gaps: true } }),
]

describe('a store that crashed', () => {
  test.each(runs)('holds what was acknowledged: $name', { timeout: 300_000 }, async (run) => {
    const report = await mustSurvive({
      seeds: 8,
      imagesMax: share(3_500),
      ...run,
      nested: { images: share(30), points: 20 },
    })
    total.unique += report.unique
    total.nested += report.nestedImages
  })

  test('is explored the same way twice', async () => {
    const run = { ...exploration('append', append), modes: ['random', 'torn'] as const, imagesMax: 60 }
    expect(await explore(run)).toEqual(await explore(run))
  })
})

test('the explorations reach their floors', () => {
  console.log(`crash images on ${RUNTIME}: ${total.unique} unique, ${total.nested} nested`)
  expect(total.unique).toBeGreaterThanOrEqual(IMAGES_FLOOR)
  expect(total.nested).toBeGreaterThanOrEqual(NESTED_FLOOR)
})
