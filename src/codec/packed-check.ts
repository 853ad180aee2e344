/** The check of packed values from unknown hands, before a reader recurses into them and allocates for them.
 * @module */
import { VarveError } from '../errors.ts'

const DEPTH_MAX = 128

/** Check that `bytes` are exactly `count` packed values that a decoder with `shapes` can read: known codes only, sizes
 * within the bytes, text as keys, at most 128 containers inside each other. Cost: one pass, no allocation by size.
 * @throws {VarveError} `DECODE_FAILED`. */
export function checkPacked(bytes: Uint8Array, count: number, shapes: readonly (readonly string[])[] = []): void {
  new PackedCheck(bytes, shapes).run(count)
}

class PackedCheck {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #shapes: readonly (readonly string[])[]
  /** Values still wanted in each open container; a map counts its keys too. */
  readonly #wanted: number[] = []
  readonly #isMap: boolean[] = []
  #position = 0

  constructor(bytes: Uint8Array, shapes: readonly (readonly string[])[]) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#shapes = shapes
  }

  run(count: number): void {
    for (let index = 0; index < count; index++) {
      this.#value(this.#byte())
      while (this.#wanted.length > 0) this.#step()
    }
    if (this.#position !== this.#bytes.length) throw this.#damaged('bytes after the end')
  }

  #step(): void {
    const top = this.#wanted.length - 1
    const wanted = this.#wanted[top] as number
    if (wanted === 0) {
      this.#wanted.pop()
      this.#isMap.pop()
      return
    }
    this.#wanted[top] = wanted - 1
    const code = this.#byte()
    if (this.#isMap[top] && wanted % 2 === 0) this.#key(code)
    else this.#value(code)
  }

  #key(code: number): void {
    const start = this.#position
    if (!((code >= 0xa0 && code <= 0xbf) || (code >= 0xd9 && code <= 0xdb)))
      throw this.#damaged('a key that is no text')
    this.#value(code)
    if (this.#position - start < PROTO.length) return
    const from = this.#position - PROTO.length
    // Such keys are written as structural events.
    const size = code < 0xc0 ? code - 0xa0 : this.#position - start - (code === 0xd9 ? 1 : code === 0xda ? 2 : 4)
    if (size === PROTO.length && PROTO.every((byte, index) => byte === this.#bytes[from + index])) {
      throw this.#damaged('a reserved key')
    }
  }

  #value(code: number): void {
    if (code < 0x40 || code >= 0xe0) return
    if (code < 0x80) {
      this.#record(code)
      return
    }
    if (code < 0x90) {
      this.#open((code - 0x80) * 2, true)
      return
    }
    if (code < 0xa0) {
      this.#open(code - 0x90, false)
      return
    }
    if (code < 0xc0) {
      this.#skip(code - 0xa0)
      return
    }
    const fixed = FIXED.get(code)
    if (fixed !== undefined) {
      this.#skip(fixed)
      return
    }
    const sized = SIZED.get(code)
    if (sized !== undefined) {
      const size = this.#size(sized.sizeBytes)
      if (sized.counts === 'bytes') this.#skip(size)
      else this.#open(sized.counts === 'fields' ? size * 2 : size, sized.counts === 'fields')
    } else if (code === 0xd7 && this.#byte() === 0xff) this.#skip(8)
    else throw this.#damaged(`the code ${code}`)
  }

  #record(code: number): void {
    const id = code < 0x60 ? code - 0x40 : code - 0x40 + this.#byte() * 32
    const keys = this.#shapes[id]
    if (keys === undefined) throw this.#damaged(`the unknown shape ${id}`)
    this.#open(keys.length, false)
  }

  #open(values: number, isMap: boolean): void {
    // Every value takes a byte, so what is left bounds every allocation.
    if (values > this.#bytes.length - this.#position) throw this.#damaged('a size past the end')
    if (this.#wanted.length >= DEPTH_MAX) throw this.#damaged('too many levels')
    this.#wanted.push(values)
    this.#isMap.push(isMap)
  }

  #byte(): number {
    const byte = this.#bytes[this.#position++]
    if (byte === undefined) throw this.#damaged('the end too early')
    return byte
  }

  #size(sizeBytes: 1 | 2 | 4): number {
    const at = this.#position
    this.#skip(sizeBytes)
    if (sizeBytes === 1) return this.#view.getUint8(at)
    return sizeBytes === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at)
  }

  #skip(sizeBytes: number): void {
    if (sizeBytes > this.#bytes.length - this.#position) throw this.#damaged('a size past the end')
    this.#position += sizeBytes
  }

  #damaged(found: string): VarveError {
    const position = this.#position
    return new VarveError('DECODE_FAILED', `Cannot decode packed values: found ${found}`, {
      details: { position, found },
    })
  }
}

/** Bytes after codes of one size. */
const FIXED: ReadonlyMap<number, number> = new Map([
  [0xc0, 0],
  [0xc2, 0],
  [0xc3, 0],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
])

/** Codes that a size follows, and what it counts. */
const SIZED: ReadonlyMap<number, { sizeBytes: 1 | 2 | 4; counts: 'bytes' | 'elements' | 'fields' }> = new Map([
  [0xc4, { sizeBytes: 1, counts: 'bytes' }],
  [0xc5, { sizeBytes: 2, counts: 'bytes' }],
  [0xc6, { sizeBytes: 4, counts: 'bytes' }],
  [0xd9, { sizeBytes: 1, counts: 'bytes' }],
  [0xda, { sizeBytes: 2, counts: 'bytes' }],
  [0xdb, { sizeBytes: 4, counts: 'bytes' }],
  [0xdc, { sizeBytes: 2, counts: 'elements' }],
  [0xdd, { sizeBytes: 4, counts: 'elements' }],
  [0xde, { sizeBytes: 2, counts: 'fields' }],
  [0xdf, { sizeBytes: 4, counts: 'fields' }],
])

const PROTO = [...new TextEncoder().encode('__proto__')]
