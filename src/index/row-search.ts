/** Finding events among rows in memory: the unsealed tail, as it grows or as a checkpoint has it.
 *
 * A search goes through one column of small integers, from the end that is asked for, and stops when it has enough: at
 * most half a millisecond for the rows of a whole segment, and no cost at all for an append.
 * @module */
import type { OffsetRange, Term, TermField } from './term.ts'

/** Rows in offset order, without gaps, as columns of string ids. */
export interface RowColumns {
  readonly baseOffset: number
  readonly length: number
  /** The id of a string, or undefined when no row has it. */
  idOf(text: string): number | undefined
  /** String ids by row, 0 where a row has none. */
  column(field: Exclude<TermField, 'tag'>): ArrayLike<number>
  /** Tags as pairs in row order. */
  readonly tagRows: ArrayLike<number>
  readonly tagIds: ArrayLike<number>
}

/** The offsets of the rows with a term. Ascending, or descending when the range is backward. */
export function searchRows(rows: RowColumns, term: Term, range: OffsetRange): number[] {
  const id = rows.idOf(term.text)
  const first = Math.max(0, range.from - rows.baseOffset)
  const end = Math.min(rows.length, range.to - rows.baseOffset)
  if (id === undefined || end <= first) return []
  const found =
    term.field === 'tag'
      ? searchTags(rows, id, { first, end })
      : searchColumn(rows, term.field, { id, first, end, range })
  if (term.field === 'tag') {
    if (range.backward) found.reverse()
    if (found.length > range.most) found.length = range.most
  }
  return found.map((row) => row + rows.baseOffset)
}

function searchColumn(
  rows: RowColumns,
  field: Exclude<TermField, 'tag'>,
  wanted: { id: number; first: number; end: number; range: OffsetRange },
): number[] {
  const { id, first, end, range } = wanted
  const ids = rows.column(field)
  const found: number[] = []
  if (range.backward) {
    for (let row = end - 1; row >= first && found.length < range.most; row--) {
      if (ids[row] === id) found.push(row)
    }
    return found
  }
  for (let row = first; row < end && found.length < range.most; row++) {
    if (ids[row] === id) found.push(row)
  }
  return found
}

function searchTags(rows: RowColumns, id: number, range: { first: number; end: number }): number[] {
  const { tagRows, tagIds } = rows
  const found: number[] = []
  for (let at = firstTag(tagRows, range.first); at < tagRows.length; at++) {
    const row = tagRows[at] as number
    if (row >= range.end) break
    if (tagIds[at] === id && found.at(-1) !== row) found.push(row)
  }
  return found
}

/** The first tag of `row` or of a later row. */
export function firstTag(tagRows: ArrayLike<number>, row: number): number {
  let low = 0
  let high = tagRows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((tagRows[middle] as number) < row) low = middle + 1
    else high = middle
  }
  return low
}

/** One clause of a condition over rows: any of these kinds, all of these tags, this entity. */
export interface RowClause {
  readonly kinds?: readonly string[] | undefined
  readonly tags?: readonly string[] | undefined
  readonly entity?: string | undefined
}

/** The first offset at or after `from` whose row matches a clause, or undefined. Cost: a few nanoseconds per row. */
export function matchRows(rows: RowColumns, clause: RowClause, from: number): number | undefined {
  const kinds = clause.kinds?.flatMap((kind) => rows.idOf(kind) ?? [])
  const tags = clause.tags?.map((tag) => rows.idOf(tag))
  const entity = clause.entity === undefined ? undefined : rows.idOf(clause.entity)
  if (kinds?.length === 0 || tags?.includes(undefined)) return undefined
  if (clause.entity !== undefined && entity === undefined) return undefined
  const kindIds = rows.column('kind')
  const entityIds = rows.column('entity')
  for (let row = Math.max(0, from - rows.baseOffset); row < rows.length; row++) {
    if (entity !== undefined && entityIds[row] !== entity) continue
    if (kinds !== undefined && !kinds.includes(kindIds[row] as number)) continue
    if (tags !== undefined && !hasTags(rows, row, tags as number[])) continue
    return rows.baseOffset + row
  }
  return undefined
}

function hasTags(rows: RowColumns, row: number, wanted: readonly number[]): boolean {
  const { tagRows, tagIds } = rows
  const first = firstTag(tagRows, row)
  return wanted.every((id) => {
    for (let at = first; tagRows[at] === row; at++) if (tagIds[at] === id) return true
    return false
  })
}
