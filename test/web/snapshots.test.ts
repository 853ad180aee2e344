/** Log snapshots over the API: taken and what stands in the way, listed, kept, deleted, checked.
 * @module */
import { expect, test } from 'vitest'
import { type ErrorCode, VarveError } from '../../src/index.ts'
import type { AppOptions } from '../../web/index.ts'
import { fakeInfo, fakeSnapshots } from './support/fake-snapshots.ts'
import { FrameReader, harness, jsonOf, posted, settle } from './support/harness.ts'
import { ended } from './support/histories.ts'

async function started(options: AppOptions = {}) {
  const made = await harness(options)
  const fake = fakeSnapshots(made.store, [fakeInfo(3_000), fakeInfo(2_000, { pinned: true }), fakeInfo(1_000)])
  const get = async (path: string) => jsonOf(await made.as('read', `/api/snapshots${path}`))
  const create = (body: object = {}) => made.as('admin', '/api/snapshots', posted(body))
  const send = (method: string, path: string) => made.as('admin', `/api/snapshots${path}`, { method })
  /** The events of `_audit`, as kind, entity and state. */
  const told = async () => {
    const audit = await made.store.topics.open('_audit')
    return (await audit.last(50)).map(({ kind, entity, data }) => [kind, entity, data.state].join(' '))
  }
  /** Let the next long work wait; the return ends its wait. */
  const hold = () => {
    let end: { resolve: () => void; reject: (error: unknown) => void } | undefined
    fake.held = new Promise((resolve, reject) => {
      end = { resolve, reject }
    })
    fake.held.catch(() => undefined)
    return { go: () => end?.resolve(), fail: (error: unknown) => end?.reject(error) }
  }
  return { ...made, fake, get, create, send, told, hold }
}

test('postSnapshot() starts a job that streams its progress and ends with the snapshot', async () => {
  const { as, create, fake, hold, store, told } = await started()
  const { go } = hold()
  const answer = await create({ topic: 'orders', partition: 1, label: 'before', pinned: true, minIntervalMs: 0 })
  const job = await jsonOf(answer.clone())
  expect([answer.status, answer.headers.get('location')]).toEqual([202, `/api/jobs/${job.id}`])
  expect(job).toMatchObject({ kind: 'snapshot-create', state: 'running', progress: { step: 'files', doneBytes: 10 } })
  const frames = new FrameReader(await as('admin', `/api/jobs/${job.id}`, { headers: { accept: 'text/event-stream' } }))
  expect(JSON.parse((await frames.next())?.data ?? '')).toMatchObject({ progress: { totalBytes: 40 } })
  go()
  expect(JSON.parse((await frames.next())?.data ?? '')).toMatchObject({ state: 'done', report: { label: 'before' } })
  const asked = { topic: 'orders', partition: 1, label: 'before', pinned: true, minIntervalMs: 0, lockTimeoutMs: 0 }
  expect(fake.asked).toEqual([['create', asked]])
  expect(await told()).toEqual(['SnapshotCreate orders begun', 'SnapshotCreate orders done'])
  const audit = await store.topics.open('_audit')
  expect((await audit.last(1))[0]?.data).toMatchObject({ snapshot: 'snapshot-3001' })
})

test('postSnapshot() takes the whole store where there is no body', async () => {
  const { as, send, told } = await started()
  expect(await ended(as, await send('POST', ''))).toMatchObject({ state: 'done', report: { id: 'snapshot-3001' } })
  expect(await told()).toEqual(['SnapshotCreate store begun', 'SnapshotCreate store done'])
})

