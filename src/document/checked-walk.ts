/** A walk through all events of a document that compares the path index with what it meets.
 * @module */
import { VarveError } from '../errors.ts'
import type { DocumentIndex } from './document-index.ts'
import { ITEM } from './index-format.ts'
import { type Scanner, SKIP } from './scanner.ts'
import type { Reading } from './window.ts'

interface Open {
  readonly isObject: boolean
  /** Children; Infinity where an end follows them. */
  readonly count: number
  /** Entry in the index, or -1. */
  readonly item: number
  readonly address: number
  readonly skippedBytes: number
  /** Children met. */
  ordinal: number
}

interface Met {
  readonly key: string | number | undefined
  readonly keyAddress: number
  readonly ordinal: number
}

export class CheckedWalk {
  values = 0
  readonly #scanner: Scanner
  readonly #index: DocumentIndex
  readonly #open: Open[] = []
  /** The item that must be met next. */
  #next = 0

  constructor(scanner: Scanner, index: DocumentIndex) {
    this.#scanner = scanner
    this.#index = index
  }

  /** @throws {VarveError} `DECODE_FAILED` for the first difference. */
  *run(endAddress: number): Reading<void> {
    const scanner = this.#scanner
    const { addresses, count } = this.#index.items
    if (!scanner.seek(addresses[0] as number)) yield
    yield* this.#value({ key: undefined, keyAddress: addresses[0] as number, ordinal: 0 })
    for (let top = this.#open.at(-1); top !== undefined; top = this.#open.at(-1)) {
      if (top.ordinal === top.count || (yield* this.#atEnd(top))) {
        this.#end(top)
        continue
      }
      const keyAddress = scanner.behind
      const key = top.isObject ? yield* this.#key() : undefined
      yield* this.#value({ key, keyAddress, ordinal: top.ordinal++ })
    }
    if (scanner.behind !== endAddress) throw this.#differs('an end elsewhere')
    if (this.#next !== count) throw this.#differs('an item of the index that no value is at')
  }

  /** Whether a container without a count ends here; then its end is passed over. */
  *#atEnd(top: Open): Reading<boolean> {
    const scanner = this.#scanner
    while (scanner.peek() < 0) yield
    if (!scanner.atEnd()) return false
    scanner.passEnd(top.isObject)
    return true
  }

  *#key(): Reading<string | number> {
    const scanner = this.#scanner
    for (;;) {
      while (scanner.peek() < 0) yield
      const key = scanner.readKey(this.#index.keys)
      if (key !== undefined) return key
      yield
    }
  }

  *#value(met: Met): Reading<void> {
    const scanner = this.#scanner
    while (scanner.peek() < 0) yield
    const address = scanner.behind
    const item = this.#meet(met, address)
    this.values++
    const { skippedBytes } = scanner
    const isContainer = scanner.enter()
    const { isObject, count } = scanner
    const kind = !isContainer ? ITEM.scalar : isObject ? ITEM.object : ITEM.array
    if (item >= 0 && this.#index.items.kinds[item] !== kind) throw this.#differs('a value of another kind')
    if (isContainer) {
      this.#open.push({ isObject, count, item, address, skippedBytes, ordinal: 0 })
      return
    }
    scanner.beginSkip(1)
    for (let found = scanner.skip(); found !== SKIP.done; found = scanner.skip()) {
      if (found === SKIP.ended) throw this.#differs('an end without its beginning')
      yield
    }
    this.#checkSize(item, scanner.behind - address)
  }

  /** Compare a value with the items that should be at it. @returns its entry, or -1. */
  #meet({ key, keyAddress, ordinal }: Met, address: number): number {
    const { items } = this.#index
    const { addresses, kinds } = items
    const depth = this.#open.length
    const isHere = (item: number) => items.depths[item] === depth && items.ordinals[item] === ordinal
    if (kinds[this.#next] === ITEM.range && addresses[this.#next] === keyAddress) {
      if (!isHere(this.#next)) throw this.#differs('a range with another ordinal')
      this.#next++
    }
    const item = this.#next
    if (addresses[item] !== address || kinds[item] === ITEM.range) {
      if ((addresses[item] as number) <= address) throw this.#differs('an item of the index that no value is at')
      return -1
    }
    if (!isHere(item) || items.keys[item] !== key) throw this.#differs('an entry with another key or ordinal')
    this.#next++
    return item
  }

  #end(top: Open): void {
    this.#open.pop()
    const { item, address, skippedBytes, ordinal } = top
    if (item < 0) return
    const skipped = this.#scanner.skippedBytes - skippedBytes
    this.#checkSize(item, this.#scanner.behind - address - skipped)
    if (this.#index.items.counts[item] !== ordinal) throw this.#differs('another number of children')
  }

  #checkSize(item: number, sizeBytes: number): void {
    if (item >= 0 && this.#index.items.sizes[item] !== sizeBytes) throw this.#differs('a value of another size')
  }

  #differs(found: string): VarveError {
    const details = { address: this.#scanner.behind, found }
    return new VarveError('DECODE_FAILED', `Cannot follow the index of a document: found ${found}`, { details })
  }
}
