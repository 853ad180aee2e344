/** Groups of varints, in which those that repeat are counted: what columns of whole numbers are made of.
 * @module */
import type { ValueBuffer } from '../../codec/value-buffer.ts'

/** How often one varint counts: a byte of a delta stands for so many values at most, and no few bytes for millions. */
export const REPEAT_MAX = 256
/** Of n x 2 and -n x 2 - 1. */
const TOKEN_MAX = 2 ** 52

/** A whole number of either sign as one that is none below 0. */
export function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2
}

/** What `zigzag` was given. */
export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

/** Zigzag, where all are small enough. */
export function toTokens(values: readonly (number | bigint)[]): number[] | undefined {
  const tokens: number[] = []
  for (const value of values) {
    const number = Number(value)
    if (!(number < TOKEN_MAX / 2 && number > -TOKEN_MAX / 2)) return undefined
    tokens.push(zigzag(number))
  }
  return tokens
}

/** How many of `tokens` from `at` on are the same. */
function repeats(tokens: readonly number[], at: number): number {
  let end = at + 1
  const most = Math.min(tokens.length, at + REPEAT_MAX)
  while (end < most && tokens[end] === tokens[at]) end++
  return end - at
}

/** Where the group of different tokens ends that begins at `at`. */
function literalsEnd(tokens: readonly number[], at: number): number {
  let end = at
  while (end < tokens.length && !(tokens[end] === tokens[end + 1] && tokens[end] === tokens[end + 2])) end++
  return end
}

/** Write whole numbers below 2^53. */
export function writeTokens(out: ValueBuffer, tokens: readonly number[]): void {
  for (let at = 0; at < tokens.length; ) {
    const end = literalsEnd(tokens, at)
    if (end === at) {
      const count = repeats(tokens, at)
      out.varint((count - 1) * 2 + 1)
      out.varint(tokens[at] as number)
      at += count
      continue
    }
    out.varint((end - at - 1) * 2)
    for (; at < end; at++) out.varint(tokens[at] as number)
  }
}

/** What `writeTokens` takes, or a little more. */
export function tokensSize(tokens: readonly number[]): number {
  let sizeBytes = 0
  for (let at = 0; at < tokens.length; ) {
    const end = literalsEnd(tokens, at)
    if (end === at) {
      sizeBytes += 2 + varintSize(tokens[at] as number)
      at += repeats(tokens, at)
      continue
    }
    sizeBytes += 2
    for (; at < end; at++) sizeBytes += varintSize(tokens[at] as number)
  }
  return sizeBytes
}

/** Bytes of a varint. */
export function varintSize(value: number): number {
  let sizeBytes = 1
  for (let rest = value; rest >= 0x80; rest /= 0x80) sizeBytes++
  return sizeBytes
}
