/** Giving a snapshot its manifest, which makes it one.
 * @module */
import type { ManifestState } from '../../manifest/index.ts'
import type { Storage } from '../../ports/storage.ts'
import { writeWhole } from './catalogue-file.ts'
import { UNPUBLISHED } from './leftovers.ts'

/** A manifest that is to be published, or was. */
export interface SnapshotManifest {
  readonly name: string
  readonly bytes: Uint8Array
  readonly state: ManifestState
}

/** Put a manifest into a directory in which everything it names is durable: it is there, complete, or not.
 * Without `atomicReplace` and links it is written in place; one that a crash tore is no complete manifest.
 * @param place its `checkFence` throws when the place belongs to somebody else.
 * @throws what the storage throws: then nobody knows whether it is there. */
export async function placeManifest(
  place: { readonly storage: Storage; readonly directory: string; readonly checkFence: () => Promise<void> },
  { name, bytes }: Pick<SnapshotManifest, 'name' | 'bytes'>,
): Promise<void> {
  const { storage, directory, checkFence } = place
  const { atomicReplace, hardLinks } = storage.capabilities
  const path = `${directory}/${name}`
  const written = atomicReplace || hardLinks ? `${directory}/${UNPUBLISHED}` : path
  await checkFence()
  await storage.remove(written)
  await writeWhole(storage, written, bytes)
  await checkFence()
  if (atomicReplace) await storage.replace(written, path)
  else if (hardLinks) await storage.link(written, path)
  await storage.syncDirectory(directory)
  if (!atomicReplace && hardLinks) await storage.remove(written)
}
