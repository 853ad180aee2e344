/** Writing and deleting documents.
 *
 * 1. The value streams into a file of its own, beside other writes of the same name. A crash leaves that file.
 * 2. From here on writes of one name take turns. The version is settled; file and name are synced. The same.
 * 3. Look at the fence, then one manifest record: the commit point. It holds the new version from here on.
 * 4. The file of the version before is removed, unless somebody reads it. A crash leaves it.
 * What a crash leaves is removed after the next open; so is what a commit of unknown outcome leaves.
 *
 * A failed sync of the file itself does not poison the store: the file is dropped, and nothing else is in doubt.
 * @module */

import { toHex } from '../codec/bytes.ts'
import type { DocumentStat, WriteDocumentOptions } from '../document/types.ts'
import type { DocumentOutput } from '../document/write/output.ts'
import { DocumentWriter } from '../document/write/writer.ts'
import { VarveError } from '../errors.ts'
import { type DocumentRow, findDocument, type ManifestState } from '../manifest/index.ts'
import { DOCUMENT_FILES } from '../manifest/stored-paths.ts'
import { wholeOption } from '../options.ts'
import type { LogContext } from '../topic/context.ts'
import { checkWritable } from './guards.ts'
import { checkName } from './names.ts'
import type { Stopping } from './stopping.ts'
import type { StoredFiles } from './stored-files.ts'

/** Feeds a value to the output. When the signal is aborted it ends soon, and nothing is written any more. */
export type Pump = (output: DocumentOutput, signal: AbortSignal) => Promise<void>

/** How a document is written; `commit` for one of the store's own, which is committed with something else. */
export type WriteOptions = WriteDocumentOptions & { readonly commit?: (document: DocumentRow) => Promise<void> }

export interface WritingStore {
  readonly state: () => ManifestState
  readonly files: StoredFiles
  readonly stopping: Stopping
  /** A document has a newer version, or is gone. */
  readonly changed: (name: string) => void
}

export class DocumentWrites {
  readonly #context: LogContext
  readonly #store: WritingStore
  /** The last turn of each name that has any, without regard to case. */
  readonly #turns = new Map<string, Promise<unknown>>()
  readonly #running = new Set<Promise<unknown>>()

  constructor(context: LogContext, store: WritingStore) {
    this.#context = context
    this.#store = store
  }

