/** The pages of a topic: filters, paging both ways, one event, causes and effects, settings and their forms.
 * @module */
import { describe, expect, test } from 'vitest'
import { readSize, readTime, sizeText, timeText } from '../../web/admin/form.ts'
import { harness, jsonOf, posted } from './support/harness.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const MIB = 1_048_576

async function started(options: Record<string, unknown> = {}) {
  const made = await harness()
  await made.as('admin', '/api/topics', posted({ topic: 'orders', ...options }))
  const topic = await made.store.topics.open('orders')
  const page = async (path: string) => (await made.as('admin', path)).text()
  const send = (path: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}) =>
    made.as('admin', path, {
      method: 'POST',
      headers: { ...FORM, ...headers },
      body: new URLSearchParams(fields).toString(),
    })
  return { ...made, topic, page, send }
}

function keysOf(html: string): string[] {
  return [...html.matchAll(/data-key="([^"]*)"/g)].map(([, key]) => key ?? '')
}

/** Where the link with this id leads. */
function linkOf(html: string, id: string): string | undefined {
  return new RegExp(`id="${id}"\\s+href="([^"]+)"`).exec(html)?.[1]?.replaceAll('&amp;', '&')
}

const keys = (first: number, last: number) => Array.from({ length: first - last + 1 }, (_, n) => `0:${first - n}`)

describe('topic page', () => {
  for (const [name, options, query] of [
    ['of one partition', {}, ''],
    ['of several, one named', { partitions: 2 }, '?partition=PARTITION'],
    ['of several, an entity named', { partitions: 2 }, '?entity=e'],
  ] as const)
    test(`topicPage() pages to the oldest events and back to the newest, in a topic ${name}`, async () => {
      const { topic, page } = await started(options)
      for (let n = 0; n < 120; n++) await topic.append({ kind: 'A', entity: 'e', data: n })
      const partition = (await topic.last(1, { partition: 0 })).length > 0 ? 0 : 1
      const there = (first: number, last: number) => keys(first, last).map((key) => `${partition}${key.slice(1)}`)
      const html: string[] = [await page(`/topics/orders${query.replace('PARTITION', String(partition))}`)]
      for (let next = linkOf(html[0] ?? '', 'older'); next !== undefined; next = linkOf(html.at(-1) ?? '', 'older'))
        html.push(await page(next))
      expect(html.map(keysOf)).toEqual([there(119, 70), there(69, 20), there(19, 0)])
      expect(html.map((one) => linkOf(one, 'newer') === undefined)).toEqual([true, false, false])
      const middle = await page(linkOf(html[2] ?? '', 'newer') ?? '')
      expect(keysOf(middle)).toEqual(there(69, 20))
      expect(keysOf(await page(linkOf(middle, 'older') ?? ''))).toEqual(there(19, 0))
      const top = await page(linkOf(middle, 'newer') ?? '')
      expect([keysOf(top), linkOf(top, 'newer')]).toEqual([there(119, 70), undefined])
      expect(keysOf(await page(linkOf(top, 'older') ?? ''))).toEqual(there(69, 20))
      // With the filter, and not live where it is not the newest page.
      expect(html.map((one) => one.includes('data-live='))).toEqual([true, false, false])
      expect(top).not.toContain('data-live=')
    })

  test('topicPage() names no page of newer events where a cursor cannot', async () => {
    const { topic, page } = await started({ partitions: 2 })
    for (let n = 0; n < 60; n++) await topic.append({ kind: 'A', entity: `e${n}`, data: n })
    const older = await page(linkOf(await page('/topics/orders'), 'older') ?? '')
    expect(keysOf(older).length).toBe(10)
    expect([linkOf(older, 'newer'), older.includes('>Newest</a>')]).toEqual([undefined, true])
  })

  test('topicPage() filters by everything that a page can be filtered by, and keeps it in its form and links', async () => {
    const { topic, page } = await started()
    const event = { entity: 'a', data: null }
    await topic.append([
      { ...event, kind: 'A', at: Date.UTC(2026, 0, 31, 12), scope: 's', tags: ['t', 'u'] },
      { ...event, kind: 'B', at: Date.UTC(2026, 1, 1), correlationId: 'c', id: 'own' },
      { ...event, kind: 'C', at: Date.UTC(2026, 1, 2), causationId: 'own', entity: 'b' },
    ])
    const cases: [string, number[]][] = [
      ['kind=A&kind=C', [2, 0]],
      ['kind=A&kind=&entity=', [0]],
      ['entity=b', [2]],
      ['scope=s', [0]],
      ['tag=u', [0]],
      ['id=own', [1]],
      ['correlationId=c', [1]],
      ['causationId=own', [2]],
      ['since=2026-02-01', [2, 1]],
      ['since=2026-01-31+12%3A00&until=2026-02-01T00:00:00Z', [0]],
      ['until=2026-01-31T14:00:00%2B02:00', []],
      [`since=${Date.UTC(2026, 1, 2)}`, [2]],
      ['from=1&to=2', [1]],
      ['partition=0', [2, 1, 0]],
    ]
    for (const [query, offsets] of cases) {
      const html = await page(`/topics/orders?${query}`)
      expect(keysOf(html), query).toEqual(offsets.map((offset) => `0:${offset}`))
      expect(html.includes('data-live='), query).toBe(!/since|until|from/.test(query))
    }
    const html = await page('/topics/orders?kind=A&kind=C&since=2026-01-01&tag=t')
    for (const text of [
      'value="A"',
      'value="C"',
      'value="2026-01-01T00:00:00.000Z"',
      'value="t"',
      '<details class="more" open>',
    ])
      expect(html).toContain(text)
    expect(await page('/topics/orders')).toContain('<details class="more" >')
    for (const query of ['since=yesterday', 'since=2026-13-01', 'until=2026-01-01T25:00', 'from=x'])
      expect(await page(`/topics/orders?${query}`), query).toContain('Option invalid')
  })
})

