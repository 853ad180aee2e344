/** How the histories of a state are written: as rows, but with the first groups of each, as long as they are regular,
 * in columns, because there may be thousands. Warning: this is a disk format; a change needs a new format version.
 *
 * | column | what it holds for each group |
 * |---|---|
 * | `ids` | base64 of the 8 bytes of each id without anything between them |
 * | `files` | the same of the files; absent when each file has the id of its group |
 * | `gaps` | versions that are missing before the first, in runs |
 * | `spans` | `lastVersion - firstVersion`, in runs |
 * | `tiers`, `epochs` | in runs; an epoch that is absent is 0; absent when all are |
 * | `versions` | by the number of the group, from 0: the versions it has, each as the difference to the one before, the
 *   first to `firstVersion`; only of groups that list them |
 * | `firstAt` | the difference to the `lastAt` of the group before; the first one as it is |
 * | `lastAt` | the difference to `firstAt` |
 * | `lastOffset` | the difference to that of the group before; `null` before the first; absent when there is none |
 * | `endBytes`, `rawBytes` | a number |
 *
 * Runs are a list of a value and how often it comes, another value, and so on. `rest` are the groups that follow, as
 * rows.
 * @module */
import { decodeBase64, encodeBase64 } from '../codec/base64.ts'
import { fromHex, toHex } from '../codec/bytes.ts'
import { checkHistory, type GroupRow, type HistoryRow } from './histories.ts'
import { orderedRows } from './named-rows.ts'
import { check, isObject, isTime, isWhole } from './shapes.ts'

const ID_BYTES = 8
const FIELDS = new Set<string>([
  ...['id', 'file', 'epoch', 'tier', 'firstVersion', 'lastVersion', 'versions'],
  ...['firstAt', 'lastAt', 'lastOffset', 'endBytes', 'rawBytes'],
])

/** What was read and has not changed since is written as it was. */
const known = new WeakMap<readonly GroupRow[], unknown>()

/** The histories of a state as they are written. */
export function packHistories(rows: readonly HistoryRow[]): unknown {
  return rows.map((row) => ({ ...row, groups: known.get(row.groups) ?? packGroups(row.groups) }))
}

function packGroups(groups: readonly GroupRow[]): unknown {
  const stop = groups.findIndex((group, at) => !isRegular(group, at, groups))
  const rows = stop < 0 ? groups : groups.slice(0, stop)
  if (rows.length === 0) return groups
  const ids = encodeBase64(fromHex(rows.map(({ id }) => id).join('')))
  const files = encodeBase64(fromHex(rows.map(({ file }) => file).join('')))
  const before = (at: number) => rows[at - 1] ?? { lastVersion: 0, lastAt: 0, lastOffset: undefined }
  const offsets = rows.map(({ lastOffset }, at) =>
    lastOffset === undefined ? null : lastOffset - (before(at).lastOffset ?? 0),
  )
  const epochs = rows.map(({ epoch }) => epoch ?? 0)
  const versions = rows.flatMap(({ versions }, at) => (versions === undefined ? [] : [[at, differences(versions)]]))
  const rest = groups.slice(rows.length)
  return {
    ids,
    ...(files === ids ? {} : { files }),
    gaps: runsOf(rows.map(({ firstVersion }, at) => firstVersion - before(at).lastVersion - 1)),
    spans: runsOf(rows.map(({ firstVersion, lastVersion }) => lastVersion - firstVersion)),
    tiers: runsOf(rows.map(({ tier }) => tier)),
    ...(epochs.every((epoch) => epoch === 0) ? {} : { epochs: runsOf(epochs) }),
    ...(versions.length === 0 ? {} : { versions: Object.fromEntries(versions) }),
    firstAt: rows.map(({ firstAt }, at) => firstAt - before(at).lastAt),
    lastAt: rows.map(({ firstAt, lastAt }) => lastAt - firstAt),
    ...(offsets.every((offset) => offset === null) ? {} : { lastOffset: offsets }),
    endBytes: rows.map(({ endBytes }) => endBytes),
    rawBytes: rows.map(({ rawBytes }) => rawBytes),
    ...(rest.length === 0 ? {} : { rest }),
  }
}

/** Whether columns can hold a group: it says nothing that only a newer version knows, and its times are not so far from
 * those before that a number cannot hold the difference. */
function isRegular(group: GroupRow, at: number, groups: readonly GroupRow[]): boolean {
  for (const field in group) if (!FIELDS.has(field)) return false
  const { firstAt, lastAt } = group
  return isTime(firstAt - (groups[at - 1]?.lastAt ?? 0)) && isTime(lastAt - firstAt)
}

function differences(versions: readonly number[]): number[] {
  return versions.map((version, at) => version - (versions[at - 1] ?? version))
}

