/** Immutable byte strings that share what they have in common, so that a disk image costs no copying.
 *
 * Appending to the newest string of a chain writes into spare room behind it; everything else copies.
 * @module */

/** Memory that several strings share: bytes below `used` belong to one of them and never change. */
interface Backing {
  buffer: Uint8Array
  used: number
}

const SEED: readonly [number, number] = [0x811c9dc5, 0x9e3779b9]

export class Content {
  static readonly empty = new Content({ buffer: new Uint8Array(0), used: 0 }, 0, undefined)

  readonly sizeBytes: number
  readonly #backing: Backing
  /** A shorter string with the same first bytes, until the hash is known: lets the hash continue from there. */
  #prefix: Content | undefined
  #hash: readonly [number, number] | undefined

  private constructor(backing: Backing, sizeBytes: number, prefix: Content | undefined) {
    this.#backing = backing
    this.sizeBytes = sizeBytes
    this.#prefix = prefix
  }

  static of(bytes: Uint8Array): Content {
    return Content.empty.write(0, bytes)
  }

  /** The bytes. Not to be changed. */
  get bytes(): Uint8Array {
    return this.#backing.buffer.subarray(0, this.sizeBytes)
  }

  /** The string with `bytes` at `position`; a gap before them is zeros. Cost: O(bytes) at the end of the newest. */
  write(position: number, bytes: Uint8Array): Content {
    if (bytes.length === 0) return this
    const end = Math.max(this.sizeBytes, position + bytes.length)
    if (position < this.sizeBytes) {
      const buffer = new Uint8Array(end)
      buffer.set(this.bytes)
      buffer.set(bytes, position)
      return new Content({ buffer, used: end }, end, undefined)
    }
    const backing = this.#backing.used === this.sizeBytes ? this.#roomFor(end) : this.#copyFor(end)
    backing.buffer.fill(0, this.sizeBytes, position)
    backing.buffer.set(bytes, position)
    backing.used = end
    return new Content(backing, end, this)
  }

  /** The string cut or grown with zeros to a size. */
  resize(sizeBytes: number): Content {
    if (sizeBytes > this.sizeBytes) return this.write(this.sizeBytes, new Uint8Array(sizeBytes - this.sizeBytes))
    return sizeBytes === this.sizeBytes ? this : new Content(this.#backing, sizeBytes, undefined)
  }

  /** Two 32-bit halves of a hash of the bytes. Cost: O(bytes after the longest hashed prefix). */
  hash(): readonly [number, number] {
    if (this.#hash !== undefined) return this.#hash
    let known = this.#prefix
    while (known !== undefined && known.#hash === undefined) known = known.#prefix
    let [one, two] = known === undefined ? SEED : (known.#hash ?? SEED)
    const bytes = this.bytes
    for (let position = known?.sizeBytes ?? 0; position < bytes.length; position++) {
      const byte = bytes[position] ?? 0
      one = Math.imul(one ^ byte, 0x01000193)
      two = Math.imul(two + byte + (two >>> 15), 0x85ebca6b)
    }
    this.#prefix = undefined
    this.#hash = [one >>> 0, two >>> 0]
    return this.#hash
  }

  #roomFor(end: number): Backing {
    return this.#backing.buffer.length >= end ? this.#backing : this.#copyFor(end * 2)
  }

  #copyFor(capacityBytes: number): Backing {
    const buffer = new Uint8Array(capacityBytes)
    buffer.set(this.bytes)
    return { buffer, used: this.sizeBytes }
  }
}
