/** What a crash leaves of a snapshot that was being made or removed.
 * @module */
import { manifestEpoch } from '../../manifest/index.ts'
import { type Removing, removeTree } from './delete.ts'

/** The manifest of a snapshot before it has its name. */
export const UNPUBLISHED = 'manifest.tmp'

/** Remove a directory in which no snapshot is.
 *
 * A process that owned the store before may sleep between its last look at the fence and giving the manifest its name,
 * so the unpublished manifest goes first, durably, and the directory is looked at again: either the snapshot is
 * complete by now, or it never will be.
 * @returns false when there is a complete snapshot, which stays.
 * @throws {VarveError} `STORE_FENCED`, and what the storage throws. */
export async function removeLeftover(removing: Removing): Promise<boolean> {
  const { storage, directory, isFenced } = removing
  const names = await namesIn(removing)
  if (names.some(isManifest)) return false
  if (names.includes(UNPUBLISHED)) {
    if (!(await isFenced())) await storage.remove(`${directory}/${UNPUBLISHED}`)
    await storage.syncDirectory(directory)
    if ((await namesIn(removing)).some(isManifest)) return false
  }
  await removeTree(removing)
  return true
}

async function namesIn({ storage, directory }: Removing): Promise<string[]> {
  return (await storage.list(directory)).map(({ name }) => name)
}

function isManifest(name: string): boolean {
  return manifestEpoch(name) !== undefined
}
