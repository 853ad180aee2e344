/** The bytes of a term run: a derived file that says at which offsets of some adjacent sealed segments a term is.
 *
 * A run is pages of 4,096 bytes, little-endian. The last 4 bytes of a page are the CRC-32 of the others, seeded with
 * the CRC-32 of the run's identity and the page's number, so that a page of another place or another run fails. What
 * a page does not use is zeros. Page 0 is the header, then come four sections: places, postings, terms, filter.
 *
 * | header | size | field |
 * |---|---|---|
 * | 0 | 8 | `VARVTRM` and the version, 1 |
 * | 8 | 4 | level: 0 for one segment, n for merged ones, 255 for last offsets of entities only |
 * | 12 | 4 | segments |
 * | 16 | 8 | sequence of the first segment |
 * | 24 | 8+8 | base offset of the first segment, end offset of the last |
 * | 40 | 8 | id of the last segment |
 * | 48 | 8 | end position of the last segment |
 * | 56 | 32 | chain hash at its end, which commits to everything before |
 * | 88 | 4 each | pages of places, postings, terms, filter |
 * | 104 | 4 | blocks of the filter |
 * | 108 | 4 | zero |
 * | 112 | 8+8 | terms, postings |
 *
 * Bytes 0-87 are the identity. Varints are LEB128. A **chunk** is how ascending numbers are kept:
 *
 * | chunk | size | field |
 * |---|---|---|
 * | 0 | 8+8 | first and last |
 * | 16 | 2 | how many |
 * | 18 | | the differences of the others to the one before, varints |
 *
 * - **Places** say where batches lie. A page begins with a chunk header (offset of the first row, offset of the last
 *   row, number of entries), u32 segment in this run, u32 position; its entries are the batches: varint rows, varint
 *   bytes. An entry of 0 rows moves on: varint segments, varint offsets skipped, varint bytes skipped; a new segment
 *   starts at position 128.
 * - **Postings** are the lists of more than 512 bytes, one after the other. A list begins anywhere in a page with a
 *   chunk and goes on with a chunk at the beginning of each following page.
 * - **Terms** are entries in order of (hash, key): the key is the number of the field and the text, the hash its
 *   CRC-32. A page is u16 entries, then the entries: u32 hash, varint key length, key, varint n. n = 1: varint
 *   offset. n > 1: varint length in bytes, then n varints, the first offset and the differences. n = 0, a long list:
 *   varints count, first page in postings, byte in it, pages, first offset, last - first.
 * - **Filter** is a blocked Bloom filter that is the directory of the terms as well. A page is 63 blocks of 64 bytes, a
 *   block 480 bits and u32 the page of terms where its first term is. The block of a hash is
 *   floor(hash * blocks / 2^32), so blocks are in the order of terms, 48 to a block on average. A term sets 7 bits,
 *   those of term-filter.ts.
 *
 * These values are on disk. Do not change; add a version.
 * @module */
import { ByteReader, fromHex, getU64, sameBytes, setU64, toHex, utf8, viewOf } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import { VarveError } from '../errors.ts'
import { TERM_FIELDS, type Term, type TermField } from './term.ts'
import { BLOCKS_PER_PAGE, blocksFor } from './term-filter.ts'

export const PAGE_BYTES = 4096
/** What a page can hold: all but its CRC. */
export const PAGE_ROOM = PAGE_BYTES - 4
/** Longest list, in bytes, that is kept beside its term. */
export const INLINE_MAX_BYTES = 512
/** Field number and text. */
export const KEY_MAX_BYTES = 257
export const CHUNK_HEADER_BYTES = 18
/** Most bytes of a varint. */
export const VARINT_BYTES = 8
/** Most bytes of an entry: hash, key, and a list with its count and length. */
export const ENTRY_MAX_BYTES = 4 + 2 + KEY_MAX_BYTES + 2 * VARINT_BYTES + INLINE_MAX_BYTES
/** Where the entries of a page of places begin. */
export const PLACES_AT = CHUNK_HEADER_BYTES + 8
/** Where the entries of a page of terms begin. */
export const ENTRIES_AT = 2
/** The level of a run that keeps last offsets of entities only. */
export const LEVEL_LAST = 255

const MAGIC = utf8('VARVTRM')
const VERSION = 1
const IDENTITY_BYTES = 88

/** Of what a run is an index. A reader says what it expects of it, and a run of anything else is refused. */
export interface RunIdentity {
  readonly level: number
  /** Number of the first segment, counted from the first the partition ever had. */
  readonly sequence: number
  readonly segments: number
  readonly baseOffset: number
  readonly endOffset: number
  /** 16 hexadecimal digits. */
  readonly lastSegmentId: string
  readonly endPosition: number
  /** 64 hexadecimal digits. */
  readonly endHash: string
}

/** How large the parts of a run are. */
export interface RunSizes {
  readonly placesPages: number
  readonly postingsPages: number
  readonly termsPages: number
  readonly filterPages: number
  readonly blocks: number
  readonly terms: number
  readonly postings: number
}

/** A term as runs know it, made once for all runs that are asked. */
export interface TermKey {
  readonly bytes: Uint8Array
  readonly hash: number
}

/** The number of a field on disk. */
export function fieldNumber(field: TermField): number {
  return TERM_FIELDS.indexOf(field)
}

