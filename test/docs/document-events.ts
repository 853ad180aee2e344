/** The structural events of a document for a reader that knows src/FORMAT.md and none of the product's code.
 * @module */

export const RAW_BYTES = 2036
const POWERS = Array.from({ length: 23 }, (_, e) => Number(`1e${e}`))
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

/** Text of bytes that may have lone surrogates. */
export function wtf8(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    let point = size === 1 ? first : first & (0xff >> (size + 1))
    for (let more = 1; more < size; more++) point = point * 64 + ((bytes[at + more] ?? 0) & 0x3f)
    text += String.fromCodePoint(point)
    at += size
  }
  return text
}

export type Key = string | number

/** What a cursor reads from. */
export interface Raw {
  /** Raw bytes of a block, checked. */
  raw(block: number): Uint8Array
  /** The key table. */
  readonly table: readonly string[]
}

/** Goes through the events from an address on. */
export class Cursor {
  address: number
  readonly #file: Raw

  constructor(file: Raw, address: number) {
    this.#file = file
    this.address = address
  }

  byte(): number {
    const block = Math.floor(this.address / RAW_BYTES)
    const byte = this.#file.raw(block)[this.address - block * RAW_BYTES]
    if (byte === undefined) throw new Error('the raw bytes of a block end')
    this.address++
    return byte
  }

  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.byte())
  }

  varint(): number {
    let value = 0
    for (let factor = 1, byte = 0x80; byte >= 0x80; factor *= 128) {
      byte = this.byte()
      value += (byte & 0x7f) * factor
    }
    check(Number.isSafeInteger(value), 'a varint')
    return value
  }

  /** Pass over key pages and look at the next code. */
  peek(): number {
    for (;;) {
      const code = this.byte()
      if (code !== 0x1a) {
        this.address--
        return code
      }
      const blocks = this.varint()
      const last = Math.floor((this.address - 1) / RAW_BYTES)
      this.address = (last + 1 + blocks) * RAW_BYTES
    }
  }

  code(): number {
    this.peek()
    return this.byte()
  }

  /** Go into a container. @returns undefined for a scalar, before which the cursor stays. */
  enter(): { readonly isObject: boolean; readonly count: number } | undefined {
    const code = this.peek()
    const isBegin = code === 0x10 || code === 0x12
    if (!isBegin && (code < 0x40 || code >= 0x60)) return undefined
    this.byte()
    return isBegin
      ? { isObject: code === 0x10, count: Number.POSITIVE_INFINITY }
      : { isObject: code >= 0x50, count: code & 15 }
  }

  isAtEnd(): boolean {
    const code = this.peek()
    return code === 0x11 || code === 0x13
  }

  key(): Key {
    const code = this.code()
    if (code >= 0xe0) return this.#named(code - 0xe0)
    if (code >= 0xc0) return utf8.decode(this.bytes(code - 0xc0))
    if (code === 0x0c || code === 0x0f) return utf8.decode(this.bytes(this.varint()))
    if (code === 0x0d) return wtf8(this.bytes(this.varint()))
    if (code === 0x0e) return this.#named(this.varint() + 32)
    if (code === 0x14) return this.varint()
    check(code === 0x15, `a key instead of ${code}`)
    return -1 - this.varint()
  }

  #named(number: number): string {
    const key = this.#file.table[number]
    if (key === undefined) throw new Error('a key of the key table')
    return key
  }

  /** The value that begins here. Integer keys become decimal digits, numbers kept as text their text. */
  value(): unknown {
    const container = this.enter()
    if (container === undefined) return this.#scalar(this.code())
    const { isObject, count } = container
    const fields = new Map<string, unknown>()
    const elements: unknown[] = []
    let left = count
    for (; left > 0 && !(count > 15 && this.isAtEnd()); left--) {
      if (!isObject) elements.push(this.value())
      else {
        const key = String(this.key())
        const value = this.value()
        if (value !== undefined) fields.set(key, value)
      }
    }
    if (left > 0) check(this.code() === (isObject ? 0x11 : 0x13), 'an end of the same kind')
    return isObject ? Object.fromEntries(fields) : elements
  }

  #scalar(code: number): unknown {
    if (code >= 0x60 && code < 0x80) return code - 0x60
    if (code >= 0x80 && code < 0xc0) return utf8.decode(this.bytes(code - 0x80))
    if (code <= 0x02) return [null, false, true][code]
    if (code === 0x03) return this.varint()
    if (code === 0x04) return -1 - this.varint()
    if (code === 0x05) return this.#double()
    if (code === 0x06) return utf8.decode(this.bytes(this.varint()))
    if (code === 0x07) return wtf8(this.bytes(this.varint()))
    if (code === 0x08) return this.#bigint()
    if (code === 0x09) return -1n - this.#bigint()
    if (code === 0x0a) return this.bytes(this.varint())
    if (code === 0x0b) return new Date(this.#double())
    if (code === 0x16 || code === 0x17) {
      const e = this.byte()
      const size = this.varint() / (POWERS[e] ?? Number.NaN)
      return code === 0x16 ? size : -size
    }
    if (code === 0x18) return utf8.decode(this.bytes(this.varint()))
    check(code === 0x19, `a scalar instead of ${code}`)
    return undefined
  }

  #double(): number {
    return new DataView(this.bytes(8).buffer).getFloat64(0, true)
  }

  #bigint(): bigint {
    return this.bytes(this.varint()).reduceRight((value, byte) => value * 256n + BigInt(byte), 0n)
  }

  /** Pass over values, and in an object over the keys between them, without decoding or reading what has a size. */
  pass(values: number): void {
    const around: number[] = []
    for (let left = values; left > 0 || around.length > 0; ) {
      const code = this.code()
      if (code === 0x10 || code === 0x12) {
        around.push(left - 1)
        left = Number.POSITIVE_INFINITY
      } else if (code === 0x11 || code === 0x13) {
        check(around.length > 0, 'a value instead of an end')
        left = around.pop() ?? 0
      } else if (code >= 0x40 && code < 0x60) left += (code & 15) - 1
      else {
        this.#jump(code)
        left -= isKey(code) ? 0 : 1
      }
    }
  }

  #jump(code: number): void {
    check(code < 0x1a || code >= 0x60, `an event instead of ${code}`)
    if (code >= 0x80) this.address += code >= 0xe0 ? 0 : code >= 0xc0 ? code - 0xc0 : code - 0x80
    else if (code === 0x05 || code === 0x0b) this.address += 8
    else if (code >= 0x06 && code <= 0x18 && ![0x0e, 0x14, 0x15, 0x16, 0x17].includes(code)) {
      const size = this.varint()
      this.address += size
    } else if (code === 0x03 || code === 0x04 || (code >= 0x0e && code <= 0x17)) {
      if (code >= 0x16) this.byte()
      this.varint()
    }
  }
}

function isKey(code: number): boolean {
  return code >= 0xc0 || (code >= 0x0c && code <= 0x0f) || code === 0x14 || code === 0x15
}
