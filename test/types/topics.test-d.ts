/** What the compiler says about topics, checked by `npm run types`: a line under `@ts-expect-error` must be refused.
 * Nothing here runs.
 * @module */
import type {
  EventProof,
  NewEvent,
  PruneReport,
  RawEvent,
  Receipt,
  StandardSchema,
  Store,
  StoredEvent,
  TopicSettings,
} from '../../src/index.ts'
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

export async function rawEventsAreEnvelopesUntilTheyAreDecoded(): Promise<void> {
  const orders = await store.topics.open<Orders>('orders')
  for await (const batch of orders.read({ tag: 'new' }).raw()) {
    expectType<Equal<typeof batch, RawEvent<Orders>[]>>()
    for (const raw of batch) {
      expectType<Equal<typeof raw.scope, string | undefined>>()
      // @ts-expect-error: values are not decoded.
      raw.data
      const event = raw.decode()
      expectType<Equal<typeof event, StoredEvent<Orders>>>()
    }
  }
  for (const event of [...(await orders.causes('id')), ...(await orders.effects('id', { limit: 5 }))])
    expectType<Equal<typeof event, StoredEvent<Orders>>>()
}

export async function filtersHaveNames(): Promise<void> {
  const orders = await store.topics.open<Orders>('orders')
  orders.read({ kind: ['OrderPlaced', 'OrderPaid'], scope: 's', causationId: 'c', idempotencyKey: 'k', since: 0 })
  // @ts-expect-error: one tag; conditions ask for several.
  orders.read({ tag: ['a', 'b'] })
  // @ts-expect-error: a typo is no filter.
  orders.read({ entityId: 'customer-42' })
  // @ts-expect-error: a tail ends never, so it has no end.
  orders.tail({ until: 5 })
}

export async function decisionsSayWhatTheyAreBasedOn(): Promise<void> {
  const orders = await store.topics.open<Orders>('orders')
  const event: NewEvent<Orders> = { kind: 'OrderPaid', entity: 'customer-42', data: { method: 'card' } }
  const both = [
    { entity: 'customer-42', version: 'exists' },
    { entity: 'customer-7', version: 3 },
  ] as const
  const query = [{ kinds: ['OrderPaid'], tags: ['new'] }, { entity: 'customer-42' }]
  const receipt = await orders.append(event, { expect: both, condition: { query, after: 7 }, idempotencyKey: 'k' })
  expectType<Equal<typeof receipt.replayed, boolean>>()
  const { idempotency } = receipt
  if (idempotency !== undefined) expectType<Equal<typeof idempotency.until, number>>()
  // @ts-expect-error: a condition says what was seen.
  await orders.append(event, { condition: { query: { entity: 'customer-42' } } })
  // @ts-expect-error: clauses have kinds, not a kind.
  await orders.append(event, { condition: { query: { kind: 'OrderPaid' }, after: 0 } })
}

export async function foldsHaveTheTypeOfTheirState(): Promise<void> {
  const orders = await store.topics.open<Orders>('orders')
  const add = (total: number, event: StoredEvent<Orders>) =>
    event.kind === 'OrderPlaced' ? total + event.data.total : total
  const { state, version } = await orders.fold('customer-42', add, 0)
  expectType<Equal<[typeof state, typeof version], [number, number]>>()
  const decided = await orders.decide('customer-42', add, 0, (total) =>
    total > 10 ? { kind: 'OrderPaid', entity: 'customer-42', data: { method: 'card' } } : [],
  )
  expectType<Equal<typeof decided.receipt, Receipt | undefined>>()
  // @ts-expect-error: the state is what the fold makes.
  await orders.fold('customer-42', add, 'nothing')
  // @ts-expect-error: what is decided are events of the topic.
  await orders.decide('customer-42', add, 0, () => ({ kind: 'OrderLost', entity: 'customer-42', data: {} }))
}

export async function topicsArePrunedProvenAndChanged(): Promise<void> {
  const orders = await store.topics.open<Orders>('orders', {
    create: { retention: { maxEvents: 1_000 }, compression: 'deflate', chain: 'events', idempotency: { windowMs: 5 } },
    upcasts: { OrderPlaced: { version: 2, from: { 1: (data: { sum: number }) => ({ total: data.sum }) } } },
  })
  const report = await orders.prune({ before: 5, dryRun: true })
  expectType<Equal<typeof report, PruneReport>>()
  const proof = await orders.proof(5)
  expectType<Equal<typeof proof, EventProof | undefined>>()
  const { settings } = await store.topics.change('orders', { retention: {}, compression: 'none' })
  expectType<Equal<typeof settings, TopicSettings>>()
  // @ts-expect-error: fixed when the topic is created.
  await store.topics.change('orders', { partitions: 2 })
  // @ts-expect-error: fixed when the topic is created.
  await store.topics.change('orders', { chain: 'batches' })
  // @ts-expect-error: codecs have names.
  await store.topics.open('orders', { create: { compression: 'gzip' } })
  // @ts-expect-error: an upcast of a kind that is not there.
  await store.topics.open<Orders>('orders', { upcasts: { OrderLost: { version: 2, from: {} } } })
}
