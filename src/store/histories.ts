/** The histories of a store: rows of the manifest, and the files of their groups.
 *
 * What changes a history happens between two of its appends; creations and deletions one after the other.
 * @module */

import { VarveError } from '../errors.ts'
import { StoredHistory, statsOf } from '../history/history.ts'
import type { GroupsWritten, HistoryHost } from '../history/host.ts'
import type { HistoryOptions, HistoryStats, VersionReceipt } from '../history/types.ts'
import type { AppendCall } from '../history/version-writer.ts'
import { findHistory, type HistoryRow, type ManifestState } from '../manifest/index.ts'
import { HISTORY_FILES } from '../manifest/stored-paths.ts'
import type { LogContext } from '../topic/context.ts'
import { checkOpen, checkWritable } from './guards.ts'
import { HistoryDraft } from './history-draft.ts'
import { differingSetting, historySettings } from './history-settings.ts'
import { checkName, isOwnOrName } from './names.ts'
import { StoredFiles } from './stored-files.ts'
import type { Histories } from './types.ts'

/** Newest values that are held in memory for the next append: so many, and about so many bytes of them together. */
const KEPT_MOST = 32
const KEPT_MOST_BYTES = 64 * 1_048_576
/** Histories of which files of groups stay open between reads. */
const READ_MOST = 32

interface OpenHistory {
  readonly history: StoredHistory
  /** Another one is another history with the same name. */
  readonly createdAt: number
}

export class StoreHistories implements Histories {
  readonly files: StoredFiles
  readonly #context: LogContext
  readonly #state: () => ManifestState
  readonly #open = new Map<string, OpenHistory>()
  /** Those whose newest value is in memory, and its size; the one that was used last at the end. */
  readonly #kept = new Map<StoredHistory, number>()
  /** Those of which groups may be open; the one that was read last at the end. */
  readonly #read = new Set<StoredHistory>()
  /** Files that snapshots took over since this process owns the store, and how many are just doing so. */
  readonly #shared = new Map<string, number>()
  /** Looks at directories that are about to begin, by the names of histories. */
  readonly #tidying = new Map<string, Promise<void>>()
  #changing: Promise<unknown> = Promise.resolve()

  /** @param before how the owner before ended; undefined: this store removes nothing. */
  constructor(context: LogContext, state: () => ManifestState, before: 'cleanly' | 'uncleanly' | undefined) {
    this.#context = context
    this.#state = state
    const named = (name: string) => (findHistory(state().histories, name)?.groups ?? []).map(({ file }) => file)
    this.files = new StoredFiles(context, { paths: HISTORY_FILES, named })
    if (before !== undefined) this.files.tidyAfter(before, state().untidyHistories)
  }

