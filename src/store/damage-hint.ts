/** What to do about a store that damage keeps from opening, where snapshots are kept beside it.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { Storage } from '../ports/storage.ts'
import { msOf } from '../snapshot/catalogue/ids.ts'
import { namesIn } from '../snapshot/catalogue/names.ts'
import { hasManifest } from '../snapshot/catalogue/read-state.ts'

/** The error of an open, which names the newest snapshot if it is about damage and there is one. Never throws.
 * Cost: with damage two listings. */
export async function withSnapshotHint(error: unknown, storage: Storage): Promise<unknown> {
  if (!isVarveError(error) || error.kind !== 'corrupt') return error
  const newest = await newestSnapshot(storage).catch(() => undefined)
  if (newest === undefined) return error
  const check = `\`varve snapshot verify ${newest}\``
  const restore = `\`varve snapshot restore ${newest} --to DIR\``
  const hint = `${check} checks the newest snapshot, ${restore} brings it back elsewhere; \`varve verify\` shows what is readable here`
  const { code, message, retryable } = error
  return new VarveError(code, message, {
    details: { ...error.details, snapshot: newest },
    cause: error,
    retryable,
    hint,
  })
}

async function newestSnapshot(storage: Storage): Promise<string | undefined> {
  const { ids } = await namesIn(storage)
  for (const id of [...ids].sort((a, b) => msOf(b) - msOf(a))) if (await hasManifest(storage, id)) return id
  return undefined
}
