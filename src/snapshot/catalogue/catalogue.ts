/** The snapshots in a place: which there are, their manifests, and how one comes and goes.
 *
 * Invariants: a directory `.snapshots/snapshot-<ms>` with a manifest is a snapshot, complete and never changed; one
 * without is none, and nothing shows it. An empty file `.snapshots/snapshot-<ms>.pinned` pins it. The catalogue file
 * repeats what manifests say, so nothing depends on it. Changes are made one after the other, in this process; who may
 * make them is for the caller to decide.
 * @module */
import { assert, isVarveError, VarveError } from '../../errors.ts'
import { encodeClosedManifest } from '../../manifest/closed-manifest.ts'
import { readWhole } from '../../manifest/files.ts'
import type { ManifestState } from '../../manifest/index.ts'
import type { Owner } from '../../ports/owner.ts'
import { type Random, randomId } from '../../ports/random.ts'
import type { Maybe, Storage } from '../../ports/storage.ts'
import { storageAt } from '../../ports/storage-at.ts'
import { forEach } from '../files/several.ts'
import type { SnapshotDetails, SnapshotInfo } from '../types.ts'
import {
  CATALOGUE,
  CatalogueFile,
  type CatalogueRow,
  type CatalogueRows,
  UNPUBLISHED_CATALOGUE,
  writeWhole,
} from './catalogue-file.ts'
import { removeTree } from './delete.ts'
import { checkSnapshotId, directoryOf, msOf, pinOf, SNAPSHOTS_DIRECTORY, snapshotId, unknownSnapshot } from './ids.ts'
import { detailsOf, infoOf } from './info.ts'
import { removeLeftover } from './leftovers.ts'
import { namesIn, type SnapshotNames } from './names.ts'
import { placeManifest, type SnapshotManifest } from './publish.ts'
import { damagedSnapshot, hasManifest, readSnapshot, type StoredSnapshot } from './read-state.ts'

export { checkSnapshotId, SNAPSHOTS_DIRECTORY } from './ids.ts'
export type { SnapshotManifest } from './publish.ts'

/** Manifests that are read beside each other. */
const WIDTH = 8

export interface CatalogueOptions {
  /** Whether the place belongs to somebody else by now. Default: it never does. */
  readonly isFenced?: () => Maybe<boolean>
  /** Told of what is passed over. */
  readonly diagnose?: (code: string, message: string, details: Readonly<Record<string, unknown>>) => void
}

/** Over a store, or any other place that snapshots are kept in. */
export class SnapshotCatalogue {
  /** Has `.snapshots` in it. */
  readonly storage: Storage
  readonly #isFenced: () => Maybe<boolean>
  readonly #diagnose: NonNullable<CatalogueOptions['diagnose']>
  readonly #file: CatalogueFile
  /** Rows of snapshots that the file does not have. */
  readonly #found = new Map<string, CatalogueRow>()
  /** Damaged snapshots that were told of. */
  readonly #told = new Set<string>()
  /** What was removed here: another process that lost the store may still be removing files of it. */
  readonly #gone = new Set<string>()
  #queue: Promise<unknown> = Promise.resolve()

  constructor(storage: Storage, { isFenced = () => false, diagnose = () => {} }: CatalogueOptions = {}) {
    this.storage = storage
    this.#file = new CatalogueFile(storage)
    this.#isFenced = isFenced
    this.#diagnose = diagnose
  }

  /** All of them, the newest first. One whose manifest is damaged is listed as long as the catalogue remembers it.
   * Cost: a listing and one file; a manifest for each snapshot that the catalogue does not have. */
  async list(): Promise<SnapshotInfo[]> {
    const { rows, names } = await this.#look()
    const infos = Array.from(rows.values(), (row) => withPin(row, names.pinned.has(row.id)))
    return infos.sort((a, b) => b.timestamp - a.timestamp || msOf(b.id) - msOf(a.id))
  }

