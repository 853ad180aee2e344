/** The path index of an open document, as reads ask it.
 * @module */
import { VarveError } from '../errors.ts'
import { type IndexItems, ITEM, itemTree, type PathIndex } from './index-format.ts'
import type { Path } from './path.ts'
import type { WantedKey } from './scanner.ts'

/** One step of a path, as one document may have written it. */
export interface WantedStep extends WantedKey {
  /** The key of a field step, the number of one for an integer key. */
  readonly key: string | number | undefined
  /** Which element of an array it means, or -1. */
  readonly index: number
}

const DIGITS = /^(?:0|[1-9]\d{0,15})$/

export class DocumentIndex {
  readonly items: IndexItems
  /** The key table. */
  readonly keys: readonly string[]
  readonly #ends: Uint32Array
  readonly #numbers = new Map<string, number>()
  /** Children of a container that the index names, made when first asked for. */
  readonly #children = new Map<number, Uint32Array>()
  readonly #fields = new Map<number, Map<string | number, number>>()
  readonly #steps = new WeakMap<Path, readonly WantedStep[]>()

  constructor(index: PathIndex) {
    this.items = index.items
    this.keys = index.keys
    this.#ends = itemTree(index.items).ends
    for (const [number, key] of index.keys.entries()) this.#numbers.set(key, number)
  }

  /** Items directly in a container, in document order. Cost: their number, once. */
  childrenOf(item: number): Uint32Array {
    let children = this.#children.get(item)
    if (children === undefined) {
      const found: number[] = []
      const end = this.#ends[item] as number
      for (let child = item + 1; child < end; child = this.#ends[child] as number) found.push(child)
      children = Uint32Array.from(found)
      this.#children.set(item, children)
    }
    return children
  }

  /** The item right behind an entry in the same container, or -1. */
  siblingOf(entry: number): number {
    const next = this.#ends[entry] as number
    return next < this.items.count && this.items.depths[next] === this.items.depths[entry] ? next : -1
  }

  /** The entry of a field, or -1. */
  field(item: number, key: string | number): number {
    let fields = this.#fields.get(item)
    if (fields === undefined) {
      fields = new Map()
      for (const child of this.childrenOf(item)) {
        const key = this.items.keys[child]
        if (key !== undefined) fields.set(key, child)
      }
      this.#fields.set(item, fields)
    }
    return fields.get(key) ?? -1
  }

  /** Place among `children` of the last one whose ordinal is at most `ordinal`, or -1. Cost: few steps where they are
   * evenly spaced, logarithmic at worst. */
  before(children: Uint32Array, ordinal: number): number {
    const { ordinals } = this.items
    const { length } = children
    if (length === 0) return -1
    const last = ordinals[children[length - 1] as number] as number
    // From where it would be if all were alike, in steps that double, to both sides of it.
    let low = ordinal >= last ? length - 1 : Math.floor((ordinal / last) * (length - 1))
    let high = low + 1
    for (let step = 1; low >= 0 && (ordinals[children[low] as number] as number) > ordinal; step *= 2) {
      high = low
      low -= step
    }
    for (let step = 1; high < length && (ordinals[children[high] as number] as number) <= ordinal; step *= 2) {
      low = high
      high += step
    }
    low = Math.max(low, -1)
    high = Math.min(high, length)
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((ordinals[children[middle] as number] as number) <= ordinal) low = middle
      else high = middle
    }
    return low
  }

  /** The entry of the value that begins at an address, or -1. Cost: logarithmic. */
  entryAt(address: number): number {
    const { addresses, kinds, count } = this.items
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((addresses[middle] as number) < address) low = middle + 1
      else high = middle
    }
    return low < count && addresses[low] === address && kinds[low] !== ITEM.range ? low : -1
  }

  /** The steps of a path without wildcards. Made once for a path. */
  stepsOf(path: Path): readonly WantedStep[] {
    let steps = this.#steps.get(path)
    if (steps === undefined) {
      const { keyBytes } = path
      steps = path.steps.map((step, at) => this.#step(step, keyBytes[at]))
      this.#steps.set(path, steps)
    }
    return steps
  }

  #step(step: Path['steps'][number], bytes: Uint8Array | undefined): WantedStep {
    const none = { bytes: undefined, number: -1, intKey: undefined, key: undefined, index: -1 }
    if (step.type === 'index') return { ...none, index: step.index }
    if (step.type === 'intKey') return { ...none, intKey: step.key, key: step.key }
    if (step.type === 'keyed') {
      const message = 'Cannot read elements by keys of their own: the form is reserved'
      throw new VarveError('PATH_INVALID', message, { details: { found: step.key } })
    }
    if (step.type !== 'field') return none
    // Pointers do not tell elements from fields.
    const index = DIGITS.test(step.key) ? Number(step.key) : -1
    return { bytes, number: this.#numbers.get(step.key) ?? -1, intKey: undefined, key: step.key, index }
  }
}
