/** Structural events: a value as a flat run of begin, end, key and scalar codes. It holds every value of the table.
 *
 * | code | event | then |
 * |---|---|---|
 * | `00` `01` `02` | Null, false, true | |
 * | `03` `04` | Int n, Int -1 - n | varint n, n < 2^53 |
 * | `05` | Float | f64 |
 * | `06` `07` | String, String with lone surrogates | varint bytes, UTF-8 or WTF-8 |
 * | `08` `09` | BigInt n, BigInt -1 - n | varint bytes, n lowest byte first, no zero byte at the end |
 * | `0a` | Binary | varint bytes, bytes |
 * | `0b` | Timestamp | f64, whole milliseconds since 1970 |
 * | `0c` `0d` | Key, Key with lone surrogates | varint bytes, UTF-8 or WTF-8 |
 * | `10` `11` | BeginObject, EndObject | between them: a key, a value, and so on |
 * | `12` `13` | BeginArray, EndArray | |
 * | `40`-`7f` | Int 0 to 63 | |
 * | `80`-`bf` | String of 0 to 63 bytes | UTF-8 |
 * | `c0`-`ff` | Key of 0 to 63 bytes | UTF-8 |
 *
 * f64 are little-endian. Other codes are refused. Encoding and decoding do not recurse.
 * @module */
import { VarveError } from '../errors.ts'
import { decodeWtf8, utf8Length, type ValueBuffer } from './value-buffer.ts'
import type { ValueSink } from './value-walk.ts'

/** Containers inside each other that a decoder follows: the depth of documents. */
const DEPTH_MAX = 1_024
const SHORT_END = 64

const CODE = {
  null: 0x00,
  false: 0x01,
  true: 0x02,
  int: 0x03,
  negativeInt: 0x04,
  float: 0x05,
  string: 0x06,
  bigint: 0x08,
  negativeBigint: 0x09,
  binary: 0x0a,
  timestamp: 0x0b,
  key: 0x0c,
  beginObject: 0x10,
  endObject: 0x11,
  beginArray: 0x12,
  endArray: 0x13,
  shortInt: 0x40,
  shortString: 0x80,
  shortKey: 0xc0,
} as const

/** Added to `string` and `key`: the text has lone surrogates and is WTF-8. */
const WTF8 = 1

/** Writes a walk as structural events; holds everything. */
export class StructuralSink implements ValueSink {
  readonly #out: ValueBuffer

  constructor(out: ValueBuffer) {
    this.#out = out
  }

  null(): void {
    this.#out.byte(CODE.null)
  }

  boolean(value: boolean): void {
    this.#out.byte(value ? CODE.true : CODE.false)
  }

  number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#float(CODE.float, value)
    else if (value >= 0 && value < SHORT_END) this.#out.byte(CODE.shortInt | value)
    else {
      this.#out.byte(value < 0 ? CODE.negativeInt : CODE.int)
      this.#out.varint(value < 0 ? -1 - value : value)
    }
  }

  string(value: string): boolean {
    this.#text(value, CODE.shortString, CODE.string)
    return true
  }

  bigint(value: bigint): boolean {
    const digits = (value < 0n ? -1n - value : value).toString(16)
    // No digit for zero, and an even number otherwise.
    const hex = digits === '0' ? '' : digits.length % 2 === 0 ? digits : `0${digits}`
    this.#out.byte(value < 0n ? CODE.negativeBigint : CODE.bigint)
    this.#out.varint(hex.length / 2)
    this.#out.ensure(hex.length / 2)
    for (let end = hex.length; end > 0; end -= 2) {
      this.#out.bytes[this.#out.length++] = Number.parseInt(hex.slice(end - 2, end), 16)
    }
    return true
  }

  bytes(value: Uint8Array): void {
    this.#out.byte(CODE.binary)
    this.#out.varint(value.length)
    this.#out.append(value)
  }

  date(value: number): boolean {
    this.#float(CODE.timestamp, value)
    return true
  }

  beginArray(): void {
    this.#out.byte(CODE.beginArray)
  }

  endArray(): void {
    this.#out.byte(CODE.endArray)
  }

  beginObject(): 'keyed' {
    this.#out.byte(CODE.beginObject)
    return 'keyed'
  }

  key(key: string): boolean {
    this.#text(key, CODE.shortKey, CODE.key)
    return true
  }

  endObject(): void {
    this.#out.byte(CODE.endObject)
  }

  #float(code: number, value: number): void {
    this.#out.byte(code)
    this.#out.ensure(8)
    this.#out.view.setFloat64(this.#out.length, value, true)
    this.#out.length += 8
  }

  #text(text: string, short: number, long: number): void {
    const wellFormed = text.isWellFormed()
    const sizeBytes = utf8Length(text)
    if (wellFormed && sizeBytes < SHORT_END) this.#out.byte(short | sizeBytes)
    else {
      this.#out.byte(wellFormed ? long : long + WTF8)
      this.#out.varint(sizeBytes)
    }
    // The one writer of UTF-8 wants three bytes a character.
    this.#out.ensure(text.length * 3)
    if (wellFormed) this.#out.length = this.#out.utf8(text, this.#out.length)
    else this.#out.wtf8(text)
  }
}

