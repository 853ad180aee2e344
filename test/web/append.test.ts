/** Appending over HTTP: JSON, NDJSON, limits, preconditions.
 * @module */
import { describe, expect, test } from 'vitest'
import { harness, jsonOf, lines, posted, settle } from './support/harness.ts'

const EVENT = { kind: 'Placed', entity: 'a', data: { total: 1 } }
const PATH = '/api/topics/orders/events'

async function started(options: Parameters<typeof harness>[0] = {}) {
  const made = await harness(options)
  await made.as('admin', '/api/topics', posted({ topic: 'orders' }))
  const topic = await made.store.topics.open('orders')
  const post = (body: unknown, query = '') => made.as('append', `${PATH}${query}`, posted(body))
  const send = (body: BodyInit, query = '') => made.as('append', `${PATH}${query}`, lines(body))
  return { ...made, topic, post, send }
}

/** NDJSON of `count` events, numbered from 0. */
function numbered(count: number): string {
  return Array.from({ length: count }, (_, n) => `${JSON.stringify({ ...EVENT, data: n })}\n`).join('')
}

describe('topics', () => {
  test('createTopic() answers 201 the first time and 200 when the topic is there', async () => {
    const { as } = await harness()
    const first = await as('admin', '/api/topics', posted({ topic: 'orders', partitions: 1 }))
    expect([first.status, first.headers.get('location')]).toEqual([201, '/api/topics/orders'])
    expect((await as('admin', '/api/topics', posted({ topic: 'orders' }))).status).toBe(200)
    expect(await jsonOf(await as('read', '/api/topics/orders'))).toMatchObject({ topic: 'orders', events: 0 })
    expect(await jsonOf(await as('read', '/api/topics'))).toMatchObject({ items: [{ topic: 'orders' }] })
  })

  for (const body of [[], 'x', 1, null, {}, { topic: 1 }, { topic: 'a', other: 1 }, { topic: 'a', partitions: '1' }])
    test(`createTopic() refuses ${JSON.stringify(body)}`, async () => {
      const { as } = await harness()
      const response = await as('admin', '/api/topics', posted(JSON.stringify(body)))
      expect(await jsonOf(response)).toMatchObject({ code: 'OPTION_INVALID', status: 400 })
    })

  for (const name of ['..', '%2e%2e', 'a%2Fb', 'a%5Cb', 'CON:', '%00', '_own', 'a%20b', 'x'.repeat(129)])
    test(`topicOf() refuses the name "${name.slice(0, 12)}"`, async () => {
      const { as } = await harness()
      const { status } = await as('admin', `/api/topics/${name}`)
      expect([400, 404]).toContain(status)
    })
})

describe('JSON append', () => {
  test('appendEvents() takes an event, a list, and a call, and answers with the receipt', async () => {
    const { post } = await started()
    const receipts = [EVENT, [EVENT, EVENT], { events: EVENT }, { events: [EVENT], durability: 'buffered' }]
    const found: Record<string, unknown>[] = []
    for (const body of receipts) {
      const response = await post(body)
      expect(response.status).toBe(201)
      found.push(await jsonOf(response))
    }
    expect(found.map(({ firstOffset, endOffset, durability }) => [firstOffset, endOffset, durability])).toEqual([
      [0, 1, 'synced'],
      [1, 3, 'synced'],
      [3, 4, 'synced'],
      [4, 5, 'buffered'],
    ])
  })

  test('appendEvents() passes expectations on and answers a conflict with 409', async () => {
    const { post, topic } = await started()
    const expecting = (version: unknown) => post({ events: EVENT, expect: { entity: 'a', version } })
    expect((await expecting('none')).status).toBe(201)
    expect((await expecting(1)).status).toBe(201)
    expect((await expecting('exists')).status).toBe(201)
    const response = await expecting(1)
    expect(await jsonOf(response)).toMatchObject({ code: 'VERSION_CONFLICT', status: 409, retryable: false })
    expect((await post({ events: EVENT, expect: [{ entity: 'b', version: 'none' }] })).status).toBe(201)
    expect(topic.stats().events).toBe(4)
  })

  const refused: [unknown, string][] = [
    [1, 'EVENT_INVALID'],
    [null, 'EVENT_INVALID'],
    [{ kind: 'Placed' }, 'EVENT_INVALID'],
    [{ events: 1 }, 'EVENT_INVALID'],
    [{ events: [], other: 1 }, 'OPTION_INVALID'],
    [{ events: EVENT, expect: { entity: 'a' } }, 'OPTION_INVALID'],
    [{ events: EVENT, expect: { entity: 'a', version: 'some' } }, 'OPTION_INVALID'],
    [{ events: EVENT, expect: { entity: 'a', version: 1, more: 1 } }, 'OPTION_INVALID'],
    [{ events: EVENT, expect: [null] }, 'OPTION_INVALID'],
    [{ events: EVENT, durability: 'lazy' }, 'OPTION_INVALID'],
    [{ events: EVENT, partition: '0' }, 'OPTION_INVALID'],
  ]
  for (const [body, code] of refused)
    test(`appendEvents() answers ${code} to ${JSON.stringify(body)}`, async () => {
      const { post, topic } = await started()
      expect(await jsonOf(await post(body))).toMatchObject({ code })
      expect(topic.stats().events).toBe(0)
    })

  test('appendEvents() refuses an option that is given in the query and in the body', async () => {
    const { post } = await started()
    const response = await post({ events: EVENT, durability: 'synced' }, '?durability=buffered')
    expect(await jsonOf(response)).toMatchObject({ code: 'OPTION_INVALID', details: { option: 'durability' } })
  })
})

