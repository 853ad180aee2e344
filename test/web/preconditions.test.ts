/** What an append may be told to depend on: versions in headers and bodies, conditions, idempotency keys.
 * @module */
import { describe, expect, test } from 'vitest'
import { harness, jsonOf, lines, posted } from './support/harness.ts'

const EVENT = { kind: 'Placed', entity: 'a', data: { total: 1 } }
const PATH = '/api/topics/orders/events'

async function started(options: Record<string, unknown> = {}) {
  const made = await harness()
  await made.as('admin', '/api/topics', posted({ topic: 'orders', ...options }))
  const topic = await made.store.topics.open('orders')
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    made.as('append', PATH, { ...posted(body), headers: { 'content-type': 'application/json', ...headers } })
  const send = (body: string, headers: Record<string, string> = {}) =>
    made.as('append', PATH, { ...lines(body), headers: { 'content-type': 'application/x-ndjson', ...headers } })
  return { ...made, topic, post, send }
}

describe('If-Match', () => {
  test('appendEvents() appends to the version that a page of the entity named, and to no other', async () => {
    const { as, post, topic } = await started()
    expect((await post([EVENT, { ...EVENT, entity: 'b' }, EVENT])).status).toBe(201)
    const page = await as('read', `${PATH}?entity=a`)
    const etag = page.headers.get('etag') ?? ''
    expect([etag, (await jsonOf(page)).entityVersion]).toEqual(['"3"', 3])
    const first = await post(EVENT, { 'if-match': etag })
    expect([first.status, (await jsonOf(first)).versions]).toEqual([201, { a: 4 }])
    const second = await post(EVENT, { 'if-match': etag })
    expect([second.status, second.headers.get('etag')]).toEqual([412, '"4"'])
    expect(await jsonOf(second)).toMatchObject({
      code: 'VERSION_CONFLICT',
      status: 412,
      details: { entity: 'a', expected: 3, actual: 4 },
    })
    expect((await post(EVENT, { 'if-match': second.headers.get('etag') ?? '' })).status).toBe(201)
    expect(topic.stats().events).toBe(5)
  })

  test('appendEvents() takes the weak tag of a compressed page', async () => {
    const { as, post } = await started()
    await post({ ...EVENT, data: 'x'.repeat(2_000) })
    const page = await as('read', `${PATH}?entity=a`, { headers: { 'accept-encoding': 'gzip' } })
    expect(page.headers.get('etag')).toBe('W/"1"')
    expect((await post(EVENT, { 'if-match': 'W/"1"' })).status).toBe(201)
  })

  test('appendEvents() takes * for an entity that must exist, and If-None-Match: * for one that must not', async () => {
    const { post } = await started()
    expect((await post(EVENT, { 'if-match': '*' })).status).toBe(412)
    expect((await post(EVENT, { 'if-none-match': '*' })).status).toBe(201)
    const again = await post(EVENT, { 'if-none-match': '*' })
    expect([again.status, again.headers.get('etag')]).toEqual([412, '"1"'])
    expect((await post(EVENT, { 'if-match': '*' })).status).toBe(201)
    expect((await post({ ...EVENT, entity: 'new' }, { 'if-match': '"0"' })).status).toBe(201)
  })

  const refused: [string, unknown, Record<string, string>][] = [
    ['no quotes', EVENT, { 'if-match': '1' }],
    ['a list', EVENT, { 'if-match': '"1", "2"' }],
    ['a version past 2^53', EVENT, { 'if-match': '"9007199254740993"' }],
    ['a version that is none', EVENT, { 'if-match': '"x"' }],
    ['a tag in If-None-Match', EVENT, { 'if-none-match': '"1"' }],
    ['both headers', EVENT, { 'if-match': '*', 'if-none-match': '*' }],
    ['several entities', [EVENT, { ...EVENT, entity: 'b' }], { 'if-match': '"0"' }],
    ['no entity', { kind: 'Placed' }, { 'if-match': '"0"' }],
    ['nulls for events', [null], { 'if-match': '"0"' }],
    ['an expectation in the body too', { events: EVENT, expect: { entity: 'a', version: 0 } }, { 'if-match': '"0"' }],
  ]
  for (const [name, body, headers] of refused)
    test(`appendEvents() refuses ${name}`, async () => {
      const { post, topic } = await started()
      const answer = await jsonOf(await post(body, headers))
      expect(answer).toMatchObject({ code: 'OPTION_INVALID', status: 400, details: { option: 'expect' } })
      expect(topic.stats().events).toBe(0)
    })

  test('appendEvents() refuses preconditions for lines', async () => {
    const { send } = await started()
    expect((await send(JSON.stringify(EVENT), { 'if-match': '"0"' })).status).toBe(400)
  })

  test('readPage() says the version for every kind of page of an entity, in every partition', async () => {
    const { as, post, topic } = await started({ partitions: 4 })
    for (const entity of ['a', 'b', 'c', 'd']) await post([EVENT, EVENT].map((event) => ({ ...event, entity })))
    for (const entity of ['a', 'b', 'c', 'd', 'none'])
      for (const query of ['', '&limit=1', '&direction=backward&limit=1', '&kind=Other']) {
        const page = await as('read', `${PATH}?entity=${entity}${query}`)
        const version = await topic.version(entity)
        expect([page.headers.get('etag'), (await jsonOf(page)).entityVersion]).toEqual([`"${version}"`, version])
      }
    const page = await as('read', PATH)
    expect([page.headers.get('etag'), Object.hasOwn(await jsonOf(page), 'entityVersion')]).toEqual([null, false])
  })

  test('readPage() never says a version above what the page could show', async () => {
    const { as, post, topic } = await started()
    await post([EVENT, { ...EVENT, entity: 'b' }])
    // As if an event had been written and not yet synced.
    topic.version = async () => 9
    expect((await jsonOf(await as('read', `${PATH}?entity=a`))).entityVersion).toBe(1)
  })
})