/** Decode one value filling `bytes`. Nothing in the result refers to `bytes`.
 * @throws {VarveError} `DECODE_FAILED`: damaged, or more than 1,024 containers inside each other. */
export function decodeStructural(bytes: Uint8Array): unknown {
  return new StructuralReader(bytes).read()
}

interface OpenContainer {
  readonly target: unknown[] | Record<string, unknown>
  key: string | undefined
}

class StructuralReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  read(): unknown {
    const open: OpenContainer[] = []
    for (;;) {
      const top = open.at(-1)
      let value: unknown
      const code = this.#byte()
      if (code === CODE.endObject || code === CODE.endArray) {
        if (top === undefined || top.key !== undefined || Array.isArray(top.target) !== (code === CODE.endArray)) {
          throw this.#damaged('an end without its beginning')
        }
        value = top.target
        open.pop()
      } else if (code >= CODE.shortKey || code === CODE.key || code === CODE.key + WTF8) {
        if (top === undefined || top.key !== undefined || Array.isArray(top.target)) throw this.#damaged('a key')
        top.key = this.#text(code, CODE.shortKey)
        continue
      } else {
        if (top !== undefined && top.key === undefined && !Array.isArray(top.target)) throw this.#damaged('no key')
        if (code === CODE.beginObject || code === CODE.beginArray) {
          if (open.length >= DEPTH_MAX) throw this.#damaged('too many levels')
          open.push({ target: code === CODE.beginArray ? [] : {}, key: undefined })
          continue
        }
        value = this.#scalar(code)
      }
      const parent = open.at(-1)
      if (parent === undefined) {
        if (this.#position !== this.#bytes.length) throw this.#damaged('bytes after the end')
        return value
      }
      put(parent, value)
    }
  }

  #scalar(code: number): unknown {
    if (code >= CODE.shortString) return this.#text(code, CODE.shortString)
    if (code >= CODE.shortInt) return code - CODE.shortInt
    switch (code) {
      case CODE.null:
        return null
      case CODE.false:
        return false
      case CODE.true:
        return true
      case CODE.int:
        return this.#varint()
      case CODE.negativeInt:
        return -1 - this.#varint()
      case CODE.float:
        return this.#float()
      case CODE.string:
      case CODE.string + WTF8:
        return this.#text(code, CODE.shortString)
      case CODE.bigint:
        return this.#magnitude()
      case CODE.negativeBigint:
        return -1n - this.#magnitude()
      case CODE.binary:
        return this.#take(this.#varint()).slice()
      case CODE.timestamp:
        return this.#date()
      default:
        throw this.#damaged(`the code ${code}`)
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#position++]
    if (byte === undefined) throw this.#damaged('the end too early')
    return byte
  }

  #varint(): number {
    let value = 0
    let unit = 1
    for (let count = 0; count < 8; count++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * unit
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 0x80) return value
      unit *= 0x80
    }
    throw this.#damaged('a number too long')
  }

  #take(sizeBytes: number): Uint8Array {
    if (sizeBytes > this.#bytes.length - this.#position) throw this.#damaged('a size past the end')
    const start = this.#position
    this.#position += sizeBytes
    return this.#bytes.subarray(start, this.#position)
  }

  #float(): number {
    const { byteOffset } = this.#take(8)
    return this.#view.getFloat64(byteOffset - this.#bytes.byteOffset, true)
  }

  #date(): Date {
    const at = this.#float()
    const date = new Date(at)
    if (date.getTime() !== at) throw this.#damaged('a date out of range')
    return date
  }

  #magnitude(): bigint {
    const bytes = this.#take(this.#varint())
    let hex = ''
    for (let index = bytes.length - 1; index >= 0; index--)
      hex += (bytes[index] as number).toString(16).padStart(2, '0')
    if (hex.startsWith('00')) throw this.#damaged('a bigint with a zero in front')
    return hex === '' ? 0n : BigInt(`0x${hex}`)
  }

  #text(code: number, short: number): string {
    const isShort = code >= short
    const bytes = this.#take(isShort ? code - short : this.#varint())
    try {
      if (!isShort && (code === CODE.string + WTF8 || code === CODE.key + WTF8)) return decodeWtf8(bytes)
      return this.#utf8.decode(bytes)
    } catch {
      throw this.#damaged('text that is not UTF-8')
    }
  }

  #damaged(found: string): VarveError {
    const position = this.#position
    return new VarveError('DECODE_FAILED', `Cannot decode structural events: found ${found}`, {
      details: { position, found },
    })
  }
}

function put(parent: OpenContainer, value: unknown): void {
  const { target, key } = parent
  if (Array.isArray(target)) target.push(value)
  else if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  } else target[key as string] = value
  parent.key = undefined
}
