/** Query parameters: one description of each, used to read them and to document them.
 *
 * Nothing is guessed: an unknown name, a name given twice (`kind` may be) and a value that does not parse are refused
 * by name.
 * @module */
import { type Durability, type ReadFilter, type Tier, VarveError, type WriteJsonOptions } from '../src/index.ts'

export interface Parameter {
  readonly name: string
  readonly summary: string
  /** `time`: for people, milliseconds or a date and time in UTC. */
  readonly type: 'integer' | 'string' | 'time'
  readonly minimum?: number
  readonly maximum?: number
  /** Words that are allowed: besides numbers for an integer, instead of any string for a string. */
  readonly words?: readonly string[]
  /** May be given several times: any of the values. */
  readonly repeats?: true
  /** May be there without a value, which means something. */
  readonly empty?: true
}

const text = (name: string, summary: string): Parameter => ({ name, summary, type: 'string' })
const count = (name: string, summary: string): Parameter => ({ name, summary, type: 'integer', minimum: 0 })
const time = (name: string, summary: string): Parameter => ({ name, summary, type: 'integer' })

/** Every parameter of every route, under the name of the library's option. */
export const PARAMETERS = {
  from: count('from', 'First offset, inclusive'),
  fromTail: { ...count('from', 'First offset, or a place'), words: ['start', 'end'] },
  to: count('to', 'Last offset, exclusive'),
  since: { name: 'since', summary: 'Events at or after this time in milliseconds', type: 'integer' },
  until: { name: 'until', summary: 'Events before this time in milliseconds', type: 'integer' },
  sinceTime: { name: 'since', summary: 'Events at or after this time', type: 'time' },
  untilTime: { name: 'until', summary: 'Events before this time', type: 'time' },
  kind: { ...text('kind', 'Only this kind, or these: it may be given several times'), repeats: true },
  entity: text('entity', 'Only this entity'),
  scope: text('scope', 'Only this scope'),
  tag: text('tag', 'Only events with this tag'),
  id: text('id', 'Only the event with this id'),
  correlationId: text('correlationId', 'Only this correlation'),
  causationId: text('causationId', 'Only effects of the event with this id'),
  idempotencyKey: text('idempotencyKey', 'Only events that were appended with this key'),
  partition: { ...count('partition', 'Only this partition'), maximum: 1_023 },
  direction: { name: 'direction', summary: 'Order of offsets', type: 'string', words: ['forward', 'backward'] },
  limit: { name: 'limit', summary: 'Most to return', type: 'integer', minimum: 1, maximum: 1_000 },
  cursor: text('cursor', 'Continue where a page or a stream stopped'),
  wait: { ...count('wait', 'Long poll: seconds to wait for the first event'), maximum: 60 },
  eventId: text('id', 'The event that is asked about'),
  confirm: text('confirm', 'The name again: what is deleted does not come back'),
  durability: { name: 'durability', summary: 'When to answer', type: 'string', words: ['synced', 'buffered'] },
  path: { ...text('path', 'Path of a value in the document; empty: the whole'), empty: true },
  pointer: { ...text('pointer', 'The same as an RFC 6901 pointer'), empty: true },
  documentVersion: count('version', 'Version of the document that is meant'),
  thresholdBytes: { ...count('thresholdBytes', 'Size of values that get an index entry'), words: ['Infinity'] },
  exactNumbers: {
    name: 'exactNumbers',
    summary: 'What to do about number literals that a number cannot hold',
    type: 'string',
    words: ['keep', 'refuse'],
  },
  duplicateKeys: {
    name: 'duplicateKeys',
    summary: 'What to do about a key that an object has twice',
    type: 'string',
    words: ['last', 'refuse'],
  },
  fromVersion: count('from', 'First version, inclusive'),
  toVersion: count('to', 'Last version, exclusive'),
  versionKind: { name: 'kind', summary: 'What the body is', type: 'string', words: ['value', 'metrics'] },
  label: text('label', 'Label of the version'),
  fingerprint: text('fingerprint', 'What the value is known by elsewhere'),
  metadata: text('metadata', 'A JSON object about the version'),
  logOffset: count('offset', 'End offset, exclusive, of the log that the value reflects'),
  at: time('at', 'Time of the version in milliseconds; default now'),
  create: { name: 'create', summary: 'Create what does not exist', type: 'string', words: ['true'] },
  time: time('time', 'The newest at or before this time in milliseconds'),
  withLabel: text('label', 'The newest with this label'),
  upToOffset: count('offset', 'The newest that reflects no more of the log than up to this offset'),
  check: { name: 'check', summary: 'Compare the value with its hash', type: 'string', words: ['true'] },
  diffFrom: count('from', 'Version to compare from'),
  diffTo: count('to', 'Version to compare to; default the newest'),
  fromTime: time('fromTime', 'Instead of `from`: the newest at or before this time in milliseconds'),
  toTime: time('toTime', 'Instead of `to`: the newest at or before this time in milliseconds'),
  fromLabel: text('fromLabel', 'Instead of `from`: the newest with this label'),
  toLabel: text('toLabel', 'Instead of `to`: the newest with this label'),
  fromOffset: count('fromOffset', 'Instead of `from`: the newest that reflects no more of the log'),
  toOffset: count('toOffset', 'Instead of `to`: the newest that reflects no more of the log'),
  changesLimit: { name: 'limit', summary: 'Most changes to return', type: 'integer', minimum: 1, maximum: 10_000 },
  onlyChanges: {
    name: 'onlyChanges',
    summary: 'Only where the value differs from that of the version before it; default true',
    type: 'string',
    words: ['true', 'false'],
  },
  momentVersion: count('version', 'The version that is shown; default the newest'),
  momentFrom: count('from', 'The version it is compared with; default the one before'),
  momentTime: { name: 'time', summary: 'The newest version at or before this time', type: 'time' },
  stateMoment: { name: 'time', summary: 'The state as of this time', type: 'time' },
  metric: text('metric', 'Only metrics that have a series or a rollup of this name'),
  tier: { name: 'tier', summary: 'Only this tier', type: 'string', words: ['raw', 'compressed', 'archive'] },
  findLimit: count('limit', 'Most to find; 0: none; default all'),
  budgetBytes: count('budgetBytes', 'Encoded bytes of what is found, together; default 50 MiB'),
  stateOffset: count('offset', 'The state after the events below this offset'),
  forkBefore: count('fork', 'A fork that ends before this offset'),
  stateTime: time('time', 'The state after the events recorded up to this time in milliseconds'),
} as const satisfies Record<string, Parameter>

