/** What the crash tests do to a manifest alone: topics committed over several epochs, and what must be left of them.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import { acquire } from '../../src/manifest/index.ts'
import type { Known, Ledger } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must, mustEqual } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'

const EPOCHS = 5
const TOPICS_EACH = 3

/** Commit topics in epochs of which some are closed. */
export async function commitTopics(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
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
}

/** The same with any file call failing: what fails must say so with an error of the product. */
export async function commitUnderFaults(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
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
}

/** Own what is there: committed topics, and of the others those that were tried; commit another; own it again. */
export async function checkManifest(files: FaultFiles, known: Known<number>, ledger: Ledger<number>): Promise<void> {
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

function mustBeTyped(error: unknown): undefined {
  must(isVarveError(error), () => `not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
}
