/** From a row of a table, or an object like one, to an event. @module */
import { parseJsonValue } from '../codec/values.ts'
import { isVarveError, VarveError } from '../errors.ts'
import type { NewEvent } from '../topic/types.ts'
import { parseTime } from './arguments.ts'
import type { EventField, Form, RowMap, Source } from './row-map.ts'

/** Values by column, in the order of the columns. */
export type Row = ReadonlyMap<string, unknown>

/** Digits after the seconds beyond milliseconds are cut off. A blank instead of `T` is SQLite's own way, always UTC. */
const TIME = /^(\d{4}-\d\d-\d\d)(?:([T ])(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?$/
const WHOLE = /^-?\d{1,16}$/
const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1_000, us: 0.001 }

/** Makes events of rows.
 * @param place what a row is called in errors: `row` or `line`. */
export class RowMapper {
  readonly #map: RowMap
  readonly #noun: string
  /** Columns that a field takes, and those that are left out. */
  readonly #taken: ReadonlySet<string>

  constructor(map: RowMap, { noun, skipped }: { readonly noun: string; readonly skipped: readonly string[] }) {
    this.#map = map
    this.#noun = noun
    const taken = [...map.values()].flatMap((source) => ('column' in source ? [source.column] : []))
    this.#taken = new Set([...taken, ...skipped])
  }

  /** @throws {VarveError} `EVENT_INVALID`, `JSON_INVALID`, with the number of the row as `line`. */
  event(row: Row, line: number): NewEvent {
    const event: Record<string, unknown> = {}
    for (const [field, source] of this.#map) {
      const value = this.#value(field, source, row, line)
      if (value !== undefined) event[field] = value
    }
    for (const field of ['kind', 'entity'] as const) {
      if (event[field] !== undefined) continue
      throw this.#invalid(line, `"${field}" is missing; say with --map ${field}=column or ${field}='constant'`)
    }
    return event as unknown as NewEvent
  }

  #value(field: EventField, source: Source, row: Row, line: number): unknown {
    if ('columns' in source) return this.#columns(row, source.columns)
    const value = 'constant' in source ? source.constant : row.get(source.column)
    const form = 'constant' in source ? undefined : source.form
    if (field === 'data') return value === undefined ? null : this.#json({ field, value, form, line })
    if (value === undefined || value === null || value === '') return undefined
    switch (field) {
      case 'meta':
      case 'extensions':
        return this.#json({ field, value, form, line })
      case 'at':
        return this.#time(value, form, line)
      case 'tags':
        return this.#tags(value, line)
      case 'lane':
      case 'depth':
      case 'schemaVersion':
        return typeof value === 'string' && WHOLE.test(value) ? Number(value) : narrow(value)
      default:
        return this.#text(field, value, line)
    }
  }

  /** Own fields whatever they are called, `__proto__` included. */
  #columns(row: Row, which: 'rest' | 'all'): unknown {
    const pairs = [...row].filter(([name]) => which === 'all' || !this.#taken.has(name))
    return Object.fromEntries(pairs.map(([name, value]) => [name, narrow(value)]))
  }

  #text(field: string, value: unknown, line: number): string {
    if (typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
    throw this.#invalid(line, `"${field}" must be text or a number`)
  }

  /** Text that is JSON is read, unless it shall stay text. */
  #json({
    field,
    value,
    form,
    line,
  }: {
    field: string
    value: unknown
    form: Form | undefined
    line: number
  }): unknown {
    if (typeof value !== 'string' || form === 'text') return narrow(value)
    try {
      return parseJsonValue(value)
    } catch (error) {
      if (!isVarveError(error, 'JSON_INVALID')) throw error
      if (form !== 'json') return value
      const reason = `${this.#noun} ${line}: "${field}" is not JSON (${error.message})`
      throw new VarveError('JSON_INVALID', `Cannot import ${reason}`, { details: { line, field }, cause: error })
    }
  }

  #tags(value: unknown, line: number): readonly string[] {
    const parsed =
      typeof value === 'string' && value.startsWith('[')
        ? this.#json({ field: 'tags', value, form: 'json', line })
        : value
    const list = Array.isArray(parsed) ? parsed : [parsed]
    return list.map((tag) => this.#text('tags', tag, line))
  }

  #time(value: unknown, form: Form | undefined, line: number): number {
    const time = form === 'ms' || form === 's' || form === 'us' ? unitTime(value, form) : anyTime(value, form)
    if (time !== undefined) return time
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value)
    const advice = 'say how with --map at=column:ms, :s, :us, :iso, or :utc for text without a zone'
    throw this.#invalid(line, `"at" is ${shown}, which cannot be read as a time; ${advice}`)
  }

  #invalid(line: number, reason: string): VarveError {
    return new VarveError('EVENT_INVALID', `Cannot import ${this.#noun} ${line}: ${reason}`, { details: { line } })
  }
}

/** Integers as numbers where they are exact. */
function narrow(value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function unitTime(value: unknown, unit: 'ms' | 's' | 'us'): number | undefined {
  const isNumber = typeof value === 'number' || typeof value === 'bigint'
  const number = isNumber
    ? Number(value)
    : typeof value === 'string' && value.trim() !== ''
      ? Number(value)
      : Number.NaN
  const time = Math.round(number * (MS_PER[unit] ?? 1))
  return Number.isSafeInteger(time) ? time : undefined
}

function anyTime(value: unknown, form: Form | undefined): number | undefined {
  if (typeof value !== 'string') return form === undefined ? unitTime(value, 'ms') : undefined
  if (WHOLE.test(value)) return form === undefined ? parseTime(value) : undefined
  const [, day, divider, minutes, seconds = ':00', fraction = '', zone] = TIME.exec(value.trim()) ?? []
  if (day === undefined) return undefined
  if (minutes === undefined) return valid(Date.parse(`${day}T00:00:00${zone ?? 'Z'}`))
  if (zone === undefined && divider === 'T' && form !== 'utc') return undefined
  return valid(Date.parse(`${day}T${minutes}${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}${zone ?? 'Z'}`))
}

function valid(time: number): number | undefined {
  return Number.isNaN(time) ? undefined : time
}
