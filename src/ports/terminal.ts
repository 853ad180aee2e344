/** The terminal port: what a command sees of the place where a person (or a script) runs it.
 * @module */

/** The reader of standard output went away, as `head` does: no failure, there is only nobody left to write to. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

export interface Terminal {
  /** Write text, or bytes as they are, to standard output. Resolves when the reader took it, so that output is never
   * buffered without bound.
   * @throws {OutputClosed} when nobody reads any more. */
  write(text: string | Uint8Array): Promise<void>
  /** Write to standard error: progress, notes and errors, never data. */
  writeError(text: string): void
  /** Standard input as bytes. */
  readonly input: AsyncIterable<Uint8Array>
  /** Standard input is a keyboard rather than a pipe or a file. */
  readonly inputIsTerminal: boolean
  readonly outputIsTerminal: boolean
  readonly errorIsTerminal: boolean
  /** Columns of the terminal, 80 when unknown. */
  readonly columns: number
  /** Environment variables. */
  env(name: string): string | undefined
  /** Open a file named by the person on the command line. @throws `FILE_MISSING`, `STORAGE_DENIED`. */
  openFile(path: string): Promise<{ readonly sizeBytes: number; readonly bytes: AsyncIterable<Uint8Array> }>
  /** Aborted at the first interrupt (SIGINT or SIGTERM). */
  readonly interrupted: AbortSignal
}
