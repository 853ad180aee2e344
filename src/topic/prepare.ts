/** From what a caller passes to `append` to rows that can be written: checks, defaults, values encoded at once, so that
 * the caller may change its objects as soon as the call returns.
 * @module */
import type { Row } from '../codec/block.ts'
import { utf8 } from '../codec/bytes.ts'
import type { Digest } from '../codec/digest.ts'
import type { ValueCodec, ValueEncoder } from '../codec/values.ts'
import { isVarveError, VarveError } from '../errors.ts'
import type { NewEvent } from './types.ts'

/** Most events of one append call. */
export const APPEND_MAX_EVENTS = 10_000
/** Most bytes of encoded values and names of one append call. */
export const APPEND_MAX_BYTES = 16 * 1024 * 1024
const STRING_MAX_BYTES = 256
const TAGS_MAX = 16
const U32_MAX = 0xffff_ffff

/** Fields of an event, in the order in which they are told to people. */
export const EVENT_FIELDS = [
  'kind',
  'entity',
  'data',
  'scope',
  'tags',
  'at',
  'id',
  'meta',
  'correlationId',
  'causationId',
  'lane',
  'depth',
  'schemaVersion',
  'extensions',
] as const

const FIELDS: ReadonlySet<string> = new Set(EVENT_FIELDS)

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** What all events of a call share. */
export interface CallFacts {
  /** Default of `at`. */
  readonly now: number
  readonly idempotencyKey: string | undefined
}

/** The rows of one call. */
export interface PreparedRows {
  readonly rows: readonly Row[]
  /** Bytes of all values and names: what the call weighs in the queue, in a group and against the limit. */
  readonly sizeBytes: number
  /** The values of the rows are not read any more. */
  readonly giveBack: () => void
}

/** The partition of an entity: CRC-32 of its UTF-8 bytes modulo the count (partitioner 1). */
export function partitionOf(entity: string, partitions: number, digest: Digest): number {
  return partitions === 1 ? 0 : digest.crc32(utf8(entity)) % partitions
}

/** Check that `value` can be an identifier: a well-formed string of 1 to 256 UTF-8 bytes.
 * @throws {VarveError} `EVENT_INVALID` naming the field. */
export function checkIdentifier(value: unknown, field: string): asserts value is string {
  if (typeof value !== 'string' || value.length === 0) throw invalid(field, 'must be a string of 1 to 256 bytes', value)
  if (value.length > STRING_MAX_BYTES / 3 && utf8(value).length > STRING_MAX_BYTES) {
    throw invalid(field, `must be at most ${STRING_MAX_BYTES} UTF-8 bytes`, value)
  }
  if (!value.isWellFormed()) throw invalid(field, 'must be well-formed Unicode', value)
}

function invalid(field: string, rule: string, found: unknown): VarveError {
  const shown = typeof found === 'string' ? JSON.stringify(found.slice(0, 40)) : describe(found)
  return new VarveError('EVENT_INVALID', `Cannot append: "${field}" ${rule}, found ${shown}`, {
    details: { field, rule, found: shown },
  })
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value
}

/** Check that a call is one event or a non-empty array within the limits.
 * @throws {VarveError} `EVENT_INVALID`, `APPEND_TOO_LARGE`. */
export function eventList(events: unknown): readonly NewEvent[] {
  const list: readonly unknown[] = Array.isArray(events) ? events : [events]
  if (list.length === 0) throw invalid('events', 'must not be empty', 'an empty array')
  if (list.length > APPEND_MAX_EVENTS) throw tooLarge('events', APPEND_MAX_EVENTS, list.length)
  for (let i = 0; i < list.length; i++) {
    const event = list[i]
    if (typeof event !== 'object' || event === null || Array.isArray(event)) {
      throw atIndex(invalid('event', 'must be an object', event), i, list.length)
    }
  }
  return list as readonly NewEvent[]
}

function tooLarge(limitName: 'events' | 'sizeBytes', limit: number, found: number): VarveError {
  return new VarveError('APPEND_TOO_LARGE', `Cannot append ${found} ${limitName} in one call: the limit is ${limit}`, {
    details: { limitName, limit, found },
  })
}

/** Encode events that passed `eventList`. All or nothing.
 * @throws {VarveError} `EVENT_INVALID`, `VALUE_UNSUPPORTED`, `EVENT_TOO_LARGE`, `APPEND_TOO_LARGE`, with the index. */
