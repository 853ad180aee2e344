/** Bytes to patches. The codes are in codes.ts.
 * @module */
import { ByteReader } from '../../codec/bytes.ts'
import { CODE, DEPTH_MAX, SHORT, WTF8 } from '../../codec/structural-codes.ts'
import { decodeText } from '../../codec/structural-scalars.ts'
import { decodeWtf8 } from '../../codec/value-buffer.ts'
import { VarveError } from '../../errors.ts'
import type { ArrayRun, Patch } from '../patch/patch.ts'
import { CODINGS, DELTA, isKeyCode, PART, RUN } from './codes.ts'
import { type ColumnSource, readPositions, readValues } from './columns-read.ts'
import type { DeltaKeys } from './keys.ts'
import { unzigzag } from './tokens.ts'
import { DeltaValue } from './value.ts'

/** Decode the patch that fills `bytes`. Keys that it spells out are added to `keys`, which after an error are of no
 * more use. Nothing in the patch refers to `bytes`. Cost: one pass.
 * @throws {VarveError} `DECODE_FAILED` {position, found}: no patch, or more than 1,024 levels. Whether it fits a value
 * is told by applying it. */
export function decodePatch(bytes: Uint8Array, keys: DeltaKeys): Patch {
  const reader = new PatchReader(bytes, keys)
  const patch = reader.patch(DEPTH_MAX)
  if (reader.position !== bytes.length) throw reader.damaged('bytes after the end')
  return patch
}

class PatchReader extends ByteReader implements ColumnSource {
  readonly #keys: DeltaKeys

  constructor(bytes: Uint8Array, keys: DeltaKeys) {
    super(bytes)
    this.#keys = keys
  }

