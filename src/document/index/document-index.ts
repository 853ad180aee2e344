/** The path index of an open document, as reads ask it.
 * @module */
import { VarveError } from '../../errors.ts'
import type { Path } from '../path/path.ts'
import type { WantedKey } from '../read/scanner.ts'
import { type IndexItems, ITEM, itemTree, type PathIndex } from './format.ts'

/** One step of a path, as one document may have written it. */
export interface WantedStep extends WantedKey {
  /** The key of a field step, the number of one for an integer key. */
  readonly key: string | number | undefined
  /** Which element of an array it means, or -1. */
  readonly index: number
}

/** What the index alone says of a path: how far it leads, and where. */
export interface Route {
  readonly steps: readonly WantedStep[]
  /** Steps that are done. */
  readonly found: number
  /** The entry that they lead to, and where its value begins. */
  readonly item: number
  readonly address: number
  /** Where in that array the element of the next step is looked for, and how many elements behind that place it is; -1
   * when it is no array, or from its beginning. */
  readonly near: number
  readonly elements: number
}

/** An array does not have the element. */
export const NOWHERE = -2

const DIGITS = /^(?:0|[1-9]\d{0,15})$/

export class DocumentIndex {
  readonly items: IndexItems
  /** The key table. */
  readonly keys: readonly string[]
  /** Where the items inside each item end; made when first asked for. */
  #madeEnds: Uint32Array | undefined
  readonly #numbers = new Map<string, number>()
  /** Children of a container that the index names, made when first asked for. */
  readonly #children = new Map<number, Uint32Array>()
  readonly #fields = new Map<number, Map<string | number, number>>()
  readonly #routes = new WeakMap<Path, Route>()
  /** Entries do not tell which of two equal keys counts. */
  readonly #hasDuplicates: boolean

  constructor(index: PathIndex, hasDuplicates: boolean) {
    this.#hasDuplicates = hasDuplicates
    this.items = index.items
    this.keys = index.keys
    for (const [number, key] of index.keys.entries()) this.#numbers.set(key, number)
  }

  get #ends(): Uint32Array {
    this.#madeEnds ??= itemTree(this.items).ends
    return this.#madeEnds
  }

  /** Items directly in a container, in document order. Cost: their number, once. */
  childrenOf(item: number): Uint32Array {
    let children = this.#children.get(item)
    if (children === undefined) {
      const ends = this.#ends
      const end = ends[item] as number
      let count = 0
      for (let child = item + 1; child < end; child = ends[child] as number) count++
      children = new Uint32Array(count)
      count = 0
      for (let child = item + 1; child < end; child = ends[child] as number) children[count++] = child
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

  /** The item of an array from which an element is looked for: its own entry, or a range before it. @returns -1 for the
   * beginning of the array, `NOWHERE` when it does not have the element, or is a scalar. */
  nearElement(item: number, index: number): number {
    const { kinds, counts } = this.items
    if (kinds[item] !== ITEM.array || index < 0 || index >= (counts[item] as number)) return NOWHERE
    const children = this.childrenOf(item)
    return children[this.before(children, index)] ?? -1
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

  /** The route of a path without wildcards. Made once for a path. */
  routeOf(path: Path): Route {
    let route = this.#routes.get(path)
    if (route === undefined) {
      route = this.#route(0, this.stepsOf(path))
      this.#routes.set(path, route)
    }
    return route
  }

  /** The steps of a path without wildcards. @throws {VarveError} `PATH_INVALID`. */
  stepsOf({ steps, keyBytes }: Path): readonly WantedStep[] {
    return steps.map((step, at) => this.#step(step, keyBytes[at]))
  }

  /** The route from a value, whose entry is `item` if it has one. */
  routeFrom({ item, address }: { item: number; address: number }, steps: readonly WantedStep[]): Route {
    return item < 0 ? { steps, found: 0, item, address, near: -1, elements: 0 } : this.#route(item, steps)
  }

  /** Follow steps from an entry as far as entries lead. */
  #route(from: number, steps: readonly WantedStep[]): Route {
    const { kinds, ordinals, addresses } = this.items
    let item = from
    let near = -1
    let found = 0
    for (; found < steps.length && !this.#hasDuplicates; found++) {
      const step = steps[found] as WantedStep
      if (kinds[item] === ITEM.object) near = step.key === undefined ? -1 : this.field(item, step.key)
      else near = Math.max(this.nearElement(item, step.index), -1)
      const isEntry = near >= 0 && kinds[near] !== ITEM.range
      if (!isEntry || (kinds[item] === ITEM.array && ordinals[near] !== step.index)) break
      item = near
      near = -1
    }
    const address = addresses[item] as number
    if (found === steps.length || near < 0) return { steps, found, item, address, near: -1, elements: 0 }
    const elements = (steps[found] as WantedStep).index - (ordinals[near] as number)
    return { steps, found, item, address, near: addresses[near] as number, elements }
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
