/** The pages of projections: the list, one with its lag, failure and state, runs, deleting.
 * @module */
import { describe, expect, test } from 'vitest'
import type { Role } from '../../web/index.ts'
import { fakeProjections } from './support/fake-projections.ts'
import { harness } from './support/harness.ts'
import { skeleton, unignored } from './support/markup.ts'

const MARKUP = ['<script>x()</script>', '"><img src=x onerror=x()>', "'><b hx-get=/x>", '<!--', '</code></pre>', '&lt;']
const FORM = { 'content-type': 'application/x-www-form-urlencoded', 'hx-request': 'true' }

async function started() {
  const made = await harness()
  const page = async (path: string, role: Role = 'read') => (await made.as(role, path)).text()
  const send = (path: string, body = '', role: Role = 'admin') =>
    made.as(role, `/projections/totals/${path}`, { method: 'POST', headers: FORM, body })
  return { ...made, page, send }
}

describe('list', () => {
  test('projectionsPage() names projections with lag and state, and refreshes itself', async () => {
    const { store, page } = await started()
    expect(await page('/projections')).toContain('No projections yet.')
    fakeProjections(store)
    const html = await page('/projections')
    expect(html).toContain('<a href="/projections/totals">totals</a>')
    expect(html).toContain('<a href="/topics/orders">orders</a>')
    expect(html).toContain('2 events')
    expect(html).toContain('hx-get="/partials/projections"')
    expect(await page('/partials/projections')).not.toContain('<html')
    expect(await page('/')).toContain('<a href="/projections">')
  })
})

describe('one projection', () => {
  test('projectionPage() shows lag, position and state, and the way to kept states', async () => {
    const { store, page } = await started()
    fakeProjections(store)
    const html = await page('/projections/totals')
    expect(html).toContain('<dd id="lag">2 events</dd>')
    expect(html).toContain('<dd id="folded">3 of 5</dd>')
    expect(html).toContain('<a href="/histories/_totals">')
    expect(html).toContain(String(12n ** 20n))
    expect(html).toContain('after the events below 3')
    expect(html).not.toContain('id="run"')
    expect(await page('/projections/totals', 'admin')).toContain('hx-post="/projections/totals/rebuild"')
    expect(await page('/partials/projections/totals')).not.toContain('<html')
  })

  test('projectionPage() shows the state as of an offset or a time, or why it cannot', async () => {
    const { store, page, as } = await started()
    const fake = fakeProjections(store)
    expect(await page('/projections/totals?offset=2&time=')).toContain('after the events below 2')
    expect(await page('/projections/totals?time=2026-01-31')).toContain('after the events below 1')
    const refused = await as('read', '/projections/totals?offset=9')
    expect([refused.status, (await refused.text()).includes('id="state-problem"')]).toEqual([400, true])
    fake.status.hasFold = false
    const html = await page('/projections/totals', 'admin')
    expect(html).toContain('this process has no fold for it')
    expect(html).not.toContain('id="run"')
    expect(html).not.toContain('State at a moment')
    expect((await as('read', '/projections/totals?offset=2')).status).toBe(501)
    expect((await as('read', '/projections/none')).status).toBe(404)
  })

  test('projectionPage() leads to the event that could not be folded, with the words of the error for admins', async () => {
    const { store, page } = await started()
    const fake = fakeProjections(store)
    fake.status.state = 'failed'
    fake.status.failure = { partition: 0, offset: 3, kind: 'OrderPaid', message: 'no such order', at: 5_000 }
    const html = await page('/projections/totals')
    expect(html).toContain('Stopped: the fold failed')
    expect(html).toContain('href="/topics/orders/events/3?partition=0"')
    expect(html).not.toContain('no such order')
    expect(await page('/projections/totals', 'admin')).toContain('no such order')
    expect(await page('/partials/projections/totals')).not.toContain('no such order')
  })

  test('startPartial() runs as a job; postDeleteProjection() wants the name', async () => {
    const { store, send, page } = await started()
    fakeProjections(store)
    for (const way of ['run', 'rebuild', 'delete']) expect((await send(way, '', 'append')).status, way).toBe(403)
    expect(await (await send('run')).text()).toMatch(/Run is running|Run done/)
    expect(await (await send('rebuild')).text()).toMatch(/Rebuild is running|Rebuild done/)
    expect((await send('delete', 'confirm=other')).status).toBe(400)
    const answer = await send('delete', 'confirm=totals')
    expect([answer.status, answer.headers.get('hx-redirect')]).toEqual([200, '/projections'])
    expect(await page('/projections')).toContain('No projections yet.')
  })
})

