/** Compressed bodies, both ways: what is accepted, what is refused, and what a bomb costs.
 * @module */
import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { constants, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { harness, jsonOf, posted } from './support/harness.ts'

const EVENT = { kind: 'Placed', entity: 'a', data: { total: 1 } }
const PATH = '/api/topics/orders/events'
const MIB = 1_048_576

async function started(options: Parameters<typeof harness>[0] = {}) {
  const made = await harness(options)
  await made.as('admin', '/api/topics', posted({ topic: 'orders' }))
  const topic = await made.store.topics.open('orders')
  const send = (body: BodyInit, type = 'application/json') => {
    const init: RequestInit & { duplex: 'half' } = {
      method: 'POST',
      body,
      headers: { 'content-type': type, 'content-encoding': 'gzip' },
      duplex: 'half',
    }
    return made.as('append', PATH, init)
  }
  return { ...made, topic, send }
}

function packed(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(text))
}

/** About 1 MiB of gzip that becomes 1 GiB of blanks. Its checksum is wrong, which nobody should live to see. */
function bomb(): Uint8Array<ArrayBuffer> {
  const header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
  const block = deflateRawSync(' '.repeat(MIB), { level: 9, finishFlush: constants.Z_FULL_FLUSH })
  const blocks = Array.from({ length: 1_024 }, () => block)
  return new Uint8Array(Buffer.concat([Buffer.from(header), ...blocks, Buffer.from([3, 0]), Buffer.alloc(8)]))
}

describe('requests', () => {
  test('inflate() reads compressed JSON and NDJSON as if they were not compressed', async () => {
    const { send, topic } = await started()
    expect((await send(packed(JSON.stringify(EVENT)))).status).toBe(201)
    const lines = Array.from({ length: 2_500 }, (_, n) => JSON.stringify({ ...EVENT, data: `${n}-${randomText(40)}` }))
    const answer = await send(packed(lines.join('\n')), 'application/x-ndjson')
    expect(await jsonOf(answer)).toMatchObject({ events: 2_500 })
    expect(topic.stats().events).toBe(2_501)
    expect((await topic.last(1))[0]?.data).toMatch(/^2499-/)
  })

  test('inflate() reads a body that arrives byte by byte', async () => {
    const { send, topic } = await started()
    const bytes = packed(JSON.stringify(EVENT))
    let at = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at === bytes.length) controller.close()
        else controller.enqueue(bytes.slice(at, ++at))
      },
    })
    expect((await send(body)).status).toBe(201)
    expect(topic.stats().events).toBe(1)
  })

  test('inflate() holds the limit of a JSON body against what comes out, at the limit and one byte over', async () => {
    const { send } = await started({ limits: { bodyBytes: 200_000 } })
    const bodyOf = (bytes: number) => {
      const frame = JSON.stringify({ ...EVENT, data: '' })
      return packed(JSON.stringify({ ...EVENT, data: randomText(bytes - frame.length) }))
    }
    expect((await send(bodyOf(200_000))).status).toBe(201)
    const response = await send(bodyOf(200_001))
    expect(await jsonOf(response)).toMatchObject({ code: 'BODY_TOO_LARGE', status: 413 })
  })

  test('bodyText() holds the limit of a JSON body against what goes in, where nothing comes out', async () => {
    const { send } = await started({ limits: { bodyBytes: 10_000 } })
    // Stored blocks of no bytes.
    const nothing = Buffer.concat(Array.from({ length: 4_000 }, () => Buffer.from([0, 0, 0, 0xff, 0xff])))
    const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])
    const body = new Blob([new Uint8Array(Buffer.concat([header, nothing]))]).stream()
    expect(await jsonOf(await send(body))).toMatchObject({ code: 'BODY_TOO_LARGE', status: 413 })
  })

  for (const type of ['application/json', 'application/x-ndjson'])
    test(`inflate() refuses 1 MiB that becomes 1 GiB, as ${type}, while memory stays flat`, async () => {
      const { send, topic } = await started({ limits: { lineBytes: 2 ** 31 } })
      const body = bomb()
      expect(body.length).toBeLessThan(1.1 * MIB)
      const before = process.memoryUsage().rss
      const response = await send(body, type)
      const grown = process.memoryUsage().rss - before
      expect(await jsonOf(response)).toMatchObject({ code: 'BODY_TOO_LARGE', status: 413 })
      expect(grown).toBeLessThan(128 * MIB)
      expect(topic.stats().events).toBe(0)
    })

  test('inflate() takes lines of a ratio below 100 and refuses those above, after what was appended', async () => {
    const { send, topic } = await started()
    const line = (n: number, text: string) => `${JSON.stringify({ ...EVENT, data: { n, text } })}\n`
    const dense = Array.from({ length: 200 }, (_, n) => line(n, `${'x'.repeat(1_500)}${randomText(20)}`)).join('')
    expect(dense.length / packed(dense).length).toBeGreaterThan(15)
    expect((await send(packed(dense), 'application/x-ndjson')).status).toBe(201)
    const tooDense = line(0, 'x'.repeat(1_500)).repeat(2_000)
    expect(tooDense.length / packed(tooDense).length).toBeGreaterThan(100)
    const response = await send(packed(tooDense), 'application/x-ndjson')
    const { code, details } = await jsonOf(response)
    expect([response.status, code, (details as { ratioLimit: number }).ratioLimit]).toEqual([
      413,
      'BODY_TOO_LARGE',
      100,
    ])
    expect(topic.stats().events).toBe(200 + (details as { appended: { events: number } }).appended.events)
  })

  const whole = packed(JSON.stringify(EVENT))
  const broken: [string, Uint8Array<ArrayBuffer>][] = [
    ['no gzip at all', new TextEncoder().encode(JSON.stringify(EVENT))],
    ['a cut end', whole.slice(0, -5)],
    ['bytes behind the end', new Uint8Array([...whole, 1, 2, 3])],
    ['a wrong checksum', whole.map((byte, at) => (at === whole.length - 8 ? byte ^ 1 : byte))],
    ['nothing', new Uint8Array(0)],
  ]
  for (const [name, body] of broken)
    test(`inflate() answers 400 to ${name}`, async () => {
      const { send, topic } = await started()
      const response = await send(body)
      expect(await jsonOf(response)).toMatchObject({ code: 'JSON_INVALID', status: 400 })
      expect(topic.stats().events).toBe(0)
    })

  test('inflate() ends with 408 when the compressed body pauses', async () => {
    const { send, clock } = await started()
    const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(whole.slice(0, 12)) })
    const answer = send(body)
    // The pause begins when the body is waited for, some turns from now.
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(15_000)
    expect(await jsonOf(await answer)).toMatchObject({ code: 'BODY_TIMEOUT', status: 408 })
    expect(clock.waiting).toBe(0)
  })
})

