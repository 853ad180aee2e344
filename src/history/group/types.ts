/** What the files of groups are known by, and what they tell of their versions.
 * @module */
import type { Clock } from '../../ports/clock.ts'
import type { Storage } from '../../ports/storage.ts'
import type { VersionFacts } from './version-frame.ts'

export interface StoredVersion extends VersionFacts {
  /** Of its frame; of the first version, header and keyframe. */
  readonly sizeBytes: number
  /** False for the first version of its group. */
  readonly isDelta: boolean
  /** The version of the group whose value this is; also when it is the one before. Absent: it has a change of its own,
   * or is the first. */
  readonly sameAs?: number
}

/** Where a group is. */
export interface GroupPlace {
  readonly storage: Storage
  readonly clock: Clock
  readonly history: string
  /** Of the file. */
  readonly path: string
  readonly storeId: string
  /** Of the group, 16 hexadecimal digits. */
  readonly id: string
}
