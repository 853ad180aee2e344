/** The key table of a document: keys that occur more than once get numbers.
 *
 * A key is admitted when it comes a second time, as far as a small memory of keys seen once can tell. Numbers are never
 * given again, so that reading may begin anywhere.
 * @module */
import { hashKey } from '../index/key-pages.ts'

export const KEYS_MAX = 1_024
/** Places in the sequence of keys: n, behind the key n; `KEYS_MAX` + n, before the first key in the value of the key n;
 * this, before the first key of all; -1, behind a key without a number. */
export const FIRST_OF_ROOT = 2 * KEYS_MAX
const TEXT_MAX_BYTES = 16_384
const KEY_MAX_BYTES = 255
const SLOTS = 4_096
/** Keys seen once of which a slot is shared: with one place two keys could keep each other out for ever. */
const SEEN_TOGETHER = 4
const NOTHING = new Uint8Array(0)
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class KeyTable {
  /** By number. */
  readonly names: string[] = []
  /** Of the keys by number. */
  readonly hashes = new Uint32Array(KEYS_MAX)
  readonly secondHashes = new Uint32Array(KEYS_MAX)
  /** UTF-8 of the keys by number, one after another: that of n from `starts[n]` to `starts[n + 1]`. */
  readonly texts = new Uint8Array(TEXT_MAX_BYTES)
  readonly starts = new Uint16Array(KEYS_MAX + 1)
  readonly #numbers = new Map<string, number>()
  /** Number + 1 by hash, in the next free slot. */
  readonly #slots = new Uint16Array(SLOTS)
  /** Hashes of keys seen once, the latest first. */
  readonly #seen = new Uint32Array(SLOTS)
  /** Number of the key that came at a place: records of one shape repeat their keys in order. */
  readonly following = new Int16Array(FIRST_OF_ROOT + 1).fill(-1)
  /** The key looked for. */
  bytes: Uint8Array = NOTHING
  start = 0
  end = 0
  /** Its hash. */
  hash = 0

  /** Number of a key, or -1. @param before its place in the sequence of keys. */
  find(key: string, before: number): number {
    const guess = before < 0 ? -1 : (this.following[before] as number)
    if (guess >= 0 && this.names[guess] === key) return guess
    const number = this.#numbers.get(key) ?? -1
    if (before >= 0 && number >= 0) this.following[before] = number
    return number
  }

  /** Look for the key `bytes[start, end)`: `number` and `admit` mean it. */
  look(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.hash = hashKey(bytes, start, end)
  }

  /** Number of the key looked for, or -1. @param before as for `find`. */
  number(before: number): number {
    const { hash } = this
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const number = (this.#slots[slot] as number) - 1
      if (number < 0) return -1
      if (this.hashes[number] !== hash || !this.#is(number)) continue
      if (before >= 0) this.following[before] = number
      return number
    }
  }

  #is(number: number): boolean {
    const { bytes, start, end, texts } = this
    let at = this.starts[number] as number
    if ((this.starts[number + 1] as number) - at !== end - start) return false
    for (let from = start; from < end; from++) if (bytes[from] !== texts[at++]) return false
    return true
  }

  /** Admit the key looked for, which is well-formed and has no number, if it was seen before. @returns whether. */
  admit(): boolean {
    const sizeBytes = this.end - this.start
    const number = this.names.length
    if (sizeBytes > KEY_MAX_BYTES || number >= KEYS_MAX) return false
    if ((this.starts[number] as number) + sizeBytes > TEXT_MAX_BYTES || !this.#wasSeen()) return false
    this.#add(this.bytes.subarray(this.start, this.end))
    return true
  }

  /** Whether the key looked for was seen once; otherwise it was now. */
  #wasSeen(): boolean {
    const { hash } = this
    const seen = this.#seen
    const first = hash & (SLOTS - SEEN_TOGETHER)
    for (let slot = first; slot < first + SEEN_TOGETHER; slot++) if (seen[slot] === hash) return true
    seen.copyWithin(first + 1, first, first + SEEN_TOGETHER - 1)
    seen[first] = hash
    return false
  }

  #add(utf8: Uint8Array): void {
    const number = this.names.length
    const start = this.starts[number] as number
    const name = decoder.decode(utf8)
    this.names.push(name)
    this.texts.set(utf8, start)
    this.starts[number + 1] = start + utf8.length
    this.hashes[number] = this.hash
    this.secondHashes[number] = secondHash(utf8, 0, utf8.length)
    this.#numbers.set(name, number)
    let slot = this.hash & (SLOTS - 1)
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1)
    this.#slots[slot] = number + 1
  }
}

/** Another hash of a key: two keys with the same pair of hashes are the same key but for one in 2^64. */
export function secondHash(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x2c1b3c6d
  for (let at = start; at < end; at++) {
    hash = Math.imul(hash ^ (bytes[at] as number), 0x297a2d39)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}
