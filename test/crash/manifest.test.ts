/** Goal: whatever a crash leaves of the manifests, what was committed is there, nothing else is, and the store opens
 * unattended. Method: commit topics over several epochs, some closed and some not, and crash at every operation.
 * @module */
import { expect, test } from 'vitest'
import { acquire } from '../../src/manifest/index.ts'
import { explore } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'

function own(files: FaultFiles, seed: number) {
  return acquire({
    storage: faultStorage(files),
    clock: new ManualClock(),
    random: seededRandom(seed),
    takeOver: false,
    lockTimeoutMs: 0,
  })
}

function topic(id: number) {
  const segment = {
    file: `${'0'.repeat(20)}.log`,
    id: id.toString(16).padStart(16, '0'),
    baseOffset: 0,
    hashBefore: '0'.repeat(64),
  }
  const partition = { partition: 0, headSlot: id, logStartOffset: 0, logStartHash: '0'.repeat(64), segments: [segment] }
  return {
    name: `topic-${id}`,
    id,
    lineage: `lineage-${id}`,
    createdAt: 1,
    options: { partitions: 1, segmentBytes: 2 ** 20, partitioner: 1 as const },
    partitions: [partition],
  }
}

const EPOCHS = 5
const TOPICS_EACH = 3

test('acquire() and commits survive a crash at every operation', async () => {
  const report = await explore<number>({
    name: 'manifest',
    async workload(files, ledger) {
      let id = 0
      for (let epoch = 1; epoch <= EPOCHS; epoch++) {
        const { manifest } = await own(files, epoch)
        for (let turn = 0; turn < TOPICS_EACH; turn++) {
          ledger.attempt(++id)
          await manifest.append({ type: 'topic-created', topic: topic(id) })
          ledger.acknowledge(id)
        }
        if (epoch % 2 === 0) await manifest.append({ type: 'closed', partitions: [] })
        await manifest.close()
      }
    },
    async check(files, known, ledger) {
      const { manifest } = await own(files, 99)
      const found = manifest.state.topics.map(({ id }) => id)
      must(found.length >= known.acknowledged.length, () => `lost: ${found} of ${known.acknowledged}`)
      mustEqual(found, known.attempted.slice(0, found.length), 'topics are a prefix of the attempted')
      ledger.shown(found)
      const next = Math.max(0, ...found) + 1
      ledger.attempt(next)
      await manifest.append({ type: 'topic-created', topic: topic(next) })
      ledger.acknowledge(next)
      await manifest.close()
      const again = await own(files, 98)
      mustEqual(again.manifest.state, manifest.state, 'the state after another takeover')
      await again.manifest.close()
    },
    seeds: 6,
    nested: { images: 100, points: 10 },
  })
  console.log(`explored manifest: ${JSON.stringify(report)}`)
  expect(report.failures).toEqual([])
  expect(report.unique).toBeGreaterThan(500)
  expect(report.nestedImages).toBeGreaterThan(200)
})
