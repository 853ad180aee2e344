/** Building the path index while a document is written, within a budget.
 *
 * Every field of at least T bytes gets an *entry*, every element of at least 4 T. In an array the first smaller child
 * at least T bytes behind the last named place gets a *range*: a search may begin there. A smaller child right behind
 * an entry always gets one, so that a search passes over large values; in an object it is the only use of ranges,
 * because its keys have no order.
 *
 * Containers are named when the first thing in them is, outermost first, so that items are in document order. When all
 * items together outgrow the budget, T doubles and the items are thinned: entries below the new T go with all that is
 * in them, ranges are spaced anew. What is left is what a writer with the new T would have made, but that a place once
 * left out does not come back.
 * @module */
import { BLOCK_RAW_BYTES } from '../blocks.ts'
import type { Levels } from '../write/levels.ts'
import { encodeIndex, type IndexItems, ITEM, itemSizeBytes } from './format.ts'

const ITEMS_START = 1_024
/** Elements are found by ranges as fast as by entries, which take twice as much: so only those get one that are so many
 * times larger than T that passing over them would take longer. */
const ELEMENT_FACTOR = 4
/** An index that takes this part of its budget is full: the items to come may take the rest. */
const FULL = 0.9

/** A value that has ended. */
export interface Ended {
  kind: number
  /** Where it begins, and where its key does (the same in arrays). */
  address: number
  keyAddress: number
  /** Encoded, in bytes. */
  size: number
  /** Children of a container. */
  count: number
  /** Of an object: block number + 1 of its newest run of key pages, or 0. */
  run: number
}

export class IndexBuilder {
  /** T: grows when the index would outgrow its budget. */
  threshold: number
  readonly #budget: number
  readonly #levels: Levels
  #sizeBytes = 0
  #count = 0
  #kinds = new Uint8Array(ITEMS_START)
  #depths = new Uint16Array(ITEMS_START)
  #addresses = new Float64Array(ITEMS_START)
  /** Where the key of an entry begins: its place, if it becomes a range. */
  #keyAddresses = new Float64Array(ITEMS_START)
  #ordinals = new Float64Array(ITEMS_START)
  #sizes = new Float64Array(ITEMS_START)
  #counts = new Float64Array(ITEMS_START)
  #runs = new Float64Array(ITEMS_START)
  #keys: (string | number | undefined)[] = []

  /** @param budget bytes of the encoded items; none for a T of 0. */
  constructor(levels: Levels, threshold: number, budget: number) {
    this.#levels = levels
    this.threshold = threshold
    this.#budget = threshold === 0 ? Number.POSITIVE_INFINITY : budget
  }

  /** Name the child of the innermost container that begins at `address`, with its key: in an array one at least T
   * behind the mark, in an object one where the mark says so. */
  range(address: number): void {
    const levels = this.#levels
    const level = levels.depth - 1
    this.#name(level)
    const item = this.#push(ITEM.range, level + 1)
    this.#addresses[item] = address
    this.#keyAddresses[item] = address
    this.#ordinals[item] = levels.counts[level] as number
    levels.marks[level] = address
    this.#sizeBytes += itemSizeBytes(0, ITEM.range)
    this.#keepBudget()
  }

