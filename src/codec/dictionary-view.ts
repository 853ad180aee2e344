/** The dictionary of a batch, of which only the strings that are asked for are made.
 * @module */
import { VarveError } from '../errors.ts'
import { type ByteReader, fromUtf8 } from './bytes.ts'

/** Reads the section of `dictionary.ts`. Cost: a pass over the lengths; then the bytes of each string asked for. */
export class DictionaryView {
  /** Suffix bytes before each string, and after the last. */
  readonly #starts: Uint32Array
  /** Units shared with the string before. */
  readonly #shares: Uint32Array
  readonly #suffixes: Uint8Array

  /** Read the section at the reader's position. @throws {VarveError} `DECODE_FAILED`. */
  constructor(reader: ByteReader) {
    const count = reader.varint()
    if (count > reader.remaining)
      throw new VarveError('DECODE_FAILED', 'Cannot read a dictionary larger than its bytes')
    this.#starts = new Uint32Array(count + 1)
    this.#shares = new Uint32Array(count)
    let total = 0
    for (let i = 0; i < count; i++) {
      const word = reader.varint()
      total += Math.floor(word / 2)
      this.#starts[i + 1] = total
      if (word % 2 === 1) this.#shares[i] = reader.varint()
    }
    this.#suffixes = reader.raw(total)
  }

  /** The string with an index. @throws {VarveError} `DECODE_FAILED`. */
  text(index: number): string {
    if (index >= this.#shares.length) throw new VarveError('DECODE_FAILED', 'Cannot find a string in the dictionary')
    const own = this.#suffix(index)
    let shared = this.#shares[index] as number
    if (shared === 0) return own
    // Units, so each piece is text by itself: what an earlier string gives of it, from the nearest back.
    const pieces = [own]
    for (let before = index - 1; shared > 0; before--) {
      if (before < 0) throw new VarveError('DECODE_FAILED', 'Cannot share more than the string before')
      const from = this.#shares[before] as number
      if (from >= shared) continue
      const suffix = this.#suffix(before)
      if (from + suffix.length < shared) {
        throw new VarveError('DECODE_FAILED', 'Cannot share more than the string before')
      }
      pieces.push(suffix.slice(0, shared - from))
      shared = from
    }
    return pieces.reverse().join('')
  }

  #suffix(index: number): string {
    return fromUtf8(this.#suffixes.subarray(this.#starts[index], this.#starts[index + 1]))
  }
}
