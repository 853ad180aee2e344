/** What each snapshot shares with the store, with other snapshots, and has alone.
 * @module */
import type { ManifestState } from '../../manifest/index.ts'
import type { SnapshotCatalogue } from '../catalogue/catalogue.ts'
import { truthFiles } from '../files/state-files.ts'
import { type StoredFile, storedFiles } from '../files/stored-files.ts'
import type { SnapshotUsage } from '../types.ts'

/** Say where the bytes of every snapshot are, the newest first. All files count, indexes and manifests too. What has
 * other names neither in the store nor in a snapshot, such as in a restored store, is in the total only.
 * Cost: a look at every file of every snapshot.
 * @param state what the store needs now. */
export async function usageOf(catalogue: SnapshotCatalogue, state: ManifestState): Promise<SnapshotUsage[]> {
  const needed = new Set(truthFiles(withoutActive(state)).map(({ key }) => neededKey(key)))
  const names = new Map<string, number>()
  const snapshots: { readonly id: string; readonly files: readonly StoredFile[] }[] = []
  for (const { id } of await catalogue.list()) {
    const files = await storedFiles(catalogue, id)
    for (const { key } of files) names.set(key, (names.get(key) ?? 0) + 1)
    // A snapshot without files was removed meanwhile.
    if (files.length > 0) snapshots.push({ id, files })
  }
  const isNeeded = ({ key, links, isTruth }: StoredFile) =>
    // Of what can be made again the state says nothing: if no snapshot has its other name, the store does.
    isTruth ? needed.has(neededKey(key)) : links > (names.get(key) ?? 0)
  return snapshots.map(({ id, files }) => {
    let [totalSizeBytes, sharedWithStoreBytes, sharedWithSnapshotsBytes, ownBytes] = [0, 0, 0, 0]
    for (const file of files) {
      totalSizeBytes += file.sizeBytes
      if (file.links <= 1) ownBytes += file.sizeBytes
      else if (isNeeded(file)) sharedWithStoreBytes += file.sizeBytes
      else if ((names.get(file.key) ?? 0) > 1) sharedWithSnapshotsBytes += file.sizeBytes
    }
    return { id, totalSizeBytes, sharedWithStoreBytes, sharedWithSnapshotsBytes, ownBytes }
  })
}

/** A fork may end within a segment that it shares, where the key says another end: the id of the segment is enough. */
function neededKey(key: string): string {
  const [kind = '', id = ''] = key.split(' ')
  return kind === 'segment' ? `${kind} ${id}` : key
}

/** Active segments are never shared, and of those of an open store the state does not say where they end. */
function withoutActive(state: ManifestState): ManifestState {
  const topics = state.topics.map((topic) => {
    const partitions = topic.partitions.map((row) => ({
      ...row,
      segments: row.segments.filter(({ sealed }) => sealed !== undefined),
    }))
    return { ...topic, partitions }
  })
  return { ...state, topics }
}
