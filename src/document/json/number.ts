/** Number literals of JSON, read from their bytes. A string is made of those only that need `Number` or `BigInt`.
 *
 * The numbers are those that `Number(literal)` gives: a quotient or product of two integers that numbers hold exactly
 * is rounded once.
 * @module */
import { survives } from '../../codec/json-parse.ts'
import { BYTE } from './bytes.ts'
import type { JsonSink } from './typed.ts'

/** The literal may go on behind the end of the bytes. */
export const NUMBER_CUT = -1
/** `NUMBER_INVALID - p`: what is at p cannot be there. */
export const NUMBER_INVALID = -2

/** Reading a bigint takes more than linear time on some runtimes. */
const INTEGER_DIGITS_MAX = 100_000
const POWERS: readonly number[] = Array.from({ length: 23 }, (_, e) => Number(`1e${e}`))
const POWER_MAX = 22
/** All decimals of up to 15 digits survive in a number. */
const SURVIVING_END = 1e15
/** From here on the scaled form takes more bytes than the float. */
const SCALED_END = 2 ** 49
const EXPONENT_MAX = 1e6
const CHARS_AT_ONCE = 4_096

interface Literal {
  readonly bytes: Uint8Array
  readonly at: number
  readonly end: number
  readonly sink: JsonSink
}

export class NumberReader {
  /** What is wrong with a literal that is JSON. */
  fault: string | undefined
  readonly #exact: boolean

  /** @param exact whether literals that a number cannot hold are refused. */
  constructor(exact: boolean) {
    this.#exact = exact
  }

  /** Read the literal that begins at `at`, and give the sink its number.
   * @returns where it ends, `NUMBER_CUT`, or `NUMBER_INVALID - p`, with a `fault` if not for the byte at p. */
  read(bytes: Uint8Array, at: number, { end, sink }: { end: number; sink: JsonSink }): number {
    const first = bytes[at] === BYTE.minus ? at + 1 : at
    if (first === end) return NUMBER_CUT
    let to = first
    let byte = bytes[to] as number
    let m = 0
    if (byte === BYTE.zero) to++
    else {
      while (byte >= BYTE.zero && byte <= BYTE.nine) {
        m = m * 10 + (byte - BYTE.zero)
        if (++to === end) return NUMBER_CUT
        byte = bytes[to] as number
      }
      if (to === first) return NUMBER_INVALID - to
    }
    if (to === end) return NUMBER_CUT
    byte = bytes[to] as number
    if (byte === BYTE.dot) return this.#fraction({ bytes, at, end, sink }, m, to + 1)
    if ((byte | 0x20) === BYTE.lowerE) return this.#exponent({ bytes, at, end, sink }, { m, e: 0, to })
    if (m <= Number.MAX_SAFE_INTEGER) sink.number(first === at ? m : -m)
    else if (to - first <= INTEGER_DIGITS_MAX) sink.bigint(BigInt(textOf(bytes, at, to)))
    else return this.#refuse(at, 'an integer too long')
    return to
  }

