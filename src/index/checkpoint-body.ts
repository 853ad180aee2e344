/** The body of a checkpoint as it was decoded, and checks of its parts: bytes that pass a checksum may still be wrong.
 * @module */
import { fromUtf8 } from '../codec/bytes.ts'
import { VarveError } from '../errors.ts'
import { loadColumn } from './columns.ts'

/** A decoded map: nothing about its fields is known yet. */
export type Body = Readonly<Record<string, unknown>>

/** An object that is no array. */
export function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The error that makes open do without a checkpoint. */
export function refuse(reason: string, cause?: unknown): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot use a checkpoint: ${reason}`, { details: { reason }, cause })
}

/** A whole number, or the refusal that names it. */
export function whole(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw refuse(`${name} is not a whole number`)
  return value as number
}

/** The ids are the places in the list. @throws {VarveError} `DECODE_FAILED` with the reason. */
export function readStrings(body: Body): string[] {
  const blob = body.strings
  if (!(blob instanceof Uint8Array)) throw refuse('the strings are missing')
  const count = whole(body.stringCount, 'stringCount')
  if (count > blob.length + 1) throw refuse('there are more strings than bytes')
  const ends = loadColumn(body.ends, count, 'ends')
  const text = (bytes: Uint8Array) => {
    try {
      return fromUtf8(bytes)
    } catch (cause) {
      throw refuse('a string is not UTF-8', cause)
    }
  }
  const all = text(blob)
  const ascii = all.length === blob.length
  const strings: string[] = []
  let start = 0
  for (const end of ends) {
    if (end < start || end > blob.length) throw refuse('the ends of the strings are not in order')
    strings.push(ascii ? all.slice(start, end) : text(blob.subarray(start, end)))
    start = end
  }
  if (strings[0] !== '') throw refuse('string 0 is not empty')
  return strings
}
