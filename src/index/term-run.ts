/** Asking one term run: open it, find a term. No input or output here: see `Reading`.
 *
 * A term that is not in the run costs the page of the filter with its block, one that is there mostly one page more.
 * All pages go through the cache. A run can live in memory instead of in a file; its pages are not checked again.
 * @module */
import type { ByteReader } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import type { Reading } from '../segment/file-pool.ts'
import type { PageCache } from './page-cache.ts'
import type { Term } from './term.ts'
import { BLOCK_BYTES, BLOCK_PAGE_AT, BLOCKS_PER_PAGE, blockOf, filterHas } from './term-filter.ts'
import {
  checkPage,
  decodeRunHeader,
  PAGE_BYTES,
  pageReader,
  type RunIdentity,
  type RunSizes,
  runRefused,
  runSeed,
  type TermKey,
  termKey,
} from './term-format.ts'

/** A run whose header was read and is that of the run expected. */
export interface TermRun {
  readonly path: string
  readonly identity: RunIdentity
  readonly sizes: RunSizes
  readonly digest: Digest
  readonly cache: PageCache
  readonly seed: number
  /** Number of the run in the cache. */
  readonly cached: number
  /** The whole run, if it is in memory. */
  readonly bytes?: Uint8Array
  /** First pages of the sections. */
  readonly places: number
  readonly postings: number
  readonly terms: number
  readonly filter: number
}

/** Where the offsets of a term are. */
export interface Postings {
  readonly count: number
  readonly first: number
  readonly last: number
  /** All of them, when they are few. */
  readonly offsets?: readonly number[]
  /** Of a long list: first page in the section, where it begins there, and how many pages it has. */
  readonly page: number
  readonly at: number
  readonly pages: number
}

export interface RunTools {
  readonly digest: Digest
  readonly cache: PageCache
  /** The whole run, if it is in memory. */
  readonly bytes?: Uint8Array
}

/** Open a run. Cost: a page.
 * @param expected what is known of its identity; the more, the better.
 * @throws {VarveError} `DECODE_FAILED` with `details.reason` when it is not the run expected, `FILE_MISSING`. */
export function* openRun(path: string, expected: Partial<RunIdentity>, tools: RunTools): Reading<TermRun> {
  const { digest, cache, bytes } = tools
  const header = bytes ?? (yield { path, position: 0, length: PAGE_BYTES })
  const { identity, sizes } = decodeRunHeader(header.subarray(0, PAGE_BYTES), expected, { path, digest })
  const postings = 1 + sizes.placesPages
  const terms = postings + sizes.postingsPages
  return {
    path,
    identity,
    sizes,
    digest,
    cache,
    seed: runSeed(identity, digest),
    cached: cache.runOf(path),
    ...(bytes === undefined ? {} : { bytes }),
    places: 1,
    postings,
    terms,
    filter: terms + sizes.termsPages,
  }
}

/** Get a checked page. The reader is shared: set its position, and do not rely on that after a `yield`.
 * @throws {VarveError} `DECODE_FAILED`. */
export function* readPage(run: TermRun, page: number): Reading<ByteReader> {
  if (run.bytes !== undefined) return memoryPage(run, run.bytes, page)
  const known = run.cache.get(run.cached, page)
  if (known !== undefined) return known
  const bytes = yield { path: run.path, position: page * PAGE_BYTES, length: PAGE_BYTES }
  const reader = checkPage(bytes, { path: run.path, seed: run.seed, page }, run.digest)
  run.cache.set(run.cached, page, reader)
  return reader
}

function memoryPage(run: TermRun, bytes: Uint8Array, page: number): ByteReader {
  const own = bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
  if (own.length < PAGE_BYTES) throw runRefused(run.path, 'it is too short', page)
  return pageReader(own)
}

/** Find the offsets of a term. Cost: one page when it is not there (but for one in a hundred), else mostly two; with
 * many terms of the same hash, the logarithm of their pages.
 * @throws {VarveError} `DECODE_FAILED`. */
