/** JSON text in pieces of UTF-8, safe to show on a terminal: the streaming form of `jsonLine`.
 * @module */
import { hideInJson } from './output.ts'

const DELETE = 0x7f

/** The same JSON with characters that steer a terminal as \u escapes. Pieces of plain ASCII pass through as they are.
 * Cost: a look at every byte; text past ASCII is decoded. */
export async function* safeJson(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string | Uint8Array> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  /** The last piece may have ended inside a character. */
  let inside = false
  for await (const piece of pieces) {
    if (inside || !isPlain(piece)) {
      const text = hideInJson(decoder.decode(piece, { stream: true }))
      inside = (piece.at(-1) ?? 0) >= 0x80
      if (text !== '') yield text
    } else yield piece
  }
}

function isPlain(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) >= DELETE) return false
  return true
}
