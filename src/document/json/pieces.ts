/** JSON text as it grows, in pieces of UTF-8 of about 64 KiB. Strings are copied from bytes to bytes: only what JSON
 * needs is escaped, and no string of the runtime is made.
 * @module */
import { scaledNumber } from '../../codec/structural-write.ts'
import { PLAIN, textEnd } from './bytes.ts'

const PIECE_BYTES = 65_536
/** Most values that are asked for are small: room for one, before there is room for a piece. */
const FIRST_BYTES = 4_096
/** The most that is reserved at once. */
const RESERVE_MAX = 4_096
/** Runs up to this are copied in a loop, which beats `set` with its subarray. */
const LOOP_BYTES = 64
/** A string up to this is copied and looked at in one pass. */
const SHORT_BYTES = 640
/** Steps of text that are cut to fit: base64 turns three bytes into four. */
const STEP_BYTES = 3_072

/** Up to here m / 10^e has the digits of m: no other decimal of so few digits is the same number. */
const DIGITS_END = 1_000_000_000_000_000
/** Numbers below the first and from the second on print with an exponent. */
const FIXED_MIN = 1e-6
const EXPONENT_MIN = 1e21

const MINUS = 0x2d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const LOWER_U = 0x75
const ZERO = 0x30

/** The letters of short escapes; 0: `\u00xx`. */
const SHORT_ESCAPES = Uint8Array.from({ length: 128 }, (_, byte) => {
  const at = '\b\t\n\f\r"\\'.indexOf(String.fromCharCode(byte))
  return at < 0 ? 0 : 'btnfr"\\'.charCodeAt(at)
})
const HEX = ascii('0123456789abcdef')
const BASE64 = ascii('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const NOTHING = new Uint8Array(0)
const PADDING = 0x3d
/** The digits of 0 to 99, two each. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, at) => ZERO + (at % 2 === 0 ? Math.floor(at / 20) : (at / 2) % 10))

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

export class JsonPieces {
  #bytes = new Uint8Array(FIRST_BYTES)
  #length = 0
  #full: Uint8Array[] = []

  /** What is complete, and with `all` the rest too. The caller owns what it gets. */
  take(all: boolean): Uint8Array[] {
    if (all && this.#length > 0) {
      this.#full.push(this.#bytes.subarray(0, this.#length))
      this.#length = 0
      this.#bytes = NOTHING
    }
    const full = this.#full
    if (full.length > 0) this.#full = []
    return full
  }

  byte(value: number): void {
    if (this.#length >= this.#bytes.length) this.#next()
    this.#bytes[this.#length++] = value
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#copy(bytes, 0, bytes.length)
  }

  /** A text of ASCII characters as it is. */
  ascii(text: string): void {
    for (let from = 0; from < text.length; from += RESERVE_MAX) {
      const to = Math.min(text.length, from + RESERVE_MAX)
      this.#reserve(to - from)
      for (let index = from; index < to; index++) this.#bytes[this.#length++] = text.charCodeAt(index)
    }
  }

  /** A number as the dialect has it. */
  number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.integer(value)
    else if (!Number.isFinite(value) || value === 0) {
      this.ascii(`{"$type":"number","value":"${value === 0 ? '-0' : value}"}`)
    } else this.ascii(Number.isInteger(value) && Math.abs(value) < EXPONENT_MIN ? `${value}.0` : String(value))
  }

  /** A safe integer. */
  integer(value: number): void {
    if (value < 0) this.byte(MINUS)
    this.digits(Math.abs(value))
  }

  /** The number m / 10^e, m from 1 to 2^53 - 1, e from 1 to 22; negative if asked. */
  scaled(m: number, e: number, isNegative: boolean): void {
    let digits = m
    let places = e
    while (places > 0 && digits % 10 === 0) {
      digits /= 10
      places--
    }
    const size = scaledNumber(digits, places)
    if (digits >= DIGITS_END || size < FIXED_MIN) this.number(isNegative ? -size : size)
    else {
      if (isNegative) this.byte(MINUS)
      if (places === 0) this.digits(digits)
      else this.#fraction(digits, places)
    }
  }

  /** An integer from 0 to 2^53 - 1 in decimal. */
  digits(value: number): void {
    this.#reserve(16)
    let rest = value
    let width = 1
    for (let limit = 10; rest >= limit && width < 16; limit *= 10) width++
    let at = this.#length + width
    this.#length = at
    const bytes = this.#bytes
    // Integers of 32 bits divide far faster.
    while (rest > 0x7fff_ffff) {
      const quotient = Math.floor(rest / 100)
      const pair = (rest - quotient * 100) * 2
      bytes[--at] = PAIRS[pair + 1] as number
      bytes[--at] = PAIRS[pair] as number
      rest = quotient
    }
    let small = rest | 0
    while (small >= 100) {
      const quotient = (small / 100) | 0
      const pair = (small - quotient * 100) * 2
      bytes[--at] = PAIRS[pair + 1] as number
      bytes[--at] = PAIRS[pair] as number
      small = quotient
    }
    if (small >= 10) bytes[--at] = PAIRS[small * 2 + 1] as number
    bytes[--at] = small >= 10 ? (PAIRS[small * 2] as number) : ZERO + small
  }

  /** A string of JSON from `source[at, end)`. @returns whether that was UTF-8; if not, what was written is garbage. */
  string(source: Uint8Array, at: number, end: number): boolean {
    let from = at
    if (end - at <= SHORT_BYTES) {
      this.#reserve(end - at + 2)
      const bytes = this.#bytes
      let to = this.#length
      bytes[to++] = QUOTE
      while (from < end) {
        const byte = source[from] as number
        if (PLAIN[byte] !== 1) break
        bytes[to++] = byte
        from++
      }
      if (from === end) {
        bytes[to++] = QUOTE
        this.#length = to
        return true
      }
      this.#length = to
    } else this.byte(QUOTE)
    if (!this.#runs(source, from, end)) return false
    this.byte(QUOTE)
    return true
  }

  /** Bytes as base64, without quotes. */
  base64(source: Uint8Array, at: number, end: number): void {
    let from = at
    while (from + 3 <= end) {
      const stop = Math.min(end - 2, from + STEP_BYTES)
      this.#reserve(Math.ceil((stop - from) / 3) * 4)
      const bytes = this.#bytes
      let to = this.#length
      for (; from < stop; from += 3) {
        const group =
          ((source[from] as number) << 16) | ((source[from + 1] as number) << 8) | (source[from + 2] as number)
        bytes[to++] = BASE64[group >> 18] as number
        bytes[to++] = BASE64[(group >> 12) & 0x3f] as number
        bytes[to++] = BASE64[(group >> 6) & 0x3f] as number
        bytes[to++] = BASE64[group & 0x3f] as number
      }
      this.#length = to
    }
    if (from === end) return
    const first = source[from] as number
    const second = from + 1 < end ? (source[from + 1] as number) : 0
    this.byte(BASE64[first >> 2] as number)
    this.byte(BASE64[((first & 3) << 4) | (second >> 4)] as number)
    this.byte(from + 1 < end ? (BASE64[(second & 0xf) << 2] as number) : PADDING)
    this.byte(PADDING)
  }

  /** Copy text, escaping what must be. @returns false where it is not UTF-8. */
  #runs(source: Uint8Array, at: number, end: number): boolean {
    let from = at
    while (from < end) {
      const to = textEnd(source, from, end)
      this.#copy(source, from, to)
      if (to === end) return true
      const byte = source[to] as number
      if (byte >= 0x80) return false
      this.#escape(byte)
      from = to + 1
    }
    return true
  }

  #escape(byte: number): void {
    this.#reserve(6)
    this.#bytes[this.#length++] = BACKSLASH
    const short = SHORT_ESCAPES[byte] as number
    if (short !== 0) {
      this.#bytes[this.#length++] = short
      return
    }
    this.#bytes[this.#length++] = LOWER_U
    this.#bytes[this.#length++] = ZERO
    this.#bytes[this.#length++] = ZERO
    this.#bytes[this.#length++] = HEX[byte >> 4] as number
    this.#bytes[this.#length++] = HEX[byte & 0xf] as number
  }

  #copy(source: Uint8Array, at: number, end: number): void {
    if (end - at > LOOP_BYTES) {
      this.#copyRun(source, at, end)
      return
    }
    this.#reserve(end - at)
    const bytes = this.#bytes
    let to = this.#length
    for (let from = at; from < end; from++) bytes[to++] = source[from] as number
    this.#length = to
  }

  #copyRun(source: Uint8Array, at: number, end: number): void {
    for (let from = at; from < end; ) {
      if (this.#length >= this.#bytes.length) this.#next()
      const to = Math.min(end, from + this.#bytes.length - this.#length)
      this.#bytes.set(source.subarray(from, to), this.#length)
      this.#length += to - from
      from = to
    }
  }

  /** The number m / 10^e without an exponent. */
  #fraction(m: number, e: number): void {
    this.#reserve(48)
    let width = 1
    for (let limit = 10; m >= limit; limit *= 10) width++
    // As many digits in front as are missing for `0.0m`.
    for (let missing = e + 1 - width; missing > 0; missing--) this.#bytes[this.#length++] = ZERO
    this.digits(m)
    const point = this.#length - e
    this.#bytes.copyWithin(point + 1, point, this.#length)
    this.#bytes[point] = 0x2e
    this.#length++
  }

  #reserve(sizeBytes: number): void {
    if (this.#length + sizeBytes > this.#bytes.length) this.#next()
  }

  /** Make room: a full piece is put aside. */
  #next(): void {
    const before = this.#bytes.subarray(0, this.#length)
    this.#bytes = new Uint8Array(PIECE_BYTES)
    if (before.length <= FIRST_BYTES) this.#bytes.set(before)
    else {
      this.#full.push(before)
      this.#length = 0
    }
  }
}
