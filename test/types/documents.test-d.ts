/** What the compiler says about structural events, checked by `npm run types`: a line under `@ts-expect-error` must be
 * refused. Nothing here runs.
 * @module */
import {
  EventSequence,
  eventsToJson,
  eventsToValue,
  type JsonToEventsOptions,
  jsonToEvents,
  type Scalar,
  type Store,
  type StructuralEvent,
  valueToEvents,
} from '../../src/index.ts'
import { type Equal, expectType } from './expect.ts'

declare const store: Store
declare const blob: Blob

export async function eventsPassFromOneToTheOther(): Promise<void> {
  const events = valueToEvents({ a: 1 })
  for (const event of events) expectType<Equal<typeof event, StructuralEvent>>()
  for await (const piece of eventsToJson(jsonToEvents(blob.stream()))) {
    expectType<Equal<typeof piece, Uint8Array>>()
  }
  const value = await eventsToValue(jsonToEvents([new Uint8Array()], { exactNumbers: 'refuse' }))
  expectType<Equal<typeof value, unknown>>()
  await store.documents.writeEvents('copy', valueToEvents(value))
  await store.documents.use('copy', (document) => eventsToValue(document.events('a')))
  // @ts-expect-error: text is no bytes.
  jsonToEvents('[]')
  // @ts-expect-error: a value is no source of events.
  await eventsToValue({ a: 1 })
  // @ts-expect-error: there are two ways.
  jsonToEvents(blob.stream(), { exactNumbers: 'round' })
  expectType<Equal<JsonToEventsOptions['exactNumbers'], 'keep' | 'refuse' | undefined>>()
}

export function aSequenceIsFollowed(): void {
  const sequence = new EventSequence()
  sequence.next({ type: 'key', key: 'a' })
  // @ts-expect-error: the key of a field is text.
  sequence.next({ type: 'key', key: 1 })
  // @ts-expect-error: containers are many events.
  sequence.next({ type: 'value', value: [] })
  // @ts-expect-error: the path is read.
  sequence.path = 'a'
  const { path, depth, isComplete } = sequence
  expectType<Equal<[typeof path, typeof depth, typeof isComplete], [string, number, boolean]>>()
}

export function eventsAreToldByTheirType(event: StructuralEvent): void {
  if (event.type === 'value') expectType<Equal<typeof event.value, Scalar>>()
  if (event.type === 'intKey') expectType<Equal<typeof event.key, number>>()
  if (event.type === 'decimal') expectType<Equal<typeof event.text, string>>()
}