export function* findTerm(run: TermRun, term: Term): Reading<Postings | undefined> {
  const { blocks, termsPages } = run.sizes
  if (blocks === 0) return undefined
  const key = termKey(term, run.digest)
  const block = blockOf(key.hash, blocks)
  const inPage = block % BLOCKS_PER_PAGE
  const at = inPage * BLOCK_BYTES
  const filter = yield* readPage(run, run.filter + Math.floor(block / BLOCKS_PER_PAGE))
  if (!filterHas(filter.bytes, at, key.hash)) return undefined
  const pageAt = (position: number) => {
    filter.position = position + BLOCK_PAGE_AT
    return filter.u32()
  }
  let low = pageAt(at)
  // The first term of the next block is on a page at or after all terms of this one.
  const isLast = block + 1 === blocks || inPage + 1 === BLOCKS_PER_PAGE
  let high = isLast ? termsPages - 1 : Math.min(pageAt(at + BLOCK_BYTES), termsPages - 1)
  for (let step = 0; low <= high; step++) {
    // Mostly the first page has it or the second; long or colliding entries take more, and then those are halved.
    const middle = step < 2 ? low : (low + high) >>> 1
    const found = searchPage(yield* readPage(run, run.terms + middle), key, run)
    if (found === 'before') high = middle - 1
    else if (found === 'after') low = middle + 1
    else return found
  }
  return undefined
}

/** Look for a key among the entries of a page: its list, `undefined` where it would have to be, or on which side. */
function searchPage(page: ByteReader, key: TermKey, run: TermRun): Postings | 'before' | 'after' | undefined {
  page.position = 0
  const entries = page.u8() | (page.u8() << 8)
  for (let entry = 0; entry < entries; entry++) {
    const hash = page.u32()
    const keyBytes = page.varint()
    const start = page.position
    page.position = start + keyBytes
    const order = hash === key.hash ? compareKeys(page.bytes.subarray(start, start + keyBytes), key.bytes) : 0
    if (hash > key.hash || order > 0) return entry === 0 ? 'before' : undefined
    if (hash === key.hash && order === 0) return readList(page, run)
    skipList(page)
  }
  return 'after'
}

/** Compare two keys byte by byte. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const order = (a[i] as number) - (b[i] as number)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Pass over the list of an entry, perhaps past the end of the page: the next read there is refused. */
export function skipList(page: ByteReader): void {
  const count = page.varint()
  if (count === 1) page.varint()
  else if (count > 1) {
    const bytes = page.varint()
    page.position += bytes
  } else for (let field = 0; field < 6; field++) page.varint()
}

/** Read the list of an entry, or where it is. */
export function readList(page: ByteReader, run: { path: string; sizes: RunSizes }): Postings {
  const head = page.varint()
  if (head === 0) return readAddress(page, run)
  if (head > 1) page.varint()
  const offsets = [page.varint()]
  let last = offsets[0] as number
  for (let i = 1; i < head; i++) {
    last += page.varint()
    offsets.push(last)
  }
  return { count: head, first: offsets[0] as number, last, offsets, page: 0, at: 0, pages: 0 }
}

function readAddress(page: ByteReader, run: { path: string; sizes: RunSizes }): Postings {
  const count = page.varint()
  const address = { page: page.varint(), at: page.varint(), pages: page.varint() }
  const first = page.varint()
  const last = first + page.varint()
  if (count === 0 || address.pages === 0 || address.page + address.pages > run.sizes.postingsPages) {
    throw runRefused(run.path, 'a list lies outside the postings')
  }
  return { count, first, last, ...address }
}

/** Check every page, as `verify` does and before a run is trusted with what nothing else has. Cost: reads all of it.
 * @throws {VarveError} `DECODE_FAILED` naming the first page that fails. */
export function* checkRun(run: TermRun): Reading<void> {
  const end = run.filter + run.sizes.filterPages
  for (let page = 1; page < end; page++) {
    if (run.bytes !== undefined) continue
    const bytes = yield { path: run.path, position: page * PAGE_BYTES, length: PAGE_BYTES, brief: true }
    checkPage(bytes, { path: run.path, seed: run.seed, page }, run.digest)
  }
}
