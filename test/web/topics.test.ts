/** Topics over HTTP: options, changes, pruning, deleting, and the record of all of it.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore, type StoredEvent, type TopicStats } from '../../src/index.ts'
import { createApp } from '../../web/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { FrameReader, type Harness, harness, jsonOf, posted, settle } from './support/harness.ts'

const EVENT = { kind: 'Placed', entity: 'a', data: { total: 1 } }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const MIB = 1_048_576

function patched(body: unknown): RequestInit {
  return { ...posted(body), method: 'PATCH' }
}

async function started(options: Record<string, unknown> = {}) {
  const made = await harness()
  const answer = await made.as('admin', '/api/topics', posted({ topic: 'orders', segmentBytes: MIB, ...options }))
  expect(answer.status).toBe(201)
  const topic = await made.store.topics.open('orders')
  /** Several sealed segments of 1 MiB and an active one. */
  const fill = async (count = 6) => {
    for (let n = 0; n < count; n++) await topic.append({ ...EVENT, data: `${n}`.repeat(700_000) })
  }
  return { ...made, topic, fill }
}

/** Events of the store's own topic: what was done, and how it ended. */
async function recordOf({ as }: Pick<Harness, 'as'>): Promise<StoredEvent[]> {
  const page = await jsonOf(await as('admin', '/api/topics/_audit/events'))
  return page.items as StoredEvent[]
}

describe('settings', () => {
  test('postTopic() takes every option, and readTopic() shows them', async () => {
    const settings = {
      partitions: 2,
      segmentBytes: 2 * MIB,
      retention: { maxAgeMs: 1_000, maxBytes: 5 * MIB, maxEvents: 7 },
      compression: 'deflate',
      chain: 'events',
      idempotency: { windowMs: 60_000, windowKeys: 10 },
    }
    const { as } = await harness()
    const created = await as('admin', '/api/topics', posted({ topic: 'orders', ...settings }))
    expect([created.status, (await jsonOf(created)).settings]).toEqual([201, settings])
    expect(await jsonOf(await as('read', '/api/topics/orders'))).toMatchObject({ topic: 'orders', settings, events: 0 })
  })

  const refused: unknown[] = [
    { retention: 1 },
    { retention: [] },
    { retention: { maxAge: 1 } },
    { retention: { maxAgeMs: '1' } },
    { retention: { maxEvents: -1 } },
    { compression: 'zip' },
    { idempotency: { windowKeys: null } },
    { segmentBytes: 1 },
    { segmentBytes: '1048576' },
  ]
  for (const body of [...refused, { chain: 'tree' }, { partitions: 0 }, { more: 1 }])
    test(`postTopic() refuses ${JSON.stringify(body)}`, async () => {
      const { as, store } = await harness()
      const answer = await as('admin', '/api/topics', posted({ topic: 'orders', ...(body as object) }))
      expect(await jsonOf(answer)).toMatchObject({ code: 'OPTION_INVALID', status: 400 })
      expect((await store.topics.list()).filter(({ topic }) => topic === 'orders')).toEqual([])
    })

  for (const body of [...refused, { partitions: 2 }, { chain: 'events' }, [], 1])
    test(`patchTopic() refuses ${JSON.stringify(body)}`, async () => {
      const { as, topic } = await started()
      const before = topic.stats().settings
      const answer = await as('admin', '/api/topics/orders', patched(JSON.stringify(body)))
      expect(await jsonOf(answer)).toMatchObject({ code: 'OPTION_INVALID', status: 400 })
      expect((await jsonOf(await as('read', '/api/topics/orders'))).settings).toEqual(before)
    })

  test('patchTopic() changes what it names and leaves the rest', async () => {
    const { as } = await started({ compression: 'deflate' })
    const answer = await as('admin', '/api/topics/orders', patched({ retention: { maxEvents: 5 } }))
    expect(answer.status).toBe(200)
    const { settings } = (await jsonOf(answer)) as unknown as TopicStats
    expect(settings).toMatchObject({ segmentBytes: MIB, compression: 'deflate', retention: { maxEvents: 5 } })
    await as('admin', '/api/topics/orders', patched({ retention: {}, compression: 'none' }))
    const after = (await jsonOf(await as('read', '/api/topics/orders'))) as unknown as TopicStats
    expect(after.settings).toMatchObject({ retention: {}, compression: 'none' })
    expect((await as('admin', '/api/topics/nothing', patched({}))).status).toBe(404)
  })
})

