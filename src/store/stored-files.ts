/** The files of documents and of histories: which are in use, and removing those that nothing needs any more.
 *
 * A file has a random name and is published by a manifest record while its id is held here. So a file that no row names
 * and nobody holds will never be needed, and can be removed at any time by whoever owns the store. What this process
 * has open stays until it is closed, on storages of any kind.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import type { FilePaths } from '../manifest/stored-paths.ts'
import type { LogContext } from '../topic/context.ts'
import { isOwnOrName } from './names.ts'

/** Directories that are synced beside each other. */
const SYNCS_MAX = 16

/** What files there are. */
export interface StoredFilesOptions {
  readonly paths: FilePaths
  /** The ids of the files that the state names for a name, in whatever case; asked anew each time. */
  readonly named: (name: string) => Iterable<string>
}

/** The files of one root directory, such as
 * `new StoredFiles(context, { paths: HISTORY_FILES, named: (name) => files of the groups of that history })`. */
export class StoredFiles {
  readonly #context: LogContext
  readonly #paths: FilePaths
  readonly #named: StoredFilesOptions['named']
  /** By id, how often. */
  readonly #held = new Map<string, number>()
  /** Directories in which something could not be removed, by name. */
  readonly #untidy = new Set<string>()
  /** Directories of which a sync failed, by name: nobody knows what a crash would bring back. */
  readonly #doubtful = new Set<string>()
  readonly #working = new Set<Promise<unknown>>()
  /** Every directory is still to be looked at. */
  #isUnknown = false

  constructor(context: LogContext, { paths, named }: StoredFilesOptions) {
    this.#context = context
    this.#paths = paths
    this.#named = named
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

  /** Whether a file in the directory of a name is needed: the state names it, or somebody holds it. Cost: a look at
   * what the state names. */
  isNeeded(name: string, id: string): boolean {
    return this.#held.has(id) || has(this.#named(name), id)
  }

  /** Which files are not needed, of those in the directory of a name. */
  #unneeded(name: string, ids: readonly string[]): string[] {
    // Storages that know no case have one directory for all spellings of a name.
    const named = new Set(this.#named(name))
    const unnamed = ids.filter((id) => !named.has(id))
    const unneeded = unnamed.filter((id) => !this.#held.has(id))
    // Should somebody still hold one when the store closes, the next owner removes it.
    if (unneeded.length < unnamed.length) this.#untidy.add(name)
    return unneeded
  }

  /** Remove what is not needed from the directory of a name.
   * 1. List it. 2. Look at the fence: whoever owns the store after that look makes files of other names. 3. Remove. 4.
   * Sync the directory, in the background. A crash in between leaves files to the next owner.
   * Never throws: what could not be removed is reported, and tried again when the store closes, or opens.
   * @param isChanged something was removed before. */
  async tidy(name: string, isChanged = false): Promise<void> {
    const { storage, health } = this.#context
    if (this.#context.readOnly || health.failure !== undefined) return
    const directory = this.#paths.directory(name)
    try {
      const ids = (await storage.list(directory)).map((entry) => this.#paths.idOf(entry.name))
      const found = ids.filter((id) => id !== undefined)
      this.#untidy.delete(name)
      const unneeded = this.#unneeded(name, found)
      const isIdle = unneeded.length === 0
      if (isIdle && !isChanged) return
      if (!isIdle && (await this.#context.isFenced())) throw health.fenced(this.#context.epoch)
      for (const id of unneeded) if (!this.isNeeded(name, id)) await this.#remove(name, id)
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
      await storage.remove(this.#paths.path(name, id))
    } catch (error) {
      this.#left(name, error)
    }
  }

  async #sync(name: string): Promise<void> {
    try {
      await this.#context.storage.syncDirectory(this.#paths.directory(name))
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
    const file = name === '' ? this.#paths.root : this.#paths.directory(name)
    const reason = error instanceof Error ? error.message : String(error)
    this.#context.diagnose('FILE_LEFT', `Left files in "${file}" behind for the next open to remove`, { file, reason })
  }

  /** Go on with something that `settled` waits for. A failure is about files in the directory of `name`. */
  inBackground(work: Promise<unknown>, name: string): void {
    const done = work
      .catch((error: unknown) => this.#left(name, error))
      .finally(() => {
        this.#working.delete(done)
      })
    this.#working.add(done)
  }

  /** Tidy up after an owner that did not close: all directories, or those that a clean close named. In the background.
   * Cost: a listing for each, and a sync after an unclean end.
   * @param untidy what the clean close named. */
  tidyAfter(closed: 'cleanly' | 'uncleanly', untidy: readonly string[] = []): void {
    if (closed === 'cleanly') for (const name of untidy) this.inBackground(this.tidy(name), name)
    else {
      this.#isUnknown = true
      const done: Promise<void> = this.#tidyEverything().finally(() => this.#working.delete(done))
      this.#working.add(done)
    }
  }

  async #tidyEverything(): Promise<void> {
    try {
      for (const { name, kind } of await this.#context.storage.list(this.#paths.root)) {
        if (kind !== 'directory' || !isOwnOrName(name)) continue
        // What the owner before removed is back after a crash, if nobody syncs, and this owner may close cleanly.
        await this.tidy(name, true)
        while (this.#working.size > SYNCS_MAX) await Promise.race(this.#working)
      }
      this.#isUnknown = false
    } catch (error) {
      this.#tell('', error)
    }
  }

  /** Try again, in the background, where something could not be removed, because it was in use above all. */
  tidyLeft(): void {
    for (const name of this.#untidy) this.inBackground(this.tidy(name), name)
  }

  /** Wait until everything in the background is done, and try once more what failed.
   * @returns the names in whose directories something is left.
   * @throws {VarveError} `STORAGE_UNAVAILABLE` when nobody can say what is left. */
  async settled(): Promise<string[]> {
    while (this.#working.size > 0) await Promise.all(this.#working)
    if (this.#isUnknown) await this.#tidyEverything()
    for (const name of [...this.#untidy]) await this.tidy(name)
    while (this.#working.size > 0) await Promise.all(this.#working)
    if (this.#isUnknown) {
      const { root } = this.#paths
      throw new VarveError('STORAGE_UNAVAILABLE', `Cannot tidy up the ${root}: their directories cannot be listed`)
    }
    return [...new Set([...this.#untidy, ...this.#doubtful])].sort()
  }
}

function has(ids: Iterable<string>, wanted: string): boolean {
  for (const id of ids) if (id === wanted) return true
  return false
}
