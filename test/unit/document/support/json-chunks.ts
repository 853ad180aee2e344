/** JSON text in pieces, and what the reader makes of them.
 * @module */
import { JsonReader, type JsonReaderOptions } from '../../../../src/document/json/reader.ts'
import { VarveError } from '../../../../src/errors.ts'
import { RecordingOutput } from './recording-output.ts'

const encoder = new TextEncoder()

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Cut at these places, which may repeat and lie outside. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let from = 0
  for (const place of [...places].sort((a, b) => a - b)) {
    if (place < from || place > bytes.length) continue
    chunks.push(bytes.subarray(from, place))
    from = place
  }
  return [...chunks, bytes.subarray(from)]
}

export function cutEvery(bytes: Uint8Array, sizeBytes: number): Uint8Array[] {
  return cutAt(
    bytes,
    Array.from({ length: Math.ceil(bytes.length / sizeBytes) }, (_, index) => (index + 1) * sizeBytes),
  )
}

/** Each chunk in memory of its own that is overwritten afterwards, so that nothing of it can be kept unseen. */
export function readChunks(chunks: readonly Uint8Array[], options: JsonReaderOptions = {}): RecordingOutput {
  const output = new RecordingOutput()
  const reader = new JsonReader(output, options)
  for (const chunk of chunks) {
    const lent = chunk.slice()
    reader.push(lent)
    lent.fill(0x78)
  }
  reader.end()
  return output
}

export type Outcome = { readonly value: unknown } | { readonly code: string; readonly details: unknown }

/** The value, or the code and details of the error. */
export function outcome(chunks: readonly Uint8Array[], options: JsonReaderOptions = {}): Outcome {
  try {
    return { value: readChunks(chunks, options).value }
  } catch (error) {
    if (error instanceof VarveError) return { code: error.code, details: error.details }
    throw error
  }
}
