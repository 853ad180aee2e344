/** Building the term run of a sealed segment from its rows, in memory, in slices of a few milliseconds.
 * @module */
import type { Digest } from '../codec/digest.ts'
import { encodeRunHeader, INLINE_MAX_BYTES, PAGE_BYTES, type RunIdentity, runSeed } from './term-format.ts'
import { collectTerms, type SegmentRows, type SortedTerms, sortTerms, type Terms } from './term-group.ts'
import { PageOutput, PlacesWriter } from './term-output.ts'
import { type LongList, PostingsWriter, ShortList, TermsWriter } from './term-write.ts'

const SLICE_PIECES = 16
/** Work done before others may have a turn, about 2 ms: a posting is 1, and a term so much more. */
const SLICE_WORK = 1 << 18
const TERM_WORK = 16
/** A list of so few offsets is short in any case. */
const SHORT_MAX = INLINE_MAX_BYTES / 8

/** Make the bytes of a run, which the whole array is. A generator that does nothing but stop now and then, after a few
 * milliseconds of work each: take it to its end, with turns for others between.
 * Cost: about 0.3 us per row and field. */
export function* buildRun(rows: SegmentRows, identity: RunIdentity, digest: Digest): Generator<void, Uint8Array> {
  const out = new PageOutput({ seed: runSeed(identity, digest), digest })
  writePlaces(rows, out)
  const placesPages = out.page - 1
  yield
  const terms = yield* collectTerms(rows, digest)
  const sorted = yield* sortTerms(terms)
  const { baseOffset } = rows
  const longs = yield* writeLongLists(terms, { sorted, baseOffset }, out)
  const postingsPages = out.page - 1 - placesPages
  const writer = yield* writeTerms(terms, { sorted, longs, baseOffset }, out)
  const termsPages = writer.endTerms()
  const { filterPages, blocks } = writer.writeFilter()
  const pages = { placesPages, postingsPages, termsPages, filterPages }
  const header = encodeRunHeader(identity, {
    ...pages,
    blocks,
    terms: sorted.order.length,
    postings: terms.rows.length,
  })
  out.seal(header, 0)
  out.flush()
  const run = new Uint8Array(out.page * PAGE_BYTES)
  run.set(header)
  let at = PAGE_BYTES
  for (const [i, piece] of out.ready.entries()) {
    if (i % SLICE_PIECES === 0) yield
    run.set(piece, at)
    at += piece.length
  }
  return run
}

function writePlaces(rows: SegmentRows, out: PageOutput): void {
  const places = new PlacesWriter(out)
  for (const { rows: count, baseOffset, position, length } of rows.batches) {
    if (count > 0) places.add({ segment: 0, rows: count, baseOffset, position, sizeBytes: length })
  }
  places.end()
}

/** Write the lists that are too long to be beside their term. @returns them in order. */
function* writeLongLists(
  terms: Terms,
  facts: { sorted: SortedTerms; baseOffset: number },
  out: PageOutput,
): Generator<void, LongList[]> {
  const { bounds, rows } = terms
  const { order } = facts.sorted
  const writer = new PostingsWriter(out)
  const short = new ShortList()
  const longs: LongList[] = []
  let work = 0
  for (let place = 0; place < order.length; place++) {
    const term = order[place] as number
    const from = bounds[2 * term + 1] as number
    const to = bounds[2 * term + 3] as number
    work += TERM_WORK + to - from
    if (work > SLICE_WORK) {
      work = 0
      yield
    }
    if (to - from <= SHORT_MAX || fill(short, terms, { from, to, baseOffset: facts.baseOffset })) continue
    writer.begin()
    for (let i = from; i < to; i++) writer.add(facts.baseOffset + (rows[i] as number))
    longs.push(writer.endList(place))
  }
  writer.end()
  return longs
}

/** Make the short list of a term. @returns false when it is too long. */
function fill(short: ShortList, terms: Terms, facts: { from: number; to: number; baseOffset: number }): boolean {
  short.begin()
  for (let i = facts.from; i < facts.to; i++) {
    if (!short.add(facts.baseOffset + (terms.rows[i] as number))) return false
  }
  return true
}

/** Terms whose parts are fetched together. */
const FETCH_TERMS = 128

/** Touch what the next terms need, which lies anywhere in memory: in a loop that does nothing else, the processor waits
 * for many at once, and writing takes half the time. The numbers are kept only so that the reads are not left out. */
function fetchTerms(terms: Terms, order: Uint32Array, facts: { place: number; fetched: Uint32Array }): void {
  const { place, fetched } = facts
  const { bounds, keys, rows } = terms
  const end = Math.min(place + FETCH_TERMS, order.length)
  for (let i = place; i < end; i++) {
    const term = order[i] as number
    fetched[2 * (i - place)] = bounds[2 * term] as number
    fetched[2 * (i - place) + 1] = bounds[2 * term + 1] as number
  }
  for (let i = 0; i < 2 * (end - place); i += 2) {
    fetched[i] = keys[fetched[i] as number] as number
    fetched[i + 1] = rows[fetched[i + 1] as number] as number
  }
}

function* writeTerms(
  terms: Terms,
  facts: { sorted: SortedTerms; longs: readonly LongList[]; baseOffset: number },
  out: PageOutput,
): Generator<void, TermsWriter> {
  const { longs, baseOffset } = facts
  const { order, hashes } = facts.sorted
  const { bounds } = terms
  const writer = new TermsWriter(out, order.length)
  const short = new ShortList()
  const fetched = new Uint32Array(2 * FETCH_TERMS)
  let nextLong = 0
  let work = 0
  for (let place = 0; place < order.length; place++) {
    if (place % FETCH_TERMS === 0) fetchTerms(terms, order, { place, fetched })
    const term = order[place] as number
    const hash = hashes[place] as number
    const from = bounds[2 * term + 1] as number
    const to = bounds[2 * term + 3] as number
    work += TERM_WORK + to - from
    if (work > SLICE_WORK) {
      work = 0
      yield
    }
    writer.begin(hash)
    writer.key(terms.keys, bounds[2 * term] as number, bounds[2 * term + 2] as number)
    const long = longs[nextLong]
    if (long?.term === place) {
      nextLong++
      writer.long(long)
    } else if (to - from === 1) writer.one(baseOffset + (terms.rows[from] as number))
    else {
      fill(short, terms, { from, to, baseOffset })
      writer.few(short)
    }
    writer.end(hash)
  }
  return writer
}
