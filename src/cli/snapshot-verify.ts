/** `varve snapshot verify` and `drill`: whether snapshots are whole, and whether one can be restored. @module */
import { isVarveError } from '../errors.ts'
import type { DrillReport, SnapshotInfo, SnapshotReport } from '../snapshot/types.ts'
import { wrongUse } from './arguments.ts'
import { type CliContext, type Command, directoryOf, type ExitCode } from './context.ts'
import { clean, counted, elapsed, jsonLine, size } from './output.ts'
import { Progress } from './progress.ts'
import { ID_NOTES, idOf, watched } from './snapshot.ts'
import { type ReadSnapshots, unlisted, withSnapshots } from './snapshot-place.ts'

const OTHERS = 'Other snapshots are unharmed, and so is the store; take a new one.'

export const snapshotVerify: Command = {
  name: 'snapshot verify',
  usage: '[ID...]',
  summary: 'Check every byte of snapshots against their hashes; exit code 3 when one is damaged',
  options: {},
  notes: [...ID_NOTES, 'Without ID all are checked. It only reads, and works beside a running server.'],
  examples: [
    ['varve snapshot verify', 'Check all of them'],
    ['varve snapshot verify newest --json || echo damaged', 'Check one, act on the exit code'],
  ],
  run(args, context) {
    const words: string[] = []
    for (let word = args.at(0); word !== undefined; word = args.at(words.length)) words.push(word)
    const startedAt = context.clock.monotonic()
    return withSnapshots(args, context, async (snapshots): Promise<ExitCode> => {
      const all = await snapshots.list()
      const ids = await Promise.all(words.map((word) => idOf(word, async () => all)))
      const wanted = ids.length > 0 ? [...new Set(ids)] : all.map(({ id }) => id)
      const lost = ids.length > 0 ? [] : await unlisted(snapshots, context.storage(directoryOf(args)), all)
      const damaged = lost.map((error) => asReport(error, String(error.details.snapshot)))
      const checked = [...(await check(snapshots, { ids: wanted, all }, context)), ...damaged]
      const ok = checked.every((one) => one.ok)
      const durationMs = Math.round(context.clock.monotonic() - startedAt)
      const json = { ok, snapshots: checked, durationMs }
      await context.terminal.write(args.flag('json') ? jsonLine(json) : reportText(checked, durationMs))
      return ok ? 0 : 3
    })
  },
}

async function check(
  snapshots: ReadSnapshots,
  { ids, all }: { readonly ids: readonly string[]; readonly all: readonly SnapshotInfo[] },
  context: CliContext,
): Promise<SnapshotReport[]> {
  const progress = new Progress('verify', context)
  const { interrupted: signal } = context.terminal
  const sizes = new Map(all.map(({ id, totalSizeBytes }) => [id, totalSizeBytes]))
  const total = ids.reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0)
  const checked: SnapshotReport[] = []
  let before = 0
  try {
    for (const id of ids) {
      const onProgress = ({ doneBytes }: { doneBytes: number }) => progress.update({ done: before + doneBytes, total })
      checked.push(await snapshots.verify(id, { signal, onProgress }).catch((error) => asReport(error, id)))
      before += sizes.get(id) ?? 0
    }
  } finally {
    progress.end()
  }
  return checked
}

/** What is too damaged to begin with must not keep the others from being checked. */
function asReport(error: unknown, snapshot: string): SnapshotReport {
  if (!isVarveError(error) || error.kind !== 'corrupt') throw error
  const { file = '' } = error.details as { file?: string }
  const problems = [{ code: error.code, file, message: error.message }]
  return { snapshot, ok: false, filesChecked: 0, bytesChecked: 0, events: 0, problems, durationMs: 0 }
}

/** Of a whole snapshot there may be notes, on files that can be made again. */
function problemLines({ snapshot, ok, problems }: SnapshotReport): string[] {
  return problems.map(
    ({ code, file, message }) =>
      `${ok ? 'note' : 'DAMAGE'}  ${snapshot}${file === '' ? '' : `, ${clean(file)}`}: ${clean(message)} (${code})`,
  )
}

function reportText(checked: readonly SnapshotReport[], durationMs: number): string {
  const lines = checked.flatMap(problemLines)
  const bad = checked.filter(({ ok }) => !ok).length
  const verdict = bad === 0 ? 'No damage found' : `Damage found in ${counted(bad, 'snapshot')}`
  const sum = (field: 'events' | 'bytesChecked' | 'filesChecked') =>
    checked.reduce((total, one) => total + one[field], 0)
  const files = `${counted(sum('filesChecked'), 'file')}, ${size(sum('bytesChecked'))}`
  const what = `${counted(checked.length, 'snapshot')}, ${counted(sum('events'), 'event')}, ${files}`
  lines.push(`${verdict}: checked ${what} in ${elapsed(durationMs)}`)
  if (bad > 0) lines.push(OTHERS)
  return `${lines.join('\n')}\n`
}

export const snapshotDrill: Command = {
  name: 'snapshot drill',
  usage: 'ID',
  summary: 'Try a restore, and check what came out; exit code 3 when it is damaged',
  options: {
    to: { value: 'DIR', help: 'Restore into this empty directory, and leave it there' },
    memory: { help: 'Restore into memory; the snapshot must fit' },
  },
  notes: [
    ...ID_NOTES,
    'With neither, what a restore would read is checked, and nothing is written. It works beside a running server.',
  ],
  examples: [
    ['varve snapshot drill newest', 'Would it come back?'],
    ['varve snapshot drill newest --to /mnt/spare/drill', 'Bring it back, and say how long that took'],
  ],
  async run(args, context) {
    args.atMost(1)
    const word = args.required(0, 'ID')
    const directory = args.text('to')
    if (directory !== undefined && args.flag('memory')) throw wrongUse('Cannot use --to and --memory together')
    const to = directory !== undefined ? context.storage(directory) : args.flag('memory') ? context.memory() : undefined
    const { end, ...watching } = watched('drill', context)
    const report = await withSnapshots(args, context, async (snapshots) => {
      const id = await idOf(word, () => snapshots.list())
      const drill = snapshots.drill(id, { ...watching, ...(to === undefined ? {} : { to }) })
      return drill.catch((error): DrillReport => asReport(error, id))
    }).finally(end)
    await context.terminal.write(args.flag('json') ? jsonLine(report) : drillText(report, directory))
    return report.ok ? 0 : 3
  },
}

function drillText(report: DrillReport, directory: string | undefined): string {
  const { snapshot, ok, events, filesChecked, bytesChecked, restoreMs, durationMs, problems } = report
  const lines = problemLines(report)
  if (!ok) lines.push(`${snapshot} cannot be restored: ${counted(problems.length, 'damaged place')} found`, OTHERS)
  else if (restoreMs === undefined) lines.push(`${snapshot} can be restored`)
  else {
    const place = directory === undefined ? 'memory' : clean(directory)
    lines.push(`${snapshot} was restored to ${place} in ${elapsed(restoreMs)}, and what came out is whole`)
  }
  const files = `${counted(filesChecked, 'file')}, ${size(bytesChecked)}`
  lines.push(`Checked ${counted(events, 'event')}, ${files}; all of it took ${elapsed(durationMs)}`)
  return `${lines.join('\n')}\n`
}
