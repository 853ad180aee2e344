/** Snapshots over the API and the client with a real store: what is taken is there, and what is restored can be read.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore, type Storage } from '../../src/index.ts'
import { createClient } from '../../web/client/index.ts'
import { createApp } from '../../web/index.ts'
import { harness, jsonOf, posted } from './support/harness.ts'
import { ended } from './support/histories.ts'

const EVENTS = 30

interface Disk {
  freeBytes: number | undefined
  held: Promise<void>
}

/** A storage in memory that says what is free, and lets files wait before they are made: those of snapshots. */
function slowStorage(disk: Disk, waits = (path: string) => path.startsWith('.snapshots/')): Storage {
  const storage = memoryStorage()
  const createExclusive: Storage['createExclusive'] = async (path) => {
    if (waits(path)) await disk.held
    return storage.createExclusive(path)
  }
  return new Proxy(storage, {
    get(target, key) {
      if (key === 'freeBytes') return async () => disk.freeBytes
      if (key === 'createExclusive') return createExclusive
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** An app over a store with a topic, a document and a history, and a place for restored stores. */
async function started() {
  const places = new Map<string, Storage>()
  const restoreTo = (name: string) => {
    const place = places.get(name) ?? memoryStorage()
    places.set(name, place)
    return place
  }
  const made = await harness({ restoreTo })
  const client = createClient({
    url: 'http://localhost',
    token: 'admin',
    fetch: (url, init) => made.app.request(url, init),
  })
  await client.createTopic('orders')
  await append(EVENTS)
  await client.documents.put('catalog', { products: ['tea'] })
  await client.histories.append('board', { shapes: [] }, { create: true })
  async function append(count: number) {
    const events = Array.from({ length: count }, (_, n) => ({ kind: 'Placed', entity: `e${n % 7}`, data: { n } }))
    await client.append('orders', events)
  }
  const restored = (name: string) => {
    const storage = places.get(name)
    if (storage === undefined) throw new Error(`Nothing was restored to ${name}`)
    return openStore({ storage })
  }
  return { ...made, client, snapshots: client.snapshots, append, places, restored }
}

test('a snapshot is taken, listed, checked, tried and deleted', async () => {
  const { append, as, snapshots, store } = await started()
  const whole = await snapshots.create({ label: 'everything' })
  expect(whole).toMatchObject({ label: 'everything', pinned: false, documents: 1, histories: 1 })
  await append(5)
  const one = await snapshots.create({ topic: 'orders', pinned: true })
  expect(one).toMatchObject({ topic: 'orders', pinned: true, topics: 1, events: EVENTS + 5 })
  expect((await snapshots.list()).map(({ id }) => id)).toEqual([one.id, whole.id])
  const details = await snapshots.get(one.id)
  expect(details.partitions).toMatchObject([{ topic: 'orders', partition: 0, highWatermark: EVENTS + 5 }])
  const seen = await jsonOf(await as('read', `/api/snapshots/${whole.id}`))
  expect(seen.partitions).toMatchObject([{ topic: 'orders', highWatermark: EVENTS }])
  expect(await snapshots.verify(whole.id)).toMatchObject({ snapshot: whole.id, ok: true, problems: [] })
  expect(await snapshots.drill(one.id)).toMatchObject({ snapshot: one.id, ok: true })
  expect((await snapshots.usage()).map(({ id }) => id)).toEqual([one.id, whole.id])
  await expect(snapshots.delete(one.id)).rejects.toMatchObject({ code: 'SNAPSHOT_PINNED' })
  await snapshots.pin(one.id, false)
  await snapshots.delete(one.id)
  expect((await snapshots.list()).map(({ id }) => id)).toEqual([whole.id])
  await store.close()
})

test('a snapshot that is too soon, of nothing, or of no partition is refused at once', async () => {
  const { as, client, snapshots, store } = await started()
  await snapshots.create({ topic: 'orders' })
  const create = (body: object) => as('admin', '/api/snapshots', posted(body))
  const soon = await create({ topic: 'orders' })
  expect(await jsonOf(soon.clone())).toMatchObject({ code: 'SNAPSHOT_TOO_SOON', status: 409 })
  expect(Number(soon.headers.get('retry-after'))).toBeGreaterThan(3_000)
  expect(await ended(as, await create({ topic: 'orders', minIntervalMs: 0 }))).toMatchObject({ state: 'done' })
  expect(await jsonOf(await create({ topic: 'none' }))).toMatchObject({ code: 'TOPIC_UNKNOWN', status: 404 })
  const partition = await create({ topic: 'orders', partition: 7 })
  expect(await jsonOf(partition)).toMatchObject({ code: 'PARTITION_UNKNOWN', status: 400 })
  for (const [body, option] of [
    [{ partition: 0 }, 'partition'],
    [{ label: '' }, 'label'],
  ] as const)
    expect(await jsonOf(await create(body)), option).toMatchObject({ code: 'OPTION_INVALID', details: { option } })
  for (const way of ['verify', 'drill'])
    expect((await as('admin', `/api/snapshots/snapshot-1/${way}`, { method: 'POST' })).status).toBe(404)
  await expect(client.snapshots.get('../snapshot-1')).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  await store.close()
})

test('a snapshot is refused at once while another is made, and where it has no room', async () => {
  const disk: Disk = { freeBytes: undefined, held: Promise.resolve() }
  const store = await openStore({ storage: slowStorage(disk) })
  const app = createApp(store, { access: () => 'admin' })
  const create = (body: object) => app.request('/api/snapshots', posted({ minIntervalMs: 0, ...body }))
  const as = async (_role: string, path: string) => app.request(path)
  const orders = await store.topics.open('orders', { create: true })
  await orders.append({ kind: 'Placed', entity: 'e', data: { text: 'x'.repeat(1_000) } })
  await store.documents.write('catalog', {})
  disk.freeBytes = 10
  for (const body of [{}, { topic: 'orders' }])
    expect(await jsonOf(await create(body))).toMatchObject({
      code: 'STORAGE_FULL',
      status: 507,
      details: { freeBytes: 10, neededBytes: expect.any(Number) },
    })
  disk.freeBytes = undefined
  let go = () => {}
  disk.held = new Promise((resolve) => {
    go = resolve
  })
  // The document is linked, which is progress; the segment is copied, which waits.
  const first = await create({})
  expect(first.status).toBe(202)
  const second = await create({ topic: 'orders' })
  expect(second.headers.get('retry-after')).toBe('1')
  expect(await jsonOf(second)).toMatchObject({ code: 'SNAPSHOT_BUSY', status: 409 })
  go()
  expect(await ended(as, first)).toMatchObject({ state: 'done', report: { documents: 1 } })
  expect(await store.snapshots.list()).toHaveLength(1)
  await store.close()
})

test('a snapshot is restored as a topic up to an offset, beside the one that goes on', async () => {
  const { append, client, snapshots, store } = await started()
  const { id } = await snapshots.create()
  await append(5)
  const report = await snapshots.restore(id, { as: 'orders-then', topic: 'orders', until: { offset: 12 } })
  expect(report).toMatchObject({ snapshot: id, topics: [{ topic: 'orders-then', highWatermarks: [12] }] })
  const { items } = await client.page('orders-then')
  expect(items.map(({ data }) => data.n)).toEqual(Array.from({ length: 12 }, (_, n) => n))
  await client.append('orders-then', { kind: 'Placed', entity: 'e', data: { n: -1 } })
  expect((await client.topic('orders')).partitions).toMatchObject([{ highWatermark: EVENTS + 5 }])
  const again = snapshots.restore(id, { as: 'orders-then', topic: 'orders' })
  await expect(again).rejects.toMatchObject({ code: 'TOPIC_EXISTS', details: { status: 409 } })
  const none = snapshots.restore(id, { as: 'other', topic: 'none' })
  await expect(none).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN', details: { status: 404 } })
  const beyond = snapshots.restore(id, { as: 'other', topic: 'orders', until: { offset: 1_000 } })
  await expect(beyond).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', details: { status: 400 } })
  await store.close()
})

test('a snapshot is restored as a store of its own, which replaces another one only when that is said', async () => {
  const { append, restored, snapshots, store } = await started()
  const { id } = await snapshots.create()
  await append(5)
  const report = await snapshots.restore(id, { directory: 'copy' })
  expect(report).toMatchObject({ snapshot: id, documents: 1, histories: 1 })
  const copy = await restored('copy')
  const orders = await copy.topics.open('orders')
  expect([orders.stats().partitions[0]?.highWatermark, await copy.documents.read('catalog', 'products[0]')]).toEqual([
    EVENTS,
    'tea',
  ])
  await copy.close()
  const refused = snapshots.restore(id, { directory: 'copy' })
  await expect(refused).rejects.toMatchObject({ code: 'RESTORE_NOT_EMPTY', details: { status: 409 } })
  const options = { directory: 'copy', topic: 'orders', until: { offset: 3 }, overwrite: true }
  expect(await snapshots.restore(id, options)).toMatchObject({ topics: [{ topic: 'orders', highWatermarks: [3] }] })
  const replaced = await restored('copy')
  expect((await replaced.topics.list()).map(({ topic }) => topic)).toEqual(['orders'])
  await replaced.close()
  await store.close()
})

test('a snapshot that is being restored is not deleted meanwhile', async () => {
  let go = () => {}
  const held = new Promise<void>((resolve) => {
    go = resolve
  })
  const place = slowStorage({ freeBytes: undefined, held }, () => true)
  const store = await openStore({ storage: memoryStorage() })
  const app = createApp(store, { access: () => 'admin', restoreTo: () => place })
  const as = async (_role: string, path: string) => app.request(path)
  await (await store.topics.open('orders', { create: true })).append({ kind: 'Placed', entity: 'e', data: 1 })
  const { id } = await store.snapshots.create()
  const restoring = await app.request(`/api/snapshots/${id}/restore`, posted({ directory: 'copy' }))
  expect(restoring.status).toBe(202)
  const remove = () => app.request(`/api/snapshots/${id}?confirm=${id}`, { method: 'DELETE' })
  const refused = await remove()
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await jsonOf(refused)).toMatchObject({ code: 'SNAPSHOT_IN_USE', status: 409 })
  go()
  expect(await ended(as, restoring)).toMatchObject({ state: 'done' })
  expect((await remove()).status).toBe(200)
  await store.close()
})

test('a topic is forked, and both go on', async () => {
  const { append, client, store } = await started()
  const fork = await client.forkTopic('orders', 'orders-what-if', { until: { offset: 20 } })
  expect(fork).toMatchObject({ topic: 'orders-what-if', partitions: [{ highWatermark: 20 }] })
  await append(5)
  await client.append('orders-what-if', { kind: 'Placed', entity: 'e', data: { n: -1 } })
  const [mine, theirs] = [await client.page('orders-what-if'), await client.page('orders')]
  expect([mine.items.length, theirs.items.length]).toEqual([21, EVENTS + 5])
  expect(mine.items.slice(0, 20).map(({ id }) => id)).toEqual(theirs.items.slice(0, 20).map(({ id }) => id))
  expect(mine.items[20]?.id).not.toBe(theirs.items[20]?.id)
  await expect(client.forkTopic('orders', 'orders-what-if')).rejects.toMatchObject({ code: 'TOPIC_EXISTS' })
  const beyond = client.forkTopic('orders', 'other', { until: { offset: 1_000 } })
  await expect(beyond).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
  await store.close()
})

test('a clean-up says what goes, and takes it away', async () => {
  const { snapshots, store } = await started()
  const made: string[] = []
  for (let n = 0; n < 3; n++) made.unshift((await snapshots.create({ topic: 'orders', minIntervalMs: 0 })).id)
  const policy = { maxSnapshots: 1 }
  const gone = made.slice(1).map((id) => ({ id, reason: 'count' }))
  const preview = await snapshots.cleanup({ dryRun: true, policy })
  expect(preview).toMatchObject({ dryRun: true, removed: expect.arrayContaining(gone), kept: made.slice(0, 1) })
  expect(await snapshots.list()).toHaveLength(3)
  const { freedBytes } = await snapshots.cleanup({ policy })
  expect(freedBytes).toBe(preview.freedBytes)
  expect((await snapshots.list()).map(({ id }) => id)).toEqual(made.slice(0, 1))
  const refused = snapshots.cleanup({ policy: { maxSnapshots: 0 } })
  await expect(refused).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await store.close()
})

test('a schedule is set, shown and taken away', async () => {
  const { snapshots, store } = await started()
  expect((await snapshots.scheduled()).policy).toEqual(store.snapshots.policy)
  await snapshots.schedule({ everyMs: 6 * 3_600_000, topic: 'orders', label: 'regular' })
  const { scheduled } = await snapshots.scheduled()
  expect(scheduled).toMatchObject({ topic: 'orders', everyMs: 21_600_000, jitterMs: 2_160_000, runs: [], failures: 0 })
  await expect(snapshots.schedule({ everyMs: 5 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await snapshots.schedule(undefined)
  expect((await snapshots.scheduled()).scheduled).toBeUndefined()
  await store.close()
})
