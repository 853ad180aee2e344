/** Filters of reads, checked once and compiled to a test on the envelope of a row.
 * @module */
import { VarveError } from '../errors.ts'
import type { BlockView, RowMatcher } from '../segment/decode.ts'
import type { ReadFilter } from './types.ts'

type Test = (block: BlockView, row: number) => boolean

/** Throw `OPTION_INVALID` naming the option, the rule and what was found. */
export function optionInvalid(option: string, rule: string, found: unknown): VarveError {
  const shown = typeof found === 'string' ? JSON.stringify(found.slice(0, 60)) : String(found)
  return new VarveError('OPTION_INVALID', `Cannot use option "${option}": it ${rule}, found ${shown}`, {
    details: { option, rule, found: shown },
  })
}

/** Check that an option is a whole number from `least` to `most`. @throws {VarveError} `OPTION_INVALID`. */
export function wholeOption(option: string, value: unknown, range: { least: number; most?: number }): number {
  const most = range.most ?? Number.MAX_SAFE_INTEGER
  if (!Number.isSafeInteger(value) || (value as number) < range.least || (value as number) > most) {
    throw optionInvalid(option, `must be a whole number from ${range.least} to ${most}`, value)
  }
  return value as number
}

/** Compile a filter for the rows of one partition.
 * @param idPrefix what the ids begin with that are computed, not stored: `<lineage>-<partition>-`.
 * @returns undefined when every row passes. @throws {VarveError} `OPTION_INVALID`. */
export function compileFilter(filter: ReadFilter, idPrefix: string): RowMatcher | undefined {
  const tests: Test[] = []
  const { kind } = filter
  if (Array.isArray(kind)) {
    const kinds = new Set(kind.map((one) => text('kind', one)))
    tests.push(({ columns }, row) => kinds.has(columns.kinds[row] ?? ''))
  } else if (kind !== undefined) {
    const wanted = text('kind', kind)
    tests.push(({ columns }, row) => columns.kinds[row] === wanted)
  }
  if (filter.entity !== undefined) {
    const wanted = text('entity', filter.entity)
    tests.push(({ columns }, row) => columns.entities[row] === wanted)
  }
  if (filter.scope !== undefined) {
    const wanted = text('scope', filter.scope)
    tests.push(({ columns }, row) => columns.scopes?.[row] === wanted)
  }
  if (filter.tag !== undefined) {
    const wanted = text('tag', filter.tag)
    tests.push(({ columns }, row) => columns.tags?.[row]?.includes(wanted) === true)
  }
  if (filter.correlationId !== undefined) {
    const wanted = text('correlationId', filter.correlationId)
    tests.push(({ columns }, row) => columns.correlationIds?.[row] === wanted)
  }
  if (filter.causationId !== undefined) {
    const wanted = text('causationId', filter.causationId)
    tests.push(({ columns }, row) => columns.causationIds?.[row] === wanted)
  }
  if (filter.id !== undefined) {
    const wanted = text('id', filter.id)
    tests.push(({ columns, firstOffset }, row) => (columns.ids?.[row] ?? `${idPrefix}${firstOffset + row}`) === wanted)
  }
  addTime(tests, filter)
  if (tests.length === 0) return undefined
  return (block, row) => tests.every((test) => test(block, row))
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
