/** Files of groups that stay open between reads: those that were read last.
 * @module */
import { assert } from '../errors.ts'
import type { GroupRow } from '../manifest/index.ts'
import { GroupFile } from './group/group-file.ts'
import type { HistoryHost } from './host.ts'

/** Each holds its changes in memory: about half of its keyframe at most. */
const OPEN_MOST = 4

interface Entry {
  endBytes: number
  opened: Promise<GroupFile>
  /** The same file before it grew, while somebody reads it. */
  readonly older: Promise<GroupFile>[]
  readonly release: () => void
  users: number
  /** Not for new users: the last one closes it. */
  isDropped: boolean
}

/** A group in use. */
export interface UsedGroup {
  readonly opened: Promise<GroupFile>
  /** To be called once. */
  release(): void
}

/** A group in use that was looked for, open. */
export interface FoundGroup {
  readonly group: GroupRow
  readonly file: GroupFile
  /** To be called once. */
  readonly release: () => void
}

export class OpenGroups {
  readonly #host: HistoryHost
  /** By file, the one that was used last at the end. */
  readonly #entries = new Map<string, Entry>()
  readonly #closing = new Set<Promise<void>>()

  constructor(host: HistoryHost) {
    this.#host = host
  }

  /** Work with a group, opening its file when it is not open. What `work` throws is thrown, and what opening does. */
  async use<T>(group: GroupRow, work: (file: GroupFile) => Promise<T>): Promise<T> {
    const used = this.acquire(group)
    try {
      return await work(await used.opened)
    } finally {
      used.release()
    }
  }

  /** The same for longer. To be called in the turn in which the row was looked up: its file stays from here on. */
  acquire(group: GroupRow): UsedGroup {
    const entry = this.#entry(group)
    entry.users++
    this.#host.reads()
    const { opened } = entry
    let isSound = false
    opened.then((file) => {
      isSound = file.damaged.length === 0
    }, nothing)
    const release = () => {
      entry.users--
      // A file that somebody mends is read anew.
      if (!isSound) this.#drop(group.file, entry)
      else if (entry.users === 0) this.#closeIdle(entry)
    }
    return { opened, release }
  }

  /** The group that `look` finds among the rows, in use; undefined: none. Beside a writer, one whose file went because
   * another has taken its place is looked for again. @throws {VarveError} `STORE_CLOSED`, and what opening throws. */
  async acquireFound(look: () => GroupRow | undefined): Promise<FoundGroup | undefined> {
    for (;;) {
      this.#host.checkOpen()
      const group = look()
      if (group === undefined) return undefined
      const { opened, release } = this.acquire(group)
      let isInUse = false
      try {
        const file = await opened
        isInUse = file.damaged.length === 0 || !(await this.#isReplaced(group, look))
        if (isInUse) return { group, file, release }
      } finally {
        if (!isInUse) release()
      }
    }
  }

  async #isReplaced({ file }: GroupRow, look: () => GroupRow | undefined): Promise<boolean> {
    await this.#host.refresh()
    return look()?.file !== file
  }

  #entry(group: GroupRow): Entry {
    const known = this.#entries.get(group.file)
    if (known !== undefined) {
      this.#entries.delete(group.file)
      this.#entries.set(group.file, known)
      if (group.endBytes > known.endBytes) this.#grow(known, group)
      return known
    }
    const release = this.#host.hold(group.file)
    const opened = GroupFile.open(this.#host.place(group), group)
    opened.catch(nothing)
    const entry: Entry = { endBytes: group.endBytes, opened, older: [], release, users: 0, isDropped: false }
    this.#entries.set(group.file, entry)
    for (const [file, oldest] of this.#entries) {
      if (this.#entries.size <= OPEN_MOST) break
      this.#drop(file, oldest)
    }
    return entry
  }

  #grow(entry: Entry, group: GroupRow): void {
    const before = entry.opened
    entry.endBytes = group.endBytes
    entry.opened = before.then((file) => file.grown(group))
    entry.opened.catch(nothing)
    entry.older.push(before)
    const isIdle = entry.users === 0
    entry.opened.then(() => {
      if (isIdle && entry.users <= 1) this.#closeOlder(entry)
    }, nothing)
  }

  #drop(file: string, entry: Entry): void {
    if (this.#entries.get(file) === entry) this.#entries.delete(file)
    entry.isDropped = true
    this.#closeIdle(entry)
  }

  #closeIdle(entry: Entry): void {
    if (entry.users > 0) return
    this.#closeOlder(entry)
    if (!entry.isDropped) return
    assert(entry.opened !== CLOSED, 'a group is closed once')
    const closed: Promise<void> = close(entry.opened).then(() => {
      this.#closing.delete(closed)
      entry.release()
    })
    // Tables that a map has outgrown go on holding entries until a full collection, and so what entries hold.
    entry.opened = CLOSED
    this.#closing.add(closed)
  }

  #closeOlder(entry: Entry): void {
    for (const opened of entry.older.splice(0)) void close(opened)
  }

  /** Close what is not among the groups that there are now. */
  keepOnly(groups: readonly GroupRow[]): void {
    if (this.#entries.size === 0) return
    const files = new Set(groups.map(({ file }) => file))
    for (const [file, entry] of [...this.#entries]) if (!files.has(file)) this.#drop(file, entry)
  }

  async close(): Promise<void> {
    for (const [file, entry] of [...this.#entries]) this.#drop(file, entry)
    await Promise.all(this.#closing)
  }
}

const CLOSED = new Promise<never>(() => undefined)

function nothing(): void {}

/** What cannot be opened has told its users, and what cannot be closed has no bytes to lose. */
function close(opened: Promise<GroupFile>): Promise<void> {
  return opened.then((file) => file.close()).catch(nothing)
}
