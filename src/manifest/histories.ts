/** The histories that exist, in the order of their names without regard to case, and the groups of their versions.
 * @module */
import { findRow } from './named-rows.ts'
import { check, checkOf, isFileId, isObject, isOwnOrFileName, isTime, isWhole } from './shapes.ts'

/** From the youngest versions to the oldest. */
export const TIERS = ['raw', 'compressed', 'archive'] as const

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
  /** One that begins with `_` is the store's own. */
  readonly name: string
  readonly createdAt: number
  readonly options: HistoryRowOptions
  /** Of the newest version ever; 0: none yet. */
  readonly lastVersion: number
  /** Highest log offset that any version said, also one that is gone: none says less from here on. Absent: none did. */
  readonly lastOffset?: number
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
   * it over with a record before it writes, if the file ends where `endBytes` says, or copies it. */
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

/** The history of a name, or of one that differs only in case. */
export function findHistory(rows: readonly HistoryRow[] | undefined, name: string): HistoryRow | undefined {
  return findRow(rows, name)
}

/** Check the shape of a history and of its groups. */
export function checkHistory(value: unknown): asserts value is HistoryRow {
  check(isObject(value), 'a history is not an object')
  const { name, createdAt, options, lastVersion, lastOffset = 0, pins, groups } = value
  check(isOwnOrFileName(name), 'a history has an impossible name')
  checkOf(name, isWhole(createdAt) && isWhole(lastVersion) && isWhole(lastOffset), 'history % is incomplete')
  checkHistoryOptions(options, name)
  check(Array.isArray(groups), `history "${name}" has no groups`)
  checkGroups(groups, name)
  checkDistinct(groups, name)
  checkOf(name, lastVersion >= ((groups as GroupRow[]).at(-1)?.lastVersion ?? 0), 'history % has a version too many')
  if (pins !== undefined) checkPins(pins, groups, name)
}

/** Check the shape of a history's options. */
export function checkHistoryOptions(value: unknown, history: string): asserts value is HistoryRowOptions {
  const impossible = `history "${history}" has impossible options`
  check(isObject(value), impossible)
  const { keyframeInterval, keyField, tiers } = value
  check(isWhole(keyframeInterval) && keyframeInterval > 0, impossible)
  check(keyField === undefined || typeof keyField === 'string', impossible)
  check(isObject(tiers), impossible)
  for (const tier of TIERS) {
    const row = tiers[tier]
    check(isObject(row), impossible)
    const { forMs, everyMs } = row
    check((forMs === null || isWhole(forMs)) && (everyMs === undefined || isWhole(everyMs)), impossible)
  }
}

/** Check the shape of groups, and that they follow each other.
 * @param from the first one to be checked; those before it were. */
export function checkGroups(groups: readonly unknown[], history: string, from = 0): void {
  let before = groups[from - 1] as GroupRow | undefined
  for (let at = from; at < groups.length; at++) {
    const group = groups[at]
    checkGroup(group, history)
    if (before !== undefined) checkFollows(group, before, history)
    before = group
  }
}

function checkGroup(value: unknown, history: string): asserts value is GroupRow {
  checkOf(history, isObject(value), 'a group of history % is not an object')
  const { id, file, epoch, tier, firstVersion, lastVersion, versions, firstAt, lastAt } = value
  const { lastOffset, endBytes, rawBytes } = value
  checkOf(history, isFileId(id) && isFileId(file), 'a group of history % has no file')
  checkOf(history, epoch === undefined || (isWhole(epoch) && epoch > 0), 'a group of history % has an impossible owner')
  checkOf(
    history,
    TIERS.some((known) => known === tier),
    'a group of history % has an impossible tier',
  )
  const areVersions = isWhole(firstVersion) && firstVersion > 0 && isWhole(lastVersion) && lastVersion >= firstVersion
  checkOf(history, areVersions, 'a group of history % has no versions')
  if (versions !== undefined) {
    checkOf(history, isAscending(versions), 'a group of history % does not list its versions')
    const isSame = versions[0] === firstVersion && versions.at(-1) === lastVersion
    checkOf(history, isSame, 'a group of history % lists other versions')
  }
  checkOf(history, isTime(firstAt) && isTime(lastAt) && firstAt <= lastAt, 'a group of history % has impossible times')
  checkOf(history, lastOffset === undefined || isWhole(lastOffset), 'a group of history % has an impossible offset')
  checkOf(history, isWhole(endBytes) && endBytes > 0 && isWhole(rawBytes), 'a group of history % is incomplete')
}

function checkFollows(group: GroupRow, before: GroupRow, history: string): void {
  checkOf(history, group.firstVersion > before.lastVersion, 'groups of history % are not in order')
  checkOf(history, group.firstAt >= before.lastAt, 'groups of history % go back in time')
  const { lastOffset } = before
  const isHigher = lastOffset === undefined || (group.lastOffset ?? -1) >= lastOffset
  checkOf(history, isHigher, 'groups of history % go back in the log')
}

/** Check that no two groups have the same file or the same checksums.
 * @param from the first one that may be like another. */
export function checkDistinct(groups: readonly GroupRow[], history: string, from = 0): void {
  const files = new Set<string>()
  const ids = new Set<string>()
  for (let at = groups.length - 1; at >= 0; at--) {
    const { file, id } = groups[at] as GroupRow
    const isNew = !files.has(file) && !ids.has(id)
    checkOf(history, isNew, 'two groups of history % have the same file')
    if (at < from) continue
    files.add(file)
    ids.add(id)
  }
}

/** Check the pins of a history: versions of these groups. */
export function checkPins(pins: unknown, groups: readonly GroupRow[], history: string): asserts pins is number[] {
  checkOf(history, isAscending(pins), 'the pins of history % are not listed')
  let at = 0
  for (const pin of pins) {
    while (at < groups.length && (groups[at] as GroupRow).lastVersion < pin) at++
    const group = groups[at]
    const isThere = group !== undefined && hasVersion(group, pin)
    checkOf(history, isThere, 'a version that is pinned in history % is not there')
  }
}

/** Whether a group has a version. */
export function hasVersion({ firstVersion, lastVersion, versions }: GroupRow, version: number): boolean {
  return versions === undefined ? firstVersion <= version && version <= lastVersion : versions.includes(version)
}

function isAscending(value: unknown): value is number[] {
  if (!Array.isArray(value)) return false
  for (let at = 0; at < value.length; at++)
    if (!isWhole(value[at]) || (at > 0 && value[at] <= value[at - 1])) return false
  return true
}
