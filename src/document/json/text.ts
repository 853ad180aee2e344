/** Structural events to JSON text of the dialect (codec/json-values.ts), from bytes to bytes. It is the text that
 * `stringifyValue` writes of the same value, but that `$type` is wrapped only where it is the first key of an object,
 * and that decimals keep their literal.
 * @module */
import { CODE, SHORT, WTF8 } from '../../codec/structural-codes.ts'
import { decodeFloat, decodeMagnitude, isJsonNumber } from '../../codec/structural-scalars.ts'
import type { EventConsumer } from '../events/consumer.ts'
import { EventCursor } from '../events/cursor.ts'
import { DOCUMENT_LIMITS } from '../write/output.ts'
import { ARRAY, JsonLayout, OBJECT } from './layout.ts'
import { JsonPieces } from './pieces.ts'

const { keyBytes: KEY_BYTES, scalarBytes: SCALAR_BYTES } = DOCUMENT_LIMITS
/** The most milliseconds before and after 1970 that a date can be. */
const DATE_MAX = 8_640_000_000_000_000
const SCALE_MAX = 22

const encoder = new TextEncoder()
const TYPE_KEY = encoder.encode('$type')
const COLON = 0x3a
const QUOTE = 0x22

export class JsonText implements EventConsumer {
  events = 0
  readonly #keys: readonly string[]
  /** The keys of the table as they are written, with quotes and colon; made when first needed. */
  readonly #keyTexts: (Uint8Array | undefined)[] = []
  readonly #out = new JsonPieces()
  readonly #layout = new JsonLayout(this.#out)
  readonly #cursor = new EventCursor()

  /** @param keys the key table of the document. */
  constructor(keys: readonly string[]) {
    this.#keys = keys
  }

  get done(): boolean {
    return this.#layout.done
  }

  /** The text since the last call, in pieces of about 64 KiB; the last one only when the value is complete. */
  take(): Uint8Array[] {
    return this.#out.take(this.done)
  }

  /** A key is taken with the code behind it, because fields that are undefined are dropped. */
  push(bytes: Uint8Array, at: number, end: number): number {
    const cursor = this.#cursor
    cursor.bytes = bytes
    cursor.end = end
    cursor.from = at
    while (cursor.from < end && !this.#layout.done) {
      cursor.at = cursor.from + 1
      if (!this.#event(bytes[cursor.from] as number)) break
      cursor.from = cursor.at
      this.events++
    }
    cursor.release()
    return cursor.from
  }

  /** @returns whether the event was taken; if not, it is cut off or key pages. */
  #event(code: number): boolean {
    if (this.#layout.wantsKey) {
      if (code >= CODE.shortKeyNumber) return this.#numberedKey(code - CODE.shortKeyNumber)
      return code >= CODE.shortKey ? this.#key(code - CODE.shortKey) : this.#longKeyOrEnd(code)
    }
    if (code >= CODE.shortKey) throw this.#cursor.damaged('a key where a value must be')
    if (code >= CODE.shortString) return this.#string(code - CODE.shortString)
    if (code >= CODE.shortInt) {
      this.#layout.item()
      this.#out.digits(code - CODE.shortInt)
      return this.#layout.ended()
    }
    if (code >= CODE.shortObject) return this.#begin(OBJECT, code - CODE.shortObject)
    if (code >= CODE.shortArray) return this.#begin(ARRAY, code - CODE.shortArray)
    return this.#longValue(code)
  }

  #longValue(code: number): boolean {
    switch (code) {
      case CODE.null:
      case CODE.undefined:
        return this.#word('null')
      case CODE.false:
        return this.#word('false')
      case CODE.true:
        return this.#word('true')
      case CODE.int:
      case CODE.negativeInt: {
        const value = this.#cursor.varint()
        return value >= 0 && this.#number(code === CODE.int ? value : -1 - value)
      }
      case CODE.scaled:
      case CODE.negativeScaled:
        return this.#scaled(code === CODE.negativeScaled)
      case CODE.float:
      case CODE.timestamp:
        if (this.#cursor.end - this.#cursor.at < 8) return false
        this.#cursor.at += 8
        return this.#float(decodeFloat(this.#cursor.bytes, this.#cursor.at - 8), code === CODE.timestamp)
      case CODE.beginObject:
        return this.#begin(OBJECT, -1)
      case CODE.beginArray:
        return this.#begin(ARRAY, -1)
      case CODE.endArray:
        return this.#endContainer(ARRAY)
      default:
        return this.#sizedValue(code)
    }
  }

