/** Copies of values, checked by the value table or known to be of it.
 *
 * A checked copy only notices that something is wrong. What and where is then found by the walk that documents are
 * written with, so that both refuse the same with the same words.
 * @module */

import { utf8Length } from '../../codec/value-buffer.ts'
import { setField } from '../../codec/value-builder.ts'
import { isBytes, isDate, isPlainArray, isPlainPrototype, resolveToJson } from '../../codec/value-kinds.ts'
import { valueToEvents } from '../../document/events/conversions.ts'
import { DOCUMENT_LIMITS } from '../../document/write/output.ts'
import { VarveError } from '../../errors.ts'
import { KEY_COST, scalarCost } from './diff-cost.ts'

type Fields = Record<string, unknown>

/** Something that a value must not hold; only `refuse` knows what. */
export const REFUSED: unique symbol = Symbol('refused')

/** Copy a value of a caller, all of it, and check it by the value table: fields that are undefined are left out,
 * `toJSON` is applied, bytes and dates are copied, `undefined` alone becomes null.
 * Cost: one pass. @throws {VarveError} `VALUE_UNSUPPORTED` {path, found}, `DOCUMENT_LIMIT` {path, limit, limitName}. */
export function copyValue(value: unknown): unknown {
  try {
    return new CheckedCopy().root(value)
  } catch (cause) {
    throw refusal(value, cause)
  }
}

/** Say why a value is refused.
 * @param cause what was thrown on the way: `REFUSED`, or what the value's own code threw. */
export function refusal(root: unknown, cause: unknown): unknown {
  try {
    for (const _ of valueToEvents(root));
  } catch (reason) {
    return reason
  }
  if (cause !== REFUSED && !(cause instanceof VarveError)) return cause
  const found = 'a value that changes while it is read'
  return new VarveError('VALUE_UNSUPPORTED', `Cannot copy the value: found ${found}`, { details: { path: '', found } })
}

/** Copies parts of one value. Throws `REFUSED`, and what the value's own code throws. */
export class CheckedCopy {
  /** About what the copies so far take when they are encoded. */
  sizeBytes = 0
  readonly #isSimple = inheritsNothing()

  root(value: unknown): unknown {
    const resolved = this.resolve(value, '')
    return resolved === undefined ? null : this.copy(resolved, 0)
  }

  /** Apply `toJSON`. */
  resolve(value: unknown, key: string | number): unknown {
    return typeof value === 'object' && value !== null ? resolveToJson(value, key) : value
  }

  /** @param value to which `toJSON` was applied. @param level containers around it. */
  copy(value: unknown, level: number): unknown {
    if (typeof value !== 'object' || value === null) return this.#scalar(value)
    const prototype: object | null = Object.getPrototypeOf(value)
    if (prototype === Object.prototype) return this.#object(value, { level, isSimple: this.#isSimple })
    if (isBytes(value)) {
      if (value.length > DOCUMENT_LIMITS.scalarBytes) throw REFUSED
      this.sizeBytes += value.length + 3
      return new Uint8Array(value)
    }
    if (isDate(value)) {
      const at = Date.prototype.getTime.call(value)
      if (Number.isNaN(at)) throw REFUSED
      this.sizeBytes += 9
      return new Date(at)
    }
    if (isPlainArray(value)) return this.#array(value, level)
    if (isPlainPrototype(prototype)) return this.#object(value, { level, isSimple: false })
    throw REFUSED
  }

  /** A key that is new. */
  key(key: string): void {
    checkKey(key)
    this.sizeBytes += KEY_COST
  }

  #scalar(value: unknown): unknown {
    if (value === undefined || typeof value === 'function' || typeof value === 'symbol') throw REFUSED
    if (typeof value === 'string') checkText(value)
    this.sizeBytes += scalarCost(value)
    return value
  }

  #object(value: object, { level, isSimple }: { level: number; isSimple: boolean }): Fields {
    if (level >= DOCUMENT_LIMITS.depth) throw REFUSED
    const copied: Fields = {}
    for (const key in value) {
      if (!isSimple && !Object.hasOwn(value, key)) continue
      const field = this.resolve((value as Fields)[key], key)
      if (field === undefined) continue
      this.key(key)
      setField(copied, key, this.copy(field, level + 1))
    }
    this.sizeBytes += 2
    return copied
  }

  #array(value: readonly unknown[], level: number): unknown[] {
    if (level >= DOCUMENT_LIMITS.depth) throw REFUSED
    const copied: unknown[] = []
    const { length } = value
    for (let index = 0; index < length; index++) {
      copied.push(this.copy(this.resolve(value[index], index), level + 1))
    }
    this.sizeBytes += 2
    return copied
  }
}

function checkKey(key: string): void {
  const { keyBytes } = DOCUMENT_LIMITS
  // No character takes more than three bytes.
  if (key.length * 3 > keyBytes && utf8Length(key) > keyBytes) throw REFUSED
}

function checkText(text: string): void {
  const { scalarBytes } = DOCUMENT_LIMITS
  if (text.length * 3 > scalarBytes && utf8Length(text) > scalarBytes) throw REFUSED
}

/** Copy a value that is known to be of the value table and no deeper than a document. Cost: one pass, unchecked. */
export function cloneValue(value: unknown): unknown {
  return clone(value, inheritsNothing())
}

function clone(value: unknown, isSimple: boolean): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const { length } = value
    const copied: unknown[] = []
    for (let index = 0; index < length; index++) {
      const element: unknown = value[index]
      copied.push(typeof element === 'object' && element !== null ? clone(element, isSimple) : element)
    }
    return copied
  }
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof Date) return new Date(value.getTime())
  const copied: Fields = {}
  for (const key in value) {
    if (!isSimple && !Object.hasOwn(value, key)) continue
    const field = (value as Fields)[key]
    setField(copied, key, typeof field === 'object' && field !== null ? clone(field, isSimple) : field)
  }
  return copied
}

/** Whether plain objects have own fields only, so that a loop over them need not ask. */
export function inheritsNothing(): boolean {
  for (const _ in {}) return false
  return true
}