const soon = { snapshot: 'snapshot-3000', nextAllowedAt: 9_000, retryAfterMs: 2_500 }
const REFUSALS: readonly [ErrorCode, number, string | null, object?][] = [
  ['SNAPSHOT_TOO_SOON', 409, '3', soon],
  ['SNAPSHOT_BUSY', 409, '1'],
  ['STORAGE_FULL', 507, null, { neededBytes: 10, freeBytes: 3 }],
  ['TOPIC_UNKNOWN', 404, null],
  ['PARTITION_UNKNOWN', 400, null],
  ['STORE_READ_ONLY', 403, null],
]
for (const [code, status, retryAfter, details = {}] of REFUSALS)
  test(`postSnapshot() answers ${status} at once when it is refused with ${code}, and leaves no job`, async () => {
    const { create, fake, told } = await started()
    fake.refusal = new VarveError(code, 'Cannot take a snapshot', { details: { ...details } })
    const answer = await create()
    expect(await jsonOf(answer)).toMatchObject({ code, status, details, detail: 'Cannot take a snapshot' })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, retryAfter])
    expect(answer.headers.get('location')).toBeNull()
    expect(await told()).toEqual(['SnapshotCreate store begun', 'SnapshotCreate store failed'])
    fake.refusal = undefined
    expect((await create()).status).toBe(202)
  })

test('postSnapshot() waits until a snapshot is prepared, which may still find a reason to refuse it', async () => {
  const { create, store } = await started()
  store.snapshots.create = async ({ onProgress } = {}) => {
    onProgress?.({ step: 'prepare', doneBytes: 0, totalBytes: 0, file: '' })
    await settle()
    throw new VarveError('TOPIC_UNKNOWN', 'Cannot find topic "none"')
  }
  expect(await jsonOf(await create({ topic: 'none' }))).toMatchObject({ code: 'TOPIC_UNKNOWN', status: 404 })
})

test('postSnapshot() tells a failure of its own once, and nobody what it was', async () => {
  const { create, errors, fake } = await started()
  const failure = new TypeError('secret')
  fake.refusal = failure as unknown as VarveError
  const answer = await create()
  expect(answer.status).toBe(500)
  expect(await answer.text()).not.toContain('secret')
  expect(errors).toEqual([failure])
})

test('a snapshot that fails after it began is a failed job with the problem', async () => {
  const { as, create, hold, told } = await started()
  const { fail } = hold()
  const answer = await create()
  fail(new VarveError('STORAGE_FULL', 'Cannot write', { details: { freeBytes: 0 } }))
  const problem = { code: 'STORAGE_FULL', status: 507, detail: 'Cannot write' }
  expect(await ended(as, answer)).toMatchObject({ state: 'failed', problem })
  expect(await told()).toEqual(['SnapshotCreate store begun', 'SnapshotCreate store failed'])
})

test('a snapshot that is cancelled is recorded as such', async () => {
  const { as, create, hold, told } = await started()
  const { go } = hold()
  const { id } = await jsonOf(await create())
  const cancelled = await as('admin', `/api/jobs/${id}`, { method: 'DELETE' })
  expect(await jsonOf(cancelled)).toMatchObject({ state: 'cancelled' })
  go()
  await settle()
  expect(await told()).toEqual(['SnapshotCreate store begun', 'SnapshotCreate store cancelled'])
})

test('two snapshots that are asked for at once are two jobs: none joins another', async () => {
  const { create, hold } = await started()
  const { go } = hold()
  const [first, second] = await Promise.all([create(), create()])
  expect((await jsonOf(first)).id).not.toBe((await jsonOf(second)).id)
  go()
})

test('postSnapshot() is refused while the server stops', async () => {
  const { create, stop } = await started()
  stop.abort()
  expect(await jsonOf(await create())).toMatchObject({ code: 'STORE_CLOSED', status: 503 })
})

