/** What the crash tests do to a manifest that is so long that it is written anew while it is in use: versions of one
 * document, so that its state stays small.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import { acquire, type ManifestRecord } from '../../src/manifest/index.ts'
import type { Known, Ledger } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'

const COMMITS = 12

/** Commit versions of a document, by one owner after another. */
export async function commitLong(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
  let version = 0
  for (let epoch = 1; epoch <= 2; epoch++) {
    const { manifest } = await own(files, epoch)
    let largestBytes = 0
    for (let turn = 0; turn < COMMITS; turn++) {
      ledger.attempt(++version)
      await manifest.append(longRecord(version))
      ledger.acknowledge(version)
      largestBytes = Math.max(largestBytes, manifest.sizeBytes)
    }
    must(manifest.sizeBytes < largestBytes, () => 'the manifest was written anew')
    await manifest.close()
  }
}

/** The same with any file call failing. */
export async function commitLongUnderFaults(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
  // The root of a store whose parent may not be opened is as durable as the second owner makes it.
  const first = await own(files, 7).catch(typed)
  await first?.manifest.close().catch(typed)
  const acquired = await own(files, 1).catch(typed)
  for (let version = 1; version <= COMMITS; version++) {
    ledger.attempt(version)
    const committing = acquired?.manifest.append(longRecord(version))
    await committing?.then(() => ledger.acknowledge(version)).catch(typed)
  }
  await acquired?.manifest.close().catch(typed)
}

/** The last version that was acknowledged is there, or one after it, and commits go on. */
export async function checkLong(files: FaultFiles, known: Known<number>, ledger: Ledger<number>): Promise<void> {
  const { manifest } = await own(files, 99)
  const found = manifest.state.documents?.[0]?.version ?? 0
  const acknowledged = Math.max(0, ...known.acknowledged)
  must(found >= acknowledged, () => `lost: version ${acknowledged}, found ${found}`)
  must(found === 0 || known.attempted.includes(found), () => `found ${found}, which nobody wrote`)
  ledger.shown(known.attempted.filter((version) => version <= found))
  const next = Math.max(0, ...known.attempted) + 1
  ledger.attempt(next)
  await manifest.append(longRecord(next))
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

/** The record of a version. */
export function longRecord(version: number): ManifestRecord {
  const id = version.toString(16).padStart(16, '0')
  const document = { name: 'catalog', version, id, sizeBytes: 1_000, indexBytes: 100, writtenAt: version }
  return { type: 'document-written', document }
}

function typed(error: unknown): undefined {
  must(isVarveError(error), () => `not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
}
