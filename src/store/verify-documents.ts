/** Checking the documents of a store, each from its first byte to its last.
 * @module */
import { readTrailer } from '../document/check/salvage.ts'
import { verifyDocumentFile } from '../document/check/verify.ts'
import type { DocumentReport } from '../document/types.ts'
import { isVarveError } from '../errors.ts'
import { type DocumentRow, findDocument, type ManifestState } from '../manifest/index.ts'
import { DOCUMENT_FILES } from '../manifest/stored-paths.ts'
import { statOf } from './document-writes.ts'
import type { VerifyRun } from './verify-run.ts'
import { storedFiles } from './verify-stored.ts'

/** A document that is replaced as often as this while it is checked is left out. */
const ATTEMPTS = 3

type Problem = DocumentReport['problems'][number]

/** Announce the files of documents. */
export function planDocuments(run: VerifyRun, state: ManifestState): void {
  for (const { name, id, sizeBytes } of state.documents ?? []) run.plan(DOCUMENT_FILES.path(name, id), sizeBytes)
}

/** Check every document of a state.
 * @param now the state by now: a version that was replaced meanwhile is no loss. */
export async function checkDocuments(
  run: VerifyRun,
  state: ManifestState,
  now: () => Promise<ManifestState | undefined>,
): Promise<void> {
  for (const row of state.documents ?? []) await checkNewest(run, row, now)
}

async function checkNewest(
  run: VerifyRun,
  first: DocumentRow,
  now: () => Promise<ManifestState | undefined>,
): Promise<void> {
  let row = first
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const problems = await problemsOf(run, row)
    if (problems.length === 0) {
      run.documentsChecked++
      return
    }
    const later = await now()
    const newest = later === undefined ? row : findDocument(later.documents, row.name)
    // Deleted.
    if (newest === undefined) return
    if (newest.id === row.id) {
      run.documentsChecked++
      for (const problem of problems)
        run.problem({ ...problem, file: DOCUMENT_FILES.path(row.name, row.id), damage: true })
      return
    }
    row = newest
  }
  run.leaveOut(`${DOCUMENT_FILES.directory(row.name)}: the document was replaced as often as it was checked.`)
}

/** What is wrong with the file of a version. */
async function problemsOf(run: VerifyRun, row: DocumentRow): Promise<readonly Problem[]> {
  const path = DOCUMENT_FILES.path(row.name, row.id)
  run.begin(path, row.sizeBytes)
  try {
    const { storage, clock } = run
    const onProgress = ({ doneBytes }: { readonly doneBytes: number }) => {
      run.checkGoingOn()
      run.reached(doneBytes)
    }
    const report = await verifyDocumentFile({ storage, clock, path, stat: statOf(row), id: row.id }, { onProgress })
    run.reached(report.bytesChecked)
    return report.problems
  } catch (error) {
    run.checkGoingOn()
    if (!isVarveError(error) || error.retryable || error.kind === 'closed') throw error
    const { position } = error.details
    return [{ code: error.code, message: error.message, ...(typeof position === 'number' ? { position } : {}) }]
  } finally {
    run.finish()
  }
}

/** Check every file in the directories of documents by what its own end says, when no manifest says what counts. */
export async function checkLooseDocuments(run: VerifyRun): Promise<void> {
  let unfinished = 0
  for await (const { name, path } of storedFiles(run, DOCUMENT_FILES)) {
    await run.about(path, async () => {
      const trailer = await readTrailer(run.storage, path)
      if (trailer === undefined) unfinished++
      else await checkFile(run, { ...trailer, name, writtenAt: 0 })
    })
  }
  if (unfinished > 0) run.leaveOut(`documents: files that are not complete: ${unfinished}.`)
}

async function checkFile(run: VerifyRun, row: DocumentRow): Promise<void> {
  const file = DOCUMENT_FILES.path(row.name, row.id)
  run.documentsChecked++
  for (const problem of await problemsOf(run, row)) run.problem({ ...problem, file, damage: true })
}
