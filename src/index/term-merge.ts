/** Merging term runs of adjacent segments into one, with memory for a few pages of each and the filter.
 *
 * The inputs are gone through twice: for the long lists, whose pages come first in the file, and for the terms. The header
 * tells the sizes of everything and stands before it, so it is written last, over zeros that no reader takes for a run;
 * where a storage cannot write there, everything is gone through once more, before, only to measure.
 * @module */
import type { Digest } from '../codec/digest.ts'
import { assert } from '../errors.ts'
import type { Maybe } from '../ports/storage.ts'
import type { Reading } from '../segment/file-pool.ts'
import { RunCursor, readPages } from './term-cursor.ts'
import {
  encodeRunHeader,
  fieldNumber,
  LEVEL_LAST,
  PAGE_BYTES,
  type RunIdentity,
  runRefused,
  runSeed,
} from './term-format.ts'
import { compareKeys, type Postings, type TermRun } from './term-run.ts'
import { type BatchPlace, PlacesWalk, placeAt } from './term-seek.ts'
import { type LongList, PageOutput, PlacesWriter, PostingsWriter, ShortList, TermsWriter } from './term-write.ts'

type Asked = Reading<never> extends Generator<infer A, never, Uint8Array> ? A : never

/** What a merge needs from outside. */
export interface MergeTools {
  readonly digest: Digest
  /** Answer what a `Reading` asks for, as `FilePool` does. */
  answer(request: Asked): Maybe<Uint8Array>
  /** Write at the end of the new file. The bytes are not used again here. */
  append(bytes: Uint8Array): Maybe<void>
  /** Write over the beginning of the new file. Absent when the storage cannot. */
  overwrite?(position: number, bytes: Uint8Array): Maybe<void>
  /** Called after at most a few milliseconds of work: return a promise to let others have a turn. */
  turn(): Maybe<void>
}

/** Merge runs of adjacent segments, oldest first, into one that answers as all of them do.
 * @throws {VarveError} `DECODE_FAILED` when an input is damaged. */
export function mergeRuns(inputs: readonly TermRun[], identity: RunIdentity, tools: MergeTools): Promise<void> {
  for (const [i, input] of inputs.entries()) {
    const before = inputs[i - 1]
    assert(before === undefined || before.identity.endOffset <= input.identity.baseOffset, 'runs are merged in order')
  }
  return run({ inputs, identity, digest: tools.digest }, tools)
}

/** Keep of several runs, oldest first, nothing but the last offset of each entity. The inputs may be such runs themselves.
 * @param identity of level 255.
 * @throws {VarveError} `DECODE_FAILED` when an input is damaged. */
export function mergeLast(inputs: readonly TermRun[], identity: RunIdentity, tools: MergeTools): Promise<void> {
  assert(identity.level === LEVEL_LAST, 'last offsets are a level of their own')
  return run({ inputs, identity, digest: tools.digest }, tools)
}

interface Job {
  readonly inputs: readonly TermRun[]
  readonly identity: RunIdentity
  readonly digest: Digest
}

/** What a merge asks for: bytes to read, or to be rid of some. */
type Merging<T> = Generator<Asked | Uint8Array, T, Uint8Array>

async function run(job: Job, tools: MergeTools): Promise<void> {
  const { overwrite } = tools
  if (overwrite === undefined) {
    await tools.append(await take(merge(job, true), tools))
    await take(merge(job, false), tools)
    return
  }
  await tools.append(new Uint8Array(PAGE_BYTES))
  const header = await take(merge(job, false), tools)
  await tools.overwrite?.(0, header)
}

/** Take a merge to its end. */
async function take<T>(merging: Merging<T>, tools: MergeTools): Promise<T> {
  const nothing = new Uint8Array(0)
  let step = merging.next(nothing)
  while (!step.done) {
    const asked = step.value
    let bytes: Maybe<Uint8Array> = nothing
    if (asked instanceof Uint8Array) {
      const written = tools.append(asked)
      if (written !== undefined) await written
    } else bytes = tools.answer(asked)
    if (bytes instanceof Promise) bytes = await bytes
    const turn = tools.turn()
    if (turn !== undefined) await turn
    step = merging.next(bytes)
  }
  return step.value
}

