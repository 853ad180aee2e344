/** Seeking in what a term run keeps as chunks: long lists of offsets, and the places of batches.
 *
 * Chunks follow each other in ascending order, so the one wanted is guessed from where the number lies between the
 * ends, and after three guesses the rest is halved: numbers spread evenly cost one or two pages, others the
 * logarithm.
 * @module */
import { type ByteReader, getU64, viewOf } from '../codec/bytes.ts'
import type { Reading } from '../segment/file-pool.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import type { OffsetRange } from './term.ts'
import { CHUNK_HEADER_BYTES, PLACES_AT, runRefused } from './term-format.ts'
import { type Postings, readPage, type TermRun } from './term-run.ts'

const GUESSES = 3

/** Chunks of ascending numbers, one a page. */
interface Chunks {
  readonly count: number
  readonly first: number
  readonly last: number
  /** The page of a chunk, and where in it the chunk is. */
  page(chunk: number): number
  at(chunk: number): number
}

/** Find the first chunk that ends at or after `wanted`, which must be at most the last number of all. */
function* seekChunk(run: TermRun, chunks: Chunks, wanted: number): Reading<number> {
  let low = 0
  let high = chunks.count - 1
  // The answer can be a chunk that begins after the number; such a one was read already, so guesses stay below it.
  let top = high
  let { first, last } = chunks
  for (let step = 0; low < high; step++) {
    const share = (wanted - first) / Math.max(1, last - first + 1)
    const guessed = step < GUESSES ? low + Math.floor(share * (top - low + 1)) : (low + top) >>> 1
    const guess = Math.min(top, Math.max(low, guessed))
    const view = viewOf((yield* readPage(run, chunks.page(guess))).bytes)
    const guessFirst = getU64(view, chunks.at(guess))
    const guessLast = getU64(view, chunks.at(guess) + 8)
    if (guessLast < wanted) {
      low = guess + 1
      first = guessLast
    } else if (guessFirst <= wanted) return guess
    else {
      high = guess
      top = guess - 1
      last = guessFirst
    }
  }
  return low
}

/** The offsets of a list in a range, ascending, or descending when the range is backward.
 * Cost: about two pages to get there, then one for each 2,000 to 4,000 offsets.
 * @throws {VarveError} `DECODE_FAILED`. */
export function* offsetsIn(run: TermRun, postings: Postings, range: OffsetRange): Reading<number[]> {
  const from = Math.max(range.from, postings.first)
  const to = Math.min(range.to, postings.last + 1)
  if (to <= from || range.most <= 0) return []
  if (postings.offsets !== undefined) {
    const inside = postings.offsets.filter((offset) => offset >= from && offset < to)
    return (range.backward ? inside.reverse() : inside).slice(0, range.most)
  }
  const chunks: Chunks = {
    count: postings.pages,
    first: postings.first,
    last: postings.last,
    page: (chunk) => run.postings + postings.page + chunk,
    at: (chunk) => (chunk === 0 ? postings.at : 0),
  }
  const found: number[] = []
  const step = range.backward ? -1 : 1
  let chunk = yield* seekChunk(run, chunks, range.backward ? to - 1 : from)
  for (; chunk >= 0 && chunk < chunks.count && found.length < range.most; chunk += step) {
    const page = yield* readPage(run, chunks.page(chunk))
    page.position = chunks.at(chunk)
    const more = takeChunk(page, { ...range, from, to, most: range.most - found.length }, found)
    if (!more) break
  }
  return found
}

/** Add what a chunk has of a range. @returns whether chunks further on can have more of it. */
function takeChunk(page: ByteReader, range: OffsetRange, found: number[]): boolean {
  const { from, to, most, backward } = range
  const first = page.u64()
  const last = page.u64()
  const count = page.u8() | (page.u8() << 8)
  const enough = backward ? Number.POSITIVE_INFINITY : most
  const taken: number[] = []
  let offset = first
  for (let left = count; left > 0 && offset < to && taken.length < enough; left--) {
    if (offset >= from) taken.push(offset)
    if (left > 1) offset += page.varint()
  }
  if (backward) taken.reverse()
  if (taken.length > most) taken.length = most
  for (const one of taken) found.push(one)
  return backward ? first > from : last < to - 1
}

/** Where the batch of an event lies. */
export interface BatchPlace {
  /** Which segment of the run. */
  readonly segment: number
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly rows: number
}

/** The place of the batch of each offset. Cost: a page or two for the first, and each page between once.
 * @param offsets ascending, of events in the run.
 * @throws {VarveError} `DECODE_FAILED`, also when the run has no batch with such an event. */
export function* placesOf(run: TermRun, offsets: readonly number[]): Reading<BatchPlace[]> {
  const chunks: Chunks = {
    count: run.sizes.placesPages,
    first: run.identity.baseOffset,
    last: run.identity.endOffset - 1,
    page: (chunk) => run.places + chunk,
    at: () => 0,
  }
  const places: BatchPlace[] = []
  let walk: PlacesWalk | undefined
  for (const offset of offsets) {
    if (walk === undefined || offset > walk.last) {
      if (chunks.count === 0 || offset > chunks.last) throw runRefused(run.path, `it has no place of offset ${offset}`)
      const page = chunks.page(yield* seekChunk(run, chunks, offset))
      walk = new PlacesWalk(yield* readPage(run, page))
    }
    while (walk.baseOffset + walk.rows <= offset && walk.next());
    if (offset < walk.baseOffset || offset >= walk.baseOffset + walk.rows) {
      throw runRefused(run.path, `it has no place of offset ${offset}`)
    }
    places.push(placeAt(walk))
  }
  return places
}

/** The batch that a walk is at. */
export function placeAt({ segment, position, sizeBytes, baseOffset, rows }: PlacesWalk): BatchPlace {
  return { segment, position, sizeBytes, baseOffset, rows }
}

/** The batches of a page of places, one after the other. Before the first `next` there is a batch of no rows. */
export class PlacesWalk {
  readonly #page: ByteReader
  readonly last: number
  #at = PLACES_AT
  #left: number
  baseOffset: number
  segment: number
  position: number
  rows = 0
  sizeBytes = 0

  constructor(page: ByteReader) {
    this.#page = page
    page.position = 0
    this.baseOffset = page.u64()
    this.last = page.u64()
    this.#left = page.u8() | (page.u8() << 8)
    page.position = CHUNK_HEADER_BYTES
    this.segment = page.u32()
    this.position = page.u32()
  }

  /** Go to the next batch. @returns false at the end of the page. */
  next(): boolean {
    const page = this.#page
    page.position = this.#at
    this.baseOffset += this.rows
    this.position += this.sizeBytes
    this.rows = 0
    this.sizeBytes = 0
    while (this.#left > 0 && this.rows === 0) {
      this.#left--
      this.rows = page.varint()
      if (this.rows > 0) {
        this.sizeBytes = page.varint()
        continue
      }
      const segments = page.varint()
      this.segment += segments
      this.baseOffset += page.varint()
      this.position = (segments > 0 ? SEGMENT_HEADER_BYTES : this.position) + page.varint()
    }
    this.#at = page.position
    return this.rows > 0
  }
}
