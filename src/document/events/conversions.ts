/** Values and JSON text as structural events, and back.
 * @module */
import { ValueBuilder } from '../../codec/value-builder.ts'
import { pumpJson } from '../json/source.ts'
import { JsonText } from '../json/text.ts'
import type { DocumentBytes, StructuralEvent } from '../types.ts'
import { EventCollector } from './collector.ts'
import { feedEvents } from './feed.ts'
import { PumpedEvents } from './pump.ts'
import { PausingWalk } from './value-source.ts'

/** Events that are made before some are taken. */
const EVENTS_AT_ONCE = 256

type Events = Iterable<StructuralEvent> | AsyncIterable<StructuralEvent>

export interface JsonToEventsOptions {
  /** `refuse`: number literals that a number cannot hold are errors. Default `keep`: as `JSON.parse` reads them. */
  readonly exactNumbers?: 'keep' | 'refuse'
  readonly signal?: AbortSignal
}

/** The structural events of a value, made as they are taken: the value must not change until then.
 * Memory: some hundred events, and the keys of open objects, however large the value is. Events of bytes and dates have
 * copies of them. The iterable can be read once.
 * @throws {VarveError} while it is read, after the events before: `VALUE_UNSUPPORTED` {path, found}, `DOCUMENT_LIMIT`.
 * @example
 * ```ts
 * import { valueToEvents } from 'varve'
 * const types = [...valueToEvents({ tags: ['new'] })].map((event) => event.type)
 * console.assert(types.join() === 'beginObject,key,beginArray,value,endArray,endObject')
 * ``` */
export function* valueToEvents(value: unknown): Generator<StructuralEvent, void, undefined> {
  const events = new EventCollector(EVENTS_AT_ONCE)
  const walk = new PausingWalk(events)
  let step = () => walk.begin(value)
  for (let isDone = false; !isDone; step = () => walk.resume()) {
    try {
      isDone = step()
    } catch (error) {
      yield* events.take()
      throw error
    }
    yield* events.take()
  }
}

/** The value that structural events make, as documents show it: fields whose value is undefined are left out, in arrays
 * it becomes null; decimals become their text, integer keys decimal ones. Of a key that an object has twice the last
 * one counts, as in `JSON.parse`. A source that is not read to its end is closed.
 * @throws {VarveError} `DOCUMENT_SEQUENCE` {found, expected, path}, also for events that end too early;
 * `DOCUMENT_LIMIT`, `VALUE_UNSUPPORTED`; and what the source throws.
 * @example
 * ```ts
 * import { eventsToValue, valueToEvents } from 'varve'
 * const value = { name: 'tea', since: new Date(0), stock: 12n }
 * const copy = (await eventsToValue(valueToEvents(value))) as typeof value
 * console.assert(copy.since.getTime() === 0 && copy.stock === 12n)
 * ``` */
export async function eventsToValue(events: Events): Promise<unknown> {
  const builder = new ValueBuilder()
  for await (const _ of feedEvents(events, builder));
  return builder.value
}

/** The structural events of JSON text in the dialect of `parseJsonValue`, while it comes in, however it is cut into
 * chunks. Keys come as often as the text has them. Events come as soon as the chunk that completes them was read.
 * Memory: the events of 64 KiB of text, and the longest string. Leaving the loop closes the source.
 * @throws {VarveError} while it is read, after the events before: `JSON_INVALID` {position, line, column, found},
 * `DOCUMENT_LIMIT`, `OPTION_INVALID` for a source that is no bytes; what the source throws, and the reason of `signal`,
 * which is looked at every 64 KiB and while a chunk is awaited.
 * @example
 * ```ts
 * import { EventSequence, jsonToEvents } from 'varve'
 * const file = new Blob(['{"users":[{"name":"Ada"},', '{"name":"Grace"}]}'])
 * const sequence = new EventSequence()
 * let found: unknown
 * for await (const event of jsonToEvents(file.stream())) {
 *   sequence.next(event)
 *   if (event.type === 'value' && sequence.path === 'users[1].name') found = event.value
 * }
 * console.assert(found === 'Grace')
 * ``` */
export function jsonToEvents(
  bytes: DocumentBytes,
  options: JsonToEventsOptions = {},
): AsyncGenerator<StructuralEvent, void, undefined> {
  const events = new PumpedEvents()
  return events.run(() => pumpJson(events, bytes, options))
}

/** The JSON text of structural events as UTF-8, in pieces of about 64 KiB and while the events come, in the dialect of
 * `stringifyValue` with decimals as they are. Keys come as often as the events have them. A source that is not read to
 * its end is closed.
 * Memory: about two pieces, or the largest scalar.
 * @throws {VarveError} while it is read, as `eventsToValue`; pieces before may have been given by then.
 * @example
 * ```ts
 * import { eventsToJson, jsonToEvents, type StructuralEvent } from 'varve'
 * async function* withoutNulls(events: AsyncIterable<StructuralEvent>): AsyncIterable<StructuralEvent> {
 *   for await (const event of events) {
 *     yield event.type === 'value' && event.value === null ? { type: 'value', value: undefined } : event
 *   }
 * }
 * const json = new TextEncoder().encode('{ "name": "tea", "note": null }')
 * let text = ''
 * for await (const piece of eventsToJson(withoutNulls(jsonToEvents(json)))) text += new TextDecoder().decode(piece)
 * console.assert(text === '{"name":"tea"}')
 * ``` */
export async function* eventsToJson(events: Events): AsyncGenerator<Uint8Array, void, undefined> {
  const text = new JsonText([])
  for await (const _ of feedEvents(events, text)) yield* text.take()
}
