/** Removing the snapshots that the policy does not keep.
 * @module */
import { assert } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { SnapshotCatalogue } from '../catalogue/catalogue.ts'
import { type StoredFile, storedFiles } from '../files/stored-files.ts'
import type { SnapshotCleanupReport, SnapshotPolicy } from '../types.ts'
import { planCleanup } from './policy.ts'
import type { SnapshotTurns } from './turns.ts'

export interface CleanUpParts {
  readonly catalogue: SnapshotCatalogue
  readonly turns: SnapshotTurns
  readonly clock: Clock
}

export interface CleanUpOptions {
  readonly policy: SnapshotPolicy
  /** Only say what would go. */
  readonly dryRun?: boolean
}

/** Remove what the policy does not keep, the oldest first; what is being read now stays. To be called with the turn
 * (`SnapshotTurns`), a dry run also without. A failure leaves what was not yet removed.
 * Cost of a dry run that finds something: a look at every file of every snapshot. */
export async function cleanUp(parts: CleanUpParts, options: CleanUpOptions): Promise<SnapshotCleanupReport> {
  const { catalogue, turns, clock } = parts
  const { policy, dryRun = false } = options
  const infos = await catalogue.list()
  const removed: { readonly id: string; readonly reason: 'count' | 'age' }[] = []
  let freedBytes = 0
  for (const row of planCleanup(infos, policy, clock.now())) {
    if (dryRun ? turns.isRead(row.id) : !turns.claim(row.id)) continue
    if (!dryRun) freedBytes += (await catalogue.remove(row.id)).freedBytes
    removed.push(row)
  }
  const ids = infos.map(({ id }) => id)
  const gone = new Set(removed.map(({ id }) => id))
  if (dryRun) freedBytes = await bytesFreed(catalogue, ids, gone)
  return { dryRun, policy, removed, kept: ids.filter((id) => !gone.has(id)), freedBytes }
}

/** Bytes of the files of which every name is in a snapshot that goes. Storages do not say which names belong to the
 * same file, only how many a file has: those with the same key and number of names are taken for names of one file, or,
 * where there are more of them than that, of several. Names that stay are then taken for those of different files, so
 * that what is said is freed at least. */
async function bytesFreed(
  catalogue: SnapshotCatalogue,
  ids: readonly string[],
  gone: ReadonlySet<string>,
): Promise<number> {
  if (gone.size === 0) return 0
  const shared = new Map<string, { readonly file: StoredFile; all: number; going: number }>()
  let freedBytes = 0
  for (const id of ids)
    for (const file of await storedFiles(catalogue, id)) {
      if (file.links <= 1) {
        if (gone.has(id)) freedBytes += file.sizeBytes
        continue
      }
      const key = `${file.key} ${file.links} ${file.sizeBytes}`
      const names = shared.get(key) ?? { file, all: 0, going: 0 }
      names.all++
      if (gone.has(id)) names.going++
      shared.set(key, names)
    }
  for (const { file, all, going } of shared.values()) {
    assert(going <= all, 'what goes is there')
    // Each name that stays keeps at most one file.
    freedBytes += Math.max(0, Math.floor(all / file.links) - (all - going)) * file.sizeBytes
  }
  return freedBytes
}