  /** Name the open containers up to `level`. */
  #name(level: number): void {
    const { items } = this.#levels
    let first = level
    while (first >= 0 && items[first] === -1) first--
    for (let open = first + 1; open <= level; open++) items[open] = this.#nameOpen(open)
  }

  #nameOpen(level: number): number {
    const levels = this.#levels
    const item = this.#place(level)
    this.#kinds[item] = levels.kinds[level] as number
    this.#addresses[item] = levels.addresses[level] as number
    this.#keyAddresses[item] = levels.keyAddresses[level] as number
    this.#sizes[item] = 0
    return item
  }

  /** An item for the last child of the container above `depth`: a range that names it already gives way. */
  #place(depth: number): number {
    const levels = this.#levels
    const parent = depth - 1
    const ordinal = parent < 0 ? 0 : (levels.counts[parent] as number) - 1
    const last = this.#count - 1
    const isNamed = last >= 0 && this.#kinds[last] === ITEM.range && this.#depths[last] === depth
    if (isNamed && this.#ordinals[last] === ordinal) {
      this.#count = last
      this.#sizeBytes -= itemSizeBytes(0, ITEM.range)
    }
    const item = this.#push(ITEM.scalar, depth)
    this.#ordinals[item] = ordinal
    const isField = parent >= 0 && levels.kinds[parent] === ITEM.object
    this.#keys[item] = isField ? levels.keyOf(parent) : undefined
    this.#sizeBytes += itemSizeBytes(isField ? levels.keyBytes(parent) : 0, ITEM.object)
    return item
  }

  /** A value that is the last child of the innermost container (or the root) has ended. @param item its item, or -1. */
  end(ended: Ended, item: number): void {
    const levels = this.#levels
    const depth = levels.depth
    const isElement = depth > 0 && levels.kinds[depth - 1] === ITEM.array
    if (depth > 0 && ended.size < this.#entryBytes(isElement)) {
      if (item >= 0) this.#unname(item)
      return
    }
    let named = item
    if (named < 0) {
      this.#name(depth - 1)
      named = this.#place(depth)
    }
    this.#kinds[named] = ended.kind
    this.#addresses[named] = ended.address
    this.#keyAddresses[named] = ended.keyAddress
    this.#sizes[named] = ended.size
    this.#counts[named] = ended.count
    this.#runs[named] = ended.run
    if (depth > 0) levels.marks[depth - 1] = Number.NEGATIVE_INFINITY
    if (item < 0) this.#keepBudget()
  }

  /** Size from which on a value gets an entry. */
  #entryBytes(isElement: boolean): number {
    return isElement ? this.threshold * ELEMENT_FACTOR : this.threshold
  }

  /** A container was named, and turned out to be too small: it becomes a range, and nothing in it is named. */
  #unname(item: number): void {
    const levels = this.#levels
    for (let inner = item; inner < this.#count; inner++) this.#sizeBytes -= this.#itemBytes(inner)
    this.#sizeBytes += itemSizeBytes(0, ITEM.range)
    this.#count = item + 1
    this.#toRange(item)
    levels.marks[levels.depth - 1] = this.#addresses[item] as number
  }

  #toRange(item: number): void {
    this.#kinds[item] = ITEM.range
    this.#addresses[item] = this.#keyAddresses[item] as number
    this.#sizes[item] = 0
    this.#counts[item] = 0
    this.#runs[item] = 0
    this.#keys[item] = undefined
  }

  #keepBudget(): void {
    while (this.#sizeBytes > this.#budget && this.threshold < Number.MAX_SAFE_INTEGER) {
      // What items may take adds up to far more than what they take.
      this.#sizeBytes = encodeIndex({ items: this.finish(), keys: [] }, BLOCK_RAW_BYTES).length
      if (this.#sizeBytes <= this.#budget * FULL) return
      this.threshold *= 2
      this.#thin()
    }
  }

  /** Keep what T as it is now names. One pass, in place. */
  #thin(): void {
    const { items, marks, depth: open } = this.#levels
    const thinning = new Thinning()
    let kept = 0
    let openLevel = 0
    let sizeBytes = 0
    for (let item = 0; item < this.#count; item++) {
      const depth = this.#depths[item] as number
      if (depth > thinning.dropped) continue
      thinning.dropped = Number.POSITIVE_INFINITY
      const isOpen = openLevel < open && items[openLevel] === item
      const isLarge = (this.#sizes[item] as number) >= this.#entryBytes(thinning.inArray(depth))
      const isEntry = this.#kinds[item] !== ITEM.range && (isOpen || depth === 0 || isLarge)
      if (!isEntry) {
        if (this.#kinds[item] !== ITEM.range) {
          thinning.dropped = depth
          this.#toRange(item)
        }
        const address = this.#addresses[item] as number
        if (!thinning.wants(depth, address, this.threshold)) continue
      } else thinning.entry(depth, this.#addresses[item] as number, this.#kinds[item] === ITEM.array)
      this.#move(item, kept)
      if (isOpen) items[openLevel++] = kept
      sizeBytes += this.#itemBytes(kept)
      kept++
    }
    for (let level = 0; level < openLevel; level++) marks[level] = thinning.mark(level + 1)
    this.#keys.length = kept
    this.#count = kept
    this.#sizeBytes = sizeBytes
  }

  #itemBytes(item: number): number {
    const key = this.#keys[item]
    const kind = this.#kinds[item] as number
    return itemSizeBytes(key === undefined ? 0 : typeof key === 'string' ? key.length + 4 : 4, kind)
  }

  #move(from: number, to: number): void {
    if (from === to) return
    this.#kinds[to] = this.#kinds[from] as number
    this.#depths[to] = this.#depths[from] as number
    this.#addresses[to] = this.#addresses[from] as number
    this.#keyAddresses[to] = this.#keyAddresses[from] as number
    this.#ordinals[to] = this.#ordinals[from] as number
    this.#sizes[to] = this.#sizes[from] as number
    this.#counts[to] = this.#counts[from] as number
    this.#runs[to] = this.#runs[from] as number
    this.#keys[to] = this.#keys[from]
  }

  #push(kind: number, depth: number): number {
    const item = this.#count
    if (item === this.#kinds.length) this.#grow()
    this.#count = item + 1
    this.#kinds[item] = kind
    this.#depths[item] = depth
    this.#sizes[item] = 0
    this.#counts[item] = 0
    this.#runs[item] = 0
    this.#keys[item] = undefined
    return item
  }

  #grow(): void {
    const length = this.#kinds.length * 2
    const grown = <T extends Uint8Array | Uint16Array | Float64Array>(from: T, to: T): T => {
      to.set(from)
      return to
    }
    this.#kinds = grown(this.#kinds, new Uint8Array(length))
    this.#depths = grown(this.#depths, new Uint16Array(length))
    this.#addresses = grown(this.#addresses, new Float64Array(length))
    this.#keyAddresses = grown(this.#keyAddresses, new Float64Array(length))
    this.#ordinals = grown(this.#ordinals, new Float64Array(length))
    this.#sizes = grown(this.#sizes, new Float64Array(length))
    this.#counts = grown(this.#counts, new Float64Array(length))
    this.#runs = grown(this.#runs, new Float64Array(length))
  }

  /** The items of the whole document. */
  finish(): IndexItems {
    const count = this.#count
    return {
      count,
      kinds: this.#kinds.subarray(0, count),
      depths: this.#depths.subarray(0, count),
      addresses: this.#addresses.subarray(0, count),
      ordinals: this.#ordinals.subarray(0, count),
      sizes: this.#sizes.subarray(0, count),
      keys: this.#keys.slice(0, count),
      counts: this.#counts.subarray(0, count),
      pages: this.#runs.subarray(0, count),
    }
  }
}

/** What thinning knows of the containers around an item: by depth of the children. */
class Thinning {
  /** Items deeper than this go with the entry around them. */
  dropped = Number.POSITIVE_INFINITY
  readonly #marks: number[] = []
  readonly #arrays: boolean[] = []

  /** An entry is kept. */
  entry(depth: number, address: number, isArray: boolean): void {
    this.#marks[depth] = Number.NEGATIVE_INFINITY
    this.#marks[depth + 1] = address
    this.#arrays[depth + 1] = isArray
  }

  /** Whether a range is kept. */
  wants(depth: number, address: number, threshold: number): boolean {
    const mark = this.#marks[depth] as number
    if (this.#arrays[depth] ? address - mark < threshold : mark >= 0) return false
    this.#marks[depth] = address
    return true
  }

  inArray(depth: number): boolean {
    return this.#arrays[depth] ?? false
  }

  mark(depth: number): number {
    return this.#marks[depth] as number
  }
}
