/** The names that a copy of a snapshot makes in a place: what is there, what stays, what goes.
 * @module */
import { manifestEpoch } from '../../manifest/index.ts'
import type { Storage } from '../../ports/storage.ts'
import { inBase } from '../../ports/storage-at.ts'

interface Named {
  readonly path: string
}

/** Every file in the directories of some. */
export async function namesBeside(files: readonly Named[], storage: Storage): Promise<Set<string>> {
  const names = new Set<string>()
  for (const directory of directoriesOf(files))
    for (const { name, kind } of await storage.list(directory)) if (kind === 'file') names.add(`${directory}/${name}`)
  return names
}

/** Make the names of files durable, their directories' included. */
export async function syncNames(files: readonly Named[], to: Storage): Promise<void> {
  if (files.length === 0) return
  const directories = new Set<string>([''])
  for (let directory of directoriesOf(files))
    for (; directory !== ''; directory = directoryOf(directory)) directories.add(directory)
  for (const directory of deepestFirst(directories)) await to.syncDirectory(directory)
}

function deepestFirst(directories: Iterable<string>): string[] {
  return [...directories].sort((a, b) => b.split('/').length - a.split('/').length)
}

/** Remove files that were brought, and directories that are empty then, unless another copy was quicker and published
 * them. Never throws.
 * @param others only their directories go, made for files that did not come about.
 * @returns false when that is so. */
export async function removeFiles(
  files: readonly Named[],
  to: Storage,
  others: readonly Named[] = [],
): Promise<boolean> {
  const names = await to.list('').catch(() => undefined)
  if (names === undefined || names.some(({ name }) => manifestEpoch(name) !== undefined)) return false
  const directories = new Set<string>()
  const { storage } = inBase({ storage: to, path: '' })
  const removed = new Set(files.map(({ path }) => path))
  for (const inPlace of ['directory', ...removed, ...others.map(({ path }) => path)]) {
    const { path } = inBase({ storage: to, path: inPlace })
    if (removed.has(inPlace)) await storage.remove(path).catch(() => undefined)
    for (let directory = directoryOf(path); directory !== ''; directory = directoryOf(directory))
      directories.add(directory)
  }
  for (const directory of deepestFirst(directories)) await storage.removeDirectory(directory).catch(() => undefined)
  return true
}

/** Remove what no list names: leftovers of interrupted copies. Only what a copy makes is looked at. */
export async function removeOthers(files: readonly Named[], to: Storage): Promise<void> {
  const wanted = new Set(files.map(({ path }) => path))
  for (const path of await namesBeside(files, to)) if (!wanted.has(path)) await to.remove(path)
}

/** Where files are: the directories themselves. */
function directoriesOf(files: readonly Named[]): Set<string> {
  return new Set(files.map(({ path }) => directoryOf(path)))
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
