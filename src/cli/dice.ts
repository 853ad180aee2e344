/** Small numbers that are the same at every run, for samples. @module */

/** A whole number from 0 up to `sides`, exclusive. */
export type Dice = (sides: number) => number

/** A repeatable stream of small numbers (mulberry32). */
export function dice(seed: number): Dice {
  let state = seed
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }
}

/** One of some words. */
export function pick(words: readonly string[], roll: Dice): string {
  return words[roll(words.length)] ?? ''
}