describe('condition', () => {
  test('appendEvents() refuses what was decided before something matching came', async () => {
    const { post, topic } = await started()
    await post([EVENT, { ...EVENT, tags: ['x', 'y'] }])
    const under = (query: unknown, after: number) => post({ events: EVENT, condition: { query, after } })
    const failed = await under({ kinds: ['Placed'] }, 0)
    expect(await jsonOf(failed)).toMatchObject({ code: 'CONDITION_FAILED', status: 409 })
    expect((await under([{ kinds: ['Other'] }, { tags: ['y'] }], 1)).status).toBe(409)
    expect((await under([{ kinds: ['Other'] }, { tags: ['z'] }], 0)).status).toBe(201)
    expect((await under({ entity: 'a' }, 3)).status).toBe(201)
    expect(topic.stats().events).toBe(4)
  })

  const refused: unknown[] = [
    1,
    null,
    [],
    {},
    { query: {} },
    { after: 0 },
    { query: { kinds: 'Placed' }, after: 0 },
    { query: { kinds: [1] }, after: 0 },
    { query: { kind: 'Placed' }, after: 0 },
    { query: [{ entity: 1 }], after: 0 },
    { query: { tags: ['a'] }, after: '0' },
    { query: { tags: ['a'] }, after: -1 },
    { query: { tags: ['a'] }, after: 0, more: 1 },
  ]
  for (const condition of refused)
    test(`appendEvents() refuses the condition ${JSON.stringify(condition)}`, async () => {
      const { post, topic } = await started()
      const answer = await jsonOf(await post({ events: EVENT, condition }))
      expect(answer).toMatchObject({ code: 'OPTION_INVALID', status: 400 })
      expect(topic.stats().events).toBe(0)
    })
})

