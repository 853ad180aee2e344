/** Documents over the API: written, read by path, listed, deleted; versions in headers; streams that end early.
 * @module */
import { describe, expect, test } from 'vitest'
import { documentHarness as started } from './support/documents.ts'
import { jsonOf, settle } from './support/harness.ts'

const CATALOG = {
  products: [
    { name: 'tea', price: 4.5 },
    { name: 'cup', tags: ['a', 'b'] },
  ],
  'odd key': { '': null },
}

/** A body in pieces of one byte. */
function bytewise(text: string): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at === bytes.length) controller.close()
      else controller.enqueue(bytes.slice(at, ++at))
    },
  })
}

describe('writing', () => {
  test('putDocument() stores text and says 201, then 200, with the version as ETag', async () => {
    const { put, get } = await started()
    const first = await put(JSON.stringify(CATALOG))
    expect([first.status, first.headers.get('etag'), first.headers.get('location')]).toEqual([
      201,
      '"1"',
      '/api/documents/catalog',
    ])
    expect(await jsonOf(first)).toMatchObject({ name: 'catalog', version: 1 })
    const second = await put(bytewise('{"a":"\u00e9\u{1f600}"}'))
    expect([second.status, second.headers.get('etag'), second.headers.get('location')]).toEqual([200, '"2"', null])
    const read = await get('/catalog')
    expect([await read.text(), read.headers.get('etag')]).toEqual(['{"a":"\u00e9\u{1f600}"}', '"2"'])
    expect(read.headers.get('content-type')).toBe('application/json; charset=utf-8')
  })

  test('putDocument() takes the dialect of values, and a compressed body', async () => {
    const { put, store } = await started()
    const text = '{"big":123456789012345678901234567890,"bytes":{"$type":"bytes","base64":"AQI="}}'
    const packed = new Response(text).body?.pipeThrough(new CompressionStream('gzip')) as ReadableStream<Uint8Array>
    expect((await put(packed, { 'content-encoding': 'gzip' })).status).toBe(201)
    expect(await store.documents.read('catalog')).toEqual({
      big: 123456789012345678901234567890n,
      bytes: new Uint8Array([1, 2]),
    })
  })

  test('putDocument() writes the version that the headers name, and no other', async () => {
    const { put } = await started()
    const status = async (headers: Record<string, string>) => (await put('1', headers)).status
    expect(await status({ 'if-match': '*' })).toBe(412)
    expect(await status({ 'if-match': '"1"' })).toBe(412)
    expect(await status({ 'if-none-match': '*' })).toBe(201)
    const again = await put('1', { 'if-none-match': '*' })
    expect([again.status, again.headers.get('etag')]).toEqual([412, '"1"'])
    expect(await jsonOf(again)).toMatchObject({ code: 'DOCUMENT_CONFLICT', details: { expected: 0, found: 1 } })
    expect(await status({ 'if-match': 'W/"1"' })).toBe(200)
    expect(await status({ 'if-match': '"1"' })).toBe(412)
    expect(await status({ 'if-match': '*' })).toBe(200)
    for (const headers of [
      { 'if-match': '1' },
      { 'if-match': '"1", "2"' },
      { 'if-none-match': '"1"' },
      { 'if-match': '*', 'if-none-match': '*' },
    ])
      expect(await jsonOf(await put('1', headers))).toMatchObject({ status: 400, details: { option: 'ifVersion' } })
  })

  test('putDocument() refuses what is not JSON with its place, and publishes nothing', async () => {
    const { put, get } = await started()
    for (const text of ['', ' ', '{"a":1', '{"a":}', '[1]x'])
      expect(await jsonOf(await put(text)), text).toMatchObject({
        code: 'JSON_INVALID',
        status: 400,
        details: { position: expect.any(Number), line: 1, column: expect.any(Number) },
      })
    expect((await get('/catalog')).status).toBe(404)
    expect((await put('1', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await put('1', { 'content-encoding': 'br' })).status).toBe(415)
  })

  test('putDocument() ends a body that pauses for the idle limit, however long it has gone on', async () => {
    const { put, clock, get } = await started()
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const body = new ReadableStream<Uint8Array>({
      start: (made) => {
        controller = made
      },
    })
    const answer = put(body)
    for (const piece of ['[', '1', ',', '2']) {
      await settle()
      await clock.advance(14_999)
      controller?.enqueue(new TextEncoder().encode(piece))
    }
    await settle()
    await clock.advance(15_000)
    expect(await jsonOf(await answer)).toMatchObject({ code: 'BODY_TIMEOUT', status: 408 })
    expect((await get('/catalog')).status).toBe(404)
  })

  test('putDocument() takes as many bodies of a peer at a time as there are streams for it', async () => {
    const { put } = await started({ limits: { streamsPerPeer: 1 } })
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const open = put(
      new ReadableStream<Uint8Array>({
        start: (made) => {
          controller = made
        },
      }),
    )
    await settle()
    expect(await jsonOf(await put('1', {}, '/api/documents/other'))).toMatchObject({
      code: 'RATE_LIMITED',
      status: 429,
    })
    controller?.enqueue(new TextEncoder().encode('1'))
    controller?.close()
    expect((await open).status).toBe(201)
    expect((await put('1', {}, '/api/documents/other')).status).toBe(201)
  })

  test('putDocument() ends with the server', async () => {
    const { put, stop, get } = await started()
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const open = put(
      new ReadableStream<Uint8Array>({
        start: (made) => {
          controller = made
        },
      }),
    )
    await settle()
    stop.abort()
    controller?.enqueue(new TextEncoder().encode('1'))
    controller?.close()
    expect(await jsonOf(await open)).toMatchObject({ code: 'STORE_CLOSED', status: 503 })
    expect((await put('1')).status).toBe(503)
    expect((await get('/catalog')).status).toBe(404)
  })

  test('putDocument() and removeDocument() are recorded', async () => {
    const { put, remove, store } = await started()
    await put('1')
    await put('{')
    await remove('?confirm=catalog')
    const audit = await store.topics.open('_audit')
    const told = (await audit.last(10)).map(({ kind, entity, data }) => [kind, entity, data.state, data.role])
    expect(told).toEqual([
      ['DocumentWrite', 'catalog', 'begun', 'append'],
      ['DocumentWrite', 'catalog', 'done', 'append'],
      ['DocumentWrite', 'catalog', 'begun', 'append'],
      ['DocumentWrite', 'catalog', 'failed', 'append'],
      ['DocumentDelete', 'catalog', 'begun', 'admin'],
      ['DocumentDelete', 'catalog', 'done', 'admin'],
    ])
    expect((await audit.get(1))?.data).toMatchObject({ version: 1 })
  })
})

describe('reading', () => {
  test('readDocument() answers with the value at a path or pointer', async () => {
    const { put, get } = await started()
    await put(JSON.stringify(CATALOG))
    const cases: [string, unknown][] = [
      ['', CATALOG],
      ['?path=', CATALOG],
      ['?pointer=', CATALOG],
      ['?path=products[0].name', 'tea'],
      ['?path=products%5B1%5D.tags', ['a', 'b']],
      ['?path="odd key"', { '': null }],
      ['?pointer=/products/0/price', 4.5],
      ['?pointer=/odd%20key/', null],
    ]
    for (const [query, value] of cases) {
      const answer = await get(`/catalog${query}`)
      expect([answer.status, await answer.json()], query).toEqual([200, value])
      expect(answer.headers.get('content-length'), query).toBe(String(JSON.stringify(value).length))
    }
  })

  test('readDocument() refuses places that are not there or cannot be', async () => {
    const { put, get } = await started()
    await put(JSON.stringify(CATALOG))
    const cases: [string, number, string][] = [
      ['/other', 404, 'DOCUMENT_UNKNOWN'],
      ['/catalog?path=nothing', 404, 'PATH_UNKNOWN'],
      ['/catalog?path=products[2]', 404, 'PATH_UNKNOWN'],
      ['/catalog?path=products[0].name.first', 404, 'PATH_UNKNOWN'],
      ['/catalog?path=products[', 400, 'PATH_INVALID'],
      ['/catalog?pointer=products', 400, 'PATH_INVALID'],
      ['/catalog?path=a&pointer=/a', 400, 'OPTION_INVALID'],
      ['/catalog?path=a&path=b', 400, 'OPTION_INVALID'],
      ['/catalog?limit=1', 400, 'OPTION_INVALID'],
      ['/catalog/children?path=nothing', 404, 'PATH_UNKNOWN'],
      ['/catalog/children?path=products[0].name', 400, 'PATH_NOT_CONTAINER'],
      ['/catalog/children?limit=1001', 400, 'OPTION_INVALID'],
    ]
    for (const [path, status, code] of cases)
      expect(await jsonOf(await get(path)), path).toMatchObject({ status, code })
  })

  test('readDocument() tells matches of a path with wildcards as lines', async () => {
    const { put, get } = await started()
    await put(JSON.stringify(CATALOG))
    const answer = await get('/catalog?path=products[*].name')
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    expect((await answer.text()).split('\n').map((line) => (line === '' ? '' : JSON.parse(line)))).toEqual([
      { path: 'products[0].name', value: 'tea' },
      { path: 'products[1].name', value: 'cup' },
      '',
    ])
    const none = await get('/catalog?path=products[*].none')
    expect([none.status, await none.text()]).toEqual([200, ''])
  })

  test('readDocument() answers 304 to who knows the version, and HEAD without a body', async () => {
    const { put, get, as } = await started()
    await put(JSON.stringify(CATALOG))
    for (const tag of ['"1"', 'W/"1"', '"0", "1"', '*'])
      for (const path of ['/catalog', '/catalog?path=products', '/catalog/stat', '/catalog/children']) {
        const answer = await get(path, { 'if-none-match': tag })
        expect([answer.status, await answer.text(), answer.headers.get('etag')], path).toEqual([304, '', '"1"'])
      }
    expect((await get('/catalog', { 'if-none-match': '"2"' })).status).toBe(200)
    const head = await as('read', '/api/documents/catalog?path=products', { method: 'HEAD' })
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, '"1"', ''])
    expect((await as('read', '/api/documents/catalog?path=none', { method: 'HEAD' })).status).toBe(404)
    expect((await as('read', '/api/documents/none', { method: 'HEAD' })).status).toBe(404)
  })

  test('readDocument() compresses for who takes it', async () => {
    const { put, get } = await started()
    await put(JSON.stringify({ text: 'x'.repeat(300_000) }))
    const answer = await get('/catalog', { 'accept-encoding': 'gzip' })
    expect([answer.headers.get('content-encoding'), answer.headers.get('etag')]).toEqual(['gzip', 'W/"1"'])
    const text = await new Response(answer.body?.pipeThrough(new DecompressionStream('gzip'))).text()
    expect(text.length).toBe(300_011)
  })

  test('readChildren() pages through fields and elements', async () => {
    const { put, get } = await started()
    await put(JSON.stringify({ list: Array.from({ length: 250 }, (_, n) => n), text: 'x'.repeat(1_000) }))
    const root = await jsonOf(await get('/catalog/children'))
    expect(root).toMatchObject({
      type: 'object',
      items: [
        { path: 'list', key: 'list', type: 'array' },
        { path: 'text', key: 'text', type: 'string' },
      ],
    })
    const found: unknown[] = []
    let next: string | undefined = '/api/documents/catalog/children?path=list&limit=100'
    while (next !== undefined) {
      const answer: Response = await get(next.slice('/api/documents'.length))
      found.push(...((await jsonOf(answer)).items as { value: unknown }[]).map(({ value }) => value))
      expect(answer.headers.get('etag')).toBe('"1"')
      next = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]
    }
    expect(found).toEqual(Array.from({ length: 250 }, (_, n) => n))
  })

  test('listDocuments() names all, page by page', async () => {
    const { put, get } = await started()
    for (const name of ['c', 'a', 'B', 'b.2', 'b-1']) await put('1', {}, `/api/documents/${name}`)
    const names: string[] = []
    let cursor = ''
    do {
      const page = await jsonOf(await get(`?limit=2${cursor}`))
      names.push(...(page.items as { name: string }[]).map(({ name }) => name))
      cursor = page.nextCursor === undefined ? '' : `&cursor=${page.nextCursor}`
    } while (cursor !== '')
    expect(names).toEqual([...names].sort())
    expect(names.length).toBe(5)
    expect(await jsonOf(await get('?cursor=zz'))).toEqual({ items: [] })
    expect(await jsonOf(await get('/b.2/stat'))).toMatchObject({ name: 'b.2', version: expect.any(Number) })
  })
})