describe('a real projection', () => {
  test('is run from its page, and its kept states are a history that can be looked at', async () => {
    const { store, as, page, send } = await started()
    const orders = await store.topics.open('orders', { create: true })
    for (let n = 1; n <= 7; n++) await orders.append({ kind: 'Placed', entity: 'e', data: { total: n } })
    const projection = await store.projections.open<{ total: number }>('totals', {
      create: { topic: 'orders', keep: 'history', everyEvents: 2 },
      fold: {
        version: 1,
        initial: () => ({ total: 0 }),
        apply: (state, event) => ({ total: state.total + Number(event.data.total) }),
      },
    })
    expect(await page('/projections/totals')).toContain('<dd id="lag">7 events</dd>')
    await send('run')
    while ((await projection.status()).lag > 0) await new Promise((resolve) => setImmediate(resolve))
    const html = await page('/projections/totals', 'admin')
    expect(html).toContain('<dd id="lag">caught up</dd>')
    expect(html).toContain('&quot;total&quot;: 28')
    expect(await page('/projections/totals?offset=3')).toContain('&quot;total&quot;: 6')
    const kept = await page('/histories/_totals', 'admin')
    expect(kept).toContain('id="slide"')
    expect(kept).not.toContain('id="pin"')
    expect(await page('/histories/_totals/settings', 'admin')).not.toContain('id="delete"')
    expect(await page('/histories')).not.toContain('_totals')
    expect(await page('/')).toContain('<a href="/histories">0</a>')
    for (const [path, method] of [
      ['/api/histories/_totals?confirm=_totals', 'DELETE'],
      ['/api/histories/_totals/versions/newest/pin', 'POST'],
    ] as const)
      expect((await as('admin', path, { method })).status, path).toBe(400)
    expect((await as('read', '/api/histories/_totals/versions/newest')).status).toBe(200)
    expect(await (await as('read', '/api/projections/totals/state?offset=3')).json()).toMatchObject({
      state: { total: 6 },
      offset: 3,
    })
  })
})

describe('kept as a document', () => {
  test('the state is a document that can be looked at and not deleted', async () => {
    const { store, as, page } = await started()
    await store.topics.open('orders', { create: true })
    const projection = await store.projections.open<number>('totals', {
      create: { topic: 'orders' },
      fold: { version: 1, initial: () => 7, apply: (state) => state },
    })
    expect(await page('/')).toContain('<a href="/documents">0</a>')
    await projection.run()
    expect(await page('/')).toContain('<a href="/documents">0</a>')
    expect(await page('/projections/totals')).toContain('<a href="/documents/_totals">')
    expect(await page('/documents')).not.toContain('_totals')
    expect(await page('/documents/_totals', 'admin')).not.toContain('id="delete"')
    const removed = await as('admin', '/api/documents/_totals?confirm=_totals', { method: 'DELETE' })
    expect(removed.status).toBe(400)
  })
})

describe('escaping', () => {
  const shown = async (text: string) => {
    const { store, page } = await started()
    const fake = fakeProjections(store)
    fake.state = { [text]: [text] }
    fake.status.state = 'failed'
    fake.status.topic = text
    fake.status.failure = { partition: 0, offset: 3, kind: text, message: text, at: 5_000 }
    const paths = ['/projections', '/projections/totals', '/partials/projections', '/partials/projections/totals']
    return Promise.all(paths.map((path) => page(path, 'admin')))
  }

  test('texts of states and failures add no element and no attribute, and stand below hx-ignore', async () => {
    const plain = (await shown('plain')).map(skeleton)
    for (const text of MARKUP) expect((await shown(text)).map(skeleton), text).toEqual(plain)
    for (const html of await shown('zzq')) {
      expect(html).not.toMatch(/\son[a-z]+=|javascript:|<style|style="|hx-on|js:/)
      const known = /(?:hx-get|hx-post|href|action)="[A-Za-z0-9/?&;=%_.*+-]*"/g
      expect(unignored(html.replaceAll(known, ''), 'zzq')).toEqual([])
    }
  })
})
