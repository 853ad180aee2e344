/** `varve history verify`: rebuild every version of histories, and compare it with its hash. @module */
import { isVarveError } from '../errors.ts'
import type { HistoryReport, HistoryStats } from '../history/types.ts'
import type { Histories } from '../store/types.ts'
import { type CliContext, type Command, type ExitCode, openForReading, withStore } from './context.ts'
import { clean, count, counted, elapsed, jsonLine, size } from './output.ts'
import { Progress } from './progress.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

const VERSIONS_SHOWN = 20

export const historyVerify: Command = {
  name: 'history verify',
  usage: '[NAME...]',
  summary: 'Rebuild every version of histories and check its hash; exit code 3 when something is damaged',
  options: { ...SALVAGE_OPTION },
  notes: [
    'Without NAME all histories are checked. It only reads, and works beside a running server. `varve verify` checks',
    'histories and everything else.',
  ],
  examples: [
    ['varve history verify', 'Check all histories'],
    ['varve history verify board-7 --json || echo damaged', 'Check one, act on the exit code'],
  ],
  run(args, context) {
    const names: string[] = []
    for (let name = args.at(0); name !== undefined; name = args.at(names.length)) names.push(name)
    const startedAt = context.clock.monotonic()
    return withStore(openForReading(args, context), async (store): Promise<ExitCode> => {
      const { histories } = store
      const all = await histories.list()
      const stats: HistoryStats[] = []
      for (const name of new Set(names))
        stats.push(all.find(({ history }) => history === name) ?? (await (await histories.open(name)).stats()))
      const checked = await check(histories, names.length > 0 ? stats : all, context)
      const ok = checked.every((one) => one.ok)
      const durationMs = Math.round(context.clock.monotonic() - startedAt)
      const json = { ok, histories: checked, durationMs }
      await context.terminal.write(args.flag('json') ? jsonLine(json) : reportText(checked, durationMs))
      const gaps = tellGaps(store, context)
      return ok ? gaps : 3
    })
  },
}

type Checked = HistoryReport & { readonly history: string }

async function check(histories: Histories, stats: readonly HistoryStats[], context: CliContext): Promise<Checked[]> {
  const progress = new Progress('verify', context)
  const { interrupted: signal } = context.terminal
  const total = stats.reduce((sum, { storedBytes }) => sum + storedBytes, 0)
  const checked: Checked[] = []
  let before = 0
  try {
    for (const { history: name, storedBytes } of stats) {
      const onProgress = ({ doneBytes }: { doneBytes: number }) => progress.update({ done: before + doneBytes, total })
      const report = await verifyOne(histories, name, { signal, onProgress })
      checked.push({ history: name, ...report })
      before += storedBytes
    }
  } finally {
    progress.end()
  }
  return checked
}

/** What is too damaged to begin with must not keep the others from being checked. */
async function verifyOne(
  histories: Histories,
  name: string,
  options: { signal: AbortSignal; onProgress: (progress: { doneBytes: number }) => void },
): Promise<HistoryReport> {
  try {
    return await (await histories.open(name)).verify(options)
  } catch (error) {
    if (!isVarveError(error) || error.kind !== 'corrupt') throw error
    const { file = '' } = error.details as { file?: string }
    const problems = [{ code: error.code, message: error.message, file }]
    return { ok: false, versionsChecked: 0, bytesChecked: 0, damaged: [], problems }
  }
}

function reportText(checked: readonly Checked[], durationMs: number): string {
  const lines = checked.flatMap(({ problems }) =>
    problems.map(({ code, message, file, position }) => {
      const where = position === undefined ? clean(file) : `${clean(file)} at byte ${count(position)}`
      return `DAMAGE  ${where}: ${clean(message)} (${code})`
    }),
  )
  for (const { history, damaged } of checked)
    if (damaged.length > 0) lines.push(`Cannot be read of ${clean(history)}: ${versionsText(damaged)}`)
  const bad = checked.filter(({ ok }) => !ok).length
  const verdict =
    bad === 0 ? 'No damage found' : `Damage found in ${bad === 1 ? '1 history' : `${count(bad)} histories`}`
  const versions = checked.reduce((sum, { versionsChecked }) => sum + versionsChecked, 0)
  const bytes = checked.reduce((sum, { bytesChecked }) => sum + bytesChecked, 0)
  const histories = checked.length === 1 ? '1 history' : `${count(checked.length)} histories`
  lines.push(
    `${verdict}: checked ${histories}, ${counted(versions, 'version')}, ${size(bytes)} in ${elapsed(durationMs)}`,
  )
  if (bad > 0) lines.push('What is damaged comes back from a backup; other versions stay readable.')
  return `${lines.join('\n')}\n`
}

function versionsText(versions: readonly number[]): string {
  const shown = versions.slice(0, VERSIONS_SHOWN).map(count).join(', ')
  const more = versions.length > VERSIONS_SHOWN ? ` and ${count(versions.length - VERSIONS_SHOWN)} more` : ''
  return `${versions.length === 1 ? 'version' : 'versions'} ${shown}${more}`
}
