/** The pages of histories: the list, the timeline, a moment with its changes and its value, one path over time,
 * settings with a clean-up.
 * @module */
import { describe, expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore } from '../../src/index.ts'
import { rangesOf } from '../../web/admin/history-settings.ts'
import type { Role } from '../../web/index.ts'
import { createApp } from '../../web/index.ts'
import { harness } from './support/harness.ts'
import { skeleton, unignored } from './support/markup.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const MARKUP = ['<script>x()</script>', '"><img src=x onerror=x()>', "'><b hx-get=/x>", '<!--', '</code></pre>', '&lt;']
const DAY = 86_400_000

async function started() {
  const made = await harness()
  const page = async (path: string, role: Role = 'read') => (await made.as(role, path)).text()
  const send = (path: string, fields: Record<string, string>, role: Role = 'admin') =>
    made.as(role, path, {
      method: 'POST',
      headers: { ...FORM, 'hx-request': 'true' },
      body: new URLSearchParams(fields).toString(),
    })
  return { ...made, page, send }
}

/** With a history of versions of `{ n, list }`, a day apart, the third labelled. */
async function filled(versions = 5) {
  const made = await started()
  const history = await made.store.histories.open('board', { create: true })
  for (let n = 1; n <= versions; n++)
    await history.append({ n, list: [n, 'same'] }, { at: n * DAY, ...(n === 3 && { label: 'third one' }) })
  return { ...made, history }
}

/** Where the links and requests with this text in them lead. */
function addresses(html: string, attribute: string, part: string): string[] {
  return [...html.matchAll(new RegExp(`${attribute}="([^"]*)"`, 'g'))]
    .map(([, found = '']) => found.replaceAll('&amp;', '&'))
    .filter((found) => found.includes(part))
}

describe('list', () => {
  test('historiesPage() names histories with sizes, a hundred a page, and not the store\u2019s own', async () => {
    const { store, page } = await started()
    for (let n = 0; n < 130; n++) await store.histories.open(`board-${1_000 + n}`, { create: true })
    const first = await page('/histories')
    expect([...first.matchAll(/<th scope="row">/g)].length).toBe(100)
    expect(first).toContain('<a href="/histories/board-1000">board-1000</a>')
    const [next = ''] = addresses(first, 'href', 'cursor=')
    const second = await page(next)
    expect([...second.matchAll(/<th scope="row">/g)].length).toBe(30)
    expect(addresses(second, 'href', 'cursor=')).toEqual([])
  })

  test('historiesPage() shows how to store a first version, and the form to who may create', async () => {
    const { page } = await started()
    expect(await page('/histories')).toContain('http://localhost/api/histories/board/versions?create=true')
    expect(await page('/histories', 'append')).not.toContain('id="create"')
    expect(await page('/histories', 'admin')).toContain('id="create"')
    expect(await page('/', 'read')).toContain('<a href="/histories">')
  })

  test('postCreateHistory() leads to the new history, and refuses one that exists', async () => {
    const { send, page } = await started()
    const answer = await send('/histories', { history: 'board', keyframeInterval: '9', keyField: 'id' })
    expect([answer.status, answer.headers.get('hx-redirect')]).toEqual([200, '/histories/board'])
    expect(await page('/histories/board')).toContain('No versions yet.')
    expect(await page('/histories/board/settings')).toContain('<dd id="interval">9</dd>')
    const same = { history: 'board', keyframeInterval: '9', keyField: 'id' }
    for (const fields of [same, { history: 'board', keyframeInterval: '10' }])
      expect([400, 409]).toContain((await send('/histories', fields)).status)
  })
})

