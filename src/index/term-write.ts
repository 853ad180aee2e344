/** Writing the pages of a term run, section after section: places, postings, terms, filter.
 *
 * The bytes are those of term-format.ts. Who writes (a build from rows, a merge) gives terms in order of (hash, key),
 * once to find the long lists and once for the terms.
 * @module */
import { setU64, viewOf } from '../codec/bytes.ts'
import { assert } from '../errors.ts'
import { BLOCK_BYTES, BLOCK_PAGE_AT, BLOCKS_PER_PAGE, blockOf, blocksFor, filterAdd } from './term-filter.ts'
import {
  CHUNK_HEADER_BYTES,
  ENTRIES_AT,
  ENTRY_MAX_BYTES,
  INLINE_MAX_BYTES,
  KEY_MAX_BYTES,
  PAGE_BYTES,
  PAGE_ROOM,
  VARINT_BYTES,
} from './term-format.ts'
import { type PageOutput, putVarint } from './term-output.ts'

/** Less is not worth the beginning of a list. */
const LIST_MIN_BYTES = CHUNK_HEADER_BYTES + 4 * VARINT_BYTES

/** Where a long list was written. */
export interface LongList {
  /** Which of the terms, counted from 0. */
  readonly term: number
  readonly count: number
  readonly page: number
  readonly at: number
  readonly pages: number
  readonly first: number
  readonly last: number
}

/** Long lists, one after the other. */
export class PostingsWriter {
  readonly #out: PageOutput
  readonly #start: number
  readonly #work = new Uint8Array(PAGE_BYTES + VARINT_BYTES)
  readonly #view = viewOf(this.#work)
  #at = 0
  /** Where the chunk begins, and how many numbers it has. */
  #chunk = 0
  #inChunk = 0
  #page = 0
  #listAt = 0
  #count = 0
  #first = 0
  /** The last offset of the list, -1 before the first. */
  last = -1

  constructor(out: PageOutput) {
    this.#out = out
    this.#start = out.page
  }

