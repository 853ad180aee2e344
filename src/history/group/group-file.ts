/** Reading the file of a group. Its format is in `header.ts`, `chunks.ts` and `version-frame.ts`.
 *
 * Invariants: deltas stay in memory as they are stored; nothing behind `endBytes` of the row is read; what is damaged
 * costs the versions that need it, and no others.
 * @module */
import { type Path, toSinglePath } from '../../document/path/path.ts'
import type { ReadCost } from '../../document/types.ts'
import { assert, isVarveError, type VarveError } from '../../errors.ts'
import type { GroupRow } from '../../manifest/histories.ts'
import type { ReadHandle } from '../../ports/storage.ts'
import type { DeltaKeys } from '../delta/keys.ts'
import type { Patch } from '../patch/patch.ts'
import { versionsOf } from '../place-versions.ts'
import { type FileCost, readBytes } from './chunks.ts'
import { foundIn, KeyframeDamage, lostFrom } from './damage.ts'
import { DeltaDamage } from './deltas.ts'
import { type Entry, GroupEntries } from './entries.ts'
import { versionDamaged } from './errors.ts'
import { type OpenedGroup, openGroup } from './open.ts'
import type { GroupPlace, StoredVersion } from './types.ts'
import { GroupValues, type Reading } from './values.ts'
import { type FrameBase, readFrames } from './version-frame.ts'

export type { GroupPlace, StoredVersion } from './types.ts'
export type { VersionFacts } from './version-frame.ts'

export interface GroupReadOptions {
  readonly signal?: AbortSignal | undefined
  readonly onCost?: ((cost: ReadCost) => void) | undefined
}

/** A version on the way through a group. The value is the reader's own and changes with the next step, and what is in
 * the patch with it: copy what is to stay. */
export interface GroupValue {
  readonly version: StoredVersion
  readonly value: unknown
  /** Against the version before. Undefined for the first one and where `version.sameAs` says what it is. */
  readonly patch: Patch | undefined
}

/** What a writer needs to go on where the file ends. */
export interface GroupTail {
  readonly base: FrameBase
  /** What the next frame is seeded with. */
  readonly seed: number
  readonly keys: DeltaKeys
}

/** A handle that a file and what it grew to share. */
interface SharedHandle {
  readonly handle: ReadHandle
  users: number
}

/** A file with a header. */
interface Sound extends Omit<OpenedGroup, 'entries'> {
  readonly shared: SharedHandle
}

interface Found {
  readonly entries: GroupEntries
  /** Or what was found instead of one. */
  readonly sound: Sound | string
}

export class GroupFile {
  /** Those that can be listed, ascending. */
  readonly versions: readonly StoredVersion[]
  /** Those of the row that are known to be unreadable, ascending. */
  readonly damaged: readonly number[]
  /** What opening it cost. */
  readonly openCost: Readonly<FileCost>
  readonly #place: GroupPlace
  readonly #row: GroupRow
  readonly #entries: GroupEntries
  readonly #sound: Sound | string
  #isClosed = false

  private constructor(parts: { place: GroupPlace; row: GroupRow }, { entries, sound }: Found, cost: FileCost) {
    this.#place = parts.place
    this.#row = parts.row
    this.#entries = entries
    this.#sound = sound
    this.openCost = cost
    this.versions = entries.list.map(({ stored }) => stored)
    this.damaged = lostFrom(parts.row, entries)
  }

  /** Open a group: its header and its frames. Damage shows in `damaged` and in what reads throw.
   * Cost: one read for a small file, two for others; memory for the deltas.
   * @throws {VarveError} `FORMAT_NEWER`, and what the storage throws but `FILE_MISSING`. */
  static async open(place: GroupPlace, row: GroupRow): Promise<GroupFile> {
    const cost = { reads: 0, bytesRead: 0 }
    let handle: ReadHandle | undefined
    try {
      handle = await place.storage.openRead(place.path)
      const { entries, ...opened } = await openGroup(place, row, { handle, cost })
      const sound = { ...opened, shared: { handle, users: 1 } }
      return new GroupFile({ place, row }, { entries, sound }, cost)
    } catch (error) {
      await handle?.close().catch(() => undefined)
      const isMissing = handle === undefined && isVarveError(error, 'FILE_MISSING')
      if (!isMissing && !isVarveError(error, 'DECODE_FAILED')) throw error
      const sound = isMissing ? 'no file' : foundIn(error)
      return new GroupFile({ place, row }, { entries: GroupEntries.none, sound }, cost)
    }
  }

  /** Of the keyframe, not compressed. */
  get keyframeBytes(): number {
    return typeof this.#sound === 'string' ? 0 : this.#sound.keyframe.rawBytes
  }

  /** Of all deltas, not compressed. */
  get deltaBytes(): number {
    return this.#entries.deltaBytes
  }