describe('event page', () => {
  test('eventPage() shows one event, leads to its neighbours, and to what it shares', async () => {
    const { topic, page } = await started()
    for (let n = 0; n < 3; n++)
      await topic.append({
        kind: 'Placed it',
        entity: 'e&1',
        data: { n },
        tags: ['a b'],
        correlationId: 'c',
        causationId: 'x/y',
      })
    const html = await page('/topics/orders/events/1?partition=0')
    expect(html).toContain('&quot;n&quot;: 1')
    for (const link of [
      '/topics/orders?kind=Placed+it',
      '/topics/orders?entity=e%261',
      '/topics/orders?tag=a+b',
      '/topics/orders?correlationId=c',
      '/topics/orders?id=x%2Fy',
      '/topics/orders/events/0?partition=0',
      '/topics/orders/events/2?partition=0',
      `/topics/orders/causes?id=${topic.lineage}-0-1`,
      `/topics/orders/effects?id=${topic.lineage}-0-1`,
      '/api/topics/orders/events/1?partition=0',
    ])
      expect(html).toContain(`href="${link.replaceAll('&', '&amp;')}"`)
    expect(await page('/topics/orders/events/0')).not.toContain('Previous')
    expect(await page('/topics/orders/events/2')).not.toContain('Next')
    expect(html).not.toContain('/proof')
  })

  test('eventPage() cuts what is very long, and is 404 where there is no event', async () => {
    const { topic, page, as } = await started()
    await topic.append({ kind: 'A', entity: 'e', data: 'x'.repeat(300_000) })
    const html = await page('/topics/orders/events/0')
    expect(html.length).toBeLessThan(220_000)
    expect(html).toContain('of which the first 200,000 are shown')
    expect(html).not.toContain('id="copy"')
    expect((await as('read', '/topics/orders/events/1')).status).toBe(404)
    expect((await as('read', '/topics/orders/events/x')).status).toBe(400)
  })

  test('walkPage() lists what led to an event and what it led to', async () => {
    const { topic, page } = await started()
    await topic.append({ kind: 'A', entity: 'e', data: 0, id: 'first' })
    await topic.append({ kind: 'A', entity: 'e', data: 1, id: 'second', causationId: 'first' })
    expect(keysOf(await page('/topics/orders/causes?id=second'))).toEqual(['0:0'])
    expect(keysOf(await page('/topics/orders/effects?id=first'))).toEqual(['0:1'])
    expect(await page('/topics/orders/causes?id=first')).toContain('Nothing led to it.')
    expect(await page('/topics/orders/effects?id=second')).toContain('It led to nothing.')
    expect(await page('/topics/orders/effects')).toContain('Option invalid')
  })

  test('text of an event adds no element and no attribute to its page', async () => {
    const tags = (html: string) => [...html.matchAll(/<([a-z][a-z0-9-]*)/g)].map(([, tag]) => tag).sort()
    const shown = async (text: string) => {
      const { topic, page } = await started()
      const fields = { kind: text, entity: text, scope: text, tags: [text], id: text, correlationId: text }
      await topic.append({ ...fields, causationId: text, data: { [text]: text }, meta: text })
      const query = new URLSearchParams({ id: text })
      return [await page('/topics/orders/events/0'), await page(`/topics/orders/causes?${query}`)]
    }
    const plain = await shown('plain')
    for (const text of [
      '<script>x()</script>',
      '"><img src=x onerror=x()>',
      "'><b hx-get=/x>",
      '<!--',
      '</code></pre>',
    ])
      expect((await shown(text)).map(tags), text).toEqual(plain.map(tags))
  })
})