export type ParameterKey = keyof typeof PARAMETERS

/** The parsed query of a request. Absent parameters are absent. */
export interface Query extends ReadFilter, Pick<WriteJsonOptions, 'exactNumbers' | 'duplicateKeys'> {
  readonly from?: number
  readonly fromTail?: number | 'start' | 'end'
  readonly to?: number
  readonly sinceTime?: number
  readonly untilTime?: number
  readonly eventId?: string
  readonly confirm?: string
  readonly partition?: number
  readonly direction?: 'forward' | 'backward'
  readonly limit?: number
  readonly cursor?: string
  readonly wait?: number
  readonly durability?: Durability
  readonly path?: string
  readonly pointer?: string
  readonly documentVersion?: number
  readonly thresholdBytes?: number | 'Infinity'
  readonly fromVersion?: number
  readonly toVersion?: number
  readonly versionKind?: 'value' | 'metrics'
  readonly label?: string
  readonly fingerprint?: string
  readonly metadata?: string
  readonly logOffset?: number
  readonly at?: number
  readonly create?: 'true'
  readonly time?: number
  readonly withLabel?: string
  readonly upToOffset?: number
  readonly check?: 'true'
  readonly diffFrom?: number
  readonly diffTo?: number
  readonly fromTime?: number
  readonly toTime?: number
  readonly fromLabel?: string
  readonly toLabel?: string
  readonly fromOffset?: number
  readonly toOffset?: number
  readonly changesLimit?: number
  readonly onlyChanges?: 'true' | 'false'
  readonly momentVersion?: number
  readonly momentFrom?: number
  readonly momentTime?: number
  readonly stateMoment?: number
  readonly metric?: string
  readonly tier?: Tier
  readonly findLimit?: number
  readonly budgetBytes?: number
  readonly stateOffset?: number
  readonly forkBefore?: number
  readonly stateTime?: number
}