  #fraction(literal: Literal, whole: number, from: number): number {
    const { bytes, end, sink } = literal
    let m = whole
    let to = from
    let byte = 0
    for (; to < end; to++) {
      byte = bytes[to] as number
      if (byte < BYTE.zero || byte > BYTE.nine) break
      m = m * 10 + (byte - BYTE.zero)
    }
    if (to === end) return NUMBER_CUT
    if (to === from) return NUMBER_INVALID - to
    const e = to - from
    if ((byte | 0x20) === BYTE.lowerE) return this.#exponent(literal, { m, e, to })
    if (!this.#exact && m > Number.MAX_SAFE_INTEGER && e <= POWER_MAX) {
      const value = longDecimal(bytes, literal.at, to)
      if (value !== undefined) {
        sink.number(value)
        return to
      }
    }
    return this.#emit({ bytes, at: literal.at, end: to, sink }, { m, e, last: bytes[to - 1] as number })
  }

  #exponent(literal: Literal, { m, e, to }: { m: number; e: number; to: number }): number {
    const { bytes, end, sink } = literal
    let from = to + 1
    if (from === end) return NUMBER_CUT
    const sign = bytes[from] as number
    if (sign === BYTE.plus || sign === BYTE.minus) from++
    let exponent = 0
    let last = from
    for (; last < end; last++) {
      const byte = bytes[last] as number
      if (byte < BYTE.zero || byte > BYTE.nine) break
      exponent = Math.min(exponent * 10 + (byte - BYTE.zero), EXPONENT_MAX)
    }
    if (last === end) return NUMBER_CUT
    if (last === from) return NUMBER_INVALID - last
    const scale = sign === BYTE.minus ? e + exponent : e - exponent
    return this.#emit({ bytes, at: literal.at, end: last, sink }, { m, e: scale, last: bytes[to - 1] as number })
  }

  /** Give the sink the number m / 10^e. `last` is the last digit of m. @returns as `read`. */
  #emit({ bytes, at, end, sink }: Literal, { m, e, last }: { m: number; e: number; last: number }): number {
    const sign = bytes[at] === BYTE.minus ? -1 : 1
    if (m === 0) sink.number(sign * m)
    else if (m < (this.#exact ? SURVIVING_END : Number.MAX_SAFE_INTEGER) && Math.abs(e) <= POWER_MAX) {
      let digits = m
      let scale = e
      // One form for 1.5 and 1.50.
      if (last === BYTE.zero) for (; scale > 0 && digits % 10 === 0; scale--) digits /= 10
      if (scale <= 0) sink.number(sign * digits * (POWERS[-scale] as number))
      else if (digits < SCALED_END) sink.scaled(sign * digits, scale)
      else sink.number((sign * digits) / (POWERS[scale] as number))
    } else {
      const text = textOf(bytes, at, end)
      const value = Number(text)
      if (this.#exact && !survives(text, value)) {
        return this.#refuse(at, 'a number with more digits than a number holds')
      }
      sink.number(value)
    }
    return end
  }

  #refuse(at: number, fault: string): number {
    this.fault = fault
    return NUMBER_INVALID - at
  }
}

/** The ASCII text of a literal. */
function textOf(bytes: Uint8Array, at: number, end: number): string {
  let text = ''
  for (let from = at; from < end; from += CHARS_AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(from, Math.min(end, from + CHARS_AT_ONCE)))
  }
  return text
}

const HIGH_DIGITS = 8
const LONG_DIGITS = 19
/** 2^27 + 1 cuts a number into two of 26 bits, whose products are exact. */
const SPLIT = 134_217_729
/** Twice the rounding errors of the correction, and more. */
const DOUBT = 2 ** -49

/** The number of a literal without exponent of up to 19 digits and 22 decimals; undefined where that is in doubt.
 *
 * The digits m are held exactly as two numbers. q = m / 10^e is rounded, and what is left of m after q * 10^e gives a
 * correction whose relative error is below 2^-51. If the sum rounds to the same number at both ends of more than that
 * error, it is the nearest one. */
function longDecimal(bytes: Uint8Array, at: number, end: number): number | undefined {
  let high = 0
  let low = 0
  let digits = 0
  let decimals = -1
  for (let to = at; to < end; to++) {
    const digit = (bytes[to] as number) - BYTE.zero
    if (decimals >= 0) decimals++
    // A dot or a minus.
    if (digit < 0) decimals = bytes[to] === BYTE.dot ? 0 : decimals
    else if (digits > 0 || digit > 0) {
      if (digits++ < HIGH_DIGITS) high = high * 10 + digit
      else low = low * 10 + digit
    }
  }
  if (digits > LONG_DIGITS) return undefined
  const power = POWERS[decimals] as number
  const shifted = high * (POWERS[digits - HIGH_DIGITS] as number)
  const m = shifted + low
  const mRest = low - (m - shifted)
  const q = m / power
  const product = q * power
  const left = m - product - productRest(q, power, product) + mRest
  const correction = left / power
  const doubt = Math.abs(correction) * DOUBT
  const value = q + (correction - doubt)
  if (value !== q + (correction + doubt)) return undefined
  return bytes[at] === BYTE.minus ? -value : value
}

/** What rounding took from the product of two numbers (Dekker). */
function productRest(a: number, b: number, product: number): number {
  const aHigh = a * SPLIT - (a * SPLIT - a)
  const bHigh = b * SPLIT - (b * SPLIT - b)
  const aLow = a - aHigh
  const bLow = b - bHigh
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)
}
