/** Packed values: MessagePack with the record ids of msgpackr, written in one pass.
 *
 * | bytes | value |
 * |---|---|
 * | `40`-`5f`, `60`-`7f` + high byte | record of shape 0-31, or n + 32: n & 31 and n >> 5; then its values |
 * | `80`-`8f` `de` `df` | map of text keys and values |
 * | `00`-`3f` `cc` `cd` `ce` `e0`-`ff` `d0` `d1` `d2` | integers of 32 bits |
 * | `cb` | other numbers, -0 included |
 * | `d3` `cf` | bigint of 64 bits |
 * | `d7 ff` | date from 1970 on, as a MessagePack timestamp of 64 bits |
 * | `90`-`9f` `dc` `dd`, `a0`-`bf` `d9` `da` `db` | arrays, text |
 * | `c4` `c5` `c6`, `c0` `c2` `c3` | bytes, null and booleans |
 *
 * Why not msgpackr's own writer: one pass that checks and writes is faster than a check and then a second and third
 * walk, and msgpackr changes values (-0, lone surrogates, keys named `constructor`). Its bytes are the same for what
 * both can write, which the tests compare.
 * @module */
import type { ValueBuffer } from './value-buffer.ts'
import { SHAPE_KEYS_MAX, type ShapeTable } from './value-shapes.ts'
import type { ValueSink } from './value-walk.ts'

/** Timestamps have 34 bits of seconds. */
const DATE_END = 2 ** 34 * 1000
/** Readers that use a text decoder without `ignoreBOM` drop a byte order mark from long texts. */
const BYTE_ORDER_MARK = 0xfeff

export class PackedSink implements ValueSink {
  readonly #out: ValueBuffer
  readonly #shapes: ShapeTable
  readonly #keyBytes: number

  constructor(out: ValueBuffer, shapes: ShapeTable, keyBytes: number) {
    this.#out = out
    this.#shapes = shapes
    this.#keyBytes = keyBytes
  }

  null(): void {
    this.#out.byte(0xc0)
  }

  boolean(value: boolean): void {
    this.#out.byte(value ? 0xc3 : 0xc2)
  }

  number(value: number): void {
    const out = this.#out
    out.ensure(9)
    const at = out.length
    if (value >>> 0 === value && (value !== 0 || 1 / value > 0)) {
      if (value < 0x40) {
        out.bytes[at] = value
        out.length = at + 1
      } else if (value < 0x100) {
        out.bytes[at] = 0xcc
        out.bytes[at + 1] = value
        out.length = at + 2
      } else if (value < 0x10000) {
        this.#tagged(0xcd, value, 2)
      } else this.#tagged(0xce, value, 4)
    } else if (value >> 0 === value && value < 0) {
      if (value >= -0x20) out.byte(value & 0xff)
      else if (value >= -0x80) this.#tagged(0xd0, value, 1)
      else if (value >= -0x8000) this.#tagged(0xd1, value, 2)
      else this.#tagged(0xd2, value, 4)
    } else {
      out.bytes[at] = 0xcb
      out.view.setFloat64(at + 1, value)
      out.length = at + 9
    }
  }

  string(value: string): boolean {
    const out = this.#out
    const chars = value.length
    out.ensure(chars * 3 + 5)
    // The header has the size for as many bytes as characters; the few texts that need more are moved.
    const guessed = textHeader(chars)
    const start = out.length
    const end = out.utf8(value, start + guessed)
    if (end < 0) return false
    const size = end - start - guessed
    if (size > 64 && value.charCodeAt(0) === BYTE_ORDER_MARK) return false
    const header = textHeader(size)
    if (header !== guessed) out.bytes.copyWithin(start + header, start + guessed, end)
    if (header === 1) out.bytes[start] = 0xa0 | size
    else if (header === 2) {
      out.bytes[start] = 0xd9
      out.bytes[start + 1] = size
    } else if (header === 3) this.#tagged(0xda, size, 2)
    else this.#tagged(0xdb, size, 4)
    out.length = start + header + size
    return true
  }

