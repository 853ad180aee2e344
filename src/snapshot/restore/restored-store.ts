/** The store that a restore makes in a claimed place: its files, its state, and what becomes of those of the store that
 * was there.
 * @module */

import { sameBytes, toHex } from '../../codec/bytes.ts'
import { isVarveError } from '../../errors.ts'
import { readWhole } from '../../manifest/files.ts'
import {
  type Beginning,
  type ClaimedPlace,
  type Closed,
  type GroupRow,
  type HistoryRow,
  isLeaving,
  type ManifestState,
  manifestName,
  partitionDirectory,
  type Removal,
  type TopicRow,
} from '../../manifest/index.ts'
import { DOCUMENT_FILES, HISTORY_FILES } from '../../manifest/stored-paths.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Random, randomId } from '../../ports/random.ts'
import type { Storage } from '../../ports/storage.ts'
import { CHECKPOINT_FILE, isPartitionFile } from '../../segment/names.ts'
import { type TransferFile, transfer } from '../files/transfer.ts'
import { forkTopic, type SegmentMaker } from '../fork/fork-topic.ts'
import { removeMade } from '../fork/made-files.ts'
import type { CheckOptions, SourceTopic, TakeOver } from '../host.ts'
import { isEmptyState, notEmpty, restoreLive } from './restore-place.ts'

/** A topic that is to be restored, and how much of it. */
export interface TopicPlan {
  readonly source: SourceTopic
  readonly plan: TakeOver
}

/** What is restored. */
export interface RestoreSource {
  /** Of the snapshot. */
  readonly id: string
  readonly storage: Storage
  /** The store that is open. */
  readonly live: Storage
  readonly state: ManifestState
  readonly topics: readonly TopicPlan[]
  /** With documents, histories and projections. */
  readonly isWhole: boolean
}

/** Where to. */
export interface RestoreTarget extends CheckOptions {
  readonly to: Storage
  readonly clock: Clock
  readonly random: Random
  readonly overwrite: boolean
}

const STORE_ID_CHARACTERS = 20

export class RestoredStore {
  readonly #source: RestoreSource
  readonly #target: RestoreTarget
  #counts = { filesLinked: 0, filesCopied: 0, bytesCopied: 0 }
  #closed: Closed = { type: 'closed', partitions: [] }

  constructor(source: RestoreSource, target: RestoreTarget) {
    this.#source = source
    this.#target = target
  }

  get counts(): { readonly filesLinked: number; readonly filesCopied: number; readonly bytesCopied: number } {
    return this.#counts
  }

  /** The record that ends the restore. */
  get closed(): Closed {
    return this.#closed
  }

  /** Make the files, and the state that names them. @throws {VarveError} `RESTORE_NOT_EMPTY`, `RESTORE_LIVE`, and what
   * taking over throws: then nothing was made. */
  async begin(claimed: ClaimedPlace): Promise<Beginning> {
    const { to, clock, random, overwrite } = this.#target
    const { epoch, previous, isFenced } = claimed
    // It was looked at before the claim stood.
    if (!overwrite && previous !== undefined && !isEmptyState(previous)) throw notEmpty(to, ['a store'])
    await this.#checkApart(epoch)
    const maker: SegmentMaker = {
      storage: to,
      digest: to.digest,
      clock,
      random,
      epoch,
      isFenced,
      isLeaving: (path) => previous !== undefined && isLeaving(previous, path),
      diagnose: () => undefined,
    }
    const made: string[] = []
    const undo = () => removeMade(maker, made, this.#directories)
    this.#counts = { filesLinked: 0, filesCopied: 0, bytesCopied: 0 }
    try {
      const topics = await this.#topics(maker, made)
      const untidy = { documents: await namesIn(to, 'documents'), histories: await namesIn(to, 'histories') }
      const stored = this.#source.isWhole ? await this.#stored(maker, made) : {}
      const removing = await this.#leftBehind(topics, made)
      const { state: from, id } = this.#source
      const { storeId, lastTopicId, lastHeadSlot, lastDocumentVersion } = from
      const last = { lastTopicId, lastHeadSlot, lastDocumentVersion }
      const state: ManifestState = {
        formatVersion: from.formatVersion,
        features: from.features,
        storeId: randomId(random, STORE_ID_CHARACTERS),
        createdAt: clock.now(),
        lineage: { storeId, snapshot: id },
        topics,
        ...definedOf(last),
        ...(removing.length > 0 && { removing }),
        ...stored,
      }
      this.#closed = closedOf(topics, untidy)
      return { state, undo }
    } catch (error) {
      await undo()
      throw error
    }
  }

  /** Of documents and histories, where files may have been made. */
  get #directories(): string[] {
    const { documents = [], histories = [] } = this.#source.isWhole ? this.#source.state : {}
    return [...documents.map(({ name }) => `documents/${name}`), ...histories.map(({ name }) => `histories/${name}`)]
  }