/** Parse the query of `url`, which may name `keys`. @throws {VarveError} `OPTION_INVALID` naming the parameter. */
export function parseQuery(
  url: URL,
  { keys, emptyIsAbsent = false }: { keys: readonly ParameterKey[]; emptyIsAbsent?: boolean },
): Query {
  const byName = new Map<string, ParameterKey>(keys.map((key) => [PARAMETERS[key].name, key]))
  const found: Partial<Record<ParameterKey, string | number | readonly (string | number)[]>> = {}
  for (const [name, value] of url.searchParams) {
    const key = byName.get(name)
    if (key === undefined) throw refuse(name, `Cannot read the query: parameter "${name}" is not known here`)
    if (value === '' && emptyIsAbsent) continue
    const parameter: Parameter = PARAMETERS[key]
    const parsed = parseValue(parameter, value)
    const before = found[key]
    if (before === undefined) found[key] = parsed
    else if (parameter.repeats === true) found[key] = [before, parsed].flat()
    else throw refuse(name, `Cannot read the query: parameter "${name}" is given twice`)
  }
  // Every value was parsed by the description of its key, which says the same as the type of that key.
  return found as Query
}

function parseValue(parameter: Parameter, value: string): string | number {
  const { name } = parameter
  if (parameter.words?.includes(value)) return value
  if (parameter.type === 'integer') {
    const number = /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN
    const low = parameter.minimum ?? Number.MIN_SAFE_INTEGER
    const high = parameter.maximum ?? Number.MAX_SAFE_INTEGER
    if (number >= low && number <= high) return number
    const words = parameter.words === undefined ? '' : `, ${parameter.words.join(' or ')}`
    throw refuse(name, `Cannot read parameter "${name}": expected a whole number from ${low} to ${high}${words}`)
  }
  if (parameter.type === 'time') return parseTime(name, value)
  if (parameter.words !== undefined)
    throw refuse(name, `Cannot read parameter "${name}": expected ${parameter.words.join(' or ')}`)
  if (value === '' && parameter.empty !== true) throw refuse(name, `Cannot read parameter "${name}": it is empty`)
  return value
}

/** Milliseconds, or a date, or a date and time; in UTC where it names no zone.
 * @throws {VarveError} `OPTION_INVALID`. */
export function parseTime(name: string, value: string): number {
  if (/^-?\d{1,16}$/.test(value) && Number.isSafeInteger(Number(value))) return Number(value)
  const [, date, time, zone] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?) ?(Z|UTC|[+-]\d\d:\d\d)?)?$/.exec(value.trim()) ?? []
  const at =
    date === undefined ? Number.NaN : Date.parse(`${date}T${time ?? '00:00'}${zone?.replace('UTC', 'Z') ?? 'Z'}`)
  if (!Number.isNaN(at)) return at
  throw refuse(name, `Cannot read parameter "${name}": expected milliseconds or a time such as 2026-01-31 12:00`)
}

function refuse(parameter: string, message: string): VarveError {
  return new VarveError('OPTION_INVALID', message, { details: { option: parameter } })
}

const FILTERS = [
  'since',
  'until',
  'entity',
  'scope',
  'tag',
  'id',
  'correlationId',
  'causationId',
  'idempotencyKey',
  'kind',
] as const

/** The part of a query that chooses events. */
export function filterOf(query: Query): ReadFilter {
  const filter = Object.fromEntries(FILTERS.flatMap((key) => (query[key] === undefined ? [] : [[key, query[key]]])))
  const { sinceTime, untilTime } = query
  return {
    ...filter,
    ...(sinceTime !== undefined && { since: sinceTime }),
    ...(untilTime !== undefined && { until: untilTime }),
  }
}
