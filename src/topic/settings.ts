/** The options of a topic: what callers may ask for, how they are stored, and what they are when nobody asked.
 * @module */
import type { TopicRowOptions } from '../manifest/index.ts'
import { optionInvalid, wholeOption } from '../options.ts'
import type { ChangeableTopicOptions, Retention, TopicOptions, TopicSettings } from './types.ts'

const MIB = 1024 * 1024
const SEGMENT_DEFAULT_BYTES = 64 * MIB
const WINDOW_DEFAULT_MS = 24 * 60 * 60 * 1_000
const WINDOW_DEFAULT_KEYS = 1_000_000
const WINDOW_MOST_MS = 10 * 365 * 24 * 60 * 60 * 1_000
const WINDOW_MOST_KEYS = 2 ** 32
const RETENTION_OPTIONS = ['maxAgeMs', 'maxBytes', 'maxEvents'] as const

/** Every option of a topic as it is, defaults included. */
export function settingsOf({ options }: { readonly options: TopicRowOptions }): TopicSettings {
  return {
    partitions: options.partitions,
    segmentBytes: options.segmentBytes,
    retention: options.retention ?? {},
    compression: options.compression ?? 'none',
    chain: options.chain ?? 'batches',
    idempotency: {
      windowMs: options.idempotency?.windowMs ?? WINDOW_DEFAULT_MS,
      windowKeys: options.idempotency?.windowKeys ?? WINDOW_DEFAULT_KEYS,
    },
  }
}

/** The options of a new topic as they are stored. @throws {VarveError} `OPTION_INVALID`. */
export function newOptions(options: TopicOptions): TopicRowOptions {
  const { partitions = 1, chain } = options
  const created: TopicRowOptions = {
    partitions: wholeOption('partitions', partitions, { least: 1, most: 1_024 }),
    segmentBytes: SEGMENT_DEFAULT_BYTES,
    partitioner: 1,
  }
  const chained = chain === undefined ? {} : { chain: oneOf('chain', chain, ['batches', 'events']) }
  return changedOptions({ ...created, ...chained }, options)
}

/** The stored options of a topic after a change: what is not given stays.
 * @throws {VarveError} `OPTION_INVALID`. */
export function changedOptions(stored: TopicRowOptions, change: ChangeableTopicOptions): TopicRowOptions {
  const { segmentBytes, retention, compression, idempotency } = change
  return {
    ...stored,
    ...(segmentBytes === undefined
      ? {}
      : { segmentBytes: wholeOption('segmentBytes', segmentBytes, { least: MIB, most: 1024 * MIB }) }),
    ...(retention === undefined ? {} : { retention: checkRetention(retention) }),
    ...(compression === undefined ? {} : { compression: oneOf('compression', compression, ['none', 'deflate']) }),
    ...(idempotency === undefined ? {} : { idempotency: checkIdempotency(idempotency) }),
  }
}

function checkRetention(retention: unknown): Retention {
  const given = fieldsOf('retention', retention, RETENTION_OPTIONS)
  const checked: { -readonly [Name in keyof Retention]: number } = {}
  for (const name of RETENTION_OPTIONS) {
    const value = given[name]
    if (value !== undefined) checked[name] = wholeOption(`retention.${name}`, value, { least: 1 })
  }
  return checked
}

function checkIdempotency(idempotency: unknown): { readonly windowMs?: number; readonly windowKeys?: number } {
  const { windowMs, windowKeys } = fieldsOf('idempotency', idempotency, ['windowMs', 'windowKeys'])
  const ms = { least: 0, most: WINDOW_MOST_MS }
  const keys = { least: 0, most: WINDOW_MOST_KEYS }
  return {
    ...(windowMs === undefined ? {} : { windowMs: wholeOption('idempotency.windowMs', windowMs, ms) }),
    ...(windowKeys === undefined ? {} : { windowKeys: wholeOption('idempotency.windowKeys', windowKeys, keys) }),
  }
}

/** The fields of an option that is an object. A name that nobody knows is a typo that would keep everything, or lose
 * it. */
function fieldsOf(option: string, value: unknown, names: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw optionInvalid(option, 'must be an object', value)
  }
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) throw optionInvalid(`${option}.${name}`, `is not one of ${names.join(', ')}`, undefined)
  }
  return value as Record<string, unknown>
}

function oneOf<T extends string>(option: string, value: T, known: readonly T[]): T {
  if (known.includes(value)) return value
  throw optionInvalid(option, `must be ${known.map((name) => `"${name}"`).join(' or ')}`, value)
}

/** The first option that was asked for and is not what the topic has. */
export function differingOption(
  has: TopicRowOptions,
  wanted: TopicOptions,
): { readonly option: string; readonly has: unknown; readonly wanted: unknown } | undefined {
  const stored = settingsOf({ options: has })
  const asked = settingsOf({ options: newOptions(wanted) })
  for (const option of Object.keys(stored) as (keyof TopicSettings)[]) {
    if (wanted[option] === undefined || sameOption(stored[option], asked[option])) continue
    return { option, has: stored[option], wanted: wanted[option] }
  }
  return undefined
}

function sameOption(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].every((name) => Reflect.get(a, name) === Reflect.get(b, name))
}
