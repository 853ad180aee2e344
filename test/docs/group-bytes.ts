/** Bytes one after another, for the readers of groups.
 * @module */
import { check, wtf8 } from './document-events.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const POWERS = Array.from({ length: 23 }, (_, e) => Number(`1e${e}`))

export class Bytes {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.at = at
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length
  }

  slice(size: number): Uint8Array {
    check(size <= this.bytes.length - this.at, 'bytes that are there')
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }

  /** The next byte, before which it stays. */
  peek(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) throw new Error('bytes that are there')
    return byte
  }

  u8(): number {
    return this.slice(1)[0] as number
  }

  u32(): number {
    this.at += 4
    return this.view.getUint32(this.at - 4, true)
  }

  f64(): number {
    this.at += 8
    return this.view.getFloat64(this.at - 8, true)
  }

  varint(): number {
    let value = 0
    for (let factor = 1, byte = 0x80; byte >= 0x80; factor *= 128) {
      byte = this.u8()
      value += (byte & 0x7f) * factor
    }
    return value
  }

  zigzag(): number {
    return unzigzag(this.varint())
  }

  /** The bytes of a bigint behind its code. */
  bigint(): bigint {
    return this.slice(this.varint()).reduceRight((value, byte) => value * 256n + BigInt(byte), 0n)
  }
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : (-1 - value) / 2
}

/** A structural scalar whose code was read. */
export function scalar(from: Bytes, code: number): unknown {
  if (code >= 0x60 && code < 0x80) return code - 0x60
  if (code >= 0x80 && code < 0xc0) return utf8.decode(from.slice(code - 0x80))
  if (code <= 0x02) return [null, false, true][code]
  if (code === 0x03) return from.varint()
  if (code === 0x04) return -1 - from.varint()
  if (code === 0x05) return from.f64()
  if (code === 0x06) return utf8.decode(from.slice(from.varint()))
  if (code === 0x07) return wtf8(from.slice(from.varint()))
  if (code === 0x08) return from.bigint()
  if (code === 0x09) return -1n - from.bigint()
  if (code === 0x0a) return Uint8Array.from(from.slice(from.varint()))
  if (code === 0x0b) return new Date(from.f64())
  check(code === 0x16 || code === 0x17, `a scalar instead of ${code}`)
  const e = from.u8()
  const size = from.varint() / (POWERS[e] ?? Number.NaN)
  return code === 0x16 ? size : -size
}
