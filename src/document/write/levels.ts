/** The open containers while a document is written, outermost first, as parallel columns: a container of depth d is at
 * d.
 * @module */
import { DEPTH_MAX } from '../../codec/structural-codes.ts'
import { decodeWtf8 } from '../../codec/value-buffer.ts'
import { ITEM } from '../index/format.ts'
import { Path, type Step } from '../path/path.ts'

/** What the key of a child is, if it is no number of the key table. */
export const KEY_TEXT = -1
export const KEY_INT = -2

export class Levels {
  /** Open containers. */
  depth = 0
  /** `ITEM.array` or `ITEM.object`. */
  readonly kinds = new Uint8Array(DEPTH_MAX)
  /** Children that have begun. */
  readonly counts = new Float64Array(DEPTH_MAX)
  /** Where the container begins, and where its key does (the same in arrays). */
  readonly addresses = new Float64Array(DEPTH_MAX)
  readonly keyAddresses = new Float64Array(DEPTH_MAX)
  /** Bytes passed over as no events up to its beginning. */
  readonly skips = new Float64Array(DEPTH_MAX)
  /** Number of its item in the index, or -1. */
  readonly items = new Int32Array(DEPTH_MAX)
  /** Address of the last place among its children that the index names; -Infinity: the next child must be named. */
  readonly marks = new Float64Array(DEPTH_MAX)
  /** Of objects: first of its key rows, block number + 1 of its newest run of key pages, place in the sequence of
   * keys. */
  readonly rows = new Float64Array(DEPTH_MAX)
  readonly runs = new Float64Array(DEPTH_MAX)
  readonly lastKeys = new Int16Array(DEPTH_MAX)
  /** Of objects, the key of the last child: a number of the key table, `KEY_TEXT` or `KEY_INT`. */
  readonly keys = new Int32Array(DEPTH_MAX)
  readonly intKeys = new Float64Array(DEPTH_MAX)
  /** Texts of the last keys, one after another, and their ends; that of a key without text may be any behind the one
   * around it. */
  #text = new Uint8Array(1_024)
  readonly #textEnds = new Int32Array(DEPTH_MAX)
  readonly #names: readonly string[]

  /** @param names the key table, which may grow. */
  constructor(names: readonly string[]) {
    this.#names = names
  }

  /** A container without children yet is at `level`, the innermost now. */
  begin(level: number): void {
    this.depth = level + 1
    this.counts[level] = 0
    this.items[level] = -1
    this.#textEnds[level] = level === 0 ? 0 : (this.#textEnds[level - 1] as number)
  }

  /** The last child of the innermost container has the key `bytes[start, end)`, UTF-8 or WTF-8. */
  setText(bytes: Uint8Array, start: number, end: number): void {
    const level = this.depth - 1
    let at = level === 0 ? 0 : (this.#textEnds[level - 1] as number)
    if (at + end - start > this.#text.length) this.#grow(at + end - start)
    const text = this.#text
    for (let from = start; from < end; from++) text[at++] = bytes[from] as number
    this.#textEnds[level] = at
    this.keys[level] = KEY_TEXT
  }

  /** The last child has a key without text. */
  setKey(number: number): void {
    this.keys[this.depth - 1] = number
  }

  #grow(sizeBytes: number): void {
    const text = new Uint8Array(sizeBytes * 2)
    text.set(this.#text)
    this.#text = text
  }

  /** Key of the last child of the container at `level`; undefined in arrays. */
  keyOf(level: number): string | number | undefined {
    const key = this.keys[level] as number
    if (key >= 0) return this.#names[key]
    if (key === KEY_INT) return this.intKeys[level] as number
    const start = level === 0 ? 0 : (this.#textEnds[level - 1] as number)
    return decodeWtf8(this.#text.subarray(start, this.#textEnds[level]))
  }

  /** Of its key in bytes, about. */
  keyBytes(level: number): number {
    if ((this.keys[level] as number) !== KEY_TEXT) return 4
    return (this.#textEnds[level] as number) - (level === 0 ? 0 : (this.#textEnds[level - 1] as number)) + 4
  }

  /** Path of the last child of the innermost container, or, `between` two of them, of the next one: of the container
   * itself where that has no key yet. */
  path(between: boolean): string {
    const steps: Step[] = []
    for (let level = 0; level < this.depth; level++) {
      const count = this.counts[level] as number
      const isNext = between && level === this.depth - 1
      if (this.kinds[level] === ITEM.array) steps.push({ type: 'index', index: isNext ? count : count - 1 })
      else if (!isNext) {
        const key = this.keyOf(level) as string | number
        steps.push(typeof key === 'number' ? { type: 'intKey', key } : { type: 'field', key })
      }
    }
    return Path.of(steps).toString()
  }
}
