/** Restores, forks, clean-ups and schedules of snapshots over the API.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../adapters/memory/index.ts'
import { openStore, VarveError } from '../../src/index.ts'
import { type AppOptions, createApp } from '../../web/index.ts'
import { fakeInfo, fakeSnapshots } from './support/fake-snapshots.ts'
import { harness, jsonOf, posted } from './support/harness.ts'
import { ended } from './support/histories.ts'

const ID = 'snapshot-3000'

async function started(options: AppOptions = {}) {
  const made = await harness(options)
  const fake = fakeSnapshots(made.store, [fakeInfo(3_000), fakeInfo(2_000), fakeInfo(1_000)])
  const post = (path: string, body: object) => made.as('admin', `/api/snapshots${path}`, posted(body))
  const told = async () => {
    const audit = await made.store.topics.open('_audit')
    return (await audit.last(50)).map(({ kind, entity, data }) => [kind, entity, data.state].join(' '))
  }
  return { ...made, fake, post, told }
}

/** An app with a place for restored stores, and the names that were asked for. */
async function withPlace() {
  const names: string[] = []
  const restoreTo = (name: string) => {
    names.push(name)
    return memoryStorage()
  }
  return { ...(await started({ restoreTo })), names }
}

test('postRestore() restores as a new topic, as a job that is recorded', async () => {
  const { as, fake, post, store, told } = await started()
  const answer = await post(`/${ID}/restore`, { as: 'orders-2', topic: 'orders', until: { offset: 500 } })
  expect(answer.status).toBe(202)
  expect(await ended(as, answer)).toMatchObject({
    kind: 'snapshot-restore',
    subject: ID,
    state: 'done',
    report: { snapshot: ID, topics: [{ topic: 'orders-2' }] },
  })
  expect(fake.asked).toEqual([['restore', ID, { as: 'orders-2', topic: 'orders', until: { offset: 500 } }]])
  expect(await told()).toEqual([`SnapshotRestore ${ID} begun`, `SnapshotRestore ${ID} done`])
  const [event] = await (await store.topics.open('_audit')).last(1)
  expect(event?.data).toMatchObject({ storeId: 'another-store', topics: ['orders-2'] })
})

test('postRestore() restores to a name in the place of the server', async () => {
  const { as, fake, names, post } = await withPlace()
  const body = { directory: 'restored-1', until: { time: 2_000 }, overwrite: true }
  expect(await ended(as, await post(`/${ID}/restore`, body))).toMatchObject({ state: 'done' })
  expect(names).toEqual(['restored-1'])
  expect(fake.asked).toMatchObject([['restore', ID, { until: { time: 2_000 }, overwrite: true }]])
})

test('postRestore() to a directory is 501 where the server has no place for stores', async () => {
  const { fake, post } = await started()
  const refused = await jsonOf(await post(`/${ID}/restore`, { directory: 'a' }))
  expect(refused).toMatchObject({ code: 'CAPABILITY_MISSING', status: 501 })
  expect(fake.asked).toEqual([])
})

test('postRestore() takes names, never paths', async () => {
  const { names, post } = await withPlace()
  const hostile = [
    '..',
    '.',
    '',
    'a/b',
    '../a',
    '/etc',
    'a\\b',
    'C:',
    'con',
    'NUL.txt',
    'a..b',
    'a.',
    '_a',
    'a\0b',
    '%2e',
  ]
  for (const directory of [...hostile, '~', 'a b', 'ä', 'x'.repeat(129)])
    expect(await jsonOf(await post(`/${ID}/restore`, { directory })), directory).toMatchObject({
      code: 'NAME_INVALID',
      status: 400,
    })
  expect(names).toEqual([])
})