describe('timeline', () => {
  test('timelinePage() shows the newest version, what changed, and a bar for each version', async () => {
    const { page } = await filled()
    const html = await page('/histories/board')
    expect(html).toContain('<dd id="version-count">5</dd>')
    expect(html).toMatch(/<input type="range" id="slide" name="version" min="1" max="5" step="1"\s+value="5"/)
    expect(html).toContain('hx-get="/histories/board/moment"')
    expect(html).toContain('Version 5</h2>')
    expect(html).toContain('2 changes since version 4')
    expect(addresses(html, 'data-version', '')).toEqual(['1', '2', '3', '4', '5'])
    expect(html.match(/class="version selected"/g)?.length).toBe(1)
    expect(html.match(/class="version base"/g)?.length).toBe(1)
    expect(addresses(html, 'href', '/values?path=n')).toEqual(['/histories/board/values?path=n'])
    expect(html).toContain('&quot;same&quot;')
    expect([...html.matchAll(/<tr><th scope="row"><a href="\/histories\/board\?version=(\d)">/g)].length).toBe(5)
  })

  test('timelinePage() finds a version by number, time and label', async () => {
    const { page, as } = await filled()
    for (const [query, version] of [
      ['version=2', 2],
      ['version=2&time=&label=', 2],
      [`time=${4 * DAY + 5}`, 4],
      ['time=1970-01-03', 2],
      ['label=third+one', 3],
      ['version=1&label=third+one', 3],
    ] as const)
      expect(await page(`/histories/board?${query}`), query).toContain(`Version ${version}</h2>`)
    for (const query of ['time=5', 'label=none']) {
      const refused = await as('read', `/histories/board?${query}`)
      expect([refused.status, (await refused.text()).includes('id="place-problem"')], query).toEqual([404, true])
    }
    expect((await as('read', '/histories/none')).status).toBe(404)
    expect((await as('read', '/histories/..%2fboard')).status).toBe(400)
  })

  test('momentPartial() is the version alone, compared with the one before or the one that is chosen', async () => {
    const { page } = await filled()
    const before = await page('/histories/board/moment?version=3')
    expect(before).not.toContain('<html')
    expect(before).toContain('since version 2')
    expect(before).toContain('third one')
    const chosen = await page('/histories/board/moment?version=3&from=5&path=list%5B0%5D')
    expect(chosen).toContain('2 changes since version 5')
    expect(chosen).toMatch(/<del><code>5<\/code><\/del>\s*<ins><code>3<\/code><\/ins>/)
    expect(chosen).toContain('<pre id="value-text" tabindex="0" hx-ignore><code>3</code></pre>')
    expect(addresses(chosen, 'href', 'version=4')).toContain('/histories/board?version=4&from=5&path=list%5B0%5D')
    expect(await page('/histories/board/moment?version=1')).toContain('the oldest version that is kept')
    expect(await page('/histories/board/moment?version=2&from=2')).toContain('does not differ from itself')
  })

  test('momentPartial() says beside the rest what is wrong with a path', async () => {
    const { page } = await filled()
    for (const [path, title] of [
      ['a[', 'Path invalid'],
      ['list[*]', 'Path plural'],
    ] as const) {
      const html = await page(`/histories/board/moment?version=2&path=${encodeURIComponent(path)}`)
      expect(html, path).toContain(`<h2>${title}</h2>`)
      expect(html, path).toContain('since version 1')
    }
    expect(await page('/histories/board/moment?version=2&path=none')).toContain('Nothing is at this path')
  })

  test('momentPartial() shows the nearest version that is kept where one is gone', async () => {
    const { page, history, store } = await filled()
    await store.histories.change('board', {
      tiers: { raw: { forMs: 1 }, compressed: { forMs: 2 }, archive: { forMs: 3 } },
    })
    await history.pin({ version: 2 })
    await history.cleanup({ now: 100 * DAY })
    const html = await page('/histories/board/moment?version=4')
    expect(html).toContain('Version 4 is gone')
    expect(html).toContain('Version 2</h2>')
    expect(addresses(html, 'data-version', '')).toEqual(['2', '5'])
    expect(await page('/histories/board/moment?version=1')).toContain('Version 2</h2>')
    expect(await page('/histories/board')).toMatch(/min="2" max="5"/)
  })

  test('the picture shows two hundred versions around the one that is chosen', async () => {
    const { page, history } = await filled(1)
    for (let n = 2; n <= 320; n++) await history.append({ n })
    const shown = async (version: number) => {
      const found = addresses(await page(`/histories/board/moment?version=${version}`), 'data-version', '').map(Number)
      return [found.length, found[0], found.at(-1)]
    }
    expect(await shown(1)).toEqual([200, 1, 200])
    expect(await shown(150)).toEqual([200, 50, 249])
    expect(await shown(320)).toEqual([200, 121, 320])
    const html = await page('/histories/board')
    const [older = ''] = addresses(html, 'href', 'cursor=')
    expect(await page(older)).toContain('Older versions')
  })

  test('a long value is cut, and a long list of changes', async () => {
    const { page, history } = await filled(1)
    const many = (n: number) =>
      Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`k${at}`, { n, text: 'which stays as it is' }]))
    await history.append({ text: '<b>'.repeat(10_000), many: many(1) })
    await history.append({ text: '<b>'.repeat(10_000), many: many(2) })
    const html = await page('/histories/board/moment?version=3')
    expect(html).toContain('The first 20,000 of')
    expect(html).toContain('&lt;b&gt;&lt;b&gt;')
    expect(html).toContain('The first 200 changes since version 2')
    expect(html.match(/<li class="changed">/g)?.length).toBe(200)
  })

  test('metrics are shown as a table with a line for each series', async () => {
    const { page, store } = await started()
    const history = await store.histories.open('load', { create: true })
    const timestamps = [1_000_000_000n, 2_000_000_000n, 3_000_000_000n]
    await history.appendMetrics({ metrics: { cpu: { timestamps, values: [1, Number.NaN, 5] } } })
    const html = await page('/histories/load')
    expect(html).toContain('<table id="metrics">')
    expect(html).toContain('points="0.0,26.0 160.0,2.0"')
    expect(html).toContain('1970-01-01 00:00:03.000 UTC')
  })
})

