/** Jobs: progress, cancelling, what is kept.
 * @module */
import { describe, expect, test } from 'vitest'
import type { VerifyOptions, VerifyReport } from '../../src/index.ts'
import { FrameReader, harness, jsonOf, posted, settle } from './support/harness.ts'

const REPORT: VerifyReport = {
  ok: true,
  filesChecked: 2,
  bytesChecked: 10,
  eventsChecked: 3,
  documentsChecked: 1,
  versionsChecked: 0,
  problems: [],
  unknownFiles: [],
  notChecked: [],
  durationMs: 1,
}

/** A store whose verify goes on until it is told how it ends. */
async function held() {
  const made = await harness()
  const ends: { resolve: (report: VerifyReport) => void; reject: (error: unknown) => void; options: VerifyOptions }[] =
    []
  made.store.verify = (options = {}) =>
    new Promise((resolve, reject) => {
      options.signal?.addEventListener('abort', () => reject(options.signal?.reason))
      ends.push({ resolve, reject, options })
    })
  const start = async () => {
    const response = await made.as('admin', '/api/store/verify', { method: 'POST' })
    return { response, job: await jsonOf(response) }
  }
  return { ...made, ends, start }
}

describe('jobs', () => {
  for (const kind of ['checkpoint', 'verify'])
    test(`POST /api/store/${kind} starts a job that ends by itself`, async () => {
      const { as } = await harness()
      await as('admin', '/api/topics', posted({ topic: 'orders' }))
      await as('append', '/api/topics/orders/events', posted({ kind: 'k', entity: 'e', data: 1 }))
      const response = await as('admin', `/api/store/${kind}`, { method: 'POST' })
      const job = await jsonOf(response)
      expect(response.status).toBe(202)
      expect(response.headers.get('location')).toBe(`/api/jobs/${job.id}`)
      const frames = new FrameReader(
        await as('admin', `/api/jobs/${job.id}`, { headers: { accept: 'text/event-stream' } }),
      )
      let last: string | undefined
      for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) last = frame.data
      expect(JSON.parse(last ?? '')).toMatchObject({ kind, state: 'done' })
      // The event, and the two that record that the topic was created.
      const report = { ok: true, eventsChecked: 3, problems: [] }
      expect(await jsonOf(await as('admin', `/api/jobs/${job.id}`))).toMatchObject({
        state: 'done',
        ...(kind === 'verify' && { report }),
      })
    })

  test('a second start joins the running job, and one after its end is new', async () => {
    const { start, ends } = await held()
    const first = await start()
    const second = await start()
    expect(second.job.id).toBe(first.job.id)
    expect(ends).toHaveLength(1)
    ends[0]?.resolve(REPORT)
    await settle()
    expect((await start()).job.id).not.toBe(first.job.id)
  })

  test('GET /api/jobs/:id follows progress as a stream and shows it as JSON', async () => {
    const { as, start, ends } = await held()
    const { job } = await start()
    const path = `/api/jobs/${job.id}`
    const frames = new FrameReader(await as('admin', path, { headers: { accept: 'text/event-stream' } }))
    expect(JSON.parse((await frames.next())?.data ?? '')).toMatchObject({ state: 'running' })
    ends[0]?.options.onProgress?.({ doneBytes: 5, totalBytes: 10, file: 'a' })
    expect(JSON.parse((await frames.next())?.data ?? '')).toMatchObject({ progress: { doneBytes: 5, totalBytes: 10 } })
    expect(await jsonOf(await as('admin', path))).toMatchObject({ state: 'running', progress: { doneBytes: 5 } })
    ends[0]?.resolve(REPORT)
    expect(JSON.parse((await frames.next())?.data ?? '')).toMatchObject({ state: 'done' })
    expect(await frames.next()).toBeUndefined()
  })

  test('DELETE /api/jobs/:id cancels, tells the work, and is harmless twice', async () => {
    const { as, start, ends } = await held()
    const { job } = await start()
    const path = `/api/jobs/${job.id}`
    for (let time = 0; time < 2; time++)
      expect(await jsonOf(await as('admin', path, { method: 'DELETE' }))).toMatchObject({ state: 'cancelled' })
    expect(ends[0]?.options.signal?.aborted).toBe(true)
    ends[0]?.options.onProgress?.({ doneBytes: 9, totalBytes: 10, file: 'late' })
    await settle()
    expect(await jsonOf(await as('admin', path))).toMatchObject({ state: 'cancelled' })
  })

  test('a job that failed tells why without a path', async () => {
    const { as, start, ends, errors } = await held()
    const { job } = await start()
    ends[0]?.reject(new Error("EIO: i/o error, read '/secret/place'"))
    await settle()
    const text = await (await as('admin', `/api/jobs/${job.id}`)).text()
    expect(JSON.parse(text)).toMatchObject({ state: 'failed', problem: { code: 'INTERNAL', status: 500 } })
    expect(text).not.toMatch(/secret|EIO/)
    expect(errors).toHaveLength(1)
  })

  test('aborting the app cancels what runs and refuses more', async () => {
    const { start, stop, ends } = await held()
    await start()
    stop.abort()
    expect(ends[0]?.options.signal?.aborted).toBe(true)
    await settle()
    expect((await start()).response.status).toBe(503)
  })

  test('Jobs remember as many as their limit and forget the oldest that ended', async () => {
    const { as } = await harness({ limits: { jobsKept: 2 } })
    const ids: unknown[] = []
    for (let n = 0; n < 3; n++) {
      ids.push((await jsonOf(await as('admin', '/api/store/checkpoint', { method: 'POST' }))).id)
      await settle()
    }
    const statuses = []
    for (const id of ids) statuses.push((await as('admin', `/api/jobs/${id}`)).status)
    expect(statuses).toEqual([404, 200, 200])
  })
})

describe('store', () => {
  test('readStore() tells the place of the files to an admin only', async () => {
    const { as, store } = await harness()
    const stats = await store.stats()
    store.stats = async () => ({ ...stats, location: '/secret/place' })
    for (const role of ['read', 'append'] as const) {
      expect(await (await as(role, '/api/store')).text()).not.toContain('secret')
      expect(await (await as(role, '/')).text()).not.toContain('secret')
    }
    expect(await jsonOf(await as('admin', '/api/store'))).toMatchObject({
      location: '/secret/place',
      state: 'open',
      limits: { bodyEvents: 1_000, bodyBytes: 1_048_576, pageEvents: 1_000, streams: 1_000, streamsPerPeer: 20 },
    })
  })

  test('readReadiness() follows the state of the store and says nothing more', async () => {
    const { app, store } = await harness()
    expect(await (await app.request('/ready')).json()).toEqual({ status: 'ready' })
    const stats = await store.stats()
    store.stats = async () => ({ ...stats, state: 'poisoned' })
    const response = await app.request('/ready')
    expect([response.status, await response.json()]).toEqual([503, { status: 'unavailable' }])
  })

  test('readOpenReport() gives the report of the store', async () => {
    const { as } = await harness()
    expect(await jsonOf(await as('admin', '/api/store/open-report'))).toMatchObject({ source: 'created', repaired: [] })
  })
})
