/** What the files of groups are known by, and what they tell of their versions.
 * @module */
import type { Clock } from '../ports/clock.ts'
import type { Storage } from '../ports/storage.ts'
import type { VersionKind } from './types.ts'

/** What is stored of a version besides its value. */
export interface VersionFacts {
  readonly version: number
  /** Milliseconds since 1970; never before that of the first version of the group. */
  readonly at: number
  readonly kind: VersionKind
  readonly label?: string
  readonly fingerprint?: string
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly offset?: number
  /** Of the value, 32 hexadecimal digits. */
  readonly hash: string
  /** What a copy of the value would take. */
  readonly rawBytes: number
}

export interface StoredVersion extends VersionFacts {
  /** Of its frame; of the first version, with header and keyframe. */
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
