/** The files of documents: which are in use, and removing those that nothing needs any more.
 *
 * A file has a random name and is published by a manifest record while its id is held here. So a file that no row names
 * and nobody holds will never be needed, and can be removed at any time by whoever owns the store. What this process
 * has open stays until it is closed, on storages of any kind.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import { findDocument, type ManifestState } from '../manifest/index.ts'
import type { LogContext } from '../topic/context.ts'
import { isName } from './names.ts'

export const DOCUMENTS_DIRECTORY = 'documents'
const FILE = /^([0-9a-f]{16})\.vdoc$/
/** Directories that are synced beside each other. */
const SYNCS_MAX = 16

/** Directory of a document, relative to the store. */
export function documentDirectory(name: string): string {
  return `${DOCUMENTS_DIRECTORY}/${name}`
}

/** Path of the file of one version. */
export function documentPath(name: string, id: string): string {
  return `${documentDirectory(name)}/${id}.vdoc`
}

/** The id that the name of a document's file says; undefined for every other name. */
export function documentFileId(file: string): string | undefined {
  return FILE.exec(file)?.[1]
}

export class DocumentFiles {
  readonly #context: LogContext
  readonly #state: () => ManifestState
  /** By id, how often. */
  readonly #held = new Map<string, number>()
  /** Directories in which something could not be removed, by name. */
  readonly #untidy = new Set<string>()
  /** Directories of which a sync failed, by name: nobody knows what a crash would bring back. */
  readonly #doubtful = new Set<string>()
  readonly #working = new Set<Promise<unknown>>()
  /** Every directory is still to be looked at. */
  #isUnknown = false

  constructor(context: LogContext, state: () => ManifestState) {
    this.#context = context
    this.#state = state
  }

  /** Keep the file of an id for as long as it is written or read. @returns gives it up. */
  hold(id: string): () => void {
    this.#held.set(id, (this.#held.get(id) ?? 0) + 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const count = (this.#held.get(id) ?? 1) - 1
      if (count > 0) this.#held.set(id, count)
      else this.#held.delete(id)
    }
  }

  /** Whether a file in the directory of a name is needed: it is the newest version, or somebody holds it. */
  isNeeded(name: string, id: string): boolean {
    // Storages that know no case have one directory for all spellings of a name.
    return this.#held.has(id) || findDocument(this.#state().documents, name)?.id === id
  }

  /** Remove what is not needed from the directory of a document.
   * 1. List it. 2. Look at the fence: whoever owns the store after that look makes files of other names. 3. Remove. 4.
   * Sync the directory, in the background. A crash in between leaves files to the next owner.
   * Never throws: what could not be removed is reported, and tried again when the store closes, or opens.
   * @param isChanged something was removed before. */
  async tidy(name: string, isChanged = false): Promise<void> {
    const { storage, health } = this.#context
    if (this.#context.readOnly || health.failure !== undefined) return
    const directory = documentDirectory(name)
    try {
      const ids = (await storage.list(directory)).map((entry) => documentFileId(entry.name))
      const found = ids.filter((id) => id !== undefined)
      this.#untidy.delete(name)
      const isIdle = found.every((id) => this.isNeeded(name, id))
      if (isIdle && !isChanged) return
      if (!isIdle && (await this.#context.isFenced())) throw health.fenced(this.#context.epoch)
      for (const id of found) if (!this.isNeeded(name, id)) await this.#remove(name, id)
      this.inBackground(this.#sync(name), name)
    } catch (error) {
      this.#left(name, error)
    }
  }

  async #remove(name: string, id: string): Promise<void> {
    const { storage, health } = this.#context
    // Another commit may have had an unknown outcome meanwhile: then its files stay.
    if (health.failure !== undefined) throw health.failure
    try {
      await storage.remove(documentPath(name, id))
    } catch (error) {
      this.#left(name, error)
    }
  }

  async #sync(name: string): Promise<void> {
    try {
      await this.#context.storage.syncDirectory(documentDirectory(name))
    } catch (error) {
      // Nothing was ever made there.
      if (isVarveError(error, 'FILE_MISSING')) return
      this.#doubtful.add(name)
      throw error
    }
  }

  #left(name: string, error: unknown): void {
    if (this.#context.health.failure !== undefined) return
    this.#untidy.add(name)
    this.#tell(name, error)
  }

  #tell(name: string, error: unknown): void {
    const file = name === '' ? DOCUMENTS_DIRECTORY : documentDirectory(name)
    const reason = error instanceof Error ? error.message : String(error)
    this.#context.diagnose('FILE_LEFT', `Left files in "${file}" behind for the next open to remove`, { file, reason })
  }

  /** Go on with something that `settled` waits for. A failure is about files of the document `name`. */
  inBackground(work: Promise<unknown>, name: string): void {
    const done = work
      .catch((error: unknown) => this.#left(name, error))
      .finally(() => {
        this.#working.delete(done)
      })
    this.#working.add(done)
  }

  /** Tidy up after an owner that did not close: all directories, or those that a clean close named. In the background.
   * Cost: a listing for each, and a sync after an unclean end. */
  tidyAfter(closed: 'cleanly' | 'uncleanly'): void {
    const { untidyDocuments = [] } = this.#state()
    if (closed === 'cleanly') for (const name of untidyDocuments) this.inBackground(this.tidy(name), name)
    else {
      this.#isUnknown = true
      const done: Promise<void> = this.#tidyEverything().finally(() => this.#working.delete(done))
      this.#working.add(done)
    }
  }

  async #tidyEverything(): Promise<void> {
    try {
      for (const { name, kind } of await this.#context.storage.list(DOCUMENTS_DIRECTORY)) {
        if (kind !== 'directory' || !isName(name)) continue
        // What the owner before removed is back after a crash, if nobody syncs, and this owner may close cleanly.
        await this.tidy(name, true)
        while (this.#working.size > SYNCS_MAX) await Promise.race(this.#working)
      }
      this.#isUnknown = false
    } catch (error) {
      this.#tell('', error)
    }
  }

  /** Wait until everything in the background is done, and try once more what failed.
   * @returns the names of documents in whose directories something is left.
   * @throws {VarveError} `STORAGE_UNAVAILABLE` when nobody can say what is left. */
  async settled(): Promise<string[]> {
    while (this.#working.size > 0) await Promise.all(this.#working)
    if (this.#isUnknown) await this.#tidyEverything()
    for (const name of [...this.#untidy]) await this.tidy(name)
    while (this.#working.size > 0) await Promise.all(this.#working)
    if (this.#isUnknown) {
      throw new VarveError('STORAGE_UNAVAILABLE', 'Cannot tidy up the documents: their directories cannot be listed')
    }
    return [...new Set([...this.#untidy, ...this.#doubtful])].sort()
  }
}
