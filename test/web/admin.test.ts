/** The admin page: escaping, assets, what each role sees.
 * @module */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { OpenReport } from '../../src/index.ts'
import { formatAge, formatBytes, isoTime, layOut, openingWords } from '../../web/admin/words.ts'
import { assetPath } from '../../web/assets/routes.ts'
// @ts-expect-error: a plain module, run by hand and here.
import { bundleText } from './support/generate-assets.mjs'
import { FrameReader, harness, posted, settle } from './support/harness.ts'
import { skeleton, unignored } from './support/markup.ts'

const MARKUP = ['<script>x()</script>', '"><img src=x onerror=x()>', "'><b hx-get=/x>", '<!--', '</code></pre>', '&lt;']
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

async function started(data: readonly unknown[] = []) {
  const made = await harness()
  await made.as('admin', '/api/topics', posted({ topic: 'orders' }))
  const topic = await made.store.topics.open('orders')
  const append = (value: unknown) => topic.append({ kind: 'Placed', entity: 'order-1', data: value })
  for (const value of data) await append(value)
  const page = async (path: string) => (await made.as('read', path)).text()
  return { ...made, topic, append, page }
}

/** Where the page's script follows from. */
function live(html: string): string {
  return /data-live="([^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&') ?? ''
}

/** Keys of rows in the order of the page. */
function keysOf(html: string): string[] {
  return [...html.matchAll(/data-key="([^"]*)"/g)].map(([, key]) => key ?? '')
}

describe('overview', () => {
  test('overviewPage() shows the state, the opening and the topics', async () => {
    const { page } = await started([1, 2])
    const html = await page('/')
    expect(html).toContain('Open and taking appends')
    expect(html).toContain('Created new')
    expect(html).toMatch(/<a href="\/topics\/orders">orders<\/a>/)
    expect(html).toContain('"history":false'.replaceAll('"', '&quot;'))
    expect(html).not.toMatch(/\son[a-z]+=|javascript:|<style|style="|hx-on|js:/)
  })

  test('overviewPage() shows how to make a first topic when there is none', async () => {
    const { as } = await harness()
    const html = await (await as('admin', '/')).text()
    expect(html).toContain('No topics yet.')
    expect(html).toContain('curl http://localhost/api/topics')
  })

  test('buttons that need admin are shown to an admin only', async () => {
    const { as, page } = await started()
    expect(await page('/')).not.toContain('hx-post')
    const html = await (await as('admin', '/')).text()
    expect(html).toContain('hx-post="/partials/verify"')
    expect(html).toContain('hx-post="/partials/checkpoint"')
  })

  test('startPartial() shows a running job, its progress, and its end', async () => {
    const { as, store } = await started()
    let end = () => {}
    store.verify = (options) =>
      new Promise((resolve) => {
        options?.onProgress?.({ doneBytes: 1_024, totalBytes: 4_096, file: 'a' })
        end = () => resolve({ ...REPORT, problems: [{ code: 'X', file: '<b>', message: '<i>', damage: true }] })
      })
    const send = (path: string) => as('admin', path, { method: 'POST', body: '', headers: FORM })
    const running = await (await send('/partials/verify')).text()
    expect(running).toContain('1.0 KiB of 4.0 KiB')
    const path = /hx-get="(\/partials\/jobs\/[^"]+)"/.exec(running)?.[1] ?? ''
    end()
    await settle()
    const ended = await (await as('admin', path)).text()
    expect(ended).toContain('Damage found')
    expect(ended).toContain('&lt;b&gt;')
    expect(ended).not.toContain('hx-get')
    await send('/partials/verify')
    expect(await (await send('/partials/verify')).text()).toContain('running')
  })
})

