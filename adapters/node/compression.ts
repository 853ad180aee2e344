/** Raw deflate by `node:zlib`, which Deno and Bun have, too. Synchronous, because a block of 16 KiB takes about 75 us
 * to deflate and 12 us to inflate, no more than a turn of the thread pool.
 * @module */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type Compression, inflateFailed } from '../../src/ports/compression.ts'

/** Below this zlib refuses a chunk size. */
const CHUNK_MIN_BYTES = 64

export const nativeCompression: Compression = {
  deflate: (bytes) => plain(deflateRawSync(bytes)),
  inflate(bytes, rawBytes) {
    let raw: Uint8Array
    try {
      // One byte more than expected, so that the end is seen without a second chunk.
      const chunkSize = Math.max(CHUNK_MIN_BYTES, rawBytes + 1)
      raw = plain(inflateRawSync(bytes, { maxOutputLength: Math.max(1, rawBytes), chunkSize }))
    } catch (cause) {
      throw inflateFailed(rawBytes, cause)
    }
    if (raw.length !== rawBytes) throw inflateFailed(rawBytes)
    return raw
  },
}

/** The same bytes as what they are: methods of a Buffer differ. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