describe('over time', () => {
  test('valuesPage() shows the value at a path where it changed, two hundred a page', async () => {
    const { page, history } = await filled(2)
    for (let n = 3; n <= 220; n++) await history.append({ n, list: [0] })
    const html = await page('/histories/board/values?path=n')
    expect(html).toContain('200 values')
    const [later = ''] = addresses(html, 'href', 'from=')
    expect(later).toBe('/histories/board/values?path=n&from=201')
    expect(await page(later)).toContain('20 values')
    const list = await page('/histories/board/values?path=list%5B1%5D')
    expect(list).toContain('2 values')
    expect(list).toContain('nothing there')
    expect(addresses(list, 'href', 'version=3')).toEqual(['/histories/board?version=3&path=list%5B1%5D'])
    expect(await page('/histories/board/values?path=n%5B')).toContain('id="values-problem"')
  })
})

describe('damage', () => {
  /** Four groups of five versions, of which the file of the third is gone. */
  async function damaged() {
    const storage = memoryStorage()
    const made = await openStore({ storage })
    const history = await made.histories.open('board', { create: { keyframeInterval: 5 } })
    const groups = new Map<number, string>()
    for (let n = 1; n <= 20; n++) {
      await history.append({ n, text: 'which stays as it is' })
      const files = (await storage.list('histories/board')).map(({ name }) => `histories/board/${name}`)
      for (const file of files) if (![...groups.values()].includes(file)) groups.set(n, file)
    }
    await made.close()
    await storage.remove(groups.get(11) ?? '')
    const errors: unknown[] = []
    const store = await openStore({ storage, readOnly: true })
    const app = createApp(store, { access: () => 'read', onError: (error) => errors.push(error) })
    return { errors, get: async (path: string) => app.request(path) }
  }

  test('a version that is lost hides neither the others nor the slider, and is told to the log', async () => {
    const { get, errors } = await damaged()
    const lost = await get('/histories/board?version=12')
    const html = await lost.text()
    expect([lost.status, errors.length]).toEqual([500, 1])
    expect(html).toContain('<h2>Version damaged</h2>')
    expect(html).toMatch(/<input type="range" id="slide"[^>]*value="12"/)
    expect(html).not.toContain('histories/board/0')
    for (const version of [10, 16]) expect((await get(`/histories/board?version=${version}`)).status).toBe(200)
    const over = await (await get('/histories/board/values?path=n')).text()
    expect(over).toContain('10 values')
    expect(over).toContain('<h2>Version damaged</h2>')
    expect(addresses(over, 'href', 'from=')).toEqual(['/histories/board/values?path=n&from=16'])
    expect(await (await get('/histories/board/values?path=n&from=16')).text()).toContain('5 values')
  })
})

