/** The text of a path to its steps.
 *
 * ```
 * path    = [ field / element / integer / keyed ] *( "." field / element / integer / keyed )
 * field   = bare / quoted / "*"
 * element = "[" ( index / "*" / [ index ] ":" [ index ] ) "]"      index without leading zeros, below 2^53
 * integer = "{" ( [ "-" ] index / "*" ) "}"
 * keyed   = "(" ( bare / quoted ) ")"
 * bare    = 1*( letter / digit of ASCII / "_" / "$" / "-" / character past U+00A0 that is no blank )
 * quoted  = string of JSON, also in single quotes, where \' is one
 * ```
 * Positions in errors count UTF-16 units from 0.
 * @module */
import { VarveError } from '../../errors.ts'
import { bareEnd, foundAt, shownPath } from './format.ts'
import { STEPS_MAX, type Step, tooManySteps } from './steps.ts'

const QUOTE = 0x22
const APOSTROPHE = 0x27
const OPEN_KEYED = 0x28
const CLOSE_KEYED = 0x29
const STAR = 0x2a
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const COLON = 0x3a
const OPEN_INDEX = 0x5b
const BACKSLASH = 0x5c
const CLOSE_INDEX = 0x5d
const OPEN_INT = 0x7b
const CLOSE_INT = 0x7d
const HEX4 = /^[0-9a-fA-F]{4}$/
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ...['"', "'", '\\', '/'].map((same): [string, string] => [same, same]),
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

/** Cost: one pass. @throws {VarveError} `PATH_INVALID` {path, position, found, expected}. */
export function parseSteps(text: string): Step[] {
  if (typeof text !== 'string') {
    throw new VarveError('PATH_INVALID', 'Path is no text', { details: { position: 0, found: typeof text } })
  }
  return new Parser(text).steps()
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  steps(): Step[] {
    const steps: Step[] = []
    while (this.#at < this.#text.length) {
      if (steps.length === STEPS_MAX) {
        const position = this.#at
        throw tooManySteps({ path: shownPath(this.#text), position, found: foundAt(this.#text, position) })
      }
      steps.push(this.#step(steps.length === 0))
    }
    return steps
  }

  #step(first: boolean): Step {
    switch (this.#text.charCodeAt(this.#at)) {
      case OPEN_INDEX:
        this.#at++
        return this.#element()
      case OPEN_INT:
        this.#at++
        return this.#integer()
      case OPEN_KEYED: {
        this.#at++
        const key = this.#key()
        this.#take(CLOSE_KEYED, '")"')
        return { type: 'keyed', key }
      }
      case DOT:
        if (first) throw this.#bad('a field, "[", "{" or "("')
        this.#at++
        return this.#field()
      default:
        if (!first) throw this.#bad('".", "[", "{" or "("')
        return this.#field()
    }
  }

  #field(): Step {
    if (this.#text.charCodeAt(this.#at) !== STAR) return { type: 'field', key: this.#key() }
    this.#at++
    return { type: 'anyField' }
  }

  #element(): Step {
    if (this.#text.charCodeAt(this.#at) === STAR) {
      this.#at++
      this.#take(CLOSE_INDEX, '"]"')
      return { type: 'anyIndex' }
    }
    const from = this.#text.charCodeAt(this.#at) === COLON ? 0 : this.#digits('an index, "*" or ":"')
    if (this.#text.charCodeAt(this.#at) !== COLON) {
      this.#take(CLOSE_INDEX, '"]" or ":"')
      return { type: 'index', index: from }
    }
    this.#at++
    if (this.#text.charCodeAt(this.#at) === CLOSE_INDEX) {
      this.#at++
      return { type: 'slice', from }
    }
    const position = this.#at
    const to = this.#digits('an index or "]"')
    this.#take(CLOSE_INDEX, '"]"')
    if (to < from) throw this.#bad('an end that is not before the beginning', position)
    return { type: 'slice', from, to }
  }

  #integer(): Step {
    const unit = this.#text.charCodeAt(this.#at)
    if (unit === STAR) {
      this.#at++
      this.#take(CLOSE_INT, '"}"')
      return { type: 'anyIntKey' }
    }
    if (unit === MINUS) this.#at++
    const position = this.#at
    const digits = this.#digits(unit === MINUS ? 'a digit' : 'an integer or "*"')
    if (unit === MINUS && digits === 0) throw this.#bad('a digit from 1 to 9', position)
    this.#take(CLOSE_INT, '"}"')
    return { type: 'intKey', key: unit === MINUS ? -digits : digits }
  }

  #digits(expected: string): number {
    const start = this.#at
    let value = 0
    for (let unit = this.#text.charCodeAt(this.#at); unit >= ZERO && unit <= ZERO + 9; ) {
      if (this.#at > start && value === 0) throw this.#bad('a number without leading zeros', start)
      value = value * 10 + (unit - ZERO)
      if (value > Number.MAX_SAFE_INTEGER) throw this.#bad('a number below 2^53', start)
      unit = this.#text.charCodeAt(++this.#at)
    }
    if (this.#at === start) throw this.#bad(expected)
    return value
  }

  #key(): string {
    const quote = this.#text.charCodeAt(this.#at)
    if (quote === QUOTE || quote === APOSTROPHE) return this.#quoted(quote)
    const start = this.#at
    this.#at = bareEnd(this.#text, start)
    if (this.#at === start) throw this.#bad('a field')
    return this.#text.slice(start, this.#at)
  }

  #quoted(quote: number): string {
    const mark = quote === QUOTE ? '"' : "'"
    let key = ''
    let from = ++this.#at
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at)
      if (unit === quote) {
        key += this.#text.slice(from, this.#at++)
        return key
      }
      if (unit === BACKSLASH) {
        key += this.#text.slice(from, this.#at++) + this.#escape()
        from = this.#at
      } else if (unit >= 0x20) this.#at++
      // NaN at the end of the text comes here, too.
      else throw this.#bad(unit < 0x20 ? 'an escape, as control characters need' : `the closing ${mark}`)
    }
  }

  /** What follows a backslash. */
  #escape(): string {
    const letter = this.#text[this.#at] ?? ''
    if (letter !== 'u') {
      const meant = ESCAPES.get(letter)
      if (meant === undefined) throw this.#bad('an escape of JSON')
      this.#at++
      return meant
    }
    const hex = this.#text.slice(this.#at + 1, this.#at + 5)
    if (!HEX4.test(hex)) throw this.#bad('four hexadecimal digits', this.#at + 1)
    this.#at += 5
    return String.fromCharCode(Number.parseInt(hex, 16))
  }

  #take(unit: number, expected: string): void {
    if (this.#text.charCodeAt(this.#at) !== unit) throw this.#bad(expected)
    this.#at++
  }

  #bad(expected: string, position = this.#at): VarveError {
    const found = foundAt(this.#text, position)
    const message = `Path cannot be read at position ${position}: expected ${expected}, found ${found}`
    return new VarveError('PATH_INVALID', message, {
      details: { path: shownPath(this.#text), position, found, expected },
    })
  }
}