/** What runs are asked for. */
export function termKey(term: Term, digest: Digest): TermKey {
  const text = utf8(term.text)
  const bytes = new Uint8Array(1 + text.length)
  bytes[0] = fieldNumber(term.field)
  bytes.set(text, 1)
  return { bytes, hash: digest.crc32(bytes) }
}

/** The error for a run that cannot be used. */
export function runRefused(path: string, reason: string, page?: number): VarveError {
  const details = page === undefined ? { file: path, reason } : { file: path, page, reason }
  return new VarveError('DECODE_FAILED', `Cannot use index "${path}": ${reason}`, { details })
}

function identityBytes(identity: RunIdentity): Uint8Array {
  const bytes = new Uint8Array(IDENTITY_BYTES)
  const view = viewOf(bytes)
  bytes.set(MAGIC)
  bytes[7] = VERSION
  view.setUint32(8, identity.level, true)
  view.setUint32(12, identity.segments, true)
  setU64(view, 16, identity.sequence)
  setU64(view, 24, identity.baseOffset)
  setU64(view, 32, identity.endOffset)
  bytes.set(fromHex(identity.lastSegmentId), 40)
  setU64(view, 48, identity.endPosition)
  bytes.set(fromHex(identity.endHash), 56)
  return bytes
}

/** The seed of a run's pages. */
export function runSeed(identity: RunIdentity, digest: Digest): number {
  return digest.crc32(identityBytes(identity))
}

/** The CRC that belongs at the end of a page. Multiplication by an odd number is a bijection: each page its seed. */
export function pageCrc(bytes: Uint8Array, place: { seed: number; page: number }, digest: Digest): number {
  return digest.crc32(bytes.subarray(0, PAGE_ROOM), (place.seed ^ Math.imul(place.page, 0x9e37_79b1)) >>> 0)
}

/** The header page without its CRC. */
export function encodeRunHeader(identity: RunIdentity, sizes: RunSizes): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES)
  const view = viewOf(bytes)
  bytes.set(identityBytes(identity))
  const counts = [sizes.placesPages, sizes.postingsPages, sizes.termsPages, sizes.filterPages, sizes.blocks]
  for (const [at, count] of counts.entries()) view.setUint32(IDENTITY_BYTES + at * 4, count, true)
  setU64(view, 112, sizes.terms)
  setU64(view, 120, sizes.postings)
  return bytes
}

/** Read the header page and compare what is expected of it.
 * @throws {VarveError} `DECODE_FAILED` with the reason when it is not one, or that of another run. */
export function decodeRunHeader(
  bytes: Uint8Array,
  expected: Partial<RunIdentity>,
  facts: { path: string; digest: Digest },
): { identity: RunIdentity; sizes: RunSizes } {
  const refuse = (reason: string) => runRefused(facts.path, reason, 0)
  if (bytes.length < PAGE_BYTES) throw refuse('it is too short')
  const view = viewOf(bytes)
  if (!sameBytes(bytes.subarray(0, 7), MAGIC) || bytes[7] !== VERSION) throw refuse('magic or version differs')
  const seed = facts.digest.crc32(bytes.subarray(0, IDENTITY_BYTES))
  if (view.getUint32(PAGE_ROOM, true) !== pageCrc(bytes, { seed, page: 0 }, facts.digest))
    throw refuse('checksum differs')
  const identity = decodeIdentity(bytes, view)
  for (const [name, value] of Object.entries(expected)) {
    const own = identity[name as keyof RunIdentity]
    if (own !== value) throw refuse(`its ${name} is ${own}, not ${value}`)
  }
  return { identity, sizes: decodeSizes(view, refuse) }
}

function decodeIdentity(bytes: Uint8Array, view: DataView): RunIdentity {
  return {
    level: view.getUint32(8, true),
    segments: view.getUint32(12, true),
    sequence: getU64(view, 16),
    baseOffset: getU64(view, 24),
    endOffset: getU64(view, 32),
    lastSegmentId: toHex(bytes.subarray(40, 48)),
    endPosition: getU64(view, 48),
    endHash: toHex(bytes.subarray(56, IDENTITY_BYTES)),
  }
}

function decodeSizes(view: DataView, refuse: (reason: string) => VarveError): RunSizes {
  const count = (at: number) => view.getUint32(IDENTITY_BYTES + at * 4, true)
  const sizes = {
    placesPages: count(0),
    postingsPages: count(1),
    termsPages: count(2),
    filterPages: count(3),
    blocks: count(4),
    terms: getU64(view, 112),
    postings: getU64(view, 120),
  }
  const { terms, blocks, termsPages, filterPages } = sizes
  if (blocks !== blocksFor(terms) || filterPages !== Math.ceil(blocks / BLOCKS_PER_PAGE) || termsPages > terms) {
    throw refuse('the sizes do not fit each other')
  }
  return sizes
}

/** Check a page and give a reader over what it holds. @throws {VarveError} `DECODE_FAILED`. */
export function checkPage(
  bytes: Uint8Array,
  place: { path: string; seed: number; page: number },
  digest: Digest,
): ByteReader {
  if (bytes.length < PAGE_BYTES) throw runRefused(place.path, 'it is too short', place.page)
  if (viewOf(bytes).getUint32(PAGE_ROOM, true) !== pageCrc(bytes, place, digest)) {
    throw runRefused(place.path, 'checksum differs', place.page)
  }
  return pageReader(bytes)
}

/** A reader over what a page holds. */
export function pageReader(bytes: Uint8Array): ByteReader {
  return new ByteReader(bytes.subarray(0, PAGE_ROOM))
}
