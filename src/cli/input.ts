/** The input of a command: a file that is named, or standard input. @module */
import { wrongUse } from './arguments.ts'
import type { CliContext } from './context.ts'

export interface Input {
  readonly bytes: AsyncIterable<Uint8Array>
  /** Where known: that of the file. */
  readonly sizeBytes?: number
}

/** Open a file, or standard input for `-` or where nothing is named.
 * @param typed what a person would type there.
 * @throws {VarveError} `OPTION_INVALID` when nothing is named and standard input is a keyboard; `FILE_MISSING`. */
export async function openInput(
  file: string | undefined,
  { terminal }: CliContext,
  typed: 'events' | 'JSON',
): Promise<Input> {
  if (file !== undefined && file !== '-') return terminal.openFile(file)
  if (terminal.inputIsTerminal && file === undefined)
    throw wrongUse(
      `Missing FILE: standard input is a keyboard; name a file, pipe into varve, or give - to type ${typed}`,
    )
  return { bytes: terminal.input }
}
