/** Writing the file of a group.
 * @module */
import { AssertionError } from '../errors.ts'
import type { GroupRow } from '../manifest/histories.ts'
import type { GroupFile } from './group-file.ts'
import type { GroupPlace, VersionFacts } from './group-types.ts'
import type { Patch } from './patch.ts'

export class GroupWriter {
  /** Of the file as written. */
  readonly endBytes: number = 0
  /** How many versions were encoded. */
  readonly versions: number = 0
  /** Of header, keyframe and first version. */
  readonly sizeOfFirst: number = 0

  /** Begin a group: write its file, not synced yet. The value must not change until this is done.
   * @throws {VarveError} what the storage throws; the file is removed then, if that is possible. */
  static async create(_place: GroupPlace, _first: { value: unknown; facts: VersionFacts }): Promise<GroupWriter> {
    throw new AssertionError('not there yet')
  }

  /** Go on with a group whose file ends at `row.endBytes`. @throws {VarveError} `VERSION_DAMAGED` when a version of it
   * is, and what the storage throws. */
  static async resume(_place: GroupPlace, _file: GroupFile, _row: GroupRow): Promise<GroupWriter> {
    throw new AssertionError('not there yet')
  }

  /** A version of this group with this content hash. */
  findSame(_hash: string): number | undefined {
    return undefined
  }

  /** Make the frame of the next version. Calls do not overlap; every frame is written, in this order, or the writer is
   * not used any more. @param change undefined patch: equal to the version before. */
  async encode(_facts: VersionFacts, _change: { patch: Patch | undefined } | { same: number }): Promise<Uint8Array> {
    throw new AssertionError('not there yet')
  }

  /** Whether the frame that was encoded last belongs into this group rather than a new one. */
  hasRoom(_frame: Uint8Array): boolean {
    return true
  }

  async write(_frame: Uint8Array): Promise<void> {}

  /** Make what was written durable: the file, and its name the first time. */
  async sync(): Promise<void> {}

  async close(): Promise<void> {}
}
