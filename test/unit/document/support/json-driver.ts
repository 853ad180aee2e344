/** Feeding structural bytes to `JsonText` piece by piece.
 * @module */
import { JsonText } from '../../../../src/document/json/text.ts'

export interface Feeding {
  readonly keys?: readonly string[]
  /** The next so many bytes; default: all of them. */
  readonly size?: () => number
}

/** The JSON text of the one value in `bytes`. Throws when they end before it does, or go on behind it. */
export function jsonText(bytes: Uint8Array, feeding: Feeding = {}): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(concat(jsonPieces(bytes, feeding)))
}

export function jsonPieces(bytes: Uint8Array, { keys = [], size = () => bytes.length }: Feeding = {}): Uint8Array[] {
  const text = new JsonText(keys)
  const pieces: Uint8Array[] = []
  let at = 0
  let end = 0
  while (!text.done) {
    if (end === bytes.length) throw new RangeError('the end too early')
    end = Math.min(bytes.length, end + size())
    // A copy of what may be looked at, so that nothing behind it can be.
    at += text.push(bytes.slice(at, end), 0, end - at)
    pieces.push(...text.take())
  }
  if (at !== bytes.length) throw new RangeError('bytes behind the end')
  return pieces
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
