/** The histories of a damaged store, as their own files describe them.
 * @module */
import { GroupFile } from '../history/group/group-file.ts'
import { type LooseGroup, readLooseGroup } from '../history/group/loose.ts'
import { verifyGroup } from '../history/group/verify.ts'
import { countOf, versionsOf } from '../history/place-versions.ts'
import { findHistory, type GroupRow, type HistoryRow, type ManifestState, orderedRows } from '../manifest/index.ts'
import { HISTORY_FILES } from '../manifest/stored-paths.ts'
import type { LogContext } from '../topic/context.ts'
import { historySettings } from './history-settings.ts'
import { isOwnOrName } from './names.ts'
import { unlessUnreadable } from './salvage-files.ts'

export type GroupContext = Pick<LogContext, 'storage' | 'clock'>

/** A group as its own file describes it; undefined when its beginning is damaged.
 * @throws {VarveError} `FORMAT_NEWER`, and what the storage throws. */
export function looseGroup(
  context: GroupContext,
  { history, file }: { readonly history: string; readonly file: string },
): Promise<LooseGroup | undefined> {
  const path = HISTORY_FILES.path(history, file)
  const { storage, clock } = context
  return readLooseGroup({ storage, clock, history, path, storeId: '' }, file)
}

/** Find the groups of all histories. Of files with the same versions the one counts of which most can be read: an
 * interrupted clean-up leaves old and new ones. What the manifest names and no file confirms stays as it says, so that
 * a read tells what is wrong. Deleted histories and versions whose files were not removed yet come back.
 * Cost: header and frames of each file, all of those with the same versions. @throws what the storage throws. */
export async function salvageHistories(
  context: GroupContext,
  state: ManifestState,
): Promise<{ readonly histories: readonly HistoryRow[]; readonly notes: readonly string[] }> {
  const rows = new Map(state.histories?.map((row) => [row.name.toLowerCase(), row]))
  const notes: string[] = []
  for (const { name, kind } of await context.storage.list(HISTORY_FILES.root)) {
    if (kind !== 'directory' || !isOwnOrName(name)) continue
    const known = findHistory(state.histories, name)
    const { groups, files } = await groupsIn(context, name, notes)
    if (files > 0 && groups.length === 0) {
      const reason = files === 1 ? 'the beginning of its file is damaged' : `all of its ${files} files begin damaged`
      notes.push(`${HISTORY_FILES.directory(name)}: ${reason}`)
    }
    if (known === undefined && groups.length === 0) continue
    const found = await chosen(context, name, groups)
    const lost = found.reduce((sum, { row, readable }) => sum + countOf(row) - readable, 0)
    if (lost > 0) notes.push(`${HISTORY_FILES.directory(name)}: versions that cannot be read: ${lost}`)
    rows.set(name.toLowerCase(), rowOf(name, { known, found: found.map(({ row }) => row) }))
  }
  return { histories: orderedRows([...rows.values()], 'a history'), notes }
}

async function groupsIn(
  context: GroupContext,
  history: string,
  notes: string[],
): Promise<{ readonly groups: readonly LooseGroup[]; readonly files: number }> {
  let files = 0
  const groups: LooseGroup[] = []
  for (const { name, kind } of await context.storage.list(HISTORY_FILES.directory(history))) {
    const file = kind === 'file' ? HISTORY_FILES.idOf(name) : undefined
    if (file === undefined) continue
    files++
    const path = HISTORY_FILES.path(history, file)
    const group = await unlessUnreadable(
      () => looseGroup(context, { history, file }),
      (reason) => notes.push(`${path}: ${reason}`),
    )
    if (group === undefined) notes.push(`${path}: its beginning is damaged or not complete`)
    else groups.push(group)
  }
  return { groups, files }
}

/** A history as the manifest and its files say. */
function rowOf(
  name: string,
  { known, found }: { readonly known: HistoryRow | undefined; readonly found: readonly GroupRow[] },
): HistoryRow {
  const rows = found.map((row) => asKnown(row, known))
  for (const group of known?.groups ?? []) if (!rows.some((row) => overlap(row, group))) rows.push(group)
  rows.sort((a, b) => a.firstVersion - b.firstVersion)
  const row = known ?? { name, createdAt: rows[0]?.firstAt ?? 0, options: historySettings({}), lastVersion: 0 }
  const lastVersion = Math.max(row.lastVersion, rows.at(-1)?.lastVersion ?? 0)
  const pins = known?.pins?.filter((pin) => rows.some((group) => versionsOf(group).includes(pin)))
  return { ...row, lastVersion, groups: withOffsets(rows), ...(pins === undefined ? {} : { pins }) }
}

/** The row that a manifest has for a file, unless the file has gone on since. */
function asKnown(row: GroupRow, known: HistoryRow | undefined): GroupRow {
  const same = known?.groups.find(({ file, id }) => file === row.file && id === row.id)
  if (same === undefined) return row
  return row.lastVersion > same.lastVersion ? { ...row, tier: same.tier } : same
}

/** The highest offset up to each group. */
function withOffsets(rows: readonly GroupRow[]): GroupRow[] {
  let highest: number | undefined
  return rows.map((row) => {
    if (row.lastOffset !== undefined) highest = Math.max(highest ?? 0, row.lastOffset)
    return highest === undefined ? row : { ...row, lastOffset: highest }
  })
}

/** Groups of which no two have versions in common. */
async function chosen(
  context: GroupContext,
  history: string,
  found: readonly LooseGroup[],
): Promise<readonly LooseGroup[]> {
  const rivals = new Set(found.filter(({ row }) => found.some((other) => other.row !== row && overlap(other.row, row))))
  const checked: LooseGroup[] = []
  for (const group of found) {
    const readable = rivals.has(group) ? await readableOf(context, history, group.row) : group.readable
    checked.push({ ...group, readable })
  }
  checked.sort((a, b) => b.readable - a.readable || b.row.lastAt - a.row.lastAt)
  const taken: LooseGroup[] = []
  for (const group of checked) if (!taken.some(({ row }) => overlap(row, group.row))) taken.push(group)
  return taken
}

function overlap(a: GroupRow, b: GroupRow): boolean {
  return a.firstVersion <= b.lastVersion && b.firstVersion <= a.lastVersion
}

/** How many versions of a group can really be read. */
async function readableOf({ storage, clock }: GroupContext, history: string, row: GroupRow): Promise<number> {
  const path = HISTORY_FILES.path(history, row.file)
  const file = await GroupFile.open({ storage, clock, history, path, storeId: '', id: row.id }, row)
  try {
    const { damaged } = await verifyGroup(file, row, { digest: storage.digest })
    return countOf(row) - damaged.length
  } finally {
    await file.close()
  }
}
