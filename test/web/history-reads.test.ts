/** Versions that are read over the API: found, read by path, listed, compared, over time, by a query.
 * @module */
import { expect, test } from 'vitest'
import { jsonOf } from './support/harness.ts'
import { BOARD, historyHarness as started, threeVersions } from './support/histories.ts'

test('readVersion() finds a version by number, time, label and offset', async () => {
  const { get } = await threeVersions()
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
  const { get } = await threeVersions()
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
  const { get } = await threeVersions()
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
  for (const [path, status, code] of cases) expect(await jsonOf(await get(path)), path).toMatchObject({ status, code })
})

test('readVersion() answers 304 to who knows the version, and HEAD without a body', async () => {
  const { get, as } = await threeVersions()
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

test('readVersion() sends a large value in pieces, whole characters each', async () => {
  const { create, append, get, store } = await started()
  await create()
  const value = { list: Array.from({ length: 90_000 }, (_, n) => `${'x'.repeat(n % 7)} \u{1f600} ${n} \u00e9`) }
  await append(value)
  const answer = await get('/board/versions/1')
  expect(answer.headers.get('content-length')).toBe(null)
  const text = await answer.text()
  expect(text).toBe(JSON.stringify(value))
  // Of what is larger than a string may become, the text is made as it is sent.
  const history = await store.histories.open('board')
  const find = history.find.bind(history)
  history.find = async (selector) => ({ ...(await find(selector)), rawBytes: 1_000_000_000 })
  expect(await (await get('/board/versions/1')).text()).toBe(text)
})

test('listVersions() pages in either direction', async () => {
  const { get } = await threeVersions()
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
  const { found } = await threeVersions()
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
  const { get } = await threeVersions()
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
  const { get } = await threeVersions()
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
