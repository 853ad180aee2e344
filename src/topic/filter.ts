/** Filters of reads, checked once and compiled to a test on the envelope of a row.
 * @module */

import type { RowClause } from '../index/row-search.ts'
import type { Term, TermGroups } from '../index/term.ts'
import { optionInvalid } from '../options.ts'
import type { BlockView, RowMatcher } from '../segment/decode.ts'
import type { EventIds } from './event-ids.ts'
import type { ReadFilter } from './types.ts'

type Test = (block: BlockView, row: number) => boolean

/** A filter ready for use. */
export interface CompiledFilter {
  /** Undefined when every row passes. */
  readonly match: RowMatcher | undefined
  /** The terms that every matching row carries: of each group at least one. */
  readonly groups: TermGroups
  /** The offset whose computed id is the one asked for; no term says so. */
  readonly besides: number | undefined
}

/** The fields of a filter with one text each, and how a row's value is found. */
const TEXT_FIELDS = {
  entity: ({ columns }: BlockView, row: number) => columns.entities[row],
  scope: ({ columns }: BlockView, row: number) => columns.scopes?.[row],
  correlationId: ({ columns }: BlockView, row: number) => columns.correlationIds?.[row],
  causationId: ({ columns }: BlockView, row: number) => columns.causationIds?.[row],
  idempotencyKey: ({ columns }: BlockView, row: number) => columns.idempotencyKeys?.[row],
} as const

/** Compile a filter for the rows of one partition.
 * @param ids those that are computed, not stored.
 * @throws {VarveError} `OPTION_INVALID`. */
export function compileFilter(filter: ReadFilter, ids: EventIds): CompiledFilter {
  const tests: Test[] = []
  const groups: Term[][] = []
  let besides: number | undefined
  const { kind } = filter
  if (kind !== undefined) {
    const kinds = new Set((Array.isArray(kind) ? kind : [kind]).map((one) => text('kind', one)))
    tests.push(({ columns }, row) => kinds.has(columns.kinds[row] ?? ''))
    groups.push([...kinds].map((text) => ({ field: 'kind', text })))
  }
  for (const field of ['entity', 'scope', 'correlationId', 'causationId', 'idempotencyKey'] as const) {
    if (filter[field] === undefined) continue
    const wanted = text(field, filter[field])
    const textOf = TEXT_FIELDS[field]
    tests.push((block, row) => textOf(block, row) === wanted)
    groups.push([{ field, text: wanted }])
  }
  if (filter.tag !== undefined) {
    const wanted = text('tag', filter.tag)
    tests.push(({ columns }, row) => columns.tags?.[row]?.includes(wanted) === true)
    groups.push([{ field: 'tag', text: wanted }])
  }
  if (filter.id !== undefined) {
    const wanted = text('id', filter.id)
    besides = ids.offsetOf(wanted)
    tests.push(({ columns, firstOffset }, row) => {
      const stored = columns.ids?.[row]
      return stored === undefined ? firstOffset + row === besides : stored === wanted
    })
    groups.push([{ field: 'id', text: wanted }])
  }
  addTime(tests, filter)
  const match: RowMatcher = (block, row) => tests.every((test) => test(block, row))
  return { match: tests.length === 0 ? undefined : match, groups, besides }
}

/** A test for the rows that match a clause of a condition. */
export function matchClause(clause: RowClause): RowMatcher {
  const { kinds, tags, entity } = clause
  return ({ columns }, row) =>
    (entity === undefined || columns.entities[row] === entity) &&
    (kinds === undefined || kinds.includes(columns.kinds[row] ?? '')) &&
    (tags === undefined || tags.every((tag) => columns.tags?.[row]?.includes(tag) === true))
}

function addTime(tests: Test[], filter: ReadFilter): void {
  const at = ({ columns, lowestAt }: BlockView, row: number) => lowestAt + (columns.at?.[row] ?? 0)
  const { since, until } = filter
  if (since !== undefined) {
    time('since', since)
    tests.push((block, row) => at(block, row) >= since)
  }
  if (until !== undefined) {
    time('until', until)
    tests.push((block, row) => at(block, row) < until)
  }
}

function text(option: string, value: unknown): string {
  if (typeof value !== 'string' || value.length === 0) throw optionInvalid(option, 'must be a non-empty string', value)
  return value
}

function time(option: string, value: unknown): void {
  if (!Number.isSafeInteger(value)) throw optionInvalid(option, 'must be whole milliseconds since 1970', value)
}
