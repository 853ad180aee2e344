/** From one JSON text of the input to an event: renamed fields, defaults, times as text, absent for null.
 * @module */
import { parseJsonValue } from '../codec/values.ts'
import { isVarveError, VarveError } from '../errors.ts'
import { EVENT_FIELDS } from '../topic/prepare.ts'
import type { NewEvent } from '../topic/types.ts'
import { parseTime, wrongUse } from './arguments.ts'
import type { Element } from './elements.ts'

type EventField = (typeof EVENT_FIELDS)[number]

const FIELDS: ReadonlySet<string> = new Set(EVENT_FIELDS)
/** Where null is a value; everywhere else it means absent. */
const NULLABLE: ReadonlySet<string> = new Set(['data', 'meta', 'extensions'])
const WHOLE_OBJECT = '*'

export interface Mapping {
  /** Field of the event -> field of the input. */
  readonly sources: ReadonlyMap<EventField, string>
  /** Fields of the input that are left out. */
  readonly skipped: ReadonlySet<string>
  readonly kind?: string | undefined
  readonly entity?: string | undefined
}

/** Read `--map entity=stream_id,data=*` and `--skip a,b`. @throws {VarveError} `OPTION_INVALID`. */
export function parseMapping(options: {
  readonly map: readonly string[]
  readonly skip: readonly string[]
  readonly kind?: string | undefined
  readonly entity?: string | undefined
}): Mapping {
  const sources = new Map<EventField, string>()
  for (const pair of options.map.flatMap((list) => list.split(','))) {
    const at = pair.indexOf('=')
    const field = pair.slice(0, Math.max(at, 0))
    const source = pair.slice(at + 1)
    if (at < 1 || source === '')
      throw wrongUse(`Cannot use --map "${pair}": write field=name, such as entity=stream_id`)
    if (!isField(field)) throw wrongUse(`Cannot use --map "${pair}": the fields are ${EVENT_FIELDS.join(', ')}`)
    if (source === WHOLE_OBJECT && field !== 'data') throw wrongUse('Cannot use --map: only data can be * (everything)')
    sources.set(field, source)
  }
  const skipped = new Set(options.skip.flatMap((list) => list.split(',')))
  return { sources, skipped, kind: options.kind, entity: options.entity }
}

function isField(name: string): name is EventField {
  return FIELDS.has(name)
}

/** Make the event of one element; the topic checks its values.
 * @throws {VarveError} `JSON_INVALID`, `EVENT_INVALID`, with `line`. */
export function toEvent(element: Element, mapping: Mapping): NewEvent {
  return eventOf(parseElement(element), element.line, mapping)
}

/** Read one element. @throws {VarveError} `JSON_INVALID`, `EVENT_INVALID` unless it is an object, with `line`. */
export function parseElement(element: Element): Readonly<Record<string, unknown>> {
  const value = jsonOf(element)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(element.line, 'an event is a JSON object')
  return value as Readonly<Record<string, unknown>>
}

/** Make the event of an object of the input. @throws {VarveError} `EVENT_INVALID`, with `line`. */
export function eventOf(input: Readonly<Record<string, unknown>>, line: number, mapping: Mapping): NewEvent {
  const event: Record<string, unknown> = {}
  const used = new Set(mapping.skipped)
  for (const [field, source] of mapping.sources) {
    if (source === WHOLE_OBJECT) event[field] = input
    else if (Object.hasOwn(input, source)) put(event, field, input[source])
    used.add(source)
  }
  const takesAll = mapping.sources.get('data') === WHOLE_OBJECT
  for (const name of Object.keys(input)) {
    if (isField(name) && !mapping.sources.has(name) && !used.has(name)) put(event, name, input[name])
    else if (!used.has(name) && !takesAll) throw unknownField(line, name)
  }
  event.kind ??= mapping.kind
  event.entity ??= mapping.entity
  for (const field of ['kind', 'entity'] as const) {
    if (event[field] === undefined)
      throw invalid(line, `"${field}" is missing; give --${field}, or name its field with --map ${field}=name`)
  }
  event.data ??= null
  if (typeof event.at === 'string') event.at = timeOf(event.at, line)
  return event as unknown as NewEvent
}

function put(event: Record<string, unknown>, field: EventField, value: unknown): void {
  if (value !== null || NULLABLE.has(field)) event[field] = value
}

/** The value of a JSON text of the input.
 * @throws {VarveError} `JSON_INVALID`, with the line and column in the input. */
export function jsonOf({ line, text }: Element): unknown {
  try {
    return parseJsonValue(text)
  } catch (error) {
    if (!isVarveError(error)) throw error
    // The place in the text is counted from where the element begins.
    const { line: row, column } = error.details
    const where = typeof row === 'number' ? { line: line + row - 1, column } : { line, column: 1 }
    const found = typeof error.details.found === 'string' ? `: found ${error.details.found}` : ''
    const message = `Cannot read line ${where.line}, column ${where.column}: it is not JSON${found}`
    throw new VarveError(error.code, message, { details: { ...error.details, ...where }, cause: error })
  }
}

function timeOf(text: string, line: number): number {
  const time = parseTime(text)
  if (time === undefined)
    throw invalid(line, '"at" must be whole milliseconds since 1970 or a time with its zone (2026-01-31T12:00:00Z)')
  return time
}

function unknownField(line: number, name: string): VarveError {
  const short = name.slice(0, 60)
  const advice = `say what it is with --map, such as --map entity=${short}, or leave it out with --skip`
  return invalid(line, `${JSON.stringify(short)} is not a field of an event; ${advice}`, name)
}

function invalid(line: number, reason: string, field?: string): VarveError {
  return new VarveError('EVENT_INVALID', `Cannot append line ${line}: ${reason}`, {
    details: { line, ...(field === undefined ? {} : { field }) },
  })
}
