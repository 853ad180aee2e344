/** Cursors of queries over a history: opaque text that says where to go on.
 *
 * Form: base64url of JSON `[1, history, direction, version]`; the version is the next one to look at.
 * @module */
import { VarveError } from '../../errors.ts'

export interface QueryPlace {
  readonly direction: 'forward' | 'backward'
  /** First version to look at. */
  readonly version: number
}

/** Make the text of a cursor. @param history names the history among all, also those deleted before it. */
export function encodeQueryCursor(history: string, place: QueryPlace): string {
  const json = JSON.stringify([1, history, place.direction === 'forward' ? 'f' : 'b', place.version])
  return btoa(json).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** @throws {VarveError} `CURSOR_INVALID`, or `CURSOR_FOREIGN` for one of another history. */
export function decodeQueryCursor(cursor: unknown, history: string): QueryPlace {
  const parsed = parse(cursor)
  if (!Array.isArray(parsed) || parsed.length !== 4 || parsed[0] !== 1) throw invalid()
  const [, from, direction, version] = parsed
  if (from !== history)
    throw new VarveError('CURSOR_FOREIGN', 'Cannot continue here: the cursor belongs to another history')
  if ((direction !== 'f' && direction !== 'b') || !Number.isSafeInteger(version) || version < 0) throw invalid()
  return { direction: direction === 'f' ? 'forward' : 'backward', version }
}

function parse(cursor: unknown): unknown {
  if (typeof cursor !== 'string' || cursor.length > 4_096 || !/^[A-Za-z0-9_-]+$/.test(cursor)) throw invalid()
  try {
    return JSON.parse(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')))
  } catch {
    throw invalid()
  }
}

function invalid(): VarveError {
  return new VarveError('CURSOR_INVALID', 'Cannot read the cursor')
}
