/** The documents of a store: each one file that is written once, and a row of the manifest that names the newest.
 * @module */

import { type VerifyDocumentOptions, verifyDocumentFile } from '../document/check/verify.ts'
import { pumpEvents } from '../document/events/source.ts'
import { pumpValue } from '../document/events/value-source.ts'
import { pumpJson } from '../document/json/source.ts'
import type { Path } from '../document/path/path.ts'
import { openDocumentFile } from '../document/read/document.ts'
import { type DocumentRef, isDocumentRef } from '../document/reference.ts'
import type {
  DocumentBytes,
  DocumentProgress,
  DocumentReport,
  DocumentStat,
  OpenDocument,
  ReadDocumentOptions,
  StructuralEvent,
  WriteDocumentOptions,
  WriteJsonOptions,
} from '../document/types.ts'
import { isVarveError } from '../errors.ts'
import { type DocumentRow, findDocument, type ManifestState } from '../manifest/index.ts'
import { DOCUMENT_FILES } from '../manifest/stored-paths.ts'
import { optionInvalid } from '../options.ts'
import type { LogContext } from '../topic/context.ts'
import { DocumentReads } from './document-reads.ts'
import { DocumentWrites, documentUnknown, statOf } from './document-writes.ts'
import { checkOpen } from './guards.ts'
import { checkName, isOwnOrName } from './names.ts'
import { Stopping } from './stopping.ts'
import { StoredFiles } from './stored-files.ts'
import type { Documents } from './types.ts'

/** A read beside a writer may miss what it did in the last moment. */
const CATCH_UP_MS = 10

export class StoreDocuments implements Documents {
  readonly files: StoredFiles
  readonly #context: LogContext
  readonly #state: () => ManifestState
  readonly #writes: DocumentWrites
  readonly #reads: DocumentReads
  readonly #stopping: Stopping
  /** Documents that are open, or just being opened. */
  readonly #open = new Set<Promise<OpenDocument>>()
  readonly #checks = new Set<Promise<unknown>>()
  #caughtUpAt = Number.NEGATIVE_INFINITY

