/** Checksums by `node:zlib` and `node:crypto`, with the portable ones where those cost more than they save.
 * @module */
import { createHash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Digest } from '../../src/codec/digest.ts'
import { portableDigest } from '../../src/ports/digest.ts'

/** Native digests. @param nativeFromBytes length from which the native CRC-32 beats the portable one, whose speed is
 * 2.4 GB/s everywhere: crossing into native code costs Node 20 about 100 ns, Deno and Bun 30. */
export function nativeDigest(nativeFromBytes: number): Digest {
  return {
    crc32: (bytes, seed = 0) =>
      bytes.length < nativeFromBytes ? portableDigest.crc32(bytes, seed) : crc32(bytes, seed),
    sha256,
  }
}

/** A plain Uint8Array of its own. */
function sha256(bytes: Uint8Array): Uint8Array {
  // `hash` came with Node 20.12. As text it costs half of what it costs as a Buffer, whose memory lies outside the
  // heap: 0.4 us for 300 B.
  const digits =
    hash === undefined ? createHash('sha256').update(bytes).digest('binary') : hash('sha256', bytes, 'binary')
  const digest = new Uint8Array(32)
  for (let at = 0; at < 32; at++) digest[at] = digits.charCodeAt(at)
  return digest
}
