/** What the crash tests do to a manifest that is written anew while the groups of a history are in it: a history grows,
 * is thinned out and pinned, by one owner after another, so that its state stays small.
 * @module */
import { isVarveError } from '../../src/errors.ts'
import {
  acquire,
  type GroupRow,
  type HistoryRow,
  type ManifestRecord,
  type OwnedManifest,
} from '../../src/manifest/index.ts'
import { historySettings } from '../../src/store/history-settings.ts'
import type { Known, Ledger } from '../faults/explorer.ts'
import type { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { must, mustEqual, plain } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'

const COMMITS = 13
const PER_GROUP = 3
const MOST_GROUPS = 4

/** The history after so many commits; without owners. */
export function historyAfter(commits: number): HistoryRow {
  let row: HistoryRow = { name: 'board', createdAt: 1, options: historySettings({}), lastVersion: 0, groups: [] }
  for (let commit = 2; commit <= commits; commit++) row = after(row, writtenBy(row, commit))
  return row
}

type Written = Extract<ManifestRecord, { type: 'history-written' }>

/** A version more, in the last group or in a new one; now and then a clean-up that leaves the last of each. */
function writtenBy(row: HistoryRow, commit: number): Written {
  const { name, groups, lastVersion } = row
  const last = groups.at(-1)
  const type = 'history-written'
  if (groups.length === MOST_GROUPS) {
    const kept = groups.map(({ lastVersion: version }, at) =>
      groupOf(commit * 10 + at, { first: version, last: version }),
    )
    return { type, name, from: 0, groups: kept, lastVersion, pins: [lastVersion] }
  }
  const version = lastVersion + 1
  if (last === undefined || last.lastVersion - last.firstVersion === PER_GROUP - 1 || last.tier !== 'raw') {
    const group = groupOf(commit * 10, { first: version, last: version, tier: 'raw' })
    return { type, name, from: groups.length, groups: [group], lastVersion: version }
  }
  const grown = { ...last, lastVersion: version, lastAt: version, endBytes: last.endBytes + 40, rawBytes: version }
  return { type, name, from: groups.length - 1, groups: [grown], lastVersion: version }
}

function groupOf(
  number: number,
  { first, last, tier = 'compressed' }: { first: number; last: number; tier?: GroupRow['tier'] },
): GroupRow {
  const id = number.toString(16).padStart(16, '0')
  const times = { firstAt: first, lastAt: last }
  return { id, file: id, tier, firstVersion: first, lastVersion: last, ...times, endBytes: 500, rawBytes: 100 }
}

function after(row: HistoryRow, { from, groups, lastVersion, pins = row.pins }: Written): HistoryRow {
  const all = [...row.groups.slice(0, from), ...groups]
  const kept = pins?.filter((pin) => all.some((group) => group.firstVersion <= pin && pin <= group.lastVersion))
  return { ...row, groups: all, lastVersion, ...(kept !== undefined && { pins: kept }) }
}

/** The record that makes it the history after so many commits. What another owner may still write to is copied. */
export function longRecord(commits: number, { epoch, state }: Pick<OwnedManifest, 'epoch' | 'state'>): ManifestRecord {
  if (commits === 1) return { type: 'history-created', history: historyAfter(1) }
  const record = writtenBy(historyAfter(commits - 1), commits)
  const last = state.histories?.[0]?.groups.at(-1)
  const groups = record.groups.map((group): GroupRow => {
    if (group.tier !== 'raw') return group
    if (last?.id !== group.id) return { ...group, epoch }
    const isOurs = last.epoch === undefined || last.epoch === epoch
    return { ...group, epoch, file: isOurs ? last.file : (commits * 1_000 + epoch).toString(16).padStart(16, 'c') }
  })
  return { ...record, groups }
}

/** Commit by one owner after another; the second one does not close. */
export async function commitLong(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
  let commits = 0
  for (let owner = 1; owner <= 3; owner++) {
    const { manifest } = await own(files, owner)
    let largestBytes = 0
    for (let turn = 0; turn < COMMITS; turn++) {
      ledger.attempt(++commits)
      await manifest.append(longRecord(commits, manifest))
      ledger.acknowledge(commits)
      largestBytes = Math.max(largestBytes, manifest.sizeBytes)
    }
    must(manifest.sizeBytes < largestBytes, () => 'the manifest was written anew')
    if (owner !== 2) await manifest.append({ type: 'closed', partitions: [] })
    await manifest.close()
  }
}

/** The same with any file call failing. */
export async function commitLongUnderFaults(files: FaultFiles, ledger: Ledger<number>): Promise<void> {
  const first = await own(files, 7).catch(typed)
  await first?.manifest.close().catch(typed)
  const acquired = await own(files, 1).catch(typed)
  for (let commits = 1; commits <= COMMITS && acquired !== undefined; commits++) {
    const { manifest } = acquired
    ledger.attempt(commits)
    // What failed is not repeated: the next record would not follow.
    const isDone = await manifest.append(longRecord(commits, manifest)).then(() => true, typed)
    if (isDone !== true) break
    ledger.acknowledge(commits)
  }
  await acquired?.manifest.append({ type: 'closed', partitions: [] }).catch(typed)
  await acquired?.manifest.close().catch(typed)
}

/** The last commit that was acknowledged is there, or one after it, and commits go on. */
export async function checkLong(files: FaultFiles, known: Known<number>, ledger: Ledger<number>): Promise<void> {
  const { manifest } = await own(files, 99)
  const found = commitsIn(manifest.state.histories)
  const acknowledged = Math.max(0, ...known.acknowledged)
  must(found >= acknowledged, () => `lost: commit ${acknowledged}, found ${found}`)
  must(found === 0 || known.attempted.includes(found), () => `found ${found}, which nobody committed`)
  ledger.shown(known.attempted.filter((commits) => commits <= found))
  ledger.attempt(found + 1)
  await manifest.append(longRecord(found + 1, manifest))
  ledger.acknowledge(found + 1)
  await manifest.append({ type: 'closed', partitions: [] })
  await manifest.close()
  const again = await own(files, 98)
  mustEqual(commitsIn(again.manifest.state.histories), found + 1, 'commits after another takeover')
  const owners = again.manifest.state.histories?.flatMap(({ groups }) => groups.map(({ epoch }) => epoch))
  must(owners?.includes(manifest.epoch) === false, () => `files of ${manifest.epoch}, which closed: ${owners}`)
  await again.manifest.close()
}

/** How many commits make the histories of a state. @throws {ScenarioFailure} when none do. */
function commitsIn(histories: readonly HistoryRow[] | undefined): number {
  const [row] = histories ?? []
  if (row === undefined) return 0
  const text = textOf(row)
  for (let commits = 1; commits <= 5 * COMMITS; commits++) if (textOf(historyAfter(commits)) === text) return commits
  must(false, () => `a history that nobody committed: ${text}`)
}

/** All but whose files they are, and whether they were copied. */
function textOf(row: HistoryRow): string {
  return plain({ ...row, groups: row.groups.map(({ epoch: _, file: __, ...group }) => group) })
}

function own(files: FaultFiles, seed: number) {
  const storage = faultStorage(files)
  const random = seededRandom(seed)
  return acquire({ storage, clock: new ManualClock(), random, takeOver: false, lockTimeoutMs: 0, longBytes: 1 })
}

function typed(error: unknown): undefined {
  must(isVarveError(error), () => `not a VarveError: ${error instanceof Error ? error.stack : String(error)}`)
}
