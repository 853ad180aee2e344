/** Values as structural events, whose codes `structural-codes.ts` has. They hold every value of the value table.
 *
 * Containers of fewer than 16 children are written in the counted form, so that a value has one form.
 * @module */
import { VarveError } from '../errors.ts'
import { CODE, SHORT } from './structural-codes.ts'
import { writeBigint, writeBinary, writeKey, writeNumber, writeString, writeTimestamp } from './structural-write.ts'
import type { ValueBuffer } from './value-buffer.ts'
import { ValueBuilder } from './value-builder.ts'
import type { ValueSink } from './value-walk.ts'

/** Writes a walk as structural events; holds everything. */
export class StructuralSink implements ValueSink {
  readonly #out: ValueBuffer

  constructor(out: ValueBuffer) {
    this.#out = out
  }

  null(): void {
    this.#out.byte(CODE.null)
  }

  boolean(value: boolean): void {
    this.#out.byte(value ? CODE.true : CODE.false)
  }

  number(value: number): void {
    writeNumber(this.#out, value)
  }

  string(value: string): boolean {
    writeString(this.#out, value)
    return true
  }

  bigint(value: bigint): boolean {
    writeBigint(this.#out, value)
    return true
  }

  bytes(value: Uint8Array): void {
    writeBinary(this.#out, value)
  }

  date(value: number): boolean {
    writeTimestamp(this.#out, value)
    return true
  }

  beginArray(length: number): void {
    this.#out.byte(length < SHORT.count ? CODE.shortArray | length : CODE.beginArray)
  }

  endArray(length: number): void {
    if (length >= SHORT.count) this.#out.byte(CODE.endArray)
  }

  beginObject(_keys: readonly string[], from: number, end: number): 'keyed' {
    this.#out.byte(end - from < SHORT.count ? CODE.shortObject | (end - from) : CODE.beginObject)
    return 'keyed'
  }

  key(key: string): boolean {
    writeKey(this.#out, key)
    return true
  }

  endObject(fields: number): void {
    if (fields >= SHORT.count) this.#out.byte(CODE.endObject)
  }
}

/** Decode one value filling `bytes`. Nothing in the result refers to `bytes`.
 * @throws {VarveError} `DECODE_FAILED`: damaged, or more than 1,024 containers inside each other. */
export function decodeStructural(bytes: Uint8Array): unknown {
  const builder = new ValueBuilder()
  const position = builder.push(bytes, 0, bytes.length)
  if (builder.done && position === bytes.length) return builder.value
  const found = builder.done ? 'bytes after the end' : 'the end too early'
  throw new VarveError('DECODE_FAILED', `Cannot decode structural events: found ${found}`, {
    details: { position, found },
  })
}
