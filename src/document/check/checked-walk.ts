/** A walk through all events of a document that compares the path index with what it meets.
 * @module */
import { CODE } from '../../codec/structural-codes.ts'
import type { DocumentIndex } from '../index/document-index.ts'
import { ITEM } from '../index/format.ts'
import type { Scanner } from '../read/scanner.ts'
import type { Reading } from '../read/window.ts'
import { NOT_TAKEN, StreamCheck } from './stream-check.ts'

/** A container that the index names, while it is open. */
interface OpenEntry {
  readonly item: number
  /** Of what is in it. */
  readonly depth: number
  readonly address: number
  readonly skippedBytes: number
}

export class CheckedWalk extends StreamCheck {
  readonly #scanner: Scanner
  readonly #index: DocumentIndex
  readonly #open: OpenEntry[] = []
  #openDepth = -1
  /** The item that must be met next, and its address. */
  #next = 0
  #nextAddress: number
  /** The last key, when its bytes are gone. */
  #key: string | number | undefined

  constructor(scanner: Scanner, index: DocumentIndex) {
    super(index.keys)
    this.#scanner = scanner
    this.#index = index
    this.#nextAddress = index.items.addresses[0] as number
  }

  /** @throws {VarveError} `DECODE_FAILED` for the first thing that is wrong. */
  *run(endAddress: number): Reading<void> {
    const scanner = this.#scanner
    const { window } = scanner
    if (!scanner.seek(this.#nextAddress)) yield
    while (!this.done) {
      if (window.at < window.end) {
        this.base = window.addressOf(0)
        window.at = this.#push(window.bytes, window.at, window.end)
        scanner.events = this.events
        if (this.done) break
        if (this.isLarge) {
          yield* this.#passLarge()
          continue
        }
        if (window.at < window.end && window.bytes[window.at] === CODE.keyPages) {
          if (!scanner.passKeyPages()) yield
          continue
        }
      }
      window.more()
      yield
    }
    if (scanner.behind !== endAddress) throw this.#differs('an end elsewhere')
    if (this.#next !== this.#index.items.count) throw this.#differs('an item of the index that no value is at')
    if (!this.hasAllKeys) throw this.#differs('a key table with more keys')
  }

  /** Take whole events. @returns where the next one begins. */
  #push(bytes: Uint8Array, from: number, end: number): number {
    let at = from
    let stop = this.#nextAddress - this.base
    while (at < end && !this.done) {
      let next: number
      if (at < stop) next = this.take(bytes, at, end)
      else {
        if (at > stop) throw this.#differs('an item of the index that no value is at')
        next = this.#meet(bytes, at, end)
        stop = this.#nextAddress - this.base
      }
      if (next < 0) break
      if (next !== at) this.events++
      at = next
    }
    if (this.keyAt >= 0) {
      if (this.isObject && !this.wantsKey) this.#key = this.keyText(bytes, this.keyAt)
      this.keyAt = NOT_TAKEN
    }
    return at
  }

  /** Compare what is at `at` with the item that should be there. @returns as `take`; `at`, where more may be named. */
  #meet(bytes: Uint8Array, at: number, end: number): number {
    const item = this.#next
    const { items } = this.#index
    const isHere = items.depths[item] === this.depth && items.ordinals[item] === this.ordinal
    if (items.kinds[item] === ITEM.range) {
      if (!isHere || this.isObject !== this.wantsKey) throw this.#differs('a range with another ordinal')
      this.#pass()
      return at
    }
    if (this.wantsKey || !isHere || items.keys[item] !== this.#lastKey(bytes)) {
      throw this.#differs('an entry with another key or ordinal')
    }
    const kind = kindOf(bytes[at] as number)
    if (items.kinds[item] !== kind) throw this.#differs('a value of another kind')
    if (kind !== ITEM.scalar) {
      const { skippedBytes } = this.#scanner
      this.#openDepth = this.depth + 1
      this.#open.push({ item, depth: this.#openDepth, address: this.base + at, skippedBytes })
      this.#pass()
      return this.take(bytes, at, end)
    }
    const next = this.take(bytes, at, end)
    if (next < 0) return next
    this.#checkSize(item, next - at)
    this.#pass()
    return next
  }

  /** Pass over a scalar without having it in memory. */
  *#passLarge(): Reading<void> {
    const scanner = this.#scanner
    const address = scanner.behind
    scanner.beginSkip(1)
    while (!scanner.skipValue()) yield
    const behind = scanner.behind
    this.isLarge = false
    this.events++
    this.values++
    if (this.#nextAddress === address) {
      this.#checkSize(this.#next, behind - address)
      this.#pass()
    }
    this.valueEnds(behind - this.base)
    if (!this.done) while (scanner.peek() < 0) yield
  }

  #pass(): void {
    this.#next++
    this.#nextAddress = this.#index.items.addresses[this.#next] ?? Number.POSITIVE_INFINITY
  }

  #lastKey(bytes: Uint8Array): string | number | undefined {
    if (!this.isObject) return undefined
    return this.keyAt >= 0 ? this.keyText(bytes, this.keyAt) : this.#key
  }

  protected containerEnds(at: number): void {
    if (this.depth !== this.#openDepth) return
    const { item, address, skippedBytes } = this.#open.pop() as OpenEntry
    this.#openDepth = this.#open.at(-1)?.depth ?? -1
    this.#checkSize(item, this.base + at - address - (this.#scanner.skippedBytes - skippedBytes))
    if (this.#index.items.counts[item] !== this.ordinal) throw this.#differs('another number of children')
  }

  #checkSize(item: number, sizeBytes: number): void {
    if (this.#index.items.sizes[item] !== sizeBytes) throw this.#differs('a value of another size')
  }

  #differs(found: string) {
    return this.damaged(this.#scanner.window.at, `${found} than the index says`)
  }
}

function kindOf(code: number): number {
  const isCounted = code >= CODE.shortArray && code < CODE.shortInt
  if (code === CODE.beginObject || (isCounted && code >= CODE.shortObject)) return ITEM.object
  return code === CODE.beginArray || isCounted ? ITEM.array : ITEM.scalar
}
