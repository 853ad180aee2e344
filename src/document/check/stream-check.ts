/** Checking structural events where they lie, without making anything of them: their order, codes, sizes and texts, the
 * key table.
 * @module */
import { CODE, DEPTH_MAX, SHORT, WTF8 } from '../../codec/structural-codes.ts'
import { decodeFloat, decodeText, isJsonNumber } from '../../codec/structural-scalars.ts'
import { decodeWtf8 } from '../../codec/value-buffer.ts'
import { VarveError } from '../../errors.ts'
import { CUT, sequenceSize } from '../json/bytes.ts'
import { DOCUMENT_LIMITS } from '../write/output.ts'

/** In the place of a position: the event is cut off, is large, or is key pages. */
export const NOT_TAKEN = -1
/** Larger scalars are passed over: that they are in memory as a whole is not worth their text. */
const LARGE_BYTES = 65_536
const VARINT_BYTES = 8
const SCALE_MAX = 22
const DATE_MAX = 8_640_000_000_000_000

export abstract class StreamCheck {
  /** Events taken, and values among them. */
  events = 0
  values = 0
  /** The value is complete. */
  done = false
  /** Address of the first of the bytes that are given now. */
  protected base = 0
  /** Open containers, and children that the innermost has had. */
  protected depth = 0
  protected ordinal = 0
  protected isObject = false
  /** A key or the end of an object comes next. */
  protected wantsKey = false
  /** Where the last key begins. */
  protected keyAt = NOT_TAKEN
  /** What was not taken is a scalar to be passed over. */
  protected isLarge = false
  readonly #keys: readonly string[]
  /** Numbers that keys have been given. */
  #numbers = 0
  /** Values that the innermost container lacks; 0 where an event ends it. The outermost is like a counted array. */
  #left = 1
  readonly #lefts = new Uint8Array(DEPTH_MAX)
  readonly #kinds = new Uint8Array(DEPTH_MAX)
  readonly #ordinals = new Float64Array(DEPTH_MAX)
  #varint = 0

  /** @param keys the key table. */
  constructor(keys: readonly string[]) {
    this.#keys = keys
  }

  /** The innermost container ends before `at`. */
  protected abstract containerEnds(at: number): void

  /** Take the event at `at`. @returns where the next one begins, or `NOT_TAKEN`.
   * @throws {VarveError} `DECODE_FAILED`. */
  protected take(bytes: Uint8Array, at: number, end: number): number {
    const code = bytes[at] as number
    if (this.wantsKey) return this.#keyOrEnd(bytes, at, end)
    if (code >= CODE.shortKey) throw this.damaged(at, 'a key where a value should be')
    let next = at + 1
    if (code >= CODE.shortString) {
      next += code - CODE.shortString
      if (next > end) return NOT_TAKEN
      this.#checkText(bytes, at + 1, next)
    } else if (code < CODE.shortInt) {
      if (code >= CODE.shortArray) return this.#begin(at, code >= CODE.shortObject, code & (SHORT.count - 1))
      next = this.#longValue(bytes, at, end)
      if (next < 0 || (code >= CODE.beginObject && code <= CODE.endArray)) return next
    }
    this.values++
    this.valueEnds(next)
    return next
  }

