/** Cursors of listings of children: where the next one is, in one version of a document.
 * @module */
import { VarveError } from '../errors.ts'
import type { ChildCursor } from './children.ts'

const CURSOR = /^(\d{1,16})-(\d{1,16})-(\d{1,16})-([kv])$/

/** Text of a cursor. */
export function encodeCursor(version: number, { ordinal, address, isNamed }: ChildCursor): string {
  return `${version}-${ordinal}-${address}-${isNamed ? 'v' : 'k'}`
}

/** @throws {VarveError} `CURSOR_INVALID`. */
export function decodeCursor(cursor: string, version: number): ChildCursor {
  const match = CURSOR.exec(cursor)
  if (match === null) throw invalid('it is none')
  const [, cursorVersion, ordinal, address, form] = match
  if (Number(cursorVersion) !== version) throw invalid(`it is for version ${cursorVersion} of the document`)
  return { ordinal: Number(ordinal), address: Number(address), isNamed: form === 'v' }
}

function invalid(reason: string): VarveError {
  return new VarveError('CURSOR_INVALID', `Cannot go on with the cursor: ${reason}`, { details: { reason } })
}