describe('topic page', () => {
  test('topicPage() shows the newest events first and leads to the older ones', async () => {
    const { page } = await started(Array.from({ length: 120 }, (_, n) => n))
    const found: string[] = []
    let next: string | undefined = '/topics/orders'
    while (next !== undefined) {
      const html = await page(next)
      found.push(...keysOf(html))
      next = /id="older"\s+href="([^"]+)"/.exec(html)?.[1]?.replaceAll('&amp;', '&')
    }
    expect(found).toEqual(Array.from({ length: 120 }, (_, n) => `0:${119 - n}`))
  })

  test('liveRows() continues where the page ends, without a gap', async () => {
    const { append, as, page } = await started([0, 1])
    const html = await page('/topics/orders')
    await append(2)
    const following = live(html)
    const frames = new FrameReader(await as('read', following))
    const row = await frames.next()
    expect([...keysOf(html).reverse(), ...keysOf(row?.data ?? '')]).toEqual(['0:0', '0:1', '0:2'])
    await frames.cancel()
    await append(3)
    const resumed = new URL(following, 'http://localhost')
    resumed.searchParams.set('cursor', row?.id ?? '')
    const again = new FrameReader(await as('read', resumed.pathname + resumed.search))
    expect(keysOf((await again.next())?.data ?? '')).toEqual(['0:3'])
    await again.cancel()
  })

  test('topicPage() filters the list and the live rows alike', async () => {
    const { topic, as, page } = await started([0])
    await topic.append({ kind: 'Paid', entity: 'order-2', data: 1 })
    const html = await page('/topics/orders?kind=Paid')
    expect(keysOf(html)).toEqual(['0:1'])
    const following = live(html)
    const frames = new FrameReader(await as('read', following))
    await topic.append([
      { kind: 'Placed', entity: 'e', data: 2 },
      { kind: 'Paid', entity: 'e', data: 3 },
    ])
    expect(keysOf((await frames.next())?.data ?? '')).toEqual(['0:3'])
    await frames.cancel()
    expect(keysOf(await page('/topics/orders?kind=Paid&entity='))).toEqual(['0:3', '0:1'])
    expect(await page('/topics/orders?kind=None')).toContain('No event matches.')
  })

  test('topicPage() shows how to append when the topic is empty', async () => {
    const { page } = await started()
    const html = await page('/topics/orders')
    expect(html).toContain('curl http://localhost/api/topics/orders/events')
    expect(html).toContain('data-live=')
  })

  test('rows show any value and any time', async () => {
    const { topic, page } = await started([null, '', 2n ** 80n, new Uint8Array([1]), { a: [] }])
    await topic.append({ kind: 'k', entity: 'e', data: 1, at: Number.MAX_SAFE_INTEGER, tags: ['a'], meta: { b: 1 } })
    const html = await page('/topics/orders')
    expect(html).toContain('1208925819614629174706176')
    expect(html).toContain('9007199254740991')
  })

  test('rows of much data are cut, and say so', async () => {
    const { page } = await started(['x'.repeat(50_000)])
    const html = await page('/topics/orders')
    expect(html).toContain('50,002 characters, of which the first 20,000 are shown.')
    expect(html.length).toBeLessThan(30_000)
  })
})

