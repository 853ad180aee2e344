/** Projections over the API: how far they are, their states, runs as jobs, deleting.
 * @module */
import { expect, test } from 'vitest'
import type { AppOptions } from '../../web/index.ts'
import { fakeProjections } from './support/fake-projections.ts'
import { harness, jsonOf, settle } from './support/harness.ts'
import { ended } from './support/histories.ts'

async function started(options: AppOptions = {}) {
  const made = await harness(options)
  const fake = fakeProjections(made.store)
  const get = (path: string, headers: Record<string, string> = {}) =>
    made.as('read', `/api/projections${path}`, { headers })
  const post = (way: string) => made.as('admin', `/api/projections/totals/${way}`, { method: 'POST' })
  return { ...made, fake, get, post }
}

test('listProjections() and readProjection() tell how far they are', async () => {
  const { get } = await started()
  expect(await jsonOf(await get(''))).toMatchObject({ items: [{ projection: 'totals', lag: 2, positions: [3] }] })
  expect(await jsonOf(await get('/totals'))).toMatchObject({ projection: 'totals', topic: 'orders', hasFold: true })
  expect(await jsonOf(await get('/none'))).toMatchObject({ code: 'PROJECTION_UNKNOWN', status: 404 })
  expect(await jsonOf(await get('/_x'))).toMatchObject({ code: 'NAME_INVALID', status: 400 })
})

test('tellStatus() keeps what an apply threw for admins', async () => {
  const { fake, get, as } = await started()
  fake.status.state = 'failed'
  fake.status.failure = { partition: 0, offset: 3, kind: 'OrderPaid', message: 'secret in /secret/place', at: 5 }
  for (const path of ['', '/totals']) {
    const text = await (await get(path)).text()
    expect(text).toContain('"failure":{"partition":0,"offset":3,"kind":"OrderPaid","at":5}')
    expect(text).not.toContain('secret')
    expect(await (await as('admin', `/api/projections${path}`)).text()).toContain('secret in')
  }
})

test('readState() answers with the newest state and an ETag, or the one of an offset or time', async () => {
  const { fake, get } = await started()
  const newest = await get('/totals/state')
  const tag = newest.headers.get('etag') ?? ''
  expect(await newest.text()).toBe(`{"state":{"total":${12n ** 20n}},"positions":[3],"offset":3}`)
  expect((await get('/totals/state', { 'if-none-match': tag })).status).toBe(304)
  fake.status.positions = [4]
  expect((await get('/totals/state', { 'if-none-match': tag })).status).toBe(200)
  expect(await jsonOf(await get('/totals/state?offset=2'))).toMatchObject({ state: { at: 2 }, offset: 2 })
  expect(await jsonOf(await get('/totals/state?time=2'))).toMatchObject({ offset: 1 })
  expect(await jsonOf(await get('/totals/state?offset=9'))).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', status: 400 })
  expect(await jsonOf(await get('/totals/state?offset=1&time=2'))).toMatchObject({ details: { option: 'time' } })
})

test('readState() tells a reader what is missing where there is no fold', async () => {
  const { fake, get } = await started()
  fake.status.hasFold = false
  expect(await jsonOf(await get('/totals/state?offset=2'))).toMatchObject({
    code: 'PROJECTION_UNDEFINED',
    status: 501,
    hint: expect.stringContaining('fold'),
  })
  expect((await get('/totals/state')).status).toBe(200)
})

test('readState() sends a large state in pieces', async () => {
  const { fake, get } = await started()
  fake.state = { list: Array.from({ length: 100_000 }, (_, n) => `item ${n}`) }
  const answer = await get('/totals/state')
  expect(answer.headers.get('content-length')).toBe(null)
  expect(await jsonOf(answer)).toEqual({ state: fake.state, positions: [3], offset: 3 })
})

for (const way of ['run', 'rebuild'] as const)
  test(`startProjection() folds as a job that is recorded: ${way}`, async () => {
    const { as, post, store } = await started()
    const begun = await post(way)
    expect(begun.status).toBe(202)
    expect(await ended(as, begun)).toMatchObject({
      kind: `projection-${way}`,
      subject: 'totals',
      state: 'done',
      report: { lag: 0, positions: [5] },
    })
    const audit = await store.topics.open('_audit')
    const kind = way === 'run' ? 'ProjectionRun' : 'ProjectionRebuild'
    expect((await audit.last(2)).map((event) => [event.kind, event.data.state])).toEqual([
      [kind, 'begun'],
      [kind, 'done'],
    ])
  })

test('startProjection() joins the run that goes on, and is refused beside another', async () => {
  const { as, fake, post } = await started()
  let go = () => {}
  fake.held = new Promise((resolve) => {
    go = resolve
  })
  const first = await post('run')
  await settle()
  fake.status.state = 'running'
  const second = await post('run')
  const [{ id }, { id: joined }] = [await jsonOf(first.clone()), await jsonOf(second)]
  expect(joined).toBe(id)
  expect(await jsonOf(await post('rebuild'))).toMatchObject({ code: 'PROJECTION_BUSY', status: 409 })
  go()
  await ended(as, first)
  fake.status.state = 'following'
  expect(await jsonOf(await post('run'))).toMatchObject({ code: 'PROJECTION_BUSY', details: { state: 'following' } })
})

test('startProjection() is refused where there is no fold', async () => {
  const { fake, post } = await started()
  fake.status.hasFold = false
  for (const way of ['run', 'rebuild'])
    expect(await jsonOf(await post(way))).toMatchObject({ code: 'PROJECTION_UNDEFINED', status: 501 })
})

test('a run that is cancelled is recorded as such', async () => {
  const { as, fake, post, store } = await started()
  let go = () => {}
  fake.held = new Promise((resolve) => {
    go = resolve
  })
  const { id } = await jsonOf(await post('run'))
  await settle()
  const cancelled = await as('admin', `/api/jobs/${id}`, { method: 'DELETE' })
  expect(await jsonOf(cancelled)).toMatchObject({ state: 'cancelled' })
  go()
  await settle()
  const audit = await store.topics.open('_audit')
  expect((await audit.last(2)).map(({ data }) => data.state)).toEqual(['begun', 'cancelled'])
})

test('removeProjection() wants the name again, and is recorded', async () => {
  const { as, store } = await started()
  const remove = (query: string) => as('admin', `/api/projections/totals${query}`, { method: 'DELETE' })
  for (const query of ['', '?confirm=other'])
    expect(await jsonOf(await remove(query))).toMatchObject({ status: 400, details: { option: 'confirm' } })
  expect((await remove('?confirm=totals')).status).toBe(204)
  expect((await remove('?confirm=totals')).status).toBe(404)
  const audit = await store.topics.open('_audit')
  expect((await audit.last(2)).map(({ kind, entity }) => `${kind} ${entity}`)).toEqual([
    'ProjectionDelete totals',
    'ProjectionDelete totals',
  ])
})
