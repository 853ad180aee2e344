/** The terms of a segment's rows: grouped by counting, without a Map or an array per term, and sorted by hash.
 * @module */
import { ByteWriter } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import type { RowColumns } from './row-search.ts'
import type { TailBatch } from './tail-rows.ts'
import { TERM_FIELDS, type TermField } from './term.ts'
import { compareKeys } from './term-run.ts'

/** Rows of a whole segment, such as `TailRows`. */
export interface SegmentRows extends RowColumns {
  readonly strings: readonly string[]
  readonly batches: readonly TailBatch[]
}

/** Terms handled before others may have a turn: about 2 ms. */
const SLICE_TERMS = 16_384

/** The terms of all fields, numbered in order of field and string id. Of term i the key begins at `bounds[2 * i]` in
 * `keys`, and its rows, ascending, at `bounds[2 * i + 1]` in `rows`; where those of the next begin, they end. Terms are
 * gone through in order of hash, which is no order for the memory: so what is needed together lies together. */
export interface Terms {
  readonly hashes: Uint32Array
  readonly keys: Uint8Array
  readonly bounds: Uint32Array
  readonly rows: Uint32Array
}

/** Terms in order of hash and key, and their hashes. */
export interface SortedTerms {
  readonly order: Uint32Array
  readonly hashes: Uint32Array
}

/** Find the terms of a segment. */
export function* collectTerms(rows: SegmentRows, digest: Digest): Generator<void, Terms> {
  const groups: Group[] = []
  for (const field of TERM_FIELDS) {
    groups.push(yield* groupRows(rows, field))
    yield
  }
  const total = (of: (group: Group) => number) => groups.reduce((sum, group) => sum + of(group), 0)
  const count = total((group) => group.ids.length)
  const bounds = new Uint32Array(2 * (count + 1))
  const allRows = new Uint32Array(total((group) => group.rows.length))
  const hashes = new Uint32Array(count)
  const keys = new ByteWriter(1 << 20)
  let term = 0
  let end = 0
  for (const [field, group] of groups.entries()) {
    allRows.set(group.rows, end)
    for (let i = 0; i < group.ids.length; i++, term++) {
      const before = keys.length
      keys.u8(field)
      keys.text(rows.strings[group.ids[i] as number] as string)
      hashes[term] = digest.crc32(keys.bytes.subarray(before))
      bounds[2 * term] = before
      bounds[2 * term + 1] = end + (group.starts[i] as number)
      if (term % SLICE_TERMS === 0) yield
    }
    end += group.rows.length
  }
  bounds[2 * count] = keys.length
  bounds[2 * count + 1] = end
  return { hashes, keys: keys.bytes, bounds, rows: allRows }
}

/** The rows of one field by string id: those of `ids[i]` begin at `starts[i]` in `rows`. */
interface Group {
  readonly ids: Uint32Array
  readonly starts: Uint32Array
  readonly rows: Uint32Array
}

function* groupRows(rows: SegmentRows, field: TermField): Generator<void, Group> {
  if (field === 'tag') return yield* group(distinctTags(rows), rows.tagRows, rows.strings.length)
  return yield* group(rows.column(field), undefined, rows.strings.length)
}

/** The tags without those that their row has already. */
function distinctTags(rows: SegmentRows): Uint32Array {
  const { tagRows, tagIds } = rows
  const ids = new Uint32Array(tagIds.length)
  for (let i = 0; i < ids.length; i++) {
    const id = tagIds[i] as number
    let before = i - 1
    while (before >= 0 && tagRows[before] === tagRows[i] && tagIds[before] !== id) before--
    if (before < 0 || tagRows[before] !== tagRows[i]) ids[i] = id
  }
  return ids
}

/** Group by counting: how many rows an id has, where its rows begin, then each row to its place.
 * @param rowAt the row of each id; by default its place. */
function* group(ids: ArrayLike<number>, rowAt: ArrayLike<number> | undefined, strings: number): Generator<void, Group> {
  const places = new Uint32Array(strings)
  let given = 0
  let unique = 0
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number
    if (id === 0) continue
    given++
    if (places[id] === 0) unique++
    places[id] = (places[id] as number) + 1
  }
  const found = { ids: new Uint32Array(unique), starts: new Uint32Array(unique), rows: new Uint32Array(given) }
  if (given === 0) return found
  yield
  let start = 0
  for (let id = 1, i = 0; id < strings; id++) {
    const count = places[id] as number
    if (count === 0) continue
    found.ids[i] = id
    found.starts[i++] = start
    places[id] = start
    start += count
  }
  yield
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number
    if (id === 0) continue
    const place = places[id] as number
    found.rows[place] = rowAt === undefined ? i : (rowAt[i] as number)
    places[id] = place + 1
  }
  return found
}

const DIGIT_BITS = 11
const DIGITS = 1 << DIGIT_BITS

/** Sort by digits from the lowest, then those of equal hash by key. */
export function* sortTerms(terms: Terms): Generator<void, SortedTerms> {
  const count = terms.hashes.length
  let from = { order: new Uint32Array(count), hashes: terms.hashes }
  for (let i = 0; i < count; i++) from.order[i] = i
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const places = new Uint32Array(DIGITS + 1)
    for (let i = 0; i < count; i++) {
      const digit = (((from.hashes[i] as number) >>> shift) & (DIGITS - 1)) + 1
      places[digit] = (places[digit] as number) + 1
    }
    for (let digit = 1; digit <= DIGITS; digit++) {
      places[digit] = (places[digit] as number) + (places[digit - 1] as number)
    }
    const to = { order: new Uint32Array(count), hashes: new Uint32Array(count) }
    for (let i = 0; i < count; i++) {
      const hash = from.hashes[i] as number
      const digit = (hash >>> shift) & (DIGITS - 1)
      const place = places[digit] as number
      places[digit] = place + 1
      to.order[place] = from.order[i] as number
      to.hashes[place] = hash
    }
    from = to
    yield
  }
  sortCollisions(terms, from)
  return from
}

function sortCollisions(terms: Terms, { order, hashes }: SortedTerms): void {
  for (let from = 0, to = 1; from < order.length; from = to++) {
    while (to < order.length && hashes[to] === hashes[from]) to++
    if (to - from > 1) order.subarray(from, to).sort((a, b) => compareKeys(keyOf(terms, a), keyOf(terms, b)))
  }
}

function keyOf(terms: Terms, term: number): Uint8Array {
  return terms.keys.subarray(terms.bounds[2 * term], terms.bounds[2 * term + 2])
}