  /** The same file with more frames; only those are read. Close both. @throws {VarveError} as `open`. */
  async grown(row: GroupRow): Promise<GroupFile> {
    const before = this.#row.endBytes
    assert(row.id === this.#row.id && row.endBytes >= before, 'a file only grows')
    const sound = this.#sound
    // What is damaged is looked at anew as a whole.
    if (typeof sound === 'string' || this.damaged.length > 0 || this.#isClosed) return GroupFile.open(this.#place, row)
    const cost = { reads: 0, bytesRead: 0 }
    sound.shared.users++
    try {
      const bytes = await readBytes({ handle: sound.shared.handle, cost }, before, row.endBytes - before)
      const chain = { ...sound.chain }
      const entries = this.#entries.with(readFrames(bytes, chain))
      return new GroupFile({ place: this.#place, row }, { entries, sound: { ...sound, chain } }, cost)
    } catch (error) {
      await release(sound.shared)
      throw error
    }
  }

  /** Whether a version is among those that can be listed. */
  has(version: number): boolean {
    return this.#entries.placeOf(version) >= 0
  }

  /** The value of a version, the caller's own. Cost: the keyframe and the deltas behind it.
   * @throws {VarveError} `VERSION_DAMAGED` {history, versions, file, found}, and what the storage throws. */
  value(version: number, options: GroupReadOptions = {}): Promise<unknown> {
    return this.#reading(options, (reading) => this.#values().value(this.#rootOf(version), reading))
  }

  /** What is at a path in a version, the caller's own; undefined where nothing is. Cost: the deltas, which are in
   * memory, and of the keyframe what leads to where the value was.
   * @throws {VarveError} as `value`, `PATH_PLURAL`, `PATH_INVALID`. */
  valueAt(version: number, path: Path, options: GroupReadOptions = {}): Promise<unknown> {
    return this.#reading(options, (reading) => {
      return this.#values().valueAt(this.#rootOf(version), toSinglePath(path), reading)
    })
  }

  /** The values from a version of the group on, in order. Cost: the keyframe once, the changes between them.
   * @throws {VarveError} as `value`, at the first version that is lost. */
  async *values(from: number, { signal, onCost }: GroupReadOptions = {}): AsyncGenerator<GroupValue> {
    const cost = { reads: 0, bytesRead: 0, eventsScanned: 0 }
    const { list } = this.#entries
    try {
      this.#rootOf(from)
      const reach = (place: number) => this.#checkUpTo((list[place] as Entry).stored.version, from)
      for await (const step of this.#values().walk(this.#entries.placeOf(from), reach, { cost, signal })) {
        yield { version: (list[step.place] as Entry).stored, value: step.value, patch: step.patch }
      }
      this.#checkUpTo(this.#row.lastVersion, from)
      onCost?.(cost)
    } catch (error) {
      throw await this.#told(error)
    }
  }

  /** What a writer needs that goes on with this file. @throws {VarveError} `VERSION_DAMAGED` when any version is. */
  tail(): Promise<GroupTail> {
    return this.#reading({}, async ({ cost }) => {
      if (typeof this.#sound === 'string' || this.damaged.length > 0) throw this.#lostFrames()
      const { header, chain } = this.#sound
      return { base: header.first, seed: chain.seed, keys: await this.#values().keys(cost) }
    })
  }

  /** Give the file back; reads that are under way may fail. */
  async close(): Promise<void> {
    if (this.#isClosed || typeof this.#sound === 'string') return
    this.#isClosed = true
    await release(this.#sound.shared)
  }

  /** @throws {VarveError} `VERSION_DAMAGED`. */
  #values(): GroupValues {
    if (typeof this.#sound === 'string') throw this.#lostFrames()
    return new GroupValues(this.#entries.list, this.#sound.keyframe, this.#place.storage.compression)
  }

  /** @throws {VarveError} `VERSION_DAMAGED`. */
  #rootOf(version: number): number {
    const place = this.#entries.placeOf(version)
    if (place >= 0 && !this.#entries.isLost(place)) return (this.#entries.list[place] as Entry).root
    assert(this.damaged.includes(version), 'a version is looked for in its group')
    throw this.#lostFrames()
  }

  /** @throws {VarveError} `VERSION_DAMAGED` when a version behind `from` is lost, up to another. */
  #checkUpTo(version: number, from: number): void {
    if (this.damaged.some((lost) => lost > from && lost <= version)) throw this.#lostFrames()
  }

  async #reading<T>({ signal, onCost }: GroupReadOptions, read: (reading: Reading) => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    const cost = { reads: 0, bytesRead: 0, eventsScanned: 0 }
    try {
      const result = await read({ cost, signal })
      onCost?.(cost)
      return result
    } catch (error) {
      throw await this.#told(error)
    }
  }

  /** Damage as the versions that it costs. */
  async #told(error: unknown): Promise<unknown> {
    if (error instanceof DeltaDamage) {
      const versions = lostFrom(this.#row, this.#entries, error.place)
      return versionDamaged(this.#place, { versions, found: foundIn(error.cause) }, error.cause)
    }
    if (!(error instanceof KeyframeDamage)) return error
    const { cause } = error
    // Other positions are those of the document that the chunks hold.
    const position = cause.details.chunk === undefined ? undefined : cause.details.position
    const versions = await this.#lostWithKeyframe()
    return versionDamaged(this.#place, { versions, found: foundIn(cause), position }, cause)
  }

  #lostFrames(): VarveError {
    const found = typeof this.#sound === 'string' ? this.#sound : 'a damaged frame'
    const position = this.#entries.brokenPosition
    return versionDamaged(this.#place, { versions: this.damaged, found, position })
  }

  /** Versions of the row that cannot be read when the keyframe cannot. */
  async #lostWithKeyframe(): Promise<number[]> {
    const { list, brokenAt } = this.#entries
    let needing: readonly boolean[] = list.map(() => true)
    try {
      needing = await this.#values().needingKeyframe(Math.min(brokenAt, list.length))
    } catch (error) {
      if (!(error instanceof DeltaDamage || error instanceof KeyframeDamage)) throw error
    }
    const lost = new Set(this.damaged)
    return versionsOf(this.#row).filter((version) => {
      return lost.has(version) || needing[this.#entries.placeOf(version)] === true
    })
  }
}

async function release(shared: SharedHandle): Promise<void> {
  if (--shared.users === 0) await shared.handle.close()
}
