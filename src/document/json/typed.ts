/** Objects whose first key is `$type`: bytes, dates, odd numbers and wrapped objects of the JSON dialect.
 *
 * Such an object is held back from the output until it is clear what it is. One with another `$type` is itself, and
 * what was held back is written then; one of the four names must be written as the dialect says.
 * @module */

import type { DocumentOutput } from '../write/output.ts'
import { type JsonPlace, jsonError } from './error.ts'

/** What a reader of JSON calls. */
export type JsonSink = Pick<
  DocumentOutput,
  | 'null'
  | 'boolean'
  | 'number'
  | 'bigint'
  | 'string'
  | 'utf8'
  | 'scaled'
  | 'beginObject'
  | 'endObject'
  | 'beginArray'
  | 'endArray'
  | 'key'
  | 'keyUtf8'
>

/** By name, the key of the one other field. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['bytes', 'base64'],
  ['date', 'at'],
  ['number', 'value'],
  ['object', 'value'],
])
const LONGEST_NAME = 6
const ODD_NUMBERS: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity', '-0'])
const TYPE = Uint8Array.from('$type', (letter) => letter.charCodeAt(0))

/** Whether a key is `$type`. */
export function isTypeKey(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at === TYPE.length && TYPE.every((byte, index) => bytes[at + index] === byte)
}

type Expected = 'name' | 'key' | 'value' | 'end'
/** `plain`: the object is itself. `wrapped`: an object that only wraps the one that begins. `done`: it was a value. */
export type TypedEnd = 'plain' | 'wrapped' | 'done'

/** Takes the place of the output behind the key `$type`, until it calls `leave`. */
export class TypedObject implements JsonSink {
  readonly #output: DocumentOutput
  readonly #leave: (end: TypedEnd) => void
  #place: JsonPlace = { position: 0, line: 1, column: 1 }
  #expected: Expected = 'name'
  #name = ''

  constructor(output: DocumentOutput, leave: (end: TypedEnd) => void) {
    this.#output = output
    this.#leave = leave
  }

  /** Begin behind a key `$type` at this place. */
  begin(place: JsonPlace): void {
    this.#place = place
    this.#expected = 'name'
  }

  /** Whether the object that begins now is wrapped, so that a `$type` in it means nothing. */
  get wraps(): boolean {
    return this.#expected === 'value' && this.#name === 'object'
  }

  /** The value of `$type` is no name: the object is itself. */
  settle(): void {
    if (this.#expected !== 'name') throw this.#invalid()
    this.#output.beginObject()
    this.#output.key('$type')
    this.#leave('plain')
  }

  utf8(bytes: Uint8Array, start: number, end: number): void {
    if (this.#expected === 'name') {
      const name = textUpTo(LONGEST_NAME, bytes.subarray(start, end))
      if (FIELDS.has(name)) {
        this.#name = name
        this.#expected = 'key'
        return
      }
      this.settle()
      this.#output.utf8(bytes, start, end)
    } else if (this.#expected === 'value' && this.#name === 'bytes') {
      const value = decodeBase64(bytes.subarray(start, end))
      if (value === undefined) throw this.#invalid()
      this.#output.bytes(value)
      this.#expected = 'end'
    } else {
      const text = textUpTo('-Infinity'.length, bytes.subarray(start, end))
      if (this.#expected !== 'value' || this.#name !== 'number' || !ODD_NUMBERS.has(text)) throw this.#invalid()
      this.#output.number(Number(text))
      this.#expected = 'end'
    }
  }

  number(value: number): void {
    if (this.#expected === 'value' && this.#name === 'date' && new Date(value).getTime() === value) {
      this.#output.date(value)
      this.#expected = 'end'
      return
    }
    this.settle()
    this.#output.number(value)
  }

  keyUtf8(bytes: Uint8Array, start: number, end: number): void {
    const key = textUpTo(LONGEST_NAME, bytes.subarray(start, end))
    if (this.#expected !== 'key' || FIELDS.get(this.#name) !== key) throw this.#invalid()
    this.#expected = 'value'
  }

  beginObject(): void {
    if (this.wraps) this.#leave('wrapped')
    else this.settle()
    this.#output.beginObject()
  }

  endObject(): void {
    if (this.#expected !== 'end') throw this.#invalid()
    this.#leave('done')
  }

  null(): void {
    this.settle()
    this.#output.null()
  }

  boolean(value: boolean): void {
    this.settle()
    this.#output.boolean(value)
  }

  bigint(value: bigint): void {
    this.settle()
    this.#output.bigint(value)
  }

  scaled(m: number, e: number): void {
    this.settle()
    this.#output.scaled(m, e)
  }

  string(value: string): void {
    this.settle()
    this.#output.string(value)
  }

  beginArray(): void {
    this.settle()
    this.#output.beginArray()
  }

  /** The array began in the output. */
  endArray(): void {
    throw this.#invalid()
  }

  /** A key that is not UTF-8 is none of the dialect. */
  key(): void {
    throw this.#invalid()
  }

  #invalid(): Error {
    return jsonError(this.#place, `a "$type" of "${this.#name}" that is not written as it must be`)
  }
}

/** Short ASCII text; empty for any other. */
function textUpTo(length: number, bytes: Uint8Array): string {
  return bytes.length <= length ? String.fromCharCode(...bytes) : ''
}

const DIGITS = new Int8Array(256).fill(-1)
for (const [value, digit] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  DIGITS[digit.charCodeAt(0)] = value
}
const PADDING = 0x3d

/** Without a string of it: base64 may be as long as a scalar may be. @returns undefined for what is not base64. */
function decodeBase64(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  let end = text.length
  while (end > text.length - 2 && text[end - 1] === PADDING) end--
  const bytes = new Uint8Array(Math.floor((end * 3) / 4))
  let to = 0
  for (let at = 0; at < end; at += 4) {
    const a = DIGITS[text[at] as number] as number
    const b = at + 1 < end ? (DIGITS[text[at + 1] as number] as number) : -1
    const c = at + 2 < end ? (DIGITS[text[at + 2] as number] as number) : 0
    const d = at + 3 < end ? (DIGITS[text[at + 3] as number] as number) : 0
    if ((a | b | c | d) < 0) return undefined
    const group = (a << 18) | (b << 12) | (c << 6) | d
    // What lies behind the end is dropped by the array.
    bytes[to++] = group >> 16
    bytes[to++] = (group >> 8) & 0xff
    bytes[to++] = group & 0xff
  }
  return bytes
}