describe('pins and settings', () => {
  test('postPinForm() pins and leads back to what was shown', async () => {
    const { as, page, history, store } = await filled()
    const html = await page('/histories/board?version=2&from=4', 'admin')
    const back = /name="back" value="([^"]*)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? ''
    expect(back).toBe('?version=2&from=4')
    const send = (fields: Record<string, string>) =>
      as('admin', '/histories/board/pin', {
        method: 'POST',
        headers: FORM,
        body: new URLSearchParams(fields).toString(),
      })
    const answer = await send({ version: '2', pinned: 'yes', back })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `/histories/board${back}`])
    expect((await history.stats()).pinned).toEqual([2])
    expect(await page('/histories/board?version=2', 'admin')).toContain('Take the pin away')
    for (const hostile of ['https://other.example/', '//other.example', 'x\r\nset-cookie: a=b'])
      expect((await send({ version: '2', pinned: 'no', back: hostile })).headers.get('location')).toBe(
        '/histories/board',
      )
    expect((await history.stats()).pinned).toEqual([])
    const audit = await store.topics.open('_audit')
    expect((await audit.last(4)).map(({ kind }) => kind).slice(-2)).toEqual(['HistoryUnpin', 'HistoryUnpin'])
    expect(await page('/histories/board?version=2')).not.toContain('id="pin"')
  })

  test('postHistorySettings() changes tiers, and what the page shows', async () => {
    const { send, page } = await filled()
    const tiers = {
      'raw.forMs': '2 d',
      'compressed.forMs': '9 d',
      'compressed.everyMs': '1 h',
      'archive.forMs': 'ever',
      'archive.everyMs': '7 d',
    }
    const answer = await send('/histories/board/settings', { keyframeInterval: '32', ...tiers })
    const html = await answer.text()
    expect([answer.status, html.includes('Saved.'), html.includes('hx-swap-oob')]).toEqual([200, true, true])
    const settings = await page('/histories/board/settings', 'admin')
    expect(settings).toContain('<dd id="interval">32</dd>')
    expect(settings).toContain('<dd id="tier-archive">one per 7 d, for ever</dd>')
    expect(settings).toContain('name="archive.forMs" value="ever"')
    expect((await send('/histories/board/settings', { 'raw.forMs': 'soon' })).status).toBe(400)
    expect((await send('/histories/board/settings', {})).status).toBe(400)
    expect(await page('/histories/board/settings')).not.toContain('hx-post')
  })

  test('postCleanupForm() shows what would go, and cleans up as a job', async () => {
    const { send, history, store } = await filled(20)
    expect(await (await send('/histories/board/cleanup', { preview: '1' })).text()).toMatch(/Nothing would go|give up/)
    await store.histories.change('board', {
      tiers: { raw: { forMs: 1 }, compressed: { forMs: 2 }, archive: { forMs: 3 } },
    })
    const preview = await (await send('/histories/board/cleanup', { preview: '1' })).text()
    expect(preview).toContain('This would give up 19 versions of 20')
    expect(preview).toContain('Gone then: 1 to 19.')
    expect(preview).toContain('id="cleanup-run"')
    expect((await history.stats()).count).toBe(20)
    expect((await send('/histories/board/cleanup', { confirm: 'other' })).status).toBe(400)
    const running = await (await send('/histories/board/cleanup', { confirm: 'board' })).text()
    expect(running).toMatch(/Clean-up is running|Cleaned up/)
    while ((await history.stats()).count === 20) await new Promise((resolve) => setImmediate(resolve))
    expect((await history.stats()).count).toBe(1)
  })

  test('verifyHistoryPartial() and postDeleteHistory() are for admins', async () => {
    const { send, page } = await filled()
    for (const way of ['verify', 'delete', 'cleanup', 'settings', 'pin'])
      expect((await send(`/histories/board/${way}`, {}, 'append')).status, way).toBe(403)
    expect(await (await send('/histories/board/verify', {})).text()).toMatch(/Verify is running|No damage found/)
    expect((await send('/histories/board/delete', { confirm: 'other' })).status).toBe(400)
    const answer = await send('/histories/board/delete', { confirm: 'board' })
    expect([answer.status, answer.headers.get('hx-redirect')]).toEqual([200, '/histories'])
    expect(await page('/histories')).toContain('No histories yet.')
  })

  test('rangesOf() joins neighbours', () => {
    expect(rangesOf([1, 2, 3, 5, 8, 9, 12_000])).toEqual(['1 to 3', '5', '8 to 9', '12,000'])
    expect(rangesOf([])).toEqual([])
  })
})

describe('escaping', () => {
  const shown = async (text: string) => {
    const { store, page } = await started()
    const history = await store.histories.open('board', { create: true })
    const options = { label: text, fingerprint: text, metadata: { [text]: text } }
    await history.append({ [text]: text, list: [text], gone: text, other: 1 }, options)
    await history.append({ [text]: { [text]: text }, list: [text, text], other: text }, options)
    const { label, ...about } = options
    const metrics = { [text]: { timestamps: [1n, 2n], values: [1, 2] } }
    await history.appendMetrics({ metrics, ...about }, { label })
    const path = encodeURIComponent(`"${text.replaceAll('"', '\\"')}"`)
    return [
      await page('/histories/board', 'admin'),
      await page('/histories/board/moment?version=1', 'admin'),
      await page('/histories/board/moment?version=2', 'admin'),
      await page(`/histories/board?version=2&path=${path}`, 'admin'),
      await page(`/histories/board/values?path=${path}`),
      await page(`/histories/board?label=${encodeURIComponent(text)}`),
      await page('/histories/board/settings', 'admin'),
    ]
  }

  test('texts of versions add no element and no attribute', async () => {
    const plain = (await shown('plain')).map(skeleton)
    for (const text of MARKUP) expect((await shown(text)).map(skeleton), text).toEqual(plain)
  })

  test('everything that comes from a history stands below hx-ignore, or encoded in an address', async () => {
    const pages = await shown('zzq')
    const { store, page } = await started()
    await store.histories.open('zzq', { create: { keyField: 'zzq' } })
    for (const path of ['/histories', '/histories/zzq', '/histories/zzq/settings'])
      pages.push(await page(path, 'admin'))
    for (const html of pages) {
      expect(html).not.toMatch(/\son[a-z]+=|javascript:|<style|style="|hx-on|js:/)
      const known = /(?:hx-get|hx-post|href|action)="[A-Za-z0-9/?&;=%_.*+-]*"/g
      expect(unignored(html.replaceAll(known, ''), 'zzq')).toEqual([])
    }
  })
})