function runsOf<T>(values: readonly T[]): (T | number)[] {
  const runs: (T | number)[] = []
  for (const value of values) {
    if (runs.length > 0 && runs.at(-2) === value) (runs[runs.length - 1] as number)++
    else runs.push(value, 1)
  }
  return runs
}

/** Check histories that were read, and unpack them. @returns them in the order of a state.
 * @throws {VarveError} `MANIFEST_DAMAGED`. */
export function unpackHistories(stored: unknown): readonly HistoryRow[] {
  check(Array.isArray(stored), 'the histories are not listed')
  for (const row of stored) {
    if (isObject(row) && isObject(row.groups)) row.groups = unpackGroups(row.groups)
    checkHistory(row)
  }
  return orderedRows(stored, 'a history')
}

function unpackGroups(stored: Readonly<Record<string, unknown>>): GroupRow[] {
  const { rest = [], versions = {} } = stored
  const ids = idsOf(stored.ids)
  const files = stored.files === undefined ? ids : idsOf(stored.files)
  const count = ids.length
  check(files.length === count && Array.isArray(rest), 'packed groups have no files')
  const gaps = spread(stored.gaps, count, isWhole)
  const spans = spread(stored.spans, count, isWhole)
  const tiers = spread(stored.tiers, count, isTier)
  const epochs = stored.epochs === undefined ? undefined : spread(stored.epochs, count, isWhole)
  const [firstAt, lastAt] = [columnOf(stored.firstAt, count), columnOf(stored.lastAt, count)]
  const lastOffset = stored.lastOffset === undefined ? undefined : columnOf(stored.lastOffset, count)
  const [endBytes, rawBytes] = [columnOf(stored.endBytes, count), columnOf(stored.rawBytes, count)]
  check(isObject(versions), 'packed groups do not list their versions')
  for (const at of Object.keys(versions)) check(Number(at) < count, 'packed groups list versions of another')
  const groups: GroupRow[] = []
  let version = 0
  let time = 0
  let offset = 0
  for (let at = 0; at < count; at++) {
    const firstVersion = version + (gaps[at] as number) + 1
    version = firstVersion + (spans[at] as number)
    const first = time + (firstAt[at] as number)
    time = first + (lastAt[at] as number)
    const lag = lastOffset?.[at]
    offset += lag ?? 0
    const epoch = epochs?.[at] ?? 0
    groups.push({
      id: ids[at] as string,
      file: files[at] as string,
      ...(epoch === 0 ? {} : { epoch }),
      tier: tiers[at] as GroupRow['tier'],
      firstVersion,
      lastVersion: version,
      ...(versions[at] === undefined ? {} : { versions: summed(versions[at], firstVersion) }),
      firstAt: first,
      lastAt: time,
      ...(typeof lag === 'number' ? { lastOffset: offset } : {}),
      endBytes: endBytes[at] as number,
      rawBytes: rawBytes[at] as number,
    })
  }
  for (const group of rest) groups.push(group)
  known.set(groups, stored)
  return groups
}

function idsOf(stored: unknown): string[] {
  const bytes = typeof stored === 'string' ? decodeBase64(stored) : undefined
  check(bytes !== undefined && bytes.length > 0 && bytes.length % ID_BYTES === 0, 'packed groups have no ids')
  const digits = toHex(bytes)
  const ids: string[] = []
  for (let at = 0; at < digits.length; at += 2 * ID_BYTES) ids.push(digits.slice(at, at + 2 * ID_BYTES))
  return ids
}

/** A column of numbers that may be null where the row says so later. */
function columnOf(stored: unknown, count: number): readonly (number | null)[] {
  check(Array.isArray(stored) && stored.length === count, 'packed groups lack a column')
  for (const number of stored) check(number === null || isTime(number), 'packed groups lack a number')
  return stored
}

function spread<T>(stored: unknown, count: number, is: (value: unknown) => value is T): T[] {
  check(Array.isArray(stored), 'packed groups lack a column')
  const values: T[] = []
  for (let at = 0; at < stored.length; at += 2) {
    const value: unknown = stored[at]
    const times: unknown = stored[at + 1]
    check(is(value) && isWhole(times) && times <= count - values.length, 'packed groups have an impossible run')
    for (let time = 0; time < times; time++) values.push(value)
  }
  check(values.length === count, 'packed groups lack a column')
  return values
}

function isTier(value: unknown): value is string {
  return typeof value === 'string'
}

function summed(stored: unknown, first: number): number[] {
  check(Array.isArray(stored), 'a packed group does not list its versions')
  let version = first
  return stored.map((difference: unknown) => {
    check(isWhole(difference), 'a packed group does not list its versions')
    version += difference
    return version
  })
}
