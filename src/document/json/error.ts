/** What is wrong with JSON bytes, and where.
 * @module */
import { VarveError } from '../../errors.ts'
import { DOCUMENT_LIMITS, type DocumentOutput } from '../write/output.ts'

/** A place in JSON text, in bytes: the position from 0, line and column from 1. */
export interface JsonPlace {
  readonly position: number
  readonly line: number
  readonly column: number
}

/** `JSON_INVALID` with the place, and what was found there. */
export function jsonError(place: JsonPlace, found: string): VarveError {
  const { position, line, column } = place
  const message = `Cannot read JSON at line ${line}, column ${column}: found ${found}`
  return new VarveError('JSON_INVALID', message, { details: { position, line, column, found } })
}

/** How errors name a byte. */
export function describeByte(byte: number): string {
  return byte < 0x80 ? JSON.stringify(String.fromCharCode(byte)) : `the byte ${byte.toString(16)}`
}

/** What the output would say of the complete value, before it is complete. */
export function limitError(
  output: DocumentOutput,
  { limitName, found }: { limitName: keyof typeof DOCUMENT_LIMITS; found: number },
): VarveError {
  const path = output.path()
  const limit = DOCUMENT_LIMITS[limitName]
  const message = `Cannot store "${path}" in a document: ${limitName} is ${found}, limit ${limit}`
  return new VarveError('DOCUMENT_LIMIT', message, { details: { path, limit, limitName, found } })
}
