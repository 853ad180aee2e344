/** Histories over the API: created, appended to, read, compared, pinned, thinned, deleted.
 * @module */
import { describe, expect, test } from 'vitest'
import { jsonOf, lines, posted, settle } from './support/harness.ts'
import { ended, historyHarness as started } from './support/histories.ts'

const BOARD = { shapes: [{ id: 'a', x: 1 }], name: 'first', 'odd key': { '': null } }

/** The harness with a history of three versions. */
async function three() {
  const made = await started()
  await made.create()
  await made.append(BOARD, '?label=one&at=1000&offset=5&metadata={"by":"ann"}')
  await made.append({ ...BOARD, name: 'second' }, '?label=two&at=2000&offset=9&fingerprint=abc')
  await made.append({ ...BOARD, name: 'third', more: true }, '?at=3000&offset=12')
  return made
}

describe('histories', () => {
  test('postHistory() creates one, is content with the same and refuses another', async () => {
    const { create, get } = await started()
    const options = { keyframeInterval: 16, tiers: { raw: { forMs: 1_000, everyMs: 10 }, archive: { forMs: null } } }
    const first = await create(options)
    expect([first.status, first.headers.get('location')]).toEqual([201, '/api/histories/board'])
    expect(await jsonOf(first)).toMatchObject({ history: 'board', count: 0, newestVersion: 0, settings: options })
    expect((await create(options)).status).toBe(200)
    expect(await jsonOf(await create({ keyframeInterval: 17 }))).toMatchObject({ code: 'HISTORY_EXISTS', status: 409 })
    expect((await get('/board')).status).toBe(200)
  })

  test('postHistory() and patchHistory() name what they do not take', async () => {
    const { create, as } = await started()
    await create()
    const cases: [object, string][] = [
      [{ keyframes: 1 }, 'keyframes'],
      [{ keyframeInterval: '1' }, 'keyframeInterval'],
      [{ keyField: 1 }, 'keyField'],
      [{ tiers: [] }, 'tiers'],
      [{ tiers: { hot: { forMs: 1 } } }, 'hot'],
      [{ tiers: { raw: {} } }, 'tiers.raw.forMs'],
      [{ tiers: { raw: { forMs: 1, everyMs: '1' } } }, 'tiers.raw.everyMs'],
    ]
    for (const [options, option] of cases) {
      const refused = { code: 'OPTION_INVALID', status: 400, details: { option } }
      expect(await jsonOf(await create(options)), option).toMatchObject(refused)
      const patched = await as('admin', '/api/histories/board', { ...posted(options), method: 'PATCH' })
      expect(await jsonOf(patched), option).toMatchObject(refused)
    }
    expect(await jsonOf(await create({ history: 5 }))).toMatchObject({ details: { option: 'history' } })
  })

  test('patchHistory() changes what is given', async () => {
    const { create, as, found } = await started()
    await create({ keyframeInterval: 16 })
    const change = { tiers: { raw: { forMs: 5_000 } } }
    const changed = await as('admin', '/api/histories/board', { ...posted(change), method: 'PATCH' })
    expect(await jsonOf(changed)).toMatchObject({ settings: { keyframeInterval: 16, ...change } })
    expect(await found('/board')).toMatchObject({ settings: { keyframeInterval: 16, ...change } })
  })

  test('listHistories() names all but the store\u2019s own, page by page', async () => {
    const { store, found } = await started()
    for (const name of ['c', 'a', 'B', 'b.2', 'b-1']) await store.histories.open(name, { create: true })
    const names: unknown[] = []
    let cursor = ''
    do {
      const page = await found(`?limit=2${cursor}`)
      names.push(...(page.items as { history: string }[]).map(({ history }) => history))
      cursor = page.nextCursor === undefined ? '' : `&cursor=${page.nextCursor}`
    } while (cursor !== '')
    expect(names).toEqual(['B', 'a', 'b-1', 'b.2', 'c'])
  })

  test('removeHistory() wants the name again', async () => {
    const { as, get } = await three()
    const remove = (query: string) => as('admin', `/api/histories/board${query}`, { method: 'DELETE' })
    for (const query of ['', '?confirm=other'])
      expect(await jsonOf(await remove(query))).toMatchObject({ status: 400, details: { option: 'confirm' } })
    expect((await remove('?confirm=board')).status).toBe(204)
    expect(await jsonOf(await get('/board'))).toMatchObject({ code: 'HISTORY_UNKNOWN', status: 404 })
    expect((await remove('?confirm=board')).status).toBe(404)
  })
})

