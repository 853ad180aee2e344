/** Reading what the manifest of a snapshot says.
 * @module */
import { isVarveError, VarveError } from '../../errors.ts'
import { type ManifestState, manifestEpoch, readManifest, type SnapshotRow } from '../../manifest/index.ts'
import type { Storage } from '../../ports/storage.ts'
import { storageAt } from '../../ports/storage-at.ts'
import { directoryOf, unknownSnapshot } from './ids.ts'

export interface StoredSnapshot {
  readonly state: ManifestState
  readonly snapshot: SnapshotRow
  /** Name of its manifest in its directory. */
  readonly file: string
}

/** Whether there is a snapshot, damaged or not. */
export async function hasManifest(storage: Storage, id: string): Promise<boolean> {
  return (await storage.list(directoryOf(id))).some(({ name }) => manifestEpoch(name) !== undefined)
}

/** Read a snapshot.
 * @param storage has `.snapshots` in it.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED` {snapshot, file, reason}, `FORMAT_NEWER`, and what the
 * storage throws. */
export async function readSnapshot(storage: Storage, id: string): Promise<StoredSnapshot> {
  const view = await readManifest(storageAt(storage, directoryOf(id))).catch((error: unknown) => {
    if (isVarveError(error, 'FILE_MISSING')) throw unknownSnapshot(id, error)
    if (!isVarveError(error, 'MANIFEST_DAMAGED')) throw error
    const { file, reason = error.message } = error.details
    throw damagedSnapshot(id, { file, reason }, error)
  })
  if (view === undefined) {
    if (!(await hasManifest(storage, id))) throw unknownSnapshot(id)
    throw damagedSnapshot(id, { reason: 'its manifest cannot be read' })
  }
  const { file, clean, state } = view
  const { snapshot } = state
  if (!clean) throw damagedSnapshot(id, { file, reason: 'its manifest is not complete' })
  if (snapshot?.id !== id) throw damagedSnapshot(id, { file, reason: 'its manifest is that of something else' })
  return { state, snapshot, file }
}

/** `SNAPSHOT_DAMAGED`. @param at the file is relative to the snapshot. */
export function damagedSnapshot(id: string, at: { file?: unknown; reason: unknown }, cause?: unknown): VarveError {
  const directory = directoryOf(id)
  const file = typeof at.file === 'string' ? `${directory}/${at.file}` : directory
  const reason = String(at.reason)
  const details = { snapshot: id, file, reason }
  return new VarveError('SNAPSHOT_DAMAGED', `Cannot read "${id}": ${reason}`, { details, cause })
}
