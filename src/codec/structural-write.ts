/** Writing structural events of scalars and plain keys; who writes containers decides about their form.
 * @module */
import { CODE, SHORT, WTF8 } from './structural-codes.ts'
import { utf8Length, type ValueBuffer } from './value-buffer.ts'

/** Most decimals of numbers in data are few, and a search through all 22 costs more than it saves. */
const SCALE_MAX = 8
const POWERS: readonly number[] = Array.from({ length: 23 }, (_, e) => Number(`1e${e}`))

/** Any number, in its one form. */
export function writeNumber(out: ValueBuffer, value: number): void {
  // -0 is no integer here.
  const isInt = (value | 0) === value ? value !== 0 || 1 / value > 0 : Number.isSafeInteger(value)
  if (isInt) writeInt(out, value)
  else writeFloat(out, value)
}

function writeInt(out: ValueBuffer, value: number): void {
  if (value >= 0 && value < SHORT.int) out.byte(CODE.shortInt | value)
  else {
    out.byte(value < 0 ? CODE.negativeInt : CODE.int)
    out.varint(value < 0 ? -1 - value : value)
  }
}

/** The quotient of two integers that a number holds exactly is rounded once, so that m / 10^e reads back the same. */
function writeFloat(out: ValueBuffer, value: number): void {
  const size = Math.abs(value)
  for (let e = 1; e <= SCALE_MAX; e++) {
    const m = Math.round(size * (POWERS[e] as number))
    // Above 2^49 the varint takes as much as the f64.
    if (m >= 0x2_0000_0000_0000) break
    if (m / (POWERS[e] as number) !== size || m === 0) continue
    writeScaled(out, value < 0 ? -m : m, e)
    return
  }
  writeF64(out, CODE.float, value)
}

/** The number m / 10^e; m is not 0. */
export function writeScaled(out: ValueBuffer, m: number, e: number): void {
  out.byte(m < 0 ? CODE.negativeScaled : CODE.scaled)
  out.byte(e)
  out.varint(Math.abs(m))
}

/** Read back what `writeScaled` wrote. */
export function scaledNumber(m: number, e: number): number {
  return m / (POWERS[e] as number)
}

/** A bigint of any size. */
export function writeBigint(out: ValueBuffer, value: bigint): void {
  const digits = (value < 0n ? -1n - value : value).toString(16)
  // No digit for zero, and an even number otherwise.
  const hex = digits === '0' ? '' : digits.length % 2 === 0 ? digits : `0${digits}`
  out.byte(value < 0n ? CODE.negativeBigint : CODE.bigint)
  out.varint(hex.length / 2)
  out.ensure(hex.length / 2)
  for (let end = hex.length; end > 0; end -= 2) {
    out.bytes[out.length++] = Number.parseInt(hex.slice(end - 2, end), 16)
  }
}

/** Bytes, copied. */
export function writeBinary(out: ValueBuffer, value: Uint8Array): void {
  out.byte(CODE.binary)
  out.varint(value.length)
  out.append(value)
}

/** @param at whole milliseconds since 1970. */
export function writeTimestamp(out: ValueBuffer, at: number): void {
  writeF64(out, CODE.timestamp, at)
}

/** @param text an ASCII number literal of JSON. */
export function writeDecimal(out: ValueBuffer, text: string): void {
  out.byte(CODE.decimal)
  out.varint(text.length)
  out.ensure(text.length * 3)
  out.length = out.utf8(text, out.length)
}

/** Any text, also with lone surrogates. */
export function writeString(out: ValueBuffer, text: string): void {
  writeText(out, text, { short: CODE.shortString, shortEnd: SHORT.stringBytes, long: CODE.string })
}

/** A key with its text. */
export function writeKey(out: ValueBuffer, text: string): void {
  writeText(out, text, { short: CODE.shortKey, shortEnd: SHORT.keyBytes, long: CODE.key })
}

/** Objects with integers for keys, which JSON lacks. */
export function writeIntKey(out: ValueBuffer, key: number): void {
  out.byte(key < 0 ? CODE.negativeIntKey : CODE.intKey)
  out.varint(key < 0 ? -1 - key : key)
}

interface TextCodes {
  readonly short: number
  readonly shortEnd: number
  readonly long: number
}

function writeText(out: ValueBuffer, text: string, { short, shortEnd, long }: TextCodes): void {
  const { length } = text
  // The one writer of UTF-8 wants three bytes a character.
  out.ensure(length * 3 + 9)
  if (length < shortEnd) {
    // Written behind the code already, if it is as short in bytes.
    const end = out.utf8(text, out.length + 1)
    const sizeBytes = end - out.length - 1
    if (end >= 0 && sizeBytes < shortEnd) {
      out.bytes[out.length] = short | sizeBytes
      out.length = end
      return
    }
  }
  // Behind the place of a size that takes as much as the number of characters does, which is so for most texts.
  const codeBytes = length < 0x80 ? 2 : 3
  const end = length < 0x4000 ? out.utf8(text, out.length + codeBytes) : -1
  const sizeBytes = end - out.length - codeBytes
  if (end >= 0 && sizeBytes < 0x4000 && sizeBytes < 0x80 === length < 0x80) {
    out.bytes[out.length++] = long
    out.varint(sizeBytes)
    out.length = end
    return
  }
  const wellFormed = text.isWellFormed()
  out.byte(wellFormed ? long : long + WTF8)
  out.varint(utf8Length(text))
  if (wellFormed) out.length = out.utf8(text, out.length)
  else out.wtf8(text)
}

function writeF64(out: ValueBuffer, code: number, value: number): void {
  out.byte(code)
  out.ensure(8)
  out.view.setFloat64(out.length, value, true)
  out.length += 8
}
