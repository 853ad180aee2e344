/** Reading the file of a group.
 * @module */
import type { Path } from '../document/path.ts'
import type { ReadCost } from '../document/types.ts'
import { AssertionError } from '../errors.ts'
import type { GroupRow } from '../manifest/histories.ts'
import type { GroupPlace, StoredVersion } from './group-types.ts'
import type { Patch } from './patch.ts'

export type { GroupPlace, StoredVersion, VersionFacts } from './group-types.ts'

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

export class GroupFile {
  /** Those that can be listed, ascending. */
  readonly versions: readonly StoredVersion[] = []
  /** Those of the row that are known to be unreadable, ascending. */
  readonly damaged: readonly number[] = []
  /** Of the keyframe, not compressed. */
  readonly keyframeBytes: number = 0
  /** Of all deltas, not compressed. */
  readonly deltaBytes: number = 0

  /** Open a group: its header and its frames. Damage shows in `damaged` and in what reads throw.
   * @throws {VarveError} what the storage throws, but `FILE_MISSING`. */
  static async open(_place: GroupPlace, _row: GroupRow): Promise<GroupFile> {
    throw new AssertionError('not there yet')
  }

  /** The same file with more frames; only those are read. Close both. */
  async grown(_row: GroupRow): Promise<GroupFile> {
    throw new AssertionError('not there yet')
  }

  /** The value of a version, the caller's own. @throws {VarveError} `VERSION_DAMAGED` {history, versions, file, found}. */
  async value(_version: number, _options?: GroupReadOptions): Promise<unknown> {
    throw new AssertionError('not there yet')
  }

  /** The values from a version of the group on. @throws {VarveError} `VERSION_DAMAGED` at the first one that is lost. */
  async *values(_from: number, _options?: GroupReadOptions): AsyncGenerator<GroupValue> {
    yield* []
  }

  /** What is at a path in a version, the caller's own; undefined where nothing is.
   * @throws {VarveError} `VERSION_DAMAGED`, `PATH_INVALID`. */
  async valueAt(_version: number, _path: Path, _options?: GroupReadOptions): Promise<unknown> {
    return undefined
  }

  /** What turned the version before into this one, the caller's own. Undefined for the first one and where `sameAs`
   * says what it is. @throws {VarveError} `VERSION_DAMAGED`. */
  async patchOf(_version: number): Promise<Patch | undefined> {
    return undefined
  }

  has(version: number): boolean {
    return this.versions.some((stored) => stored.version === version)
  }

  async close(): Promise<void> {}
}