  async open(name: string, options: { readonly create?: HistoryOptions | true } = {}): Promise<StoredHistory> {
    checkHistoryName(name, options.create !== undefined)
    checkOpen(this.#context, 'open a history')
    const create = options.create === true ? {} : options.create
    const wanted = create === undefined ? undefined : historySettings(create)
    await this.#context.refresh()
    if (this.#find(name) === undefined) {
      if (wanted === undefined) throw this.#unknown('open', name)
      await this.#oneByOne(() => this.#create(name, wanted))
    }
    const row = this.#row(name, 'open')
    if (create !== undefined) checkSame(row, create)
    return this.#opened(row)
  }

  async #create(name: string, options: HistoryRow['options']): Promise<void> {
    checkWritable(this.#context, 'create a history')
    const other = findHistory(this.#state().histories, name)
    if (other?.name === name) return
    if (other !== undefined) {
      const message = `Cannot create history "${name}": "${other.name}" differs only in case`
      throw new VarveError('NAME_INVALID', message, { details: { name, other: other.name } })
    }
    const createdAt = this.#context.clock.now()
    const history: HistoryRow = { name, createdAt, options, lastVersion: 0, groups: [] }
    await this.#context.commit({ type: 'history-created', history })
  }

  async list(): Promise<HistoryStats[]> {
    checkOpen(this.#context, 'list histories')
    await this.#context.refresh()
    const rows = (this.#state().histories ?? []).filter(({ name }) => !name.startsWith('_'))
    return rows.map(statsOf).sort((a, b) => (a.history < b.history ? -1 : 1))
  }

  async change(name: string, options: HistoryOptions): Promise<HistoryStats> {
    checkHistoryName(name, true)
    checkWritable(this.#context, 'change a history')
    return this.#opened(this.#row(name, 'change')).inTurn(async () => {
      const changed = historySettings(options, this.#row(name, 'change').options)
      await this.#context.commit({ type: 'history-changed', name, options: changed })
      return statsOf(this.#row(name, 'change'))
    })
  }

  async delete(name: string): Promise<void> {
    checkHistoryName(name, true)
    checkWritable(this.#context, 'delete a history')
    await this.#oneByOne(async () => {
      const history = this.#opened(this.#row(name, 'delete'))
      await history.inTurn(() => this.#context.commit({ type: 'history-deleted', name }))
      await this.forget(name)
    })
  }

  /** A history is no more: its record says so. */
  async forget(name: string): Promise<void> {
    const open = this.#open.get(name)
    this.#open.delete(name)
    if (open !== undefined) {
      this.#kept.delete(open.history)
      this.#read.delete(open.history)
      await open.history.rest()
    }
    await this.files.tidy(name)
  }

  /** Append to a history of the store's own, and commit that with something else. */
  appendOwn(name: string, call: Omit<AppendCall, 'commit'>, commit: Commit): Promise<VersionReceipt> {
    const history = this.#opened(this.#row(name, 'append to'))
    return history.appendWith({ ...call, commit: (written) => this.#commit(written, commit) })
  }

  /** Versions that are to take the place of all those of a history of the store's own: see `replaceOwn`. */
  draftOwn(name: string): HistoryDraft {
    const { createdAt } = this.#row(name, 'replace')
    const history = this.#opened(this.#row(name, 'replace'))
    return new HistoryDraft(this.#hostOf(name, createdAt, () => history))
  }

  /** Put versions in the place of all there are, and commit that with something else. */
  async replaceOwn(name: string, draft: HistoryDraft, commit: Commit): Promise<void> {
    await this.#commit(draft.written, commit)
    this.#opened(this.#row(name, 'replace')).moved()
    await this.files.tidy(name)
  }

  /** Write nothing more to the last files of these histories, from this moment on, because they get a second name.
   * @returns when appends that had begun before have ended. */
  async share(rows: readonly HistoryRow[]): Promise<void> {
    const ended: Promise<void>[] = []
    const last = new Set(this.#state().histories?.map(({ groups }) => groups.at(-1)?.file))
    for (const file of this.#shared.keys()) if (!last.has(file)) this.#shared.delete(file)
    for (const { name, createdAt, groups } of rows) {
      const file = groups.at(-1)?.file
      if (file === undefined) continue
      this.#shared.set(file, (this.#shared.get(file) ?? 0) + 1)
      const known = this.#open.get(name)
      if (known?.createdAt === createdAt) ended.push(known.history.inTurn(async () => undefined))
    }
    await Promise.all(ended)
  }

  /** The second names were given. What got none, because that failed, is written to again. */
  async unshare(rows: readonly HistoryRow[]): Promise<void> {
    for (const { name, groups } of rows) {
      const file = groups.at(-1)?.file
      const sharing = file === undefined ? undefined : this.#shared.get(file)
      if (file === undefined || sharing === undefined) continue
      this.#shared.set(file, sharing - 1)
      const links = await this.#context.storage.linkCount(HISTORY_FILES.path(name, file)).catch(() => undefined)
      if (links === 1 && this.#shared.get(file) === 0) this.#shared.delete(file)
    }
  }

  /** How many there are that `list` shows, and how many bytes all of them take. */
  totals(): { readonly count: number; readonly sizeBytes: number } {
    const { histories = [] } = this.#state()
    const sizes = histories.flatMap(({ groups }) => groups.map(({ endBytes }) => endBytes))
    const count = histories.filter(({ name }) => !name.startsWith('_')).length
    return { count, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) }
  }

  /** The manifest of another process has changed. */
  moved(): void {
    for (const [name, { history, createdAt }] of [...this.#open]) {
      if (this.#find(name)?.createdAt === createdAt) history.moved()
      else void this.forget(name)
    }
  }

  #oneByOne<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(task)
    this.#changing = done.catch(() => undefined)
    return done
  }

  #find(name: string): HistoryRow | undefined {
    const row = findHistory(this.#state().histories, name)
    return row?.name === name ? row : undefined
  }

  #row(name: string, action: string): HistoryRow {
    const row = this.#find(name)
    if (row === undefined) throw this.#unknown(action, name)
    return row
  }

  #unknown(action: string, name: string): VarveError {
    const names = (this.#state().histories ?? []).slice(0, 100).map((row) => row.name)
    const known = names.length === 0 ? 'there are none' : `there are: ${names.slice(0, 10).join(', ')}`
    return new VarveError('HISTORY_UNKNOWN', `Cannot ${action} history "${name}": it does not exist; ${known}`, {
      details: { history: name, histories: names },
    })
  }

  #opened({ name, createdAt }: HistoryRow): StoredHistory {
    const known = this.#open.get(name)
    if (known?.createdAt === createdAt) return known.history
    if (known !== undefined) void this.forget(name)
    const history: StoredHistory = new StoredHistory(this.#hostOf(name, createdAt, () => history))
    this.#open.set(name, { history, createdAt })
    return history
  }

  #hostOf(name: string, createdAt: number, history: () => StoredHistory): HistoryHost {
    const context = this.#context
    const { storage, clock, random, storeId, epoch } = context
    return {
      name,
      storage,
      clock,
      random,
      storeId,
      epoch,
      row: () => {
        const row = this.#row(name, 'use')
        // One that was deleted and created anew may have been so within a millisecond.
        const isSame = row.createdAt === createdAt && this.#open.get(name)?.history === history()
        if (!isSame) throw this.#unknown('use', name)
        return row
      },
      refresh: () => {
        checkOpen(this.#context, 'read a history')
        return context.refresh()
      },
      checkOpen: () => checkOpen(this.#context, 'go on with a history'),
      checkWritable: (action) => checkWritable(this.#context, action),
      checkSound: () => {
        if (context.health.failure !== undefined) throw context.health.failure
      },
      commit: (given) => this.#commit(given, (written) => context.commit({ type: 'history-written', ...written })),
      isShared: (file) => this.#shared.has(file),
      hold: (file) => this.#hold(name, file),
      tidy: () => this.#tidy(name),
      kept: (rawBytes) => this.#keep(history(), rawBytes),
      reads: () => this.#reads(history()),
      diagnose: (code, message, details) => context.diagnose(code, message, details),
      place: ({ id, file }) => ({ storage, clock, history: name, path: HISTORY_FILES.path(name, file), storeId, id }),
    }
  }

  /** A file that was replaced while it was in use goes when it is not any more. */
  #hold(name: string, file: string): () => void {
    const release = this.files.hold(file)
    return () => {
      release()
      if (!this.#tidying.has(name) && !this.files.isNeeded(name, file)) {
        this.files.inBackground(this.#tidy(name), name)
      }
    }
  }

  /** Many files are given up at once: one look at the directory is enough for them. */
  #tidy(name: string): Promise<void> {
    const known = this.#tidying.get(name)
    if (known !== undefined) return known
    const tidied = Promise.resolve().then(() => {
      this.#tidying.delete(name)
      return this.files.tidy(name)
    })
    this.#tidying.set(name, tidied)
    return tidied
  }

  async #commit(written: GroupsWritten, commit: Commit): Promise<void> {
    const { health, epoch } = this.#context
    const isFenced = await this.#context.isFenced()
    if (health.failure !== undefined) throw health.failure
    if (isFenced) {
      await this.#discard(written)
      throw health.fenced(epoch)
    }
    await commit(written)
  }

  /** An owner that was replaced takes its new files away: nobody else will. No record names them. */
  async #discard({ name, groups }: GroupsWritten): Promise<void> {
    const named = new Set(this.#find(name)?.groups.map(({ file }) => file))
    for (const { file } of groups) {
      if (named.has(file)) continue
      // What stays is for whoever owns the store after an unclean end.
      await this.#context.storage.remove(HISTORY_FILES.path(name, file)).catch(() => undefined)
    }
  }

  #keep(history: StoredHistory, rawBytes: number): void {
    this.#kept.delete(history)
    this.#kept.set(history, rawBytes)
    let bytes = 0
    for (const size of this.#kept.values()) bytes += size
    for (const [oldest, size] of this.#kept) {
      if (oldest === history || (this.#kept.size <= KEPT_MOST && bytes <= KEPT_MOST_BYTES)) break
      bytes -= size
      this.#kept.delete(oldest)
      // What it throws its own appends will meet.
      oldest.rest().catch(() => undefined)
    }
  }

  #reads(history: StoredHistory): void {
    this.#read.delete(history)
    this.#read.add(history)
    for (const oldest of this.#read) {
      if (this.#read.size <= READ_MOST) break
      this.#read.delete(oldest)
      void oldest.closeGroups()
    }
  }

  /** Finish the appends that wait. @returns the names of histories in whose directories something is left. */
  async close(): Promise<string[]> {
    await this.#changing
    const histories = [...this.#open.values()]
    await Promise.allSettled(histories.map(({ history }) => history.rest()))
    return this.#context.readOnly ? [] : this.files.settled()
  }
}

/** Commits groups with something else, in one record. */
type Commit = (written: GroupsWritten) => Promise<void>

/** Names of the store's own may be read, not made or removed. */
function checkHistoryName(name: unknown, isChange: boolean): asserts name is string {
  if (isChange || !isOwnOrName(name)) checkName(name, 'history')
}

function checkSame(row: HistoryRow, create: HistoryOptions): void {
  const differs = differingSetting(row.options, create)
  if (differs === undefined) return
  const { option, has, wanted } = differs
  const [found, asked] = [JSON.stringify(has), JSON.stringify(wanted)]
  const message = `Cannot create history "${row.name}": it exists with ${option} ${found}, not ${asked}`
  throw new VarveError('HISTORY_EXISTS', message, { details: { history: row.name, option, has, wanted } })
}