  begin(): void {
    if (this.#at + LIST_MIN_BYTES > PAGE_ROOM) this.#turn()
    this.#page = this.#out.page
    this.#listAt = this.#at
    this.#count = 0
    this.#inChunk = 0
    this.last = -1
  }

  /** Add an offset; they ascend. */
  add(offset: number): void {
    if (this.#inChunk > 0 && this.#at + VARINT_BYTES > PAGE_ROOM) {
      this.#endChunk()
      this.#turn()
    }
    if (this.#inChunk === 0) {
      this.#chunk = this.#at
      setU64(this.#view, this.#chunk, offset)
      this.#at += CHUNK_HEADER_BYTES
      if (this.#count === 0) this.#first = offset
    } else this.#at = putVarint(this.#work, this.#at, offset - this.last)
    this.#inChunk++
    this.#count++
    this.last = offset
  }

  #endChunk(): void {
    setU64(this.#view, this.#chunk + 8, this.last)
    this.#view.setUint16(this.#chunk + 16, this.#inChunk, true)
    this.#inChunk = 0
  }

  #turn(): void {
    this.#out.put(this.#work, this.#at)
    this.#at = 0
  }

  /** End the list. */
  endList(term: number): LongList {
    this.#endChunk()
    const pages = this.#out.page - this.#page + 1
    const address = { page: this.#page - this.#start, at: this.#listAt, pages }
    return { term, count: this.#count, ...address, first: this.#first, last: this.last }
  }

  end(): void {
    if (this.#at > 0) this.#turn()
  }
}

/** A list short enough to be kept beside its term, or found not to be. */
export class ShortList {
  readonly bytes = new Uint8Array(INLINE_MAX_BYTES + VARINT_BYTES)
  length = 0
  count = 0
  last = 0

  begin(): void {
    this.length = 0
    this.count = 0
    this.last = 0
  }

  /** Add an offset; they ascend. @returns false when the list has become too long. */
  add(offset: number): boolean {
    this.length = putVarint(this.bytes, this.length, offset - this.last)
    this.last = offset
    this.count++
    return this.length <= INLINE_MAX_BYTES
  }
}

/** Terms and the filter over them. Each is `begin`, `key`, one of the lists, `end`; or `copy`. */
export class TermsWriter {
  readonly #out: PageOutput
  readonly #start: number
  readonly #work = new Uint8Array(PAGE_BYTES + ENTRY_MAX_BYTES)
  readonly #view = viewOf(this.#work)
  readonly #blocks: number
  readonly #filter: Uint8Array
  readonly #filterView: DataView
  #lastBlock = -1
  #at = ENTRIES_AT
  #entries = 0
  #entryAt = 0

  /** @param terms how many there will be. */
  constructor(out: PageOutput, terms: number) {
    this.#out = out
    this.#start = out.page
    this.#blocks = blocksFor(terms)
    this.#filter = new Uint8Array(this.#blocks * BLOCK_BYTES)
    this.#filterView = viewOf(this.#filter)
  }

  begin(hash: number): void {
    this.#entryAt = this.#at
    this.#view.setUint32(this.#at, hash, true)
    this.#at += 4
  }

  key(bytes: Uint8Array, from: number, to: number): void {
    assert(to - from <= KEY_MAX_BYTES, 'the text of a term is at most 256 bytes')
    this.#at = putVarint(this.#work, this.#at, to - from)
    this.#bytes(bytes, from, to)
  }

  #bytes(bytes: Uint8Array, from: number, to: number): void {
    const work = this.#work
    let at = this.#at
    for (let i = from; i < to; i++) work[at++] = bytes[i] as number
    this.#at = at
  }

  one(offset: number): void {
    this.#work[this.#at++] = 1
    this.#at = putVarint(this.#work, this.#at, offset)
  }

  few(list: ShortList): void {
    if (list.count === 1) {
      this.one(list.last)
      return
    }
    this.#at = putVarint(this.#work, this.#at, list.count)
    this.#at = putVarint(this.#work, this.#at, list.length)
    this.#bytes(list.bytes, 0, list.length)
  }

  long(list: LongList): void {
    this.#work[this.#at++] = 0
    for (const field of [list.count, list.page, list.at, list.pages, list.first, list.last - list.first]) {
      this.#at = putVarint(this.#work, this.#at, field)
    }
  }

  /** An entry as another run has it. */
  copy(bytes: Uint8Array, from: number, to: number): void {
    this.#entryAt = this.#at
    this.#bytes(bytes, from, to)
  }

  end(hash: number): void {
    if (this.#at > PAGE_ROOM) this.#turn()
    this.#entries++
    const block = blockOf(hash, this.#blocks)
    while (this.#lastBlock < block) this.#beginBlock()
    filterAdd(this.#filter, block * BLOCK_BYTES, hash)
  }

  #beginBlock(): void {
    this.#lastBlock++
    const page = this.#out.page - this.#start
    this.#filterView.setUint32(this.#lastBlock * BLOCK_BYTES + BLOCK_PAGE_AT, page, true)
  }

  /** Finish a page without the entry that did not fit, which begins the next. */
  #turn(): void {
    this.#put(this.#entryAt)
    this.#work.copyWithin(ENTRIES_AT, this.#entryAt, this.#at)
    this.#at += ENTRIES_AT - this.#entryAt
  }

  #put(used: number): void {
    this.#view.setUint16(0, this.#entries, true)
    this.#out.put(this.#work, used)
    this.#entries = 0
  }

  /** End the section. @returns the pages of terms; the filter follows in `filter`. */
  endTerms(): number {
    // Blocks after the last term: what is looked for there would have to be on the last page.
    while (this.#lastBlock < this.#blocks - 1) this.#beginBlock()
    if (this.#entries > 0) this.#put(this.#at)
    return this.#out.page - this.#start
  }

  /** Write the filter. @returns its pages and blocks. */
  writeFilter(): { filterPages: number; blocks: number } {
    const before = this.#out.page
    const room = BLOCKS_PER_PAGE * BLOCK_BYTES
    for (let at = 0; at < this.#filter.length; at += room) {
      const part = this.#filter.subarray(at, at + room)
      this.#out.put(part, part.length)
    }
    return { filterPages: this.#out.page - before, blocks: this.#blocks }
  }
}
