/** The pages of documents: the list, a value, the tree below it a page at a time, deletion, links from events.
 * @module */
import { describe, expect, test } from 'vitest'
import { documentRef } from '../../src/index.ts'
import type { Role } from '../../web/index.ts'
import { harness, jsonOf, posted } from './support/harness.ts'
import { skeleton, unignored } from './support/markup.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const MARKUP = ['<script>x()</script>', '"><img src=x onerror=x()>', "'><b hx-get=/x>", '<!--', '</code></pre>', '&lt;']

async function started(value: unknown = {}) {
  const made = await harness()
  await made.store.documents.write('catalog', value)
  const page = async (path: string, role: Role = 'read') => (await made.as(role, path)).text()
  return { ...made, page }
}

/** Where the links and requests with this text in them lead. */
function addresses(html: string, attribute: string, part: string): string[] {
  return [...html.matchAll(new RegExp(`${attribute}="([^"]*)"`, 'g'))]
    .map(([, found = '']) => found.replaceAll('&amp;', '&'))
    .filter((found) => found.includes(part))
}

function keysOf(html: string): string[] {
  return [...html.matchAll(/class="key" hx-ignore>([^<]*)</g)].map(([, key = '']) => key)
}

describe('list', () => {
  test('documentsPage() names documents with sizes, a hundred a page', async () => {
    const { store, page } = await started()
    for (let n = 0; n < 130; n++) await store.documents.write(`doc-${1_000 + n}`, n)
    const first = await page('/documents')
    expect([...first.matchAll(/<th scope="row">/g)].length).toBe(100)
    expect(first).toContain('<a href="/documents/catalog">catalog</a>')
    const [next = ''] = addresses(first, 'href', 'cursor=')
    const second = await page(next)
    expect([...second.matchAll(/<th scope="row">/g)].length).toBe(31)
    expect(second).toContain('doc-1129')
    expect(addresses(second, 'href', 'cursor=')).toEqual([])
    expect(await page('/')).toContain('<a href="/documents">131</a>')
  })

  test('documentsPage() shows how to store a first one, and the form to who may', async () => {
    const { as } = await harness()
    const shown = async (role: Role) => (await as(role, '/documents')).text()
    expect(await shown('read')).toContain('curl -T catalog.json http://localhost/api/documents/catalog')
    expect(await shown('read')).not.toContain('id="upload"')
    expect(await shown('append')).toContain('data-api="/api/documents/"')
  })
})

describe('value', () => {
  test('valuePage() shows fields with their types, sizes and small values', async () => {
    const { page } = await started({
      list: [1, 2],
      'odd "key"': { a: 1 },
      '': null,
      big: 2n ** 80n,
      text: 'x'.repeat(1_000),
      none: {},
    })
    const html = await page('/documents/catalog')
    expect(keysOf(html)).toEqual(['list', 'odd &quot;key&quot;', '&quot;&quot;', 'big', 'text', 'none'])
    expect(html).toContain('1208925819614629174706176')
    expect(addresses(html, 'hx-get', 'list')).toEqual(['/documents/catalog/children?version=1&path=list'])
    expect(addresses(html, 'href', 'path=text')).toEqual(['/documents/catalog?path=text'])
    expect(html).toContain('data-copy="&quot;odd \\&quot;key\\&quot;&quot;"')
    expect(await page('/documents/catalog?path=none')).toContain('Empty object')
  })

  test('valuePage() shows one scalar as text, cut where it is long', async () => {
    const { page } = await started({ text: '<b>'.repeat(10_000), small: true })
    const html = await page('/documents/catalog?path=text')
    expect(html).toContain('&lt;b&gt;&lt;b&gt;')
    expect(html).toContain('The first 20,000 characters')
    expect(html.length).toBeLessThan(130_000)
    expect(await page('/documents/catalog?path=small')).toContain('<code>true</code>')
  })

  test('valuePage() leads from each step of a path to its value', async () => {
    const { page } = await started({ a: { 'b c': [{ d: [1] }] } })
    const html = await page(`/documents/catalog?path=${encodeURIComponent('a."b c"[0].d')}`)
    const steps = /<nav class="steps"[^>]*>(.*?)<\/nav>/s.exec(html)?.[1] ?? ''
    expect(addresses(steps, 'href', '')).toEqual([
      '/documents/catalog',
      '/documents/catalog?path=a',
      '/documents/catalog?path=a.%22b+c%22',
      '/documents/catalog?path=a.%22b+c%22%5B0%5D',
      '/documents/catalog?path=a.%22b+c%22%5B0%5D.d',
    ])
    for (const address of addresses(steps, 'href', '')) expect(await page(address)).not.toContain('place-problem')
  })

  test('valuePage() says beside the form what is wrong with a path', async () => {
    const { as } = await started({ a: 1 })
    for (const [path, status, title] of [
      ['a[', 400, 'Path invalid'],
      ['a.b', 404, 'Path unknown'],
      ['none', 404, 'Path unknown'],
    ] as const) {
      const answer = await as('read', `/documents/catalog?path=${encodeURIComponent(path)}`)
      const html = await answer.text()
      expect([answer.status, html.includes(`<h2>${title}</h2>`), html.includes(`value="${path}"`)], path).toEqual([
        status,
        true,
        true,
      ])
    }
    expect((await as('read', '/documents/none')).status).toBe(404)
    expect((await as('read', '/documents/..%2fcatalog')).status).toBe(400)
  })

  test('valuePage() lists what a path with wildcards means, the first hundred', async () => {
    const { page } = await started({ list: Array.from({ length: 150 }, (_, n) => ({ n })) })
    const html = await page('/documents/catalog?path=list%5B*%5D.n')
    expect(html).toContain('The first 100 matches')
    expect(addresses(html, 'href', 'path=list%5B99%5D.n')).toEqual(['/documents/catalog?path=list%5B99%5D.n'])
    expect(addresses(html, 'href', 'list%5B100%5D')).toEqual([])
  })

  test('valuePage() and its rows stay small under long keys', async () => {
    const key = 'k'.repeat(60_000)
    const { page } = await started({ [key]: { [key]: 1 }, short: 1 })
    const html = await page('/documents/catalog')
    expect(html.length).toBeLessThan(10_000)
    expect(html).toContain('(60,000 characters)')
    expect(html).toContain('too long for an address')
    expect(keysOf(html)).toContain('short')
  })
})

