/** Checked pages of term runs in memory, within a budget.
 *
 * Two generations instead of an exact order of use: what is asked for moves to the young one, and when that has half
 * the budget, the old one goes and the young one becomes old. A page in use stays, and a hit costs one look-up.
 * @module */
import type { ByteReader } from '../codec/bytes.ts'
import { PAGE_BYTES } from './term-format.ts'

/** A page and the objects around it. */
const ENTRY_BYTES = PAGE_BYTES + 256
const TWO_32 = 0x1_0000_0000

export class PageCache {
  /** At most this much is kept. */
  readonly budgetBytes: number
  readonly #youngMax: number
  readonly #runs = new Map<string, number>()
  #nextRun = 1
  #young = new Map<number, ByteReader>()
  #old = new Map<number, ByteReader>()
  hits = 0
  misses = 0

  /** @param budgetBytes at most this much is kept; 0 keeps nothing. */
  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes
    this.#youngMax = Math.floor(budgetBytes / 2 / ENTRY_BYTES)
  }

  /** Bytes of memory in use, never more than the budget. */
  get sizeBytes(): number {
    return (this.#young.size + this.#old.size) * ENTRY_BYTES
  }

  /** The number under which pages of a file are kept. */
  runOf(path: string): number {
    let run = this.#runs.get(path)
    if (run === undefined) {
      run = this.#nextRun++
      this.#runs.set(path, run)
    }
    return run
  }

  get(run: number, page: number): ByteReader | undefined {
    const key = run * TWO_32 + page
    const young = this.#young.get(key)
    if (young !== undefined) {
      this.hits++
      return young
    }
    const old = this.#old.get(key)
    if (old === undefined) {
      this.misses++
      return undefined
    }
    this.hits++
    this.#old.delete(key)
    this.#keep(key, old)
    return old
  }

  set(run: number, page: number, reader: ByteReader): void {
    if (this.#youngMax > 0) this.#keep(run * TWO_32 + page, reader)
  }

  #keep(key: number, reader: ByteReader): void {
    if (this.#young.size >= this.#youngMax) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, reader)
  }

  /** Drop the pages of a file that is gone or was replaced. Cost: a pass over the cache. */
  forget(path: string): void {
    const run = this.#runs.get(path)
    if (run === undefined) return
    this.#runs.delete(path)
    for (const pages of [this.#young, this.#old]) {
      for (const key of pages.keys()) if (Math.floor(key / TWO_32) === run) pages.delete(key)
    }
  }

  /** Drop the pages of all files in a directory that is gone. */
  forgetAll(directory: string): void {
    for (const path of [...this.#runs.keys()]) if (path.startsWith(`${directory}/`)) this.forget(path)
  }
}
