/** Goal: a topic with compressed blocks and a chain over events survives crashes as any other: no acknowledged event is
 * lost, and batches that recovery writes again keep their hashes. Method: as in explorer.test.ts, over a workload that
 * rolls, with owners that vanish.
 * @module */
import { expect, test } from 'vitest'
import { mustSurvive } from '../faults/explorer.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { share } from '../support/runtime.ts'
import { Caller, createSmall, openForTest } from './oracle.ts'
import { exploration, type Workload } from './workloads.ts'

const SEGMENT_BYTES = 4096
const IMAGES = share(1_500)

const packed: Workload = async (files, ledger) => {
  const options = { compression: 'deflate', chain: 'events' } as const
  await createSmall(faultStorage(files), ledger, {
    name: 'orders',
    partitions: 1,
    segmentBytes: SEGMENT_BYTES,
    ...options,
  })
  for (let round = 0; round < 3; round++) {
    const store = await openForTest(faultStorage(files))
    const caller = new Caller(store, ledger, round * 1000)
    await caller.use('orders', 1)
    for (let turn = 0; turn < 3; turn++) {
      await Promise.all([
        caller.append('orders', 3, { entity: `entity-${turn}`, size: SEGMENT_BYTES / 8 }),
        caller.append('orders', 1, { entity: 'entity-0', size: SEGMENT_BYTES / 4 }),
      ])
    }
    if (round === 1) await store.close()
  }
}

test('a store with compressed blocks and a chain over events holds what was acknowledged', async () => {
  const run = exploration('packed', packed)
  const report = await mustSurvive({ seeds: 4, imagesMax: IMAGES, ...run, nested: { images: share(10), points: 10 } })
  expect(report.unique).toBeGreaterThan(share(300))
}, 300_000)
