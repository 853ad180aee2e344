/** Where versions are among the groups of a history, by searches that halve: no file is read.
 * @module */
import { type GroupRow, type HistoryRow, hasVersion } from '../manifest/index.ts'
import type { Tier } from './types.ts'
import { outOfRange, versionGone } from './version-errors.ts'

/** The first place of which a test holds; it holds of all behind one of which it does. */
export function firstOf(groups: readonly GroupRow[], holds: (group: GroupRow) => boolean): number {
  let low = 0
  let high = groups.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(groups[middle] as GroupRow)) high = middle
    else low = middle + 1
  }
  return low
}

/** Place of the group that has a version. @throws {VarveError} `VERSION_OUT_OF_RANGE`, `VERSION_GONE`. */
export function placeOfVersion(row: HistoryRow, version: number): number {
  const { groups, lastVersion } = row
  if (version < 1 || version > lastVersion) throw outOfRange(row, version)
  const at = firstOf(groups, ({ lastVersion: last }) => last >= version)
  const group = groups[at]
  if (group !== undefined && hasVersion(group, version)) return at
  throw versionGone(row, version, tierOfGone(groups, at))
}

/** What is older than everything left `archive` last. */
function tierOfGone(groups: readonly GroupRow[], at: number): Tier {
  return at === 0 ? 'archive' : (groups[at]?.tier ?? 'archive')
}

/** The group that has a version, or the next one in a direction; undefined: there is none. */
export function groupFrom(groups: readonly GroupRow[], version: number, isForward: boolean): GroupRow | undefined {
  if (isForward) return groups[firstOf(groups, ({ lastVersion }) => lastVersion >= version)]
  return groups[firstOf(groups, ({ firstVersion }) => firstVersion > version) - 1]
}

/** Place of the last group with a version at or before a time; -1: none. */
export function placeOfTime(groups: readonly GroupRow[], time: number): number {
  return firstOf(groups, ({ firstAt }) => firstAt > time) - 1
}

/** Place of the last group that may have a version which reflects the log up to `offset` and no more. */
export function placeOfOffset(groups: readonly GroupRow[], offset: number): number {
  const at = firstOf(groups, ({ lastOffset }) => lastOffset !== undefined && lastOffset > offset)
  return Math.min(at, groups.length - 1)
}

/** The versions of a group, ascending. */
export function versionsOf({ firstVersion, lastVersion, versions }: GroupRow): readonly number[] {
  return versions ?? Array.from({ length: lastVersion - firstVersion + 1 }, (_, at) => firstVersion + at)
}

/** How many there are. */
export function countOf({ firstVersion, lastVersion, versions }: GroupRow): number {
  return versions?.length ?? lastVersion - firstVersion + 1
}
