/** Digests in plain JavaScript, for runtimes without synchronous native ones.
 *
 * CRC-32 is the crc-32 package. SHA-256 follows FIPS 180-4, section 6.2; the names of the variables are the
 * standard's. About 200 MB/s, and 2 us for 300 B: native ones take a third to a tenth of the time, `crypto.subtle` is
 * asynchronous and takes ten times as long for one short input.
 * @module */
import crc from 'crc-32'
import type { Digest } from '../codec/digest.ts'

/** Works everywhere. */
export const portableDigest: Digest = {
  crc32: (bytes, seed = 0) => crc.buf(bytes, seed) >>> 0,
  sha256,
}

/** SHA-256 while other work goes on, in another thread where the runtime has some; `bytes` are copied before this
 * returns. Costs 20 us more than a synchronous one.
 * @returns undefined where the runtime has none, as browsers without a secure connection. */
export function sha256Beside(bytes: Uint8Array): Promise<Uint8Array> | undefined {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
  return subtle?.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>).then((hash) => new Uint8Array(hash))
}

const BLOCK_BYTES = 64
/** First 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
const K = new Int32Array(64)
/** The same of the square roots of the first 8 primes (5.3.3). */
const H0 = new Int32Array(8)
fillConstants()

function fillConstants(): void {
  const fraction = (root: number) => ((root - Math.floor(root)) * 2 ** 32) | 0
  for (let candidate = 2, found = 0; found < 64; candidate++) {
    let divisor = 2
    while (candidate % divisor !== 0) divisor++
    if (divisor < candidate) continue
    if (found < 8) H0[found] = fraction(Math.sqrt(candidate))
    K[found] = fraction(Math.cbrt(candidate))
    found++
  }
}

/** The message schedule, shared: the function never yields. */
const W = new Int32Array(64)

function sha256(bytes: Uint8Array): Uint8Array {
  const state = H0.slice()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wholeBytes = bytes.length - (bytes.length % BLOCK_BYTES)
  for (let at = 0; at < wholeBytes; at += BLOCK_BYTES) compress(state, view, at)

  // Padding (5.1.1): a one bit, zeros, and the length in bits, in one or two blocks.
  const restBytes = bytes.length - wholeBytes
  const last = new Uint8Array(restBytes + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES)
  last.set(bytes.subarray(wholeBytes))
  last[restBytes] = 0x80
  const lastView = new DataView(last.buffer)
  lastView.setUint32(last.length - 8, Math.floor(bytes.length / 2 ** 29))
  lastView.setUint32(last.length - 4, bytes.length * 8)
  for (let at = 0; at < last.length; at += BLOCK_BYTES) compress(state, lastView, at)

  const digest = new Uint8Array(32)
  const digestView = new DataView(digest.buffer)
  state.forEach((word, i) => {
    digestView.setInt32(i * 4, word)
  })
  return digest
}

/** Take one 64-byte block into the state (6.2.2). */
function compress(state: Int32Array, block: DataView, at: number): void {
  for (let t = 0; t < 16; t++) W[t] = block.getInt32(at + t * 4)
  for (let t = 16; t < 64; t++) {
    const w15 = W[t - 15] as number
    const w2 = W[t - 2] as number
    const sigma0 = ((w15 >>> 7) | (w15 << 25)) ^ ((w15 >>> 18) | (w15 << 14)) ^ (w15 >>> 3)
    const sigma1 = ((w2 >>> 17) | (w2 << 15)) ^ ((w2 >>> 19) | (w2 << 13)) ^ (w2 >>> 10)
    W[t] = (sigma1 + (W[t - 7] as number) + sigma0 + (W[t - 16] as number)) | 0
  }
  let a = state[0] as number
  let b = state[1] as number
  let c = state[2] as number
  let d = state[3] as number
  let e = state[4] as number
  let f = state[5] as number
  let g = state[6] as number
  let h = state[7] as number
  for (let t = 0; t < 64; t++) {
    const sum1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + sum1 + ((e & f) ^ (~e & g)) + (K[t] as number) + (W[t] as number)) | 0
    const sum0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (sum0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0] = (state[0] as number) + a
  state[1] = (state[1] as number) + b
  state[2] = (state[2] as number) + c
  state[3] = (state[3] as number) + d
  state[4] = (state[4] as number) + e
  state[5] = (state[5] as number) + f
  state[6] = (state[6] as number) + g
  state[7] = (state[7] as number) + h
}
