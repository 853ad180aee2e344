/** Appending versions, one after the other.
 *
 * 1. The value is compared with the newest one, of which a copy is held, before the call returns its promise.
 * 2. In its turn the copy is advanced by what was found, never by the caller's object, and hashed.
 * 3. The version is written behind the last one, or as a new group; file and name are synced. A crash up to here
 *    leaves bytes that no manifest counts.
 * 4. The fence, and one record of the manifest: the commit point.
 * After a failure the copy and the file are given up; the next append begins with what is stored.
 * @module */
import { isVarveError } from '../errors.ts'
import type { HistoryRow } from '../manifest/index.ts'
import { type CheckedAppend, checkAppendOptions, placeInTime } from './append-options.ts'
import { ContentHasher } from './group/content-hash.ts'
import type { VersionFacts } from './group/version-frame.ts'
import { GrowingGroup, type NewVersion } from './growing-group.ts'
import type { GroupsWritten, HistoryHost } from './host.ts'
import type { OpenGroups } from './open-groups.ts'
import { applyPatch } from './patch/apply.ts'
import { copyValue } from './patch/copy-value.ts'
import { diffValues } from './patch/diff.ts'
import type { Patch } from './patch/patch.ts'
import type { AppendVersionOptions, VersionKind, VersionReceipt } from './types.ts'

export interface AppendCall {
  readonly value: unknown
  readonly kind: VersionKind
  readonly options: AppendVersionOptions
  /** Commits the groups with something else; without it, them alone. */
  readonly commit?: (written: GroupsWritten) => Promise<void>
}

/** What the caller gave: what is different in it, or a copy where nothing was at hand to compare it with. */
type Given = { readonly patch: Patch | undefined } | { readonly value: unknown }

interface Newest {
  readonly version: number
  readonly value: unknown
  readonly hasher: ContentHasher
}

type Checked = CheckedAppend & Pick<AppendCall, 'kind' | 'commit'>

export class VersionWriter {
  readonly #host: HistoryHost
  readonly #groups: OpenGroups
  readonly #growing: GrowingGroup
  #newest: Newest | undefined
  #turns: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(host: HistoryHost, groups: OpenGroups) {
    this.#host = host
    this.#groups = groups
    this.#growing = new GrowingGroup(host, groups)
  }

  async append({ value, kind, options, commit }: AppendCall): Promise<VersionReceipt> {
    this.#host.checkWritable('append a version')
    const checked = { ...checkAppendOptions(options), kind, ...(commit !== undefined && { commit }) }
    const given = this.#compare(value)
    return this.inTurn(() => this.#append(given, checked))
  }

  /** Do something between two appends. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    this.#waiting++
    const done = this.#turns.then(task).finally(() => {
      this.#waiting--
    })
    this.#turns = done.catch(() => undefined)
    return done
  }

  /** Give the memory and the file handle back, after the appends that wait. */
  rest(): Promise<void> {
    return this.inTurn(() => this.#rest())
  }

  /** In a turn: the groups were replaced, what the newest version holds was not. */
  giveFileUp(): Promise<void> {
    return this.#growing.rest()
  }

  async #rest(): Promise<void> {
    this.#newest = undefined
    await this.#growing.rest()
  }

  /** What is different, while nobody can change the value, or append before it. */
  #compare(value: unknown): Given {
    const { options, lastVersion } = this.#host.row()
    const newest = this.#newest
    if (this.#waiting > 0 || newest?.version !== lastVersion) return { value: copyValue(value) }
    const patch = diffValues(newest.value, value, options)
    // The value's own code, its `toJSON`, may have appended meanwhile: that version comes before this one.
    return this.#waiting === 0 ? { patch } : { value: copyValue(value) }
  }

  async #append(given: Given, checked: Checked): Promise<VersionReceipt> {
    const host = this.#host
    host.checkSound()
    checked.signal?.throwIfAborted()
    const row = host.row()
    const time = placeInTime(row, checked, host.clock.now())
    let isCommitted = false
    try {
      const { patch, newest } = await this.#advance(row, given)
      const facts = factsOf(newest, checked, time)
      const { written, isDelta, sizeBytes } = await this.#growing.write(row, { facts, value: newest.value, patch })
      checked.signal?.throwIfAborted()
      await (checked.commit ?? host.commit)(written)
      isCommitted = true
      this.#newest = newest
      host.kept(facts.rawBytes)
      const { version, at, fingerprint, hash } = facts
      return { version, at, fingerprint: fingerprint ?? hash, isDelta, sizeBytes }
    } finally {
      if (!isCommitted) await this.#rest()
      const { groups } = host.row()
      if (!isCommitted || row.groups.at(-1)?.file !== groups.at(-1)?.file) {
        this.#groups.keepOnly(groups)
        await host.tidy()
      }
    }
  }

  /** The new version, and what made it of the one before. */
  async #advance(row: HistoryRow, given: Given): Promise<Pick<NewVersion, 'patch'> & { readonly newest: Newest }> {
    const before = await this.#before(row)
    const version = row.lastVersion + 1
    if (before === undefined) {
      const hasher = new ContentHasher(this.#host.storage.digest)
      return { patch: 'whole', newest: { version, value: 'value' in given ? given.value : undefined, hasher } }
    }
    const { hasher } = before
    const patch = 'patch' in given ? given.patch : diffValues(before.value, given.value, row.options)
    // From here on the copy is not that of the version before.
    this.#newest = undefined
    const value = patch === undefined ? before.value : applyPatch(before.value, patch, (part) => hasher.forget(part))
    return { patch, newest: { version, value, hasher } }
  }

  /** The newest version, if it can be read. */
  async #before({ lastVersion, groups }: HistoryRow): Promise<Newest | undefined> {
    if (this.#newest?.version === lastVersion) return this.#newest
    const last = groups.at(-1)
    if (last === undefined || last.lastVersion !== lastVersion) return undefined
    try {
      const value = await this.#groups.use(last, (file) => file.value(lastVersion))
      return { version: lastVersion, value, hasher: new ContentHasher(this.#host.storage.digest) }
    } catch (error) {
      if (!isVarveError(error, 'VERSION_DAMAGED')) throw error
      const message = `The newest version of history "${this.#host.name}" cannot be read; the next one is stored whole`
      this.#host.diagnose('VERSION_DAMAGED', message, error.details)
      return undefined
    }
  }
}

function factsOf(newest: Newest, checked: Checked, time: { at: number; offset?: number }): VersionFacts {
  const { label, fingerprint, metadata, kind } = checked
  return {
    version: newest.version,
    kind,
    ...newest.hasher.of(newest.value),
    ...time,
    ...(label !== undefined && { label }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(metadata !== undefined && { metadata }),
  }
}
