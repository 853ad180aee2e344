/** Versions that are appended over the API: values, metrics, lines; what must hold before; what ends a body.
 * @module */
import { expect, test } from 'vitest'
import { jsonOf, lines, settle } from './support/harness.ts'
import { BOARD, historyHarness as started } from './support/histories.ts'

test('appendVersions() stores a value with its options and says where it is', async () => {
  const { create, append, found } = await started()
  await create()
  const query = '?label=one&at=1000&offset=5&fingerprint=abc&metadata=%7B%22by%22%3A%22ann%22%7D'
  const answer = await append(BOARD, query)
  expect([answer.status, answer.headers.get('location')]).toEqual([201, '/api/histories/board/versions/1'])
  expect(answer.headers.get('etag')).toMatch(/^"1-[0-9a-z]+"$/)
  expect(await jsonOf(answer)).toMatchObject({ version: 1, at: 1_000, fingerprint: 'abc', isDelta: false })
  expect(await found('/board/versions/1/stat')).toMatchObject({
    version: 1,
    at: 1_000,
    kind: 'value',
    label: 'one',
    fingerprint: 'abc',
    metadata: { by: 'ann' },
    offset: 5,
    pinned: false,
  })
  expect(await found('/board/versions/1')).toEqual(BOARD)
})

test('appendVersions() takes every JSON value and the dialect, null and text too', async () => {
  const { create, append, store } = await started()
  await create()
  const texts = [
    'null',
    '"x"',
    '0',
    '[]',
    '{"big":123456789012345678901234567890,"b":{"$type":"bytes","base64":"AQI="}}',
  ]
  for (const text of texts) expect((await append(text)).status).toBe(201)
  const history = await store.histories.open('board')
  expect(await history.read({ version: 1 })).toBe(null)
  expect(await history.read({ version: 5 })).toEqual({
    big: 123456789012345678901234567890n,
    b: new Uint8Array([1, 2]),
  })
})

test('appendVersions() appends behind the version that the headers name, and no other', async () => {
  const { create, append, get } = await started()
  await create()
  const status = async (headers: Record<string, string>) => (await append(1, '', headers)).status
  expect(await status({ 'if-match': '*' })).toBe(412)
  expect(await status({ 'if-match': '"1"' })).toBe(412)
  expect(await status({ 'if-none-match': '*' })).toBe(201)
  const again = await append(1, '', { 'if-none-match': '*' })
  expect([again.status, again.headers.get('etag')]).toEqual([412, '"1"'])
  expect(await jsonOf(again)).toMatchObject({ code: 'HISTORY_CONFLICT', details: { expected: 0, found: 1 } })
  expect(await status({ 'if-match': 'W/"1"' })).toBe(201)
  expect(await status({ 'if-match': '"1"' })).toBe(412)
  expect(await status({ 'if-match': '*' })).toBe(201)
  const tag = (await get('/board/versions/newest')).headers.get('etag') ?? ''
  expect(await status({ 'if-match': tag })).toBe(201)
  expect(await status({ 'if-match': tag })).toBe(412)
  expect(await status({ 'if-match': '"4-zzz"' })).toBe(412)
  for (const headers of [
    { 'if-match': '1' },
    { 'if-match': '"1", "2"' },
    { 'if-none-match': '"1"' },
    { 'if-match': '*', 'if-none-match': '*' },
    { 'if-match': tag, 'if-none-match': '*' },
  ])
    expect(await jsonOf(await append(1, '', headers))).toMatchObject({
      status: 400,
      details: { option: 'ifVersion' },
    })
})

test('appendVersions() creates a history only on request, and only for what is a version', async () => {
  const { append, get, told } = await started()
  expect(await jsonOf(await append(1))).toMatchObject({ code: 'HISTORY_UNKNOWN', status: 404 })
  expect((await append('{', '?create=true')).status).toBe(400)
  expect((await append(1, '?create=true', { 'if-match': '*' })).status).toBe(412)
  expect((await get('/board')).status).toBe(404)
  expect((await append(1, '?create=true')).status).toBe(201)
  expect((await append(1, '?create=true')).status).toBe(201)
  expect(await told()).toEqual(['HistoryCreate board begun append', 'HistoryCreate board done append'])
})

test('appendVersions() takes metrics, whole numbers of either kind', async () => {
  const { create, append, store } = await started()
  await create()
  const body =
    '{"fingerprint":"run","metadata":{"host":"a"},"metrics":{"cpu":{"timestamps":[1,18446744073709551615],"values":[0.5,3]}}}'
  expect((await append(body, '?kind=metrics&label=m')).status).toBe(201)
  const history = await store.histories.open('board')
  expect(await history.find()).toMatchObject({
    kind: 'metrics',
    label: 'm',
    fingerprint: 'run',
    metadata: { host: 'a' },
  })
  expect(await history.read()).toMatchObject({
    metrics: { cpu: { timestamps: [1n, 18446744073709551615n], values: [0.5, 3] } },
  })
  const refused: [string, string, string][] = [
    ['{}', '?kind=metrics', 'metrics'],
    ['{"metrics":{"cpu":[1]}}', '?kind=metrics', 'cpu'],
    ['{"metrics":{"cpu":{"timestamps":1,"values":[]}}}', '?kind=metrics', 'metrics'],
    ['{"metrics":{},"label":"x"}', '?kind=metrics', 'label'],
    ['{"metrics":{}}', '?kind=metrics&fingerprint=x', 'fingerprint'],
    ['{"metrics":{}}', '?kind=rollup', 'kind'],
    ['1', '?metadata=[]', 'metadata'],
    ['1', '?ifVersion=1', 'ifVersion'],
  ]
  for (const [text, query, option] of refused)
    expect(await jsonOf(await append(text, query)), query).toMatchObject({ status: 400, details: { option } })
})

