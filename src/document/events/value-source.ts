/** Values as sources of documents.
 *
 * What a value may hold is what `codec/value-walk.ts` says. For speed this pass recurses, but never deep, and when the
 * output is full it leaves the recursion: what is open then becomes frames, from which it goes on. Every property is
 * read once.
 * @module */
import {
  describeValue,
  isBytes,
  isDate,
  isPlainArray,
  isPlainPrototype,
  resolveToJson,
} from '../../codec/value-kinds.ts'
import { AssertionError, VarveError } from '../../errors.ts'
import type { DocumentOutput } from '../write/output.ts'

/** Containers inside each other after which frames are used, so that any depth ends in a typed error. */
const LEVELS_MAX = 64
/** Cycles are looked for once in so many levels. */
const CYCLE_STEP = 16

type Fields = Readonly<Record<string, unknown>>

/** A container that is not finished. */
interface Frame {
  readonly owner: object
  /** Undefined for arrays. */
  readonly keys: readonly string[] | undefined
  /** The child to go on with. */
  readonly next: number
}

/** Write `value` to `output`, draining it when it is full.
 * Cost: one pass; of the value nothing is copied, and it must not change until this is done.
 * @throws {VarveError} `VALUE_UNSUPPORTED` {path, found}, `DOCUMENT_LIMIT`, what `drain` throws; the reason of
 * `signal`, which is looked at about every drain. */
export async function pumpValue(
  output: DocumentOutput,
  value: unknown,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { signal } = options
  signal?.throwIfAborted()
  const walk = new PausingWalk(output)
  for (let isDone = walk.begin(value); !isDone; isDone = walk.resume()) {
    if (!output.isFull) continue
    signal?.throwIfAborted()
    await output.drain()
  }
}

/** A walk that pauses when its output is full, for whoever drains that between `begin` and each `resume`. Methods that
 * return a boolean tell whether they finished: false when frames were left behind.
 * @throws {VarveError} as `pumpValue`. */
export class PausingWalk {
  readonly #output: DocumentOutput
  readonly #isPlainInherited = inheritsNothing()
  /** Open containers, innermost last. */
  readonly #frames: Frame[] = []
  /** The same while the recursion is left, innermost first. */
  readonly #left: Frame[] = []
  readonly #owners: object[] = []
  #depth = 0

  constructor(output: DocumentOutput) {
    this.#output = output
  }