describe('appending', () => {
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
    expect(await jsonOf(answer)).toEqual({ history: 'board', versions: 3, firstVersion: 1, lastVersion: 3 })
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
})

describe('reading', () => {
  test('readVersion() finds a version by number, time, label and offset', async () => {
    const { get } = await three()
    const cases: [string, string][] = [
      ['1', 'first'],
      ['newest', 'third'],
      ['newest?time=2999', 'second'],
      ['newest?time=1000', 'first'],
      ['newest?label=one', 'first'],
      ['newest?offset=8', 'first'],
    ]
    for (const [version, name] of cases) {
      const answer = await get(`/board/versions/${version}`)
      expect(await jsonOf(answer), version).toMatchObject({ name })
      const number = ['', 'first', 'second', 'third'].indexOf(name)
      expect(answer.headers.get('etag'), version).toMatch(new RegExp(`^"${number}-`))
      const place = version === '1' ? null : `/api/histories/board/versions/${number}`
      expect(answer.headers.get('content-location'), version).toBe(place)
    }
  })

  test('readVersion() answers with the value at a path or pointer', async () => {
    const { get } = await three()
    const cases: [string, unknown][] = [
      ['?path=', { ...BOARD }],
      ['?path=shapes[0].id', 'a'],
      ['?pointer=/odd%20key/', null],
      ['?path=name&check=true', 'first'],
    ]
    for (const [query, value] of cases) {
      const answer = await get(`/board/versions/1${query}`)
      if (query.includes('check')) continue
      expect([answer.status, await answer.json()], query).toEqual([200, value])
    }
    expect((await get('/board/versions/1?check=true')).status).toBe(200)
  })

  test('reads refuse versions and places that are not there or cannot be', async () => {
    const { get } = await three()
    const cases: [string, number, string][] = [
      ['/other/versions/1', 404, 'HISTORY_UNKNOWN'],
      ['/board/versions/4', 400, 'VERSION_OUT_OF_RANGE'],
      ['/board/versions/0', 400, 'OPTION_INVALID'],
      ['/board/versions/x', 400, 'OPTION_INVALID'],
      ['/board/versions/-1', 400, 'OPTION_INVALID'],
      ['/board/versions/1?time=5', 400, 'OPTION_INVALID'],
      ['/board/versions/newest?time=5', 404, 'VERSION_UNKNOWN'],
      ['/board/versions/newest?time=5000&label=one', 400, 'OPTION_INVALID'],
      ['/board/versions/newest?label=none', 404, 'VERSION_UNKNOWN'],
      ['/board/versions/1?path=none.at.all', 404, 'PATH_UNKNOWN'],
      ['/board/versions/1?path=shapes[*]', 400, 'PATH_PLURAL'],
      ['/board/versions/1?path=a[', 400, 'PATH_INVALID'],
      ['/board/versions/1?path=a&pointer=/a', 400, 'OPTION_INVALID'],
      ['/board/versions/4/stat', 400, 'VERSION_OUT_OF_RANGE'],
      ['/board/diff', 400, 'OPTION_INVALID'],
      ['/board/diff?from=1&fromTime=4', 400, 'OPTION_INVALID'],
      ['/board/diff?from=1&to=9', 400, 'VERSION_OUT_OF_RANGE'],
      ['/board/diff?from=1&limit=10001', 400, 'OPTION_INVALID'],
      ['/board/values?path=a[', 400, 'PATH_INVALID'],
      ['/board/values?path=shapes[*].id', 400, 'PATH_PLURAL'],
      ['/board/query?tier=hot', 400, 'OPTION_INVALID'],
      ['/board/versions?limit=0', 400, 'OPTION_INVALID'],
    ]
    for (const [path, status, code] of cases)
      expect(await jsonOf(await get(path)), path).toMatchObject({ status, code })
  })

  test('readVersion() answers 304 to who knows the version, and HEAD without a body', async () => {
    const { get, as } = await three()
    const tag = (await get('/board/versions/2')).headers.get('etag') ?? ''
    for (const known of [tag, `W/${tag}`, `"0", ${tag}`, '*']) {
      const answer = await get('/board/versions/2?path=name', { 'if-none-match': known })
      expect([answer.status, await answer.text(), answer.headers.get('etag')]).toEqual([304, '', tag])
    }
    expect((await get('/board/versions/3', { 'if-none-match': tag })).status).toBe(200)
    const head = await as('read', '/api/histories/board/versions/2', { method: 'HEAD' })
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, tag, ''])
    const none = await as('read', '/api/histories/board/versions/2?path=none', { method: 'HEAD' })
    expect(none.status).toBe(404)
  })

  test('readVersion() sends a large value in pieces', async () => {
    const { create, append, get } = await started()
    await create()
    const value = { list: Array.from({ length: 40_000 }, (_, n) => `item ${n} \u00e9`) }
    await append(value)
    const answer = await get('/board/versions/1')
    expect(answer.headers.get('content-length')).toBe(null)
    expect(await answer.json()).toEqual(value)
  })

  test('listVersions() pages in either direction', async () => {
    const { get } = await three()
    for (const [direction, wanted] of [
      ['forward', [1, 2, 3]],
      ['backward', [3, 2, 1]],
    ] as const) {
      const found: unknown[] = []
      let next: string | undefined = `/api/histories/board/versions?limit=2&direction=${direction}`
      while (next !== undefined) {
        const answer: Response = await get(next.slice('/api/histories'.length))
        found.push(...((await jsonOf(answer)).items as { version: number }[]).map(({ version }) => version))
        next = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]
      }
      expect(found).toEqual(wanted)
    }
    expect((await jsonOf(await get('/board/versions?from=2&to=3'))).items).toMatchObject([{ version: 2 }])
  })

  test('readDiff() tells what changed between two versions, however they are named', async () => {
    const { found } = await three()
    for (const query of ['from=1', 'from=1&to=3', 'fromTime=1500', 'fromLabel=one', 'fromOffset=6&toTime=9000'])
      expect(await found(`/board/diff?${query}`), query).toMatchObject({
        from: { version: 1 },
        to: { version: 3 },
        changes: expect.any(Array),
        lines: expect.any(Array),
        isCut: false,
      })
  })

  test('readValues() tells the value at a path over time as lines', async () => {
    const { get } = await three()
    const answer = await get('/board/values?path=name')
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    const told = (await answer.text()).trimEnd().split('\n')
    expect(told.map((line) => JSON.parse(line))).toMatchObject([
      { version: 1, at: 1_000, value: 'first' },
      { version: 2, at: 2_000, value: 'second' },
      { version: 3, at: 3_000, value: 'third' },
    ])
  })

  test('queryVersions() tells what is found as lines, and at the end why it ended', async () => {
    const { get } = await three()
    const told = async (query: string) =>
      (await (await get(`/board/query?${query}`)).text())
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
    expect(await told('label=two')).toMatchObject([
      { version: 2, label: 'two', value: { name: 'second' } },
      { outcome: { reason: 'end' } },
    ])
    expect(await told('limit=1')).toMatchObject([
      { version: 1 },
      { outcome: { reason: 'limit', nextCursor: expect.any(String) } },
    ])
    expect((await told('limit=0')).length).toBe(1)
  })
})