  /** By another path the place may be the store itself: then its files are the same. */
  async #checkApart(epoch: number): Promise<void> {
    const { to } = this.#target
    const { live } = this.#source
    try {
      const [there, here] = await Promise.all([to, live].map((storage) => readWhole(storage, manifestName(epoch))))
      if (there !== undefined && here !== undefined && sameBytes(there, here)) throw restoreLive(to)
    } catch (error) {
      if (!isVarveError(error, 'FILE_MISSING')) throw error
    }
  }

  async #topics(maker: SegmentMaker, made: string[]): Promise<TopicRow[]> {
    const rows: TopicRow[] = []
    let headSlot = 1
    for (const { source, plan } of this.#source.topics) {
      const { name, id, partitions } = source.row
      const { row, files, ...counts } = await forkTopic(maker, source, { name, id, headSlot, plan })
      headSlot += partitions.length
      rows.push(row)
      made.push(...files)
      this.#count(counts)
    }
    return rows
  }

  #count(more: RestoredStore['counts']): void {
    const { filesLinked, filesCopied, bytesCopied } = this.#counts
    this.#counts = {
      filesLinked: filesLinked + more.filesLinked,
      filesCopied: filesCopied + more.filesCopied,
      bytesCopied: bytesCopied + more.bytesCopied,
    }
  }

  /** Bring documents and histories. The file of a document has its id as its name; one that is there already, of a
   * restore that was interrupted or is to be replaced, makes room. That of a group gets another name. */
  async #stored(
    maker: SegmentMaker,
    made: string[],
  ): Promise<Pick<ManifestState, 'documents' | 'histories' | 'projections'>> {
    const { to, signal, onProgress } = this.#target
    const { documents, histories, projections } = this.#source.state
    const files: TransferFile[] = []
    const replaced: { readonly from: string; readonly to: string }[] = []
    for (const { name, id, sizeBytes } of documents ?? []) {
      const path = DOCUMENT_FILES.path(name, id)
      if (await to.exists(path)) {
        const aside = `tmp/restored-${id}.vdoc`
        replaced.push({ from: aside, to: path })
        files.push({ from: path, to: aside, sizeBytes })
      } else files.push({ from: path, to: path, sizeBytes })
    }
    const rows: HistoryRow[] = []
    for (const history of histories ?? []) {
      const groups: GroupRow[] = []
      for (const group of history.groups) {
        const from = HISTORY_FILES.path(history.name, group.file)
        const file = (await to.exists(from)) ? toHex(maker.random.bytes(8)) : group.file
        groups.push({ ...group, file })
        files.push({ from, to: HISTORY_FILES.path(history.name, file), sizeBytes: group.endBytes })
      }
      rows.push({ ...history, groups })
    }
    made.push(...files.map((file) => file.to))
    const isStopped = () => maker.isFenced()
    this.#count(await transfer({ from: this.#source.storage, to }, files, { signal, onProgress, isStopped }))
    for (const one of replaced) await this.#replace(maker, one)
    return definedOf({ documents, histories: histories && rows, projections })
  }

  /** Put a document in the place of the same one: what was there before needs it, too. */
  async #replace(maker: SegmentMaker, file: { readonly from: string; readonly to: string }): Promise<void> {
    const { to } = this.#target
    if (await maker.isFenced()) return
    if (to.capabilities.atomicReplace) await to.replace(file.from, file.to)
    await to.remove(file.from)
    await to.syncDirectory(file.to.slice(0, file.to.lastIndexOf('/')))
  }

  /** Files in the directories of topics that are not part of the new store: to be removed by whoever opens it. */
  async #leftBehind(topics: readonly TopicRow[], made: readonly string[]): Promise<Removal[]> {
    const { to } = this.#target
    // Some systems know no case: there the directory of an old topic may be that of a new one.
    const needed = new Set(made.map((path) => path.toLowerCase()))
    const used = new Set(
      topics.flatMap(({ name, partitions }) => partitions.map((_, at) => partitionDirectory(name, at))),
    )
    const removing: Removal[] = []
    for (const topic of await directoriesIn(to, 'topics')) {
      for (const partition of await directoriesIn(to, topic)) {
        const entries = await to.list(partition)
        const files = entries.map(({ name }) => name).filter((name) => isPartitionFile(name))
        // The checkpoint of another store is refused and replaced.
        const isLeft = (name: string) =>
          !needed.has(`${partition}/${name}`.toLowerCase()) && (name !== CHECKPOINT_FILE || !used.has(partition))
        const left = files.filter(isLeft)
        if (left.length > 0) removing.push({ directory: partition, files: left })
      }
    }
    return removing
  }
}

async function directoriesIn(storage: Storage, directory: string): Promise<string[]> {
  const entries = await storage.list(directory)
  return entries.filter(({ kind }) => kind === 'directory').map(({ name }) => `${directory}/${name}`)
}

/** Names of documents or histories that have a directory. */
async function namesIn(storage: Storage, root: string): Promise<string[]> {
  return (await directoriesIn(storage, root)).map((directory) => directory.slice(root.length + 1))
}

function closedOf(
  topics: readonly TopicRow[],
  { documents, histories }: { documents: readonly string[]; histories: readonly string[] },
): Closed {
  const partitions = topics.flatMap(({ id, partitions }) =>
    partitions.flatMap(({ partition, proven }) => (proven === undefined ? [] : [{ topic: id, partition, ...proven }])),
  )
  return {
    type: 'closed',
    partitions,
    ...(documents.length > 0 && { untidyDocuments: documents }),
    ...(histories.length > 0 && { untidyHistories: histories }),
  }
}

/** Without the fields that are undefined. */
function definedOf<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