  bigint(value: bigint): boolean {
    if (BigInt.asIntN(64, value) === value) {
      this.#out.byte(0xd3)
      this.#out.ensure(8)
      this.#out.view.setBigInt64(this.#out.length, value)
    } else if (BigInt.asUintN(64, value) === value) {
      this.#out.byte(0xcf)
      this.#out.ensure(8)
      this.#out.view.setBigUint64(this.#out.length, value)
    } else return false
    this.#out.length += 8
    return true
  }

  bytes(value: Uint8Array): void {
    const size = value.length
    this.#out.ensure(size + 5)
    if (size < 0x100) this.#tagged(0xc4, size, 1)
    else if (size < 0x10000) this.#tagged(0xc5, size, 2)
    else this.#tagged(0xc6, size, 4)
    this.#out.append(value)
  }

  date(value: number): boolean {
    if (value < 0 || value >= DATE_END) return false
    const seconds = Math.floor(value / 1000)
    this.#tagged(0xd7, 0xff, 1)
    this.#out.ensure(8)
    const { view, length } = this.#out
    // 30 bits of nanoseconds, 34 bits of seconds.
    view.setUint32(length, (value - seconds * 1000) * 4_000_000 + Math.floor(seconds / 2 ** 32))
    view.setUint32(length + 4, seconds % 2 ** 32)
    this.#out.length += 8
    return true
  }

  beginArray(length: number): void {
    if (length < 0x10) this.#out.byte(0x90 | length)
    else if (length < 0x10000) this.#tagged(0xdc, length, 2)
    else this.#tagged(0xdd, length, 4)
  }

  endArray(): void {}

  beginObject(keys: readonly string[], from: number, end: number): 'keyed' | 'unkeyed' | 'refused' {
    const count = end - from
    if (count > 0 && count <= SHAPE_KEYS_MAX) {
      const id = this.#shapeId(keys, from, end)
      if (id >= 0) {
        this.beginRecord(id)
        return 'unkeyed'
      }
    }
    if (count < 0x10) this.#out.byte(0x80 | count)
    else if (count < 0x10000) this.#tagged(0xde, count, 2)
    else this.#tagged(0xdf, count, 4)
    return 'keyed'
  }

  /** Write the id of a shape, whose values follow. */
  beginRecord(id: number): void {
    if (id < 32) this.#out.byte(0x40 + id)
    else this.#tagged(0x60 + ((id - 32) & 31), (id - 32) >> 5, 1)
  }

  key(key: string): boolean {
    return key !== '__proto__' && this.string(key)
  }

  endObject(): void {}

  /** Whatever cannot be a shape is -1, a map, whose keys are then looked at one by one. */
  #shapeId(keys: readonly string[], from: number, end: number): number {
    const known = this.#shapes.find(keys, from, end)
    if (known !== undefined) return known.id
    if (this.#shapes.full) return -1
    for (let index = from; index < end; index++) {
      const key = keys[index] as string
      if (key === '__proto__' || key.length * 3 > this.#keyBytes || !key.isWellFormed()) return -1
    }
    return this.#shapes.add(keys.slice(from, end)).id
  }

  #tagged(tag: number, value: number, sizeBytes: 1 | 2 | 4): void {
    const out = this.#out
    out.ensure(5)
    const at = out.length
    out.bytes[at] = tag
    if (sizeBytes === 1) out.bytes[at + 1] = value
    else if (sizeBytes === 2) out.view.setUint16(at + 1, value)
    else out.view.setUint32(at + 1, value)
    out.length = at + 1 + sizeBytes
  }
}

function textHeader(sizeBytes: number): number {
  if (sizeBytes < 0x20) return 1
  if (sizeBytes < 0x100) return 2
  return sizeBytes < 0x10000 ? 3 : 5
}
