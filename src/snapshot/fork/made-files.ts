/** Taking back what was made and belongs to no store.
 * @module */
import type { SegmentMaker } from '../../topic/roll.ts'

/** Remove files that are not part of a store, and the directories that are empty then. Best effort: what stays is
 * ignored. @param directories in which files may have been. */
export async function removeMade(
  maker: Pick<SegmentMaker, 'storage' | 'isFenced' | 'diagnose'>,
  files: readonly string[],
  directories: readonly string[] = [],
): Promise<void> {
  const { storage } = maker
  const attempt = async (path: string, work: () => Promise<void>) => {
    try {
      if (!(await maker.isFenced())) await work()
    } catch {
      maker.diagnose('FILE_LEFT', `Left "${path}" behind`, { file: path })
    }
  }
  for (const path of files) await attempt(path, () => storage.remove(path))
  const all = new Set<string>()
  for (const path of [...files, ...directories.map((directory) => `${directory}/`)])
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) all.add(path.slice(0, at))
  // A directory is longer than the ones that it is in.
  for (const directory of [...all].sort((a, b) => b.length - a.length)) {
    await attempt(directory, async () => {
      await storage.syncDirectory(directory)
      await storage.removeDirectory(directory)
      await storage.syncDirectory(directory.slice(0, Math.max(0, directory.lastIndexOf('/'))))
    })
  }
}
