/** Goal: a manifest that is written anew while it is in use loses no commit, whatever a crash or a failing call leaves,
 * and an owner that slept meanwhile is still found out. Method: commit versions of one document, so that the state
 * stays small and the manifest is written anew every few commits; crash at every operation, fail every call.
 * @module */
import { expect, test } from 'vitest'
import { isVarveError } from '../../src/errors.ts'
import { acquire, type DocumentRow } from '../../src/manifest/index.ts'
import { sweepErrors } from '../faults/error-sweep.ts'
import { explore, type Known, type Ledger } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'

const COMMITS = 12

async function workload(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
  let version = 0
  for (let epoch = 1; epoch <= 2; epoch++) {
    const { manifest } = await own(files, epoch)
    let largestBytes = 0
    for (let turn = 0; turn < COMMITS; turn++) {
      ledger.attempt(++version)
      await manifest.append({ type: 'document-written', document: row(version) })
      ledger.acknowledge(version)
      largestBytes = Math.max(largestBytes, manifest.sizeBytes)
    }
    must(manifest.sizeBytes < largestBytes, () => 'the manifest was written anew')
    await manifest.close()
  }
}

async function underFaults(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
  // The root of a store whose parent may not be opened is as durable as the second owner makes it.
  const first = await own(files, 7).catch(typed)
  await first?.manifest.close().catch(typed)
  const acquired = await own(files, 1).catch(typed)
  for (let version = 1; version <= COMMITS; version++) {
    ledger.attempt(version)
    const committing = acquired?.manifest.append({ type: 'document-written', document: row(version) })
    await committing?.then(() => ledger.acknowledge(version)).catch(typed)
  }
  await acquired?.manifest.close().catch(typed)
}

async function check(files: FaultFiles, known: Known<number>, ledger: Ledger<number>): Promise<void> {
  const { manifest } = await own(files, 99)
  const found = manifest.state.documents?.[0]?.version ?? 0
  const acknowledged = Math.max(0, ...known.acknowledged)
  must(found >= acknowledged, () => `lost: version ${acknowledged}, found ${found}`)
  must(found === 0 || known.attempted.includes(found), () => `found ${found}, which nobody wrote`)
  ledger.shown(known.attempted.filter((version) => version <= found))
  const next = Math.max(0, ...known.attempted) + 1
  ledger.attempt(next)
  await manifest.append({ type: 'document-written', document: row(next) })
  ledger.acknowledge(next)
  await manifest.close()
  const again = await own(files, 98)
  must(again.manifest.state.documents?.[0]?.version === next, () => 'the last commit is there after another takeover')
  await again.manifest.close()
}

function own(files: FaultFiles, seed: number) {
  const storage = faultStorage(files)
  const random = seededRandom(seed)
  return acquire({ storage, clock: new ManualClock(), random, takeOver: false, lockTimeoutMs: 0, longBytes: 1 })
}

function row(version: number): DocumentRow {
  const id = version.toString(16).padStart(16, '0')
  return { name: 'catalog', version, id, sizeBytes: 1_000, indexBytes: 100, writtenAt: version }
}

function typed(error: unknown): undefined {
  must(isVarveError(error), () => `not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
}

test('a manifest written anew survives a crash at every operation', async () => {
  const report = await explore<number>({
    name: 'manifest-long',
    workload,
    check,
    seeds: 4,
    nested: { images: 100, points: 10 },
  })
  console.log(`explored a long manifest: ${JSON.stringify(report)}`)
  expect(report.failures).toEqual([])
  expect(report.unique).toBeGreaterThan(300)
})

test('a manifest written anew reports every failed call and keeps what was committed', async () => {
  const report = await sweepErrors<number>({ name: 'manifest-long', workload: underFaults, check })
  console.log(`swept a long manifest: ${report.calls} calls, ${report.cases} cases`)
  expect(report.failures).toEqual([])
  expect(report.cases).toBeGreaterThan(300)
})