test('appendVersions() refuses a body over `versionBytes`, and what is not JSON', async () => {
  const { append, create, as } = await started({ limits: { versionBytes: 100 } })
  await create()
  expect((await append(JSON.stringify('x'.repeat(98)))).status).toBe(201)
  expect(await jsonOf(await append(JSON.stringify('x'.repeat(99))))).toMatchObject({
    code: 'BODY_TOO_LARGE',
    status: 413,
    details: { limit: 100 },
  })
  expect(await jsonOf(await append('{"a":'))).toMatchObject({ code: 'JSON_INVALID', status: 400 })
  expect((await append('1', '', { 'content-type': 'text/plain' })).status).toBe(415)
  expect(await jsonOf(await as('read', '/api/store'))).toMatchObject({ limits: { versionBytes: 100 } })
})

test('appendVersions() appends lines of any kind, each behind the one before', async () => {
  const { as, create, found, store } = await started()
  await create()
  const body = [
    '{"value":{"n":1},"label":"a","at":1000,"metadata":{"k":1}}',
    '',
    '{"value":null,"offset":7,"at":2000,"fingerprint":"f"}\r',
    '{"metrics":{"cpu":{"timestamps":[1],"values":[2]}},"at":3000}',
  ].join('\n')
  const answer = await as('append', '/api/histories/board/versions', lines(body))
  expect([answer.status, answer.headers.get('location')]).toEqual([201, '/api/histories/board/versions/3'])
  expect(await jsonOf(answer)).toEqual({
    history: 'board',
    versions: 3,
    firstVersion: 1,
    lastVersion: 3,
    lastReceipt: {
      version: 3,
      at: 3_000,
      fingerprint: expect.any(String),
      isDelta: expect.any(Boolean),
      sizeBytes: expect.any(Number),
    },
  })
  const page = await found('/board/versions')
  expect(page.items).toMatchObject([
    { version: 1, label: 'a', at: 1_000, metadata: { k: 1 } },
    { version: 2, offset: 7, at: 2_000, fingerprint: 'f' },
    { version: 3, kind: 'metrics', at: 3_000 },
  ])
  expect(await (await store.histories.open('board')).read({ version: 2 })).toBe(null)
  const none = await as('append', '/api/histories/board/versions', lines('\n'))
  expect([none.status, await jsonOf(none)]).toEqual([200, { history: 'board', versions: 0 }])
})

test('appendVersions() says what stays of lines that fail', async () => {
  const { as, create, append } = await started()
  await create()
  const send = async (body: string, headers: Record<string, string> = {}, query = '') => {
    const init = lines(body)
    return jsonOf(
      await as('append', `/api/histories/board/versions${query}`, {
        ...init,
        headers: { 'content-type': 'application/x-ndjson', ...headers },
      }),
    )
  }
  expect(await send('{"value":1}\n{"value":2}\n{"value"')).toMatchObject({
    code: 'JSON_INVALID',
    details: { line: 3, appended: { versions: 2, firstVersion: 1, lastVersion: 2 } },
  })
  for (const [line, option] of [
    ['{}', 'value'],
    ['{"value":1,"metrics":{}}', 'value'],
    ['{"value":1,"kind":"x"}', 'kind'],
    ['{"value":1,"at":"x"}', 'at'],
    ['{"value":1,"metadata":1}', 'metadata'],
    ['5', 'line'],
  ] as const)
    expect(await send(line), line).toMatchObject({
      code: 'OPTION_INVALID',
      details: { option, line: 1, appended: { versions: 0 } },
    })
  expect(await send('{"value":1}', { 'if-match': '"1"' })).toMatchObject({ status: 412, code: 'HISTORY_CONFLICT' })
  expect(await send('{"value":3}\n{"value":4}', { 'if-match': '"2"' })).toMatchObject({ versions: 2, lastVersion: 4 })
  expect(await send('{"value":3}', {}, '?label=x')).toMatchObject({ status: 400, details: { option: 'label' } })
  expect((await append(5, '', { 'if-match': '"4"' })).status).toBe(201)
})

test('appendVersions() takes as many bodies of a peer at a time as there are streams for it', async () => {
  const { as, create, append } = await started({ limits: { streamsPerPeer: 1 } })
  await create()
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start: (made) => {
      controller = made
    },
  })
  const open = as('append', '/api/histories/board/versions', lines(body))
  await settle()
  expect(await jsonOf(await append(1))).toMatchObject({ code: 'RATE_LIMITED', status: 429 })
  controller?.enqueue(new TextEncoder().encode('{"value":1}'))
  controller?.close()
  expect((await open).status).toBe(201)
  expect((await append(1)).status).toBe(201)
})

test('appendVersions() ends with the server, and a body that pauses with the idle limit', async () => {
  const { as, create, stop, clock, found } = await started()
  await create()
  const held: ReadableStreamDefaultController<Uint8Array>[] = []
  const open = () =>
    as(
      'append',
      '/api/histories/board/versions',
      lines(new ReadableStream({ start: (controller) => void held.push(controller) })),
    )
  const pausing = open()
  held[0]?.enqueue(new TextEncoder().encode('{"value":1}\n{"val'))
  while ((await found('/board')).newestVersion === 0) await settle()
  await settle()
  await clock.advance(15_000)
  expect(await jsonOf(await pausing)).toMatchObject({ code: 'BODY_TIMEOUT', details: { appended: { versions: 1 } } })
  stop.abort()
  expect((await open()).status).toBe(503)
  expect(await found('/board')).toMatchObject({ newestVersion: 1 })
})
