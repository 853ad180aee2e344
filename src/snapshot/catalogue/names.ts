/** What the names in `.snapshots` say.
 * @module */
import type { Storage, StorageEntry } from '../../ports/storage.ts'
import { CATALOGUE, UNPUBLISHED_CATALOGUE } from './catalogue-file.ts'
import { isSnapshotId, pinnedBy, SNAPSHOTS_DIRECTORY } from './ids.ts'

export interface SnapshotNames {
  /** Directories that have the name of a snapshot; whether there is one in it only they know. */
  readonly ids: ReadonlySet<string>
  /** Snapshots that are pinned, if there is one of that id. */
  readonly pinned: ReadonlySet<string>
  readonly all: ReadonlySet<string>
}

/** Look at a place that has `.snapshots` in it. Cost: one listing. */
export async function namesIn(storage: Storage): Promise<SnapshotNames> {
  const entries = await storage.list(SNAPSHOTS_DIRECTORY)
  const ids = new Set<string>()
  const pinned = new Set<string>()
  for (const { name, kind } of entries) {
    const pin = kind === 'file' ? pinnedBy(name) : undefined
    if (pin !== undefined) pinned.add(pin)
    else if (kind === 'directory' && isSnapshotId(name)) ids.add(name)
  }
  return { ids, pinned, all: new Set(entries.map(({ name }) => name)) }
}

/** Whether something in `.snapshots` has a name that varve gives, and not one of somebody else. */
export function isSnapshotName({ name, kind }: StorageEntry): boolean {
  if (kind === 'directory') return isSnapshotId(name)
  return kind === 'file' && (name === CATALOGUE || name === UNPUBLISHED_CATALOGUE || pinnedBy(name) !== undefined)
}