  async write(name: string, options: WriteOptions, pump: Pump): Promise<DocumentStat> {
    checkWritable(this.#context, 'write a document')
    if (options.commit === undefined) checkName(name, 'document')
    checkVersionOption(options.ifVersion)
    this.#checkMayWrite(name, options.ifVersion)
    return this.#run(this.#write(name, options, pump))
  }

  async delete(name: string, options: { readonly ifVersion?: number }): Promise<void> {
    checkWritable(this.#context, 'delete a document')
    checkName(name, 'document')
    checkVersionOption(options.ifVersion)
    await this.#run(this.#inTurn(name, () => this.#delete(name, options.ifVersion)))
  }

  /** Wait until nothing is written any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  #run<T>(work: Promise<T>): Promise<T> {
    const done: Promise<T> = work.finally(() => this.#running.delete(done))
    this.#running.add(done)
    return done
  }

  #inTurn<T>(name: string, task: () => Promise<T>): Promise<T> {
    const folded = name.toLowerCase()
    const done = (this.#turns.get(folded) ?? Promise.resolve()).then(task)
    const turn: Promise<unknown> = done
      .catch(() => undefined)
      .finally(() => {
        if (this.#turns.get(folded) === turn) this.#turns.delete(folded)
      })
    this.#turns.set(folded, turn)
    return done
  }

  /** Check that a version may be written. @returns the one before. */
  #checkMayWrite(name: string, ifVersion: number | undefined): DocumentRow | undefined {
    const before = findDocument(this.#store.state().documents, name)
    if (before !== undefined && before.name !== name) {
      const message = `Cannot write document "${name}": "${before.name}" differs only in case`
      throw new VarveError('NAME_INVALID', message, { details: { name, other: before.name } })
    }
    const found = before?.version ?? 0
    if (ifVersion !== undefined && ifVersion !== found) throw conflict(name, { expected: ifVersion, found })
    return before
  }

  async #write(name: string, options: WriteOptions, pump: Pump): Promise<DocumentStat> {
    const { storage, random, storeId } = this.#context
    const { files, stopping } = this.#store
    const id = toHex(random.bytes(8))
    const release = files.hold(id)
    const { signal, end } = stopping.begin(options.signal)
    let writer: DocumentWriter | undefined
    try {
      signal.throwIfAborted()
      const path = DOCUMENT_FILES.path(name, id)
      writer = await DocumentWriter.create({ storage, path, id, storeId, options: { ...options, signal } })
      const output = writer
      await pump(output, signal)
      return await this.#inTurn(name, async () => {
        signal.throwIfAborted()
        const before = this.#before(name, options.ifVersion)
        const version = (before?.version ?? this.#store.state().lastDocumentVersion ?? 0) + 1
        const sizes = await output.finish(version)
        await this.#checkOwner()
        // From here on a manifest may name it, whatever becomes of the commit: then only `tidy` knows.
        writer = undefined
        const document = { name, version, id, ...sizes, writtenAt: this.#context.clock.now() }
        if (options.commit !== undefined) await options.commit(document)
        else await this.#context.commit({ type: 'document-written', document })
        if (before !== undefined) await this.#changed(name)
        return statOf(document)
      })
    } catch (error) {
      await writer?.discard()
      release()
      await files.tidy(name, true)
      throw error
    } finally {
      release()
      end()
    }
  }

  /** The version that a new one replaces, as it is when the turn of the new one comes. */
  #before(name: string, ifVersion: number | undefined): DocumentRow | undefined {
    if (this.#context.health.failure !== undefined) throw this.#context.health.failure
    return this.#checkMayWrite(name, ifVersion)
  }

  async #checkOwner(): Promise<void> {
    const { health, epoch } = this.#context
    if (await this.#context.isFenced()) throw health.fenced(epoch)
    if (health.failure !== undefined) throw health.failure
  }

  async #delete(name: string, ifVersion: number | undefined): Promise<void> {
    const { health } = this.#context
    if (health.failure !== undefined) throw health.failure
    const { documents } = this.#store.state()
    const row = findDocument(documents, name)
    if (row?.name !== name) throw documentUnknown('delete', name, documents)
    if (ifVersion !== undefined && ifVersion !== row.version) {
      throw conflict(name, { expected: ifVersion, found: row.version })
    }
    await this.#context.commit({ type: 'document-deleted', name })
    await this.#changed(name)
  }

  async #changed(name: string): Promise<void> {
    this.#store.changed(name)
    await this.#store.files.tidy(name)
  }
}

/** What callers are told of a version. */
export function statOf({ name, version, sizeBytes, indexBytes, writtenAt }: DocumentRow): DocumentStat {
  return { name, version, sizeBytes, indexBytes, writtenAt }
}

/** The error that names the documents there are. */
export function documentUnknown(action: string, name: string, rows: readonly DocumentRow[] = []): VarveError {
  const names = rows.slice(0, 100).map((row) => row.name)
  const known = names.length === 0 ? 'there are none' : `there are: ${names.slice(0, 10).join(', ')}`
  return new VarveError('DOCUMENT_UNKNOWN', `Cannot ${action} document "${name}": it does not exist; ${known}`, {
    details: { document: name, documents: names },
  })
}

/** The answer when `ifVersion` does not hold. */
export function conflict(
  name: string,
  { expected, found }: { readonly expected: number; readonly found: number },
): VarveError {
  const message = `Cannot change document "${name}": expected version ${expected}, found ${found}`
  return new VarveError('DOCUMENT_CONFLICT', message, { details: { name, expected, found } })
}

function checkVersionOption(ifVersion: unknown): void {
  if (ifVersion !== undefined) wholeOption('ifVersion', ifVersion, { least: 0 })
}
