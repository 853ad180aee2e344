/** Cursors of listings of children: where the next one is, in one container of one version of a document.
 *
 * A checksum tells cursors of this document from others, so that no listing begins where no child is.
 * @module */
import { utf8 } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import { VarveError } from '../../errors.ts'
import type { ChildCursor } from './children.ts'

const CURSOR = /^(\d{1,16})-(\d{1,16})-(\d{1,16})-(\d{1,16})-([kv])-([0-9a-f]{8})$/

/** The document of a cursor. */
export interface CursorScope {
  readonly version: number
  readonly digest: Digest
  /** See `documentSeed`. */
  readonly seed: number
}

export interface PageCursor extends ChildCursor {
  /** Where the container begins. */
  readonly parent: number
}

/** The text of a cursor, for the caller to give back. */
export function encodeCursor(scope: CursorScope, { parent, ordinal, address, isNamed }: PageCursor): string {
  const text = `${scope.version}-${parent}-${ordinal}-${address}-${isNamed ? 'v' : 'k'}`
  return `${text}-${checkOf(text, scope)}`
}

/** @throws {VarveError} `CURSOR_INVALID`. */
export function decodeCursor(cursor: string, scope: CursorScope): PageCursor {
  const match = CURSOR.exec(cursor)
  if (match === null) throw invalidCursor('it is none')
  const [text, version, parent, ordinal, address, form, check] = match
  if (Number(version) !== scope.version) throw invalidCursor(`it is for version ${version} of the document`)
  if (check !== checkOf(text.slice(0, -9), scope)) throw invalidCursor('no page of the document gave it')
  return { parent: Number(parent), ordinal: Number(ordinal), address: Number(address), isNamed: form === 'v' }
}

function checkOf(text: string, { digest, seed }: CursorScope): string {
  return digest.crc32(utf8(text), seed).toString(16).padStart(8, '0')
}

/** `CURSOR_INVALID` {reason}. */
export function invalidCursor(reason: string): VarveError {
  return new VarveError('CURSOR_INVALID', `Cannot go on with the cursor: ${reason}`, { details: { reason } })
}
