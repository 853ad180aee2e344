/** Elements of two arrays in classes: equal ones, or those with the same key, have the same number.
 * @module */
import type { ArrayMatch, Elements } from './array-diff-elements.ts'
import { isKeyed } from './array-diff-identity.ts'
import type { Comparison } from './diff-same.ts'

/** Parts of an element that its hash is made of: few, and more when that does not tell them apart. */
const HASHED_PARTS_FEW = 6
const HASHED_PARTS_MAX = 64
/** Characters of a text that are hashed at each end. */
const HASHED_CHARS = 32
/** Different elements with the same hash that are told apart. */
const CHAIN_MAX = 16

const NEGATIVE_ZERO = Symbol('-0')

export class Classes {
  /** -1: it is matched already, or in this array alone. */
  readonly ofOld: Int32Array
  readonly ofNew: Int32Array
  readonly #keyField: string | undefined
  readonly #now: readonly unknown[]
  readonly #comparison: Comparison
  readonly #byScalar = new Map<unknown, number>()
  readonly #byKey = new Map<unknown, number>()
  /** Old elements one of each class, by hash. */
  readonly #byHash = new Map<number, { readonly element: object; readonly found: number }[]>()
  #count = 0
  #parts = 0
  #isCrowded = false

  constructor({ old, now, keyField, comparison }: Elements, match: ArrayMatch) {
    this.#keyField = keyField
    this.#now = now
    this.#comparison = comparison
    this.ofOld = new Int32Array(old.length).fill(-1)
    this.ofNew = new Int32Array(now.length).fill(-1)
    this.#number({ old, now }, match, HASHED_PARTS_FEW)
    if (!this.#isCrowded) return
    this.#byHash.clear()
    this.#number({ old, now }, match, HASHED_PARTS_MAX)
  }

  get count(): number {
    return this.#count
  }

  /** Whether the class of a new element says only that it has the same key. */
  isKeyed(to: number): boolean {
    return this.#keyField !== undefined && isKeyed(this.#now[to], this.#keyField)
  }

  #number({ old, now }: Pick<Elements, 'old' | 'now'>, match: ArrayMatch, parts: number): void {
    for (let at = 0; at < old.length; at++) {
      if (this.#isCrowded && parts < HASHED_PARTS_MAX) return
      if (match.isTaken[at] === 0) this.ofOld[at] = this.#class(old[at], { isOld: true, parts })
    }
    for (let at = 0; at < now.length; at++) {
      if ((match.from[at] as number) < 0) this.ofNew[at] = this.#class(now[at], { isOld: false, parts })
    }
  }

  #class(element: unknown, { isOld, parts }: { isOld: boolean; parts: number }): number {
    if (typeof element !== 'object' || element === null) {
      return this.#numbered(this.#byScalar, Object.is(element, -0) ? NEGATIVE_ZERO : element, isOld)
    }
    if (this.#keyField !== undefined && isKeyed(element, this.#keyField)) {
      const key = (element as Record<string, unknown>)[this.#keyField]
      return this.#numbered(this.#byKey, Object.is(key, -0) ? NEGATIVE_ZERO : key, isOld)
    }
    this.#parts = parts
    const hash = this.#hash(element, 17)
    const chain = this.#byHash.get(hash)
    if (chain === undefined) {
      if (!isOld) return -1
      this.#byHash.set(hash, [{ element, found: this.#count }])
      return this.#count++
    }
    for (const { element: other, found } of chain) if (this.#comparison.sameElement(other, element)) return found
    if (!isOld) return -1
    if (chain.length >= CHAIN_MAX) {
      this.#isCrowded = true
      return -1
    }
    chain.push({ element, found: this.#count })
    return this.#count++
  }

  #numbered(numbers: Map<unknown, number>, key: unknown, isOld: boolean): number {
    const found = numbers.get(key)
    if (found !== undefined) return found
    if (!isOld) return -1
    numbers.set(key, this.#count)
    return this.#count++
  }

  /** The same for equal values. */
  #hash(value: unknown, seed: number): number {
    if (this.#parts-- <= 0) return seed
    switch (typeof value) {
      case 'string':
        return hashText(value, seed)
      case 'number':
        return mix(
          seed,
          (value | 0) === value ? value : Math.trunc(value % 1 === 0 ? value % 0x7fff_ffff : value * 1e4),
        )
      case 'bigint':
        return mix(seed, Number(BigInt.asIntN(32, value)))
      case 'object':
        break
      default:
        return mix(seed, value === true ? 3 : 5)
    }
    if (value === null) return mix(seed, 7)
    let hash = seed
    if (Array.isArray(value)) {
      hash = mix(hash, value.length)
      for (let index = 0; index < value.length && this.#parts > 0; index++) {
        hash = this.#hash(this.#comparison.plain(value[index], index), hash)
      }
      return hash
    }
    if (Object.getPrototypeOf(value) !== Object.prototype) return mix(hash, 11)
    for (const key in value) {
      if (this.#parts <= 0) break
      const field = this.#comparison.plain((value as Record<string, unknown>)[key], key)
      if (field !== undefined) hash = this.#hash(field, mix(hash, key.length))
    }
    return hash
  }
}

function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x9e37_79b1)
  return mixed ^ (mixed >>> 15)
}

function hashText(text: string, seed: number): number {
  const { length } = text
  let hash = mix(seed, length)
  const isShort = length <= 2 * HASHED_CHARS
  const firstEnd = isShort ? length : HASHED_CHARS
  for (let at = 0; at < firstEnd; at++) hash = Math.imul(hash, 31) + text.charCodeAt(at)
  if (!isShort) for (let at = length - HASHED_CHARS; at < length; at++) hash = Math.imul(hash, 31) + text.charCodeAt(at)
  return hash | 0
}