  /** @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED`. */
  async info(id: string): Promise<SnapshotInfo> {
    checkSnapshotId(id)
    const row = await this.#listed(id)
    return row === undefined ? this.details(id).then(infoOnly) : withPin(row, await this.#isPinned(id))
  }

  /** @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED`. */
  async details(id: string): Promise<SnapshotDetails> {
    const { state, snapshot } = await this.#read(id)
    return detailsOf(state, snapshot, { pinned: await this.#isPinned(id), digest: this.storage.digest })
  }

  /** What its manifest says. @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED` {snapshot, file, reason}. */
  async state(id: string): Promise<ManifestState> {
    return (await this.#read(id)).state
  }

  /** Its manifest, and the bytes of it. @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED`. */
  async manifest(id: string): Promise<SnapshotManifest> {
    const { state, file } = await this.#read(id)
    return { state, name: file, bytes: await readWhole(this.storageOf(id), file) }
  }

  /** Where its files are; also of one that is not there yet. @throws {VarveError} `SNAPSHOT_UNKNOWN`: not an id. */
  storageOf(id: string): Storage {
    checkSnapshotId(id)
    return storageAt(this.storage, directoryOf(id))
  }

  /** An id that nothing uses or used, of this moment or the first one after it. */
  async freeId(now: number): Promise<string> {
    const { all } = await namesIn(this.storage)
    let ms = Math.max(0, now)
    const isUsed = (id: string) => all.has(id) || all.has(pinOf(id)) || this.#gone.has(id)
    while (isUsed(snapshotId(ms))) ms++
    return snapshotId(ms)
  }

  /** Make a snapshot of files that are all in its directory, durably: write its manifest.
   * @param state says in `snapshot` which one it is; every active segment has a proven end.
   * @param by its epoch is above that of the store it is of. */
  publish(
    id: string,
    state: ManifestState,
    by: { readonly epoch: number; readonly owner: Owner; readonly random: Random },
  ): Promise<SnapshotInfo> {
    const { epoch, owner, random } = by
    const facts = { epoch, owner, instance: randomId(random, 20), digest: this.storage.digest }
    return this.publishManifest(id, { ...encodeClosedManifest(state, facts), state })
  }

  /** The same with a manifest that was made elsewhere.
   *
   * 1. Write it under another name and sync it. A crash leaves files that are no snapshot.
   * 2. Look at the fence, then give it its name and sync the directory: the snapshot is there.
   * 3. Add it to the catalogue. A crash, or a full disk, costs reading its manifest later.
   * @throws {VarveError} `STORE_FENCED`, and what the storage throws: then `discard` it. */
  publishManifest(id: string, { name, bytes, state }: SnapshotManifest): Promise<SnapshotInfo> {
    checkSnapshotId(id)
    const { snapshot } = state
    assert(snapshot?.id === id, 'a snapshot is published under its own id')
    return this.#change(async () => {
      await placeManifest(
        { storage: this.storage, directory: directoryOf(id), checkFence: () => this.#checkFence() },
        { name, bytes },
      )
      const { digest } = this.storage
      const info = infoOf(state, snapshot, { pinned: await this.#isPinned(id), digest })
      const { pinned: _, ...row } = info
      this.#found.set(id, row)
      await this.#store(await this.#rows()).catch((error: unknown) => {
        this.#diagnose('CATALOGUE_NOT_WRITTEN', `Did not add "${id}" to the catalogue`, { snapshot: id, error })
      })
      return info
    })
  }

  /** Keep it whatever a policy says, or not any more. @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED`. */
  pin(id: string, pinned: boolean): Promise<SnapshotInfo> {
    return this.#change(async () => {
      const info = await this.info(id)
      await this.mark(id, pinned)
      return { ...info, pinned }
    })
  }

  /** Pin a snapshot that is not there yet. */
  async mark(id: string, pinned: boolean): Promise<void> {
    checkSnapshotId(id)
    const { storage } = this
    const path = `${SNAPSHOTS_DIRECTORY}/${pinOf(id)}`
    const isThere = await storage.exists(path)
    if (!pinned && !isThere) return
    await this.#checkFence()
    if (!pinned) await storage.remove(path)
    else if (!isThere) {
      await writeWhole(storage, path, new Uint8Array(0)).catch(async (error: unknown) => {
        // It may be there all the same.
        await storage.remove(path).catch(() => undefined)
        throw error
      })
    }
    await storage.syncDirectory(SNAPSHOTS_DIRECTORY)
  }

  /** Remove one, also one that is damaged: its row in the catalogue, then as `removeTree` says.
   * @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_PINNED`, `STORE_FENCED`, and what the storage throws: what it
   * left then is no snapshot, and goes with the next clean-up. */
  remove(id: string): Promise<{ freedBytes: number }> {
    checkSnapshotId(id)
    return this.#change(async () => {
      const { rows, names } = await this.#look()
      if (!rows.has(id) && !(await hasManifest(this.storage, id))) throw unknownSnapshot(id)
      if (names.pinned.has(id))
        throw new VarveError('SNAPSHOT_PINNED', `Cannot remove "${id}": it is pinned`, { details: { snapshot: id } })
      this.#found.delete(id)
      await this.#store(new Map([...rows].filter(([other]) => other !== id)))
      return removeTree(this.#removing(id))
    })
  }

  /** Remove what a snapshot that did not come about left. Never throws; a process that lost the store touches
   * nothing. */
  discard(id: string): Promise<void> {
    return this.#change(async () => {
      try {
        if (await this.#isFenced()) return
        this.#found.delete(id)
        await removeTree(this.#removing(id))
        await this.mark(id, false)
      } catch (error) {
        const details = { snapshot: id, reason: String(error) }
        this.#diagnose('SNAPSHOT_LEFT', `Left files of "${id}" for the next open to remove`, details)
      }
    })
  }