  begin(root: unknown): boolean {
    return this.#guard(() => {
      const value = typeof root === 'object' && root !== null ? this.#resolve(root, '', undefined) : root
      return this.#write(value === undefined ? null : value, 0)
    })
  }

  /** Go on where the walk was left. */
  resume(): boolean {
    return this.#guard(() => {
      for (let frame = this.#frames.pop(); frame !== undefined; frame = this.#frames.pop()) {
        const { owner, keys, next } = frame
        const isDone = keys === undefined ? this.#elements(owner as unknown[], next, 0) : this.#fields(frame, 0)
        if (!isDone) return false
      }
      return true
    })
  }

  #guard(action: () => boolean): boolean {
    try {
      const isDone = action()
      for (let frame = this.#left.pop(); frame !== undefined; frame = this.#left.pop()) this.#frames.push(frame)
      return isDone
    } catch (cause) {
      if (cause instanceof VarveError || cause instanceof AssertionError) throw cause
      throw this.#unsupported('a value whose own code throws', cause)
    }
  }

  #write(value: unknown, level: number): boolean {
    switch (typeof value) {
      case 'string':
        this.#output.string(value)
        return true
      case 'number':
        this.#output.number(value)
        return true
      case 'boolean':
        this.#output.boolean(value)
        return true
      case 'object':
        if (value !== null) return this.#object(value, level)
        this.#output.null()
        return true
      case 'bigint':
        this.#output.bigint(value)
        return true
      default:
        throw this.#unsupported(describeValue(value))
    }
  }

  #object(value: object, level: number): boolean {
    const prototype = Object.getPrototypeOf(value)
    if (prototype === Object.prototype && this.#isPlainInherited) return this.#plainObject(value as Fields, level)
    if (prototype === Array.prototype && Array.isArray(value)) return this.#array(value, level)
    if (isBytes(value)) this.#output.bytes(value)
    else if (isDate(value)) {
      const at = Date.prototype.getTime.call(value)
      if (Number.isNaN(at)) throw this.#unsupported('an invalid Date')
      this.#output.date(at)
    } else if (isPlainArray(value)) return this.#array(value, level)
    else if (isPlainPrototype(prototype)) return this.#otherObject(value, level)
    else throw this.#unsupported(describeValue(value))
    return true
  }

  #array(value: unknown[], level: number): boolean {
    this.#enter(value)
    this.#output.beginArray()
    return level < LEVELS_MAX ? this.#elements(value, 0, level + 1) : this.#leave(value, undefined, 0)
  }

  #elements(array: unknown[], from: number, level: number): boolean {
    const output = this.#output
    for (let index = from; index < array.length; index++) {
      const element = array[index]
      if (typeof element === 'string') output.string(element)
      else if (typeof element === 'number') output.number(element)
      else if (!this.#element(array, index, element, level)) return this.#leave(array, undefined, index + 1)
      if (output.isFull) return this.#leave(array, undefined, index + 1)
    }
    output.endArray()
    this.#depth--
    return true
  }

  /** An object without a prototype, or with that of another realm. */
  #otherObject(value: object, level: number): boolean {
    this.#enter(value)
    this.#output.beginObject()
    const keys = Object.keys(value)
    return level < LEVELS_MAX ? this.#fields({ owner: value, keys, next: 0 }, level + 1) : this.#leave(value, keys, 0)
  }

  #plainObject(object: Fields, level: number): boolean {
    this.#enter(object)
    this.#output.beginObject()
    return level < LEVELS_MAX ? this.#ownFields(object, level + 1) : this.#leave(object, Object.keys(object), 0)
  }

  /** All fields of an object that inherits none. */
  #ownFields(object: Fields, level: number): boolean {
    const output = this.#output
    let count = 0
    for (const key in object) {
      const field = object[key]
      count++
      if (typeof field === 'string') {
        output.key(key)
        output.string(field)
      } else if (typeof field === 'number') {
        output.key(key)
        output.number(field)
      } else if (!this.#field(key, field, level)) return this.#leave(object, Object.keys(object), count)
      if (output.isFull) return this.#leave(object, Object.keys(object), count)
    }
    output.endObject()
    this.#depth--
    return true
  }

  /** The rest of an object. */
  #fields({ owner, keys = [], next }: Frame, level: number): boolean {
    for (let index = next; index < keys.length; index++) {
      const key = keys[index] as string
      const isDone = this.#field(key, (owner as Fields)[key], level)
      if (!isDone || this.#output.isFull) return this.#leave(owner, keys, index + 1)
    }
    this.#output.endObject()
    this.#depth--
    return true
  }

  #field(key: string, field: unknown, level: number): boolean {
    if (field === undefined) return true
    const value = typeof field === 'object' && field !== null ? this.#resolve(field, key, key) : field
    if (value === undefined) return true
    this.#output.key(key)
    return this.#write(value, level)
  }

  #element(array: unknown[], index: number, element: unknown, level: number): boolean {
    const value = typeof element === 'object' && element !== null ? this.#resolve(element, index, undefined) : element
    if (value === undefined) throw this.#unsupported(Object.hasOwn(array, index) ? 'undefined' : 'a hole')
    return this.#write(value, level)
  }

  /** @param field the key, when the output was not told it yet. */
  #resolve(value: object, key: string | number, field: string | undefined): unknown {
    try {
      return resolveToJson(value, key)
    } catch (cause) {
      if (field !== undefined) this.#output.key(field)
      throw this.#unsupported('a toJSON that throws', cause)
    }
  }

  #enter(owner: object): void {
    const depth = this.#depth
    if (depth % CYCLE_STEP === CYCLE_STEP - 1) {
      for (let index = 0; index < depth; index++) {
        if (this.#owners[index] === owner) throw this.#unsupported('a cycle')
      }
    }
    this.#owners[depth] = owner
    this.#depth = depth + 1
  }

  #leave(owner: object, keys: readonly string[] | undefined, next: number): false {
    this.#left.push({ owner, keys, next })
    return false
  }

  #unsupported(found: string, cause?: unknown): VarveError {
    const path = this.#output.path()
    return new VarveError('VALUE_UNSUPPORTED', `Cannot write the value at "${path}": found ${found}`, {
      details: { path, found },
      cause,
    })
  }
}

/** Whether plain objects have own fields only, so that a loop over them need not ask. */
function inheritsNothing(): boolean {
  for (const _ in {}) return false
  return true
}