test('postRestore() refuses what does not fit, by name', async () => {
  const { fake, post } = await withPlace()
  const refused: readonly [body: object, option: string][] = [
    [{}, 'as'],
    [{ as: 'a', directory: 'b' }, 'as'],
    [{ as: 'a', overwrite: true }, 'overwrite'],
    [{ as: 1 }, 'as'],
    [{ directory: null }, 'directory'],
    [{ directory: 'b', overwrite: 'yes' }, 'overwrite'],
    [{ as: 'a', topic: 1 }, 'topic'],
    [{ as: 'a', until: 5 }, 'until'],
    [{ as: 'a', until: {} }, 'until'],
    [{ as: 'a', until: { offset: 1, time: 1 } }, 'until'],
    [{ as: 'a', until: { offset: '1' } }, 'until.offset'],
    [{ as: 'a', until: { offset: [1, '2'] } }, 'until.offset'],
    [{ as: 'a', until: { time: '1' } }, 'until.time'],
    [{ as: 'a', to: '/etc' }, 'to'],
  ]
  for (const [body, option] of refused)
    expect(await jsonOf(await post(`/${ID}/restore`, body)), JSON.stringify(body)).toMatchObject({
      code: 'OPTION_INVALID',
      details: { option },
    })
  expect(await jsonOf(await post(`/${ID}/restore`, { as: '_audit' }))).toMatchObject({ code: 'NAME_INVALID' })
  expect(await jsonOf(await post('/snapshot-1/restore', { as: 'a' }))).toMatchObject({ code: 'SNAPSHOT_UNKNOWN' })
  expect(fake.asked).toEqual([])
})

for (const [code, status] of [
  ['RESTORE_NOT_EMPTY', 409],
  ['RESTORE_LIVE', 409],
  ['STORE_LOCKED', 503],
  ['TOPIC_EXISTS', 409],
  ['OFFSET_OUT_OF_RANGE', 400],
  ['STORAGE_FULL', 507],
] as const)
  test(`postRestore() answers ${status} at once when it is refused with ${code}`, async () => {
    const { post, store } = await withPlace()
    store.snapshots.restore = () => Promise.reject(new VarveError(code, 'Cannot restore'))
    expect(await jsonOf(await post(`/${ID}/restore`, { directory: 'a' }))).toMatchObject({ code, status })
  })

test('a store that is open for reading restores to directories, and to nothing else', async () => {
  const storage = memoryStorage()
  await (await openStore({ storage })).close()
  const store = await openStore({ storage, readOnly: true })
  fakeSnapshots(store, [fakeInfo(3_000)])
  const app = createApp(store, { access: () => 'admin', restoreTo: () => memoryStorage() })
  const send = async (method: string, path: string, body?: object) => {
    const init = body === undefined ? { method } : { ...posted(body), method }
    return jsonOf(await app.request(`/api/snapshots${path}`, init))
  }
  expect(await send('POST', `/${ID}/restore`, { directory: 'a' })).toMatchObject({ kind: 'snapshot-restore' })
  const refused: readonly [method: string, path: string, body?: object][] = [
    ['POST', `/${ID}/restore`, { as: 'a' }],
    ['POST', '/cleanup', {}],
    ['PUT', '/schedule', { everyMs: 60_000 }],
    ['DELETE', '/schedule'],
  ]
  for (const [method, path, body] of refused)
    expect(await send(method, path, body), `${method} ${path}`).toMatchObject({ code: 'STORE_READ_ONLY', status: 403 })
  await store.close()
})

test('postFork() makes a new topic, and is recorded', async () => {
  const { as, store, told } = await started()
  await as('admin', '/api/topics', posted({ topic: 'orders' }))
  const asked: unknown[] = []
  store.topics.fork = async (name, to, { until } = {}) => {
    asked.push([name, to, until])
    return { ...(await store.topics.open(name)).stats(), topic: to }
  }
  const fork = (body: object, topic = 'orders') => as('admin', `/api/topics/${topic}/fork`, posted(body))
  const answer = await fork({ as: 'orders-2', until: { offset: [5] } })
  expect([answer.status, answer.headers.get('location')]).toEqual([201, '/api/topics/orders-2'])
  expect(await jsonOf(answer)).toMatchObject({ topic: 'orders-2' })
  await fork({ as: 'orders-3' })
  expect(asked).toEqual([
    ['orders', 'orders-2', { offset: [5] }],
    ['orders', 'orders-3', undefined],
  ])
  expect((await told()).slice(2, 4)).toEqual(['TopicFork orders begun', 'TopicFork orders done'])
  for (const body of [{}, { as: 5 }])
    expect(await jsonOf(await fork(body))).toMatchObject({ details: { option: 'as' } })
  expect(await jsonOf(await fork({ as: '_mine' }))).toMatchObject({ code: 'NAME_INVALID', status: 400 })
  expect(await jsonOf(await fork({ as: 'b' }, 'none'))).toMatchObject({ code: 'TOPIC_UNKNOWN', status: 404 })
  store.topics.fork = () => Promise.reject(new VarveError('TOPIC_EXISTS', 'Cannot fork'))
  expect(await jsonOf(await fork({ as: 'orders-2' }))).toMatchObject({ code: 'TOPIC_EXISTS', status: 409 })
})

