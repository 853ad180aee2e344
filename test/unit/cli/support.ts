/** The command line without a process: a terminal that keeps what is written, storages in memory by directory.
 * @module */
import { parseArgs } from 'node:util'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { type CliContext, type ExitCode, type OpenSqlite, runCli, type ServeOptions } from '../../../src/cli/index.ts'
import { VarveError } from '../../../src/index.ts'
import { type Clock, systemClock } from '../../../src/ports/clock.ts'
import { systemRandom } from '../../../src/ports/random.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { OutputClosed, type Terminal } from '../../../src/ports/terminal.ts'

export interface Ran {
  readonly exitCode: ExitCode
  readonly output: string
  readonly errors: string
}

interface Shown {
  readonly pieces: (string | Uint8Array)[]
  errors: string
}

export interface RunOptions {
  /** Standard input, in these pieces. */
  readonly input?: string | readonly Uint8Array[] | AsyncIterable<Uint8Array>
  readonly inputIsTerminal?: boolean
  readonly outputIsTerminal?: boolean
  readonly errorIsTerminal?: boolean
  /** Standard output takes this many writes, then nobody reads it. */
  readonly closedAfter?: number
  readonly env?: Readonly<Record<string, string>>
}

/** A machine with directories, files and secrets. */
export class Machine {
  readonly files = new Map<string, string>()
  /** Modules by path. */
  readonly modules = new Map<string, unknown>()
  readonly secrets = new Map<string, string>()
  readonly served: ServeOptions[] = []
  readonly closed: string[] = []
  clock: Clock = systemClock
  /** The SQLite of the runtime. */
  openSqlite: OpenSqlite | undefined
  /** Thrown by the next start of a server. */
  refusal: VarveError | undefined
  interrupted = new AbortController()
  readonly #storages = new Map<string, Storage>()

  /** The storage of a directory, always the same. */
  storage(directory: string): Storage {
    const known = this.#storages.get(directory) ?? memoryStorage()
    this.#storages.set(directory, known)
    return known
  }

  /** Run `varve` with these words. */
  async run(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const shown: Shown = { pieces: [], errors: '' }
    const exitCode = await runCli(words, this.#context(shown, options))
    return { exitCode, output: text(shown.pieces), errors: shown.errors }
  }

  /** Run `varve` with the words of a line, and expect it to be done. */
  async done(line: string, options: RunOptions = {}): Promise<string> {
    const ran = await this.run(line.split(' '), options)
    if (ran.exitCode !== 0) throw new Error(`varve ${line} ended with ${ran.exitCode}: ${ran.errors}`)
    return ran.output
  }

  #context(shown: Shown, options: RunOptions): CliContext {
    return {
      terminal: this.#terminal(shown, options),
      storage: (directory) => this.storage(directory),
      memory: () => memoryStorage(),
      parseArgs,
      clock: this.clock,
      random: systemRandom,
      openSqlite: this.openSqlite,
      createFile: async (path) => {
        if (this.files.has(path)) throw new VarveError('FILE_EXISTS', `Cannot write "${path}": it is there already`)
        const written: (string | Uint8Array)[] = []
        return {
          async write(piece) {
            written.push(typeof piece === 'string' ? piece : piece.slice())
          },
          finish: async () => void this.files.set(path, text(written)),
          discard: async () => undefined,
        }
      },
      importModule: async (path) => {
        const module = this.modules.get(path)
        if (module === undefined) throw new VarveError('FILE_MISSING', `Cannot read "${path}": it does not exist`)
        return module
      },
      version: '1.2.3',
      host: {
        readSecret: async (path) => this.secrets.get(path),
        createSecret: async (path, secret) => void this.secrets.set(path, secret),
        start: async (serve) => {
          if (this.refusal !== undefined) throw this.refusal
          this.served.push(serve)
          return { port: serve.port, newLoginCode: () => 'code', close: async () => void this.closed.push('server') }
        },
      },
    }
  }

  #terminal(shown: Shown, options: RunOptions): Terminal {
    const { files } = this
    let writes = 0
    return {
      async write(text) {
        if (writes++ === options.closedAfter) throw new OutputClosed()
        shown.pieces.push(typeof text === 'string' ? text : text.slice())
      },
      writeError(text) {
        shown.errors += text
      },
      input: pieces(options.input ?? ''),
      inputIsTerminal: options.inputIsTerminal ?? false,
      outputIsTerminal: options.outputIsTerminal ?? false,
      errorIsTerminal: options.errorIsTerminal ?? false,
      columns: 60,
      env: (name) => options.env?.[name],
      async openFile(path) {
        const text = files.get(path)
        if (text === undefined) throw new VarveError('FILE_MISSING', `Cannot read "${path}": it does not exist`)
        const bytes = new TextEncoder().encode(text)
        return { sizeBytes: bytes.length, bytes: pieces([bytes]) }
      },
      interrupted: this.interrupted.signal,
    }
  }
}

/** What was written, as text. Bytes that are no UTF-8 come out as replacement characters. */
function text(pieces: readonly (string | Uint8Array)[]): string {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const encoder = new TextEncoder()
  const parts = pieces.map((piece) =>
    decoder.decode(typeof piece === 'string' ? encoder.encode(piece) : piece, { stream: true }),
  )
  return parts.join('') + decoder.decode()
}

export async function* pieces(
  input: string | readonly Uint8Array[] | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (typeof input === 'string') yield new TextEncoder().encode(input)
  else yield* input
}

/** Lines of NDJSON, one per value. */
export function ndjson(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('')
}

/** Plain events numbered from 0 over `entities` entities. */
export function numbered(count: number, entities = 3): { kind: string; entity: string; data: { n: number } }[] {
  return Array.from({ length: count }, (_, n) => ({ kind: 'Counted', entity: `e-${n % entities}`, data: { n } }))
}