describe('escaping', () => {
  test('text of events adds no element and no attribute to a page or a live row', async () => {
    const shown = async (text: string) => {
      const { as, topic, page } = await started()
      await topic.append(event(text))
      const html = await page('/topics/orders')
      const frames = new FrameReader(await as('read', live(html)))
      await topic.append(event(text))
      const row = await frames.next()
      await frames.cancel()
      expect(keysOf(row?.data ?? '')).toEqual(['0:1'])
      return { page: html, row: row?.data ?? '' }
    }
    const plain = await shown('plain')
    for (const text of MARKUP) {
      const hostile = await shown(text)
      expect(skeleton(hostile.page), text).toEqual(skeleton(plain.page))
      expect(skeleton(hostile.row), text).toEqual(skeleton(plain.row))
    }
  })

  test('text in addresses and errors adds no element and no attribute', async () => {
    const { as, page } = await started()
    const known = skeleton(await page('/topics/orders?kind=plain'))
    for (const text of MARKUP) {
      const html = await page(`/topics/orders?kind=${encodeURIComponent(text)}&entity=${encodeURIComponent(text)}`)
      expect([...skeleton(html)].filter((part) => !known.has(part))).toEqual([])
      const refused = await (await as('read', `/topics/orders?${encodeURIComponent(text)}=1`)).text()
      expect(refused).not.toContain(text)
      const unknown = await (await as('read', `/topics/${encodeURIComponent(text)}`)).text()
      expect(unknown).not.toContain(text)
    }
  })

  test('everything that comes from the store stands below hx-ignore', async () => {
    const { as, store } = await harness()
    await as('admin', '/api/topics', posted({ topic: 'zzq' }))
    const topic = await store.topics.open('zzq')
    await topic.append([event('zzq'), { ...event('zzq'), id: 'zzq2', causationId: 'zzq' }])
    for (const path of [
      '/',
      '/topics/zzq',
      '/topics/zzq?kind=zzq',
      '/topics/zzq?kind=zzqnone',
      '/topics/zzq.none',
      '/topics/zzq/events/1',
      '/topics/zzq/causes?id=zzq2',
      '/topics/zzq/effects?id=zzq',
      '/topics/zzq/effects?id=zzqnone',
      '/topics/zzq/settings',
    ]) {
      const html = await (await as('admin', path)).text()
      expect(html).toContain('zzq')
      expect(html, path).not.toMatch(/\son[a-z]+=|javascript:|<style|style="|hx-on|js:/)
      // Addresses that forms and sizes come from: a name is letters, digits, dots and dashes, one part of a path.
      const known = /\/partials\/topics\/zzq|\/topics\/zzq\/(?:fork|settings|prune|delete)/g
      expect(unignored(html.replaceAll(known, ''), 'zzq'), path).toEqual([])
    }
  })

  const event = (text: string) => ({
    kind: text,
    entity: text,
    scope: text,
    tags: [text],
    id: text,
    correlationId: text,
    data: { [text]: text },
    meta: text,
  })
})

describe('assets', () => {
  test('bundle.ts holds the files as they are, and htmx as it was reviewed', () => {
    const made = readFileSync(new URL('../../web/assets/bundle.ts', import.meta.url), 'utf8')
    expect(made).toBe(bundleText())
  })

  for (const name of ['admin.css', 'admin.js', 'htmx.min.js', 'icon.svg'] as const)
    test(`readAsset() serves ${name} for good, and not again to who has it`, async () => {
      const { app } = await harness()
      const response = await app.request(assetPath(name))
      const sha256 = createHash('sha256')
        .update(await response.text())
        .digest('hex')
      expect(assetPath(name)).toContain(sha256.slice(0, 12))
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect(response.headers.get('etag')).toBe(`"${sha256}"`)
      const again = await app.request(assetPath(name), { headers: { 'if-none-match': `"${sha256}"` } })
      expect([again.status, await again.text()]).toEqual([304, ''])
      expect((await app.request(`/assets/${name}`)).status).toBe(404)
    })

  test('pages ask for nothing that the app does not serve', async () => {
    const { app, page } = await started([1])
    for (const path of ['/', '/topics/orders']) {
      const html = await page(path)
      for (const [, address = ''] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g))
        expect((await app.request(address)).status, address).toBe(200)
      expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
    }
  })
})

describe('words', () => {
  test('layOut() lays any JSON out without changing it', () => {
    const values = [{ a: [1, { b: [] }, {}], 'x,y:{[': '\\"]}' }, [], {}, '', null, [[[]]], 'a"b\\', -1e300]
    for (const value of values) {
      const text = JSON.stringify(value)
      expect(JSON.parse(layOut(text))).toEqual(value)
      expect(layOut(text)).toBe(JSON.stringify(value, null, 2))
    }
    expect(layOut('{"big":123456789012345678901234567890}')).toContain('123456789012345678901234567890')
  })

  test('formatBytes(), formatAge() and isoTime() fit their unit', () => {
    expect([0, 1_023, 1_024, 1_536, 104_857_600, 2 ** 50].map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '100 MiB',
      '1024 TiB',
    ])
    expect([-5, 0, 999, 1_000, 61_000, 3_600_000, 90_000_000].map(formatAge)).toEqual([
      'just now',
      'just now',
      'just now',
      '1 s ago',
      '1 min ago',
      '1 h ago',
      '1 d ago',
    ])
    expect(isoTime(8.65e15)).toBe('8650000000000000')
  })

  test('openingWords() say what was replayed, repaired and refused', () => {
    const report: OpenReport = {
      source: 'recovered',
      epoch: 2,
      segmentsRead: 1,
      bytesRead: 1,
      rowsReplayed: 1,
      refused: [{ file: 'a', reason: 'b' }],
      repaired: [],
      ignored: [],
      gaps: [],
      durationMs: 3.6,
    }
    expect(openingWords(report)).toBe(
      'Recovered after an unclean stop in 4 ms. 1 event replayed from the tail. 1 derived file refused and rebuilt.',
    )
  })
})

const REPORT = {
  ok: false,
  filesChecked: 1,
  bytesChecked: 1,
  eventsChecked: 1,
  documentsChecked: 1,
  versionsChecked: 0,
  problems: [],
  unknownFiles: [],
  notChecked: [],
  durationMs: 1,
}
