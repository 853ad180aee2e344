/** Going through a term run from its first term to its last, for merging. Reads past the cache, 64 KiB at a time.
 * @module */
import type { ByteReader } from '../codec/bytes.ts'
import type { Reading } from '../segment/file-pool.ts'
import {
  checkPage,
  ENTRIES_AT,
  ENTRY_MAX_BYTES,
  KEY_MAX_BYTES,
  PAGE_BYTES,
  pageReader,
  runRefused,
} from './term-format.ts'
import { compareKeys, type Postings, readList, skipList, type TermRun } from './term-run.ts'

const PAGES_AT_ONCE = 16

/** Read pages `first` to before `end`, but at most 16 of them. The readers are the caller's own.
 * @throws {VarveError} `DECODE_FAILED`. */
export function* readPages(run: TermRun, first: number, end: number): Reading<ByteReader[]> {
  const count = Math.min(end - first, PAGES_AT_ONCE)
  const position = first * PAGE_BYTES
  const length = count * PAGE_BYTES
  const bytes = run.bytes?.subarray(position, position + length) ?? (yield { path: run.path, position, length })
  const pages: ByteReader[] = []
  for (let i = 0; i < count; i++) {
    const own = bytes.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES)
    const place = { path: run.path, seed: run.seed, page: first + i }
    pages.push(run.bytes === undefined ? checkPage(own, place, run.digest) : pageReader(own))
  }
  return pages
}

/** One term after the other. Before the first and after the last, `hash` is infinite. */
export class RunCursor {
  readonly run: TermRun
  #pages: ByteReader[] = []
  #page = 0
  #nextPage: number
  #left = 0
  hash = Number.POSITIVE_INFINITY
  /** The bytes of the page that the entry is in. */
  bytes: Uint8Array = new Uint8Array(0)
  entryAt = 0
  keyAt = 0
  /** The end of the key, where the list begins. */
  listAt = 0
  entryEnd = 0

  constructor(run: TermRun) {
    this.run = run
    this.#nextPage = run.terms
  }

  /** Go to the next term. @returns false when `load` has to be called first. */
  next(): boolean {
    while (this.#left === 0) {
      if (++this.#page >= this.#pages.length) return false
      this.#beginPage()
    }
    const page = this.#pages[this.#page] as ByteReader
    this.#left--
    this.entryAt = this.entryEnd
    page.position = this.entryEnd
    const before = this.hash
    this.hash = page.u32()
    if (this.hash < before && before !== Number.POSITIVE_INFINITY) this.#refuse('its terms are not in order')
    const keyBytes = page.varint()
    if (keyBytes === 0 || keyBytes > KEY_MAX_BYTES) this.#refuse('a key has no length that a key can have')
    this.keyAt = page.position
    this.listAt = this.keyAt + keyBytes
    page.position = this.listAt
    skipList(page)
    this.entryEnd = page.position
    if (this.entryEnd > this.bytes.length) this.#refuse('an entry passes the end of its page')
    if (this.entryEnd - this.entryAt > ENTRY_MAX_BYTES) this.#refuse('an entry is longer than one can be')
    return true
  }

  #refuse(reason: string): never {
    throw runRefused(this.run.path, reason)
  }

  #beginPage(): void {
    const page = this.#pages[this.#page] as ByteReader
    this.bytes = page.bytes
    this.#left = (page.bytes[0] as number) | ((page.bytes[1] as number) << 8)
    this.entryEnd = ENTRIES_AT
  }

  /** Read on and go to the next term; after the last one `hash` is infinite. */
  *load(): Reading<void> {
    const end = this.run.terms + this.run.sizes.termsPages
    while (this.#nextPage < end) {
      this.#pages = yield* readPages(this.run, this.#nextPage, end)
      this.#nextPage += this.#pages.length
      this.#page = -1
      if (this.next()) return
    }
    this.hash = Number.POSITIVE_INFINITY
  }

  /** The list of the term. */
  list(): Postings {
    const page = this.#pages[this.#page] as ByteReader
    page.position = this.listAt
    return readList(page, this.run)
  }

  /** Whether the term has one offset. */
  get isSingle(): boolean {
    return this.bytes[this.listAt] === 1
  }

  get key(): Uint8Array {
    return this.bytes.subarray(this.keyAt, this.listAt)
  }
}

/** Goes through the terms of all runs in order: `advance`, `load` if that says so, `choose`. */
export class MergedTerms {
  readonly #cursors: readonly RunCursor[]
  readonly #empty: RunCursor[] = []
  /** Cursors at the same term, oldest run first: the first `size` of these. */
  readonly #group: RunCursor[]
  size = 0

  constructor(inputs: readonly TermRun[]) {
    this.#cursors = inputs.map((input) => new RunCursor(input))
    this.#group = [...this.#cursors]
    this.size = inputs.length
  }

  get first(): RunCursor {
    return this.#group[0] as RunCursor
  }

  get last(): RunCursor {
    return this.#group[this.size - 1] as RunCursor
  }

  /** All cursors at the term. */
  get group(): RunCursor[] {
    return this.#group.slice(0, this.size)
  }

  /** Move those on that were at the last term. @returns false when `load` has to be called. */
  advance(): boolean {
    for (let i = 0; i < this.size; i++) {
      const cursor = this.#group[i] as RunCursor
      if (!cursor.next()) this.#empty.push(cursor)
    }
    return this.#empty.length === 0
  }

  *load(): Reading<void> {
    for (const cursor of this.#empty) yield* cursor.load()
    this.#empty.length = 0
  }

  /** Find the next term. @returns false after the last. */
  choose(): boolean {
    let size = 0
    let least = Number.POSITIVE_INFINITY
    for (const cursor of this.#cursors) {
      const { hash } = cursor
      if (hash > least || hash === Number.POSITIVE_INFINITY) continue
      const order = hash < least ? -1 : compareKeys(cursor.key, this.first.key)
      if (order > 0) continue
      if (order < 0) size = 0
      least = hash
      this.#group[size++] = cursor
    }
    this.size = size
    return size > 0
  }
}