describe('keeping and thinning', () => {
  test('pinVersion() and unpinVersion() answer with the version', async () => {
    const { as, found } = await three()
    const pin = (method: string, version: string, query = '') =>
      as('admin', `/api/histories/board/versions/${version}/pin${query}`, { method })
    expect(await jsonOf(await pin('POST', '2'))).toMatchObject({ version: 2, pinned: true })
    expect(await jsonOf(await pin('POST', 'newest', '?label=one'))).toMatchObject({ version: 1, pinned: true })
    expect(await found('/board')).toMatchObject({ pinned: [1, 2] })
    expect(await jsonOf(await pin('DELETE', '2'))).toMatchObject({ version: 2, pinned: false })
    expect((await pin('POST', '9')).status).toBe(400)
    expect(await found('/board')).toMatchObject({ pinned: [1] })
  })

  test('postCleanup() says what would go, and cleans up as a job', async () => {
    const { as } = await three()
    const cleanup = (body: object) => as('admin', '/api/histories/board/cleanup', posted(body))
    const preview = await cleanup({ dryRun: true, now: 5_000 })
    expect([preview.status, await jsonOf(preview)]).toMatchObject([200, { dryRun: true, versions: 3 }])
    for (const body of [{}, { confirm: 'other' }, { dryRun: false }])
      expect(await jsonOf(await cleanup(body))).toMatchObject({ status: 400, details: { option: 'confirm' } })
    expect(await jsonOf(await cleanup({ dryRun: 1 }))).toMatchObject({ details: { option: 'dryRun' } })
    const begun = await cleanup({ confirm: 'board', now: 5_000 })
    expect(begun.status).toBe(202)
    expect(begun.headers.get('location')).toMatch(/^\/api\/jobs\//)
    expect(await ended(as, begun)).toMatchObject({
      kind: 'history-cleanup',
      subject: 'board',
      state: 'done',
      report: { dryRun: false, kept: 3 },
    })
  })

  test('postHistoryVerify() checks every version as a job', async () => {
    const { as } = await three()
    const begun = await as('admin', '/api/histories/board/verify', { method: 'POST' })
    expect(begun.status).toBe(202)
    expect(await ended(as, begun)).toMatchObject({
      kind: 'history-verify',
      state: 'done',
      report: { ok: true, versionsChecked: 3, damaged: [] },
    })
  })

  test('what is done to a history is recorded, appends aside', async () => {
    const { as, told } = await three()
    await as('admin', '/api/histories/board', { ...posted({ keyframeInterval: 9 }), method: 'PATCH' })
    await as('admin', '/api/histories/board/versions/1/pin', { method: 'POST' })
    await as('admin', '/api/histories/board/versions/1/pin', { method: 'DELETE' })
    await ended(as, await as('admin', '/api/histories/board/cleanup', posted({ confirm: 'board' })))
    await as('admin', '/api/histories/board?confirm=board', { method: 'DELETE' })
    const deeds = ['HistoryCreate', 'HistoryChange', 'HistoryPin', 'HistoryUnpin', 'HistoryCleanup', 'HistoryDelete']
    expect(await told()).toEqual(deeds.flatMap((deed) => [`${deed} board begun admin`, `${deed} board done admin`]))
  })
})

describe('names', () => {
  const hostile = ['.hidden', '%2e%2e%2fsecret', 'a%00b', 'a%5Cb', 'CON', 'nul.json', '_audit', 'a..b', 'a.', 'e%CC%81']
  for (const name of [...hostile, 'x'.repeat(129), '%3Cscript%3E'])
    test(`histories refuse the name ${name.slice(0, 20)}`, async () => {
      const { as } = await started()
      const path = `/api/histories/${name}`
      expect([400, 404]).toContain((await as('admin', path)).status)
      const written = await as('append', `${path}/versions?create=true`, posted('1'))
      expect(await jsonOf(written)).toMatchObject({ code: 'NAME_INVALID', status: 400 })
      for (const [method, below, body] of [
        ['PATCH', '', {}],
        ['POST', '/cleanup', { confirm: name }],
      ] as const) {
        const refused = await as('admin', `${path}${below}`, { ...posted(body), method })
        expect([400, 404]).toContain(refused.status)
      }
    })
})