describe('pruning', () => {
  const prune = ({ as }: Pick<Harness, 'as'>, body: unknown) =>
    as('admin', '/api/topics/orders/prune', posted(JSON.stringify(body)))

  test('postPrune() says what would go, changes nothing without the name, and does it with the name', async () => {
    const made = await started()
    await made.fill()
    const preview = await jsonOf(await prune(made, { dryRun: true, before: 4 }))
    const [planned] = preview.partitions as { logStartOffset: number; events: number; sizeBytes: number }[]
    expect(preview.dryRun).toBe(true)
    expect(planned?.events).toBeGreaterThan(0)
    for (const confirm of [undefined, 'order', 'Orders']) {
      const answer = await prune(made, { before: 4, confirm })
      expect(await jsonOf(answer)).toMatchObject({
        code: 'OPTION_INVALID',
        status: 400,
        details: { option: 'confirm' },
      })
    }
    expect(made.topic.stats().events).toBe(6)
    const report = await jsonOf(await prune(made, { before: 4, confirm: 'orders' }))
    // Indexes of the segments may have been written meanwhile, which makes them larger.
    const { sizeBytes: _size, ...facts } = planned ?? {}
    expect(report).toMatchObject({ dryRun: false, partitions: [facts] })
    const { partitions, events } = made.topic.stats()
    expect(partitions[0]?.logStartOffset).toBe(planned?.logStartOffset)
    expect(events).toBe(6 - (planned?.events ?? 0))
  })

  test('what was pruned is 410 with what is still there, over pages, single events and streams', async () => {
    const made = await started()
    await made.fill()
    await prune(made, { before: 4, confirm: 'orders' })
    const start = made.topic.stats().partitions[0]?.logStartOffset
    for (const path of ['/events?from=0', '/events/0', '/tail?from=0&wait=0']) {
      const answer = await made.as('read', `/api/topics/orders${path}`)
      const problem = await jsonOf(answer)
      expect(problem, path).toMatchObject({ code: 'OFFSET_PRUNED', status: 410, details: { logStartOffset: start } })
    }
    const page = await jsonOf(await made.as('read', '/api/topics/orders/events?limit=1'))
    expect((page.items as StoredEvent[])[0]?.offset).toBe(start)
    expect((await jsonOf(await made.as('read', '/api/topics/orders/events?entity=a&limit=1'))).entityVersion).toBe(6)
  })

  for (const body of [1, null, { dryRun: 1 }, { before: '4' }, { partition: 'x' }, { all: true }])
    test(`postPrune() refuses ${JSON.stringify(body)}`, async () => {
      const made = await started()
      expect((await jsonOf(await prune(made, body))).code).toBe('OPTION_INVALID')
    })
})

describe('deleting', () => {
  test('removeTopic() deletes with the name again, and nothing without it', async () => {
    const { as, fill } = await started()
    await fill(1)
    const remove = (query: string) => as('admin', `/api/topics/orders${query}`, { method: 'DELETE' })
    for (const query of ['', '?confirm=other', '?confirm=Orders']) {
      const answer = await remove(query)
      expect(await jsonOf(answer)).toMatchObject({
        code: 'OPTION_INVALID',
        status: 400,
        details: { option: 'confirm' },
      })
    }
    const answer = await remove('?confirm=orders')
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect((await as('read', '/api/topics/orders')).status).toBe(404)
    expect((await remove('?confirm=orders')).status).toBe(404)
    expect((await as('admin', '/api/topics', posted({ topic: 'orders' }))).status).toBe(201)
    expect(await jsonOf(await as('read', '/api/topics/orders'))).toMatchObject({ events: 0 })
  })
})

