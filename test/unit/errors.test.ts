/** Codes of the library, each by a call that meets it, and what every error says beside its code.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { AssertionError, assert, type ErrorCode, isVarveError, VarveError } from '../../src/errors.ts'
import { openStore, type StandardSchema, type Topic } from '../../src/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'

const EVENT = { kind: 'OrderPlaced', entity: 'order-1', data: { total: 12 } } as const

const refusing: StandardSchema = {
  '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [{ message: 'No', path: ['total'] }] }) },
}

async function opened() {
  const storage = memoryStorage()
  const store = await openStore({ storage, clock: new ManualClock(), random: seededRandom(1) })
  const orders = await store.topics.open('orders', { create: { partitions: 2 } })
  await orders.append(EVENT)
  return { storage, store, orders }
}

/** Calls that are refused, by the code they are refused with. */
const CALLS: Readonly<Partial<Record<ErrorCode, (place: Awaited<ReturnType<typeof opened>>) => unknown>>> = {
  TOPIC_UNKNOWN: ({ store }) => store.topics.open('invoices'),
  TOPIC_EXISTS: ({ store }) => store.topics.open('orders', { create: { partitions: 3 } }),
  NAME_INVALID: ({ store }) => store.topics.open('../orders', { create: true }),
  OPTION_INVALID: ({ store }) => store.topics.open('invoices', { create: { partitions: 0 } }),
  PARTITION_UNKNOWN: ({ orders }) => orders.append(EVENT, { partition: 2 }),
  APPEND_TOO_LARGE: ({ orders }) => orders.append(Array.from({ length: 10_001 }, () => EVENT)),
  EVENT_INVALID: ({ orders }) => orders.append({ ...EVENT, entity: '' }),
  EVENT_TOO_LARGE: ({ orders }) => orders.append({ ...EVENT, data: 'x'.repeat(1_048_577) }),
  VALUE_UNSUPPORTED: ({ orders }) => orders.append({ ...EVENT, data: new Map() }),
  VERSION_CONFLICT: ({ orders }) => orders.append(EVENT, { expect: { entity: 'order-1', version: 'none' } }),
  OFFSET_OUT_OF_RANGE: ({ orders }) => firstOf(orders, { from: 1_000, partition: 0 }),
  CURSOR_INVALID: ({ orders }) => orders.page({ cursor: 'nonsense' }),
  CURSOR_FOREIGN: async ({ store, orders }) => {
    const others = await store.topics.open('others', { create: { partitions: 2 } })
    await orders.page({ cursor: others.cursorAfter({ partition: 0, offset: 0 }) })
  },
  SCHEMA_REJECTED: async ({ store }) => {
    const checked = await store.topics.open('checked', { create: true, schemas: { OrderPlaced: refusing } })
    await checked.append(EVENT)
  },
  STORE_READ_ONLY: async ({ storage, store }) => {
    await store.close()
    const reader = await openStore({ storage, readOnly: true, clock: new ManualClock() })
    await (await reader.topics.open('orders')).append(EVENT)
  },
  STORE_MISSING: () => openStore({ storage: memoryStorage(), readOnly: true }),
  STORE_OPEN_HERE: ({ storage }) => openStore({ storage }),
  STORE_CLOSED: async ({ store, orders }) => {
    await store.close()
    await orders.append(EVENT)
  },
}

async function firstOf(topic: Topic, options: { from: number; partition: number }): Promise<unknown> {
  for await (const event of topic.read(options)) return event
  return undefined
}

for (const [code, call] of Object.entries(CALLS))
  test(`${code} is what a caller meets, with a message that says the action`, async () => {
    const place = await opened()
    const error = await Promise.resolve(place)
      .then(call)
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
    await place.store.close()
    expect(isVarveError(error, code as ErrorCode), String(error)).toBe(true)
    expect((error as VarveError).message).toMatch(/^[A-Z].*[^.]$/s)
  })

test('VarveError takes kind, retry and hint from its code', () => {
  const error = new VarveError('STORAGE_FULL', 'Cannot append', { details: { neededBytes: 10 }, cause: 'ENOSPC' })
  expect(error).toMatchObject({ kind: 'full', retryable: true, details: { neededBytes: 10 }, cause: 'ENOSPC' })
  expect(error.hint).toMatch(/^Free space/)
})

test('isVarveError() knows an error of another copy of the module, and nothing that only looks like one', () => {
  const other = Object.assign(new Error('Cannot'), { [Symbol.for('varve.error')]: true, code: 'INTERNAL' })
  expect(isVarveError(other, 'INTERNAL')).toBe(true)
  expect(isVarveError(other, 'STORE_CLOSED')).toBe(false)
  expect(
    [null, undefined, 'INTERNAL', { code: 'INTERNAL' }, new Error('no')].some((value) => isVarveError(value)),
  ).toBe(false)
})

test('assert() names the invariant that does not hold', () => {
  expect(() => assert(false, 'offsets ascend')).toThrow(AssertionError)
  expect(() => assert(false, 'offsets ascend')).toThrow('offsets ascend')
})
