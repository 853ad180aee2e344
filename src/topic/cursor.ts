/** Cursors: where a page or a tail goes on, as opaque text that names its topic by lineage.
 *
 * Form: base64url of JSON `[1, lineage, direction, [[partition, offset], ...]]`. Forwards the offset is the next one to
 * read; backwards it is the one before which to read.
 * @module */
import { VarveError } from '../errors.ts'

export interface CursorPlace {
  readonly direction: 'forward' | 'backward'
  /** By partition; partitions that are not named begin at their start (forwards) or end (backwards). */
  readonly offsets: ReadonlyMap<number, number>
}

/** Make the text of a cursor. */
export function encodeCursor(lineage: string, place: CursorPlace): string {
  const json = JSON.stringify([1, lineage, place.direction === 'forward' ? 'f' : 'b', [...place.offsets]])
  return btoa(json).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** @throws {VarveError} `CURSOR_INVALID`, or `CURSOR_FOREIGN` for another topic or store. */
export function decodeCursor(cursor: unknown, lineage: string): CursorPlace {
  const parsed = parse(cursor)
  if (!Array.isArray(parsed) || parsed.length !== 4 || parsed[0] !== 1) throw invalidCursor()
  const [, from, direction, pairs] = parsed
  if (from !== lineage)
    throw new VarveError('CURSOR_FOREIGN', 'Cannot continue here: the cursor belongs to another topic')
  if ((direction !== 'f' && direction !== 'b') || !Array.isArray(pairs)) throw invalidCursor()
  const offsets = new Map<number, number>()
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) throw invalidCursor()
    const [partition, offset] = pair
    if (!Number.isSafeInteger(partition) || !Number.isSafeInteger(offset) || partition < 0 || offset < 0)
      throw invalidCursor()
    offsets.set(partition, offset)
  }
  return { direction: direction === 'f' ? 'forward' : 'backward', offsets }
}

function parse(cursor: unknown): unknown {
  if (typeof cursor !== 'string' || cursor.length > 65_536 || !/^[A-Za-z0-9_-]+$/.test(cursor)) throw invalidCursor()
  try {
    return JSON.parse(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')))
  } catch {
    throw invalidCursor()
  }
}

function invalidCursor(): VarveError {
  return new VarveError('CURSOR_INVALID', 'Cannot read the cursor')
}