  /** @param before how the owner before ended; undefined: this store removes nothing. */
  constructor(context: LogContext, state: () => ManifestState, before: 'cleanly' | 'uncleanly' | undefined) {
    this.#context = context
    this.#state = state
    const named = (name: string) => {
      const row = findDocument(state().documents, name)
      return row === undefined ? [] : [row.id]
    }
    this.files = new StoredFiles(context, { paths: DOCUMENT_FILES, named })
    this.#stopping = new Stopping(context.closing)
    this.#reads = new DocumentReads((row) => this.#openRow(row))
    this.#writes = new DocumentWrites(context, {
      state,
      files: this.files,
      stopping: this.#stopping,
      changed: (name) => this.#reads.drop(name),
    })
    if (before !== undefined) this.files.tidyAfter(before, state().untidyDocuments)
  }

  write(name: string, value: unknown, options: WriteDocumentOptions = {}): Promise<DocumentStat> {
    return this.#writes.write(name, options, (output, signal) => pumpValue(output, value, { signal }))
  }

  async writeJson(name: string, json: DocumentBytes, options: WriteJsonOptions = {}): Promise<DocumentStat> {
    const { exactNumbers = 'keep' } = options
    if (exactNumbers !== 'keep' && exactNumbers !== 'refuse')
      throw optionInvalid('exactNumbers', 'must be "keep" or "refuse"', exactNumbers)
    return this.#writes.write(name, options, (output, signal) => pumpJson(output, json, { exactNumbers, signal }))
  }

  writeEvents(
    name: string,
    events: Iterable<StructuralEvent> | AsyncIterable<StructuralEvent>,
    options: WriteDocumentOptions = {},
  ): Promise<DocumentStat> {
    return this.#writes.write(name, options, (output, signal) => pumpEvents(output, events, { signal }))
  }

  open(name: string | DocumentRef): Promise<OpenDocument> {
    return this.#withNewest(name, 'open', (row) => this.#openRow(row))
  }

  use<T>(name: string | DocumentRef, work: (document: OpenDocument) => Promise<T>): Promise<T> {
    return this.#withNewest(name, 'use', (row) => this.#reads.read(row, work))
  }

  read(name: unknown, path: string | Path = '', options: ReadDocumentOptions = {}): Promise<unknown> {
    return this.#withNewest(name, 'read', (row) => this.#reads.read(row, (document) => document.read(path, options)))
  }

  async list(): Promise<DocumentStat[]> {
    checkOpen(this.#context, 'list documents')
    await this.#context.refresh()
    const rows = (this.#state().documents ?? []).filter(({ name }) => !name.startsWith('_'))
    return rows.map(statOf).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  stat(name: string | DocumentRef): Promise<DocumentStat> {
    return this.#withNewest(name, 'look at', async (row) => statOf(row))
  }

  delete(name: string, options: { readonly ifVersion?: number } = {}): Promise<void> {
    return this.#writes.delete(name, options)
  }

  async verify(
    name: string | DocumentRef,
    options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: DocumentProgress) => void } = {},
  ): Promise<DocumentReport> {
    let row = await this.#newest(name, 'check')
    for (;;) {
      const report = await this.#verifyRow(row, options)
      if (report.ok) return report
      // It may have been removed, because there is a newer one.
      await this.#context.refresh()
      const now = await this.#newest(name, 'check')
      if (now.id === row.id) return report
      row = now
    }
  }

  async #verifyRow(row: DocumentRow, options: VerifyDocumentOptions): Promise<DocumentReport> {
    const release = this.files.hold(row.id)
    const { signal, end } = this.#stopping.begin(options.signal)
    const checked = verifyDocumentFile(this.#partsOf(row), { ...options, signal })
    this.#checks.add(checked)
    try {
      return await checked
    } finally {
      this.#checks.delete(checked)
      end()
      this.#released(row, release)
    }
  }

  /** Write a document of the store's own, and commit that with something else. The value must not change meanwhile. */
  writeOwn(name: string, value: unknown, commit: (document: DocumentRow) => Promise<void>): Promise<DocumentStat> {
    return this.#writes.write(name, { commit }, (output, signal) => pumpValue(output, value, { signal }))
  }

  /** A document is no more: a record says so. */
  async forget(name: string): Promise<void> {
    this.#reads.drop(name)
    await this.files.tidy(name)
  }

  /** The manifest of another process has changed: do not keep files that it has removed. */
  moved(): void {
    this.#reads.dropAll((name, id) => findDocument(this.#state().documents, name)?.id !== id)
  }

  /** How many there are that `list` shows, and how many bytes all of them take. */
  totals(): { readonly count: number; readonly sizeBytes: number } {
    const { documents = [] } = this.#state()
    const count = documents.filter(({ name }) => !name.startsWith('_')).length
    return { count, sizeBytes: documents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
  }

  /** Work with the newest version. When its file is gone because there is a newer one by now, begin again. */
  async #withNewest<T>(ref: unknown, action: string, work: (row: DocumentRow) => Promise<T>): Promise<T> {
    let row = await this.#newest(ref, action)
    for (;;) {
      try {
        return await work(row)
      } catch (error) {
        if (!isVarveError(error, 'DOCUMENT_MISSING')) throw error
        await this.#context.refresh()
        const now = await this.#newest(ref, action)
        if (now.id === row.id) throw error
        row = now
      }
    }
  }

  async #newest(ref: unknown, action: string): Promise<DocumentRow> {
    const name = isDocumentRef(ref) ? ref.$document : ref
    // Documents of the store's own may be read, not written or removed.
    if (!isOwnOrName(name)) checkName(name, 'document')
    checkOpen(this.#context, `${action} a document`)
    await this.#catchUp(action)
    return this.#row(name, action)
  }

  #row(name: string, action: string): DocumentRow {
    const { documents } = this.#state()
    const row = findDocument(documents, name)
    if (row?.name !== name) throw documentUnknown(action, name, documents)
    return row
  }

  /** Beside a writer: see what it did until now, for single values until a moment ago. */
  async #catchUp(action: string): Promise<void> {
    const { readOnly, clock } = this.#context
    if (!readOnly) return
    const now = clock.monotonic()
    if (action === 'read' && now - this.#caughtUpAt < CATCH_UP_MS) return
    this.#caughtUpAt = now
    await this.#context.refresh()
  }

  #partsOf(row: DocumentRow) {
    const { storage, clock } = this.#context
    return { storage, clock, path: DOCUMENT_FILES.path(row.name, row.id), stat: statOf(row), id: row.id }
  }

  /** Open a file, which stays where it is until it is closed. */
  async #openRow(row: DocumentRow): Promise<OpenDocument> {
    // Nobody would close it.
    checkOpen(this.#context, 'open a document')
    const release = this.files.hold(row.id)
    const closed = () => {
      this.#open.delete(opened)
      this.#released(row, release)
    }
    const opened = openDocumentFile({ ...this.#partsOf(row), closed }).catch((error: unknown) => {
      closed()
      throw error
    })
    this.#open.add(opened)
    return opened
  }

  /** A file is not in use any more: it goes when it was replaced meanwhile. */
  #released(row: DocumentRow, release: () => void): void {
    release()
    if (!this.files.isNeeded(row.name, row.id)) this.files.inBackground(this.files.tidy(row.name), row.name)
  }

  /** Finish what is being published, give up what is being written or checked, close what is open.
   * @returns the names of documents in whose directories something is left. */
  async close(): Promise<string[]> {
    await this.#writes.settled()
    await Promise.allSettled(this.#checks)
    for (const opened of [...this.#open]) await opened.then((document) => document.close()).catch(() => undefined)
    return this.#context.readOnly ? [] : this.files.settled()
  }
}
