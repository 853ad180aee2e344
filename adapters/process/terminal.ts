/** The terminal of a process, through `node:process` and `node:fs`, which Node, Deno and Bun all have.
 * @module */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import process from 'node:process'
import { VarveError } from '../../src/errors.ts'
import { OutputClosed, type Terminal } from '../../src/ports/terminal.ts'
import { errnoOf, storageError } from '../files/errors.ts'

const COLUMNS_DEFAULT = 80
const READ_BYTES = 256 * 1024
/** Nobody reads the other end of the pipe. */
const CLOSED_CODES: ReadonlySet<string> = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'ECONNRESET'])

/** The terminal of this process.
 * @param interrupted aborted at the first SIGINT or SIGTERM; ends the reading of standard input. */
export function processTerminal(interrupted: AbortSignal): Terminal {
  const { stdout, stderr } = process
  // Failed writes are told to the writer; without a listener they would end the process as well.
  stdout.on('error', () => undefined)
  stderr.on('error', () => undefined)
  return {
    write: (text) => write(stdout, text),
    writeError(text) {
      stderr.write(text)
    },
    get input() {
      return standardInput(interrupted)
    },
    get inputIsTerminal() {
      return process.stdin.isTTY === true
    },
    outputIsTerminal: stdout.isTTY === true,
    errorIsTerminal: stderr.isTTY === true,
    get columns() {
      return (stdout.isTTY ? stdout.columns : stderr.columns) || COLUMNS_DEFAULT
    },
    env: (name) => process.env[name],
    openFile,
    interrupted,
  }
}

function write(stream: NodeJS.WriteStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error === undefined || error === null) resolve()
      else if (CLOSED_CODES.has(errnoOf(error))) reject(new OutputClosed())
      else reject(storageError('write to', 'standard output', error))
    })
  })
}

/** @throws the signal's reason when interrupted. */
async function* standardInput(interrupted: AbortSignal): AsyncGenerator<Uint8Array> {
  const { stdin } = process
  const stop = () => stdin.destroy(interrupted.reason)
  interrupted.addEventListener('abort', stop, { once: true })
  try {
    yield* stdin as AsyncIterable<Uint8Array>
    interrupted.throwIfAborted()
  } catch (error) {
    throw interrupted.aborted ? interrupted.reason : storageError('read', 'standard input', error)
  } finally {
    interrupted.removeEventListener('abort', stop)
  }
}

async function openFile(path: string): Promise<{ sizeBytes: number; bytes: AsyncIterable<Uint8Array> }> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw new VarveError('OPTION_INVALID', `Cannot read "${path}": it is a directory`)
    return { sizeBytes: found.isFile() ? found.size : 0, bytes: fileBytes(path) }
  } catch (error) {
    throw storageError('read', path, error)
  }
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: READ_BYTES })
  } catch (error) {
    throw storageError('read', path, error)
  }
}
