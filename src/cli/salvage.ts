/** Reading a damaged store: what `--salvage` opens, and what it tells of the gaps. @module */
import type { Store } from '../store/types.ts'
import type { OptionSpecs } from './arguments.ts'
import type { CliContext, ExitCode } from './context.ts'
import { clean, count, counted } from './output.ts'

export const SALVAGE_OPTION: OptionSpecs = {
  salvage: { help: 'Open a damaged store as far as it can be read; gaps on standard error, then exit code 1' },
}

/** What salvage says of a document that has no complete file, and of a history of which not all can be read. */
const LOST_DOCUMENT = /^documents\/([^/]+): (.*)$/s
const DAMAGED_HISTORY = /^histories\/([^/:]+)(?:\/([^:]+))?: (.*)$/s

/** Tell the gaps of a salvaged store, and what it lost of documents and histories, one per line.
 * @returns 1 if there are any, else 0. */
export function tellGaps({ openReport }: Store, { terminal }: CliContext): ExitCode {
  const { gaps, ignored } = openReport
  for (const { topic, partition, from, to, file, reason } of gaps) {
    const where = partition === 0 ? clean(topic) : `${clean(topic)}, partition ${partition}`
    const what = from < to ? `offsets ${count(from)} to ${count(to - 1)}` : `from offset ${count(from)} on`
    terminal.writeError(`varve: gap in ${where}: ${what} cannot be read: ${clean(reason)} (${clean(file)})\n`)
  }
  let documents = 0
  const histories = new Set<string>()
  for (const note of ignored) {
    const [, document, lost] = LOST_DOCUMENT.exec(note) ?? []
    if (document !== undefined && lost !== undefined) {
      documents++
      terminal.writeError(`varve: document ${clean(document)} cannot be read: ${clean(lost)}\n`)
    }
    const [, history, file, reason] = DAMAGED_HISTORY.exec(note) ?? []
    if (history === undefined || reason === undefined) continue
    histories.add(history)
    const where = file === undefined ? clean(history) : `${clean(history)}, file ${clean(file)}`
    terminal.writeError(`varve: history ${where}: ${clean(reason)}\n`)
  }
  const damaged = histories.size === 1 ? 'damaged history' : 'damaged histories'
  const parts = [
    gaps.length > 0 && counted(gaps.length, 'gap'),
    documents > 0 && counted(documents, 'lost document'),
    histories.size > 0 && `${count(histories.size)} ${damaged}`,
  ].filter((part) => part !== false)
  if (parts.length > 0) terminal.writeError(`varve: salvaged, with ${parts.join(' and ')}\n`)
  return parts.length > 0 ? 1 : 0
}
