/** What the binaries of all runtimes share: signals, exit codes, and the last resort.
 * @module */
import process from 'node:process'
import { parseArgs } from 'node:util'
import pkg from '../../package.json' with { type: 'json' }
import { type OpenSqlite, runCli } from '../../src/cli/index.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { systemRandom } from '../../src/ports/random.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { memoryStorage } from '../memory/index.ts'
import { importModule } from './import-module.ts'
import { createFile } from './output-file.ts'
import { type Listen, serverHost } from './server.ts'
import { processTerminal } from './terminal.ts'

const EXIT_SECOND_SIGNAL = 130
/** An internal software error, as sysexits.h has it. */
const EXIT_BROKEN = 70
const FOREVER_MS = 2 ** 30

/** Run the command line of this process, and end the process with its exit code. */
export async function runProcess(runtime: {
  storage: (directory: string) => Storage
  listen: Listen
  openSqlite: OpenSqlite
}): Promise<void> {
  const interrupted = endOnSignals()
  endOnFaults()
  // Timers of the core let a process end, but a command that waits for a lock or for news is not done.
  setInterval(() => undefined, FOREVER_MS)
  const terminal = processTerminal(interrupted)
  const exitCode = await runCli(process.argv.slice(2), {
    terminal,
    storage: runtime.storage,
    memory: () => memoryStorage(),
    parseArgs,
    clock: systemClock,
    random: systemRandom,
    version: pkg.version,
    host: serverHost(runtime.listen),
    createFile,
    importModule,
    openSqlite: runtime.openSqlite,
  })
  await flushed(process.stderr)
  process.exit(exitCode)
}

/** The first signal asks, the second one ends. */
function endOnSignals(): AbortSignal {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(EXIT_SECOND_SIGNAL)
    controller.abort(new Error('Interrupted'))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return controller.signal
}

/** A fault that nothing caught leaves the process in an unknown state, so nothing more is written: acknowledged events
 * are on the disk, and the next open recovers. */
function endOnFaults(): void {
  const onFault = (error: unknown) => {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    process.stderr.write(`varve: internal error, ending at once: ${JSON.stringify(message)}\n`)
    if (process.env.VARVE_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    process.exit(EXIT_BROKEN)
  }
  process.on('uncaughtException', onFault)
  process.on('unhandledRejection', onFault)
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
