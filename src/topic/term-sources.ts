/** Where terms are looked up: a term run of sealed segments, or rows in memory. Both answer the same questions.
 * @module */
import { type RowClause, type RowColumns, searchRows } from '../index/row-search.ts'
import type { OffsetRange, Term, TermField, TermGroups } from '../index/term.ts'
import { findTerm, type Postings, type TermRun } from '../index/term-run.ts'
import { offsetsIn, placesOf } from '../index/term-seek.ts'
import { isUnreadable, type Reading } from '../segment/file-pool.ts'

/** Fewer than one event in so many is picked out one by one; more are met by reading on. */
const PICK_SHARE = 48
/** In memory nothing is counted: so many found in a row tell how dense they are. */
const SAMPLE_OFFSETS = 16

/** Offsets that may match, every one of which has to be checked. */
export interface Found {
  readonly offsets: readonly number[]
  /** There are no more in the range. */
  readonly complete: boolean
}

export interface BatchPlace {
  readonly baseOffset: number
  readonly position: number
}

export interface TermSource {
  readonly baseOffset: number
  readonly endOffset: number
  /** Candidates in order, or `scan` where so many match that reading on is cheaper. */
  search(groups: TermGroups, range: OffsetRange): Reading<Found | 'scan'>
  /** The offsets of a term, however many. */
  offsets(term: Term, range: OffsetRange): Reading<readonly number[]>
  /** The version that the events here give an entity. */
  version(entity: string): Reading<number | undefined>
  /** Where the batches of ascending offsets lie. */
  places(offsets: readonly number[]): Reading<readonly BatchPlace[]>
}

/** A term run cannot be read: it is missing, damaged, or another one than it should be. It is derived. */
export class RunFault extends Error {
  readonly source: TermSource

  constructor(source: TermSource, cause: unknown) {
    super('A term source cannot be read', { cause })
    this.source = source
  }
}

/** Run a lookup and say whose fault a failure is. */
function* blaming<T>(source: TermSource, lookup: Reading<T>): Reading<T> {
  try {
    return yield* lookup
  } catch (cause) {
    if (isUnreadable(cause)) throw new RunFault(source, cause)
    throw cause
  }
}

/** The terms of sealed segments, in a file. */
export class RunSource implements TermSource {
  readonly run: TermRun
  readonly baseOffset: number
  readonly endOffset: number
  /** Sequence of the segment after the last one it covers. */
  readonly endSequence: number

  constructor(run: TermRun, facts: { baseOffset: number; endSequence: number }) {
    this.run = run
    this.baseOffset = facts.baseOffset
    this.endOffset = run.identity.endOffset
    this.endSequence = facts.endSequence
  }

  search(groups: TermGroups, range: OffsetRange): Reading<Found | 'scan'> {
    return blaming(this, this.#search(groups, range))
  }

  *#search(groups: TermGroups, range: OffsetRange): Reading<Found | 'scan'> {
    let rarest: { postings: Postings[]; count: number } | undefined
    for (const group of groups) {
      const postings: Postings[] = []
      let count = 0
      for (const term of group) {
        const found = yield* findTerm(this.run, term)
        if (found === undefined) continue
        postings.push(found)
        count += found.count
      }
      if (count === 0) return { offsets: [], complete: true }
      if (rarest === undefined || count < rarest.count) rarest = { postings, count }
    }
    if (rarest === undefined) return 'scan'
    if (rarest.count * PICK_SHARE > this.endOffset - this.baseOffset && rarest.count > SAMPLE_OFFSETS) return 'scan'
    const lists: number[][] = []
    for (const postings of rarest.postings) {
      lists.push(yield* offsetsIn(this.run, postings, range))
    }
    return joined(lists, range)
  }

  offsets(term: Term, range: OffsetRange): Reading<readonly number[]> {
    return blaming(this, this.#offsets(term, range))
  }

  *#offsets(term: Term, range: OffsetRange): Reading<readonly number[]> {
    const found = yield* findTerm(this.run, term)
    return found === undefined ? [] : yield* offsetsIn(this.run, found, range)
  }

