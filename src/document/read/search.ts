/** Looking for one child in a container whose beginning, or a place before the child, is known.
 * @module */
import type { WantedStep } from '../index/document-index.ts'
import { type Scanner, SKIP } from './scanner.ts'

/** What `advance` found. */
export const SEARCH = { found: 0, wanting: 1, absent: 2 } as const

/** How far a search is. */
const AT = { place: 0, container: 1, element: 2, key: 3, value: 4, child: 5 } as const

/** A search without input or output: `advance` until it is no longer wanting, with a yield after each time. */
export class ChildSearch {
  /** Where the child begins, when it was found. */
  address = -1
  readonly #scanner: Scanner
  #step: WantedStep | undefined
  /** Scan to the end of an object: a later field counts. */
  #isExhaustive = false
  #at: number = AT.place
  #isInside = false
  #start = 0
  /** Elements before the child, or fields that are left. */
  #count = 0

  constructor(scanner: Scanner) {
    this.#scanner = scanner
  }

  /** Look for a child of the container that begins at an address. */
  inContainer(start: number, step: WantedStep, isExhaustive: boolean): void {
    this.#begin(start, false)
    this.#step = step
    this.#isExhaustive = isExhaustive
  }

  /** Look for the element that comes `count` elements behind the one at an address. */
  behindElement(start: number, count: number): void {
    this.#begin(start, true)
    this.#count = count
  }

  #begin(start: number, isInside: boolean): void {
    this.address = -1
    this.#start = start
    this.#isInside = isInside
    this.#at = AT.place
  }

  /** @returns one of `SEARCH`. @throws {VarveError} `DECODE_FAILED`. */
  advance(): number {
    const scanner = this.#scanner
    if (this.#at === AT.place) {
      this.#at = this.#isInside ? AT.element : AT.container
      if (this.#isInside) scanner.beginSkip(this.#count)
      if (!scanner.seek(this.#start)) return SEARCH.wanting
    }
    if (this.#at === AT.container) {
      if (scanner.peek() < 0) return SEARCH.wanting
      if (!this.#enter()) return SEARCH.absent
    }
    if (this.#at === AT.element) {
      const found = scanner.skip()
      if (found !== SKIP.done) return found === SKIP.ended ? SEARCH.absent : SEARCH.wanting
      this.#at = AT.child
    }
    if (this.#at === AT.child) {
      if (scanner.peek() < 0) return SEARCH.wanting
      if (scanner.atEnd()) return SEARCH.absent
      this.address = scanner.behind
      return SEARCH.found
    }
    return this.#fields()
  }

  /** @returns whether the container can have the child. */
  #enter(): boolean {
    const scanner = this.#scanner
    const step = this.#step as WantedStep
    if (!scanner.enter()) return false
    if (scanner.isObject) {
      this.#at = AT.key
      this.#count = scanner.count
      return step.key !== undefined && scanner.count > 0
    }
    this.#at = AT.element
    scanner.beginSkip(step.index)
    return step.index >= 0 && step.index < scanner.count
  }

  #fields(): number {
    const scanner = this.#scanner
    for (;;) {
      if (this.#at === AT.key) {
        if (scanner.peek() < 0) return SEARCH.wanting
        if (scanner.atEnd()) return this.#end()
        const isSame = scanner.matchKey(this.#step as WantedStep)
        if (isSame < 0) return SEARCH.wanting
        if (isSame === 1) {
          // A key never comes last.
          this.address = scanner.behind
          if (!this.#isExhaustive) {
            this.#at = AT.child
            return this.advance()
          }
        }
        scanner.beginSkip(1)
        this.#at = AT.value
      }
      if (!scanner.skipValue()) return SEARCH.wanting
      if (--this.#count === 0) return this.#end()
      this.#at = AT.key
    }
  }

  #end(): number {
    return this.address < 0 ? SEARCH.absent : SEARCH.found
  }
}
