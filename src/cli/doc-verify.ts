/** `varve doc verify`: check every byte of documents, and that their indexes lead where they say. @module */
import type { DocumentReport, DocumentStat } from '../document/types.ts'
import { isVarveError } from '../errors.ts'
import type { Documents } from '../store/types.ts'
import { type CliContext, type Command, type ExitCode, openForReading, withStore } from './context.ts'
import { plainStat } from './doc.ts'
import { clean, count, counted, elapsed, jsonLine, size } from './output.ts'
import { Progress } from './progress.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

export const docVerify: Command = {
  name: 'doc verify',
  usage: '[NAME...]',
  summary: 'Check every byte of documents; exit code 3 when something is damaged',
  options: { ...SALVAGE_OPTION },
  notes: [
    'Without NAME all documents are checked: checksums, the sequence of events, and that the index leads where it says.',
    'It only reads, and works beside a running server. `varve verify` checks documents and everything else.',
  ],
  examples: [
    ['varve doc verify', 'Check all documents'],
    ['varve doc verify catalog --json || echo damaged', 'Check one, act on the exit code'],
  ],
  run(args, context) {
    const names: string[] = []
    for (let name = args.at(0); name !== undefined; name = args.at(names.length)) names.push(name)
    const startedAt = context.clock.monotonic()
    return withStore(openForReading(args, context), async (store): Promise<ExitCode> => {
      const { documents } = store
      const stats: DocumentStat[] = []
      for (const name of new Set(names)) stats.push(await documents.stat(name))
      const checked = await check(documents, names.length > 0 ? stats : await documents.list(), context)
      const ok = checked.every((one) => one.ok)
      const durationMs = Math.round(context.clock.monotonic() - startedAt)
      const text = args.flag('json')
        ? jsonLine({ ok, documents: checked, durationMs })
        : reportText(checked, durationMs)
      await context.terminal.write(text)
      const gaps = tellGaps(store, context)
      return ok ? gaps : 3
    })
  },
}

type Checked = DocumentStat & DocumentReport

async function check(documents: Documents, stats: readonly DocumentStat[], context: CliContext): Promise<Checked[]> {
  const progress = new Progress('verify', context)
  const { interrupted: signal } = context.terminal
  const total = stats.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const checked: Checked[] = []
  let before = 0
  try {
    for (const stat of stats) {
      const onProgress = ({ doneBytes }: { doneBytes: number }) => progress.update({ done: before + doneBytes, total })
      const report = await documents.verify(stat.name, { signal, onProgress }).catch(asReport)
      checked.push({ ...plainStat(stat), ...report })
      before += stat.sizeBytes
    }
  } finally {
    progress.end()
  }
  return checked
}

/** A file that is missing, or too damaged to begin with, must not keep the others from being checked. */
function asReport(error: unknown): DocumentReport {
  if (!isVarveError(error) || error.kind !== 'corrupt') throw error
  const problems = [{ code: error.code, message: error.message }]
  return { ok: false, bytesChecked: 0, valuesChecked: 0, problems }
}

function reportText(checked: readonly Checked[], durationMs: number): string {
  const lines = checked.flatMap(({ name, problems }) =>
    problems.map(({ code, message, position }) => {
      const where = position === undefined ? clean(name) : `${clean(name)} at byte ${count(position)}`
      return `DAMAGE  ${where}: ${clean(message)} (${code})`
    }),
  )
  const damaged = checked.filter(({ ok }) => !ok).length
  const verdict = damaged === 0 ? 'No damage found' : `Damage found in ${counted(damaged, 'document')}`
  const values = checked.reduce((sum, { valuesChecked }) => sum + valuesChecked, 0)
  const bytes = checked.reduce((sum, { bytesChecked }) => sum + bytesChecked, 0)
  const what = `${counted(checked.length, 'document')}, ${counted(values, 'value')}, ${size(bytes)}`
  lines.push(`${verdict}: checked ${what} in ${elapsed(durationMs)}`)
  if (damaged > 0) lines.push('What is damaged comes back from a backup; everything else stays readable.')
  return `${lines.join('\n')}\n`
}