  /** @param levels how many containers may be inside each other from here on. */
  patch(levels: number): Patch {
    const code = this.bytes[this.position]
    if (code === undefined) throw this.damaged('the end too early')
    if (isKeyCode(code)) {
      const key = this.#key()
      return { type: 'object', removed: [], changed: [[key, this.#inside(levels)]], added: [] }
    }
    if (code < DELTA.object || code >= CODE.shortArray) return { type: 'set', value: this.#value(levels) }
    this.position++
    if (code < DELTA.array) return this.#object(code - DELTA.object, levels)
    switch (code) {
      case DELTA.array:
        return { type: 'array', runs: this.#runs(levels) }
      case DELTA.oneElement:
        return { type: 'array', runs: this.#oneElement(levels) }
      case DELTA.text:
        return { type: 'string', edits: this.#edits(this.#count(3)) }
      case DELTA.oneEdit:
        return { type: 'string', edits: this.#edits(1) }
      default:
        return this.#numbers(code - DELTA.numbers)
    }
  }

  /** Of an event of a column. */
  number(): number | bigint {
    const value = this.#value(0)
    if (typeof value === 'number' || typeof value === 'bigint') return value
    throw this.damaged('a value that is no number')
  }

  damaged(found: string, position = this.position): VarveError {
    return new VarveError('DECODE_FAILED', `Cannot decode a delta: found ${found}`, { details: { position, found } })
  }

  #inside(levels: number): Patch {
    if (levels === 0) throw this.damaged('too many levels')
    return this.patch(levels - 1)
  }

  /** A count of things that take `sizeBytes` each at least. */
  #count(sizeBytes: number): number {
    const count = this.varint()
    if (count * sizeBytes > this.remaining) throw this.damaged('a count past the end')
    return count
  }

  #object(parts: number, levels: number): Patch {
    const removed: string[] = []
    const changed: [string, Patch][] = []
    const added: [string, unknown][] = []
    const has = (part: number) => (parts & part) !== 0
    for (let left = has(PART.removed) ? this.#count(1) : 0; left > 0; left--) removed.push(this.#key())
    for (let left = has(PART.changed) ? this.#count(2) : 0; left > 0; left--) {
      const key = this.#key()
      changed.push([key, this.#inside(levels)])
    }
    for (let left = has(PART.added) ? this.#count(2) : 0; left > 0; left--) {
      if (levels === 0) throw this.damaged('too many levels')
      const key = this.#key()
      added.push([key, this.#value(levels - 1)])
    }
    if (!has(PART.order)) return { type: 'object', removed, changed, added }
    const order: [number, number][] = []
    let end = 0
    for (let left = this.#count(2); left > 0; left--) {
      const start = this.#further(end)
      const length = this.varint()
      order.push([start, length])
      end = this.#whole(start + length)
    }
    return { type: 'object', removed, changed, added, order }
  }

  #runs(levels: number): ArrayRun[] {
    const runs: ArrayRun[] = []
    let end = 0
    for (let left = this.#count(1); left > 0; left--) {
      const head = this.varint()
      const kind = head % 4
      const n = (head - kind) / 4
      if (kind === RUN.insert) runs.push({ type: 'insert', values: this.#inserted(n, levels) })
      else if (kind === RUN.change) {
        const start = this.#whole(end + unzigzag(n))
        runs.push({ type: 'change', start, patch: this.#inside(levels) })
        end = start + 1
      } else {
        const start = kind === RUN.keep ? end : this.#further(end)
        runs.push({ type: 'keep', start, length: n })
        end = this.#whole(start + n)
      }
    }
    return runs
  }

  #oneElement(levels: number): ArrayRun[] {
    const start = this.varint()
    const behind = this.varint()
    this.#whole(start + 1 + behind)
    const runs: ArrayRun[] = []
    if (start > 0) runs.push({ type: 'keep', start: 0, length: start })
    runs.push({ type: 'change', start, patch: this.#inside(levels) })
    if (behind > 0) runs.push({ type: 'keep', start: start + 1, length: behind })
    return runs
  }

  #inserted(count: number, levels: number): unknown[] {
    if (count > this.remaining) throw this.damaged('a count past the end')
    if (levels === 0) throw this.damaged('too many levels')
    const values: unknown[] = []
    if (count === 0) fill(values, readValues(this))
    for (let left = count; left > 0; left--) values.push(this.#value(levels - 1))
    return values
  }

  #edits(count: number): { start: number; remove: number; insert: string }[] {
    const edits: { start: number; remove: number; insert: string }[] = []
    let end = 0
    for (let left = count; left > 0; left--) {
      const start = this.#whole(end + this.varint())
      const remove = this.varint()
      const insert = this.#value(0)
      if (typeof insert !== 'string') throw this.damaged('a value that is no text')
      edits.push({ start, remove, insert })
      end = this.#whole(start + remove)
    }
    return edits
  }

  #numbers(form: number): Patch {
    const coding = CODINGS[form >> 1]
    if (form < 0 || coding === undefined) throw this.damaged('an unknown code', this.position - 1)
    const positions = (form & 1) === 1 ? readPositions(this) : undefined
    const values = readValues(this)
    if (positions === undefined) return { type: 'numbers', coding, values }
    if (positions.length !== values.length) throw this.damaged('columns of different lengths')
    return { type: 'numbers', positions, coding, values }
  }

  #value(levels: number): unknown {
    const code = this.bytes[this.position] ?? 0
    // Small numbers are most of what is in deltas.
    if (code >= CODE.shortInt && code < CODE.shortString) {
      this.position++
      return code - CODE.shortInt
    }
    const builder = new DeltaValue(this.#keys, levels)
    this.position = builder.push(this.bytes, this.position, this.bytes.length)
    if (!builder.done) throw this.damaged('the end too early')
    if (builder.isForeign) throw this.damaged('a value that only documents have')
    for (const column of builder.columns) fill(column, readValues(this))
    return builder.value
  }

  #key(): string {
    const code = this.u8()
    if (code >= CODE.shortKeyNumber) return this.#tableKey(code - CODE.shortKeyNumber)
    if (code === CODE.keyNumber) return this.#tableKey(this.varint() + SHORT.keyNumber)
    if (!isKeyCode(code)) throw this.damaged('no key', this.position - 1)
    const sizeBytes = code >= CODE.shortKey ? code - CODE.shortKey : this.varint()
    const bytes = this.raw(sizeBytes)
    const key = this.#text(bytes, code === CODE.key + WTF8)
    this.#keys.add(key)
    return key
  }

  #tableKey(number: number): string {
    const key = this.#keys.names[number]
    if (key === undefined) throw this.damaged(`the key ${number}, which the group lacks`)
    return key
  }

  #text(bytes: Uint8Array, isWtf8: boolean): string {
    try {
      return isWtf8 ? decodeWtf8(bytes) : decodeText(bytes, 0, bytes.length)
    } catch {
      throw this.damaged('text that is neither UTF-8 nor WTF-8')
    }
  }

  /** A position some way from another one. */
  #further(from: number): number {
    return this.#whole(from + unzigzag(this.varint()))
  }

  #whole(position: number): number {
    if (!Number.isSafeInteger(position) || position < 0) throw this.damaged('a position that is none')
    return position
  }
}

function fill(array: unknown[], values: Iterable<number | bigint>): void {
  for (const value of values) array.push(value)
}
