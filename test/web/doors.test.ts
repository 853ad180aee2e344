/** The doors: hosts, origins, media types, sizes, parameters.
 * @module */
import { describe, expect, test } from 'vitest'
import { harness, jsonOf, posted } from './support/harness.ts'

const EVENT = { kind: 'Placed', entity: 'a', data: 1 }
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

describe('hosts', () => {
  const refused = [
    'evil.example',
    'evil.example:80',
    'localhost.',
    '127.0.0.1.nip.io',
    'localhost.evil.example',
    'a/b',
    'user@localhost',
    'localhost:99999',
    '[::1',
    '',
    '0.0.0.0',
    'localhost, localhost',
  ]
  for (const host of refused)
    test(`door() refuses host "${host}" before it looks at anything else`, async () => {
      const { app } = await harness()
      const response = await app.request('http://localhost/health', { headers: { host } })
      expect(response.status).toBe(421)
      expect(await jsonOf(response)).toMatchObject({ code: 'HOST_UNKNOWN', status: 421 })
    })

  for (const address of ['http://localhost', 'http://localhost:8080', 'http://127.0.0.1:1', 'http://[::1]:8080'])
    test(`door() answers for ${address}`, async () => {
      const { app } = await harness()
      const { host } = new URL(address)
      expect((await app.request(`${address}/health`, { headers: { host } })).status).toBe(200)
      expect((await app.request(`${address}/health`)).status).toBe(200)
    })

  test('door() takes the listed hosts only, with the port they name', async () => {
    const { app } = await harness({ hosts: ['log.example', 'other.example:8443', 'any.example:*'] })
    const status = async (address: string) => (await app.request(`${address}/health`)).status
    expect(await status('https://log.example')).toBe(200)
    expect(await status('https://log.example:8443')).toBe(421)
    expect(await status('https://other.example:8443')).toBe(200)
    expect(await status('https://other.example')).toBe(421)
    expect(await status('https://any.example:9')).toBe(200)
    expect(await status('http://localhost')).toBe(421)
  })

  test('door() refuses an absolute address for another host than the header', async () => {
    const { app } = await harness()
    const response = await app.request('http://127.0.0.1/health', { headers: { host: 'localhost' } })
    expect(response.status).toBe(421)
  })
})