  version(entity: string): Reading<number | undefined> {
    return blaming(this, this.#version(entity))
  }

  *#version(entity: string): Reading<number | undefined> {
    const found = yield* findTerm(this.run, { field: 'entity', text: entity })
    return found === undefined ? undefined : found.last + 1
  }

  places(offsets: readonly number[]): Reading<readonly BatchPlace[]> {
    return blaming(this, placesOf(this.run, offsets))
  }
}

/** Rows in memory that know their batches and versions. */
export interface SearchableRows extends RowColumns {
  batchAt(offset: number): BatchPlace
  versionOf(entity: string): number | undefined
}

/** The fields from the one that usually tells most about an event to the one that tells least. */
const BY_SHARPNESS: readonly TermField[] = [
  'idempotencyKey',
  'id',
  'causationId',
  'correlationId',
  'entity',
  'tag',
  'scope',
  'kind',
]

/** The terms of rows in memory: the unsealed tail, and segments whose run is not written yet. */
export class RowsSource implements TermSource {
  readonly rows: SearchableRows

  constructor(rows: SearchableRows) {
    this.rows = rows
  }

  get baseOffset(): number {
    return this.rows.baseOffset
  }

  get endOffset(): number {
    return this.rows.baseOffset + this.rows.length
  }

  search(groups: TermGroups, range: OffsetRange): Reading<Found | 'scan'> {
    return blaming(this, this.#search(groups, range))
  }

  *#search(groups: TermGroups, range: OffsetRange): Reading<Found | 'scan'> {
    const sharpness = (group: readonly Term[]) => BY_SHARPNESS.indexOf(group[0]?.field ?? 'kind')
    const [sharpest] = groups.toSorted((a, b) => sharpness(a) - sharpness(b))
    if (sharpest === undefined) return 'scan'
    const found = joined(
      sharpest.map((term) => searchRows(this.rows, term, range)),
      range,
    )
    const { offsets } = found
    const span = Math.abs((offsets.at(-1) ?? 0) - (offsets[0] ?? 0)) + 1
    return offsets.length > SAMPLE_OFFSETS && offsets.length * PICK_SHARE > span ? 'scan' : found
  }

  offsets(term: Term, range: OffsetRange): Reading<readonly number[]> {
    return blaming(this, this.#offsets(term, range))
  }

  // biome-ignore lint/correctness/useYield: what lies in memory needs no read.
  *#offsets(term: Term, range: OffsetRange): Reading<readonly number[]> {
    return searchRows(this.rows, term, range)
  }

  version(entity: string): Reading<number | undefined> {
    return blaming(this, this.#version(entity))
  }

  // biome-ignore lint/correctness/useYield: what lies in memory needs no read.
  *#version(entity: string): Reading<number | undefined> {
    return this.rows.versionOf(entity)
  }

  places(offsets: readonly number[]): Reading<readonly BatchPlace[]> {
    return blaming(this, this.#places(offsets))
  }

  *#places(offsets: readonly number[]): Reading<readonly BatchPlace[]> {
    return offsets.map((offset) => this.rows.batchAt(offset))
  }
}

/** Offsets of several terms as one list, in order and without repetition. */
function joined(lists: readonly number[][], range: OffsetRange): Found {
  const complete = lists.every((list) => list.length < range.most)
  const [only] = lists
  if (only !== undefined && lists.length === 1) return { offsets: only, complete }
  const all = [...new Set(lists.flat())].sort((a, b) => (range.backward ? b - a : a - b))
  const cut = all.length > range.most
  return { offsets: cut ? all.slice(0, range.most) : all, complete: complete && !cut }
}

/** What a clause of a condition asks of the terms. */
export function groupsOf(clause: RowClause): TermGroups {
  const groups: Term[][] = []
  if (clause.entity !== undefined) groups.push([{ field: 'entity', text: clause.entity }])
  if (clause.kinds !== undefined) groups.push(clause.kinds.map((text) => ({ field: 'kind', text })))
  for (const text of clause.tags ?? []) groups.push([{ field: 'tag', text }])
  return groups
}
