/** Reading structural events from bytes that come piece by piece: their order is checked here, once for all readers.
 * @module */
import { VarveError } from '../errors.ts'
import { CODE, DEPTH_MAX, SHORT, WTF8 } from './structural-codes.ts'
import { decodeFloat, decodeMagnitude, decodeText, isJsonNumber } from './structural-scalars.ts'
import { scaledNumber } from './structural-write.ts'
import { decodeWtf8 } from './value-buffer.ts'

/** Of what is told as a size: more is damage, and not worth waiting for. */
const SCALAR_MAX_BYTES = 268_435_456
const KEY_MAX_BYTES = 65_536
const VARINT_BYTES = 8
/** In the place of a position: the event is cut off, or not for this reader. */
const CUT = -1
const NO_KEYS: readonly string[] = []

/** Takes events, checks their order, and hands on what they say. A subclass makes something of it. */
export abstract class StructuralReader {
  readonly #keys: readonly string[]
  readonly #isDocument: boolean
  /** The containers around the open one: values that a counted one still lacks, twice, and one for arrays. */
  readonly #around: number[] = []
  /** Values that the open container still lacks; 0 when its end is an event. The outermost is like a counted array. */
  #left = 1
  #isArray = true
  #wantsKey = false
  #position = 0
  #varint = 0
  /** The value is complete. */
  done = false
  /** Structural events taken so far. */
  events = 0

  /** @param keys the key table of a document; without one the codes for documents are refused. */
  constructor(keys?: readonly string[]) {
    this.#keys = keys ?? NO_KEYS
    this.#isDocument = keys !== undefined
  }

  /** As `EventConsumer.push`. @throws {VarveError} `DECODE_FAILED` {position, found}. */
  push(bytes: Uint8Array, at: number, end: number): number {
    let position = at
    while (position < end && !this.done) {
      this.#position = position
      const code = bytes[position] as number
      const next = code >= CODE.shortArray ? this.#short(code, bytes, end) : this.#long(code, bytes, end)
      if (next < 0) break
      position = next
      this.events++
    }
    return position
  }

  protected abstract onValue(value: unknown): void
  protected abstract onDecimal(text: string): void
  protected abstract onKey(key: string): void
  protected abstract onIntKey(key: number): void
  protected abstract onBegin(isArray: boolean): void
  protected abstract onEnd(isArray: boolean): void

