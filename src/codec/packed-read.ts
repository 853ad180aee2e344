/** Reading packed values: the msgpack of `packed.ts`, records by a table of shapes.
 *
 * Written because this is where replay spends its time: strings are made flat and without a copy of their own, objects
 * by a generated literal per shape (where code generation is forbidden, key by key), nothing refers to the bytes read.
 * The reader is one set of module variables, which is safe because nothing of the caller runs while it reads.
 * Encoding as in https://github.com/msgpack/msgpack/blob/master/spec.md; 0x40 to 0x5f and 0x60 to 0x7f with a byte
 * are record ids, as msgpackr writes them.
 * @module */
import { VarveError } from '../errors.ts'

/** Up to this size a string is made from its bytes here; beyond, the runtime's decoder is faster. */
const SHORT_TEXT_BYTES = 15
/** A shape gets generated code when it was read this often. */
const GENERATE_AFTER = 3
const NOTHING = new Uint8Array(0)
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** `take` has checked the positions, so that no byte is undefined. */
const fromCharCode = String.fromCharCode as (...units: (number | undefined)[]) => string

let bytes: Uint8Array = NOTHING
let view: DataView = new DataView(NOTHING.buffer)
let position = 0
let end = 0
let readers: readonly RecordReader[] = []

type RecordReader = () => Record<string, unknown>

/** The readers of a table of shapes. Keep them with the table: generating costs more than reading a block. */
export class PackedReader {
  readonly #readers: RecordReader[]

  constructor(shapes: readonly (readonly string[])[]) {
    this.#readers = shapes.map((keys, id) => this.#counting(keys, id))
  }

  /** Read `count` values laid end to end, exactly filling `source`.
   * @throws {VarveError} `DECODE_FAILED`; a stack overflow by hostile depth is one, too. */
  readAll(source: Uint8Array, count: number): unknown[] {
    if (count > source.length) throw damaged('there are fewer bytes than values')
    bytes = source
    view = new DataView(source.buffer, source.byteOffset, source.length)
    position = 0
    end = source.length
    readers = this.#readers
    try {
      const values = new Array<unknown>(count)
      for (let i = 0; i < count; i++) values[i] = read()
      if (position !== end) throw damaged(position > end ? 'a value is cut short' : 'bytes follow the last value')
      return values
    } catch (cause) {
      if (cause instanceof VarveError) throw cause
      throw new VarveError('DECODE_FAILED', 'Cannot decode packed values', { cause })
    } finally {
      bytes = NOTHING
      readers = []
    }
  }

  /** A reader that replaces itself by generated code when its shape recurs. */
  #counting(keys: readonly string[], id: number): RecordReader {
    let reads = 0
    return () => {
      if (++reads === GENERATE_AFTER) this.#readers[id] = generated(keys) ?? (() => readRecord(keys))
      return readRecord(keys)
    }
  }
}

function readRecord(keys: readonly string[]): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  for (const key of keys) setField(record, key, read())
  return record
}

/** A function that makes the record as one literal, or undefined where code generation is forbidden. */
function generated(keys: readonly string[]): RecordReader | undefined {
  const fields = keys.map((key) => (key === '__proto__' ? '["__proto__"]:r()' : `${JSON.stringify(key)}:r()`))
  try {
    return new Function('r', `return function(){return {${fields.join(',')}}}`)(read)
  } catch {
    return undefined
  }
}

function setField(record: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') record[key] = value
  else Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true })
}

