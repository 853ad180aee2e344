/** Copying one file, reading and writing at the same time.
 * @module */
import { VarveError } from '../errors.ts'
import type { ReadHandle, WriteHandle } from '../ports/storage.ts'

/** Large enough that calls do not count, small enough that others have a turn in between. */
const PIECE_BYTES = 1024 * 1024

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
  const { position = 0, sizeBytes = Number.POSITIVE_INFINITY, onBytes } = options
  const pieces: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)]
  const readInto = async (done: number, at: 0 | 1) => {
    const wanted = Math.min(PIECE_BYTES, sizeBytes - done)
    if (pieces[at].length < wanted) pieces[at] = new Uint8Array(wanted)
    const piece = pieces[at].subarray(0, wanted)
    return piece.subarray(0, wanted === 0 ? 0 : await source.read(position + done, piece))
  }
  const read = (done: number, at: 0 | 1) => {
    const reading = readInto(done, at)
    // It may fail while a write is waited for, before anybody waits for it.
    reading.catch(() => undefined)
    return reading
  }
  let done = 0
  let at: 0 | 1 = 0
  let next = read(0, at)
  try {
    for (;;) {
      const piece = await next
      if (piece.length === 0) break
      at = at === 0 ? 1 : 0
      next = read(done + piece.length, at)
      await target.append(piece)
      done += piece.length
      onBytes?.(piece.length)
    }
  } finally {
    // Nobody reads into a file that is closed; a failure that ended the loop is the one to be told.
    await next.catch(() => undefined)
  }
  if (done < sizeBytes && sizeBytes !== Number.POSITIVE_INFINITY) throw tooShort(source.path, position + done)
  return done
}

function tooShort(file: string, position: number): VarveError {
  const reason = 'it ends before its known end'
  return new VarveError('SEGMENT_DAMAGED', `Cannot copy "${file}": ${reason}`, { details: { file, position, reason } })
}
