/** What lies in the directories of documents and of histories.
 * @module */

import type { FilePaths } from '../manifest/stored-paths.ts'
import type { StorageEntry } from '../ports/storage.ts'
import { isOwnOrName } from './names.ts'
import type { VerifyRun } from './verify-run.ts'

/** The names in the directories of one kind of files, by directory: the root first. */
export async function listStored(run: VerifyRun, paths: FilePaths): Promise<[string, readonly StorageEntry[]][]> {
  const entries = await run.storage.list(paths.root)
  const found: [string, readonly StorageEntry[]][] = [[paths.root, entries]]
  for (const { name, kind } of entries) {
    run.checkGoingOn()
    if (kind !== 'directory' || !isOwnOrName(name)) continue
    found.push([paths.directory(name), await run.storage.list(paths.directory(name))])
  }
  return found
}

/** Report what no rule names in the directories of one kind of files. Files that the state does not name are no
 * strangers: they are being written, or wait to be removed.
 * @param named the ids of the files that the state names for a name. */
export function reportUnknownStored(
  run: VerifyRun,
  listing: ReadonlyMap<string, readonly StorageEntry[]>,
  { paths, named }: { readonly paths: FilePaths; readonly named: (name: string) => readonly string[] },
): void {
  for (const { name, kind } of listing.get(paths.root) ?? []) {
    const directory = paths.directory(name)
    const entries = listing.get(directory)
    if (kind !== 'directory' || entries === undefined) {
      run.unknownFiles.push(directory)
      continue
    }
    const needed = new Set(named(name))
    let others = 0
    for (const entry of entries) {
      const id = entry.kind === 'directory' ? undefined : paths.idOf(entry.name)
      if (id === undefined) run.unknownFiles.push(`${directory}/${entry.name}`)
      else if (!needed.has(id)) others++
    }
    if (others > 0) run.leaveOut(`${directory}: files that are being written, or wait to be removed: ${others}.`)
  }
}

/** Every file of one kind, whatever the state says: its path, and the name whose directory it is in. */
export async function* storedFiles(
  run: VerifyRun,
  paths: FilePaths,
): AsyncGenerator<{ readonly name: string; readonly id: string; readonly path: string }> {
  for (const [directory, entries] of await listStored(run, paths)) {
    const name = directory.slice(paths.root.length + 1)
    for (const { name: file, kind } of entries) {
      const id = kind === 'file' ? paths.idOf(file) : undefined
      if (id !== undefined) yield { name, id, path: `${directory}/${file}` }
    }
  }
}
