/** What the compiler says about topics, checked by `npm run types`: a line under `@ts-expect-error` must be refused.
 * Nothing here runs.
 * @module */
import type { NewEvent, Receipt, StandardSchema, Store, StoredEvent } from '../../src/index.ts'
import { type Equal, expectType } from './expect.ts'

type Orders = { OrderPlaced: { total: number }; OrderPaid: { method: string } }

declare const store: Store
declare const placedSchema: StandardSchema<unknown, { total: number }>
declare const paidSchema: StandardSchema<unknown, { method: string }>

export async function eventsAreAUnionByKind(): Promise<void> {
  const orders = await store.topics.open<Orders>('orders')
  for await (const event of orders.read()) {
    expectType<Equal<typeof event.kind, 'OrderPlaced' | 'OrderPaid'>>()
    if (event.kind === 'OrderPlaced') {
      expectType<Equal<typeof event.data, { total: number }>>()
      // @ts-expect-error: the data of another kind.
      event.data.method
    } else {
      expectType<Equal<typeof event.data, { method: string }>>()
    }
    // @ts-expect-error: what was read is read-only.
    event.offset = 1
  }
  const { items } = await orders.page({ limit: 10 })
  expectType<Equal<(typeof items)[number], StoredEvent<Orders>>>()
  const one = await orders.get(0)
  expectType<Equal<typeof one, StoredEvent<Orders> | undefined>>()
  for await (const batch of orders.tail({ from: 'start' }).batches())
    expectType<Equal<typeof batch, StoredEvent<Orders>[]>>()
}

export async function appendRefusesWhatTheTopicDoesNotHold(): Promise<void> {
  const orders = await store.topics.open<Orders>('orders', { create: { partitions: 2 } })
  const receipt = await orders.append({ kind: 'OrderPlaced', entity: 'customer-42', data: { total: 12 } })
  expectType<Equal<typeof receipt, Receipt>>()
  await orders.append([
    { kind: 'OrderPlaced', entity: 'customer-42', data: { total: 12 }, tags: ['new'] },
    { kind: 'OrderPaid', entity: 'customer-42', data: { method: 'card' } },
  ])
  // @ts-expect-error: data of another kind.
  await orders.append({ kind: 'OrderPlaced', entity: 'customer-42', data: { method: 'card' } })
  // @ts-expect-error: an unknown kind.
  await orders.append({ kind: 'OrderLost', entity: 'customer-42', data: {} })
  // @ts-expect-error: no entity.
  await orders.append({ kind: 'OrderPaid', data: { method: 'card' } })
  // @ts-expect-error: a time is a number of milliseconds.
  await orders.append({ kind: 'OrderPaid', entity: 'customer-42', data: { method: 'card' }, at: new Date() })
  const event: NewEvent<Orders> = { kind: 'OrderPaid', entity: 'customer-42', data: { method: 'card' } }
  // @ts-expect-error: durabilities have names.
  await orders.append(event, { durability: true })
  // @ts-expect-error: a version is a number, `none` or `exists`.
  await orders.append(event, { expect: { entity: 'customer-42', version: 'any' } })
}

export async function aTopicWithoutKindsTakesAnyData(): Promise<void> {
  const notes = await store.topics.open('notes', { create: true })
  await notes.append({ kind: 'NoteTaken', entity: 'note-1', data: { text: 'anything', at: new Date() } })
  const event = await notes.get(0)
  if (event !== undefined) expectType<Equal<typeof event.kind, string>>()
}

export async function schemasAreOnePerKind(): Promise<void> {
  await store.topics.open<Orders>('orders', { schemas: { OrderPlaced: placedSchema, OrderPaid: paidSchema } })
  // @ts-expect-error: a kind without its schema.
  await store.topics.open<Orders>('orders', { schemas: { OrderPlaced: placedSchema } })
  // @ts-expect-error: not a schema.
  await store.topics.open<Orders>('orders', { schemas: { OrderPlaced: placedSchema, OrderPaid: 'method' } })
}
