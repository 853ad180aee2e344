/** The JSON dialect of HTTP and the CLI: plain JSON, and objects with a `$type` for what JSON lacks.
 *
 * | value | JSON |
 * |---|---|
 * | bigint | integer literal; read as bigint past 2^53 - 1, below that as a number |
 * | -0, NaN, infinities | `{"$type":"number","value":"-0"}`, `"NaN"`, `"Infinity"`, `"-Infinity"` |
 * | integral number past 2^53 - 1 | with a fraction, `9007199254740992.0`, so that it is not read as a bigint |
 * | bytes | `{"$type":"bytes","base64":"..."}` |
 * | date | `{"$type":"date","at":<milliseconds since 1970>}` |
 * | object with a key `$type` | `{"$type":"object","value":{...}}` |
 *
 * On reading, `$type` counts where it is the first key of an object, so that streams need not wait for the others.
 * These four names must then be used as shown; any other object with a `$type` is itself. On writing, an object that
 * has the key anywhere is wrapped.
 * @module */
import { VarveError } from '../errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { DEPTH_MAX, invalidJson, JsonParser, readsNatively } from './json-parse.ts'
import { isBytes, isDate } from './value-kinds.ts'

export interface JsonOptions {
  /** Default `keep`: numbers as `JSON.parse` reads them. `refuse`: literals that a number cannot hold are errors. */
  readonly exactNumbers?: 'keep' | 'refuse'
}

/** The dialect as objects, for what writes JSON itself: bytes, dates and odd numbers become `$type` objects, bigints
 * stay, everything else is shared with `value`, which must be one that the value table allows.
 * @throws {VarveError} `VALUE_UNSUPPORTED` for more than 1,024 containers inside each other, a cycle for one. */
export function toJsonValue(value: unknown): unknown {
  return scan(value) === 'plain' ? value : convert(value)
}

/** The dialect as JSON text. Cost: that of `JSON.stringify` and a look at each value.
 * @throws {VarveError} `VALUE_UNSUPPORTED` as `toJsonValue`. */
export function stringifyValue(value: unknown): string {
  const found = scan(value)
  if (found === 'plain') return JSON.stringify(value ?? null)
  const json = convert(value)
  return found === 'typed' ? JSON.stringify(json) : writeText(json)
}

/** Read JSON text of the dialect. Later duplicates of a key win; `__proto__` is a key like any other.
 * Cost: that of `JSON.parse` unless the text has a `$type` or long numbers, then about five times that.
 * @throws {VarveError} `JSON_INVALID` {position, line, column}, also past 1,024 containers inside each other. */
export function parseJsonValue(text: string, options: JsonOptions = {}): unknown {
  const exact = options.exactNumbers === 'refuse'
  if (readsNatively(text, exact)) {
    try {
      return JSON.parse(text)
    } catch {
      // Parsed again below, for the position.
    }
  }
  const parser = new JsonParser(text, exact)
  const value = parser.parse()
  return parser.typed.size === 0 ? value : revive(value, parser.typed, text)
}

/** `typed`: `JSON.stringify` can write the converted value. `wide`: it cannot, for its integers. */
type Found = 'plain' | 'typed' | 'wide'

function scan(root: unknown): Found {
  let found: Found = 'plain'
  const stack: object[] = []
  const depths: number[] = []
  const look = (value: unknown, depth: number): void => {
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) return
    if (typeof value === 'object') {
      if (depth > DEPTH_MAX) throw tooDeep()
      stack.push(value)
      depths.push(depth)
    } else if (typeof value === 'bigint' || isWideNumber(value)) found = 'wide'
    else if (typeof value === 'number' && found === 'plain' && isOddNumber(value)) found = 'typed'
  }
  look(root, 1)
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    const depth = (depths.pop() as number) + 1
    if (Array.isArray(value)) for (const element of value) look(element, depth)
    else {
      const isScalar = isBytes(value) || isDate(value)
      if (found === 'plain' && (isScalar || Object.hasOwn(value, '$type'))) found = 'typed'
      if (!isScalar) for (const field of Object.values(value)) look(field, depth)
    }
  }
  return found
}

function isWideNumber(value: unknown): value is number {
  // From 1e21 on numbers print with an exponent.
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21
}

function isOddNumber(value: number): boolean {
  return !Number.isFinite(value) || Object.is(value, -0)
}

interface Copying {
  readonly source: object
  readonly keys: readonly string[] | undefined
  readonly target: unknown[] | Record<string, unknown>
  readonly length: number
  next: number
}