test('a store that is open for reading refuses every change, and records none', async () => {
  const storage = memoryStorage()
  const facts = { storage, clock: new ManualClock(), random: seededRandom(2) }
  const writing = await openStore(facts)
  await (await writing.topics.open('orders', { create: true })).append(EVENT)
  await writing.close()
  const store = await openStore({ ...facts, readOnly: true })
  const app = createApp(store, { access: () => 'admin' })
  const changes: [string, RequestInit][] = [
    ['/api/topics/orders/events', posted(EVENT)],
    ['/api/topics/orders', patched({ compression: 'deflate' })],
    ['/api/topics/orders/prune', posted({ confirm: 'orders' })],
    ['/api/topics/orders?confirm=orders', { method: 'DELETE' }],
  ]
  for (const [path, init] of changes)
    expect(await jsonOf(await app.request(path, init)), path).toMatchObject({ code: 'STORE_READ_ONLY', status: 403 })
  expect((await app.request('/api/topics', posted({ topic: 'more' }))).status).toBe(404)
  expect((await app.request('/api/store/verify', { method: 'POST' })).status).toBe(202)
  for (const path of ['/', '/topics/orders/settings'])
    expect(await (await app.request(path)).text(), path).not.toContain('hx-post="/topics')
  expect((await store.topics.list()).map(({ topic }) => topic)).toEqual(['orders'])
  await store.close()
})

test('streams and polls of a topic that is deleted end with 410', async () => {
  const { as } = await started()
  const frames = new FrameReader(await as('read', '/api/topics/orders/tail'))
  const following = frames.next()
  const polling = as('read', '/api/topics/orders/tail?wait=60')
  await settle()
  await as('admin', '/api/topics/orders?confirm=orders', { method: 'DELETE' })
  const frame = await following
  expect([frame?.event, JSON.parse(frame?.data ?? '').code]).toEqual(['problem', 'TOPIC_DELETED'])
  expect(await jsonOf(await polling)).toMatchObject({ code: 'TOPIC_DELETED', status: 410 })
})