  /** A value ends before `at`. */
  protected valueEnds(at: number): void {
    this.ordinal++
    this.wantsKey = this.isObject
    if (this.#left > 0 && --this.#left === 0) this.#close(at)
  }

  /** All keys of the table have come. */
  protected get hasAllKeys(): boolean {
    return this.#numbers === this.#keys.length
  }

  /** The key that begins at `at`, and was taken. */
  protected keyText(bytes: Uint8Array, at: number): string | number | undefined {
    const code = bytes[at] as number
    if (code >= CODE.shortKeyNumber) return this.#keys[code - CODE.shortKeyNumber]
    if (code >= CODE.shortKey) return decodeText(bytes, at + 1, at + 1 + code - CODE.shortKey)
    const text = this.#readVarint(bytes, at + 1, bytes.length)
    if (code === CODE.keyNumber) return this.#keys[this.#varint + SHORT.keyNumber]
    if (code === CODE.intKey) return this.#varint
    if (code === CODE.negativeIntKey) return -1 - this.#varint
    return decodeWtf8(bytes.subarray(text, text + this.#varint))
  }

  #keyOrEnd(bytes: Uint8Array, at: number, end: number): number {
    const code = bytes[at] as number
    let next = at + 1
    if (code >= CODE.shortKeyNumber) this.#checkNumber(at, code - CODE.shortKeyNumber)
    else if (code >= CODE.shortKey) {
      next += code - CODE.shortKey
      if (next > end) return NOT_TAKEN
      this.#checkText(bytes, at + 1, next)
    } else {
      next = this.#longKeyOrEnd(bytes, at, end)
      if (next < 0 || code === CODE.endObject) return next
    }
    this.keyAt = at
    this.wantsKey = false
    return next
  }

  #longKeyOrEnd(bytes: Uint8Array, at: number, end: number): number {
    const code = bytes[at] as number
    if (code === CODE.endObject) return this.#end(at, true)
    if (code === CODE.keyPages) {
      if (this.#left > 0) throw this.damaged(at, 'key pages in a counted object')
      return NOT_TAKEN
    }
    const isSized = code === CODE.key || code === CODE.key + WTF8 || code === CODE.newKey
    const isInt = code === CODE.intKey || code === CODE.negativeIntKey
    if (!isSized && !isInt && code !== CODE.keyNumber) throw this.damaged(at, `the code ${code} where a key should be`)
    const text = this.#readVarint(bytes, at + 1, end)
    if (text < 0) return NOT_TAKEN
    if (!isSized) {
      if (!isInt) this.#checkNumber(at, this.#varint + SHORT.keyNumber)
      return text
    }
    const next = text + this.#varint
    if (this.#varint > DOCUMENT_LIMITS.keyBytes) throw this.damaged(at, 'a size past the limit')
    if (next > end) return NOT_TAKEN
    if (code === CODE.key + WTF8) this.#checkWtf8(bytes, text, next)
    else this.#checkText(bytes, text, next)
    if (code === CODE.newKey && decodeText(bytes, text, next) !== this.#keys[this.#numbers++])
      throw this.damaged(at, 'a key that the key table has not')
    return next
  }

  #checkNumber(at: number, number: number): void {
    if (number >= this.#numbers) throw this.damaged(at, 'a key with a number that no key has')
  }

  #longValue(bytes: Uint8Array, at: number, end: number): number {
    const code = bytes[at] as number
    switch (code) {
      case CODE.null:
      case CODE.false:
      case CODE.true:
      case CODE.undefined:
        return at + 1
      case CODE.int:
      case CODE.negativeInt:
        return this.#readVarint(bytes, at + 1, end)
      case CODE.scaled:
      case CODE.negativeScaled:
        return this.#scaled(bytes, at, end)
      case CODE.float:
      case CODE.timestamp:
        if (end - at < 9) return NOT_TAKEN
        if (code === CODE.timestamp) this.#checkDate(bytes, at)
        return at + 9
      case CODE.beginObject:
      case CODE.beginArray:
        return this.#begin(at, code === CODE.beginObject, -1)
      case CODE.endArray:
        return this.#end(at, false)
      default:
        return this.#sized(bytes, at, end)
    }
  }

  #scaled(bytes: Uint8Array, at: number, end: number): number {
    const next = this.#readVarint(bytes, at + 2, end)
    if (next < 0) return NOT_TAKEN
    const e = bytes[at + 1] as number
    if (e < 1 || e > SCALE_MAX || this.#varint === 0) throw this.damaged(at, 'a fraction that is none')
    return next
  }

  #checkDate(bytes: Uint8Array, at: number): void {
    const time = decodeFloat(bytes, at + 1)
    if (!Number.isInteger(time) || Math.abs(time) > DATE_MAX) throw this.damaged(at, 'a date out of range')
  }

  #sized(bytes: Uint8Array, at: number, end: number): number {
    const code = bytes[at] as number
    const isKnown = code === CODE.decimal || (code >= CODE.string && code <= CODE.binary)
    if (!isKnown) throw this.damaged(at, `the code ${code} where a value should be`)
    const from = this.#readVarint(bytes, at + 1, end)
    if (from < 0) return NOT_TAKEN
    const sizeBytes = this.#varint
    if (sizeBytes > DOCUMENT_LIMITS.scalarBytes) throw this.damaged(at, 'a size past the limit')
    const next = from + sizeBytes
    if (next > end) {
      this.isLarge = sizeBytes > LARGE_BYTES
      return NOT_TAKEN
    }
    if (code === CODE.string) this.#checkText(bytes, from, next)
    else if (code === CODE.string + WTF8) this.#checkWtf8(bytes, from, next)
    else if (code === CODE.decimal) {
      this.#checkText(bytes, from, next)
      if (!isJsonNumber(decodeText(bytes, from, next))) throw this.damaged(at, 'a decimal that is none')
    } else if (code !== CODE.binary && sizeBytes > 0 && bytes[next - 1] === 0) {
      throw this.damaged(at, 'a bigint with a zero in front')
    }
    return next
  }

  #begin(at: number, isObject: boolean, count: number): number {
    const { depth } = this
    if (depth >= DEPTH_MAX) throw this.damaged(at, 'too many levels')
    this.values++
    this.#lefts[depth] = this.#left
    this.#kinds[depth] = this.isObject ? 1 : 0
    this.#ordinals[depth] = this.ordinal
    this.depth = depth + 1
    this.#left = Math.max(count, 0)
    this.isObject = isObject
    this.ordinal = 0
    this.wantsKey = isObject
    if (count === 0) this.#close(at + 1)
    return at + 1
  }

