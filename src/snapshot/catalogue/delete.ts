/** Removing what is left of a snapshot, so that it is whole or not there after a crash at any moment.
 *
 * 1. Remove its manifest and sync: from here on there is no snapshot, only files that the next clean-up finds.
 * 2. Remove the files, several at a time. 3. Remove the directories, the deepest first, and sync what held them.
 * @module */
import { isVarveError, VarveError } from '../../errors.ts'
import { manifestEpoch } from '../../manifest/index.ts'
import type { Maybe, Storage } from '../../ports/storage.ts'
import { forEach } from '../files/several.ts'

/** Removals beside each other. */
const WIDTH = 8

export interface Removing {
  /** Has `directory` in it. */
  readonly storage: Storage
  readonly directory: string
  /** Looked at before each removal. */
  readonly isFenced: () => Maybe<boolean>
}

/** Remove a directory and everything in it, manifests first. Nothing there is fine.
 * @returns the bytes of the files whose last name went.
 * @throws {VarveError} `STORE_FENCED`, and what the storage throws: then another call goes on. */
export async function removeTree(removing: Removing): Promise<{ freedBytes: number }> {
  const { storage, directory } = removing
  let freedBytes = 0
  if (!(await storage.exists(directory))) return { freedBytes }
  const take = async (path: string) => {
    const bytes = await removeFile(removing, path)
    freedBytes += bytes
  }
  const names = (await storage.list(directory)).map(({ name }) => name)
  const manifests = names.filter((name) => manifestEpoch(name) !== undefined)
  // The highest one is what counts.
  for (const name of manifests) await take(`${directory}/${name}`)
  if (manifests.length > 0) await storage.syncDirectory(directory)
  const tree = await treeOf(storage, directory)
  await forEach(tree.files, WIDTH, take)
  for (const path of tree.directories.reverse()) {
    await checkFence(removing)
    await storage.removeDirectory(path)
  }
  await storage.syncDirectory(directory.slice(0, Math.max(0, directory.lastIndexOf('/'))))
  return { freedBytes }
}

async function removeFile(removing: Removing, path: string): Promise<number> {
  const { storage } = removing
  const bytes = await lastNameBytes(storage, path)
  await checkFence(removing)
  await storage.remove(path)
  return bytes
}

/** @throws {VarveError} `STORE_FENCED`. */
async function checkFence({ isFenced, directory }: Removing): Promise<void> {
  if (await isFenced())
    throw new VarveError('STORE_FENCED', `Cannot remove "${directory}": the store was taken over`, {
      details: { directory },
    })
}

/** The size of a file that has no other name; 0 of every other one. */
async function lastNameBytes(storage: Storage, path: string): Promise<number> {
  try {
    if ((await storage.linkCount(path)) > 1) return 0
    const handle = await storage.openRead(path)
    try {
      return await handle.size()
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Nobody can open some things, such as a link that leads elsewhere; they can be removed.
    if (isVarveError(error)) return 0
    throw error
  }
}

/** Everything under a directory, which comes first; directories before what is in them. */
export async function treeOf(storage: Storage, directory: string): Promise<{ files: string[]; directories: string[] }> {
  const files: string[] = []
  const directories = [directory]
  for (const path of directories)
    for (const { name, kind } of await storage.list(path)) {
      const list = kind === 'directory' ? directories : files
      list.push(`${path}/${name}`)
    }
  return { files, directories }
}
