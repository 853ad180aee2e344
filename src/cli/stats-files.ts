/** What a store holds beside its topics, for `varve stats`: documents and histories, largest first. @module */
import type { DocumentStat } from '../document/types.ts'
import type { HistoryStats } from '../history/types.ts'
import type { Store } from '../store/types.ts'
import { clean, count, counted, size, table } from './output.ts'

const DOCUMENT_NOTE = 'diskBytes of a document are its file, in which indexBytes are its path index.'
const HISTORY_NOTE =
  'diskBytes of a history are its files; rawBytes what copies of its versions would take, not compressed.'
export const FILE_NOTES: readonly string[] = [DOCUMENT_NOTE, HISTORY_NOTE]

export interface Files {
  readonly documents: readonly DocumentStat[]
  readonly histories: readonly HistoryStats[]
}

/** Those of a store, with the states of its projections. */
export async function filesOf({ documents, histories, projections }: Store): Promise<Files> {
  const files = { documents: await documents.list(), histories: await histories.list() }
  for (const { projection, keep, foldVersion } of await projections.list()) {
    // Nothing was published yet.
    if (foldVersion === 0) continue
    if (keep === 'document') files.documents.push(await documents.stat(`_${projection}`))
    else files.histories.push(await (await histories.open(`_${projection}`)).stats())
  }
  files.documents.sort((a, b) => b.sizeBytes - a.sizeBytes)
  files.histories.sort((a, b) => b.storedBytes - a.storedBytes)
  return files
}

/** All of their bytes. */
export function fileBytes(files: Files): number {
  return documentBytes(files) + historyBytes(files)
}

/** For programs. */
export function filesJson(files: Files, top: number): Record<string, unknown> {
  const documents = files.documents.slice(0, top).map(({ name, version, sizeBytes, indexBytes }) => {
    return { document: name, version, diskBytes: sizeBytes, indexBytes }
  })
  const histories = files.histories.slice(0, top).map(({ history, count: versions, rawBytes, storedBytes }) => {
    return { history, versions, rawBytes, diskBytes: storedBytes }
  })
  const documentTotal = { documents: files.documents.length, diskBytes: documentBytes(files) }
  const historyTotal = { histories: files.histories.length, diskBytes: historyBytes(files) }
  return {
    documents: { counted: DOCUMENT_NOTE, total: documentTotal, items: documents },
    histories: { counted: HISTORY_NOTE, total: historyTotal, items: histories },
  }
}

/** Tables, each with the note that says what its numbers are. @param all bytes of everything that is shown. */
export function fileTables(files: Files, { top, all }: { top: number; all: number }): { text: string; note: string }[] {
  const { documents, histories } = files
  const tables: { text: string; note: string }[] = []
  if (documents.length > 0) {
    const rows = documents
      .slice(0, top)
      .map(({ name, version, sizeBytes, indexBytes }) => [
        share(sizeBytes, all),
        size(sizeBytes),
        size(indexBytes),
        count(version),
        clean(name),
      ])
    const text = table([['share', 'disk', 'index', 'version', 'document'], ...rows], [0, 1, 2, 3])
    tables.push({ text: text + restOf(documents, top), note: DOCUMENT_NOTE })
  }
  if (histories.length > 0) {
    const rows = histories
      .slice(0, top)
      .map(({ history, count: versions, rawBytes, storedBytes }) => [
        share(storedBytes, all),
        size(storedBytes),
        size(rawBytes),
        count(versions),
        clean(history),
      ])
    const text = table([['share', 'disk', 'raw', 'versions', 'history'], ...rows], [0, 1, 2, 3])
    tables.push({ text: text + restOf(histories, top), note: HISTORY_NOTE })
  }
  return tables
}

/** `12 KiB for 3 documents`, `1 KiB for 1 history`: what there is of the two. */
export function fileTotals(files: Files): string[] {
  const { documents, histories } = files
  const those = histories.length === 1 ? '1 history' : `${count(histories.length)} histories`
  return [
    documents.length === 0 ? '' : `${size(documentBytes(files))} for ${counted(documents.length, 'document')}`,
    histories.length === 0 ? '' : `${size(historyBytes(files))} for ${those}`,
  ].filter(Boolean)
}

/** A part of all in per cent. */
export function share(bytes: number, all: number): string {
  return all === 0 ? '-' : `${((100 * bytes) / all).toFixed(1)}%`
}

/** What is not shown. */
export function restOf(found: readonly unknown[], top: number): string {
  return found.length > top ? `${count(found.length - top)} more: see --top\n` : ''
}

function documentBytes({ documents }: Files): number {
  return documents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

function historyBytes({ histories }: Files): number {
  return histories.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
}