describe('origins', () => {
  const send = async (headers: Record<string, string>, type = 'application/json') => {
    const { as } = await harness({ origins: ['https://board.example'] })
    await as('admin', '/api/topics', posted({ topic: 'orders' }))
    const body = type === 'application/json' ? JSON.stringify(EVENT) : `${JSON.stringify(EVENT)}\n`
    const init = { method: 'POST', body, headers: { 'content-type': type, ...headers } }
    return as('append', '/api/topics/orders/events', init)
  }
  const cases: [string, Record<string, string>, boolean][] = [
    ['no browser headers', {}, true],
    ['same-origin', { 'sec-fetch-site': 'same-origin', origin: 'http://localhost' }, true],
    ['none', { 'sec-fetch-site': 'none' }, true],
    ['same-site', { 'sec-fetch-site': 'same-site' }, false],
    ['cross-site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, false],
    ['cross-site from the own name', { 'sec-fetch-site': 'cross-site', origin: 'http://localhost' }, false],
    ['own origin', { origin: 'http://localhost' }, true],
    ['other port', { origin: 'http://localhost:1' }, false],
    ['null origin', { origin: 'null' }, false],
    ['foreign origin', { origin: 'https://evil.example' }, false],
    ['allowed origin', { origin: 'https://board.example', 'sec-fetch-site': 'cross-site' }, true],
    ['unknown word', { 'sec-fetch-site': 'anything' }, false],
  ]
  for (const type of ['application/json', 'application/x-ndjson'])
    for (const [name, headers, allowed] of cases)
      test(`door() ${allowed ? 'accepts' : 'refuses'} ${type} with ${name}`, async () => {
        const response = await send(headers, type)
        expect(response.status).toBe(allowed ? 201 : 403)
        if (!allowed) expect(await jsonOf(response)).toMatchObject({ code: 'ORIGIN_DENIED' })
      })

  test('door() wants proof of origin from a cookie, whatever the content type', async () => {
    const { app } = await harness({ access: () => 'admin' })
    const status = async (headers: Record<string, string>, type: string) => {
      const sent = { cookie: 'varve_session=x', 'content-type': type, ...headers }
      const response = await app.request('/api/topics', { method: 'POST', body: '{"topic":"a"}', headers: sent })
      return response.status
    }
    for (const type of ['application/json', 'text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded']) {
      expect(await status({}, type)).toBe(403)
      expect(await status({ 'sec-fetch-site': 'none' }, type)).toBe(403)
      expect(await status({ 'sec-fetch-site': 'same-site' }, type)).toBe(403)
      expect(await status({ 'sec-fetch-site': 'same-origin' }, type)).not.toBe(403)
      expect(await status({ origin: 'http://localhost' }, type)).not.toBe(403)
    }
  })

  test('answers carry no CORS headers, even to a preflight', async () => {
    const { app, as } = await harness()
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
    const preflight = await app.request('/api/topics', { method: 'OPTIONS', headers })
    const read = await as('read', '/api/topics', { headers })
    for (const response of [preflight, read])
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })
})

describe('bodies', () => {
  const append = '/api/topics/orders/events'
  const started = async () => {
    const made = await harness()
    await made.as('admin', '/api/topics', posted({ topic: 'orders' }))
    return made
  }

  const types: [string, number][] = [
    ['application/json', 201],
    ['application/json; charset=utf-8', 201],
    ['Application/JSON;charset="UTF-8"', 201],
    ['application/json; charset=latin1', 415],
    ['application/json; charset=utf-8; x=y', 415],
    ['application/jsonx', 415],
    ['text/json', 415],
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/json, text/plain', 415],
  ]
  for (const [type, status] of types)
    test(`checkBody() answers ${status} to content type "${type}"`, async () => {
      const { as } = await started()
      const init = { method: 'POST', body: JSON.stringify(EVENT), headers: { 'content-type': type } }
      expect((await as('append', append, init)).status).toBe(status)
    })

  test('checkBody() refuses unknown encodings, bodies nobody asked for, and bodies without a type', async () => {
    const { as } = await started()
    for (const encoding of ['br', 'deflate', 'gzip, gzip', 'x', '']) {
      const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
      expect((await as('append', append, { ...posted(EVENT), headers })).status, encoding).toBe(415)
    }
    const form = { 'content-type': 'application/x-www-form-urlencoded', 'content-encoding': 'gzip' }
    expect((await as('admin', '/partials/verify', { method: 'POST', body: 'a=b', headers: form })).status).toBe(415)
    expect((await as('admin', '/api/store/checkpoint', posted({}))).status).toBe(415)
    expect((await as('admin', '/api/jobs/x', { ...posted({}), method: 'DELETE' })).status).toBe(415)
    const response = await as('append', append, { method: 'POST', body: new TextEncoder().encode('{}') })
    expect(await jsonOf(response)).toMatchObject({ code: 'MEDIA_TYPE_UNSUPPORTED', status: 415 })
  })

  test('appendEvents() takes 1,000 events and refuses 1,001 with 413', async () => {
    const { as } = await started()
    const events = Array.from({ length: 1_000 }, () => EVENT)
    expect((await as('append', append, posted(events))).status).toBe(201)
    const response = await as('append', append, posted([...events, EVENT]))
    expect(await jsonOf(response)).toMatchObject({ code: 'BODY_TOO_LARGE', status: 413, details: { limit: 1_000 } })
  })

  test('bodyText() takes 1 MiB and refuses one byte more, with and without a length', async () => {
    const { as } = await started()
    const bodyOf = (bytes: number) => {
      const frame = JSON.stringify({ ...EVENT, data: '' })
      return JSON.stringify({ ...EVENT, data: 'x'.repeat(bytes - frame.length) })
    }
    expect((await as('append', append, posted(bodyOf(1_048_576)))).status).toBe(201)
    const over = posted(bodyOf(1_048_577))
    expect((await as('append', append, over)).status).toBe(413)
    const headers = { 'content-type': 'application/json', 'content-length': '1048577' }
    expect((await as('append', append, { method: 'POST', body: '{}', headers })).status).toBe(413)
  })

  test('parseJson() answers 400 to text that is not JSON or not UTF-8', async () => {
    const { as } = await started()
    for (const body of ['', '{', '{"kind":}', 'nul', '\uFEFF'])
      expect(await jsonOf(await as('append', append, posted(body)))).toMatchObject({
        code: 'JSON_INVALID',
        status: 400,
      })
    const init = { method: 'POST', body: new Uint8Array([0x22, 0xff, 0x22]), headers: posted({}).headers ?? {} }
    expect(await jsonOf(await as('append', append, init))).toMatchObject({ code: 'JSON_INVALID' })
  })

  test('door() refuses an address over 8 KiB with 414', async () => {
    const { as } = await started()
    const path = '/api/topics?'
    expect((await as('read', `${path}${'x'.repeat(8_192 - path.length)}`)).status).toBe(400)
    const response = await as('read', `${path}${'x'.repeat(8_193 - path.length)}`)
    expect(await jsonOf(response)).toMatchObject({ code: 'URL_TOO_LONG', status: 414 })
  })
})

describe('queries', () => {
  const cases: [string, string][] = [
    ['limit=1&limit=2', 'limit'],
    ['nothing=1', 'nothing'],
    ['__proto__=1', '__proto__'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=1e2', 'limit'],
    ['limit=', 'limit'],
    ['from=-1', 'from'],
    ['from=9007199254740992', 'from'],
    ['from=end', 'from'],
    ['direction=up', 'direction'],
    ['entity=', 'entity'],
    ['partition=1024', 'partition'],
    ['wait=1', 'wait'],
  ]
  for (const [query, option] of cases)
    test(`parseQuery() refuses "${query}" by name`, async () => {
      const { as } = await harness()
      await as('admin', '/api/topics', posted({ topic: 'orders' }))
      const response = await as('read', `/api/topics/orders/events?${query}`)
      expect(await jsonOf(response)).toMatchObject({ code: 'OPTION_INVALID', status: 400, details: { option } })
    })
})

describe('answers', () => {
  test('every answer carries the security headers and its request id, errors included', async () => {
    const { app, as } = await harness()
    const answers = [
      await app.request('/health'),
      await app.request('/api/topics'),
      await app.request('/health', { headers: { host: 'evil.example' } }),
      await as('admin', '/'),
      await as('admin', '/nothing'),
      await as('read', '/api/store/verify', { method: 'POST' }),
      await as('admin', '/api/topics', posted('{')),
    ]
    for (const response of answers) {
      expect(Object.fromEntries(response.headers)).toMatchObject(HEADERS)
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-z]{16}$/)
      expect(response.headers.get('server') ?? response.headers.get('x-powered-by')).toBeNull()
    }
  })

  test('door() keeps a good request id and replaces any other', async () => {
    const { app } = await harness()
    const idOf = async (id: string) =>
      (await app.request('/health', { headers: { 'x-request-id': id } })).headers.get('x-request-id')
    expect(await idOf('trace-1.a_B')).toBe('trace-1.a_B')
    for (const bad of ['a b', '<b>', 'x'.repeat(65), 'a"']) expect(await idOf(bad)).not.toBe(bad)
  })

  test('guard() answers 429 with Retry-After to more requests at a time than the limit', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { app, store, as } = await harness({ limits: { requests: 2 } })
    store.topics.list = () => held.then(() => [])
    const first = [as('read', '/api/topics'), as('read', '/api/topics')]
    await Promise.resolve()
    const refused = await as('read', '/api/store')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
    release()
    await Promise.all(first)
    expect((await as('read', '/api/store')).status).toBe(200)
    expect((await app.request('/health')).status).toBe(200)
  })
})
