/** Structural events of a value in every form that documents have: containers counted and not, keys written out and by
 * number, numbers as fractions.
 * @module */
import { CODE, SHORT } from '../../../../src/codec/structural-codes.ts'
import {
  writeBigint,
  writeBinary,
  writeKey,
  writeNumber,
  writeString,
  writeTimestamp,
} from '../../../../src/codec/structural-write.ts'
import { ValueBuffer } from '../../../../src/codec/value-buffer.ts'

export interface Forms {
  /** The key table; keys in it are written by number where `pick` says so. */
  readonly keys?: readonly string[]
  /** Chooses between forms; default: the shorter one. */
  readonly pick?: () => boolean
}

/** @param value one of the value table, without cycles; `undefined` as it is. Recurses. */
export function structuralBytes(value: unknown, { keys = [], pick = () => true }: Forms = {}): Uint8Array {
  const out = new ValueBuffer()
  const numbers = new Map(keys.map((key, number) => [key, number]))
  const key = (text: string): void => {
    const number = numbers.get(text)
    if (number === undefined || !pick()) {
      if (text.isWellFormed() && !pick()) {
        const utf8 = new TextEncoder().encode(text)
        out.byte(CODE.newKey)
        out.varint(utf8.length)
        out.append(utf8)
      } else writeKey(out, text)
    } else if (number < SHORT.keyNumber) out.byte(CODE.shortKeyNumber + number)
    else {
      out.byte(CODE.keyNumber)
      out.varint(number - SHORT.keyNumber)
    }
  }
  const write = (one: unknown): void => {
    if (one === null) out.byte(CODE.null)
    else if (one === undefined) out.byte(CODE.undefined)
    else if (typeof one === 'boolean') out.byte(one ? CODE.true : CODE.false)
    else if (typeof one === 'number') writeNumber(out, one)
    else if (typeof one === 'bigint') writeBigint(out, one)
    else if (typeof one === 'string') writeString(out, one)
    else if (one instanceof Uint8Array) writeBinary(out, one)
    else if (one instanceof Date) writeTimestamp(out, one.getTime())
    else {
      const isArray = Array.isArray(one)
      const fields = Object.entries(one as object)
      const isCounted = fields.length < SHORT.count && pick()
      if (isCounted) out.byte((isArray ? CODE.shortArray : CODE.shortObject) + fields.length)
      else out.byte(isArray ? CODE.beginArray : CODE.beginObject)
      for (const [name, field] of fields) {
        if (!isArray) key(name)
        write(field)
      }
      if (!isCounted) out.byte(isArray ? CODE.endArray : CODE.endObject)
    }
  }
  write(value)
  return out.bytes.slice(0, out.length)
}