describe('NDJSON append', () => {
  test('appendLines() takes any number of lines, empty ones and a missing last line end included', async () => {
    const { send, topic } = await started()
    const response = await send(`\n${numbered(2_500)}\r\n\n${JSON.stringify(EVENT)}`)
    expect(response.status).toBe(201)
    expect(await jsonOf(response)).toMatchObject({
      topic: 'orders',
      events: 2_501,
      ranges: [{ partition: 0, firstOffset: 0, endOffset: 2_501 }],
      durability: 'synced',
    })
    const data = []
    for (const event of await topic.last(2)) data.push(event.data)
    expect(data).toEqual([2_499, EVENT.data])
  })

  test('appendLines() cuts batches at 1,000 events and at 1 MiB', async () => {
    const { send, topic } = await started()
    const sizes: number[] = []
    const append = topic.append.bind(topic)
    topic.append = (events, options) => {
      sizes.push(Array.isArray(events) ? events.length : 1)
      return append(events, options)
    }
    await send(numbered(2_001))
    expect(sizes.splice(0)).toEqual([1_000, 1_000, 1])
    const large = `${JSON.stringify({ ...EVENT, data: 'x'.repeat(400_000) })}\n`
    await send(large.repeat(5))
    expect(sizes).toEqual([2, 2, 1])
  })

  test('appendLines() cuts lines wherever the pieces of the body are cut, within a character too', async () => {
    const { send, topic } = await started()
    const bytes = new TextEncoder().encode(`${JSON.stringify({ ...EVENT, data: 'aé€😀' })}\n`.repeat(3))
    for (const size of [1, 2, 3, 7]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        bytes.slice(n * size, (n + 1) * size),
      )
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          const piece = pieces.shift()
          if (piece === undefined) controller.close()
          else controller.enqueue(piece)
        },
      })
      expect((await send(body)).status).toBe(201)
    }
    expect((await topic.last(12)).map(({ data }) => data)).toEqual(Array.from({ length: 12 }, () => 'aé€😀'))
  })

  const broken: [string, string | Uint8Array<ArrayBuffer>, string][] = [
    ['a broken line', '{"kind":', 'JSON_INVALID'],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0xff, 0x0a]), 'JSON_INVALID'],
    ['a line over 1 MiB', `"${'x'.repeat(1_048_576)}"`, 'BODY_TOO_LARGE'],
  ]
  for (const [name, line, code] of broken)
    test(`appendLines() keeps whole batches before ${name}, nothing of its batch, and says which`, async () => {
      const { send, topic } = await started()
      const response = await send(new Blob([numbered(1_500), line, `\n${numbered(10)}`]))
      expect(await jsonOf(response)).toMatchObject({
        code,
        details: {
          line: 1_501,
          appended: { events: 1_000, ranges: [{ partition: 0, firstOffset: 0, endOffset: 1_000 }] },
        },
      })
      expect(topic.stats().events).toBe(1_000)
    })

  test('appendLines() names the lines of a batch that the topic refused', async () => {
    const { send, topic } = await started()
    const response = await send(`${numbered(1_200)}{"kind":1}\n${numbered(900)}`)
    expect(response.status).toBe(422)
    const { code, details } = await jsonOf(response)
    expect(code).toBe('EVENT_INVALID')
    // The batch behind the refused one was in flight, so it is there and named.
    expect(details).toMatchObject({ lines: { first: 1_001, last: 2_000 }, appended: { events: topic.stats().events } })
  })

  test('appendLines() has two batches in flight and reads no further', async () => {
    const { send, topic } = await started()
    const held: (() => void)[] = []
    let most = 0
    const append = topic.append.bind(topic)
    topic.append = async (events, options) => {
      most = Math.max(most, held.length + 1)
      await new Promise<void>((resolve) => held.push(resolve))
      return append(events, options)
    }
    const answer = send(numbered(5_000))
    for (let released = 0; released < 5; released++) {
      await settle()
      expect(held.length).toBeLessThanOrEqual(2)
      held.shift()?.()
    }
    expect((await answer).status).toBe(201)
    expect(most).toBe(2)
  })

  test('appendLines() ends with 408 when the body pauses for 15 s, however long it was', async () => {
    const { send, topic, clock } = await started()
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    let cancelled = false
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given
      },
      cancel() {
        cancelled = true
      },
    })
    const answer = send(body)
    const encoder = new TextEncoder()
    for (let piece = 0; piece < 3; piece++) {
      controller?.enqueue(encoder.encode(numbered(1_000)))
      await settle()
      await clock.advance(14_000)
    }
    await clock.advance(1_000)
    const response = await answer
    expect(response.status).toBe(408)
    expect(await jsonOf(response)).toMatchObject({ code: 'BODY_TIMEOUT', details: { appended: { events: 2_000 } } })
    expect(topic.stats().events).toBe(2_000)
    expect(cancelled).toBe(true)
    expect(clock.waiting).toBe(0)
  })

  test('appendLines() brings each event to the partition of its entity', async () => {
    const { as, store } = await harness()
    await as('admin', '/api/topics', posted({ topic: 'orders', partitions: 4 }))
    const entities = Array.from({ length: 3_000 }, (_, n) => `entity-${n % 50}`)
    const body = entities.map((entity, n) => `${JSON.stringify({ ...EVENT, entity, data: n })}\n`).join('')
    const receipt = await jsonOf(await as('append', PATH, lines(body)))
    expect(receipt.events).toBe(3_000)
    expect(new Set((receipt.ranges as { partition: number }[]).map(({ partition }) => partition)).size).toBe(4)
    const topic = await store.topics.open('orders')
    const found = new Map<string, number[]>()
    for await (const event of topic.read())
      found.set(event.entity, [...(found.get(event.entity) ?? []), event.data as number])
    for (const [entity, numbers] of found)
      expect(numbers).toEqual(entities.flatMap((other, n) => (other === entity ? [n] : [])))
    const whole = await as('append', PATH, posted(entities.slice(0, 50).map((entity) => ({ ...EVENT, entity }))))
    expect(await jsonOf(whole)).toMatchObject({ code: 'PARTITION_SPANNED', status: 422 })
  })

  test('appendLines() answers an empty body with nothing appended', async () => {
    const { send } = await started()
    expect(await jsonOf(await send(''))).toMatchObject({ events: 0, ranges: [] })
  })
})