describe('Idempotency-Key', () => {
  const KEYS = ['8e03978e-40d5-43dd-bc93-6894a57f9324', '"8e03978e-40d5"', '"a b"', '"a\\"\\\\b"', "a'b(c)"]
  for (const key of KEYS)
    test(`appendEvents() appends once with the key ${key}`, async () => {
      const { post, topic } = await started()
      const first = await post(EVENT, { 'idempotency-key': key })
      expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null])
      const receipt = await jsonOf(first)
      const again = await post(EVENT, { 'idempotency-key': key })
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
      expect(await jsonOf(again)).toEqual({ ...receipt, replayed: true })
      expect(topic.stats().events).toBe(1)
      const other = await post({ ...EVENT, data: 2 }, { 'idempotency-key': key })
      expect(await jsonOf(other)).toMatchObject({ code: 'KEY_REUSED', status: 409 })
      expect(topic.stats().events).toBe(1)
    })

  test('appendEvents() takes one key from the header, quoted or not, and from the body', async () => {
    const { post } = await started()
    expect((await post(EVENT, { 'idempotency-key': '"k"' })).status).toBe(201)
    expect((await post(EVENT, { 'idempotency-key': 'k' })).status).toBe(200)
    expect((await post({ events: EVENT, idempotencyKey: 'k' })).status).toBe(200)
  })

  test('appendEvents() appends once for calls with one key at one time', async () => {
    const { post, topic } = await started()
    const calls = Array.from({ length: 8 }, () => post(EVENT, { 'idempotency-key': 'k' }))
    const statuses = (await Promise.all(calls)).map(({ status }) => status)
    expect(statuses.sort()).toEqual([...Array(7).fill(200), 201])
    expect(topic.stats().events).toBe(1)
  })

  test('appendEvents() replays before it looks at the precondition', async () => {
    const { post } = await started()
    const headers = { 'idempotency-key': 'k', 'if-match': '"0"' }
    expect((await post(EVENT, headers)).status).toBe(201)
    expect((await post(EVENT, headers)).status).toBe(200)
  })

  for (const key of ['', '""', '"a', 'a b', 'a, b', '"a", "b"', 'ä', 'x'.repeat(257), '"a\\n"'])
    test(`readKey() refuses ${JSON.stringify(key.slice(0, 20))}`, async () => {
      const { post, topic } = await started()
      const answer = await jsonOf(await post(EVENT, { 'idempotency-key': key }))
      expect(answer).toMatchObject({ code: 'OPTION_INVALID', details: { option: 'idempotencyKey' } })
      expect(topic.stats().events).toBe(0)
    })

  test('appendEvents() refuses a key in the header and in the body', async () => {
    const { post } = await started()
    expect((await post({ events: EVENT, idempotencyKey: 'k' }, { 'idempotency-key': 'k' })).status).toBe(400)
  })

  const numbered = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => JSON.stringify({ ...EVENT, data: from + n })).join('\n')

  test('appendLines() appends a stream once, however often it is sent', async () => {
    const { send, topic } = await started()
    const headers = { 'idempotency-key': 'import-1' }
    const first = await send(numbered(0, 2_500), headers)
    expect([first.status, (await jsonOf(first)).replayedEvents]).toEqual([201, 0])
    const again = await send(numbered(0, 2_500), headers)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(await jsonOf(again)).toMatchObject({
      events: 2_500,
      replayedEvents: 2_500,
      ranges: [{ partition: 0, firstOffset: 0, endOffset: 2_500 }],
    })
    expect(topic.stats().events).toBe(2_500)
  })

  test('appendLines() sent again after a broken line appends what is missing', async () => {
    const { send, topic } = await started()
    const headers = { 'idempotency-key': 'import-2' }
    expect((await send(`${numbered(0, 2_500)}\n{"kind":`, headers)).status).toBe(400)
    expect(topic.stats().events).toBe(2_000)
    const again = await send(numbered(0, 2_500), headers)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, null])
    expect(await jsonOf(again)).toMatchObject({ events: 2_500, replayedEvents: 2_000 })
    const data: unknown[] = []
    for await (const event of topic.read()) data.push(event.data)
    expect(data).toEqual(Array.from({ length: 2_500 }, (_, n) => n))
  })

  test('appendLines() sent again with other lines is refused', async () => {
    const { send, topic } = await started()
    const headers = { 'idempotency-key': 'import-3' }
    await send(numbered(0, 10), headers)
    const other = await send(numbered(1, 11), headers)
    expect(await jsonOf(other)).toMatchObject({ code: 'KEY_REUSED', status: 409, details: { lines: { first: 1 } } })
    expect(topic.stats().events).toBe(10)
    expect((await send(numbered(0, 1), { 'idempotency-key': 'x'.repeat(225) })).status).toBe(400)
  })

  test('appendLines() appends a stream to several partitions once', async () => {
    const { send, topic } = await started({ partitions: 3 })
    const body = Array.from({ length: 1_500 }, (_, n) => JSON.stringify({ ...EVENT, entity: `e${n % 9}`, data: n }))
    for (const status of [201, 200]) {
      const answer = await send(body.join('\n'), { 'idempotency-key': 'import-4' })
      expect(answer.status).toBe(status)
    }
    expect(topic.stats().events).toBe(1_500)
  })
})
