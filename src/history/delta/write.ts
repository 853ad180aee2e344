/** Patches to bytes. The codes are in codes.ts.
 * @module */
import { CODE, SHORT } from '../../codec/structural-codes.ts'
import * as write from '../../codec/structural-write.ts'
import { ValueBuffer } from '../../codec/value-buffer.ts'
import { isBytes, isDate } from '../../codec/value-kinds.ts'
import type { ArrayPatch, NumbersPatch, ObjectPatch, Patch, StringPatch } from '../patch/patch.ts'
import { CODINGS, COLUMN_LENGTH, DELTA, PART, RUN } from './codes.ts'
import { writePositions, writeValues } from './columns.ts'
import { DeltaKeys } from './keys.ts'
import { zigzag } from './tokens.ts'

type Numbers = readonly (number | bigint)[]

/** Encode one patch. Keys that it spells out are added to `keys`. Cost: one pass over the patch.
 * @returns bytes that are the caller's. */
export function encodePatch(patch: Patch, keys: DeltaKeys): Uint8Array {
  writer ??= new PatchWriter()
  return writer.encode(patch, keys)
}

/** One for all: its buffers are large, and what it writes is copied before it is used again. */
let writer: PatchWriter | undefined

class PatchWriter {
  readonly #out = new ValueBuffer()
  #keys = new DeltaKeys([])
  /** Arrays of numbers in the value that is being written, whose columns come behind it. */
  readonly #columns: Numbers[] = []

  encode(patch: Patch, keys: DeltaKeys): Uint8Array {
    const out = this.#out
    out.begin()
    this.#keys = keys
    this.#columns.length = 0
    this.#patch(patch)
    return out.bytes.slice(out.start, out.length)
  }

