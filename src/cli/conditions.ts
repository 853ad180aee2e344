/** What an append expects, as words of the command line: `--expect`, `--if-no` with `--after`, `--key`.
 *
 * Each of them is about one append call, so the whole input becomes one.
 * @module */
import { parseJsonValue } from '../codec/values.ts'
import type { AppendOptions, Expectation, QueryClause } from '../topic/types.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'

export const CONDITION_OPTIONS: OptionSpecs = {
  expect: {
    value: 'ENTITY=V',
    multiple: true,
    help: 'Refuse unless this entity is at version V: a number, none or exists',
  },
  'if-no': {
    value: 'CLAUSE',
    multiple: true,
    help: 'With --after: refuse if such an event came, as kind=K,tag=T,entity=E',
  },
  after: { value: 'OFFSET', help: 'With --if-no: the first offset that the decision has not seen' },
  key: { value: 'KEY', help: 'Idempotency key: the same input with the same key is appended once' },
}

const WHOLE = /^\d{1,16}$/
const VERSION_RULE = 'write ENTITY=V, with V the offset after its last event, none or exists'
const CLAUSE_RULE =
  'write kind=K,tag=T,entity=E (any of several kinds, all of several tags), or JSON: {"kinds":[],"tags":[],"entity":""}'

/** The options of the one append call that the words ask for; undefined when they ask for nothing.
 * @throws {VarveError} `OPTION_INVALID`. */
export function conditionsOf(args: Arguments): AppendOptions | undefined {
  const expect = args.list('expect').map(expectation)
  const query = args.list('if-no').map(clause)
  const after = args.whole('after')
  const key = args.text('key')
  const partition = args.whole('partition')
  if (after === undefined && query.length > 0)
    throw wrongUse('Cannot use --if-no without --after: say which offset the decision has not seen')
  if (after !== undefined && query.length === 0)
    throw wrongUse('Cannot use --after without --if-no: say what must not have come')
  if (key === '') throw wrongUse('Cannot use --key "": it must be 1 to 256 bytes')
  if (expect.length === 0 && after === undefined && key === undefined && partition === undefined) return undefined
  return {
    ...(expect.length === 0 ? {} : { expect }),
    ...(after === undefined ? {} : { condition: { query, after } }),
    ...(key === undefined ? {} : { idempotencyKey: key }),
    ...(partition === undefined ? {} : { partition }),
  }
}

/** The last `=` divides: entities may have some of their own. */
function expectation(text: string): Expectation {
  const at = text.lastIndexOf('=')
  const entity = text.slice(0, Math.max(at, 0))
  const version = text.slice(at + 1)
  if (entity === '') throw wrongUse(`Cannot use --expect "${text}": ${VERSION_RULE}`)
  if (version === 'none' || version === 'exists') return { entity, version }
  if (!WHOLE.test(version)) throw wrongUse(`Cannot use --expect "${text}": ${VERSION_RULE}`)
  return { entity, version: Number(version) }
}

function clause(text: string): QueryClause {
  const refuse = () => wrongUse(`Cannot use --if-no "${text}": ${CLAUSE_RULE}`)
  if (text.startsWith('{')) return jsonClause(text, refuse)
  const found: { kind: string[]; tag: string[]; entity: string[] } = { kind: [], tag: [], entity: [] }
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, Math.max(at, 0))
    const value = pair.slice(at + 1)
    if (value === '' || (name !== 'kind' && name !== 'tag' && name !== 'entity')) throw refuse()
    found[name].push(value)
  }
  const [entity, second] = found.entity
  if (second !== undefined) throw refuse()
  return {
    ...(found.kind.length === 0 ? {} : { kinds: found.kind }),
    ...(found.tag.length === 0 ? {} : { tags: found.tag }),
    ...(entity === undefined ? {} : { entity }),
  }
}

/** For names with commas in them. */
function jsonClause(text: string, refuse: () => Error): QueryClause {
  let value: unknown
  try {
    value = parseJsonValue(text)
  } catch {
    throw refuse()
  }
  if (typeof value !== 'object' || value === null) throw refuse()
  const { kinds, tags, entity, ...rest } = value as Record<string, unknown>
  const isTexts = (list: unknown) => Array.isArray(list) && list.every((one) => typeof one === 'string')
  const right =
    (kinds === undefined || isTexts(kinds)) &&
    (tags === undefined || isTexts(tags)) &&
    (entity === undefined || typeof entity === 'string')
  if (!right || Object.keys(rest).length > 0) throw refuse()
  return value as QueryClause
}
