/** The short way for values that are like those before them: plain objects of known shapes, arrays and scalars.
 *
 * It writes what `PackedSink` would, while it looks; whatever is not plain, or too large, or of a new shape, ends it,
 * and the walk that tells everything apart begins again from the start. About half the cost of that walk.
 * @module */
import type { PackedSink } from './packed.ts'
import type { ValueBuffer } from './value-buffer.ts'
import type { Shape, ShapeTable } from './value-shapes.ts'
import type { ValueLimits } from './value-walk.ts'

/** Deeper values, cycles among them, take the long way. */
const DEPTH_MAX = 16
/** Longer strings take the long way, which compares them with the limit before they are written. */
const STRING_MAX_UNITS = 65_536

export class FastPacker {
  readonly #out: ValueBuffer
  readonly #sink: PackedSink
  readonly #shapes: ShapeTable
  readonly #limits: ValueLimits
  #nodes = 0

  constructor(parts: { out: ValueBuffer; sink: PackedSink; shapes: ShapeTable; limits: ValueLimits }) {
    this.#out = parts.out
    this.#sink = parts.sink
    this.#shapes = parts.shapes
    this.#limits = parts.limits
  }

  /** Write `value` at the end of the buffer.
   * @returns false when it takes the long way; then the buffer holds rubbish. */
  write(value: unknown): boolean {
    const start = this.#out.length
    this.#nodes = 0
    try {
      return this.#value(value, 0) && this.#out.length - start <= this.#limits.sizeBytes
    } catch {
      // A getter of the caller's threw: the long way says so properly.
      return false
    }
  }

  #value(value: unknown, depth: number): boolean {
    if (++this.#nodes > this.#limits.nodes) return false
    switch (typeof value) {
      case 'string':
        return value.length <= STRING_MAX_UNITS && this.#sink.string(value)
      case 'number':
        this.#sink.number(value)
        return true
      case 'boolean':
        this.#sink.boolean(value)
        return true
      case 'object':
        if (value !== null) return depth < DEPTH_MAX && this.#container(value, depth + 1)
        this.#sink.null()
        return true
      default:
        return false
    }
  }

  #container(value: object, depth: number): boolean {
    const prototype = Object.getPrototypeOf(value)
    if (prototype === Object.prototype) return this.#object(value as Record<string, unknown>, depth)
    return prototype === Array.prototype && Array.isArray(value) && this.#array(value, depth)
  }

  #array(array: unknown[] & { toJSON?: unknown }, depth: number): boolean {
    if (array.toJSON !== undefined) return false
    this.#sink.beginArray(array.length)
    for (let index = 0; index < array.length; index++) if (!this.#value(array[index], depth)) return false
    return true
  }

  /** Write the fields while they agree with a shape. Shapes have only own keys that were checked: others end this. */
  #object(object: Record<string, unknown>, depth: number): boolean {
    const at = this.#out.length
    let shape: Shape | undefined
    let count = 0
    for (const key in object) {
      if (shape === undefined) {
        shape = this.#shapes.guess(key)
        if (shape === undefined) return false
        this.#sink.beginRecord(shape.id)
      } else if (shape.keys[count] !== key) {
        shape = this.#corrected(at, shape, this.#shapes.instead(shape, count, key))
        if (shape === undefined) return false
      }
      count++
      if (!this.#value(object[key], depth)) return false
    }
    if (shape === undefined) return false
    if (count === shape.keys.length) {
      this.#shapes.follow(shape)
      return true
    }
    return this.#corrected(at, shape, this.#shapes.instead(shape, count, undefined)) !== undefined
  }

  /** Write another id over that of a shape that did not fit, where it takes as many bytes. */
  #corrected(at: number, wrong: Shape, right: Shape | undefined): Shape | undefined {
    if (right === undefined || right.id >= 32 !== wrong.id >= 32) return undefined
    const end = this.#out.length
    this.#out.length = at
    this.#sink.beginRecord(right.id)
    this.#out.length = end
    return right
  }
}