test('postSnapshotCleanup() says what would go, or does it as a job', async () => {
  const { as, fake, post, store, told } = await started()
  const preview = await post('/cleanup', { dryRun: true, policy: { maxSnapshots: 1 } })
  expect(preview.status).toBe(200)
  const gone = [
    { id: 'snapshot-2000', reason: 'count' },
    { id: 'snapshot-1000', reason: 'count' },
  ]
  expect(await jsonOf(preview)).toMatchObject({ dryRun: true, policy: { maxSnapshots: 1 }, removed: gone })
  expect(fake.infos).toHaveLength(3)
  const begun = await post('/cleanup', { policy: { maxSnapshots: 2, retentionTimeMs: 5, minIntervalMs: 0 } })
  expect(begun.status).toBe(202)
  const report = { dryRun: false, kept: [ID, 'snapshot-2000'], freedBytes: 1_024 }
  expect(await ended(as, begun)).toMatchObject({ kind: 'snapshot-cleanup', state: 'done', report })
  expect(await told()).toEqual(['SnapshotCleanup store begun', 'SnapshotCleanup store done'])
  const [event] = await (await store.topics.open('_audit')).last(1)
  expect(event?.data).toMatchObject({ removed: ['snapshot-1000'], freedBytes: 1_024 })
  for (const [body, option] of [
    [{ dryRun: 1 }, 'dryRun'],
    [{ policy: { maxSnapshots: '5' } }, 'policy.maxSnapshots'],
    [{ policy: { keep: 5 } }, 'keep'],
    [{ policy: 5 }, 'policy'],
  ] as const)
    expect(await jsonOf(await post('/cleanup', body))).toMatchObject({ status: 400, details: { option } })
})

test('putSchedule(), readScheduled() and removeSchedule() change what is made by itself, and are recorded', async () => {
  const { as, fake, told } = await started()
  const path = '/api/snapshots/schedule'
  const put = async (body: object) => jsonOf(await as('admin', path, { ...posted(body), method: 'PUT' }))
  const { policy } = fake
  expect(await jsonOf(await as('read', path))).toEqual({ policy })
  await as('admin', '/api/topics', posted({ topic: 'orders' }))
  const options = { everyMs: 60_000, jitterMs: 5, topic: 'orders', partition: 0, label: 'nightly' }
  expect(await put(options)).toMatchObject({ policy, scheduled: { everyMs: 60_000, topic: 'orders' } })
  expect(fake.asked).toEqual([['schedule', options]])
  expect(await jsonOf(await as('read', path))).toMatchObject({ scheduled: { nextRunAt: 60_000 } })
  expect((await as('admin', path, { method: 'DELETE' })).status).toBe(204)
  expect(await jsonOf(await as('read', path))).toEqual({ policy })
  expect((await told()).slice(2)).toEqual([
    'SnapshotSchedule orders begun',
    'SnapshotSchedule orders done',
    'SnapshotUnschedule store begun',
    'SnapshotUnschedule store done',
  ])
  expect(await put({ everyMs: 60_000, topic: 'none' })).toMatchObject({ code: 'TOPIC_UNKNOWN', status: 404 })
  const beyond = await put({ everyMs: 60_000, topic: 'orders', partition: 1 })
  expect(beyond).toMatchObject({ code: 'PARTITION_UNKNOWN', status: 400 })
  for (const [body, option] of [
    [{}, 'everyMs'],
    [{ everyMs: '6h' }, 'everyMs'],
    [{ everyMs: 60_000, jitterMs: null }, 'jitterMs'],
    [{ everyMs: 60_000, cron: '*' }, 'cron'],
  ] as const)
    expect(await put(body)).toMatchObject({ status: 400, details: { option } })
})

test('tellSchedule() keeps what runs failed with for admins', async () => {
  const { as, fake } = await started()
  const error = { code: 'STORAGE_FULL', message: 'Cannot write "/secret/place"' }
  const runs = [
    { at: 5, error },
    { at: 4, snapshot: ID, removed: [] },
  ]
  fake.schedule = { everyMs: 60_000, jitterMs: 5, isRunning: false, nextRunAt: 9, runs, failures: 1 }
  const path = '/api/snapshots/schedule'
  const told = await (await as('read', path)).text()
  expect(told).toContain('STORAGE_FULL')
  expect(told).not.toContain('secret')
  expect(await jsonOf(await as('admin', path))).toMatchObject({ scheduled: { runs } })
})