describe('settings page', () => {
  test('settingsPage() shows settings to readers and forms to admins', async () => {
    const { as, page } = await started({ retention: { maxAgeMs: 7 * 86_400_000, maxBytes: 2 * 2 ** 30, maxEvents: 5 } })
    const read = await (await as('read', '/topics/orders/settings')).text()
    expect(read).toContain('7 d, 2 GiB, 5 events')
    expect(read).not.toContain('<form method="post" action="/topics')
    const html = await page('/topics/orders/settings')
    for (const path of ['settings', 'prune', 'delete']) expect(html).toContain(`hx-post="/topics/orders/${path}"`)
    expect(html).toContain('value="7 d"')
    expect(await page('/topics/_audit/settings')).not.toContain('/topics/_audit/delete')
  })

  test('postSettings() saves what the form says; an empty field of retention is no limit', async () => {
    const { topic, send, as } = await started({ retention: { maxEvents: 5 } })
    const answer = await send('/topics/orders/settings', {
      maxAgeMs: '30 d',
      maxBytes: '',
      maxEvents: '',
      segmentBytes: '2 MiB',
      compression: 'deflate',
      windowMs: '1 h',
      windowKeys: '10',
    })
    expect([answer.status, (await answer.text()).includes('Saved.')]).toEqual([200, true])
    expect((await jsonOf(await as('read', '/api/topics/orders'))).settings).toMatchObject({
      segmentBytes: 2 * MIB,
      retention: { maxAgeMs: 30 * 86_400_000 },
      compression: 'deflate',
      idempotency: { windowMs: 3_600_000, windowKeys: 10 },
    })
    expect(topic.name).toBe('orders')
  })

  const wrong: Record<string, string>[] = [
    { maxAgeMs: 'soon' },
    { maxBytes: '1.5 GiB' },
    { maxBytes: '9007199254740993' },
    { windowKeys: '1 d' },
    { segmentBytes: '1 B' },
    { compression: 'zip' },
    { other: '1' },
  ]
  for (const fields of wrong)
    test(`postSettings() refuses ${JSON.stringify(fields)} and says so where the form is`, async () => {
      const { send } = await started()
      const answer = await send('/topics/orders/settings', fields, { 'hx-request': 'true' })
      const html = await answer.text()
      expect([answer.status, html.includes('role="alert"'), html.includes('<html')]).toEqual([400, true, false])
    })

  test('postPruneForm() previews, wants the name, and prunes', async () => {
    const { topic, send, page } = await started({ segmentBytes: MIB })
    for (let n = 0; n < 6; n++) await topic.append({ kind: 'A', entity: 'e', data: `${n}`.repeat(700_000) })
    const preview = await (await send('/topics/orders/prune', { preview: '1', before: '4' })).text()
    expect(preview).toMatch(/This would give up \d events? in \d segments?/)
    expect(preview).toContain('name="before" value="4"')
    expect(topic.stats().events).toBe(6)
    for (const confirm of ['', 'other'])
      expect((await send('/topics/orders/prune', { before: '4', confirm })).status).toBe(400)
    expect(topic.stats().events).toBe(6)
    const done = await (await send('/topics/orders/prune', { before: '4', confirm: 'orders' })).text()
    expect(done).toMatch(/Pruned \d events? in \d segments?/)
    expect(topic.stats().events).toBeLessThan(6)
    expect(await page('/topics/orders')).toContain('Pruned events')
    expect(await (await send('/topics/orders/prune', { preview: '1', before: '4' })).text()).toContain(
      'Nothing would go',
    )
    expect(await page('/topics/orders/events/0')).toContain('Offset pruned')
  })

  test('postDelete() wants the name, and leads to the topics, with htmx and without', async () => {
    const { send, as, store } = await started()
    for (const confirm of ['', 'other']) expect((await send('/topics/orders/delete', { confirm })).status).toBe(400)
    const answer = await send('/topics/orders/delete', { confirm: 'orders' }, { 'hx-request': 'true' })
    expect([answer.status, answer.headers.get('hx-redirect')]).toEqual([200, '/'])
    expect((await as('read', '/api/topics/orders')).status).toBe(404)
    await store.topics.open('orders', { create: true })
    const plain = await send('/topics/orders/delete', { confirm: ' orders ' })
    expect([plain.status, plain.headers.get('location')]).toEqual([303, '/'])
  })

  test('postCreate() creates a topic once and leads to it', async () => {
    const { send, as } = await started()
    const fields = { topic: 'more', partitions: '3', chain: 'events', compression: 'deflate' }
    const answer = await send('/topics', fields, { 'hx-request': 'true' })
    expect([answer.status, answer.headers.get('hx-redirect')]).toEqual([200, '/topics/more'])
    expect((await jsonOf(await as('read', '/api/topics/more'))).settings).toMatchObject({
      partitions: 3,
      chain: 'events',
      compression: 'deflate',
    })
    for (const topic of ['more', '', 'a/b', '_own', 'MORE']) expect((await send('/topics', { topic })).status).toBe(400)
    expect((await send('/topics', { topic: 'next', partitions: '0' })).status).toBe(400)
    expect((await as('read', '/api/topics/next')).status).toBe(404)
  })

  test('overviewPage() has the form for a new topic for admins, and does not list topics of the store', async () => {
    const { as, page } = await started()
    expect(await page('/')).toContain('hx-post="/topics"')
    const html = await (await as('read', '/')).text()
    expect(html).not.toContain('hx-post="/topics"')
    expect(html).not.toContain('_audit')
    expect(await (await as('read', '/partials/topics')).text()).not.toContain('_audit')
  })
})

describe('texts of numbers', () => {
  test('timeText() and sizeText() say a number exactly, and readTime() and readSize() read it back', () => {
    for (const ms of [0, 1, 999, 1_000, 61_000, 3_600_000, 86_400_000, 86_400_001, 7 * 86_400_000])
      expect(readTime(timeText(ms), 'x')).toBe(ms)
    for (const bytes of [0, 1, 1_024, 1_025, MIB, 64 * MIB, 2 ** 40, 3 * 2 ** 30])
      expect(readSize(sizeText(bytes), 'x')).toBe(bytes)
    expect([timeText(604_800_000), timeText(90_000), sizeText(67_108_864), sizeText(1_025)]).toEqual([
      '7 d',
      '90 s',
      '64 MiB',
      '1025 B',
    ])
    expect([readTime('5min', 'x'), readSize('1 gib', 'x'), readTime(undefined, 'x')]).toEqual([
      300_000,
      2 ** 30,
      undefined,
    ])
  })
})
