/** Little-endian bytes: a growing writer and a bounds-checked reader.
 *
 * Varints are LEB128, at most 8 bytes, up to 2^53 - 1. u64 fields are written from and read as numbers; a value above
 * 2^53 - 1 is refused with `DECODE_FAILED`, never rounded. Every read past the end is `DECODE_FAILED`.
 * @module */
import { assert, VarveError } from '../errors.ts'

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const TWO_32 = 0x1_0000_0000
const encoder = new TextEncoder()
const fatalDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Write `value` (0 to 2^53 - 1) as u64 at `position`. */
export function setU64(view: DataView, position: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a u64 field holds a whole number up to 2^53 - 1')
  view.setUint32(position, value >>> 0, true)
  view.setUint32(position + 4, Math.floor(value / TWO_32), true)
}

/** Read a u64. @throws {VarveError} `DECODE_FAILED` above 2^53 - 1. */
export function getU64(view: DataView, position: number): number {
  const high = view.getUint32(position + 4, true)
  if (high > 0x1f_ffff) throw new VarveError('DECODE_FAILED', 'Cannot read a number above 2^53 - 1')
  return high * TWO_32 + view.getUint32(position, true)
}

/** Write a safe integer of either sign as i64 (two's complement). */
export function setI64(view: DataView, position: number, value: number): void {
  assert(Number.isSafeInteger(value), 'an i64 field holds a safe integer')
  view.setUint32(position, value >>> 0, true)
  view.setInt32(position + 4, Math.floor(value / TWO_32), true)
}

/** Read an i64. @throws {VarveError} `DECODE_FAILED` outside the safe integers. */
export function getI64(view: DataView, position: number): number {
  const value = view.getInt32(position + 4, true) * TWO_32 + view.getUint32(position, true)
  if (!Number.isSafeInteger(value)) throw new VarveError('DECODE_FAILED', 'Cannot read a number beyond 2^53 - 1')
  return value
}

/** A view on the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The UTF-8 form of a well-formed string. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Decode UTF-8. @throws {VarveError} `DECODE_FAILED` on malformed bytes. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return fatalDecoder.decode(bytes)
  } catch (cause) {
    throw new VarveError('DECODE_FAILED', 'Cannot decode text that is not UTF-8', { cause })
  }
}

/** Lower-case hexadecimal digits of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += HEX[byte]
  return hex
}

/** The bytes of an even number of hexadecimal digits. */
export function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >> 1)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(i * 2, i * 2 + 2), 16)
  return bytes
}

/** Whether two byte strings are equal. Not constant-time. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** A byte buffer that grows by doubling. `bytes` is a view that the next write may replace. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(capacityBytes = 1024) {
    this.#bytes = new Uint8Array(capacityBytes)
    this.#view = viewOf(this.#bytes)
  }

  get length(): number {
    return this.#length
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  get view(): DataView {
    return this.#view
  }

  /** Forget everything written, or everything after `length` bytes. */
  reset(length = 0): void {
    assert(length <= this.#length, 'a writer is only cut')
    this.#length = length
  }

  /** Make room for `count` more bytes. */
  reserve(count: number): void {
    const wanted = this.#length + count
    if (wanted <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(wanted, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
    this.#view = viewOf(grown)
  }

  /** Leave `count` zero bytes to be filled in later. @returns where they begin. */
  skip(count: number): number {
    this.reserve(count)
    const start = this.#length
    this.#bytes.fill(0, start, start + count)
    this.#length += count
    return start
  }

  u8(value: number): void {
    this.reserve(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.reserve(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  u64(value: number): void {
    this.reserve(8)
    setU64(this.#view, this.#length, value)
    this.#length += 8
  }

  i64(value: number): void {
    this.reserve(8)
    setI64(this.#view, this.#length, value)
    this.#length += 8
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** @param value 0 to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8)
    assert(value <= Number.MAX_SAFE_INTEGER, 'a varint is at most 2^53 - 1')
    const bytes = this.#bytes
    let at = this.#length
    let rest = value
    while (rest > 0x7fff_ffff) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    bytes[at++] = rest
    this.#length = at
  }

  /** Write the UTF-8 form of a well-formed string. @returns its length in bytes. */
  text(text: string): number {
    this.reserve(text.length * 3)
    const bytes = this.#bytes
    const start = this.#length
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) {
        this.#length = start + i + encoder.encodeInto(text.slice(i), bytes.subarray(start + i)).written
        return this.#length - start
      }
      bytes[start + i] = unit
    }
    this.#length = start + text.length
    return text.length
  }
}

/** Reads bytes in order and refuses to pass the end. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly #view: DataView
  position: number

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes
    this.#view = viewOf(bytes)
    this.position = position
  }

  get remaining(): number {
    return this.bytes.length - this.position
  }

  #take(count: number): number {
    const at = this.position
    if (count > this.bytes.length - at) throw new VarveError('DECODE_FAILED', 'Cannot read past the end of the bytes')
    this.position = at + count
    return at
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  u64(): number {
    return getU64(this.#view, this.#take(8))
  }

  i64(): number {
    return getI64(this.#view, this.#take(8))
  }

  raw(count: number): Uint8Array {
    const at = this.#take(count)
    return this.bytes.subarray(at, at + count)
  }

  /** Go past `count` varints. */
  skipVarints(count: number): void {
    const { bytes } = this
    let at = this.position
    for (let left = count; left > 0; ) {
      const byte = bytes[at++]
      if (byte === undefined) throw new VarveError('DECODE_FAILED', 'Cannot read past the end of the bytes')
      if (byte < 0x80) left--
    }
    this.position = at
  }

  varint(): number {
    const bytes = this.bytes
    let at = this.position
    let byte = bytes[at++] ?? this.#take(1)
    if (byte < 0x80) {
      this.position = at
      return byte
    }
    let value = byte & 0x7f
    let scale = 128
    do {
      byte = bytes[at] ?? this.#take(bytes.length + 1)
      at++
      value += (byte & 0x7f) * scale
      scale *= 128
      if (at - this.position > 8 || value > Number.MAX_SAFE_INTEGER) {
        throw new VarveError('DECODE_FAILED', 'Cannot read a number above 2^53 - 1')
      }
    } while (byte > 0x7f)
    this.position = at
    return value
  }
}