test('listSnapshots() gives pages with the newest first, behind one that may be gone', async () => {
  const { as, fake, get } = await started()
  const ids = ({ items }: Record<string, unknown>) => (items as { id: string }[]).map(({ id }) => id)
  expect(ids(await get(''))).toEqual(['snapshot-3000', 'snapshot-2000', 'snapshot-1000'])
  const answer = await as('read', '/api/snapshots?limit=1')
  expect(answer.headers.get('link')).toBe('</api/snapshots?limit=1&cursor=snapshot-3000>; rel="next"')
  expect(await jsonOf(answer)).toMatchObject({ nextCursor: 'snapshot-3000' })
  fake.infos = fake.infos.filter(({ id }) => id !== 'snapshot-3000')
  const rest = await get('?limit=2&cursor=snapshot-3000')
  expect([ids(rest), rest.nextCursor]).toEqual([['snapshot-2000', 'snapshot-1000'], undefined])
  expect(ids(await get('?cursor=snapshot-1000'))).toEqual([])
  expect(await get('?cursor=other')).toMatchObject({ code: 'CURSOR_INVALID', status: 400 })
})

test("readSnapshotDetails() tells what a snapshot holds; the store's own topics are for admins", async () => {
  const { as, fake, get } = await started()
  expect(await get('/snapshot-3000')).toMatchObject({ storeId: 'the-store', partitions: [{ topic: 'orders' }] })
  fake.infos = [fakeInfo(4_000, { topic: '_audit' })]
  expect(await get('/snapshot-4000')).toMatchObject({ partitions: [] })
  const full = await jsonOf(await as('admin', '/api/snapshots/snapshot-4000'))
  expect(full).toMatchObject({ partitions: [{ topic: '_audit' }] })
  expect(await get('/snapshot-1')).toMatchObject({ code: 'SNAPSHOT_UNKNOWN', status: 404 })
})

test('readSnapshotDetails() tells of damage without what readers may not see', async () => {
  const { as, fake, get } = await started()
  fake.damaged.add('snapshot-3000')
  const told = await get('/snapshot-3000')
  expect(told).toMatchObject({ code: 'SNAPSHOT_DAMAGED', status: 500, details: {} })
  expect(told.detail).toBeUndefined()
  const full = await jsonOf(await as('admin', '/api/snapshots/snapshot-3000'))
  expect(full).toMatchObject({ details: { snapshot: 'snapshot-3000' } })
})

test('listUsage() tells what each snapshot shares', async () => {
  const { fake, get } = await started()
  const usage = {
    id: 'snapshot-3000',
    totalSizeBytes: 6,
    sharedWithStoreBytes: 3,
    sharedWithSnapshotsBytes: 2,
    ownBytes: 1,
  }
  fake.usage = [usage]
  expect(await get('/usage')).toEqual({ items: [usage] })
})

test('removeSnapshot() wants the id again, and says what was freed', async () => {
  const { fake, send, told } = await started()
  for (const query of ['', '?confirm=snapshot-1000'])
    expect(await jsonOf(await send('DELETE', `/snapshot-3000${query}`))).toMatchObject({
      status: 400,
      details: { option: 'confirm' },
    })
  const answer = await send('DELETE', '/snapshot-3000?confirm=snapshot-3000')
  expect([answer.status, await jsonOf(answer)]).toEqual([200, { freedBytes: 1_024 }])
  expect(fake.asked).toEqual([['delete', 'snapshot-3000']])
  const again = await send('DELETE', '/snapshot-3000?confirm=snapshot-3000')
  expect(await jsonOf(again)).toMatchObject({ code: 'SNAPSHOT_UNKNOWN', status: 404 })
  const pinned = await send('DELETE', '/snapshot-2000?confirm=snapshot-2000')
  expect(await jsonOf(pinned)).toMatchObject({ code: 'SNAPSHOT_PINNED', status: 409 })
  expect(pinned.headers.get('retry-after')).toBeNull()
  expect((await told()).slice(0, 2)).toEqual([
    'SnapshotDelete snapshot-3000 begun',
    'SnapshotDelete snapshot-3000 done',
  ])
})