describe('tree', () => {
  test('childrenPartial() gives a hundred rows at a time, each page where the link to it was', async () => {
    const { page } = await started({ list: Array.from({ length: 100_250 }, (_, n) => n) })
    let [next] = addresses(await page('/documents/catalog'), 'hx-get', 'path=list')
    const found: string[] = []
    let focus: string | undefined
    for (let pages = 0; next !== undefined && pages < 5; pages++) {
      const html = await page(next)
      expect(html.length).toBeLessThan(60_000)
      expect(html).not.toContain('<html')
      if (focus !== undefined) expect(html.indexOf(`id="${focus}"`)).toBeLessThan(html.indexOf('class="key"'))
      expect(html.match(/id="/g)?.length).toBe(focus === undefined ? 1 : 2)
      found.push(...keysOf(html))
      focus = /id="([^"]+)"\s+href/.exec(html)?.[1]
      ;[next] = addresses(html, 'hx-get', 'cursor=')
    }
    expect(found).toEqual(Array.from({ length: 500 }, (_, n) => `[${n}]`))
  })

  test('childrenPartial() ends with the last row, and pages without a script end there too', async () => {
    const { page } = await started(Array.from({ length: 150 }, (_, n) => n))
    const [partial = ''] = addresses(await page('/documents/catalog'), 'hx-get', 'cursor=')
    const [whole = ''] = addresses(await page('/documents/catalog'), 'href', 'cursor=')
    for (const html of [await page(partial), await page(whole)]) {
      expect(keysOf(html)).toEqual(Array.from({ length: 50 }, (_, n) => `[${n + 100}]`))
      expect(addresses(html, 'hx-get', 'cursor=')).toEqual([])
    }
  })

  test('childrenPartial() gives no rows of another version', async () => {
    const { page, store } = await started({ list: [1] })
    const [next = ''] = addresses(await page('/documents/catalog'), 'hx-get', 'path=list')
    await store.documents.write('catalog', { list: [2] })
    const html = await page(next)
    expect(keysOf(html)).toEqual([])
    expect(html).toContain('written again meanwhile')
  })

  test('childrenPartial() tells a problem as a fragment', async () => {
    const { as } = await started({ list: [1] })
    const headers = { 'hx-request': 'true' }
    for (const [query, status] of [
      ['version=1&path=none', 404],
      ['version=1&path=list%5B0%5D', 400],
      ['version=x', 400],
      ['limit=5', 400],
    ] as const) {
      const answer = await as('read', `/documents/catalog/children?${query}`, { headers })
      const html = await answer.text()
      expect([answer.status, html.includes('<html'), html.includes('role="alert"')], query).toEqual([
        status,
        false,
        true,
      ])
    }
  })
})

