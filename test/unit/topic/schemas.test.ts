/** Topics with schemas: what is refused, what is stored.
 * @module */
import { expect, test } from 'vitest'
import type { StandardResult, StandardSchema } from '../../../src/topic/schema.ts'
import type { NewEvent } from '../../../src/topic/types.ts'
import { collect, openLog, outcome } from './support.ts'

function schema(validate: (value: unknown) => StandardResult<unknown> | Promise<StandardResult<unknown>>) {
  return { '~standard': { version: 1, vendor: 'test', validate } } satisfies StandardSchema
}

/** Takes { total: number }, and drops every other field. */
const placed = schema((value) => {
  const { total } = (value ?? {}) as { total?: unknown }
  if (typeof total === 'number') return { value: { total } }
  return {
    issues: [
      { message: 'Not a number', path: ['total'] },
      { message: 'Bad line', path: ['lines', 0, { key: 'sku' }] },
    ],
  }
})

const later = schema(async (value) => {
  await undefined
  return typeof value === 'string' ? { value: value.toUpperCase() } : { issues: [{ message: 'Not a text' }] }
})

async function withSchemas(schemas: Record<string, StandardSchema>) {
  const log = await openLog()
  return { ...log, topic: await log.store.topics.open('orders', { schemas }) }
}

const one = (kind: string, data: unknown): NewEvent => ({ kind, entity: 'e', data })

test('Topic.append() stores what the schema gives back', async () => {
  const { store, topic } = await withSchemas({ Placed: placed, Later: later })
  await topic.append([one('Placed', { total: 1, extra: true }), one('Later', 'text')])
  expect((await collect(topic.read())).map(({ data }) => data)).toEqual([{ total: 1 }, 'TEXT'])
  await store.close()
})

test('Topic.append() refuses the whole call with every issue, its event and its path', async () => {
  const { store, topic } = await withSchemas({ Placed: placed, Later: later })
  await expect(topic.append([one('Placed', { total: 1 }), one('Placed', {}), one('Later', 5)])).rejects.toMatchObject({
    code: 'SCHEMA_REJECTED',
    message: expect.stringContaining('data.total: Not a number'),
    details: {
      topic: 'orders',
      issues: [
        { index: 1, kind: 'Placed', path: 'data.total', message: 'Not a number' },
        { index: 1, kind: 'Placed', path: 'data.lines[0].sku', message: 'Bad line' },
        { index: 2, kind: 'Later', path: 'data', message: 'Not a text' },
      ],
    },
  })
  expect(await collect(topic.read())).toEqual([])
  await store.close()
})

test.each(['Unknown', '__proto__', 'constructor'])(
  'Topic.append() refuses kind %s, which has no schema',
  async (kind) => {
    const { store, topic } = await withSchemas({ Placed: placed })
    await expect(topic.append(one(kind, { total: 1 }))).rejects.toMatchObject({
      code: 'SCHEMA_REJECTED',
      details: { issues: [{ index: 0, kind, path: 'kind' }] },
    })
    await store.close()
  },
)

test('Topic.append() takes an empty list of issues for a refusal', async () => {
  const { store, topic } = await withSchemas({ Odd: schema(() => ({ issues: [] })), Placed: placed })
  expect(await outcome(topic.append(one('Odd', 1)))).toBe('SCHEMA_REJECTED')
  expect(await outcome(topic.append([one('Placed', { total: 1 }), one('Odd', 1)]))).toBe('SCHEMA_REJECTED')
  expect(await collect(topic.read())).toEqual([])
  await store.close()
})

test('Topic.append() passes on what a schema throws', async () => {
  const { store, topic } = await withSchemas({
    Thrown: schema(() => {
      throw new RangeError('broken schema')
    }),
    Rejected: schema(() => Promise.reject(new RangeError('broken schema'))),
  })
  expect(await outcome(topic.append(one('Thrown', 1)))).toBe('RangeError')
  expect(await outcome(topic.append(one('Rejected', 1)))).toBe('RangeError')
  await store.close()
})

test('Topic.append() with a schema that answers at once has read its events when it returns', async () => {
  const { store, topic } = await withSchemas({ Kept: schema((value) => ({ value })) })
  const data = { n: 1 }
  const given = [one('Kept', data)]
  const done = topic.append(given)
  data.n = 2
  given.push(one('Kept', 'more'))
  await done
  expect((await collect(topic.read())).map((event) => event.data)).toEqual([{ n: 1 }])
  await store.close()
})

test('Topic.append() checks what a schema gives back like any value', async () => {
  const { store, topic } = await withSchemas({ Map: schema(() => ({ value: new Map() })) })
  expect(await outcome(topic.append(one('Map', 1)))).toBe('VALUE_UNSUPPORTED')
  await store.close()
})

test('Topics.open() without schemas leaves those of the topic', async () => {
  const { store, topic } = await withSchemas({ Placed: placed })
  const same = await store.topics.open('orders')
  expect(same).toBe(topic)
  expect(await outcome(same.append(one('Other', 1)))).toBe('SCHEMA_REJECTED')
  await store.close()
})
