/** The pages of snapshots over a real store: what they say is what is there, also below another path and where nothing
 * may be changed.
 * @module */
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore, type Storage } from '../../src/index.ts'
import { createApp } from '../../web/index.ts'
import { ended } from './support/snapshot-pages.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded', 'hx-request': 'true' }
const EVENTS = 40

/** Pages below `/varve` over a store with a topic, a document and a history. */
async function started(storage: Storage = memoryStorage(), options: { readOnly?: true } = {}) {
  const store = await openStore({ storage, ...options })
  const places = new Map<string, Storage>()
  const restoreTo = (name: string) => {
    const place = places.get(name) ?? memoryStorage()
    places.set(name, place)
    return place
  }
  const app = new Hono().route('/varve', createApp(store, { access: () => 'admin', restoreTo }))
  const get = async (path: string) => app.request(path.startsWith('/varve') ? path : `/varve${path}`)
  const page = async (path: string) => (await get(path)).text()
  const send = async (path: string, fields: Record<string, string> = {}) =>
    app.request(`/varve${path}`, { method: 'POST', headers: FORM, body: new URLSearchParams(fields).toString() })
  const done = async (path: string, fields: Record<string, string> = {}) => ended({ page }, await send(path, fields))
  return { store, storage, places, get, page, send, done }
}

async function filled() {
  const made = await started()
  const { store } = made
  const orders = await store.topics.open('orders', { create: true })
  for (let n = 0; n < EVENTS; n++) await orders.append({ kind: 'Placed', entity: 'e', data: { n } })
  await store.documents.write('catalog', { products: ['tea'] })
  const history = await store.histories.open('board', { create: true })
  await history.append({ shapes: [] })
  return { ...made, orders }
}

test('a snapshot is taken, drawn, checked, restored to both places, cleaned up and deleted', async () => {
  const { store, page, send, done, places, orders } = await filled()
  const taken = await done('/snapshots', { label: 'before', soon: 'yes' })
  const [, id = ''] = /\/varve\/snapshots\/(snapshot-\d+)"/.exec(taken) ?? []
  const one = `/snapshots/${id}`
  expect(await page('/snapshots')).toContain('<span class="label">before</span>')
  const [usage] = await store.snapshots.usage()
  const { sharedWithStoreBytes = 0, sharedWithSnapshotsBytes = 0, ownBytes = 0, totalSizeBytes } = usage ?? {}
  expect(sharedWithStoreBytes + sharedWithSnapshotsBytes + ownBytes).toBe(totalSizeBytes)
  expect(await page('/snapshots/usage')).toContain(`href="/varve${one}"`)
  expect(await done(`${one}/verify`)).toContain('No damage found')
  expect(await done(`${one}/drill`)).toContain('It can be restored')
  await orders.append({ kind: 'Later', entity: 'e', data: {} })
  const topic = await done(`${one}/restore`, { as: 'orders-then', topic: 'orders', offset: '7', confirm: id })
  expect(topic).toContain('7 events in 1 topic (orders-then)')
  expect((await (await store.topics.open('orders-then')).last(1))[0]?.offset).toBe(6)
  const away = await done(`${one}/restore`, { directory: 'copy', confirm: id })
  expect(away).toContain('1 document, 1 history.')
  const copy = await openStore({ storage: places.get('copy') ?? memoryStorage() })
  expect((await (await copy.topics.open('orders')).last(1))[0]?.offset).toBe(EVENTS - 1)
  await copy.close()
  const again = await send(`${one}/restore`, { directory: 'copy', confirm: id })
  expect([again.status, (await again.text()).includes('Restore not empty')]).toEqual([409, true])
  await done('/snapshots', { soon: 'yes' })
  await done('/snapshots', { topic: 'orders', soon: 'yes' })
  const preview = await (await send('/snapshots/cleanup', { maxSnapshots: '1', preview: '1' })).text()
  expect(preview).toContain('1 snapshot would go and 2 stay.')
  expect(await done('/snapshots/cleanup', { maxSnapshots: '1', retentionTimeMs: '1 d' })).toContain('1 snapshot went')
  expect((await send(`${one}/verify`)).status).toBe(404)
  const [newest] = await store.snapshots.list()
  expect((await send(`/snapshots/${newest?.id}/delete`, { confirm: newest?.id ?? '' })).status).toBe(200)
  expect((await store.snapshots.list()).length).toBe(1)
  await store.close()
})

test('a topic is forked at a time, and the schedule says when the next snapshot comes', async () => {
  const { store, send, page } = await filled()
  const fork = await send('/topics/orders/fork', { as: 'trial', time: '2000-01-01' })
  expect([fork.status, fork.headers.get('hx-redirect')]).toEqual([200, '/varve/topics/trial'])
  expect((await store.topics.open('trial')).stats().events).toBe(0)
  expect((await send('/topics/orders/fork', { as: 'trial' })).status).toBe(409)
  expect((await send('/topics/orders/fork', { as: 'far', offset: '1000' })).status).toBe(400)
  expect((await send('/snapshots/schedule', { everyMs: '6 h', topic: 'orders' })).status).toBe(200)
  expect(await page('/snapshots/settings')).toMatch(/<dd id="next-run"><time [^>]*>in \d/)
  expect((await send('/snapshots/schedule', { everyMs: '1 s' })).status).toBe(400)
  expect((await send('/snapshots/schedule', { stop: '1' })).status).toBe(200)
  expect(store.snapshots.scheduled).toBe(undefined)
  await store.close()
})

test('a store that is open for reading is shown, checked and restored elsewhere, and nothing else', async () => {
  const { store, storage, done } = await filled()
  await done('/snapshots', { label: 'before' })
  await store.close()
  const reader = await started(storage, { readOnly: true })
  const [info] = await reader.store.snapshots.list()
  const id = info?.id ?? ''
  const pages = ['/snapshots', '/snapshots/settings', '/snapshots/usage', `/snapshots/${id}`]
  for (const path of pages) {
    const html = await reader.page(path)
    for (const form of ['create', 'cleanup', 'schedule-change', 'pin', 'delete', 'restore-topic'])
      expect(html, `${path} ${form}`).not.toContain(`id="${form}"`)
    const links = [...html.matchAll(/ (?:href|action|hx-get|hx-post)="([^"]*)"/g)].map(([, link]) => link)
    expect(links.filter((link) => link !== '#main' && !link?.startsWith('/varve'))).toEqual([])
  }
  expect(await reader.page(`/snapshots/${id}`)).toContain('id="restore-directory"')
  expect(await reader.done(`/snapshots/${id}/verify`)).toContain('No damage found')
  expect(await reader.done(`/snapshots/${id}/restore`, { directory: 'copy', confirm: id })).toContain('Restored.')
  for (const [path, fields] of [
    ['', { soon: 'yes' }],
    ['/cleanup', {}],
    ['/schedule', { everyMs: '6 h' }],
    [`/${id}/pin`, {}],
    [`/${id}/delete`, { confirm: id }],
    [`/${id}/restore`, { as: 'orders-then', topic: 'orders', confirm: id }],
  ] as const) {
    const refused = await reader.send(`/snapshots${path}`, fields)
    expect([path, (await refused.text()).includes('Store read only')]).toEqual([path, true])
  }
  await reader.store.close()
})
