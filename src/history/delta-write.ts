/** Patches to bytes. The codes are in delta-codes.ts.
 * @module */
import { StructuralSink } from '../codec/structural.ts'
import { CODE, DEPTH_MAX, SHORT } from '../codec/structural-codes.ts'
import { writeKey, writeString } from '../codec/structural-write.ts'
import { ValueBuffer } from '../codec/value-buffer.ts'
import { ValueWalker } from '../codec/value-walk.ts'
import { CODINGS, DELTA, PART, RUN } from './delta-codes.ts'
import { writePositions, writeValues } from './delta-columns.ts'
import { DeltaKeys } from './delta-keys.ts'
import type { ArrayPatch, NumbersPatch, ObjectPatch, Patch, StringPatch } from './patch.ts'

const LIMITS = { sizeBytes: 2 ** 40, depth: DEPTH_MAX, nodes: 2 ** 40, keyBytes: 2 ** 40 }

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
  readonly #sink = new DeltaSink(this.#out)
  readonly #walker = new ValueWalker(this.#out, LIMITS)

  encode(patch: Patch, keys: DeltaKeys): Uint8Array {
    const out = this.#out
    out.begin()
    this.#sink.keys = keys
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
    this.#walker.walk(value, 'value', this.#sink)
  }

  #object({ removed, changed, added, order }: ObjectPatch): void {
    const only = changed[0]
    if (only !== undefined && changed.length === 1 && removed.length + added.length === 0 && order === undefined) {
      this.#sink.key(only[0])
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
    for (const key of removed) this.#sink.key(key)
    if (changed.length > 0) out.varint(changed.length)
    for (const [key, patch] of changed) {
      this.#sink.key(key)
      this.#patch(patch)
    }
    if (added.length > 0) out.varint(added.length)
    for (const [key, value] of added) {
      this.#sink.key(key)
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
        out.varint(run.values.length * 4 + RUN.insert)
        for (const value of run.values) this.#value(value)
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
      writeString(out, insert)
      end = start + remove
    }
  }

  #numbers({ positions, coding, values }: NumbersPatch): void {
    this.#out.byte(DELTA.numbers | (positions === undefined ? 0 : 1) | (CODINGS.indexOf(coding) << 1))
    if (positions !== undefined) writePositions(this.#out, positions)
    writeValues(this.#out, values)
  }
}

/** Writes values with the keys of the group. */
class DeltaSink extends StructuralSink {
  readonly #out: ValueBuffer
  keys = new DeltaKeys([])

  constructor(out: ValueBuffer) {
    super(out)
    this.#out = out
  }

  override key(key: string): boolean {
    const number = this.keys.find(key)
    if (number < 0) {
      this.keys.add(key)
      writeKey(this.#out, key)
    } else if (number < SHORT.keyNumber) this.#out.byte(CODE.shortKeyNumber | number)
    else {
      this.#out.byte(CODE.keyNumber)
      this.#out.varint(number - SHORT.keyNumber)
    }
    return true
  }
}

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2
}
