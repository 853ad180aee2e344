/** Checksums by `node:zlib` and `node:crypto`, with the portable ones where those cost more than they save.
 * @module */
import { createHash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Digest } from '../../src/codec/digest.ts'
import { portableDigest } from '../../src/ports/digest.ts'

/** Native digests. @param nativeFromBytes length from which the native CRC-32 beats the portable one: crossing into
 * native code costs Node about 200 ns, Deno and Bun about 30. */
export function nativeDigest(nativeFromBytes: number): Digest {
  return {
    crc32: (bytes, seed = 0) =>
      bytes.length < nativeFromBytes ? portableDigest.crc32(bytes, seed) : crc32(bytes, seed),
    sha256,
  }
}

/** A plain Uint8Array of its own, because `slice` of a Buffer is a view. */
function sha256(bytes: Uint8Array): Uint8Array {
  // `hash` came with Node 20.12; one call is half the cost of createHash for short inputs.
  const digest = hash === undefined ? createHash('sha256').update(bytes).digest() : hash('sha256', bytes, 'buffer')
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length)
}