/** Everything but the header, which it returns. */
function* merge(job: Job, measuring: boolean): Merging<Uint8Array> {
  const { inputs, identity, digest } = job
  const out = new PageOutput({ seed: runSeed(identity, digest), digest }, measuring)
  if (identity.level !== LEVEL_LAST) yield* mergePlaces(inputs, out)
  const placesPages = out.page - 1
  const found = yield* identity.level === LEVEL_LAST ? countEntities(inputs) : writeLongLists(inputs, out)
  const postingsPages = out.page - 1 - placesPages
  const writer = new TermsWriter(out, found.terms)
  yield* identity.level === LEVEL_LAST
    ? writeLast(inputs, writer, out)
    : writeTerms(inputs, { writer, longs: found.longs }, out)
  const termsPages = writer.endTerms()
  const { filterPages, blocks } = writer.writeFilter()
  out.flush()
  yield* handOn(out)
  const pages = { placesPages, postingsPages, termsPages, filterPages }
  const header = encodeRunHeader(identity, { ...pages, blocks, terms: found.terms, postings: found.postings })
  out.seal(header, 0)
  return header
}

function* handOn(out: PageOutput): Generator<Uint8Array, void> {
  if (out.ready.length === 0) return
  const { ready } = out
  out.ready = []
  yield* ready
}

function* mergePlaces(inputs: readonly TermRun[], out: PageOutput): Merging<void> {
  const writer = new PlacesWriter(out)
  let segments = 0
  for (const input of inputs) {
    const end = input.places + input.sizes.placesPages
    let before: BatchPlace = { segment: 0, position: 0, sizeBytes: 0, baseOffset: input.identity.baseOffset, rows: 0 }
    for (let page = input.places; page < end; ) {
      const pages = yield* readPages(input, page, end)
      page += pages.length
      for (const own of pages) {
        const walk = new PlacesWalk(own)
        while (walk.next()) {
          const batch = placeAt(walk)
          if (!follows(before, batch, input.identity)) throw runRefused(input.path, 'its places are not in order')
          writer.add({ ...batch, segment: segments + batch.segment })
          before = batch
        }
      }
      yield* handOn(out)
    }
    segments += input.identity.segments
  }
  writer.end()
}

function follows(before: BatchPlace, batch: BatchPlace, { segments, endOffset }: RunIdentity): boolean {
  const start = batch.segment === before.segment ? before.position + before.sizeBytes : 0
  return (
    batch.segment >= before.segment &&
    batch.segment < segments &&
    batch.position >= start &&
    batch.baseOffset >= before.baseOffset + before.rows &&
    batch.baseOffset + batch.rows <= endOffset
  )
}

/** Goes through the terms of all runs in order: `advance`, `load` if that says so, `choose`. */
class MergedTerms {
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

  *load(): Merging<void> {
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

/** Write the lists that are too long to be beside their term, and count. */
function* writeLongLists(
  inputs: readonly TermRun[],
  out: PageOutput,
): Merging<{ terms: number; postings: number; longs: LongList[] }> {
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

function* writeTerms(
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

function* countEntities(inputs: readonly TermRun[]): Merging<{ terms: number; postings: number; longs: LongList[] }> {
  const merged = new MergedTerms(inputs)
  let terms = 0
  for (;;) {
    if (!merged.advance()) yield* merged.load()
    if (!merged.choose()) return { terms, postings: terms, longs: [] }
    const { first } = merged
    if (first.bytes[first.keyAt] === ENTITY) terms++
  }
}

function* writeLast(inputs: readonly TermRun[], writer: TermsWriter, out: PageOutput): Merging<void> {
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
