/** Tails over SSE and long polls: order, resuming, slow and silent clients.
 * @module */
import { describe, expect, test } from 'vitest'
import { frameText } from '../../web/api/sse.ts'
import { FrameReader, harness, jsonOf, posted, settle } from './support/harness.ts'

const TAIL = '/api/topics/orders/tail'
const HOSTILE = ['\r\n\r\ndata: x', '\n\nid: 9\n\n', '\revent: y', '\u2028\u2029', '\0', ':', 'retry: 1', '</script>']

async function started(options: Parameters<typeof harness>[0] = {}) {
  const made = await harness(options)
  await made.as('admin', '/api/topics', posted({ topic: 'orders' }))
  const topic = await made.store.topics.open('orders')
  const append = (data: unknown) => topic.append({ kind: 'k', entity: 'e', data })
  const tail = async (query = '', headers: Record<string, string> = {}) => {
    const response = await made.as('read', `${TAIL}${query}`, { headers })
    return { response, frames: new FrameReader(response) }
  }
  return { ...made, topic, append, tail }
}

/** The data of the next `count` events, heartbeats left out. */
async function dataOf(frames: FrameReader, count: number): Promise<unknown[]> {
  const found: unknown[] = []
  while (found.length < count) {
    const frame = await frames.next()
    if (frame === undefined) throw new Error('The stream ended')
    if (frame.comment !== true) found.push((JSON.parse(frame.data) as { data: unknown }).data)
  }
  return found
}

describe('frames', () => {
  for (const text of HOSTILE)
    test(`frameText() keeps ${JSON.stringify(text)} inside its field`, () => {
      const frame = frameText({ id: 'c1', data: `a${text}b` })
      expect(frame.split('\n\n')).toHaveLength(2)
      for (const line of frame.split(/\r\n|\r|\n/)) expect(line).toMatch(/^(id: c1|data: .*|)$/s)
    })

  test('frameText() refuses an id or a name that would break out of its line', () => {
    for (const id of ['a\nb', 'a\rb', 'a\0b']) expect(() => frameText({ id, data: '' })).toThrow(TypeError)
    for (const event of ['a\nb', 'A', '', 'a b']) expect(() => frameText({ event, data: '' })).toThrow(TypeError)
  })
})