test('removeSnapshot() does not wait for who reads it', async () => {
  const { send, store } = await started()
  const given: unknown[] = []
  store.snapshots.delete = (id, options) => {
    given.push(options)
    return Promise.reject(new VarveError('SNAPSHOT_IN_USE', `Cannot delete snapshot "${id}": it is being read`))
  }
  const answer = await send('DELETE', '/snapshot-3000?confirm=snapshot-3000')
  expect(await jsonOf(answer)).toMatchObject({ code: 'SNAPSHOT_IN_USE', status: 409, retryable: true })
  expect(answer.headers.get('retry-after')).toBe('1')
  expect(given).toEqual([{ lockTimeoutMs: 0 }])
})

test('putPin() and removePin() keep a snapshot and let it go', async () => {
  const { send, told } = await started()
  expect(await jsonOf(await send('PUT', '/snapshot-3000/pin'))).toMatchObject({ id: 'snapshot-3000', pinned: true })
  expect(await jsonOf(await send('DELETE', '/snapshot-3000/pin'))).toMatchObject({ pinned: false })
  expect(await jsonOf(await send('PUT', '/snapshot-1/pin'))).toMatchObject({ code: 'SNAPSHOT_UNKNOWN', status: 404 })
  expect((await told()).slice(0, 4)).toEqual([
    'SnapshotPin snapshot-3000 begun',
    'SnapshotPin snapshot-3000 done',
    'SnapshotUnpin snapshot-3000 begun',
    'SnapshotUnpin snapshot-3000 done',
  ])
})

for (const way of ['verify', 'drill'] as const)
  test(`a ${way} is a job that others join, and 404 for what is not there`, async () => {
    const { as, fake, hold, send } = await started()
    const { go } = hold()
    const [first, second] = await Promise.all([
      send('POST', `/snapshot-3000/${way}`),
      send('POST', `/snapshot-3000/${way}`),
    ])
    const [{ id }, { id: joined }] = [await jsonOf(first.clone()), await jsonOf(second)]
    expect(joined).toBe(id)
    const other = await send('POST', `/snapshot-1000/${way}`)
    expect([other.status, other.headers.get('retry-after')]).toEqual([409, '1'])
    expect(await jsonOf(other)).toMatchObject({ code: 'SNAPSHOT_BUSY' })
    go()
    const report = { snapshot: 'snapshot-3000', ok: true, events: 1_200 }
    const job = { kind: `snapshot-${way}`, subject: 'snapshot-3000', state: 'done', report }
    expect(await ended(as, first)).toMatchObject(job)
    fake.damaged.add('snapshot-3000')
    const damaged = await ended(as, await send('POST', `/snapshot-3000/${way}`))
    expect(damaged).toMatchObject({ report: { ok: false, problems: [{ code: 'SNAPSHOT_DAMAGED' }] } })
    const unknown = await send('POST', `/snapshot-1/${way}`)
    expect(await jsonOf(unknown)).toMatchObject({ code: 'SNAPSHOT_UNKNOWN', status: 404 })
  })

test('who joins a check that is refused is refused as well', async () => {
  const { send, store } = await started()
  const refusal = new VarveError('SNAPSHOT_UNKNOWN', 'Cannot find it')
  let calls = 0
  store.snapshots.verify = async () => {
    calls++
    await new Promise((resolve) => setImmediate(resolve))
    throw refusal
  }
  const answers = await Promise.all([send('POST', '/snapshot-3000/verify'), send('POST', '/snapshot-3000/verify')])
  expect(answers.map(({ status }) => status)).toEqual([404, 404])
  expect(calls).toBe(1)
})

test('what reads whole snapshots goes one after the other, and is told so', async () => {
  const { as, hold, send } = await started()
  const { go } = hold()
  const restored = await as('admin', '/api/snapshots/snapshot-3000/restore', posted({ as: 'orders-2' }))
  expect(restored.status).toBe(202)
  expect(await jsonOf(await send('POST', '/snapshot-2000/verify'))).toMatchObject({ code: 'SNAPSHOT_BUSY' })
  go()
  expect(await ended(as, restored)).toMatchObject({ state: 'done' })
  expect((await send('POST', '/snapshot-2000/verify')).status).toBe(202)
})
