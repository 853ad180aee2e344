/** Reading the scalars of structural events. Bytes that are none end in `RangeError` or `TypeError`.
 * @module */

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const scratch = new DataView(new ArrayBuffer(8))
/** Up to here texts of ASCII are put together from characters, which is faster than a `TextDecoder`. */
const CHARS_MAX = 24
/** By length, what the characters are collected in. */
const UNITS: readonly number[][] = Array.from({ length: CHARS_MAX + 1 }, (_, length) => Array<number>(length).fill(0))
const HEX_BYTES_AT_ONCE = 4_096
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const { fromCharCode } = String

/** Text of UTF-8. @throws {TypeError} when it is not. */
export function decodeText(bytes: Uint8Array, from: number, end: number): string {
  const length = end - from
  if (length > CHARS_MAX) return utf8.decode(bytes.subarray(from, end))
  let all = 0
  const units = UNITS[length] as number[]
  for (let index = 0; index < length; index++) {
    const unit = bytes[from + index] as number
    all |= unit
    units[index] = unit
  }
  if (all >= 0x80) return utf8.decode(bytes.subarray(from, end))
  return length < 8 ? fewChars(bytes, from, length) : fromCharCode(...units)
}

/** Fixed numbers of arguments are compiled to one allocation each. */
function fewChars(b: Uint8Array, at: number, count: number): string {
  const c0 = b[at] as number
  const c1 = b[at + 1] as number
  const c2 = b[at + 2] as number
  const c3 = b[at + 3] as number
  switch (count) {
    case 0:
      return ''
    case 1:
      return fromCharCode(c0)
    case 2:
      return fromCharCode(c0, c1)
    case 3:
      return fromCharCode(c0, c1, c2)
    case 4:
      return fromCharCode(c0, c1, c2, c3)
    case 5:
      return fromCharCode(c0, c1, c2, c3, b[at + 4] as number)
    case 6:
      return fromCharCode(c0, c1, c2, c3, b[at + 4] as number, b[at + 5] as number)
    default:
      return fromCharCode(c0, c1, c2, c3, b[at + 4] as number, b[at + 5] as number, b[at + 6] as number)
  }
}

/** The f64 at `at`. */
export function decodeFloat(bytes: Uint8Array, at: number): number {
  for (let index = 0; index < 8; index++) scratch.setUint8(index, bytes[at + index] as number)
  return scratch.getFloat64(0, true)
}

/** The integer whose bytes are `bytes[from, end)`, lowest first. @throws {RangeError} for a zero at its end, and for
 * more than this runtime holds. */
export function decodeMagnitude(bytes: Uint8Array, from: number, end: number): bigint {
  if (from === end) return 0n
  if (bytes[end - 1] === 0) throw new RangeError('a zero byte at the end')
  const parts: string[] = []
  let digits: string[] = []
  for (let at = end - 1; at >= from; at--) {
    digits.push(HEX[bytes[at] as number] as string)
    if (digits.length < HEX_BYTES_AT_ONCE) continue
    parts.push(digits.join(''))
    digits = []
  }
  return BigInt(`0x${parts.join('')}${digits.join('')}`)
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Whether `text` is a number literal of JSON. */
export function isJsonNumber(text: string): boolean {
  return JSON_NUMBER.test(text)
}