describe('escaping', () => {
  test('texts of a document add no element and no attribute', async () => {
    const of = (text: string) => ({ [text]: { [text]: text }, list: [text], leaf: text })
    const shown = async (text: string) => {
      const { page } = await started(of(text))
      const path = `"${text.replaceAll('"', '\\"')}"`
      return [
        await page('/documents/catalog'),
        await page(`/documents/catalog?path=${encodeURIComponent(path)}`),
        await page('/documents/catalog?path=leaf'),
        await page('/documents/catalog?path=list%5B*%5D'),
        await page('/documents/catalog/children?version=1&path=list'),
        await page(`/documents/catalog/children?version=1&path=${encodeURIComponent(path)}`),
      ]
    }
    const plain = (await shown('plain')).map(skeleton)
    for (const text of MARKUP) expect((await shown(text)).map(skeleton), text).toEqual(plain)
  })

  test('paths that are asked for add no element and no attribute', async () => {
    const { page } = await started({ a: 1 })
    const plain = skeleton(await page('/documents/catalog?path=none'))
    for (const text of MARKUP) {
      const quoted = JSON.stringify(text)
      expect(skeleton(await page(`/documents/catalog?path=${encodeURIComponent(quoted)}`)), text).toEqual(plain)
      expect(skeleton(await page(`/documents/catalog?path=${encodeURIComponent(text)}`)), text).toEqual(plain)
    }
  })

  test('everything that comes from a document stands below hx-ignore, or encoded in an address', async () => {
    const { as, store } = await harness()
    await store.documents.write('zzq', { zzq: { zzq: 'zzq' }, zzq2: 'zzq', list: ['zzq'], zzq3: 'zzq'.repeat(500) })
    for (const path of [
      '/documents',
      '/documents/zzq',
      '/documents/zzq?path=zzq',
      '/documents/zzq?path=zzq2',
      '/documents/zzq?path=zzqnone',
      '/documents/zzq?path=list%5B*%5D',
      '/documents/zzq/children?version=1&path=zzq',
      '/documents/zzq/children?version=1&path=list',
    ]) {
      const html = await (await as('admin', path)).text()
      expect(html).toContain('zzq')
      expect(html, path).not.toMatch(/\son[a-z]+=|javascript:|<style|style="|hx-on|js:/)
      const known = /(?:hx-get|hx-post|href|action)="[A-Za-z0-9/?&;=%_.*+-]*"/g
      expect(unignored(html.replaceAll(known, ''), 'zzq'), path).toEqual([])
    }
  })
})

describe('forms and links', () => {
  test('postDeleteDocument() wants the name, and leads to the list', async () => {
    const { as, page } = await started()
    const send = (fields: Record<string, string>) =>
      as('admin', '/documents/catalog/delete', {
        method: 'POST',
        headers: { ...FORM, 'hx-request': 'true' },
        body: new URLSearchParams(fields).toString(),
      })
    expect(await page('/documents/catalog')).not.toContain('hx-post')
    expect(await page('/documents/catalog', 'admin')).toContain('hx-post="/documents/catalog/delete"')
    expect((await send({ confirm: 'other' })).status).toBe(400)
    const answer = await send({ confirm: 'catalog' })
    expect([answer.status, answer.headers.get('hx-redirect')]).toEqual([200, '/documents'])
    expect((await as('read', '/documents/catalog')).status).toBe(404)
  })

  test('events whose data names a document lead to it', async () => {
    const { as, store, page } = await started()
    await as('admin', '/api/topics', posted({ topic: 'orders' }))
    const orders = await store.topics.open('orders')
    await orders.append({ kind: 'Sent', entity: 'e', data: { ...documentRef('catalog', 1) } })
    await orders.append({ kind: 'Sent', entity: 'e', data: { $document: '../<b>' } })
    await orders.append({ kind: 'Sent', entity: 'e', data: { $document: 7 } })
    for (const path of ['/topics/orders', '/topics/orders/events/0'])
      expect(addresses(await page(path), 'href', '/documents/catalog')).toEqual(['/documents/catalog'])
    expect(addresses(await page('/topics/orders/events/1'), 'href', '/documents/')).toEqual(['/documents/..%2F%3Cb%3E'])
    expect(addresses(await page('/topics/orders/events/2'), 'href', '/documents/')).toEqual([])
    const { limits } = await jsonOf(await as('read', '/api/store'))
    expect(limits).toMatchObject({ document: { depth: 1_024, keyBytes: 65_536, scalarBytes: 268_435_456 } })
  })
})
