/** One iterative pass over a caller's value: decides what it may hold, applies limits, and hands the parts to a sink.
 *
 * Invariants: no recursion, so cycles and any depth end in typed errors; every property is read once; nothing of the
 * caller's is kept after the walk. The value table in the README says what is kept, dropped and refused.
 * @module */
import { assert, VarveError } from '../errors.ts'
import { utf8Length, type ValueBuffer } from './value-buffer.ts'
import {
  describeValue,
  formatKey,
  isBytes,
  isDate,
  isPlainArray,
  isPlainPrototype,
  resolveToJson,
} from './value-kinds.ts'

export interface ValueLimits {
  /** Encoded size of one value. */
  readonly sizeBytes: number
  /** Objects and arrays inside each other; a scalar has depth 0. */
  readonly depth: number
  /** Values of every kind, containers included. */
  readonly nodes: number
  /** UTF-8 bytes of one object key. */
  readonly keyBytes: number
}

/** Where a walk puts what it meets. A method that returns false cannot hold what it was given, and ends the walk. */
export interface ValueSink {
  null(): void
  boolean(value: boolean): void
  number(value: number): void
  string(value: string): boolean
  bigint(value: bigint): boolean
  bytes(value: Uint8Array): void
  /** `value` is milliseconds since 1970, never NaN. */
  date(value: number): boolean
  beginArray(length: number): void
  endArray(length: number): void
  /** An object with the fields `keys[from..end)`. @returns whether `key` is wanted before each value, or 'refused'. */
  beginObject(keys: readonly string[], from: number, end: number): 'keyed' | 'unkeyed' | 'refused'
  key(key: string): boolean
  endObject(fields: number): void
}

/** What the values of a frame are. */
const ARRAY = 0
const KEYED = 1
const UNKEYED = 2

const NOBODY = {}
/** Stacks longer than this are let go after the walk. */
const KEEP_FIELDS = 1_024

interface Frame {
  kind: number
  owner: object
  /** Fields: their range on the stacks. Arrays: indexes. */
  from: number
  next: number
  end: number
}

export class ValueWalker {
  readonly #limits: ValueLimits
  readonly #out: ValueBuffer
  readonly #frames: Frame[] = []
  /** Fields of the open objects, outermost first; reused, so that a walk allocates nothing. */
  readonly #keys: string[] = []
  readonly #values: unknown[] = []
  #depth = 0
  #fields = 0
  #nodes = 0
  #sizeEnd = 0
  #where = ''
  #busy = false

  constructor(out: ValueBuffer, limits: ValueLimits) {
    this.#out = out
    this.#limits = limits
  }

  /** Walk `root`, writing at the end of the buffer. @returns false when the sink could not hold something.
   * @throws {VarveError} `VALUE_UNSUPPORTED`, `EVENT_TOO_LARGE`; the caller then takes back what was written. */
  walk(root: unknown, where: string, sink: ValueSink): boolean {
    assert(!this.#busy, 'a value is not encoded while another one is being encoded')
    this.#busy = true
    this.#where = where
    this.#nodes = 1
    this.#sizeEnd = this.#out.length + this.#limits.sizeBytes
    try {
      return this.#run(typeof root === 'object' && root !== null ? this.#resolve(root, '') : root, sink)
    } catch (cause) {
      if (cause instanceof VarveError) throw cause
      throw this.#unsupported('a value whose own code throws', undefined, cause)
    } finally {
      this.#clear()
    }
  }

  #run(root: unknown, sink: ValueSink): boolean {
    let value: unknown = root === undefined ? null : root
    for (;;) {
      if (!this.#write(value, sink)) return false
      if (this.#out.length > this.#sizeEnd) throw this.#tooLarge('sizeBytes', this.#sizeFound(0))
      for (;;) {
        if (this.#depth === 0) return true
        const frame = this.#frames[this.#depth - 1] as Frame
        if (frame.next < frame.end) {
          const index = frame.next++
          if (frame.kind === ARRAY) {
            value = this.#element(frame.owner as unknown[], index)
          } else {
            if (frame.kind === KEYED && !this.#key(this.#keys[index] as string, sink)) return false
            value = this.#values[index]
          }
          break
        }
        if (frame.kind === ARRAY) sink.endArray(frame.end)
        else {
          this.#fields = frame.from
          sink.endObject(frame.end - frame.from)
        }
        this.#depth--
      }
    }
  }

  /** Write a scalar, or begin a container. */
  #write(value: unknown, sink: ValueSink): boolean {
    switch (typeof value) {
      case 'string':
        if (value.length > this.#sizeEnd - this.#out.length) {
          throw this.#tooLarge('sizeBytes', this.#sizeFound(utf8Length(value)))
        }
        return sink.string(value)
      case 'number':
        sink.number(value)
        return true
      case 'boolean':
        sink.boolean(value)
        return true
      case 'object':
        if (value === null) {
          sink.null()
          return true
        }
        return this.#object(value, sink)
      case 'bigint':
        return sink.bigint(value)
      default:
        throw this.#unsupported(describeValue(value))
    }
  }

  #object(value: object, sink: ValueSink): boolean {
    const prototype = Object.getPrototypeOf(value)
    if (prototype === Object.prototype) return this.#plainObject(value, sink)
    if (prototype === Array.prototype && Array.isArray(value)) return this.#array(value, sink)
    if (isBytes(value)) {
      if (value.length > this.#sizeEnd - this.#out.length) {
        throw this.#tooLarge('sizeBytes', this.#sizeFound(value.length))
      }
      sink.bytes(value)
      return true
    }
    if (isDate(value)) {
      const at = Date.prototype.getTime.call(value)
      if (Number.isNaN(at)) throw this.#unsupported('an invalid Date')
      return sink.date(at)
    }
    if (isPlainArray(value)) return this.#array(value, sink)
    if (isPlainPrototype(prototype)) return this.#plainObject(value, sink)
    throw this.#unsupported(describeValue(value))
  }

  #array(value: unknown[], sink: ValueSink): boolean {
    const length = value.length
    this.#count(length)
    this.#push(ARRAY, value, 0, length)
    sink.beginArray(length)
    return true
  }

  #plainObject(value: object, sink: ValueSink): boolean {
    const from = this.#fields
    let end = from
    for (const key in value) {
      if (!Object.hasOwn(value, key)) continue
      let field: unknown = (value as Record<string, unknown>)[key]
      if (typeof field === 'object' && field !== null) field = this.#resolve(field, key, key)
      if (field === undefined) continue
      if (end - from >= this.#limits.nodes) throw this.#tooLarge('nodes', end - from + 1)
      this.#keys[end] = key
      this.#values[end++] = field
    }
    this.#fields = end
    this.#count(end - from)
    const form = sink.beginObject(this.#keys, from, end)
    if (form === 'refused') return false
    this.#push(form === 'keyed' ? KEYED : UNKEYED, value, from, end)
    return true
  }

  #element(array: unknown[], index: number): unknown {
    let element = array[index]
    if (typeof element === 'object' && element !== null) element = this.#resolve(element, index)
    if (element === undefined) throw this.#unsupported(Object.hasOwn(array, index) ? 'undefined' : 'a hole')
    return element
  }

  /** @param field the key, when the path so far ends before it. */
  #resolve(value: object, key: string | number, field?: string): unknown {
    try {
      return resolveToJson(value, key)
    } catch (cause) {
      throw this.#unsupported('a toJSON that throws', field, cause)
    }
  }

