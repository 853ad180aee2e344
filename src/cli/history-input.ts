/** The versions that `varve history append` is given: one JSON value, or one version a line. @module */
import { parseJsonValue } from '../codec/values.ts'
import { VarveError } from '../errors.ts'
import type { AppendVersionOptions } from '../history/types.ts'
import { parseTime } from './arguments.ts'
import { type ElementLimit, elements } from './elements.ts'
import { jsonOf } from './mapping.ts'

/** A value is held in memory, and so is its text. */
const VALUE_MAX_BYTES = 256 * 1024 * 1024

const LIMIT: ElementLimit = {
  sizeBytes: VALUE_MAX_BYTES,
  tooLarge: (line) =>
    new VarveError('DOCUMENT_LIMIT', `Cannot read line ${line}: its version is over 256 MiB of JSON`, {
      details: { line, limitBytes: VALUE_MAX_BYTES },
    }),
}

/** Fields of a line besides the value. */
const FIELDS = ['at', 'label', 'fingerprint', 'metadata', 'offset'] as const

/** A version to append. */
export interface NewVersion {
  /** The value, or a `MetricsSnapshot`. */
  readonly value: unknown
  readonly isMetrics: boolean
  readonly options: AppendVersionOptions
  /** Line of the input on which it begins. */
  readonly line: number
}

/** The input as one JSON value.
 * @throws {VarveError} `JSON_INVALID` {line, column}, `DOCUMENT_LIMIT`. */
export async function wholeValue(input: AsyncIterable<Uint8Array>): Promise<unknown> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parts: string[] = []
  let sizeBytes = 0
  try {
    for await (const piece of input) {
      sizeBytes += piece.length
      if (sizeBytes > VALUE_MAX_BYTES) throw LIMIT.tooLarge(1)
      parts.push(decoder.decode(piece, { stream: true }))
    }
    parts.push(decoder.decode())
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw new VarveError('JSON_INVALID', 'Cannot read the value: it is not UTF-8', { cause })
  }
  return parseJsonValue(parts.join(''))
}

/** The input as versions, one a line, or as the elements of one array: `{"value": ...}` or `{"metrics": ...}`, beside
 * it `at`, `label`, `fingerprint`, `metadata` and `offset`.
 * @throws {VarveError} `JSON_INVALID`, `DOCUMENT_LIMIT`, both with `line`. */
export async function* versions(input: AsyncIterable<Uint8Array>): AsyncGenerator<NewVersion> {
  for await (const element of elements(input, LIMIT)) {
    const { line } = element
    const found = jsonOf(element)
    if (typeof found !== 'object' || found === null || Array.isArray(found)) throw wrong(line, 'it is no JSON object')
    const fields = found as Readonly<Record<string, unknown>>
    const isMetrics = Object.hasOwn(fields, 'metrics')
    if (isMetrics === Object.hasOwn(fields, 'value')) throw wrong(line, 'it needs either "value" or "metrics"')
    for (const name of Object.keys(fields))
      if (name !== 'value' && name !== 'metrics' && !(FIELDS as readonly string[]).includes(name))
        throw wrong(line, `${JSON.stringify(name.slice(0, 60))} is not a field of a version: ${FIELDS.join(', ')}`)
    const options = optionsOf(fields, line)
    if (!isMetrics) yield { value: fields.value, isMetrics, options, line }
    else yield { ...asMetrics(options, fields.metrics), isMetrics, line }
  }
}

/** null is absent. What the fields hold is checked by the history. */
function optionsOf(fields: Readonly<Record<string, unknown>>, line: number): AppendVersionOptions {
  const given = FIELDS.map((name) => [name, fields[name]] as const)
  const options = Object.fromEntries(given.filter(([, value]) => value !== undefined && value !== null))
  if (typeof options.at !== 'string') return options
  const at = parseTime(options.at)
  if (at !== undefined) return { ...options, at }
  throw wrong(line, '"at" must be whole milliseconds since 1970 or a time with its zone (2026-01-31T12:00:00Z)')
}

/** What metrics are named and described by belongs to the snapshot. */
function asMetrics(options: AppendVersionOptions, metrics: unknown): Pick<NewVersion, 'value' | 'options'> {
  const { fingerprint, metadata, ...rest } = options
  return { value: metricsOf({ ...described({ fingerprint, metadata }), metrics }), options: rest }
}

/** What is given of the two. */
export function described({
  fingerprint,
  metadata,
}: {
  readonly [Name in 'fingerprint' | 'metadata']: AppendVersionOptions[Name] | undefined
}): Pick<AppendVersionOptions, 'fingerprint' | 'metadata'> {
  return {
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(metadata === undefined ? {} : { metadata }),
  }
}

/** A snapshot out of JSON, in which a large whole number is a bigint: values are numbers. What is none is passed on as
 * it is, for the history to refuse. */
export function metricsOf(value: unknown): unknown {
  const metrics = fieldOf(value, 'metrics')
  if (typeof metrics !== 'object' || metrics === null || Array.isArray(metrics)) return value
  const series = Object.entries(metrics).map(([name, one]) => {
    const values = fieldOf(one, 'values')
    if (!Array.isArray(values)) return [name, one]
    return [name, { ...one, values: values.map((number) => (typeof number === 'bigint' ? Number(number) : number)) }]
  })
  return { ...(value as object), metrics: Object.fromEntries(series) }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function wrong(line: number, reason: string): VarveError {
  return new VarveError('JSON_INVALID', `Cannot append line ${line}: ${reason}`, { details: { line } })
}
