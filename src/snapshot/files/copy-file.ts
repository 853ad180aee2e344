/** Copying one file, reading and writing at the same time.
 * @module */
import { VarveError } from '../../errors.ts'
import type { ReadHandle, WriteHandle } from '../../ports/storage.ts'

/** Large enough that calls do not count, small enough that others have a turn in between. */
const PIECE_BYTES = 1024 * 1024

const NOTHING = new Uint8Array(0)

export interface CopyOptions {
  /** Where to begin in the source; default 0. */
  readonly position?: number
  /** How many bytes; default as many as there are. */
  readonly sizeBytes?: number
  /** Called after each piece. What it throws ends the copy. */
  readonly onBytes?: (bytes: number) => void
}

/** Append bytes of one file to another; nothing is synced.
 * @returns how many.
 * @throws {VarveError} `SEGMENT_DAMAGED` when there are fewer than asked for, and what the storages throw. */
export async function copyFile(source: ReadHandle, target: WriteHandle, options: CopyOptions): Promise<number> {
  const { position = 0, onBytes } = options
  const sizeBytes = options.sizeBytes ?? Math.max(0, (await source.size()) - position)
  const pieces = [new Uint8Array(Math.min(PIECE_BYTES, sizeBytes)), undefined]
  const readInto = async (done: number, turn: number) => {
    if (done >= sizeBytes) return NOTHING
    const into = pieces[turn % 2] ?? new Uint8Array(PIECE_BYTES)
    pieces[turn % 2] = into
    const piece = into.subarray(0, Math.min(into.length, sizeBytes - done))
    return piece.subarray(0, await source.read(position + done, piece))
  }
  const read = (done: number, turn: number) => {
    const reading = readInto(done, turn)
    // It may fail while a write is waited for, before anybody waits for it.
    reading.catch(() => undefined)
    return reading
  }
  let done = 0
  let next = read(0, 0)
  try {
    for (let turn = 1; done < sizeBytes; turn++) {
      const piece = await next
      if (piece.length === 0) throw tooShort(source.path, position + done)
      next = read(done + piece.length, turn)
      await target.append(piece)
      done += piece.length
      onBytes?.(piece.length)
    }
  } finally {
    // Nobody reads from a file that is closed; a failure that ended the loop is the one to be told.
    await next.catch(() => undefined)
  }
  return done
}

function tooShort(file: string, position: number): VarveError {
  const reason = 'it ends before its known end'
  return new VarveError('SEGMENT_DAMAGED', `Cannot copy "${file}": ${reason}`, { details: { file, position, reason } })
}
