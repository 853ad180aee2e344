/** Appending over HTTP: one atomic batch as JSON, or any number of events as NDJSON.
 *
 * What the caller believes comes in the body (`expect`, `condition`), or as the version of one entity in the headers
 * that HTTP has for it: `If-Match: "<version>"`, `If-Match: *` (it exists), `If-None-Match: *` (it does not).
 * @module */
import {
  type AppendCondition,
  type AppendOptions,
  type Expectation,
  type NewEvent,
  type QueryClause,
  VarveError,
} from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { bodyText, bodyType, json, parseJson, writableTopicOf } from './answers.ts'
import { fieldsOf, numberField, present, refuse, textField, textsField, wordField } from './fields.ts'
import { appendLines } from './ndjson.ts'
import { expectedVersion } from './preconditions.ts'

export const NDJSON = 'application/x-ndjson'

/** Headers that an append reads. */
export const APPEND_HEADERS = {
  'Idempotency-Key': 'Append at most once: a token or a quoted string, 1 to 256 bytes',
  'If-Match': 'The version of the one entity of the call, quoted; or * when it must exist',
  'If-None-Match': '* when the one entity of the call must not exist',
} as const

type Options = { -readonly [Key in keyof AppendOptions]: AppendOptions[Key] }

/** POST /api/topics/:topic/events */
export async function appendEvents(c: WebContext, app: Shared): Promise<Response> {
  const topic = await writableTopicOf(c, app)
  const given = givenOptions(c)
  const version = expectedVersion(c, { action: 'append', option: 'expect' })
  if (bodyType(c) === NDJSON) {
    if (version !== undefined)
      throw refuse('expect', 'Cannot append lines under a precondition: they are several appends; send JSON')
    const receipt = await appendLines(c, { app, topic, options: given })
    return told(receipt, receipt.events > 0 && receipt.replayedEvents === receipt.events)
  }
  const call = readCall(parseJson(await bodyText(c, app)))
  const count = Array.isArray(call.events) ? call.events.length : 1
  const limit = app.limits.bodyEvents
  if (count > limit)
    throw new VarveError('BODY_TOO_LARGE', `Cannot append ${count} events in one body: at most ${limit}`, {
      details: { limit, count },
    })
  if (version !== undefined) {
    given.expect = { entity: onlyEntity(call.events), version }
    factsOf(c).preconditioned = true
  }
  for (const option of ['durability', 'partition', 'idempotencyKey', 'expect'] as const)
    if (given[option] !== undefined && call.options[option] !== undefined)
      throw refuse(option, `Cannot append: "${option}" is given in the body and outside of it`)
  // The library checks every event; here it is only known to be an object or a list.
  const events = call.events as NewEvent | readonly NewEvent[]
  const receipt = await topic.append(events, { ...given, ...call.options })
  return told(receipt, receipt.replayed)
}

/** 201, or 200 for what an earlier call with the same key appended. */
function told(receipt: object, replayed: boolean): Response {
  return json(receipt, replayed ? { headers: { 'idempotency-replayed': 'true' } } : { status: 201 })
}

/** Options out of query and headers. */
function givenOptions(c: WebContext): Options {
  const { durability, partition } = factsOf(c).query
  const idempotencyKey = readKey(c.req.header('idempotency-key'))
  return present({ durability, partition, idempotencyKey })
}

/** The key of a header: a quoted string as the draft has it, or a token as most programs send it. */
function readKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const quoted = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/.exec(header)?.[1]
  const key = quoted?.replaceAll(/\\(.)/g, '$1') ?? (/^[!#-+\--~]+$/.test(header) ? header : '')
  if (key.length >= 1 && key.length <= 256) return key
  throw refuse('idempotencyKey', 'Cannot read the header Idempotency-Key: expected a token or a quoted string')
}

/** The entity of all events. What is no event is left to the library to refuse. */
function onlyEntity(events: unknown): string {
  const list: readonly unknown[] = Array.isArray(events) ? events : [events]
  const entities = new Set(list.map((event) => (event as Partial<NewEvent> | null)?.entity))
  const [entity] = entities
  if (entities.size === 1 && typeof entity === 'string') return entity
  throw refuse('expect', 'Cannot append under If-Match: the call has no entity or several; use "expect" in the body')
}

const CALL_KEYS = ['events', 'expect', 'condition', 'idempotencyKey', 'durability', 'partition'] as const

/** Tell a bare event or list from a call `{ events, ...options }`: no event has `events`. */
function readCall(body: unknown): { events: unknown; options: AppendOptions } {
  if (typeof body !== 'object' || body === null)
    throw new VarveError('EVENT_INVALID', 'Cannot append: expected an event, a list of events or { events }')
  if (Array.isArray(body) || !Object.hasOwn(body, 'events')) return { events: body, options: {} }
  const { events, expect, condition, ...rest } = fieldsOf(body, 'call', CALL_KEYS)
  if (typeof events !== 'object' || events === null)
    throw new VarveError('EVENT_INVALID', 'Cannot append: "events" is neither an event nor a list')
  const options = present({
    expect: expect === undefined ? undefined : [expect].flat().map(readExpectation),
    condition: condition === undefined ? undefined : readCondition(condition),
    idempotencyKey: textField(rest.idempotencyKey, 'idempotencyKey'),
    durability: wordField(rest.durability, 'durability', ['synced', 'buffered']),
    partition: numberField(rest.partition, 'partition'),
  })
  return { events, options }
}

function readExpectation(value: unknown): Expectation {
  const { entity, version } = fieldsOf(value, 'expect', ['entity', 'version'])
  const versionKnown = typeof version === 'number' || version === 'none' || version === 'exists'
  if (typeof entity === 'string' && versionKnown) return { entity, version }
  throw refuse('expect', 'Cannot append: an expectation is { entity, version }, a number, "none" or "exists"')
}

function readCondition(value: unknown): AppendCondition {
  const { query, after } = fieldsOf(value, 'condition', ['query', 'after'])
  if (typeof after !== 'number') throw refuse('condition', 'Cannot append: "after" of a condition is not a number')
  return { query: [query].flat().map(readClause), after }
}

function readClause(value: unknown): QueryClause {
  const { kinds, tags, entity } = fieldsOf(value, 'condition', ['kinds', 'tags', 'entity'])
  return present({
    kinds: textsField(kinds, 'condition'),
    tags: textsField(tags, 'condition'),
    entity: textField(entity, 'condition'),
  })
}
