/** Goal: whatever a crash leaves of the manifests, what was committed is there, nothing else is, and the store opens
 * unattended. Method: commit topics over several epochs, some closed and some not, and crash at every operation.
 * @module */
import { expect, test } from 'vitest'
import { isVarveError } from '../../src/errors.ts'
import { acquire } from '../../src/manifest/index.ts'
import { sweepErrors } from '../faults/error-sweep.ts'
import { explore, type Known, type Ledger } from '../faults/explorer.ts'
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

/** Own what is there: committed topics, and of the others those that were tried; commit another; own it again. */
async function checkManifest(files: FaultFiles, known: Known<number>, ledger: Ledger<number>): Promise<void> {
  const { manifest } = await own(files, 99)
  const found = manifest.state.topics.map(({ id }) => id)
  for (const id of known.acknowledged) must(found.includes(id), () => `lost: ${id} is not in ${found}`)
  const tried = known.attempted.filter((id) => found.includes(id))
  mustEqual(found, tried, 'topics are those attempted, in order')
  ledger.shown(found)
  const next = Math.max(0, ...known.attempted) + 1
  ledger.attempt(next)
  await manifest.append({ type: 'topic-created', topic: topic(next) })
  ledger.acknowledge(next)
  await manifest.close()
  const again = await own(files, 98)
  mustEqual(again.manifest.state, manifest.state, 'the state after another takeover')
  await again.manifest.close()
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
        const end = { partition: 0, position: 128, offset: 0, hash: '0'.repeat(64) }
        const partitions = manifest.state.topics.map((row) => ({ topic: row.id, ...end }))
        if (epoch % 2 === 0) await manifest.append({ type: 'closed', partitions })
        await manifest.close()
      }
    },
    check: checkManifest,
    seeds: 6,
    nested: { images: 100, points: 10 },
  })
  console.log(`explored manifest: ${JSON.stringify(report)}`)
  expect(report.failures).toEqual([])
  expect(report.unique).toBeGreaterThan(500)
  expect(report.nestedImages).toBeGreaterThan(200)
})

test('acquire() and commits report every failed call and keep what was committed', async () => {
  const report = await sweepErrors<number>({
    name: 'manifest',
    async workload(files, ledger) {
      let id = 0
      for (let epoch = 1; epoch <= 3; epoch++) {
        const acquired = await own(files, epoch).catch(mustBeTyped)
        for (let turn = 0; turn < 2; turn++) {
          ledger.attempt(++id)
          const committing = acquired?.manifest.append({ type: 'topic-created', topic: topic(id) })
          await committing?.then(() => ledger.acknowledge(id)).catch(mustBeTyped)
        }
        await acquired?.manifest.close().catch(mustBeTyped)
      }
    },
    check: checkManifest,
  })
  console.log(`swept manifest: ${report.calls} calls, ${report.cases} cases`)
  expect(report.failures).toEqual([])
  expect(report.cases).toBeGreaterThan(500)
})

function mustBeTyped(error: unknown): undefined {
  must(isVarveError(error), () => `not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
}
