/** Removing files that no partition needs any more, as the manifest lists them.
 *
 * The list is in the manifest before the first file goes, and is cleared when all are gone, so a crash leaves nothing
 * behind for good: the next owner goes on. Names on the list are not given to new files (see `isLeaving`).
 * @module */
import { isVarveError } from '../errors.ts'
import type { Removal } from '../manifest/index.ts'
import type { LogContext } from './context.ts'

/** Remove the files of a list, once nobody takes any of them over.
 * 1. Each file, after a look at the fence. A crash leaves some; they stay on the list.
 * 2. Sync the directory: from here on they are gone.
 * 3. One manifest record takes them off the list.
 * A file that cannot be removed stays on the list and is reported: whoever opens the store next tries again.
 * Cost: a look-up of the fence and one call for each file.
 * @throws {VarveError} only that the store may not write any more: `STORE_FENCED`, `STORE_POISONED`.
 * @param late files that are not on the list, because they were made after it: derived ones, which nobody misses. */
export async function removeFiles(
  context: LogContext,
  { directory, files }: Removal,
  late: readonly string[] = [],
): Promise<void> {
  const { storage, health, holds } = context
  try {
    await holds.free(directory)
    const left: string[] = []
    for (const file of [...late, ...files]) {
      if (health.failure !== undefined) throw health.failure
      const isGone = await removeOne(context, `${directory}/${file}`)
      if (!isGone && files.includes(file)) left.push(file)
    }
    if (left.length === files.length) return
    await storage.syncDirectory(directory)
    await context.commit({ type: 'files-removed', directory, ...(left.length === 0 ? {} : { left }) })
  } catch (error) {
    if (health.failure !== undefined) throw health.failure
    tell(context, directory, error)
  }
}

/** @returns whether the file is gone. @throws {VarveError} `STORE_FENCED`: another owner goes on. */
async function removeOne(context: LogContext, path: string): Promise<boolean> {
  if (await context.isFenced()) throw context.health.fenced(context.epoch)
  try {
    context.termPages.forget(path)
    await context.pool.forget(path)
    await context.storage.remove(path)
    return true
  } catch (error) {
    tell(context, path, error)
    return false
  }
}

function tell(context: LogContext, file: string, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error)
  context.diagnose('FILE_LEFT', `Left "${file}" behind for the next open to remove`, { file, reason })
}

/** How large a file is, and whether its bytes have another name, as in a snapshot. */
export interface FileSpace {
  readonly sizeBytes: number
  readonly isShared: boolean
}

/** Measure a file; one that is not there takes no space. */
export async function spaceOf({ storage }: LogContext, path: string): Promise<FileSpace> {
  try {
    const handle = await storage.openRead(path)
    try {
      return { sizeBytes: await handle.size(), isShared: (await storage.linkCount(path)) > 1 }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (isVarveError(error, 'FILE_MISSING')) return { sizeBytes: 0, isShared: false }
    throw error
  }
}
