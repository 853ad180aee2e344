/** `varve verify`: check every byte of a store. Never writes. @module */
import type { VerifyReport } from '../store/types.ts'
import { verifyStorage } from '../store/verify.ts'
import { type Command, directoryOf } from './context.ts'
import { clean, count, counted, elapsed, jsonLine, size } from './output.ts'
import { Progress } from './progress.ts'

export const verify: Command = {
  name: 'verify',
  usage: '',
  summary: 'Check every byte of the store; exit code 3 when something is damaged',
  options: {},
  notes: [
    'It only reads, works beside a running server, and on a store that is too damaged to open. Problems of files that',
    'can be rebuilt are listed, but are no damage. It ends by saying what it did not look at.',
  ],
  examples: [
    ['varve verify --data ./varve-data', 'Check a store'],
    ['varve verify --json > report.json || echo damaged', 'Keep the report, act on the exit code'],
  ],
  async run(args, context) {
    args.atMost(0)
    const { terminal } = context
    const progress = new Progress('verify', context)
    const report = await verifyStorage({
      storage: context.storage(directoryOf(args)),
      clock: context.clock,
      signal: terminal.interrupted,
      onProgress: ({ doneBytes, totalBytes }) => progress.update({ done: doneBytes, total: totalBytes }),
    }).finally(() => progress.end())
    await terminal.write(args.flag('json') ? jsonLine(report) : reportText(report, directoryOf(args)))
    return report.ok ? 0 : 3
  },
}

function reportText(report: VerifyReport, directory: string): string {
  const { filesChecked, bytesChecked, eventsChecked, problems, unknownFiles, notChecked, durationMs, ok } = report
  const lines = problems.map(({ damage, file, position, message, code }) => {
    const where = position === undefined ? clean(file) : `${clean(file)} at byte ${count(position)}`
    return `${damage ? 'DAMAGE' : 'note'}  ${where}: ${clean(message)} (${code})`
  })
  for (const file of unknownFiles) lines.push(`note  ${clean(file)}: not a file of the store, left alone`)
  const damaged = problems.filter(({ damage }) => damage).length
  const what = `${counted(eventsChecked, 'event')}, ${counted(filesChecked, 'file')}, ${size(bytesChecked)}`
  const verdict = ok ? 'No damage found' : `${counted(damaged, 'damaged place')} found`
  lines.push(`${verdict} in ${clean(directory)}: checked ${what} in ${elapsed(durationMs)}`)
  for (const sentence of notChecked) lines.push(`Not checked: ${sentence}`)
  if (!ok) lines.push('What is damaged comes back from a backup; everything else stays readable.')
  return `${lines.join('\n')}\n`
}
