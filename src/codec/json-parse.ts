/** A JSON parser that does not recurse, knows positions, and reads integers past 2^53 - 1 as bigint.
 * @module */
import { VarveError } from '../errors.ts'

/** Containers inside each other, as in documents. */
export const DEPTH_MAX = 1_024
/** Reading a bigint takes more than linear time on some runtimes. */
const INTEGER_DIGITS_MAX = 100_000

/** `$type` itself, or escapes that could spell it, or an integer that could be past 2^53 - 1. */
const NEEDS_PARSER = /\$type|\\u00|\d{16}/
/** Numbers of up to 15 digits and no exponent survive. */
const MAY_LOSE_DIGITS = /[\d.]{16}|\d[eE]/

/** Whether `JSON.parse` reads the text as the dialect means it. A text it refuses may pass too. */
export function readsNatively(text: string, exact: boolean): boolean {
  return !NEEDS_PARSER.test(text) && !(exact && MAY_LOSE_DIGITS.test(text)) && depthWithin(text)
}

/** Every level takes two characters, so that short texts need no look. */
function depthWithin(text: string): boolean {
  if (text.length <= DEPTH_MAX * 2) return true
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = closingQuote(text, at)
    else if (code === BRACE || code === BRACKET) {
      if (++depth > DEPTH_MAX) return false
    } else if (code === BRACE_END || code === BRACKET_END) depth--
  }
  return true
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const BRACKET = 0x5b
const BRACKET_END = 0x5d
const BRACE = 0x7b
const BRACE_END = 0x7d
const COMMA = 0x2c
const COLON = 0x3a

/** Position of the quote that ends the text begun at `from`, or the end of the input. */
function closingQuote(text: string, from: number): number {
  let at = from + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    at += code === BACKSLASH ? 2 : 1
  }
  return text.length
}

interface Open {
  readonly target: unknown[] | Record<string, unknown>
  readonly start: number
  key: string
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y

export class JsonParser {
  /** Objects whose first key is `$type` with a name of the dialect, and where they begin. */
  readonly typed = new Map<object, number>()
  readonly #text: string
  readonly #exact: boolean
  readonly #open: Open[] = []
  #at = 0

  constructor(text: string, exact: boolean) {
    this.#text = text
    this.#exact = exact
  }

  /** @throws {VarveError} `JSON_INVALID`. */
  parse(): unknown {
    for (;;) {
      let value = this.#begin()
      for (;;) {
        if (value === BEGUN) break
        const top = this.#open.at(-1)
        if (top === undefined) {
          if (!Number.isNaN(this.#peek())) throw this.#unexpected()
          return value
        }
        this.#put(top, value)
        if (!this.#ends(top)) break
        this.#open.pop()
        value = top.target
      }
    }
  }

  /** Read a scalar, an empty container, or the beginning of another one up to its first value. */
  #begin(): unknown {
    const code = this.#peek()
    if (code === BRACE || code === BRACKET) {
      if (this.#open.length >= DEPTH_MAX) throw invalidJson(this.#text, this.#at, `more than ${DEPTH_MAX} levels`)
      const target = code === BRACE ? {} : []
      const top: Open = { target, start: this.#at++, key: '' }
      if (this.#peek() === (code === BRACE ? BRACE_END : BRACKET_END)) {
        this.#at++
        return target
      }
      this.#open.push(top)
      if (code === BRACE) this.#key(top)
      return BEGUN
    }
    if (code === QUOTE) return this.#string()
    for (const [word, value] of WORDS) {
      if (!this.#text.startsWith(word, this.#at)) continue
      this.#at += word.length
      return value
    }
    return this.#number()
  }

  /** Whether the container ends here; otherwise the next value follows. */
  #ends(top: Open): boolean {
    const isArray = Array.isArray(top.target)
    const code = this.#peek()
    if (code === (isArray ? BRACKET_END : BRACE_END)) {
      this.#at++
      return true
    }
    if (code !== COMMA) throw this.#unexpected()
    this.#at++
    if (!isArray) this.#key(top)
    return false
  }

  #key(top: Open): void {
    if (this.#peek() !== QUOTE) throw this.#unexpected()
    top.key = this.#string()
    if (this.#peek() !== COLON) throw this.#unexpected()
    this.#at++
  }

  #put(top: Open, value: unknown): void {
    const { target, key } = top
    if (Array.isArray(target)) target.push(value)
    else if (key === '__proto__') {
      Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
    } else {
      if (this.typed.size > 0 && this.typed.has(target) && Object.hasOwn(target, key)) {
        throw invalidJson(this.#text, top.start, `a "$type" object with "${key}" twice`)
      }
      if (key === '$type' && TYPES.has(value) && isEmpty(target)) this.typed.set(target, top.start)
      target[key] = value
    }
  }

  #string(): string {
    const start = this.#at
    const end = closingQuote(this.#text, start)
    if (end >= this.#text.length) throw invalidJson(this.#text, this.#text.length, 'the end inside a string')
    this.#at = end + 1
    try {
      return JSON.parse(this.#text.slice(start, end + 1))
    } catch {
      throw invalidJson(this.#text, start, 'a string with a bad escape or a control character')
    }
  }

  #number(): unknown {
    const start = this.#at
    NUMBER.lastIndex = start
    const match = NUMBER.exec(this.#text)
    if (match === null) throw this.#unexpected()
    const literal = match[0]
    this.#at += literal.length
    const value = Number(literal)
    if (match[1] === undefined && match[2] === undefined && !Number.isSafeInteger(value)) {
      if (literal.length > INTEGER_DIGITS_MAX) throw invalidJson(this.#text, start, 'an integer too long')
      return BigInt(literal)
    }
    if (this.#exact && !survives(literal, value)) {
      throw invalidJson(this.#text, start, 'a number with more digits than a number holds')
    }
    return value
  }

  /** The code of the next character that is no blank, NaN at the end. */
  #peek(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code
      this.#at++
    }
  }

  #unexpected(): VarveError {
    const character = this.#text[this.#at]
    return invalidJson(this.#text, this.#at, character === undefined ? 'the end' : JSON.stringify(character))
  }
}

/** What `#begin` returns when values of a container follow. */
const BEGUN = Symbol('begun')
/** The names of the dialect. */
const TYPES: ReadonlySet<unknown> = new Set(['bytes', 'date', 'number', 'object'])
const WORDS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]

function isEmpty(object: object): boolean {
  for (const _key in object) return false
  return true
}

/** Whether a literal and the shortest text of its number are the same decimal. */
export function survives(literal: string, value: number): boolean {
  return Number.isFinite(value) && decimal(literal) === decimal(String(value))
}

/** A decimal without leading and trailing zeros: its digits, and the power of ten of the last one. */
function decimal(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.replace(/^-/, '').toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  const trimmed = digits.replace(/0+$/, '')
  if (trimmed === '') return '0'
  return `${trimmed}e${Number(exponent) - fraction.length + digits.length - trimmed.length}`
}

/** `JSON_INVALID` with the position (characters from 0), line and column (from 1). */
export function invalidJson(text: string, position: number, found: string): VarveError {
  const before = text.slice(0, position)
  const line = before.split('\n').length
  const column = position - before.lastIndexOf('\n')
  const message = `Cannot read JSON at line ${line}, column ${column}: found ${found}`
  return new VarveError('JSON_INVALID', message, { details: { position, line, column, found } })
}