describe('deleting', () => {
  test('removeDocument() wants the name again, and takes If-Match', async () => {
    const { put, remove, get } = await started()
    await put('1')
    for (const query of ['', '?confirm=other'])
      expect(await jsonOf(await remove(query))).toMatchObject({ status: 400, details: { option: 'confirm' } })
    const stale = await remove('?confirm=catalog', { 'if-match': '"9"' })
    expect([stale.status, stale.headers.get('etag')]).toEqual([412, '"1"'])
    expect((await remove('?confirm=catalog', { 'if-match': '"1"' })).status).toBe(204)
    expect((await get('/catalog')).status).toBe(404)
    expect((await remove('?confirm=catalog')).status).toBe(404)
    expect((await remove('?confirm=catalog', { 'if-match': '*' })).status).toBe(412)
  })
})

describe('names', () => {
  const hostile = [
    '..',
    '.hidden',
    '%2e%2e%2fsecret',
    'a%00b',
    'a%5Cb',
    'CON',
    'nul.json',
    '_audit',
    'a..b',
    'a.',
    'e%CC%81',
    'x'.repeat(129),
    '%3Cscript%3E',
  ]
  for (const name of hostile)
    test(`documents refuse the name ${name.slice(0, 20)}`, async () => {
      const { as, put } = await started()
      const path = `/api/documents/${name}`
      expect([400, 404], path).toContain((await as('admin', path)).status)
      const written = await put('1', {}, path)
      // What the address itself resolves is another address.
      if (name === '..') expect(written.status).toBe(404)
      else expect(await jsonOf(written), path).toMatchObject({ code: 'NAME_INVALID', status: 400 })
    })
})