  #sizedValue(code: number): boolean {
    const isKnown = code === CODE.string || code === CODE.string + WTF8 || code === CODE.binary
    if (!isKnown && code !== CODE.bigint && code !== CODE.negativeBigint && code !== CODE.decimal) {
      throw this.#cursor.damaged(`the code ${code} where a value must be`)
    }
    const sizeBytes = this.#cursor.size(SCALAR_BYTES)
    if (sizeBytes < 0) return false
    switch (code) {
      case CODE.string:
        return this.#string(sizeBytes)
      case CODE.string + WTF8:
        return this.#oddString(sizeBytes)
      case CODE.binary:
        return this.#binary(sizeBytes)
      case CODE.decimal:
        return this.#decimal(sizeBytes)
      default:
        return this.#bigint(sizeBytes, code === CODE.negativeBigint)
    }
  }

  /** What an object holds beside short keys. */
  #longKeyOrEnd(code: number): boolean {
    switch (code) {
      case CODE.endObject:
        return this.#endContainer(OBJECT)
      case CODE.key:
      case CODE.newKey: {
        const sizeBytes = this.#cursor.size(KEY_BYTES)
        return sizeBytes >= 0 && this.#key(sizeBytes)
      }
      case CODE.key + WTF8: {
        const sizeBytes = this.#cursor.size(KEY_BYTES)
        return sizeBytes >= 0 && this.#wtf8Key(sizeBytes)
      }
      case CODE.keyNumber: {
        const number = this.#cursor.varint()
        return number >= 0 && this.#numberedKey(number + SHORT.keyNumber)
      }
      case CODE.intKey:
      case CODE.negativeIntKey: {
        const key = this.#cursor.varint()
        return key >= 0 && this.#intKey(code === CODE.intKey ? key : -1 - key)
      }
      case CODE.keyPages:
        // They come before an end event, which counted objects lack.
        if (this.#layout.canEnd) return false
        throw this.#cursor.damaged('key pages in a counted object')
      default:
        throw this.#cursor.damaged(`the code ${code} where a key must be`)
    }
  }

  /** A key of so many bytes of UTF-8. */
  #key(sizeBytes: number): boolean {
    const from = this.#cursor.at
    const to = from + sizeBytes
    if (to >= this.#cursor.end) return false
    const { bytes } = this.#cursor
    if (this.#isDropped(to)) {
      this.#cursor.checkText(from, to)
      return true
    }
    this.#layout.beginField(!this.#layout.separate && sizeBytes === TYPE_KEY.length && this.#isTypeKey(from))
    if (!this.#out.string(bytes, from, to)) throw this.#cursor.damaged('a key that is not UTF-8')
    this.#out.byte(COLON)
    return true
  }

  #isTypeKey(from: number): boolean {
    return TYPE_KEY.every((byte, index) => this.#cursor.bytes[from + index] === byte)
  }

  #numberedKey(number: number): boolean {
    const key = this.#keys[number]
    if (key === undefined) throw this.#cursor.damaged('a key with a number that the table lacks')
    if (this.#cursor.at >= this.#cursor.end) return false
    if (this.#isDropped(this.#cursor.at)) return true
    this.#layout.beginField(!this.#layout.separate && key === '$type')
    let text = this.#keyTexts[number]
    if (text === undefined) {
      text = encoder.encode(`${JSON.stringify(key)}:`)
      this.#keyTexts[number] = text
    }
    this.#out.raw(text)
    return true
  }

  #wtf8Key(sizeBytes: number): boolean {
    const to = this.#cursor.at + sizeBytes
    if (to >= this.#cursor.end) return false
    const key = this.#cursor.wtf8(sizeBytes)
    if (this.#isDropped(to)) return true
    this.#layout.beginField(!this.#layout.separate && key === '$type')
    this.#out.raw(encoder.encode(`${JSON.stringify(key)}:`))
    return true
  }

  #intKey(key: number): boolean {
    if (this.#cursor.at >= this.#cursor.end) return false
    if (this.#isDropped(this.#cursor.at)) return true
    this.#layout.beginField(false)
    this.#out.byte(QUOTE)
    this.#out.integer(key)
    this.#out.byte(QUOTE)
    this.#out.byte(COLON)
    return true
  }

  /** Go on behind a key, which ends at `to`, and pass over an undefined value there. */
  #isDropped(to: number): boolean {
    this.#cursor.at = to
    if (this.#cursor.bytes[to] !== CODE.undefined) return false
    this.#cursor.at = to + 1
    this.events++
    this.#layout.childEnds()
    return true
  }

  #string(sizeBytes: number): boolean {
    const from = this.#cursor.at
    const to = from + sizeBytes
    if (to > this.#cursor.end) return false
    this.#layout.item()
    if (!this.#out.string(this.#cursor.bytes, from, to)) throw this.#cursor.damaged('text that is not UTF-8')
    this.#cursor.at = to
    return this.#layout.ended()
  }

  #number(value: number): boolean {
    this.#layout.item()
    this.#out.number(value)
    return this.#layout.ended()
  }

  #scaled(isNegative: boolean): boolean {
    if (this.#cursor.at >= this.#cursor.end) return false
    const e = this.#cursor.bytes[this.#cursor.at++] as number
    if (e < 1 || e > SCALE_MAX) throw this.#cursor.damaged(`a number divided by 10^${e}`)
    const m = this.#cursor.varint()
    if (m < 0) return false
    if (m === 0) throw this.#cursor.damaged('a zero with decimals')
    this.#layout.item()
    this.#out.scaled(m, e, isNegative)
    return this.#layout.ended()
  }

  #float(value: number, isDate: boolean): boolean {
    if (!isDate) return this.#number(value)
    if (!Number.isInteger(value) || Math.abs(value) > DATE_MAX) throw this.#cursor.damaged('a date out of range')
    return this.#word(`{"$type":"date","at":${value}}`)
  }

  #bigint(sizeBytes: number, isNegative: boolean): boolean {
    const from = this.#cursor.at
    const to = from + sizeBytes
    if (to > this.#cursor.end) return false
    this.#cursor.at = to
    let size: bigint
    try {
      size = decodeMagnitude(this.#cursor.bytes, from, to)
    } catch {
      throw this.#cursor.damaged('a bigint with a zero in front, or too large')
    }
    return this.#word(String(isNegative ? -1n - size : size))
  }

  #binary(sizeBytes: number): boolean {
    const from = this.#cursor.at
    const to = from + sizeBytes
    if (to > this.#cursor.end) return false
    this.#cursor.at = to
    this.#layout.item()
    this.#out.ascii('{"$type":"bytes","base64":"')
    this.#out.base64(this.#cursor.bytes, from, to)
    this.#out.ascii('"}')
    return this.#layout.ended()
  }

  #decimal(sizeBytes: number): boolean {
    if (this.#cursor.at + sizeBytes > this.#cursor.end) return false
    const text = this.#cursor.wtf8(sizeBytes)
    if (!isJsonNumber(text)) throw this.#cursor.damaged('a decimal that is none')
    return this.#word(text)
  }

  #oddString(sizeBytes: number): boolean {
    if (this.#cursor.at + sizeBytes > this.#cursor.end) return false
    const text = encoder.encode(JSON.stringify(this.#cursor.wtf8(sizeBytes)))
    this.#layout.item()
    this.#out.raw(text)
    return this.#layout.ended()
  }

  /** A value written in ASCII. */
  #word(text: string): boolean {
    this.#layout.item()
    this.#out.ascii(text)
    return this.#layout.ended()
  }

  #begin(kind: number, count: number): boolean {
    if (!this.#layout.begin(kind, count)) throw this.#cursor.damaged('too many levels')
    return true
  }

  #endContainer(kind: number): boolean {
    if (!this.#layout.end(kind)) throw this.#cursor.damaged('an end without its beginning')
    return true
  }
}
