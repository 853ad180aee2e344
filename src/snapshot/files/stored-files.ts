/** Every file of a snapshot as it is stored, and how many names it has.
 * @module */
import { isVarveError } from '../../errors.ts'
import type { Storage } from '../../ports/storage.ts'
import type { SnapshotCatalogue } from '../catalogue/catalogue.ts'
import { treeOf } from '../catalogue/delete.ts'
import { directoryOf } from '../catalogue/ids.ts'
import { forEach } from './several.ts'
import { derivedFiles, truthFiles } from './state-files.ts'

/** One file in the directory of a snapshot. */
export interface StoredFile {
  /** Relative to the snapshot, as in a store. */
  readonly path: string
  readonly sizeBytes: number
  /** Names that its bytes have, here and elsewhere. */
  readonly links: number
  /** Two files with the same one and more than one name each are, as far as one can know, the same file. */
  readonly key: string
  /** Named by the manifest of the snapshot. */
  readonly isTruth: boolean
}

/** Looks beside each other. */
const WIDTH = 16

/** Look at every file of a snapshot. Those of one whose manifest is damaged are known by their paths. One that is being
 * removed has fewer, or none.
 * Cost: its manifest, a listing of each directory, and a look at each file. */
export async function storedFiles(catalogue: SnapshotCatalogue, id: string): Promise<StoredFile[]> {
  const storage = catalogue.storageOf(id)
  const { truth, derived } = await fileKeys(catalogue, id)
  const directory = directoryOf(id)
  const tree = await treeOf(catalogue.storage, directory)
  const files: StoredFile[] = []
  await forEach(tree.files, WIDTH, async (whole) => {
    const path = whole.slice(directory.length + 1)
    const found = await lookAt(storage, path)
    const key = truth.get(path)
    if (found !== undefined)
      files.push({ path, ...found, key: key ?? derived.get(path) ?? path, isTruth: key !== undefined })
  })
  return files
}

/** By the paths of the files. */
interface FileKeys {
  readonly truth: ReadonlyMap<string, string>
  readonly derived: ReadonlyMap<string, string>
}

async function fileKeys(catalogue: SnapshotCatalogue, id: string): Promise<FileKeys> {
  const byPath = (files: readonly { readonly path: string; readonly key: string }[]) =>
    new Map(files.map(({ path, key }) => [path, key]))
  try {
    const state = await catalogue.state(id)
    const derived = await derivedFiles(catalogue.storageOf(id), state)
    return { truth: byPath(truthFiles(state)), derived: byPath(derived) }
  } catch (error) {
    if (isVarveError(error, 'SNAPSHOT_DAMAGED') || isVarveError(error, 'SNAPSHOT_UNKNOWN'))
      return { truth: new Map(), derived: new Map() }
    throw error
  }
}

async function lookAt(storage: Storage, path: string): Promise<{ sizeBytes: number; links: number } | undefined> {
  try {
    const links = await storage.linkCount(path)
    const handle = await storage.openRead(path)
    try {
      return { sizeBytes: await handle.size(), links }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (isVarveError(error, 'FILE_MISSING')) return undefined
    throw error
  }
}
