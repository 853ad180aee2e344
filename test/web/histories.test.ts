/** Histories over the API: created, changed, pinned, thinned, checked, deleted; hostile names.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import { createApp } from '../../web/index.ts'
import { jsonOf, posted } from './support/harness.ts'
import { ended, historyHarness as started, threeVersions } from './support/histories.ts'

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
    const { as, get } = await threeVersions()
    const remove = (query: string) => as('admin', `/api/histories/board${query}`, { method: 'DELETE' })
    for (const query of ['', '?confirm=other'])
      expect(await jsonOf(await remove(query))).toMatchObject({ status: 400, details: { option: 'confirm' } })
    expect((await remove('?confirm=board')).status).toBe(204)
    expect(await jsonOf(await get('/board'))).toMatchObject({ code: 'HISTORY_UNKNOWN', status: 404 })
    expect((await remove('?confirm=board')).status).toBe(404)
  })
})

describe('keeping and thinning', () => {
  test('pinVersion() and unpinVersion() answer with the version', async () => {
    const { as, found } = await threeVersions()
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
    const { as } = await threeVersions()
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

  test('jobs that would change a store that is open for reading are refused at once', async () => {
    const storage = memoryStorage()
    const owner = await openStore({ storage })
    await (await owner.histories.open('board', { create: true })).append(1)
    await owner.close()
    const store = await openStore({ storage, readOnly: true })
    const app = createApp(store, { access: () => 'admin' })
    const send = (path: string, body: object) => app.request(`/api/histories/board${path}`, posted(body))
    const refused = { code: 'STORE_READ_ONLY', status: 403 }
    expect(await jsonOf(await send('/cleanup', { confirm: 'board' }))).toMatchObject(refused)
    expect(await jsonOf(await send('/versions', {}))).toMatchObject(refused)
    expect((await app.request('/api/histories/board/verify', { method: 'POST' })).status).toBe(202)
    const page = await (await app.request('/histories/board')).text()
    expect(page).toContain('Version 1</h2>')
    expect(page).not.toContain('id="pin"')
    await store.close()
  })

  test('postHistoryVerify() checks every version as a job', async () => {
    const { as } = await threeVersions()
    const begun = await as('admin', '/api/histories/board/verify', { method: 'POST' })
    expect(begun.status).toBe(202)
    expect(await ended(as, begun)).toMatchObject({
      kind: 'history-verify',
      state: 'done',
      report: { ok: true, versionsChecked: 3, damaged: [] },
    })
  })

  test('what is done to a history is recorded, appends aside', async () => {
    const { as, told } = await threeVersions()
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