describe('stream', () => {
  test('tailEvents() streams what is there and then what comes, each once, with a cursor behind each', async () => {
    const { append, tail } = await started()
    await append(0)
    await append(1)
    const { response, frames } = await tail('?from=start')
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(await dataOf(frames, 2)).toEqual([0, 1])
    await append(2)
    const frame = await frames.next()
    expect(frame).toMatchObject({ data: expect.stringContaining('"offset":2') })
    expect(frame?.event).toBeUndefined()
    await frames.cancel()
    const again = await tail('?from=start', { 'last-event-id': frame?.id ?? '' })
    await append(3)
    expect(await dataOf(again.frames, 1)).toEqual([3])
    await again.frames.cancel()
  })

  test('tailEvents() starts at the end by default and filters as the library does', async () => {
    const { topic, append, tail } = await started()
    await append('old')
    const { frames } = await tail('?kind=wanted')
    const reading = dataOf(frames, 1)
    await settle()
    await append('other')
    await topic.append({ kind: 'wanted', entity: 'e', data: 'new' })
    expect(await reading).toEqual(['new'])
    await frames.cancel()
  })

  test('tailEvents() prefers Last-Event-ID to the cursor of the address', async () => {
    const { topic, append, tail } = await started()
    for (let n = 0; n < 3; n++) await append(n)
    const cursorOf = (offset: number) => topic.cursorAfter({ partition: 0, offset })
    const { frames } = await tail(`?cursor=${cursorOf(0)}`, { 'last-event-id': cursorOf(1) })
    expect(await dataOf(frames, 1)).toEqual([2])
    await frames.cancel()
  })

  test('tailEvents() follows several partitions, and its cursors continue in all of them', async () => {
    const { as, store } = await harness()
    await as('admin', '/api/topics', posted({ topic: 'wide', partitions: 3 }))
    const topic = await store.topics.open('wide')
    for (let n = 0; n < 30; n++) await topic.append({ kind: 'k', entity: `e${n}`, data: n })
    const found: unknown[] = []
    let id = ''
    for (let connection = 0; connection < 6; connection++) {
      const headers: Record<string, string> = id === '' ? {} : { 'last-event-id': id }
      const frames = new FrameReader(await as('read', '/api/topics/wide/tail?from=start', { headers }))
      for (let n = 0; n < 5; n++) {
        const frame = await frames.next()
        found.push(JSON.parse(frame?.data ?? '').data)
        id = frame?.id ?? ''
      }
      await frames.cancel()
    }
    expect(found.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 30 }, (_, n) => n))
  })

  test('tailEvents() answers 400 to a cursor that is none, before the stream begins', async () => {
    const { response: byQuery } = await (await started()).tail('?cursor=%00bad')
    expect(await jsonOf(byQuery)).toMatchObject({ code: 'CURSOR_INVALID', status: 400 })
    const { response: byHeader } = await (await started()).tail('', { 'last-event-id': 'bad value' })
    expect(await jsonOf(byHeader)).toMatchObject({ code: 'CURSOR_INVALID', status: 400 })
  })

  test('hostile strings stay inside their event', async () => {
    const { append, tail } = await started()
    for (const text of HOSTILE) await append(text)
    const { frames } = await tail('?from=start')
    expect(await dataOf(frames, HOSTILE.length)).toEqual(HOSTILE)
    await frames.cancel()
  })

  test('a quiet stream beats every 5 s', async () => {
    const { clock, tail } = await started()
    const { frames } = await tail()
    for (let beat = 0; beat < 3; beat++) {
      const reading = frames.next()
      await settle()
      await clock.advance(5_000)
      expect(await reading).toEqual({ data: '', comment: true })
    }
    await frames.cancel()
  })

  test('a client that goes away leaves no timer, listener or slot behind', async () => {
    const { clock, topic, tail, as } = await started()
    const listening = new Set<unknown>()
    const follow = topic.tail.bind(topic)
    topic.tail = (options) => {
      const { signal } = options ?? {}
      listening.add(signal)
      signal?.addEventListener('abort', () => listening.delete(signal))
      return follow(options)
    }
    const { frames } = await tail()
    const reading = frames.next()
    await settle()
    expect(await jsonOf(await as('read', '/api/store'))).toMatchObject({ streams: 1 })
    await frames.cancel()
    await reading
    await settle()
    expect(await jsonOf(await as('read', '/api/store'))).toMatchObject({ streams: 0 })
    expect(clock.waiting).toBe(0)
    expect(listening.size).toBe(0)
  })

  test('a client that reads nothing for 15 s gets overflow behind what it has, and no more is prepared for it', async () => {
    const { append, clock, topic, tail, as } = await started({ limits: { streamChunkBytes: 10 } })
    for (let n = 0; n < 100; n++) await append(n)
    let made = 0
    const cursorAfter = topic.cursorAfter.bind(topic)
    topic.cursorAfter = (event) => {
      made++
      return cursorAfter(event)
    }
    const { frames } = await tail('?from=start')
    expect(await dataOf(frames, 1)).toEqual([0])
    await clock.advance(14_999)
    expect(made).toBeLessThanOrEqual(2)
    await clock.advance(1)
    const rest: (string | undefined)[] = []
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) rest.push(frame.event)
    expect(rest.at(-1)).toBe('overflow')
    expect(rest.length).toBeLessThanOrEqual(2)
    expect(await jsonOf(await as('read', '/api/store'))).toMatchObject({ streams: 0 })
    expect(clock.waiting).toBe(0)
  })

  test('aborting the app ends every stream and refuses new ones with 503', async () => {
    const { stop, tail } = await started()
    const streams = [await tail(), await tail()]
    const readings = streams.map(({ frames }) => frames.next())
    await settle()
    stop.abort()
    expect(await Promise.all(readings)).toEqual([undefined, undefined])
    const { response } = await tail()
    expect(await jsonOf(response)).toMatchObject({ code: 'STORE_CLOSED', status: 503 })
  })

  test('streams are limited per peer and in all, with 429 and Retry-After', async () => {
    const peer = (c: { req: { header(name: string): string | undefined } }) => c.req.header('x-peer') ?? ''
    const { tail } = await started({ peer, limits: { streams: 3, streamsPerPeer: 2 } })
    const open = [await tail('', { 'x-peer': 'a' }), await tail('', { 'x-peer': 'a' })]
    const refused = await tail('', { 'x-peer': 'a' })
    expect([refused.response.status, refused.response.headers.get('retry-after')]).toEqual([429, '1'])
    open.push(await tail('', { 'x-peer': 'b' }))
    const full = await tail('', { 'x-peer': 'c' })
    expect(await jsonOf(full.response)).toMatchObject({ code: 'RATE_LIMITED', details: { limit: 3 } })
    await open[0]?.frames.cancel()
    expect((await tail('', { 'x-peer': 'c' })).response.status).toBe(200)
  })

  test('a failure in the stream is told as a problem without what others may not see, and ends it', async () => {
    const { topic, tail } = await started()
    topic.tail = () => {
      async function* batches(): AsyncGenerator<never> {
        yield* []
        throw Object.assign(new Error("ENOENT: no such file '/secret/place/x.log'"), { code: 'ENOENT' })
      }
      return { batches, cursor: () => 'c0', [Symbol.asyncIterator]: batches }
    }
    const { frames } = await tail()
    const frame = await frames.next()
    expect(frame?.event).toBe('problem')
    expect(JSON.parse(frame?.data ?? '')).toMatchObject({ code: 'INTERNAL', status: 500, details: {} })
    expect(frame?.data).not.toMatch(/secret|ENOENT| at /)
    expect(await frames.next()).toBeUndefined()
  })
})

describe('long poll', () => {
  test('tailEvents() with wait answers at once when there are events', async () => {
    const { append, as } = await started()
    await append(0)
    const page = await jsonOf(await as('read', `${TAIL}?wait=25&from=start`))
    expect(page).toMatchObject({ items: [{ data: 0 }], highWatermark: 1 })
    const reading = as('read', `${TAIL}?wait=25&cursor=${page.nextCursor}`)
    await settle()
    await append(1)
    expect(await jsonOf(await reading)).toMatchObject({ items: [{ data: 1 }] })
  })

  test('tailEvents() with wait answers with an empty page and a cursor when the time is over', async () => {
    const { append, as, clock } = await started()
    const reading = as('read', `${TAIL}?wait=25`)
    await settle()
    await clock.advance(25_000)
    const response = await reading
    const page = await jsonOf(response)
    expect(page).toMatchObject({ items: [], highWatermark: 0 })
    expect(response.headers.get('link')).toContain('rel="next"')
    await append('later')
    expect(await jsonOf(await as('read', `${TAIL}?wait=1&cursor=${page.nextCursor}`))).toMatchObject({
      items: [{ data: 'later' }],
    })
    expect(clock.waiting).toBe(0)
  })
})