function convert(root: unknown): unknown {
  const open: Copying[] = []
  const begin = (value: unknown): unknown => {
    const scalar = convertScalar(value)
    if (typeof scalar !== 'object' || scalar === null || scalar !== value) return scalar
    if (open.length >= DEPTH_MAX) throw tooDeep()
    const keys = Array.isArray(value) ? undefined : Object.keys(scalar)
    const target = keys === undefined ? [] : {}
    const length = keys === undefined ? (scalar as unknown[]).length : keys.length
    open.push({ source: scalar, keys, target, length, next: 0 })
    return keys !== undefined && Object.hasOwn(scalar, '$type') ? { $type: 'object', value: target } : target
  }
  const result = begin(root)
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (top.next >= top.length) {
      open.pop()
      continue
    }
    const index = top.next++
    const key = top.keys === undefined ? index : (top.keys[index] as string)
    setOwn(top.target, key, begin((top.source as Record<string | number, unknown>)[key]))
  }
  return result
}

/** Containers are returned as they are. */
function convertScalar(value: unknown): unknown {
  if (typeof value === 'number' && isOddNumber(value)) {
    return { $type: 'number', value: Object.is(value, -0) ? '-0' : String(value) }
  }
  if (typeof value !== 'object' || value === null) return value
  if (isBytes(value)) return { $type: 'bytes', base64: encodeBase64(value) }
  return isDate(value) ? { $type: 'date', at: value.getTime() } : value
}

/** Write what `convert` made, bigints and wide numbers included. */
function writeText(root: unknown): string {
  let text = ''
  const open: { value: object; keys: readonly string[] | undefined; next: number }[] = []
  const begin = (value: unknown): void => {
    if (typeof value === 'bigint') text += value
    else if (isWideNumber(value)) text += `${value}.0`
    else if (typeof value === 'object' && value !== null) {
      const keys = Array.isArray(value) ? undefined : Object.keys(value).filter((key) => isKept(value, key))
      text += keys === undefined ? '[' : '{'
      open.push({ value, keys, next: 0 })
    } else text += JSON.stringify(value) ?? 'null'
  }
  begin(root)
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { value, keys } = top
    if (top.next >= (keys ?? (value as unknown[])).length) {
      text += keys === undefined ? ']' : '}'
      open.pop()
      continue
    }
    if (top.next > 0) text += ','
    const index = top.next++
    const key = keys === undefined ? index : (keys[index] as string)
    if (typeof key === 'string') text += `${JSON.stringify(key)}:`
    begin((value as Record<string | number, unknown>)[key])
  }
  return text
}

function isKept(value: object, key: string): boolean {
  return (value as Record<string, unknown>)[key] !== undefined
}

/** Replace the `$type` objects in a parsed value. `typed` has those objects and where they begin. */
function revive(root: unknown, typed: ReadonlyMap<object, number>, text: string): unknown {
  const holder: Record<string, unknown> = { root }
  // Containers whose children are still to be looked at; from the root down, so that a wrapped object is not taken
  // for what it wraps.
  const pending: object[] = [holder]
  for (let container = pending.pop(); container !== undefined; container = pending.pop()) {
    for (const key of Object.keys(container)) {
      const child = (container as Record<string, unknown>)[key]
      if (typeof child !== 'object' || child === null) continue
      const position = typed.get(child)
      const value = position === undefined ? child : reviveOne(child as Record<string, unknown>, position, text)
      if (value !== child) setOwn(container as Record<string, unknown>, key, value)
      if (typeof value === 'object' && value !== null && !isBytes(value) && !isDate(value)) pending.push(value)
    }
  }
  return holder.root
}

function reviveOne(typed: Record<string, unknown>, position: number, text: string): unknown {
  const { $type, value, base64, at } = typed
  const fields = Object.keys(typed).length
  switch ($type) {
    case 'object':
      if (fields === 2 && typeof value === 'object' && value !== null && !Array.isArray(value)) return value
      break
    case 'number':
      if (fields === 2 && typeof value === 'string' && ODD_NUMBERS.has(value)) return Number(value)
      break
    case 'date':
      if (fields === 2 && typeof at === 'number' && new Date(at).getTime() === at) return new Date(at)
      break
    case 'bytes': {
      const bytes = fields === 2 && typeof base64 === 'string' ? decodeBase64(base64) : undefined
      if (bytes !== undefined) return bytes
      break
    }
    default:
      return typed
  }
  throw invalidJson(text, position, `a "$type" of "${$type}" that is not written as it must be`)
}

const ODD_NUMBERS: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity', '-0'])

function setOwn(target: unknown[] | Record<string, unknown>, key: string | number, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  } else (target as Record<string | number, unknown>)[key] = value
}

function tooDeep(): VarveError {
  const found = `more than ${DEPTH_MAX} levels, or a cycle`
  return new VarveError('VALUE_UNSUPPORTED', `Cannot write a value as JSON: found ${found}`, { details: { found } })
}
