/** The contents of one JSON string that has escapes, or that comes in several chunks: collected as UTF-8, each byte
 * looked at once, however the text is cut.
 *
 * A lone surrogate is collected as three bytes (WTF-8), and becomes part of a pair if the other half follows at once.
 * @module */
import { decodeWtf8 } from '../../codec/value-buffer.ts'
import { BYTE, CUT, MALFORMED, sequenceSize, textEnd } from './bytes.ts'

const START_BYTES = 4_096
/** A larger buffer, made by a huge string, is not kept. */
const KEPT_BYTES = 1_048_576
/** Below this a loop is faster than `set` with its subarray. */
const LOOP_BYTES = 48

/** By the letter behind the backslash: what it stands for, 0 for letters that mean nothing. */
const ESCAPES = new Uint8Array(256)
for (const [letter, text] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  ESCAPES[(letter as string).charCodeAt(0)] = (text as string).charCodeAt(0)
}

const NO_DIGIT = 0xff
const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16)
  return Number.isNaN(digit) ? NO_DIGIT : digit
})

export class StringCollector {
  bytes: Uint8Array = new Uint8Array(START_BYTES)
  /** Bytes collected; what lies behind is garbage. */
  length = 0
  /** What is wrong where `take` stopped, if anything is. */
  fault: string | undefined
  /** Surrogates collected that have no other half. */
  #lone = 0
  /** The last high surrogate, and the length behind it. */
  #high = 0
  #highEnd = -1
  /** An escape or a UTF-8 sequence that the end of a chunk cut off. */
  readonly #unit = new Uint8Array(6)
  #unitLength = 0

  /** Forget everything. */
  begin(): void {
    if (this.bytes.length > KEPT_BYTES) this.bytes = new Uint8Array(START_BYTES)
    this.length = 0
    this.fault = undefined
    this.#lone = 0
    this.#highEnd = -1
    this.#unitLength = 0
  }

  /** Whether all is UTF-8; otherwise `text` has it. */
  get isWellFormed(): boolean {
    return this.#lone === 0
  }

  get text(): string {
    return decodeWtf8(this.bytes.subarray(0, this.length))
  }

  /** Add bytes as they are. */
  append(bytes: Uint8Array, at: number, end: number): void {
    const sizeBytes = end - at
    this.#ensure(sizeBytes)
    const into = this.bytes
    if (sizeBytes < LOOP_BYTES) {
      for (let index = 0; index < sizeBytes; index++) into[this.length + index] = bytes[at + index] as number
    } else into.set(bytes.subarray(at, end), this.length)
    this.length += sizeBytes
  }

  /** Add string contents from `bytes[at, end)`.
   * @returns where it stopped: at `end`, at the closing quote, or, with a `fault`, where what is wrong begins, which
   * may be before 0 if that was in an earlier chunk. */
  take(bytes: Uint8Array, at: number, end: number): number {
    let to = this.#unitLength === 0 ? at : this.#finishUnit(bytes, at, end)
    while (this.fault === undefined && to < end) {
      const byte = bytes[to] as number
      if (byte === BYTE.quote) return to
      if (byte === BYTE.backslash || byte >= 0x80) {
        const sizeBytes = this.#put(bytes, to, end)
        if (sizeBytes > 0) to += sizeBytes
        else if (sizeBytes === CUT) {
          this.#unit.set(bytes.subarray(to, end))
          this.#unitLength = end - to
          return end
        }
      } else if (byte < 0x20) this.fault = 'a control character inside a string'
      else {
        const plainEnd = textEnd(bytes, to, end)
        this.append(bytes, to, plainEnd)
        to = plainEnd
      }
    }
    return to
  }

  /** Go on with what a chunk's end cut off, byte by byte. */
  #finishUnit(bytes: Uint8Array, at: number, end: number): number {
    const before = this.#unitLength
    for (let to = at; to < end; to++) {
      this.#unit[this.#unitLength++] = bytes[to] as number
      const sizeBytes = this.#put(this.#unit, 0, this.#unitLength)
      if (sizeBytes === MALFORMED) return at - before
      if (sizeBytes === CUT) continue
      this.#unitLength = 0
      return to + 1
    }
    return end
  }

  /** Add the escape or the UTF-8 sequence at `at`. @returns its size, `CUT`, or `MALFORMED` with a `fault`. */
  #put(bytes: Uint8Array, at: number, end: number): number {
    if (bytes[at] === BYTE.backslash) {
      const sizeBytes = this.#putEscape(bytes, at, end)
      if (sizeBytes === MALFORMED) this.fault = 'a bad escape'
      return sizeBytes
    }
    const sizeBytes = sequenceSize(bytes, at, end)
    if (sizeBytes === MALFORMED) this.fault = 'bytes that are not UTF-8'
    if (sizeBytes <= 0) return sizeBytes
    const textEndsAt = textEnd(bytes, at, end)
    this.append(bytes, at, textEndsAt)
    return textEndsAt - at
  }

  #putEscape(bytes: Uint8Array, at: number, end: number): number {
    if (at + 1 >= end) return CUT
    const letter = bytes[at + 1] as number
    const byte = ESCAPES[letter] as number
    if (byte !== 0) {
      this.#ensure(1)
      this.bytes[this.length++] = byte
      return 2
    }
    if (letter !== BYTE.lowerU) return MALFORMED
    let unit = 0
    for (let index = 2; index < 6; index++) {
      if (at + index >= end) return CUT
      const digit = HEX[bytes[at + index] as number] as number
      if (digit === NO_DIGIT) return MALFORMED
      unit = (unit << 4) | digit
    }
    this.#putUnit(unit)
    return 6
  }

  /** Add a unit of UTF-16. */
  #putUnit(unit: number): void {
    this.#ensure(4)
    const bytes = this.bytes
    if (unit < 0x80) bytes[this.length++] = unit
    else if (unit < 0x800) {
      bytes[this.length++] = 0xc0 | (unit >> 6)
      bytes[this.length++] = 0x80 | (unit & 0x3f)
    } else if (unit >= 0xdc00 && unit < 0xe000 && this.#highEnd === this.length) {
      const point = 0x10000 + ((this.#high & 0x3ff) << 10) + (unit & 0x3ff)
      this.length -= 3
      bytes[this.length++] = 0xf0 | (point >> 18)
      bytes[this.length++] = 0x80 | ((point >> 12) & 0x3f)
      bytes[this.length++] = 0x80 | ((point >> 6) & 0x3f)
      bytes[this.length++] = 0x80 | (point & 0x3f)
      this.#lone--
      this.#highEnd = -1
    } else {
      bytes[this.length++] = 0xe0 | (unit >> 12)
      bytes[this.length++] = 0x80 | ((unit >> 6) & 0x3f)
      bytes[this.length++] = 0x80 | (unit & 0x3f)
      if (unit < 0xd800 || unit > 0xdfff) return
      this.#lone++
      this.#high = unit
      this.#highEnd = unit < 0xdc00 ? this.length : -1
    }
  }

  #ensure(sizeBytes: number): void {
    if (this.length + sizeBytes <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + sizeBytes))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }
}
