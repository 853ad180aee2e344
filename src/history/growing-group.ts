/** The last group of a history while versions are appended to it, or the one that takes its place.
 *
 * A file is appended to by one epoch, which the manifest names before it writes. A later owner takes it over when the
 * one before closed cleanly and nothing is behind its end; else whoever was before may still write there, and what it
 * wrote was never acknowledged: then the part that counts is copied to a file of its own. So it is when a snapshot
 * shares the file: what has two names is never written to.
 * @module */
import { toHex } from '../codec/bytes.ts'
import type { GroupRow, HistoryRow } from '../manifest/index.ts'
import { copyGroup } from './group/copy.ts'
import { GroupWriter } from './group/group-writer.ts'
import type { VersionFacts } from './group/version-frame.ts'
import type { GroupsWritten, HistoryHost } from './host.ts'
import type { OpenGroups } from './open-groups.ts'
import type { Patch } from './patch/patch.ts'
import { countOf } from './place-versions.ts'

/** A version as it is to be stored. */
export interface NewVersion {
  readonly facts: VersionFacts
  readonly value: unknown
  /** What made it of the version before; `whole`: nothing that can be read is before it. */
  readonly patch: Patch | undefined | 'whole'
}

/** What was written and synced, and is to be committed. */
export interface WrittenVersion {
  readonly written: GroupsWritten
  readonly isDelta: boolean
  readonly sizeBytes: number
}

interface Growing {
  readonly writer: GroupWriter
  /** Of the version that was written last. */
  row: GroupRow
  readonly release: () => void
}

export class GrowingGroup {
  readonly #host: HistoryHost
  readonly #groups: OpenGroups
  #growing: Growing | undefined

  constructor(host: HistoryHost, groups: OpenGroups) {
    this.#host = host
    this.#groups = groups
  }

  /** Write a version behind the last one, or as a new group, and sync it. When this throws, `rest` and tidy up. */
  async write(row: HistoryRow, version: NewVersion): Promise<WrittenVersion> {
    const { facts, patch } = version
    const growing = patch === 'whole' ? undefined : await this.#continue(row)
    const sizeBytes = growing === undefined || patch === 'whole' ? undefined : await this.#append(growing, facts, patch)
    if (growing !== undefined && sizeBytes !== undefined) {
      growing.row = this.#grown(growing, facts)
      return { written: writtenOf(row, growing.row, { from: row.groups.length - 1, facts }), isDelta: true, sizeBytes }
    }
    const group = await this.#begin(row, version)
    return {
      written: writtenOf(row, group, { from: row.groups.length, facts }),
      isDelta: false,
      sizeBytes: group.endBytes,
    }
  }

  /** @returns undefined when the group has no room for it. */
  async #append({ writer }: Growing, facts: VersionFacts, patch: Patch | undefined): Promise<number | undefined> {
    const same = patch === undefined ? undefined : writer.findSame(facts.hash)
    const frame = await writer.encode(facts, same === undefined ? { patch } : { same })
    if (!writer.hasRoom(frame)) return undefined
    await writer.write(frame)
    await writer.sync()
    return frame.length
  }

  #grown({ writer, row }: Growing, { version, at, offset, rawBytes }: VersionFacts): GroupRow {
    return {
      ...row,
      epoch: this.#host.epoch,
      lastVersion: version,
      ...(row.versions !== undefined && { versions: [...row.versions, version] }),
      lastAt: at,
      ...(offset !== undefined && { lastOffset: offset }),
      endBytes: writer.endBytes,
      rawBytes: row.rawBytes + rawBytes,
    }
  }

  /** The last group, if another version may go into it. */
  async #continue(history: HistoryRow): Promise<Growing | undefined> {
    const { groups, options, lastVersion } = history
    const last = groups.at(-1)
    if (last === undefined || last.lastVersion !== lastVersion || last.tier !== 'raw') return undefined
    if (countOf(last) >= options.keyframeInterval) return undefined
    const { row } = this.#growing ?? {}
    const isCurrent = row !== undefined && row.file === last.file && row.endBytes === last.endBytes
    if (isCurrent && !this.#host.isShared(last.file)) return this.#growing
    await this.rest()
    return this.#groups.use(last, async (file) => {
      if (file.damaged.length > 0) return undefined
      const { epoch } = this.#host
      const row = { ...last, epoch, ...(!(await this.#isFree(last)) && { file: this.#newId() }) }
      const release = this.#host.hold(row.file)
      try {
        if (row.file !== last.file) await copyGroup(this.#host.place(last), this.#host.place(row), last)
        else if (last.epoch !== epoch) await this.#claim(history, row)
        this.#growing = { writer: await GroupWriter.resume(this.#host.place(row), file, row), row, release }
        return this.#growing
      } catch (error) {
        release()
        throw error
      }
    })
  }

  /** Whether nobody else may write to the file of a group, no snapshot has it, and nothing is behind its end. */
  async #isFree(group: GroupRow): Promise<boolean> {
    const { storage, epoch } = this.#host
    if ((group.epoch !== undefined && group.epoch !== epoch) || this.#host.isShared(group.file)) return false
    const { path } = this.#host.place(group)
    const handle = await storage.openRead(path)
    try {
      return (await handle.size()) === group.endBytes && (await storage.linkCount(path)) === 1
    } finally {
      await handle.close()
    }
  }

  /** Make it known that this epoch writes to the file, before it does: whoever takes the store from it copies the file,
   * so that what a sleeping process writes there when it wakes up is where nobody reads it. */
  #claim({ name, groups, lastVersion }: HistoryRow, row: GroupRow): Promise<void> {
    return this.#host.commit({ name, from: groups.length - 1, groups: [row], lastVersion })
  }

  async #begin({ groups }: HistoryRow, { facts, value }: NewVersion): Promise<GroupRow> {
    await this.rest()
    const id = this.#newId()
    const ids = { id, file: id }
    const release = this.#host.hold(id)
    try {
      const writer = await GroupWriter.create(this.#host.place(ids), { value, facts })
      const { version, at, rawBytes } = facts
      const lastOffset = facts.offset ?? groups.at(-1)?.lastOffset
      const row: GroupRow = {
        ...ids,
        epoch: this.#host.epoch,
        tier: 'raw',
        firstVersion: version,
        lastVersion: version,
        firstAt: at,
        lastAt: at,
        ...(lastOffset !== undefined && { lastOffset }),
        endBytes: writer.endBytes,
        rawBytes,
      }
      this.#growing = { writer, row, release }
      await writer.sync()
      return row
    } catch (error) {
      if (this.#growing === undefined) release()
      throw error
    }
  }

  #newId(): string {
    return toHex(this.#host.random.bytes(8))
  }

  /** Close the file. The next version opens it again. */
  async rest(): Promise<void> {
    const growing = this.#growing
    if (growing === undefined) return
    this.#growing = undefined
    // What counts in it was synced.
    await growing.writer.close().catch(() => undefined)
    growing.release()
  }
}

function writtenOf(
  { name }: HistoryRow,
  group: GroupRow,
  { from, facts }: { readonly from: number; readonly facts: VersionFacts },
): GroupsWritten {
  const { version: lastVersion, offset } = facts
  return { name, from, groups: [group], lastVersion, ...(offset !== undefined && { lastOffset: offset }) }
}
