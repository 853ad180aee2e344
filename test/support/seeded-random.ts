/** Repeatable randomness for tests: the random port from a seed, and the small draws that tests need.
 * @module */
import type { Random } from '../../src/ports/random.ts'

/** The next unsigned 32-bit number of a stream that depends on the seed alone (mulberry32). */
export type Draw = () => number

/** Start a stream of unsigned 32-bit numbers. Nearby seeds give unrelated streams. */
export function draws(seed: number): Draw {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** The random port, the same bytes for the same seed. */
export function seededRandom(seed: number): Random {
  const draw = draws(seed)
  return { bytes: (length) => Uint8Array.from({ length }, () => draw() & 255) }
}
