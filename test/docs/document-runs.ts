/** Key pages of a document for a reader that knows src/FORMAT.md and none of the product's code.
 * @module */
import { check, type Key, type Raw } from './document-events.ts'

/** MurmurHash3_x86_32, written from its public description. */
function murmur3(bytes: Uint8Array, seed: number): number {
  const rotate = (word: number, by: number) => (word << by) | (word >>> (32 - by))
  const mix = (word: number) => Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const whole = bytes.length - (bytes.length % 4)
  let hash = seed
  for (let at = 0; at < whole; at += 4)
    hash = (Math.imul(rotate(hash ^ mix(view.getUint32(at, true)), 13), 5) + 0xe6546b64) | 0
  const rest = bytes.subarray(whole).reduceRight((word, byte) => word * 256 + byte, 0)
  hash = hash ^ mix(rest) ^ bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The hash of a key: here of well-formed text, or of an integer. */
export function hashOf(key: Key): number {
  if (typeof key === 'string') return murmur3(new TextEncoder().encode(key), 0)
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, BigInt(key), true)
  return murmur3(bytes, 1)
}

export class KeyRun {
  /** Block of the run before. */
  readonly before: number | undefined
  readonly keys: number
  readonly leaves: number
  readonly directoryBlocks: number
  readonly #perBlock: number
  readonly #file: Raw
  readonly #first: number

  constructor(file: Raw, first: number) {
    this.#file = file
    this.#first = first
    const view = this.#block(0)
    this.keys = view.getUint32(0, true)
    this.leaves = view.getUint32(4, true)
    this.directoryBlocks = view.getUint32(8, true)
    this.#perBlock = view.getUint32(12, true)
    const before = Number(view.getBigUint64(16, true))
    check(before <= first, 'the run before comes before')
    this.before = before === 0 ? undefined : before - 1
    check(this.keys > 0 && this.keys <= 1_048_576 && this.leaves <= this.keys, 'keys of a run')
  }

  #block(number: number): DataView {
    const raw = this.#file.raw(this.#first + number)
    return new DataView(raw.buffer, raw.byteOffset, raw.length)
  }

  /** Addresses of the keys with a hash, ascending. */
  addressesOf(hash: number): number[] {
    const found: number[] = []
    for (const directory of this.#directories(hash)) {
      const isTop = directory === 0
      const from = isTop ? 0 : (directory - 1) * this.#perBlock
      const count = isTop ? this.leaves : Math.min(this.#perBlock, this.leaves - from)
      for (const leaf of mayHave(this.#block(directory), { at: isTop ? 24 : 0, count }, hash))
        for (const key of this.leaf(from + leaf)) if (key.hash === hash) found.push(key.address)
    }
    return found
  }

  #directories(hash: number): number[] {
    if (this.directoryBlocks === 1) return [0]
    const count = this.directoryBlocks - 1
    check(count === Math.ceil(this.leaves / this.#perBlock), 'directory blocks')
    return mayHave(this.#block(0), { at: 24, count }, hash).map((number) => number + 1)
  }

  /** The keys of a leaf, counted from 0. */
  leaf(number: number): { hash: number; address: number }[] {
    const view = this.#block(this.directoryBlocks + number)
    const keys = view.getUint16(0, true)
    const width = view.getUint16(2, true)
    const base = Number(view.getBigUint64(8, true))
    let hash = view.getUint32(4, true)
    let at = 16 + keys * width
    const difference = () => {
      let value = 0
      for (let factor = 1, byte = 0x80; byte >= 0x80; factor *= 128) {
        byte = view.getUint8(at++)
        value += (byte & 0x7f) * factor
      }
      return value
    }
    return Array.from({ length: keys }, (_, key) => {
      if (key > 0) hash += difference()
      let address = 0
      for (let byte = width - 1; byte >= 0; byte--) address = address * 256 + view.getUint8(16 + key * width + byte)
      return { hash, address: base + address }
    })
  }
}

/** Which of some parts, given by their first hashes, may have a hash: one ends where the next begins, or with its
 * first hash. */
function mayHave(view: DataView, list: { at: number; count: number }, hash: number): number[] {
  const firsts = Array.from({ length: list.count }, (_, part) => view.getUint32(list.at + part * 4, true))
  return firsts.flatMap((first, part) => {
    const next = firsts[part + 1] ?? Number.POSITIVE_INFINITY
    return first <= hash && hash <= next ? [part] : []
  })
}
