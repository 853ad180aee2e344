/** Reading a damaged store: what `--salvage` opens, and what it tells of the gaps. @module */
import type { Store } from '../store/types.ts'
import type { OptionSpecs } from './arguments.ts'
import type { CliContext, ExitCode } from './context.ts'
import { clean, count, counted } from './output.ts'

export const SALVAGE_OPTION: OptionSpecs = {
  salvage: { help: 'Open a damaged store as far as it can be read; gaps on standard error, then exit code 1' },
}

/** What salvage says of a document that has no complete file, and of a history that has none. */
const LOST = /^(documents|histories)\/([^/]+): (.*)$/s

/** Tell the gaps of a salvaged store and the documents and histories it lost, one per line.
 * @returns 1 if there are any, else 0. */
export function tellGaps({ openReport }: Store, { terminal }: CliContext): ExitCode {
  const { gaps, ignored } = openReport
  for (const { topic, partition, from, to, file, reason } of gaps) {
    const where = partition === 0 ? clean(topic) : `${clean(topic)}, partition ${partition}`
    const what = from < to ? `offsets ${count(from)} to ${count(to - 1)}` : `from offset ${count(from)} on`
    terminal.writeError(`varve: gap in ${where}: ${what} cannot be read: ${clean(reason)} (${clean(file)})\n`)
  }
  const lost = { documents: 0, histories: 0 }
  for (const note of ignored) {
    const [, root, name, reason] = LOST.exec(note) ?? []
    if (name === undefined || reason === undefined) continue
    lost[root === 'documents' ? 'documents' : 'histories']++
    const what = root === 'documents' ? 'document' : 'history'
    terminal.writeError(`varve: ${what} ${clean(name)} cannot be read: ${clean(reason)}\n`)
  }
  const parts = [
    gaps.length > 0 && counted(gaps.length, 'gap'),
    lost.documents > 0 && counted(lost.documents, 'lost document'),
    lost.histories > 0 && (lost.histories === 1 ? '1 lost history' : `${count(lost.histories)} lost histories`),
  ].filter((part) => part !== false)
  if (parts.length > 0) terminal.writeError(`varve: salvaged, with ${parts.join(' and ')}\n`)
  return parts.length > 0 ? 1 : 0
}
