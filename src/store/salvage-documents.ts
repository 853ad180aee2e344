/** The documents of a damaged store, as their own files describe them.
 * @module */
import { readTrailer } from '../document/check/salvage.ts'
import { type DocumentRow, findDocument, type ManifestState, orderedRows } from '../manifest/index.ts'
import { DOCUMENT_FILES } from '../manifest/stored-paths.ts'
import type { Storage } from '../ports/storage.ts'
import { isOwnOrName } from './names.ts'
import { unlessUnreadable } from './salvage-files.ts'

/** Find the newest version of each document whose file is complete; what the manifest names and no file confirms stays
 * as it says, so that a read tells what is wrong. Deleted documents whose files were not removed yet come back.
 * Cost: a small read of each file. @throws what the storage throws. */
export async function salvageDocuments(
  storage: Storage,
  state: ManifestState,
): Promise<{ readonly documents: readonly DocumentRow[]; readonly notes: readonly string[] }> {
  const rows = new Map(state.documents?.map((row) => [row.name.toLowerCase(), row]))
  const notes: string[] = []
  for (const { name, kind } of await storage.list(DOCUMENT_FILES.root)) {
    if (kind !== 'directory' || !isOwnOrName(name)) continue
    const known = findDocument(state.documents, name)
    const found = await newestIn(storage, name)
    if (found === undefined) continue
    if ('reason' in found) notes.push(`${DOCUMENT_FILES.directory(name)}: ${found.reason}`)
    else rows.set(name.toLowerCase(), found.id === known?.id ? known : found)
  }
  return { documents: orderedRows([...rows.values()], 'a document'), notes }
}

/** @returns undefined where there are no files of documents. */
async function newestIn(
  storage: Storage,
  name: string,
): Promise<DocumentRow | { readonly reason: string } | undefined> {
  let newest: DocumentRow | undefined
  let files = 0
  for (const { name: file, kind } of await storage.list(DOCUMENT_FILES.directory(name))) {
    const id = kind === 'file' ? DOCUMENT_FILES.idOf(file) : undefined
    if (id === undefined) continue
    files++
    const trailer = await unlessUnreadable(
      () => readTrailer(storage, DOCUMENT_FILES.path(name, id)),
      () => undefined,
    )
    if (trailer === undefined || trailer.id !== id || trailer.version <= (newest?.version ?? 0)) continue
    const { version, sizeBytes, indexBytes } = trailer
    newest = { name, version, id, sizeBytes, indexBytes, writtenAt: 0 }
  }
  if (newest !== undefined || files === 0) return newest
  return { reason: files === 1 ? 'its file is not complete' : `none of its ${files} files is complete` }
}
