/** The histories that exist, in the order of their names without regard to case, and the groups of their versions.
 * @module */

/** Ages in milliseconds; null: for ever. */
export interface TierRow {
  readonly forMs: number | null
  readonly everyMs?: number
}

export interface HistoryRowOptions {
  readonly keyframeInterval: number
  readonly keyField?: string
  readonly tiers: { readonly raw: TierRow; readonly compressed: TierRow; readonly archive: TierRow }
}

export interface HistoryRow {
  readonly name: string
  readonly createdAt: number
  readonly options: HistoryRowOptions
  /** Of the newest version ever; 0: none yet. */
  readonly lastVersion: number
  /** Versions that clean-ups keep, ascending. Absent: none. */
  readonly pins?: readonly number[]
  /** In the order of their versions. */
  readonly groups: readonly GroupRow[]
}

/** A keyframe and the versions that follow it, in the file `histories/<name>/<file>.vgrp`. */
export interface GroupRow {
  /** What its checksums are seeded with: random 64 bits, 16 hexadecimal digits. A copy of the file has the same. */
  readonly id: string
  /** Of its file: random 64 bits, 16 hexadecimal digits. */
  readonly file: string
  /** The epoch that may append to the file, until it closes cleanly. Absent: nobody does; whoever wants to go on takes
   * it over with its next record, if the file ends where `endBytes` says, or copies it. */
  readonly epoch?: number
  readonly tier: 'raw' | 'compressed' | 'archive'
  readonly firstVersion: number
  readonly lastVersion: number
  /** The versions themselves, ascending, when some in between are gone. Absent: all. */
  readonly versions?: readonly number[]
  /** Milliseconds since 1970, of the first and the last version. */
  readonly firstAt: number
  readonly lastAt: number
  /** Highest log offset of any version up to here, as they never fall. Absent: no version says one. */
  readonly lastOffset?: number
  /** Of the file, up to where it counts. */
  readonly endBytes: number
  /** What copies of its versions would take. */
  readonly rawBytes: number
}
