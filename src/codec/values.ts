/** Values as bytes: what an event holds, packed as records or, for what those would change, as structural events.
 * @module */
import { PackedSink } from './packed.ts'
import { FastPacker } from './packed-fast.ts'
import { PackedReader } from './packed-read.ts'
import { packedEnd } from './packed-skip.ts'
import { decodeStructural, StructuralSink } from './structural.ts'
import { ValueBuffer } from './value-buffer.ts'
import { ShapeTable } from './value-shapes.ts'
import { type ValueLimits, ValueWalker } from './value-walk.ts'

export { parseJsonValue, stringifyValue, toJsonValue } from './json-values.ts'
export { checkPacked } from './packed-check.ts'
export { decodeShapes, encodeShapes } from './value-shapes.ts'
export type { ValueLimits } from './value-walk.ts'

/** Limits of one event value: 1 MiB, depth 128, 100,000 values, keys of 1 KiB. */
export const EVENT_LIMITS: ValueLimits = { sizeBytes: 1_048_576, depth: 128, nodes: 100_000, keyBytes: 1_024 }

/** How one value is written. The numbers are stored. */
export const VALUE_PACKED = 0
/** What packing would change: lone surrogates, `__proto__` keys, bigints past 64 bits, dates before 1970. */
export const VALUE_STRUCTURAL = 1
export type ValueCodec = typeof VALUE_PACKED | typeof VALUE_STRUCTURAL

/** Encodes values one after another into one buffer. Keep one per writer: it learns the shapes of its objects. */
export class ValueEncoder {
  readonly #out = new ValueBuffer()
  readonly #shapes = new ShapeTable()
  readonly #walker = new ValueWalker(this.#out, EVENT_LIMITS)
  readonly #packed = new PackedSink(this.#out, this.#shapes, EVENT_LIMITS.keyBytes)
  readonly #structural = new StructuralSink(this.#out)
  readonly #fast = new FastPacker({ out: this.#out, sink: this.#packed, shapes: this.#shapes, limits: EVENT_LIMITS })

  /** Record shapes so far, in id order: at most 256 of at most 64 keys. Only grows. */
  get shapes(): readonly (readonly string[])[] {
    return this.#shapes.keys
  }

  /** What was written since `reset()`; valid until the next `encode` or `reset`, unless it is taken. */
  get bytes(): Uint8Array {
    return this.#out.bytes.subarray(this.#out.start, this.#out.length)
  }

  get length(): number {
    return this.#out.length - this.#out.start
  }

  /** Encode one value at the end of the buffer; on error the buffer is unchanged. A `toJSON` may be called twice.
   * Cost: one pass, about a microsecond for a record of ten fields.
   * @param where prefixes paths in errors, `data` for one.
   * @throws {VarveError} `VALUE_UNSUPPORTED` {path, found}, `EVENT_TOO_LARGE` {path, limit, limitName, found}. */
  encode(value: unknown, where: string): ValueCodec {
    const start = this.#out.length
    try {
      if (this.#fast.write(value)) return VALUE_PACKED
      this.#out.length = start
      if (this.#walker.walk(value, where, this.#packed)) return VALUE_PACKED
      this.#out.length = start
      this.#walker.walk(value, where, this.#structural)
      return VALUE_STRUCTURAL
    } catch (error) {
      this.#out.length = start
      throw error
    }
  }

  /** Take what was written since `reset()`: these bytes stay as they are until `giveBack` is called. */
  take(): { values: Uint8Array; giveBack: () => void } {
    return this.#out.take()
  }

  /** Begin anew, keep the shapes. */
  reset(): void {
    this.#out.begin()
  }
}

/** Decodes values of one table of shapes. Keep it with its table: readers are generated for shapes that recur. */
export class ValueDecoder {
  readonly #packed: PackedReader
  readonly #fields: readonly number[]

  constructor(shapes: readonly (readonly string[])[]) {
    this.#packed = new PackedReader(shapes)
    this.#fields = shapes.map((keys) => keys.length)
  }

  /** Where the packed value that begins at `start` ends. @throws {VarveError} `DECODE_FAILED`. */
  endOf(bytes: Uint8Array, start: number): number {
    return packedEnd(bytes, start, this.#fields)
  }

  /** Decode `count` packed values laid end to end, exactly filling `bytes`. Nothing in the result refers to `bytes`.
   * For bytes that no checksum covers call `checkPacked` first, which bounds depth and allocation.
   * @throws {VarveError} `DECODE_FAILED`. */
  decodeAll(bytes: Uint8Array, count: number): unknown[] {
    return this.#packed.readAll(bytes, count)
  }

  /** Decode one structural value filling `bytes`. @throws {VarveError} `DECODE_FAILED`. */
  decodeStructural(bytes: Uint8Array): unknown {
    return decodeStructural(bytes)
  }
}
