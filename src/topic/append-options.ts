/** What a caller asks of an append, checked once.
 * @module */
import type { RowClause } from '../index/row-search.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { CheckedCondition } from './append-queue.ts'
import { checkIdentifier } from './prepare.ts'
import type { AppendCondition, AppendOptions, Durability, Expectation, QueryClause } from './types.ts'

const CLAUSES_MAX = 64

/** The options of a call as they are now: the caller may change its objects. */
export interface CheckedOptions {
  readonly expect: readonly Expectation[]
  readonly condition: CheckedCondition | undefined
  readonly key: string | undefined
  readonly durability: Durability
  readonly signal: AbortSignal | undefined
}

/** @throws {VarveError} `OPTION_INVALID`, `EVENT_INVALID` for names, and the signal's reason. */
export function checkAppendOptions(options: AppendOptions): CheckedOptions {
  const { signal, durability = 'synced', idempotencyKey } = options
  if (durability !== 'synced' && durability !== 'buffered') {
    throw optionInvalid('durability', 'must be "synced" or "buffered"', durability)
  }
  if (signal?.aborted) throw signal.reason
  if (idempotencyKey !== undefined) checkIdentifier(idempotencyKey, 'idempotencyKey')
  return {
    expect: expectations(options.expect),
    condition: options.condition === undefined ? undefined : checkCondition(options.condition),
    key: idempotencyKey,
    durability,
    signal,
  }
}

function expectations(expect: AppendOptions['expect']): readonly Expectation[] {
  if (expect === undefined) return []
  const list: readonly Expectation[] = Array.isArray(expect) ? expect : [expect as Expectation]
  return list.map((wanted) => {
    if (typeof wanted !== 'object' || wanted === null)
      throw optionInvalid('expect', 'must be { entity, version }', wanted)
    checkIdentifier(wanted.entity, 'expect.entity')
    if (wanted.version !== 'none' && wanted.version !== 'exists') {
      wholeOption('expect.version', wanted.version, { least: 0 })
    }
    return { entity: wanted.entity, version: wanted.version }
  })
}

function checkCondition(condition: AppendCondition): CheckedCondition {
  if (typeof condition !== 'object' || condition === null) {
    throw optionInvalid('condition', 'must be { query, after }', condition)
  }
  const after = wholeOption('condition.after', condition.after, { least: 0 })
  const { query } = condition
  const list: readonly QueryClause[] = Array.isArray(query) ? query : [query as QueryClause]
  if (list.length === 0 || list.length > CLAUSES_MAX) {
    throw optionInvalid('condition.query', `must have 1 to ${CLAUSES_MAX} clauses`, list.length)
  }
  return { after, clauses: list.map(checkClause) }
}

/** A clause that asks nothing would match everything, which nobody means. */
function checkClause(clause: unknown): RowClause {
  if (typeof clause !== 'object' || clause === null) {
    throw optionInvalid('condition.query', 'must be clauses of { kinds, tags, entity }', clause)
  }
  for (const name of Object.keys(clause)) {
    if (name !== 'kinds' && name !== 'tags' && name !== 'entity') {
      throw optionInvalid('condition.query', 'must be clauses of { kinds, tags, entity }', name)
    }
  }
  const { kinds, tags, entity } = clause as QueryClause
  if (entity !== undefined) checkIdentifier(entity, 'condition.query.entity')
  const checked = { kinds: names(kinds, 'kinds'), tags: names(tags, 'tags'), entity }
  if (checked.kinds === undefined && checked.tags === undefined && entity === undefined) {
    throw optionInvalid('condition.query', 'must ask for kinds, tags or an entity', '{}')
  }
  return checked
}

function names(list: unknown, name: 'kinds' | 'tags'): readonly string[] | undefined {
  if (list === undefined) return undefined
  if (!Array.isArray(list)) throw optionInvalid(`condition.query.${name}`, 'must be an array', list)
  for (const one of list) checkIdentifier(one, `condition.query.${name}`)
  return list.length === 0 ? undefined : [...list]
}
