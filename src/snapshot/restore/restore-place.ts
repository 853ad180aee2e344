/** Whether a store can be restored to a place, and what is there already.
 * @module */
import { isVarveError, VarveError } from '../../errors.ts'
import { type ManifestState, manifestEpoch, readManifest } from '../../manifest/index.ts'
import type { Storage } from '../../ports/storage.ts'

/** What an interrupted opening or restore leaves, and what a new file system has. */
const NOTHING_NAMES = ['tmp', 'lost+found', 'topics', 'documents', 'histories']

/** Check that a place is not the store that is open, nor in it, nor around it. @throws {VarveError} `RESTORE_LIVE`. */
export function checkApart(to: Storage, live: Storage): void {
  const there = directoryOf(to)
  const here = directoryOf(live)
  if (there.startsWith(here) || here.startsWith(there)) throw restoreLive(to)
}

/** The error for a place that is the store itself. */
export function restoreLive(to: Storage): VarveError {
  return new VarveError('RESTORE_LIVE', `Cannot restore to "${to.location}": the store that is open is there`, {
    details: { location: to.location },
  })
}

function directoryOf({ location }: Storage): string {
  return location.endsWith('/') ? location : `${location}/`
}

/** Check that there is nothing to lose in a place. @throws {VarveError} `RESTORE_NOT_EMPTY`. */
export async function checkEmpty(to: Storage): Promise<void> {
  const view = await readManifest(to).catch((error: unknown) => {
    throw isVarveError(error, 'MANIFEST_DAMAGED') ? notOverDamage(to, error) : error
  })
  if (view !== undefined) {
    if (!isEmptyState(view.state)) throw notEmpty(to, ['a store'])
    return
  }
  const names = (await to.list('')).map(({ name }) => name)
  const isOther = (name: string) => manifestEpoch(name) === undefined && !NOTHING_NAMES.includes(name)
  const found = names.filter(isOther)
  // A claim that nobody adopted: what else is there was never part of a store.
  const isInterrupted = names.some((name) => manifestEpoch(name) !== undefined)
  for (const directory of ['topics', 'documents', 'histories'])
    if (!isInterrupted && (await hasFiles(to, directory))) found.push(directory)
  if (found.length > 0) throw notEmpty(to, found)
}

async function hasFiles(storage: Storage, directory: string): Promise<boolean> {
  for (const { name, kind } of await storage.list(directory))
    if (kind !== 'directory' || (await hasFiles(storage, `${directory}/${name}`))) return true
  return false
}

/** Whether there is nothing in a store. */
export function isEmptyState({ topics, documents = [], histories = [], projections = [] }: ManifestState): boolean {
  return topics.length + documents.length + histories.length + projections.length === 0
}

/** The error for a place where nobody can say what would be lost. */
export function notOverDamage(to: Storage, cause: VarveError): VarveError {
  const message = `Cannot restore over "${to.location}": its manifest is damaged; restore to an empty place`
  const details = { ...cause.details, location: to.location }
  return new VarveError('RESTORE_NOT_EMPTY', message, { details, cause })
}

/** The error for a place that has something in it. */
export function notEmpty(to: Storage, found: readonly string[]): VarveError {
  const message = `Cannot restore to "${to.location}": there is ${found.slice(0, 5).join(', ')}`
  return new VarveError('RESTORE_NOT_EMPTY', message, {
    details: { location: to.location, found: found.slice(0, 20) },
  })
}
