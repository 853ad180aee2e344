/** Where in JSON text the next part goes: brackets, commas, and what comes next.
 * @module */
import { DEPTH_MAX } from '../../codec/structural-codes.ts'
import type { JsonPieces } from './pieces.ts'

/** Kinds of containers. */
export const ARRAY = 0
export const OBJECT = 1
/** An object inside a `$type` object that says that it is plain. */
const WRAPPED = 2

const WRAP = '"$type":"object","value":{'
const COMMA = 0x2c
const BRACKET = 0x5b
const BRACKET_END = 0x5d
const BRACE = 0x7b
const BRACE_END = 0x7d

export class JsonLayout {
  /** The outermost value is complete. */
  done = false
  /** A key or the end of the object comes next. */
  wantsKey = false
  /** What is written next is not the first of its container. */
  separate = false
  readonly #out: JsonPieces
  readonly #kinds = new Uint8Array(DEPTH_MAX)
  /** Children that a counted container still gets; 0: an event ends it. */
  readonly #left = new Uint8Array(DEPTH_MAX)
  #depth = 0

  constructor(out: JsonPieces) {
    this.#out = out
  }

  /** Before each value. */
  item(): void {
    if (this.separate) this.#out.byte(COMMA)
  }

  /** After each value that is no container. */
  ended(): true {
    this.separate = true
    this.childEnds()
    return true
  }

  /** Before each key. @param isType whether it is `$type` and the first one. */
  beginField(isType: boolean): void {
    this.item()
    if (isType) {
      this.#out.ascii(WRAP)
      this.#kinds[this.#depth - 1] = WRAPPED
    }
    this.separate = false
    this.wantsKey = false
  }

  /** @param count how many children; -1: until `end`. @returns false for too many levels. */
  begin(kind: number, count: number): boolean {
    if (this.#depth >= DEPTH_MAX) return false
    this.item()
    this.#out.byte(kind === ARRAY ? BRACKET : BRACE)
    this.#kinds[this.#depth] = kind
    this.#left[this.#depth++] = Math.max(0, count)
    this.separate = false
    this.wantsKey = kind === OBJECT
    if (count === 0) {
      this.#close()
      this.childEnds()
    }
    return true
  }

  /** @returns whether there is such a container to end. */
  end(kind: number): boolean {
    if (!this.canEnd || (this.#kinds[this.#depth - 1] === ARRAY) !== (kind === ARRAY)) return false
    this.#close()
    this.childEnds()
    return true
  }

  /** Whether the open container ends by an event. */
  get canEnd(): boolean {
    return this.#depth > 0 && this.#left[this.#depth - 1] === 0
  }

  /** A child is complete, written or not, and with it perhaps the containers around it. */
  childEnds(): void {
    for (;;) {
      const top = this.#depth - 1
      if (top < 0) {
        this.done = true
        return
      }
      const left = this.#left[top] as number
      if (left !== 1) {
        if (left > 1) this.#left[top] = left - 1
        this.wantsKey = this.#kinds[top] !== ARRAY
        return
      }
      this.#close()
    }
  }

  #close(): void {
    const kind = this.#kinds[--this.#depth]
    this.#out.byte(kind === ARRAY ? BRACKET_END : BRACE_END)
    if (kind === WRAPPED) this.#out.byte(BRACE_END)
    this.separate = true
  }
}
