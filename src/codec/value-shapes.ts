/** Record shapes: the key lists that packed values refer to by number, and their table in bytes.
 *
 * Table: varint count; per shape varint keys; per key varint UTF-8 length and the bytes.
 * A table only grows, and never holds `__proto__`, a key with a lone surrogate or the empty shape.
 * @module */
import { VarveError } from '../errors.ts'
import { ValueBuffer } from './value-buffer.ts'

export const SHAPES_MAX = 256
export const SHAPE_KEYS_MAX = 64
/** Every batch with a new shape carries the whole table: past so many UTF-16 units of keys, objects become maps. */
export const SHAPES_MAX_UNITS = 1_048_576

export interface Shape {
  readonly id: number
  readonly keys: readonly string[]
  /** The shape that followed this one the last time: the first guess for the next object. */
  next: Shape | undefined
}

interface ShapeNode {
  shape: Shape | undefined
  readonly children: Map<string, ShapeNode>
}

/** Shapes by their keys. Memory is bounded by 256 shapes of 64 keys: nothing is remembered of what found no room. */
export class ShapeTable {
  readonly keys: (readonly string[])[] = []
  readonly #root: ShapeNode = { shape: undefined, children: new Map() }
  /** Shapes by their first key, for `guess`. */
  readonly #byFirstKey = new Map<string, Shape[]>()
  #last: Shape | undefined
  #units = 0

  get full(): boolean {
    return this.keys.length >= SHAPES_MAX || this.#units >= SHAPES_MAX_UNITS
  }

  /** A shape that begins with `key`: the one before was right so often that it is the first guess. */
  guess(key: string): Shape | undefined {
    const last = this.#last
    if (last?.keys[0] === key) return last
    return this.#byFirstKey.get(key)?.[0]
  }

  /** A shape with the first `count` keys of `wrong` that goes on with `key`, or ends there when `key` is undefined. */
  instead(wrong: Shape, count: number, key: string | undefined): Shape | undefined {
    for (const shape of this.#byFirstKey.get(wrong.keys[0] ?? '') ?? []) {
      if (shape.keys[count] === key && shape.keys.length >= count && sameStart(shape.keys, wrong.keys, count)) {
        return shape
      }
    }
    return undefined
  }

  /** The shape of `keys[from..end)`, if known. Cost: `end - from` comparisons when it follows as it did before. */
  find(keys: readonly string[], from: number, end: number): Shape | undefined {
    const last = this.#last
    // Rows of a list repeat their shape; `next` is what comes after them.
    if (last !== undefined && matches(last.keys, keys, from, end)) return last
    const guess = last?.next
    if (guess !== undefined && matches(guess.keys, keys, from, end)) {
      this.#last = guess
      return guess
    }
    let node: ShapeNode | undefined = this.#root
    for (let index = from; index < end; index++) {
      node = node.children.get(keys[index] as string)
      if (node === undefined) return undefined
    }
    if (node.shape !== undefined) this.follow(node.shape)
    return node.shape
  }

  /** Add a shape that `find` did not know. The table must not be full, and the keys at most `SHAPE_KEYS_MAX`. */
  add(keys: readonly string[]): Shape {
    let node = this.#root
    for (const key of keys) {
      this.#units += key.length
      let child = node.children.get(key)
      if (child === undefined) {
        child = { shape: undefined, children: new Map() }
        node.children.set(key, child)
      }
      node = child
    }
    node.shape = { id: this.keys.length, keys, next: undefined }
    this.keys.push(keys)
    const first = keys[0] ?? ''
    const alike = this.#byFirstKey.get(first)
    if (alike === undefined) this.#byFirstKey.set(first, [node.shape])
    else alike.push(node.shape)
    this.follow(node.shape)
    return node.shape
  }

  /** Take note of the order in which shapes come. */
  follow(shape: Shape): void {
    if (this.#last !== undefined) this.#last.next = shape
    this.#last = shape
  }
}

function sameStart(a: readonly string[], b: readonly string[], count: number): boolean {
  for (let index = 0; index < count; index++) if (a[index] !== b[index]) return false
  return true
}

function matches(shape: readonly string[], keys: readonly string[], from: number, end: number): boolean {
  if (shape.length !== end - from) return false
  for (let index = 0; index < shape.length; index++) {
    if (shape[index] !== keys[from + index]) return false
  }
  return true
}

/** Write the table of shapes as bytes; the layout is in the module comment. */
export function encodeShapes(shapes: readonly (readonly string[])[]): Uint8Array {
  const out = new ValueBuffer()
  out.varint(shapes.length)
  const encoder = new TextEncoder()
  for (const keys of shapes) {
    out.varint(keys.length)
    for (const key of keys) {
      const utf8 = encoder.encode(key)
      out.varint(utf8.length)
      out.append(utf8)
    }
  }
  return out.bytes.slice(0, out.length)
}

/** Read what `encodeShapes` wrote. @throws {VarveError} `DECODE_FAILED`. */
export function decodeShapes(bytes: Uint8Array): string[][] {
  const reader = { bytes, position: 0 }
  const count = boundedVarint(reader, SHAPES_MAX)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const shapes: string[][] = []
  for (let index = 0; index < count; index++) {
    const keys: string[] = []
    const keyCount = boundedVarint(reader, SHAPE_KEYS_MAX)
    for (let at = 0; at < keyCount; at++) keys.push(readKey(reader, decoder))
    if (new Set(keys).size !== keys.length) throw damaged(reader.position, 'a key twice')
    shapes.push(keys)
  }
  if (reader.position !== bytes.length) throw damaged(reader.position, 'bytes after the end')
  return shapes
}

interface Reader {
  readonly bytes: Uint8Array
  position: number
}

function readKey(reader: Reader, decoder: TextDecoder): string {
  const sizeBytes = boundedVarint(reader, reader.bytes.length - reader.position)
  const end = reader.position + sizeBytes
  if (end > reader.bytes.length) throw damaged(reader.position, 'a key past the end')
  try {
    const key = decoder.decode(reader.bytes.subarray(reader.position, end))
    if (key === '__proto__') throw damaged(reader.position, 'a reserved key')
    reader.position = end
    return key
  } catch (cause) {
    if (cause instanceof VarveError) throw cause
    throw damaged(reader.position, 'a key that is not UTF-8')
  }
}

function boundedVarint(reader: Reader, max: number): number {
  let value = 0
  let unit = 1
  for (let count = 0; count < 4; count++) {
    const byte = reader.bytes[reader.position++]
    if (byte === undefined) throw damaged(reader.position, 'a number past the end')
    value += (byte & 0x7f) * unit
    if (byte < 0x80) {
      if (value > max) throw damaged(reader.position, 'a number out of range')
      return value
    }
    unit *= 0x80
  }
  throw damaged(reader.position, 'a number too long')
}

function damaged(position: number, found: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot decode the table of shapes: ${found}`, {
    details: { position, found },
  })
}