  /** Remove what crashes left, and write the catalogue if it is out of step. Whatever has a manifest stays.
   * @param isBusy whether a snapshot of this id is being made: it is left alone.
   * @returns the ids of what was removed.
   * @throws {VarveError} `STORE_FENCED`, and what the storage throws. */
  cleanLeftovers(isBusy: (id: string) => boolean): Promise<string[]> {
    return this.#change(async () => {
      const { rows, names } = await this.#look()
      if (names.all.size === 0) return []
      const removed: string[] = []
      for (const id of names.ids) {
        if (rows.has(id) || isBusy(id) || (await hasManifest(this.storage, id))) continue
        if (await removeLeftover(this.#removing(id))) removed.push(id)
      }
      for (const id of names.pinned) {
        const isThere = names.ids.has(id) && !removed.includes(id)
        if (!isThere && !isBusy(id)) await this.mark(id, false)
      }
      const written = await this.#file.rows()
      const isSame = written?.size === rows.size && [...rows.keys()].every((id) => written.has(id))
      const isNone = rows.size === 0 && !names.all.has(CATALOGUE)
      if (!(isSame || isNone) || names.all.has(UNPUBLISHED_CATALOGUE)) await this.#store(rows)
      return removed
    })
  }

  #removing(id: string) {
    this.#gone.add(id)
    return { storage: this.storage, directory: directoryOf(id), isFenced: this.#isFenced }
  }

  async #checkFence(): Promise<void> {
    if (await this.#isFenced())
      throw new VarveError('STORE_FENCED', 'Cannot change snapshots: the store was taken over')
  }

  /** One change after the other. */
  #change<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run).catch(async (error: unknown) => {
      // Whoever took the place over may have removed it.
      if (isVarveError(error, 'FILE_MISSING')) await this.#checkFence()
      throw error
    })
    this.#queue = result.catch(() => undefined)
    return result
  }

  /** What there is. */
  async #look(): Promise<{ rows: CatalogueRows; names: SnapshotNames }> {
    const file = (await this.#file.rows()) ?? new Map<string, CatalogueRow>()
    const names = await namesIn(this.storage)
    for (const id of this.#found.keys()) if (!names.ids.has(id) || file.has(id)) this.#found.delete(id)
    const missing = [...names.ids].filter((id) => !file.has(id) && !this.#found.has(id))
    await forEach(missing, WIDTH, (id) => this.#find(id))
    const rows = new Map<string, CatalogueRow>()
    for (const id of names.ids) {
      const row = file.get(id) ?? this.#found.get(id)
      if (row !== undefined) rows.set(id, row)
    }
    return { rows, names }
  }

  async #rows(): Promise<CatalogueRows> {
    return (await this.#look()).rows
  }

  /** Read the manifest of a snapshot that the catalogue does not have. */
  async #find(id: string): Promise<void> {
    try {
      const { state, snapshot } = await this.#read(id)
      const { pinned: _, ...row } = infoOf(state, snapshot, { pinned: false, digest: this.storage.digest })
      this.#found.set(id, row)
    } catch (error) {
      if (isVarveError(error, 'SNAPSHOT_UNKNOWN')) return
      // What may be read the next time is not passed over.
      if (!isVarveError(error) || error.retryable) throw error
      if (!this.#told.has(id)) this.#diagnose(error.code, error.message, { snapshot: id, ...error.details })
      this.#told.add(id)
    }
  }

  async #listed(id: string): Promise<CatalogueRow | undefined> {
    const row = (await this.#file.rows())?.get(id) ?? this.#found.get(id)
    return row !== undefined && (await this.storage.exists(directoryOf(id))) ? row : undefined
  }

  async #isPinned(id: string): Promise<boolean> {
    return await this.storage.exists(`${SNAPSHOTS_DIRECTORY}/${pinOf(id)}`)
  }

  #read(id: string): Promise<StoredSnapshot> {
    checkSnapshotId(id)
    return readSnapshot(this.storage, id).catch(async (error: unknown) => {
      if (!isVarveError(error, 'SNAPSHOT_UNKNOWN')) throw error
      // Whoever deletes it takes it out of the file first: what was found in its directory says nothing any more.
      this.#found.delete(id)
      if ((await this.#listed(id)) === undefined) throw error
      throw damagedSnapshot(id, { reason: 'its manifest is missing' }, error)
    })
  }

  /** Write the catalogue, or, where that fails, make sure that there is none: then manifests are read.
   * @throws what the storage throws: then the old one may be there. */
  async #store(rows: CatalogueRows): Promise<void> {
    try {
      await this.#file.store(rows, () => this.#checkFence())
    } catch (error) {
      if (isVarveError(error, 'STORE_FENCED')) throw error
      await this.#checkFence()
      await this.#file.remove()
      for (const [id, row] of rows) this.#found.set(id, row)
    }
  }
}

function withPin(row: CatalogueRow, pinned: boolean): SnapshotInfo {
  return { ...row, pinned }
}

function infoOnly({ storeId: _, partitions: __, ...info }: SnapshotDetails): SnapshotInfo {
  return info
}
