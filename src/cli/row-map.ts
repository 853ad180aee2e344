/** `--map` of an import: which column gives which field of an event, or which constant does.
 *
 * `entity=stream_id,kind='Imported',at=created_at:s,data="odd, name":json`. A name in double quotes may hold anything
 * (`""` is a quote), a constant is in single quotes (`''` is one).
 * @module */
import { EVENT_FIELDS } from '../topic/prepare.ts'
import { wrongUse } from './arguments.ts'
import { clean } from './output.ts'

export type EventField = (typeof EVENT_FIELDS)[number]

/** How a value is read. Of times: whole or broken numbers of a unit, or text (`utc`: without a zone it is UTC). Of data
 * and meta: JSON text, or text as it is. */
export type Form = 'ms' | 's' | 'us' | 'iso' | 'utc' | 'json' | 'text'

export type Source =
  | { readonly column: string; readonly form: Form | undefined }
  | { readonly constant: string }
  /** All columns that no other field takes, or all there are. */
  | { readonly columns: 'rest' | 'all' }

export type RowMap = ReadonlyMap<EventField, Source>

const TIME_FORMS: ReadonlySet<string> = new Set(['ms', 's', 'us', 'iso', 'utc'])
const VALUE_FORMS: ReadonlySet<string> = new Set(['json', 'text'])
const FIELDS: ReadonlySet<string> = new Set(EVENT_FIELDS)
const PAIR = /^([A-Za-z]+)=("(?:[^"]|"")*"|'(?:[^']|'')*'|[^,"'][^,]*?)(?::([a-z]+))?(?:,|$)/

/** Read the words of `--map`. @param columns of the table where they are known: others are refused, and a name that
 * looks like one with a form may be a column. @throws {VarveError} `OPTION_INVALID`. */
export function parseRowMap(words: readonly string[], columns?: readonly string[]): RowMap {
  const map = new Map<EventField, Source>()
  for (const word of words) {
    let rest = word
    do {
      const [whole, field = '', source = '', form] = PAIR.exec(rest) ?? []
      if (whole === undefined || source === '') throw refused(rest, "write field=column, or field='constant'")
      if (!isField(field)) throw refused(rest, `the fields are ${EVENT_FIELDS.join(', ')}`)
      if (map.has(field)) throw refused(rest, `"${field}" is there twice`)
      map.set(field, sourceOf({ field, source, form }, columns))
      rest = rest.slice(whole.length)
      if (whole.endsWith(',') && rest === '') throw refused(word, 'it ends with a comma')
    } while (rest !== '')
  }
  if (!map.has('data')) map.set('data', { columns: 'rest' })
  return map
}

interface Pair {
  readonly field: EventField
  readonly source: string
  readonly form: string | undefined
}

function sourceOf({ field, source, form }: Pair, columns: readonly string[] | undefined): Source {
  if (source.startsWith("'")) {
    if (form !== undefined) throw refused(source, 'a constant has no form')
    return { constant: source.slice(1, -1).replaceAll("''", "'") }
  }
  if (source === '*') {
    if (field !== 'data' || form !== undefined) throw refused(`${field}=*`, 'only data can be * (all columns)')
    return { columns: 'all' }
  }
  const isQuoted = source.startsWith('"')
  const name = isQuoted ? source.slice(1, -1).replaceAll('""', '"') : source
  const withForm = form === undefined || isQuoted ? name : `${name}:${form}`
  if (columns?.includes(withForm) && withForm !== name) return { column: withForm, form: undefined }
  if (columns !== undefined && !columns.includes(name)) throw unknownColumn(name, columns)
  if (form === undefined) return { column: name, form }
  const forms = field === 'at' ? TIME_FORMS : field === 'data' || field === 'meta' ? VALUE_FORMS : undefined
  if (forms?.has(form)) return { column: name, form: form as Form }
  const rule = forms === undefined ? `"${field}" has no forms` : `its forms are ${[...forms].join(', ')}`
  throw refused(`${field}=${source}:${form}`, rule)
}

function isField(name: string): name is EventField {
  return FIELDS.has(name)
}

function refused(text: string, rule: string): Error {
  return wrongUse(`Cannot use --map "${clean(text)}": ${rule}`)
}

/** @throws nothing; makes the error that names the real columns. */
export function unknownColumn(name: string, columns: readonly string[]): Error {
  const there = columns.map((column) => clean(column)).join(', ')
  return wrongUse(`Cannot use column "${clean(name)}": the columns are ${there}`)
}
