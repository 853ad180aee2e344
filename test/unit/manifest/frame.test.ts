/** Frames of a manifest: round trips, torn tails, damage, wrong places.
 * @module */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { encodeFrame, FRAME_HEADER_BYTES, scanFrames } from '../../../src/manifest/frame.ts'

const { digest } = memoryStorage()

function file(epoch: number, bodies: readonly string[]): { bytes: Uint8Array; ends: number[] } {
  const bytes: number[] = []
  const ends: number[] = []
  for (const [sequence, body] of bodies.entries()) {
    const place = { epoch, position: bytes.length, sequence, syncedThrough: bytes.length }
    bytes.push(...encodeFrame(place, new TextEncoder().encode(body), digest))
    ends.push(bytes.length)
  }
  return { bytes: Uint8Array.from(bytes), ends }
}

const bodiesOf = (bytes: Uint8Array, epoch: number) =>
  scanFrames(bytes, epoch, digest).frames.map((frame) => new TextDecoder().decode(frame.body))

describe('scanFrames()', () => {
  test('gives back what encodeFrame() made, for any bodies', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1 })), fc.integer({ min: 1 }), (bodies, epoch) => {
        const { bytes } = file(epoch, bodies)
        expect(bodiesOf(bytes, epoch)).toEqual(bodies)
        expect(scanFrames(bytes, epoch, digest)).toMatchObject({ tail: 'clean', endPosition: bytes.length })
      }),
      { numRuns: 100 },
    )
  })

  test('keeps its bytes: the layout of the first format', () => {
    const { bytes } = file(7, ['{}'])
    expect([...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')).toBe(
      '564d52ffa149ded40200000043bfa6a300000000000000007b7d',
    )
  })

  test('calls an incomplete, zeroed or random tail torn', () => {
    const { bytes, ends } = file(1, ['"a"', '"b"'])
    const [first = 0] = ends
    for (let size = first + 1; size < bytes.length; size++)
      expect(scanFrames(bytes.slice(0, size), 1, digest), `size ${size}`).toMatchObject({
        tail: 'torn',
        endPosition: first,
      })
    for (const fill of [0, 0x56, 0xff]) {
      const tail = bytes.slice()
      tail.fill(fill, first)
      expect(scanFrames(tail, 1, digest)).toMatchObject({ tail: 'torn', endPosition: first })
    }
  })

  test('calls a bad place damaged when a frame header after it is intact, even if its body is not', () => {
    const { bytes, ends } = file(1, ['"a"', '"b"', '"c"'])
    const [, second = 0] = ends
    bytes[second - 1] = 0
    bytes[bytes.length - 1] = 0
    expect(scanFrames(bytes, 1, digest)).toMatchObject({ tail: 'damaged', endPosition: ends[0] })
    expect(scanFrames(bytes.slice(0, second + FRAME_HEADER_BYTES - 1), 1, digest)).toMatchObject({ tail: 'torn' })
  })

  test('does not accept a frame of another epoch or from another position', () => {
    const { bytes, ends } = file(1, ['"a"', '"b"'])
    expect(scanFrames(bytes, 2, digest)).toMatchObject({ frames: [], tail: 'torn' })
    const [first = 0] = ends
    expect(scanFrames(bytes.slice(first), 1, digest)).toMatchObject({ frames: [], tail: 'torn' })
  })

  test('calls a frame with an impossible number damaged', () => {
    const place = { epoch: 1, position: 0, sequence: 1, syncedThrough: 0 }
    const bytes = encodeFrame(place, Uint8Array.of(48), digest)
    expect(scanFrames(bytes, 1, digest)).toMatchObject({ frames: [], tail: 'damaged' })
  })

  test('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(scanFrames(bytes, 1, digest).frames).toEqual([])
      }),
      { numRuns: 500 },
    )
  })
})