  #patch(patch: Patch): void {
    if (patch.type === 'set') this.#value(patch.value)
    else if (patch.type === 'object') this.#object(patch)
    else if (patch.type === 'array') this.#array(patch)
    else if (patch.type === 'string') this.#text(patch)
    else this.#numbers(patch)
  }

  #value(value: unknown): void {
    this.#events(value)
    for (const numbers of this.#columns) writeValues(this.#out, numbers)
    this.#columns.length = 0
  }

  #events(value: unknown): void {
    const out = this.#out
    if (typeof value === 'string') write.writeString(out, value)
    else if (typeof value === 'number') write.writeNumber(out, value)
    else if (typeof value === 'bigint') write.writeBigint(out, value)
    else if (typeof value === 'boolean') out.byte(value ? CODE.true : CODE.false)
    else if (typeof value !== 'object' || value === null) out.byte(CODE.null)
    else if (isBytes(value)) write.writeBinary(out, value)
    else if (isDate(value)) write.writeTimestamp(out, value.getTime())
    else if (Array.isArray(value)) this.#elements(value)
    else this.#fields(value as Readonly<Record<string, unknown>>)
  }

  #elements(value: readonly unknown[]): void {
    const out = this.#out
    const { length } = value
    if (isColumn(value)) {
      this.#columns.push(value)
      out.byte(CODE.undefined)
      return
    }
    out.byte(length < SHORT.count ? CODE.shortArray | length : CODE.beginArray)
    for (const element of value) this.#events(element)
    if (length >= SHORT.count) out.byte(CODE.endArray)
  }

  #fields(value: Readonly<Record<string, unknown>>): void {
    const out = this.#out
    const keys = Object.keys(value)
    const { length } = keys
    out.byte(length < SHORT.count ? CODE.shortObject | length : CODE.beginObject)
    for (const key of keys) {
      this.#key(key)
      this.#events(value[key])
    }
    if (length >= SHORT.count) out.byte(CODE.endObject)
  }

  #key(key: string): void {
    const number = this.#keys.find(key)
    if (number < 0) {
      this.#keys.add(key)
      write.writeKey(this.#out, key)
    } else if (number < SHORT.keyNumber) this.#out.byte(CODE.shortKeyNumber | number)
    else {
      this.#out.byte(CODE.keyNumber)
      this.#out.varint(number - SHORT.keyNumber)
    }
  }

  #object({ removed, changed, added, order }: ObjectPatch): void {
    const only = changed[0]
    if (only !== undefined && changed.length === 1 && removed.length + added.length === 0 && order === undefined) {
      this.#key(only[0])
      this.#patch(only[1])
      return
    }
    const out = this.#out
    const parts =
      (removed.length > 0 ? PART.removed : 0) |
      (changed.length > 0 ? PART.changed : 0) |
      (added.length > 0 ? PART.added : 0) |
      (order !== undefined ? PART.order : 0)
    out.byte(DELTA.object | parts)
    if (removed.length > 0) out.varint(removed.length)
    for (const key of removed) this.#key(key)
    if (changed.length > 0) out.varint(changed.length)
    for (const [key, patch] of changed) {
      this.#key(key)
      this.#patch(patch)
    }
    if (added.length > 0) out.varint(added.length)
    for (const [key, value] of added) {
      this.#key(key)
      this.#value(value)
    }
    if (order !== undefined) this.#order(order)
  }

  #order(order: NonNullable<ObjectPatch['order']>): void {
    this.#out.varint(order.length)
    let end = 0
    for (const [start, length] of order) {
      this.#out.varint(zigzag(start - end))
      this.#out.varint(length)
      end = start + length
    }
  }

  #array({ runs }: ArrayPatch): void {
    if (this.#oneElement(runs)) return
    const out = this.#out
    out.byte(DELTA.array)
    out.varint(runs.length)
    let end = 0
    for (const run of runs) {
      if (run.type === 'insert') {
        this.#insert(run.values)
      } else if (run.type === 'change') {
        out.varint(zigzag(run.start - end) * 4 + RUN.change)
        this.#patch(run.patch)
        end = run.start + 1
      } else {
        out.varint(run.length * 4 + (run.start === end ? RUN.keep : RUN.keepElsewhere))
        if (run.start !== end) out.varint(zigzag(run.start - end))
        end = run.start + run.length
      }
    }
  }

  #insert(values: readonly unknown[]): void {
    if (values.length === 0 || isColumn(values)) {
      this.#out.varint(RUN.insert)
      writeValues(this.#out, values as Numbers)
      return
    }
    this.#out.varint(values.length * 4 + RUN.insert)
    for (const value of values) this.#value(value)
  }

  /** Write the short form if it says the same. */
  #oneElement(runs: ArrayPatch['runs']): boolean {
    if (runs.length === 0 || runs.length > 3) return false
    const at = runs[0]?.type === 'keep' ? 1 : 0
    const [before, change, behind] = at === 1 ? runs : [undefined, ...runs]
    if (change?.type !== 'change' || runs.length > at + 2) return false
    const { start } = change
    const fitsBefore =
      before === undefined ? start === 0 : before.type === 'keep' && before.start === 0 && before.length === start
    if (!fitsBefore || (before?.type === 'keep' && start === 0)) return false
    if (behind !== undefined && !(behind.type === 'keep' && behind.start === start + 1 && behind.length > 0)) {
      return false
    }
    this.#out.byte(DELTA.oneElement)
    this.#out.varint(start)
    this.#out.varint(behind?.type === 'keep' ? behind.length : 0)
    this.#patch(change.patch)
    return true
  }

  #text({ edits }: StringPatch): void {
    const out = this.#out
    if (edits.length === 1) out.byte(DELTA.oneEdit)
    else {
      out.byte(DELTA.text)
      out.varint(edits.length)
    }
    let end = 0
    for (const { start, remove, insert } of edits) {
      out.varint(start - end)
      out.varint(remove)
      write.writeString(out, insert)
      end = start + remove
    }
  }

  #numbers({ positions, coding, values }: NumbersPatch): void {
    this.#out.byte(DELTA.numbers | (positions === undefined ? 0 : 1) | (CODINGS.indexOf(coding) << 1))
    if (positions !== undefined) writePositions(this.#out, positions)
    writeValues(this.#out, values)
  }
}

/** Numbers that are worth a column. */
function isColumn(values: readonly unknown[]): values is Numbers {
  if (values.length < COLUMN_LENGTH) return false
  return values.every((value) => typeof value === 'number' || typeof value === 'bigint')
}
