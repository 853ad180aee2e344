/** `varve verify`: check every byte of a store. Never writes. @module */
import type { Storage } from '../ports/storage.ts'
import { SnapshotCatalogue } from '../snapshot/catalogue/catalogue.ts'
import type { VerifyOptions, VerifyReport } from '../store/types.ts'
import { verifyStorage } from '../store/verify.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type Command, directoryOf, openForReading, withStore } from './context.ts'
import { clean, count, counted, elapsed, jsonLine, size } from './output.ts'
import { Progress } from './progress.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

const NAMES_SHOWN = 10
/** Topic names have no colon. */
const HEAD = /^([^:]+)(?::(\d{1,4}))?:(\d{1,16}):([0-9a-f]{64})$/i
/** What stands for a document, and for a history, in a store. */
const FILES = { document: /^documents\/([^/]+)\//, history: /^histories\/([^/]+)\// }

export const verify: Command = {
  name: 'verify',
  usage: '',
  summary: 'Check every byte of the store; exit code 3 when something is damaged',
  options: {
    head: {
      value: 'TOPIC:OFFSET:HASH',
      help: 'The log must hold this hash at this end offset (or TOPIC:PARTITION:OFFSET:HASH)',
    },
    ...SALVAGE_OPTION,
  },
  notes: [
    'It only reads, works beside a running server, and on a store that is too damaged to open. Problems of files that',
    'can be rebuilt are listed, but are no damage. It names the damaged documents and histories, and ends by saying what',
    'it did not look at; `varve doc verify` and `varve history verify` check these alone.',
    'Without --head it shows that the log fits together; with the hash and endOffset of a receipt that was kept',
    'elsewhere also that the log up to there is the one that was acknowledged. --salvage lists what cannot be read.',
  ],
  examples: [
    ['varve verify --data ./varve-data', 'Check a store'],
    ['varve verify --head orders:1200:$HASH', 'Nobody rewrote what the receipt of offset 1,200 (exclusive) covers'],
    ['varve verify --json > report.json || echo damaged', 'Keep the report, act on the exit code'],
  ],
  async run(args, context) {
    args.atMost(0)
    const { terminal } = context
    const head = headOf(args)
    const progress = new Progress('verify', context)
    const report = await verifyStorage({
      storage: context.storage(directoryOf(args)),
      clock: context.clock,
      signal: terminal.interrupted,
      ...(head === undefined ? {} : { head }),
      onProgress: ({ doneBytes, totalBytes }) => progress.update({ done: doneBytes, total: totalBytes }),
    }).finally(() => progress.end())
    await terminal.write(
      args.flag('json')
        ? jsonLine({
            ...report,
            damagedDocuments: damaged(report, 'document'),
            damagedHistories: damaged(report, 'history'),
          })
        : reportText(report, directoryOf(args)),
    )
    if (!report.ok && !args.flag('json')) await terminal.write(await backupText(context.storage(directoryOf(args))))
    if (!args.flag('salvage')) return report.ok ? 0 : 3
    const gaps = await withStore(openForReading(args, context), async (store) => tellGaps(store, context))
    return report.ok ? gaps : 3
  },
}

function headOf(args: Arguments): VerifyOptions['head'] {
  const text = args.text('head')
  if (text === undefined) return undefined
  const [, topic, partition, offset, hash] = HEAD.exec(text) ?? []
  if (topic === undefined || offset === undefined || hash === undefined || !Number.isSafeInteger(Number(offset)))
    throw wrongUse(`Cannot use --head "${text}": write TOPIC:OFFSET:HASH, with the endOffset and hash of a receipt`)
  const place = partition === undefined ? {} : { partition: Number(partition) }
  return { topic, ...place, offset: Number(offset), hash: hash.toLowerCase() }
}

function reportText(report: VerifyReport, directory: string): string {
  const { problems, unknownFiles, notChecked, durationMs, ok } = report
  const lines = problems.map(({ damage, file, position, message, code }) => {
    const where = position === undefined ? clean(file) : `${clean(file)} at byte ${count(position)}`
    return `${damage ? 'DAMAGE' : 'note'}  ${where}: ${clean(message)} (${code})`
  })
  for (const file of unknownFiles) lines.push(`note  ${clean(file)}: not a file of the store, left alone`)
  const places = problems.filter(({ damage }) => damage).length
  const logs = `${counted(report.eventsChecked, 'event')}, ${counted(report.documentsChecked, 'document')}`
  const versions = counted(report.versionsChecked, 'version')
  const what = `${logs}, ${versions}, ${counted(report.filesChecked, 'file')}, ${size(report.bytesChecked)}`
  const verdict = ok ? 'No damage found' : `${counted(places, 'damaged place')} found`
  lines.push(`${verdict} in ${clean(directory)}: checked ${what} in ${elapsed(durationMs)}`)
  const [documents, histories] = [damaged(report, 'document'), damaged(report, 'history')]
  if (documents.length > 0) lines.push(`${counted(documents.length, 'damaged document')}: ${namesOf(documents)}`)
  if (histories.length > 0) {
    const those = histories.length === 1 ? 'damaged history' : 'damaged histories'
    lines.push(`${count(histories.length)} ${those}: ${namesOf(histories)}`)
  }
  for (const sentence of notChecked) lines.push(`Not checked: ${sentence}`)
  return `${lines.join('\n')}\n`
}

/** Where what is damaged comes back from. */
async function backupText(storage: Storage): Promise<string> {
  const [newest] = await new SnapshotCatalogue(storage).list().catch(() => [])
  if (newest === undefined) return 'What is damaged comes back from a backup; everything else stays readable.\n'
  const { id, timestamp } = newest
  return (
    'What is damaged comes back from a backup or a snapshot; everything else stays readable.\n' +
    `The newest snapshot is of ${new Date(timestamp).toISOString()}: \`varve snapshot verify ${id}\`, then ` +
    `\`varve snapshot restore ${id} --to DIR\`\n`
  )
}

/** Names of the documents, or histories, among what is damaged. */
function damaged({ problems }: VerifyReport, what: keyof typeof FILES): readonly string[] {
  const names = problems.map(({ damage, file }) => (damage ? FILES[what].exec(file)?.[1] : undefined))
  return [...new Set(names.filter((name) => name !== undefined))]
}

function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map(clean).join(', ')
  return names.length > NAMES_SHOWN ? `${shown} and ${count(names.length - NAMES_SHOWN)} more` : shown
}