describe('reading', () => {
  test('readPage() gives pages whose links lead through all events', async () => {
    const { as, send } = await started()
    await send(numbered(25))
    const found: unknown[] = []
    let next: string | undefined = `${PATH}?limit=10`
    while (next !== undefined) {
      const response = await as('read', next)
      const page = await jsonOf(response)
      expect(page.highWatermark).toBe(25)
      for (const { data } of page.items as { data: unknown }[]) found.push(data)
      const link = response.headers.get('link')
      expect(link === null).toBe(page.nextCursor === undefined)
      next = link === null ? undefined : /^<(.*)>; rel="next"$/.exec(link)?.[1]
    }
    expect(found).toEqual(Array.from({ length: 25 }, (_, n) => n))
  })

  test('readEvent() gives one event, 404 past the end, and 400 for what is no offset', async () => {
    const { as, send } = await started()
    await send(numbered(3))
    expect(await jsonOf(await as('read', `${PATH}/2`))).toMatchObject({ offset: 2, data: 2 })
    expect(await jsonOf(await as('read', `${PATH}/3`))).toMatchObject({ code: 'EVENT_UNKNOWN', status: 404 })
    for (const offset of ['-1', '1.5', 'x', '9007199254740993', '1e3', '%31%20'])
      expect((await as('read', `${PATH}/${offset}`)).status, offset).toBe(400)
  })

  test('jsonPage() sends a page of any size whole', async () => {
    const { as, post } = await started()
    for (let n = 0; n < 5; n++) await post({ ...EVENT, data: `${n}${'x'.repeat(700_000)}` })
    for (const limit of [1, 2, 5]) {
      const page = await jsonOf(await as('read', `${PATH}?limit=${limit}`))
      const data = (page.items as { data: string }[]).map((event) => event.data.length)
      expect(data).toEqual(Array.from({ length: limit }, () => 700_001))
      expect([page.highWatermark, page.nextCursor === undefined]).toEqual([5, limit === 5])
    }
  })

  test('values outside JSON travel in the dialect, both ways', async () => {
    const { as, post } = await started()
    const data = '{"big":123456789012345678901234567890,"bytes":{"$type":"bytes","base64":"AAEC"},"__proto__":1}'
    expect((await post(`{"kind":"k","entity":"e","data":${data}}`)).status).toBe(201)
    expect(await (await as('read', `${PATH}/0`)).text()).toContain(`"data":${data}`)
  })
})