export function prepareRows(events: readonly NewEvent[], encoder: ValueEncoder, facts: CallFacts): PreparedRows {
  encoder.reset()
  const rows: Mutable<Row>[] = new Array(events.length)
  for (let i = 0; i < events.length; i++) {
    try {
      rows[i] = prepareRow(events[i] as NewEvent, encoder, facts)
    } catch (error) {
      throw atIndex(error, i, events.length)
    }
    if (encoder.length > APPEND_MAX_BYTES) throw tooLarge('sizeBytes', APPEND_MAX_BYTES, encoder.length)
  }
  const sizeBytes = encoder.length + namesBytes(rows, APPEND_MAX_BYTES - encoder.length)
  if (sizeBytes > APPEND_MAX_BYTES) throw tooLarge('sizeBytes', APPEND_MAX_BYTES, sizeBytes)
  const { values, giveBack } = encoder.take()
  for (const row of rows) row.values = values
  return { rows, sizeBytes, giveBack }
}

/** Bytes of the names of all rows. Counts characters, and bytes only where they could exceed `room`. */
function namesBytes(rows: readonly Row[], room: number): number {
  let characters = 0
  for (const row of rows) characters += sumOfNames(row, unitsOf)
  if (characters * 3 <= room) return characters
  return rows.reduce((sum, row) => sum + sumOfNames(row, (name) => utf8(name).length), 0)
}

const unitsOf = (name: string) => name.length

function sumOfNames(row: Row, measure: (name: string) => number): number {
  let sum = measure(row.kind) + measure(row.entity)
  if (row.correlationId !== undefined) sum += measure(row.correlationId)
  if (row.causationId !== undefined) sum += measure(row.causationId)
  if (row.id !== undefined) sum += measure(row.id)
  if (row.scope !== undefined) sum += measure(row.scope)
  if (row.idempotencyKey !== undefined) sum += measure(row.idempotencyKey)
  if (row.tags !== undefined) for (const tag of row.tags) sum += measure(tag)
  return sum
}

const NOTHING = new Uint8Array(0)

function prepareRow(event: NewEvent, encoder: ValueEncoder, facts: CallFacts): Mutable<Row> {
  for (const field in event)
    if (!FIELDS.has(field)) throw invalid(field, 'is not a field of an event', 'an unknown field')
  checkIdentifier(event.kind, 'kind')
  checkIdentifier(event.entity, 'entity')
  if (event.at !== undefined && !Number.isSafeInteger(event.at)) {
    throw invalid('at', 'must be whole milliseconds since 1970', event.at)
  }
  const start = encoder.length
  const dataCodec = encoder.encode(event.data, 'data')
  const dataEnd = encoder.length
  let metaCodec: ValueCodec = 0
  if (event.meta !== undefined) metaCodec = encoder.encode(event.meta, 'meta')
  const metaEnd = encoder.length
  let extensionsCodec: ValueCodec = 0
  if (event.extensions !== undefined) extensionsCodec = encoder.encode(event.extensions, 'extensions')
  return {
    kind: event.kind,
    entity: event.entity,
    at: event.at ?? facts.now,
    correlationId: optionalIdentifier(event.correlationId, 'correlationId'),
    causationId: optionalIdentifier(event.causationId, 'causationId'),
    id: optionalIdentifier(event.id, 'id'),
    scope: optionalIdentifier(event.scope, 'scope'),
    tags: optionalTags(event.tags),
    schemaVersion: optionalCount(event.schemaVersion, 'schemaVersion'),
    lane: optionalCount(event.lane, 'lane'),
    depth: optionalCount(event.depth, 'depth'),
    idempotencyKey: facts.idempotencyKey,
    values: NOTHING,
    start,
    dataEnd,
    metaEnd,
    end: encoder.length,
    dataCodec,
    metaCodec,
    extensionsCodec,
  }
}

function optionalIdentifier(value: unknown, field: string): string | undefined {
  if (value === undefined) return undefined
  checkIdentifier(value, field)
  return value
}

function optionalTags(tags: unknown): readonly string[] | undefined {
  if (tags === undefined) return undefined
  if (!Array.isArray(tags) || tags.length > TAGS_MAX)
    throw invalid('tags', `must be an array of at most ${TAGS_MAX}`, tags)
  tags.forEach((tag, at) => {
    checkIdentifier(tag, `tags[${at}]`)
  })
  return tags.length === 0 ? undefined : tags.slice()
}

function optionalCount(value: unknown, field: string): number | undefined {
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > U32_MAX) {
    throw invalid(field, 'must be a whole number from 0 to 2^32 - 1', value)
  }
  return value as number
}

/** Say which event of the call an error is about. */
export function atIndex(error: unknown, index: number, count: number): unknown {
  if (count === 1 || !isVarveError(error)) return error
  return new VarveError(error.code, `${error.message} (event ${index} of ${count})`, {
    details: { ...error.details, index },
    cause: error.cause,
  })
}