function damaged(reason: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot decode packed values: ${reason}`, { details: { reason } })
}

/** Move past `count` bytes. @returns where they begin. */
function take(count: number): number {
  const at = position
  position = at + count
  if (position > end) throw damaged('a value is cut short')
  return at
}

function read(): unknown {
  const code = bytes[position++]
  if (code === undefined) throw damaged('a value is cut short')
  if (code < 0x40) return code
  if (code < 0x60) return record(code - 0x40)
  if (code < 0x80) return record(code - 0x40 + (bytes[take(1)] as number) * 32)
  if (code < 0x90) return readMap(code - 0x80)
  if (code < 0xa0) return readArray(code - 0x90)
  if (code < 0xc0) return readText(code - 0xa0)
  if (code >= 0xe0) return code - 0x100
  return readLong(code)
}

function record(id: number): unknown {
  const reader = readers[id]
  if (reader === undefined) throw damaged(`there is no shape ${id}`)
  return reader()
}

function readLong(code: number): unknown {
  switch (code) {
    case 0xc0:
      return null
    case 0xc2:
      return false
    case 0xc3:
      return true
    case 0xc4:
      return readBytes(bytes[take(1)] as number)
    case 0xc5:
      return readBytes(view.getUint16(take(2)))
    case 0xc6:
      return readBytes(view.getUint32(take(4)))
    case 0xca:
      return view.getFloat32(take(4))
    case 0xcb:
      return view.getFloat64(take(8))
    case 0xcc:
      return bytes[take(1)]
    case 0xcd:
      return view.getUint16(take(2))
    case 0xce:
      return view.getUint32(take(4))
    case 0xcf:
      return view.getBigUint64(take(8))
    case 0xd0:
      return view.getInt8(take(1))
    case 0xd1:
      return view.getInt16(take(2))
    case 0xd2:
      return view.getInt32(take(4))
    case 0xd3:
      return view.getBigInt64(take(8))
    case 0xd7:
      return readTimestamp()
    case 0xd9:
      return readText(bytes[take(1)] as number)
    case 0xda:
      return readText(view.getUint16(take(2)))
    case 0xdb:
      return readText(view.getUint32(take(4)))
    case 0xdc:
      return readArray(view.getUint16(take(2)))
    case 0xdd:
      return readArray(view.getUint32(take(4)))
    case 0xde:
      return readMap(view.getUint16(take(2)))
    case 0xdf:
      return readMap(view.getUint32(take(4)))
    default:
      throw damaged(`0x${code.toString(16)} is no code of ours`)
  }
}

function readArray(length: number): unknown[] {
  if (length > end - position) throw damaged('an array is longer than its bytes')
  const array = new Array<unknown>(length)
  for (let i = 0; i < length; i++) array[i] = read()
  return array
}

function readMap(length: number): Record<string, unknown> {
  if (length > end - position) throw damaged('a map is longer than its bytes')
  const map: Record<string, unknown> = {}
  for (let i = 0; i < length; i++) {
    const key = read()
    if (typeof key !== 'string') throw damaged('a key is no text')
    setField(map, key, read())
  }
  return map
}

function readBytes(length: number): Uint8Array {
  const at = take(length)
  return Uint8Array.prototype.slice.call(bytes, at, at + length)
}

/** Timestamp 64 of the msgpack specification: 30 bits of nanoseconds, 34 of seconds. */
function readTimestamp(): Date {
  const at = take(9)
  if (bytes[at] !== 0xff) throw damaged('an extension is no timestamp')
  const high = view.getUint32(at + 1)
  const seconds = (high & 3) * 0x1_0000_0000 + view.getUint32(at + 5)
  return new Date(seconds * 1_000 + (high >>> 2) / 1_000_000)
}

function readText(length: number): string {
  const at = take(length)
  if (length > SHORT_TEXT_BYTES) return textDecoder.decode(bytes.subarray(at, at + length))
  let all = 0
  for (let i = at; i < at + length; i++) all |= bytes[i] as number
  if (all > 0x7f) return textDecoder.decode(bytes.subarray(at, at + length))
  return length < 8 ? upTo7(at, length) : exactly8(at) + upTo7(at + 8, length - 8)
}

function exactly8(at: number): string {
  const b = bytes
  return fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5], b[at + 6], b[at + 7])
}

/** Exact arities make flat strings without an array of arguments. */
function upTo7(at: number, length: number): string {
  const b = bytes
  switch (length) {
    case 0:
      return ''
    case 1:
      return fromCharCode(b[at])
    case 2:
      return fromCharCode(b[at], b[at + 1])
    case 3:
      return fromCharCode(b[at], b[at + 1], b[at + 2])
    case 4:
      return fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3])
    case 5:
      return fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4])
    case 6:
      return fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5])
    default:
      return fromCharCode(b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5], b[at + 6])
  }
}