  /** @returns where the next event begins, or `CUT`. */
  #short(code: number, bytes: Uint8Array, end: number): number {
    const at = this.#position + 1
    if (code >= CODE.shortKeyNumber) {
      this.#tableKey(code - CODE.shortKeyNumber)
      return at
    }
    if (code >= CODE.shortString) {
      const isKey = code >= CODE.shortKey
      const next = at + code - (isKey ? CODE.shortKey : CODE.shortString)
      if (next > end) return CUT
      if (isKey) this.#key(this.#text(bytes, at, next))
      else this.#value(this.#text(bytes, at, next))
      return next
    }
    if (code >= CODE.shortInt) this.#value(code - CODE.shortInt)
    else this.#begin(code < CODE.shortObject, code & 0x0f, true)
    return at
  }

  #long(code: number, bytes: Uint8Array, end: number): number {
    const at = this.#position + 1
    switch (code) {
      case CODE.null:
        this.#value(null)
        return at
      case CODE.false:
      case CODE.true:
        this.#value(code === CODE.true)
        return at
      case CODE.undefined:
        this.#value(undefined)
        return at
      case CODE.beginObject:
      case CODE.beginArray:
        this.#begin(code === CODE.beginArray, 0, false)
        return at
      case CODE.endObject:
      case CODE.endArray:
        this.#end(code === CODE.endArray)
        return at
      case CODE.float:
      case CODE.timestamp:
        if (end - at < 8) return CUT
        this.#value(code === CODE.float ? decodeFloat(bytes, at) : this.#date(bytes, at))
        return at + 8
      case CODE.scaled:
      case CODE.negativeScaled:
        return this.#scaled(code, bytes, end)
      case CODE.keyPages:
        return this.#keyPages()
      default:
        return this.#sized(code, bytes, end)
    }
  }

  /** Codes with a varint behind them. */
  #sized(code: number, bytes: Uint8Array, end: number): number {
    const isKey = code === CODE.key || code === CODE.key + WTF8 || code === CODE.newKey
    const isScalar = code === CODE.decimal || (code >= CODE.string && code <= CODE.binary)
    if (!isKey && !isScalar) return this.#integer(code, bytes, end)
    const at = this.#readVarint(bytes, this.#position + 1, end)
    if (this.#varint > (isKey ? KEY_MAX_BYTES : SCALAR_MAX_BYTES) && at >= 0)
      throw this.#damaged('a size past the limit')
    const next = at + this.#varint
    if (at < 0 || next > end) return CUT
    if (isKey) {
      if (code === CODE.newKey && !this.#isDocument) throw this.#damaged('a key for documents')
      this.#key(code === CODE.key + WTF8 ? this.#wtf8(bytes, at, next) : this.#text(bytes, at, next))
    } else if (code === CODE.decimal) this.#decimal(bytes, at, next)
    else this.#value(this.#scalar(code, bytes, at, next))
    return next
  }

  #integer(code: number, bytes: Uint8Array, end: number): number {
    const known = code === CODE.int || code === CODE.negativeInt
    if (!known && code !== CODE.intKey && code !== CODE.negativeIntKey && code !== CODE.keyNumber) {
      throw this.#damaged(`the code ${code}`)
    }
    const next = this.#readVarint(bytes, this.#position + 1, end)
    if (next < 0) return CUT
    const number = this.#varint
    if (code === CODE.int) this.#value(number)
    else if (code === CODE.negativeInt) this.#value(-1 - number)
    else if (code === CODE.keyNumber) this.#tableKey(number + SHORT.keyNumber)
    else {
      this.#keyComes()
      this.onIntKey(code === CODE.intKey ? number : -1 - number)
    }
    return next
  }

  #scaled(code: number, bytes: Uint8Array, end: number): number {
    const at = this.#position + 1
    const next = this.#readVarint(bytes, at + 1, end)
    if (next < 0) return CUT
    const e = bytes[at] as number
    if (e < 1 || e > 22 || this.#varint === 0) throw this.#damaged('a fraction that is none')
    const number = scaledNumber(this.#varint, e)
    this.#value(code === CODE.scaled ? number : -number)
    return next
  }

  /** They lie between the fields of an object; who feeds this reader goes on behind them. */
  #keyPages(): number {
    if (!this.#isDocument || !this.#wantsKey || this.#left > 0) throw this.#damaged('key pages')
    return CUT
  }

  /** Sets `#varint`. @returns where it ends, or `CUT`. */
  #readVarint(bytes: Uint8Array, at: number, end: number): number {
    let value = 0
    let unit = 1
    for (let position = at; position < at + VARINT_BYTES; position++) {
      if (position >= end) return CUT
      const byte = bytes[position] as number
      value += (byte & 0x7f) * unit
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 0x80) {
        this.#varint = value
        return position + 1
      }
      unit *= 0x80
    }
    throw this.#damaged('a number too long')
  }

  #scalar(code: number, bytes: Uint8Array, from: number, end: number): unknown {
    if (code === CODE.string) return this.#text(bytes, from, end)
    if (code === CODE.string + WTF8) return this.#wtf8(bytes, from, end)
    if (code === CODE.binary) return Uint8Array.prototype.slice.call(bytes, from, end)
    try {
      const size = decodeMagnitude(bytes, from, end)
      return code === CODE.bigint ? size : -1n - size
    } catch {
      throw this.#damaged('a bigint with a zero in front, or too large')
    }
  }

  #decimal(bytes: Uint8Array, from: number, end: number): void {
    const text = this.#text(bytes, from, end)
    if (!isJsonNumber(text)) throw this.#damaged('a decimal that is none')
    if (this.#wantsKey) throw this.#damaged('a value without a key')
    this.onDecimal(text)
    this.#valueDone()
  }

  #date(bytes: Uint8Array, at: number): Date {
    const time = decodeFloat(bytes, at)
    const date = new Date(time)
    if (date.getTime() !== time) throw this.#damaged('a date out of range')
    return date
  }

  #text(bytes: Uint8Array, from: number, end: number): string {
    try {
      return decodeText(bytes, from, end)
    } catch {
      throw this.#damaged('text that is not UTF-8')
    }
  }

  #wtf8(bytes: Uint8Array, from: number, end: number): string {
    try {
      return decodeWtf8(bytes.subarray(from, end))
    } catch {
      throw this.#damaged('text that is not WTF-8')
    }
  }

  #tableKey(number: number): void {
    const key = this.#keys[number]
    if (key === undefined) throw this.#damaged(`the key ${number}, which the key table lacks`)
    this.#key(key)
  }

  #key(key: string): void {
    this.#keyComes()
    this.onKey(key)
  }

  #keyComes(): void {
    if (!this.#wantsKey) throw this.#damaged('a key')
    this.#wantsKey = false
  }

  #value(value: unknown): void {
    if (this.#wantsKey) throw this.#damaged('a value without a key')
    this.onValue(value)
    this.#valueDone()
  }

  #valueDone(): void {
    this.#wantsKey = !this.#isArray
    if (this.#left > 0 && --this.#left === 0) this.#close()
  }

  #begin(isArray: boolean, count: number, isCounted: boolean): void {
    if (this.#wantsKey) throw this.#damaged('a value without a key')
    if (this.#around.length >= DEPTH_MAX) throw this.#damaged('too many levels')
    this.onBegin(isArray)
    this.#around.push(this.#left * 2 + (this.#isArray ? 1 : 0))
    this.#left = count
    this.#isArray = isArray
    this.#wantsKey = !isArray
    if (isCounted && count === 0) this.#close()
  }

  #end(isArray: boolean): void {
    const fits = this.#left === 0 && this.#isArray === isArray && (isArray || this.#wantsKey)
    if (!fits) throw this.#damaged('an end without its beginning')
    this.#close()
  }

  /** The open container is complete, and with it perhaps those around it. */
  #close(): void {
    do {
      const around = this.#around.pop()
      if (around === undefined) {
        this.done = true
        return
      }
      this.onEnd(this.#isArray)
      this.#left = around >> 1
      this.#isArray = (around & 1) === 1
      this.#wantsKey = !this.#isArray
      if (this.#left === 0) return
      this.#left--
    } while (this.#left === 0)
  }

  #damaged(found: string): VarveError {
    const position = this.#position
    return new VarveError('DECODE_FAILED', `Cannot decode structural events: found ${found}`, {
      details: { position, found },
    })
  }
}
