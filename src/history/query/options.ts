/** What a caller asks of a query, checked once.
 * @module */
import { Path, toSinglePath } from '../../document/path/path.ts'
import { VarveError } from '../../errors.ts'
import { TIERS } from '../../manifest/index.ts'
import { optionInvalid, wholeOption } from '../../options.ts'
import type { HistoryQuery, Tier } from '../types.ts'
import { decodeQueryCursor } from './cursor.ts'

const BUDGET_BYTES = 50 * 1024 * 1024

/** The options of a query as they are now: the caller may change its object. */
export interface CheckedQuery {
  readonly since: number
  readonly until: number
  readonly label: string | undefined
  readonly fingerprint: string | undefined
  readonly metric: string | undefined
  readonly path: Path | undefined
  readonly tier: Tier | undefined
  readonly limit: number
  readonly isForward: boolean
  readonly budgetBytes: number
  /** First version to look at. */
  readonly start: number | undefined
  readonly signal: AbortSignal | undefined
}

/** @param history names the history in cursors.
 * @throws {VarveError} `OPTION_INVALID`, `PATH_INVALID`, `PATH_PLURAL`, `CURSOR_INVALID`, `CURSOR_FOREIGN`. */
export function checkQuery(query: HistoryQuery, history: string): CheckedQuery {
  const { direction = 'forward', limit, tier, budgetBytes = BUDGET_BYTES, signal, cursor } = query
  if (direction !== 'forward' && direction !== 'backward')
    throw optionInvalid('direction', 'must be "forward" or "backward"', direction)
  if (tier !== undefined && !TIERS.includes(tier))
    throw optionInvalid('tier', `must be one of ${TIERS.join(', ')}`, tier)
  const place = cursor === undefined ? undefined : decodeQueryCursor(cursor, history)
  if (place !== undefined && place.direction !== direction)
    throw new VarveError('CURSOR_INVALID', `Cannot read ${direction} with a cursor that goes ${place.direction}`)
  return {
    since: timeOf('since', query.since) ?? Number.NEGATIVE_INFINITY,
    until: timeOf('until', query.until) ?? Number.POSITIVE_INFINITY,
    label: textOf('label', query.label),
    fingerprint: textOf('fingerprint', query.fingerprint),
    metric: textOf('metric', query.metric),
    path: pathOf(query.path),
    tier,
    limit: limit === undefined ? Number.POSITIVE_INFINITY : wholeOption('limit', limit, { least: 0 }),
    isForward: direction === 'forward',
    budgetBytes: wholeOption('budgetBytes', budgetBytes, { least: 0 }),
    start: place?.version,
    signal,
  }
}

function timeOf(option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number' || Number.isNaN(value))
    throw optionInvalid(option, 'must be milliseconds since 1970', value)
  return value
}

function textOf(option: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '') throw optionInvalid(option, 'must be a text that is not empty', value)
  return value
}

/** Everything is at the root, which is what a query without a path gives. */
function pathOf(given: unknown): Path | undefined {
  if (given !== undefined && typeof given !== 'string' && !(given instanceof Path))
    throw optionInvalid('path', 'must be a path or its text', given)
  const path = toSinglePath(given)
  return path.steps.length === 0 ? undefined : path
}
