/** Checking the histories of a store: every version is rebuilt and compared with its hash.
 * @module */
import { isVarveError } from '../errors.ts'
import { GroupFile } from '../history/group/group-file.ts'
import { verifyGroup } from '../history/group/verify.ts'
import { findHistory, type GroupRow, type HistoryRow, type ManifestState } from '../manifest/index.ts'
import { HISTORY_FILES } from '../manifest/stored-paths.ts'
import { looseGroup } from './salvage-histories.ts'
import type { VerifyProblem } from './types.ts'
import type { VerifyRun } from './verify-run.ts'
import { storedFiles } from './verify-stored.ts'

/** A history whose files are replaced as often as this while it is checked is left out. */
const ATTEMPTS = 3

/** Where a group is said to be. */
interface Place {
  readonly history: string
  readonly storeId: string
}

/** Announce the files of histories. */
export function planHistories(run: VerifyRun, { histories = [] }: ManifestState): void {
  for (const { name, groups } of histories)
    for (const { file, endBytes } of groups) run.plan(HISTORY_FILES.path(name, file), endBytes)
}

/** Check every history of a state.
 * @param now the state by now: a file that was replaced meanwhile is no loss. */
export async function checkHistories(
  run: VerifyRun,
  state: ManifestState,
  now: () => Promise<ManifestState | undefined>,
): Promise<void> {
  for (const row of state.histories ?? []) await checkHistory(run, row, { storeId: state.storeId, now })
}

async function checkHistory(
  run: VerifyRun,
  first: HistoryRow,
  { storeId, now }: { readonly storeId: string; readonly now: () => Promise<ManifestState | undefined> },
): Promise<void> {
  const { name, createdAt } = first
  const directory = HISTORY_FILES.directory(name)
  const checked = new Set<string>()
  let beyondBytes = 0
  let row: HistoryRow | undefined = first
  for (let attempt = 1; attempt <= ATTEMPTS && row !== undefined; attempt++) {
    let replaced: HistoryRow | undefined
    for (const group of row.groups) {
      if (checked.has(group.file)) continue
      const problems = await problemsOf(run, group, { history: name, storeId })
      const newest = problems.length === 0 ? row : await historyNow(now, row)
      // Deleted.
      if (newest?.createdAt !== createdAt) return
      if (newest.groups.some(({ file }) => file === group.file)) {
        checked.add(group.file)
        const sizeBytes = await run.sizeOf(HISTORY_FILES.path(name, group.file))
        beyondBytes += Math.max(0, (sizeBytes ?? 0) - group.endBytes)
        for (const problem of problems) run.problem(problem)
      } else replaced = newest
    }
    if (replaced === undefined) {
      const what = 'bytes behind the ends of its groups, of appends that did not come to their end'
      if (beyondBytes > 0) run.leaveOut(`${directory}: ${what}: ${beyondBytes}.`)
      return
    }
    row = replaced
  }
  run.leaveOut(`${directory}: files of the history were replaced as often as it was checked.`)
}

async function historyNow(
  now: () => Promise<ManifestState | undefined>,
  row: HistoryRow,
): Promise<HistoryRow | undefined> {
  const state = await now()
  return state === undefined ? row : findHistory(state.histories, row.name)
}

/** What is wrong with the file of a group. */
async function problemsOf(run: VerifyRun, row: GroupRow, { history, storeId }: Place): Promise<VerifyProblem[]> {
  const path = HISTORY_FILES.path(history, row.file)
  const { storage, clock, digest } = run
  run.begin(path, row.endBytes)
  let file: GroupFile | undefined
  try {
    run.checkGoingOn()
    file = await GroupFile.open({ storage, clock, history, path, storeId, id: row.id }, row)
    const reached = async (bytes: number) => {
      run.reached(bytes)
      run.checkGoingOn()
      await run.giveWay()
    }
    const { problems, versionsChecked } = await verifyGroup(file, row, { digest, reached })
    run.versionsChecked += versionsChecked
    return problems.map((problem) => ({ ...problem, file: path, damage: true }))
  } catch (error) {
    run.checkGoingOn()
    if (!isVarveError(error) || error.retryable || error.kind === 'closed') throw error
    return [{ code: error.code, message: error.message, file: path, damage: true }]
  } finally {
    run.finish()
    await file?.close()
  }
}

/** Check every file in the directories of histories by what it says itself, when no manifest says what counts. */
export async function checkLooseHistories(run: VerifyRun): Promise<void> {
  let unreadable = 0
  for await (const { name, id, path } of storedFiles(run, HISTORY_FILES)) {
    await run.about(path, async () => {
      const group = await looseGroup(run, { history: name, file: id })
      if (group === undefined) unreadable++
      else for (const problem of await problemsOf(run, group.row, { history: name, storeId: '' })) run.problem(problem)
    })
  }
  if (unreadable > 0) run.leaveOut(`histories: files whose beginning is not complete: ${unreadable}.`)
}
