/** The pages of a term run as they are made, and the simplest of them: the places.
 * @module */
import { setU64, viewOf } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { assert } from '../errors.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { CHUNK_HEADER_BYTES, PAGE_BYTES, PAGE_ROOM, PLACES_AT, pageCrc, VARINT_BYTES } from './term-format.ts'
import type { BatchPlace } from './term-seek.ts'

const PIECE_PAGES = 64

/** Write a varint. @returns the place after it. */
export function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  while (rest > 0x7fff_ffff) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 128)
  }
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

/** Pages with their checksums, handed on in larger pieces. */
export class PageOutput {
  readonly #seed: number
  readonly #digest: Digest
  readonly #measuring: boolean
  #piece = new Uint8Array(0)
  #used = 0
  /** Pieces nobody has taken yet. */
  ready: Uint8Array[] = []
  /** Number of the next page. */
  page = 1

  /** @param measuring only count pages. */
  constructor(facts: { seed: number; digest: Digest }, measuring = false) {
    this.#seed = facts.seed
    this.#digest = facts.digest
    this.#measuring = measuring
  }

  /** Finish a page of `used` bytes; what is behind them in `work` is no matter. */
  put(work: Uint8Array, used: number): void {
    const page = this.page++
    if (this.#measuring) return
    if (this.#used === this.#piece.length) this.flush()
    if (this.#piece.length === 0) this.#piece = new Uint8Array(PIECE_PAGES * PAGE_BYTES)
    const own = this.#piece.subarray(this.#used, this.#used + PAGE_BYTES)
    own.set(work.subarray(0, used))
    this.seal(own, page)
    this.#used += PAGE_BYTES
  }

  /** Write the checksum of a page. */
  seal(bytes: Uint8Array, page: number): void {
    viewOf(bytes).setUint32(PAGE_ROOM, pageCrc(bytes, { seed: this.#seed, page }, this.#digest), true)
  }

  /** Hand on what is there. */
  flush(): void {
    if (this.#used > 0) this.ready.push(this.#piece.subarray(0, this.#used))
    this.#piece = new Uint8Array(0)
    this.#used = 0
  }
}

/** Places of batches. */
export class PlacesWriter {
  readonly #out: PageOutput
  readonly #work = new Uint8Array(PAGE_BYTES)
  readonly #view = viewOf(this.#work)
  #at = 0
  #entries = 0
  #segment = 0
  #baseOffset = 0
  #position = 0

  constructor(out: PageOutput) {
    this.#out = out
  }

  /** Add a batch; they come in order. */
  add(batch: BatchPlace): void {
    if (this.#at + 6 * VARINT_BYTES > PAGE_ROOM) this.end()
    if (this.#at === 0) this.#begin(batch)
    if (batch.segment !== this.#segment || batch.baseOffset !== this.#baseOffset || batch.position !== this.#position) {
      this.#moveOn(batch)
    }
    this.#at = putVarint(this.#work, this.#at, batch.rows)
    this.#at = putVarint(this.#work, this.#at, batch.sizeBytes)
    this.#entries++
    this.#segment = batch.segment
    this.#baseOffset = batch.baseOffset + batch.rows
    this.#position = batch.position + batch.sizeBytes
  }

  #begin(batch: BatchPlace): void {
    setU64(this.#view, 0, batch.baseOffset)
    this.#view.setUint32(CHUNK_HEADER_BYTES, batch.segment, true)
    this.#view.setUint32(CHUNK_HEADER_BYTES + 4, batch.position, true)
    this.#segment = batch.segment
    this.#baseOffset = batch.baseOffset
    this.#position = batch.position
    this.#at = PLACES_AT
  }

  #moveOn(batch: BatchPlace): void {
    const segments = batch.segment - this.#segment
    const position = segments > 0 ? SEGMENT_HEADER_BYTES : this.#position
    assert(segments >= 0 && batch.position >= position && batch.baseOffset >= this.#baseOffset, 'batches are in order')
    this.#at = putVarint(this.#work, this.#at, 0)
    this.#at = putVarint(this.#work, this.#at, segments)
    this.#at = putVarint(this.#work, this.#at, batch.baseOffset - this.#baseOffset)
    this.#at = putVarint(this.#work, this.#at, batch.position - position)
    this.#entries++
  }

  end(): void {
    if (this.#at === 0) return
    setU64(this.#view, 8, this.#baseOffset - 1)
    this.#view.setUint16(16, this.#entries, true)
    this.#out.put(this.#work, this.#at)
    this.#at = 0
    this.#entries = 0
  }
}
