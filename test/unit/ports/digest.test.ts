/** The portable digests against the runtime's native ones.
 * @module */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { portableDigest } from '../../../src/ports/digest.ts'

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
const nativeSha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const sample = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 131 + (i >> 8) * 7) & 255)

test('portableDigest.sha256() equals the native hash for every length up to four blocks', () => {
  for (let length = 0; length <= 257; length++) {
    expect(hex(portableDigest.sha256(sample(length)))).toBe(nativeSha256(sample(length)))
  }
})

test('portableDigest.sha256() gives the vectors of FIPS 180-4', () => {
  const text = (input: string) => hex(portableDigest.sha256(new TextEncoder().encode(input)))
  expect(text('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect(text('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  )
  expect(text('a'.repeat(1_000_000))).toBe('cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0')
})

test('portableDigest.sha256() reads only the view it is given and keeps nothing between calls', () => {
  const whole = sample(300)
  const first = portableDigest.sha256(whole.subarray(13, 200))
  portableDigest.sha256(whole)
  expect(hex(first)).toBe(nativeSha256(whole.slice(13, 200)))
})

test('portableDigest.crc32() equals the native one for any bytes and seed', () => {
  const bytes = fc.uint8Array({ maxLength: 600 })
  const seed = fc.integer({ min: 0, max: 0xffffffff })
  fc.assert(
    fc.property(bytes, seed, (input, start) => {
      expect(portableDigest.crc32(input)).toBe(crc32(input))
      expect(portableDigest.crc32(input, start)).toBe(crc32(input, start))
    }),
  )
})

test('portableDigest.crc32() continues from the checksum of what came before', () => {
  const whole = sample(4096)
  for (const cut of [0, 1, 15, 16, 17, 1000, 4096]) {
    const head = portableDigest.crc32(whole.subarray(0, cut))
    expect(portableDigest.crc32(whole.subarray(cut), head)).toBe(crc32(whole))
  }
})