describe('the record of what admins did', () => {
  test('every deed is two events: who, with which role, by which request, and how it ended', async () => {
    const made = await started()
    await made.fill()
    const headers = { 'content-type': 'application/json', 'x-request-id': 'change-1' }
    await made.as('admin', '/api/topics/orders', { ...patched({ retention: { maxEvents: 1_000 } }), headers })
    await made.as('admin', '/api/topics/orders/prune', posted({ dryRun: true, before: 4 }))
    await made.as('admin', '/api/topics/orders/prune', posted({ before: 4, confirm: 'orders' }))
    await made.as('admin', '/api/store/checkpoint', { method: 'POST' })
    await made.as('admin', '/api/topics/orders?confirm=orders', { method: 'DELETE' })
    const record = await recordOf(made)
    expect(record.map(({ kind, entity, data }) => [kind, entity, data.state])).toEqual(
      ['TopicCreate', 'TopicChange', 'TopicPrune', 'Checkpoint', 'TopicDelete'].flatMap((kind) =>
        ['begun', 'done'].map((state) => [kind, kind === 'Checkpoint' ? 'store' : 'orders', state]),
      ),
    )
    for (const [at, { id, correlationId, causationId, data }] of record.entries()) {
      expect(data).toMatchObject({ actor: 'all', role: 'admin' })
      expect(causationId).toBe(at % 2 === 0 ? undefined : record[at - 1]?.id)
      expect([typeof id, typeof correlationId]).toEqual(['string', 'string'])
    }
    expect(record[2]).toMatchObject({ correlationId: 'change-1', data: { asked: { retention: { maxEvents: 1_000 } } } })
    expect(record[4]?.data.asked).toEqual({ before: 4 })
  })

  test('a deed that fails is recorded with the code', async () => {
    const made = await started()
    await made.as('admin', '/api/topics/orders', patched({ segmentBytes: 5 }))
    const record = await recordOf(made)
    expect(record.at(-1)).toMatchObject({ kind: 'TopicChange', data: { state: 'failed', code: 'OPTION_INVALID' } })
  })

  test('the admin page records what its forms do', async () => {
    const made = await harness()
    const send = (path: string, fields: Record<string, string>) =>
      made.as('admin', path, { method: 'POST', headers: FORM, body: new URLSearchParams(fields).toString() })
    await send('/topics', { topic: 'orders', partitions: '1' })
    await send('/topics/orders/settings', { compression: 'deflate' })
    await send('/topics/orders/prune', { before: '0', confirm: 'orders' })
    await send('/partials/checkpoint', {})
    await send('/topics/orders/delete', { confirm: 'orders' })
    const done = (await recordOf(made)).filter(({ data }) => data.state === 'done').map(({ kind }) => kind)
    expect(done).toEqual(['TopicCreate', 'TopicChange', 'TopicPrune', 'Checkpoint', 'TopicDelete'])
  })

  test('a deed that cannot be recorded is not done, and one that could not be recorded as done is told to the log', async () => {
    const made = await started()
    const audit = await made.store.topics.open('_audit')
    const append = audit.append.bind(audit)
    audit.append = () => Promise.reject(new Error('no'))
    expect((await made.as('admin', '/api/topics', posted({ topic: 'more' }))).status).toBe(500)
    expect((await made.as('admin', '/api/topics/more')).status).toBe(404)
    made.errors.splice(0)
    audit.append = (events, options) => {
      audit.append = () => Promise.reject(new Error('late'))
      return append(events, options)
    }
    expect((await made.as('admin', '/api/topics', posted({ topic: 'more' }))).status).toBe(201)
    expect(made.errors).toMatchObject([{ message: 'late' }])
  })

  test('the record is for admins to read and for nobody to change', async () => {
    const made = await started()
    for (const role of ['read', 'append'] as const)
      for (const path of ['', '/events', '/events/0', '/tail?wait=0', '/causes?id=x'])
        expect((await made.as(role, `/api/topics/_audit${path}`)).status, path).toBe(403)
    for (const path of ['/topics/_audit', '/topics/_audit/live', '/topics/_audit/events/0'])
      expect((await made.as('read', path)).status, path).toBe(403)
    const refused: [string, RequestInit][] = [
      ['/_audit/events', posted(EVENT)],
      ['/_audit', patched({ retention: { maxEvents: 1 } })],
      ['/_audit?confirm=_audit', { method: 'DELETE' }],
      ['/_audit/prune', posted({ confirm: '_audit' })],
      ['', posted({ topic: '_audit' })],
      ['', posted({ topic: '_mine' })],
    ]
    for (const [path, init] of refused) {
      const answer = await made.as('admin', `/api/topics${path}`, init)
      expect(await jsonOf(answer), path).toMatchObject({ code: 'NAME_INVALID', status: 400 })
    }
    expect((await recordOf(made)).length).toBe(2)
    const listed = (await jsonOf(await made.as('admin', '/api/topics'))).items as TopicStats[]
    expect(listed.map(({ topic }) => topic)).toEqual(['orders'])
  })

  test('an actor may be named by access(), and is the peer otherwise', async () => {
    const named = await harness({ access: () => ({ role: 'admin', actor: 'ann' }) })
    await named.as('admin', '/api/topics', posted({ topic: 'orders' }))
    expect((await recordOf(named))[0]?.data).toMatchObject({ actor: 'ann', role: 'admin' })
    const peered = await harness({ peer: () => '10.0.0.7' })
    await peered.as('admin', '/api/topics', posted({ topic: 'orders' }))
    expect((await recordOf(peered))[0]?.data).toMatchObject({ actor: '10.0.0.7' })
  })
})