describe('answers', () => {
  const get = async (accept: string | undefined, path = PATH) => {
    const made = await started()
    for (let n = 0; n < 20; n++) await made.topic.append({ ...EVENT, data: `text ${n} `.repeat(20) })
    return made.as('read', path, accept === undefined ? {} : { headers: { 'accept-encoding': accept } })
  }

  test('compressAnswer() compresses JSON for who accepts gzip, and says so', async () => {
    const plain = await (await get(undefined)).text()
    const response = await get('gzip, deflate, br')
    expect(response.headers.get('content-encoding')).toBe('gzip')
    expect(response.headers.get('vary')).toBe('Accept-Encoding')
    expect(response.headers.get('content-length')).toBeNull()
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    const bytes = new Uint8Array(await response.arrayBuffer())
    expect(bytes.length).toBeLessThan(plain.length / 3)
    expect(JSON.parse(gunzipSync(bytes).toString()).items.length).toBe(20)
  })

  const accepts: [string | undefined, boolean][] = [
    ['gzip', true],
    ['GZIP;q=0.5', true],
    ['*', true],
    ['br;q=1, gzip;q=0.2', true],
    [undefined, false],
    ['', false],
    ['br', false],
    ['identity', false],
    ['gzip;q=0', false],
    ['gzip;q=0, *', false],
    ['*;q=0', false],
    ['gzipped', false],
    ['gzip;q=x', false],
  ]
  for (const [accept, compressed] of accepts)
    test(`compressAnswer() ${compressed ? 'compresses' : 'leaves alone'} with Accept-Encoding "${accept}"`, async () => {
      const response = await get(accept)
      expect(response.headers.get('content-encoding')).toBe(compressed ? 'gzip' : null)
      expect(response.headers.get('vary')).toBe('Accept-Encoding')
      await response.body?.cancel()
    })

  test('compressAnswer() leaves small answers, pages, files and streams as they are', async () => {
    const headers = { 'accept-encoding': 'gzip' }
    for (const path of ['/health', '/', `${PATH}/0`, '/api/topics/orders/tail', '/topics/orders']) {
      const response = await get('gzip', path)
      expect([response.status, response.headers.get('content-encoding')], path).toEqual([200, null])
      await response.body?.cancel()
    }
    const { as } = await started()
    const head = await as('read', '/api/openapi.json', { method: 'HEAD', headers })
    expect([head.headers.get('content-encoding'), await head.text()]).toEqual([null, ''])
  })

  test('compressAnswer() makes a strong tag weak, and both are taken', async () => {
    const made = await started()
    await made.topic.append({ ...EVENT, data: 'x'.repeat(3_000) })
    const read = (path: string, headers: Record<string, string>) => made.as('read', path, { headers })
    const strong = (await read(`${PATH}/0`, {})).headers.get('etag') ?? ''
    const weak = (await read(`${PATH}/0`, { 'accept-encoding': 'gzip' })).headers.get('etag')
    expect(weak).toBe(`W/${strong}`)
    for (const tag of [strong, `W/${strong}`, `"other", ${strong}`, '*'])
      expect((await read(`${PATH}/0`, { 'if-none-match': tag })).status).toBe(304)
    expect((await read(`${PATH}/0`, { 'if-none-match': '"other"' })).status).toBe(200)
  })
})

/** Text that does not compress well. */
function randomText(characters: number): string {
  return randomBytes(characters).toString('base64').slice(0, characters)
}
