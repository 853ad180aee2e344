/** Comparing a private value with one of a caller, exactly: numbers as `Object.is` does, the order of fields counts.
 * @module */
import { sameBytes } from '../../codec/bytes.ts'
import { isBytes, isDate, isPlainArray, isPlainPrototype, resolveToJson } from '../../codec/value-kinds.ts'
import { type CheckedCopy, inheritsNothing, REFUSED } from './copy-value.ts'

type Fields = Readonly<Record<string, unknown>>

/** Elements may be compared with several others, inside of each other, too; this bounds it. */
const VAIN_MAX = 2_000_000

/** A comparison. Values of the caller are `plain` when they are compared: scalars (whatever is none of the table's
 * is equal to nothing), plain objects and arrays without `toJSON`, bytes and dates. */
export class Comparison {
  /** Fields of the open objects of the caller, outermost first. Reused: comparing equal values makes nothing. */
  readonly keys: string[] = []
  readonly values: unknown[] = []
  end = 0
  /** Objects have own fields only. */
  readonly isSimple = inheritsNothing()
  /** Values that were looked at, about. */
  steps = 0
  /** Those of comparisons of elements that were not the same. */
  #vain = 0
  readonly #copies: CheckedCopy

  constructor(copies: CheckedCopy) {
    this.#copies = copies
  }

  /** What the caller's value is for the comparison: itself, or a copy of what is in its place. Undefined: nothing. */
  plain(value: unknown, key: string | number): unknown {
    if (typeof value !== 'object' || value === null) return value
    const prototype: unknown = Object.getPrototypeOf(value)
    const isArray = Array.isArray(value)
    if (
      prototype === (isArray ? Array.prototype : Object.prototype) &&
      (value as { toJSON?: unknown }).toJSON === undefined
    ) {
      return value
    }
    return this.#resolved(value, key)
  }

  #resolved(value: object, key: string | number): unknown {
    const resolved = resolveToJson(value, key)
    if (typeof resolved !== 'object' || resolved === null || isBytes(resolved) || isDate(resolved)) return resolved
    if (!isPlainArray(resolved) && !isPlainPrototype(Object.getPrototypeOf(resolved))) throw REFUSED
    return this.#copies.copy(resolved, 0)
  }

  /** Put the fields of a plain object on the stacks, `[from, end)`. @returns from. */
  open(object: object): number {
    const { keys, values, isSimple } = this
    const from = this.end
    let end = from
    for (const key in object) {
      if (!isSimple && !Object.hasOwn(object, key)) continue
      let field = (object as Fields)[key]
      if (typeof field === 'object' && field !== null) field = this.plain(field, key)
      if (field === undefined) continue
      keys[end] = key
      values[end++] = field
    }
    this.end = end
    this.steps += end - from
    return from
  }

  /** As `same`, until too much was compared in vain: then no. */
  sameElement(before: unknown, after: unknown): boolean {
    if (typeof after !== 'object' || after === null) return Object.is(before, after)
    if (this.#vain > VAIN_MAX) return false
    const steps = this.steps
    const isSame = this.same(before, after)
    if (!isSame) this.#vain += this.steps - steps
    return isSame
  }

  /** Whether both are the same. @param after plain. Cost: no more than it takes to know; no allocation. */
  same(before: unknown, after: unknown): boolean {
    if (typeof before !== 'object' || before === null || typeof after !== 'object' || after === null) {
      return Object.is(before, after)
    }
    if (Array.isArray(before)) return Array.isArray(after) && this.#sameElements(before, after)
    if (Array.isArray(after)) return false
    if (Object.getPrototypeOf(after) === Object.prototype) {
      return Object.getPrototypeOf(before) === Object.prototype && this.#sameFields(before, after)
    }
    return sameScalars(before, after)
  }

  #sameElements(before: readonly unknown[], after: readonly unknown[]): boolean {
    const { length } = before
    if (after.length !== length) return false
    this.steps += length
    for (let index = 0; index < length; index++) {
      const one = before[index]
      const other = after[index]
      if (typeof other === 'object' && other !== null) {
        if (!this.same(one, this.plain(other, index))) return false
      } else if (!Object.is(one, other)) return false
    }
    return true
  }

  #sameFields(before: object, after: object): boolean {
    const from = this.open(after)
    const end = this.end
    const { keys, values, isSimple } = this
    let at = from
    let isSame = true
    for (const key in before) {
      if (!isSimple && !Object.hasOwn(before, key)) continue
      if (at === end || keys[at] !== key) {
        isSame = false
        break
      }
      const one = (before as Fields)[key]
      const other = values[at++]
      if (typeof other === 'object' && other !== null ? !this.same(one, other) : !Object.is(one, other)) {
        isSame = false
        break
      }
    }
    this.end = from
    return isSame && at === end
  }
}

/** Whether bytes, dates are the same. */
export function sameScalars(before: object, after: object): boolean {
  if (before instanceof Uint8Array) return isBytes(after) && sameBytes(before, after)
  if (!(before instanceof Date) || !isDate(after)) return false
  return before.getTime() === Date.prototype.getTime.call(after)
}
