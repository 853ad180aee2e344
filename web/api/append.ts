/** Appending over HTTP: one atomic batch as JSON, or any number of events as NDJSON.
 * @module */
import { type AppendOptions, type Expectation, type NewEvent, VarveError } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { bodyText, bodyType, json, parseJson, topicOf } from './answers.ts'
import { appendLines } from './ndjson.ts'

export const NDJSON = 'application/x-ndjson'

/** POST /api/topics/:topic/events */
export async function appendEvents(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const { query } = factsOf(c)
  const given: AppendOptions = {
    ...(query.durability !== undefined && { durability: query.durability }),
    ...(query.partition !== undefined && { partition: query.partition }),
  }
  if (bodyType(c) === NDJSON) return json(await appendLines(c, { app, topic, options: given }), { status: 201 })
  const call = readCall(parseJson(await bodyText(c, app)))
  const count = Array.isArray(call.events) ? call.events.length : 1
  const limit = app.limits.bodyEvents
  if (count > limit)
    throw new VarveError('BODY_TOO_LARGE', `Cannot append ${count} events in one body: at most ${limit}`, {
      details: { limit, count },
    })
  for (const option of ['durability', 'partition'] as const)
    if (given[option] !== undefined && call.options[option] !== undefined)
      throw refuse(option, `Cannot append: "${option}" is given in the query and in the body`)
  // The library checks every event; here it is only known to be an object or a list.
  const events = call.events as NewEvent | readonly NewEvent[]
  const receipt = await topic.append(events, { ...given, ...call.options })
  return json(receipt, { status: 201 })
}

const CALL_KEYS = new Set(['events', 'expect', 'durability', 'partition'])

/** Tell a bare event or list from a call `{ events, expect?, durability?, partition? }`: no event has `events`. */
function readCall(body: unknown): { events: unknown; options: AppendOptions } {
  if (typeof body !== 'object' || body === null)
    throw new VarveError('EVENT_INVALID', 'Cannot append: expected an event, a list of events or { events }')
  if (Array.isArray(body) || !Object.hasOwn(body, 'events')) return { events: body, options: {} }
  const call: Readonly<Record<string, unknown>> = { ...body }
  for (const key of Object.keys(call))
    if (!CALL_KEYS.has(key)) throw refuse(key, `Cannot append: "${key}" is not known beside "events"`)
  const { events, expect, durability, partition } = call
  if (typeof events !== 'object' || events === null)
    throw new VarveError('EVENT_INVALID', 'Cannot append: "events" is neither an event nor a list')
  const options: { -readonly [Key in keyof AppendOptions]: AppendOptions[Key] } = {}
  if (expect !== undefined) options.expect = (Array.isArray(expect) ? expect : [expect]).map(readExpectation)
  if (durability !== undefined) {
    if (durability !== 'synced' && durability !== 'buffered')
      throw refuse('durability', 'Cannot append: "durability" is neither "synced" nor "buffered"')
    options.durability = durability
  }
  if (partition !== undefined) {
    if (typeof partition !== 'number') throw refuse('partition', 'Cannot append: "partition" is not a number')
    options.partition = partition
  }
  return { events, options }
}

function readExpectation(value: unknown): Expectation {
  const { entity, version, ...rest } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Partial<Expectation>
  const versionKnown = typeof version === 'number' || version === 'none' || version === 'exists'
  if (typeof entity === 'string' && versionKnown && Object.keys(rest).length === 0) return { entity, version }
  throw refuse('expect', 'Cannot append: an expectation is { entity, version }, a number, "none" or "exists"')
}

function refuse(option: string, message: string): VarveError {
  return new VarveError('OPTION_INVALID', message, { details: { option } })
}
