/** The client's snapshots against the app, without a socket.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { type SnapshotProgress, VarveError } from '../../src/index.ts'
import { createClient } from '../../web/client/index.ts'
import { fakeInfo, fakeSnapshots } from './support/fake-snapshots.ts'
import { harness } from './support/harness.ts'

const ID = 'snapshot-3000'

async function connected() {
  const { app, store } = await harness({ restoreTo: () => memoryStorage() })
  const fake = fakeSnapshots(store, [fakeInfo(3_000), fakeInfo(2_000), fakeInfo(1_000)])
  const client = createClient({
    url: 'http://localhost/',
    token: 'admin',
    fetch: (url, init) => app.request(url, init),
  })
  return { client, snapshots: client.snapshots, store, fake }
}

test('ClientSnapshots.create() waits for its job and tells its progress', async () => {
  const { fake, snapshots } = await connected()
  const seen: SnapshotProgress[] = []
  const made = await snapshots.create({ topic: 'orders', label: 'before', onProgress: (one) => seen.push(one) })
  expect(made).toMatchObject({ id: 'snapshot-3001', topic: 'orders', label: 'before' })
  expect(await snapshots.create()).toMatchObject({ id: 'snapshot-3002' })
  expect(fake.asked).toMatchObject([
    ['create', { topic: 'orders' }],
    ['create', {}],
  ])
  // A job that has ended tells no progress any more; while it is held it does.
  let go = () => {}
  fake.held = new Promise((resolve) => {
    go = resolve
  })
  const onProgress = (one: SnapshotProgress) => {
    seen.push(one)
    go()
  }
  await snapshots.create({ onProgress })
  expect(seen.at(-1)).toMatchObject({ step: 'files', doneBytes: 10, totalBytes: 40 })
})

test('ClientSnapshots.create() throws what the server refused it with', async () => {
  const { fake, snapshots } = await connected()
  const details = { snapshot: ID, nextAllowedAt: 9_000, retryAfterMs: 2_500 }
  fake.refusal = new VarveError('SNAPSHOT_TOO_SOON', 'Cannot take a snapshot', { details })
  await expect(snapshots.create()).rejects.toMatchObject({ code: 'SNAPSHOT_TOO_SOON', retryable: true, details })
})

test('ClientSnapshots.create() is cancelled by its signal', async () => {
  const { fake, snapshots } = await connected()
  let go = () => {}
  fake.held = new Promise((resolve) => {
    go = resolve
  })
  const ending = new AbortController()
  const onProgress = () => ending.abort(new Error('enough'))
  await expect(snapshots.create({ signal: ending.signal, onProgress })).rejects.toThrow('enough')
  go()
  expect(fake.infos).toHaveLength(3)
})

test('ClientSnapshots.list(), get(), usage(), pin() and delete() are the calls of the library', async () => {
  const { fake, snapshots } = await connected()
  expect((await snapshots.list()).map(({ id }) => id)).toEqual([ID, 'snapshot-2000', 'snapshot-1000'])
  expect(await snapshots.get(ID)).toMatchObject({ id: ID, storeId: 'the-store', partitions: [{ topic: 'orders' }] })
  const shares = { totalSizeBytes: 6, sharedWithStoreBytes: 3, sharedWithSnapshotsBytes: 2, ownBytes: 1 }
  fake.usage = [{ id: ID, ...shares }]
  expect(await snapshots.usage()).toEqual(fake.usage)
  expect(await snapshots.pin(ID)).toMatchObject({ id: ID, pinned: true })
  await expect(snapshots.delete(ID)).rejects.toMatchObject({ code: 'SNAPSHOT_PINNED' })
  expect(await snapshots.pin(ID, false)).toMatchObject({ pinned: false })
  expect(await snapshots.delete(ID)).toEqual({ freedBytes: 1_024 })
  await expect(snapshots.get(ID)).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
})

test('ClientSnapshots.list() reads every page', async () => {
  const { fake, snapshots } = await connected()
  fake.infos = Array.from({ length: 1_001 }, (_, n) => fakeInfo(5_000 - n))
  const ids = (await snapshots.list()).map(({ id }) => id)
  expect([ids.length, ids[0], ids.at(-1)]).toEqual([1_001, 'snapshot-5000', 'snapshot-4000'])
})

test('ClientSnapshots.verify(), drill() and restore() wait for their jobs', async () => {
  const { fake, snapshots } = await connected()
  expect(await snapshots.verify(ID)).toMatchObject({ snapshot: ID, ok: true })
  expect(await snapshots.drill(ID)).toMatchObject({ snapshot: ID, ok: true, restoreMs: 5 })
  const as = await snapshots.restore(ID, { as: 'orders-2', topic: 'orders', until: { offset: [500] } })
  expect(as).toMatchObject({ snapshot: ID, topics: [{ topic: 'orders-2' }] })
  expect(await snapshots.restore(ID, { directory: 'a', overwrite: true })).toMatchObject({ snapshot: ID })
  await expect(snapshots.restore(ID, { directory: '../a' })).rejects.toMatchObject({ code: 'NAME_INVALID' })
  await expect(snapshots.restore(ID, {})).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await expect(snapshots.verify('snapshot-1')).rejects.toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  fake.damaged.add(ID)
  await expect(snapshots.restore(ID, { as: 'b' })).rejects.toMatchObject({ code: 'SNAPSHOT_DAMAGED' })
})

test('ClientSnapshots.cleanup() says what would go, or waits until it is gone', async () => {
  const { fake, snapshots } = await connected()
  const policy = { maxSnapshots: 1 }
  expect(await snapshots.cleanup({ dryRun: true, policy })).toMatchObject({ dryRun: true, freedBytes: 2_048 })
  expect(await snapshots.cleanup()).toMatchObject({ dryRun: false, removed: [] })
  expect(await snapshots.cleanup({ policy })).toMatchObject({ dryRun: false, kept: [ID] })
  expect(fake.infos).toHaveLength(1)
})

test('ClientSnapshots.schedule() and scheduled() change and tell what is made by itself', async () => {
  const { fake, snapshots } = await connected()
  expect(await snapshots.scheduled()).toEqual({ policy: fake.policy })
  await snapshots.schedule({ everyMs: 60_000 })
  expect(await snapshots.scheduled()).toMatchObject({ policy: fake.policy, scheduled: { everyMs: 60_000 } })
  await snapshots.schedule(undefined)
  expect((await snapshots.scheduled()).scheduled).toBeUndefined()
})

test('Client.forkTopic() is the call of the library', async () => {
  const { client, store } = await connected()
  await client.createTopic('orders')
  store.topics.fork = async (name, to, { until } = {}) => {
    expect([name, until]).toEqual(['orders', { time: 5 }])
    return { ...(await store.topics.open(name)).stats(), topic: to }
  }
  expect(await client.forkTopic('orders', 'orders-2', { until: { time: 5 } })).toMatchObject({ topic: 'orders-2' })
  await expect(client.forkTopic('none', 'orders-3')).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' })
})