  #key(key: string, sink: ValueSink): boolean {
    // No character takes more than three bytes.
    if (key.length * 3 > this.#limits.keyBytes) {
      const sizeBytes = utf8Length(key)
      if (sizeBytes > this.#limits.keyBytes) throw this.#tooLarge('keyBytes', sizeBytes)
    }
    return sink.key(key)
  }

  #push(kind: number, owner: object, from: number, end: number): void {
    if (this.#depth >= this.#limits.depth) {
      for (let index = 0; index < this.#depth; index++) {
        if (this.#frames[index]?.owner === owner) throw this.#unsupported('a cycle')
      }
      throw this.#tooLarge('depth', this.#depth + 1)
    }
    const frame = this.#frames[this.#depth]
    if (frame === undefined) {
      this.#frames.push({ kind, owner, from, next: from, end })
    } else {
      frame.kind = kind
      frame.owner = owner
      frame.from = from
      frame.next = from
      frame.end = end
    }
    this.#depth++
  }

  #count(children: number): void {
    this.#nodes += children
    if (this.#nodes > this.#limits.nodes) throw this.#tooLarge('nodes', this.#nodes)
  }
  #clear(): void {
    for (let index = 0; index < this.#frames.length; index++) {
      const frame = this.#frames[index] as Frame
      if (frame.owner === NOBODY) break
      frame.owner = NOBODY
    }
    // Outermost first, so the first unused slot ends the used ones.
    for (let index = 0; index < this.#values.length && this.#values[index] !== undefined; index++) {
      this.#values[index] = undefined
    }
    if (this.#values.length > KEEP_FIELDS) {
      this.#values.length = 0
      this.#keys.length = 0
    }
    this.#depth = 0
    this.#fields = 0
    this.#busy = false
  }

  #sizeFound(moreBytes: number): number {
    return this.#out.length - (this.#sizeEnd - this.#limits.sizeBytes) + moreBytes
  }

  #path(): string {
    let path = this.#where
    for (let index = 0; index < this.#depth; index++) {
      const frame = this.#frames[index] as Frame
      // `next` is past the child that is being walked; a container that was only begun has none.
      if (frame.next > frame.from) {
        path += frame.kind === ARRAY ? `[${frame.next - 1}]` : formatKey(this.#keys[frame.next - 1] as string)
      }
    }
    return path
  }

  #unsupported(found: string, key?: string, cause?: unknown): VarveError {
    const path = key === undefined ? this.#path() : this.#path() + formatKey(key)
    return new VarveError('VALUE_UNSUPPORTED', `Cannot store "${path}": found ${found}`, {
      details: { path, found },
      cause,
    })
  }

  #tooLarge(limitName: keyof ValueLimits, found: number): VarveError {
    const path = this.#path()
    const limit = this.#limits[limitName]
    return new VarveError(
      'EVENT_TOO_LARGE',
      `Cannot store "${path}": ${limitName} is at least ${found}, limit ${limit}`,
      {
        details: { path, limit, limitName, found },
      },
    )
  }
}
