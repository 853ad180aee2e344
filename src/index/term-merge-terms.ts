/** The two passes of a merge over the terms of its inputs: one for long lists and to count, one for the terms.
 * @module */
import type { Reading } from '../segment/file-pool.ts'
import { MergedTerms, type RunCursor, readPages } from './term-cursor.ts'
import { fieldNumber, runRefused } from './term-format.ts'
import type { PageOutput } from './term-output.ts'
import type { Postings, TermRun } from './term-run.ts'
import { type LongList, PostingsWriter, ShortList, type TermsWriter } from './term-write.ts'

/** What a `Reading` may ask for. */
export type Asked = Reading<never> extends Generator<infer A, never, Uint8Array> ? A : never

/** What a merge asks for: bytes to read, or to be rid of some. */
export type Merging<T> = Generator<Asked | Uint8Array, T, Uint8Array>

/** What the first pass finds. */
export interface MergedCounts {
  readonly terms: number
  readonly postings: number
  readonly longs: readonly LongList[]
}

/** Hand on the pages that are ready. */
export function* handOn(out: PageOutput): Generator<Uint8Array, void> {
  if (out.ready.length === 0) return
  const { ready } = out
  out.ready = []
  yield* ready
}

/** Write the lists that are too long to be beside their term, and count. */
export function* writeLongLists(inputs: readonly TermRun[], out: PageOutput): Merging<MergedCounts> {
  const merged = new MergedTerms(inputs)
  const writer = new PostingsWriter(out)
  const short = new ShortList()
  const longs: LongList[] = []
  let terms = 0
  let postings = 0
  for (; ; terms++) {
    if (!merged.advance()) yield* merged.load()
    if (!merged.choose()) break
    const { first } = merged
    if (merged.size === 1 && first.isSingle) {
      postings++
      continue
    }
    const { group } = merged
    const lists = group.map((cursor) => cursor.list())
    for (const list of lists) postings += list.count
    if (fill(short, lists, first.run)) continue
    writer.begin()
    for (const [i, list] of lists.entries()) {
      const { run } = group[i] as RunCursor
      if (list.offsets !== undefined) for (const offset of list.offsets) addChecked(run, offset, writer)
      else yield* copyLong(run, list, writer)
      yield* handOn(out)
    }
    longs.push(writer.endList(terms))
  }
  writer.end()
  return { terms, postings, longs }
}

/** Make the short list of several. @returns false when it is too long.
 * @throws {VarveError} `DECODE_FAILED` when the lists do not follow each other. */
function fill(short: ShortList, lists: readonly Postings[], run: TermRun): boolean {
  short.begin()
  for (const { offsets } of lists) {
    if (offsets === undefined) return false
    for (const offset of offsets) {
      if (offset <= short.last && short.count > 0) throw runRefused(run.path, 'lists of merged runs overlap')
      if (!short.add(offset)) return false
    }
  }
  return true
}

/** Add the offsets of a long list to one that is being written. */
function* copyLong(run: TermRun, list: Postings, writer: PostingsWriter): Merging<void> {
  const start = run.postings + list.page
  const end = start + list.pages
  for (let page = start; page < end; ) {
    for (const own of yield* readPages(run, page, end)) {
      own.position = page++ === start ? list.at : 0
      let offset = own.u64()
      own.u64()
      const count = own.u8() | (own.u8() << 8)
      addChecked(run, offset, writer)
      for (let i = 1; i < count; i++) {
        offset += own.varint()
        addChecked(run, offset, writer)
      }
    }
  }
}

function addChecked(run: TermRun, offset: number, writer: PostingsWriter): void {
  if (offset <= writer.last || offset >= run.identity.endOffset) throw runRefused(run.path, 'a list is not in order')
  writer.add(offset)
}

/** Write the terms of all inputs. @param facts.longs where the first pass wrote long lists. */
export function* writeTerms(
  inputs: readonly TermRun[],
  facts: { writer: TermsWriter; longs: readonly LongList[] },
  out: PageOutput,
): Merging<void> {
  const merged = new MergedTerms(inputs)
  const { writer, longs } = facts
  const short = new ShortList()
  let nextLong = 0
  for (let term = 0; ; term++) {
    if (!merged.advance()) yield* merged.load()
    if (!merged.choose()) break
    if (out.ready.length > 0) yield* handOn(out)
    const { first } = merged
    const long = longs[nextLong]
    if (long?.term !== term && merged.size === 1) writer.copy(first.bytes, first.entryAt, first.entryEnd)
    else {
      writer.begin(first.hash)
      writer.key(first.bytes, first.keyAt, first.listAt)
      if (long?.term === term) {
        nextLong++
        writer.long(long)
      } else {
        fill(
          short,
          merged.group.map((cursor) => cursor.list()),
          first.run,
        )
        writer.few(short)
      }
    }
    writer.end(first.hash)
  }
}

const ENTITY = fieldNumber('entity')

/** Count the entities of all inputs. */
export function* countEntities(inputs: readonly TermRun[]): Merging<MergedCounts> {
  const merged = new MergedTerms(inputs)
  let terms = 0
  for (;;) {
    if (!merged.advance()) yield* merged.load()
    if (!merged.choose()) return { terms, postings: terms, longs: [] }
    const { first } = merged
    if (first.bytes[first.keyAt] === ENTITY) terms++
  }
}

/** Write the last offset of each entity. */
export function* writeLast(inputs: readonly TermRun[], writer: TermsWriter, out: PageOutput): Merging<void> {
  const merged = new MergedTerms(inputs)
  for (;;) {
    if (!merged.advance()) yield* merged.load()
    if (!merged.choose()) return
    if (out.ready.length > 0) yield* handOn(out)
    const newest = merged.last
    if (newest.bytes[newest.keyAt] !== ENTITY) continue
    writer.begin(newest.hash)
    writer.key(newest.bytes, newest.keyAt, newest.listAt)
    writer.one(newest.list().last)
    writer.end(newest.hash)
  }
}