  #end(at: number, isObject: boolean): number {
    if (this.#left > 0 || this.depth === 0 || this.isObject !== isObject) {
      throw this.damaged(at, 'an end without its beginning')
    }
    this.#close(at + 1)
    return at + 1
  }

  /** The innermost container is complete, and with it perhaps those around it. */
  #close(at: number): void {
    do {
      if (this.depth === 0) {
        this.done = true
        return
      }
      this.containerEnds(at)
      const depth = this.depth - 1
      this.depth = depth
      this.#left = this.#lefts[depth] as number
      this.isObject = this.#kinds[depth] === 1
      this.ordinal = (this.#ordinals[depth] as number) + 1
      this.wantsKey = this.isObject
      if (this.#left === 0) return
      this.#left--
    } while (this.#left === 0)
  }

  #checkText(bytes: Uint8Array, from: number, end: number): void {
    let at = from
    for (const four = end - 3; at < four; at += 4) {
      const all =
        (bytes[at] as number) | (bytes[at + 1] as number) | (bytes[at + 2] as number) | (bytes[at + 3] as number)
      if (all >= 0x80) break
    }
    while (at < end) {
      if ((bytes[at] as number) < 0x80) at++
      else {
        const sizeBytes = sequenceSize(bytes, at, end)
        if (sizeBytes <= CUT) throw this.damaged(from, 'text that is not UTF-8')
        at += sizeBytes
      }
    }
  }

  #checkWtf8(bytes: Uint8Array, from: number, end: number): void {
    try {
      decodeWtf8(bytes.subarray(from, end))
    } catch {
      throw this.damaged(from, 'text that is not WTF-8')
    }
  }

  /** Sets `#varint`. @returns where it ends, or `NOT_TAKEN`. */
  #readVarint(bytes: Uint8Array, from: number, end: number): number {
    let value = 0
    let unit = 1
    for (let at = from; at < from + VARINT_BYTES; at++) {
      if (at >= end) return NOT_TAKEN
      const byte = bytes[at] as number
      value += (byte & 0x7f) * unit
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 0x80) {
        this.#varint = value
        return at + 1
      }
      unit *= 0x80
    }
    throw this.damaged(from, 'a number too long')
  }

  protected damaged(at: number, found: string): VarveError {
    const details = { address: this.base + at, found }
    return new VarveError('DECODE_FAILED', `Cannot go on with the events of a document: found ${found}`, { details })
  }
}
