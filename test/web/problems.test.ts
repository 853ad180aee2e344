/** Errors over every door: one problem each, and nothing a reader may not see.
 * @module */
import { describe, expect, test } from 'vitest'
import { ERROR_CODES, type ErrorCode, VarveError } from '../../src/index.ts'
import { problemOf, problemText } from '../../web/problems.ts'
import { fakeSnapshots } from './support/fake-snapshots.ts'
import { FrameReader, harness, jsonOf, posted } from './support/harness.ts'

const CODES = Object.keys(ERROR_CODES) as ErrorCode[]
const SECRET = "ENOENT: no such file, open '/secret/place/topics/a.log'\n    at open (node:fs:1:2)"
const LEAKS = /secret|ENOENT|node:|node_modules|\bat \S+:\d+/
/** Kinds below the API: what their errors say is for an admin. */
const INNER = new Set(['full', 'unavailable', 'corrupt', 'unsupported', 'internal'])

describe('problems', () => {
  const statuses: Partial<Record<ErrorCode, number>> = {
    OPTION_INVALID: 400,
    EVENT_INVALID: 422,
    VALUE_UNSUPPORTED: 422,
    SCHEMA_REJECTED: 422,
    EVENT_TOO_LARGE: 413,
    APPEND_TOO_LARGE: 413,
    BODY_TOO_LARGE: 413,
    URL_TOO_LONG: 414,
    MEDIA_TYPE_UNSUPPORTED: 415,
    HOST_UNKNOWN: 421,
    METHOD_UNSUPPORTED: 405,
    TOPIC_UNKNOWN: 404,
    VERSION_CONFLICT: 409,
    RATE_LIMITED: 429,
    QUEUE_FULL: 503,
    STORE_LOCKED: 503,
    SNAPSHOT_TOO_SOON: 409,
    SNAPSHOT_BUSY: 409,
    SNAPSHOT_IN_USE: 409,
    SNAPSHOT_PINNED: 409,
    SNAPSHOT_READ_ONLY: 403,
    SNAPSHOT_UNKNOWN: 404,
    SNAPSHOT_DAMAGED: 500,
    RESTORE_NOT_EMPTY: 409,
    RESTORE_LIVE: 409,
    BODY_TIMEOUT: 408,
    STORAGE_FULL: 507,
    STORAGE_DENIED: 403,
    STORE_READ_ONLY: 403,
    AUTH_REQUIRED: 401,
    ACCESS_DENIED: 403,
    STORAGE_UNAVAILABLE: 503,
    STORE_POISONED: 503,
    SEGMENT_DAMAGED: 500,
    CAPABILITY_MISSING: 501,
    STORE_CLOSED: 503,
    INTERNAL: 500,
  }
  for (const [code, status] of Object.entries(statuses) as [ErrorCode, number][])
    test(`problemOf() gives ${code} the status ${status}`, () => {
      expect(problemOf(new VarveError(code, 'x'), { requestId: 'r' })).toMatchObject({ status, code, requestId: 'r' })
    })

  for (const code of CODES)
    test(`${code} thrown by the store is one problem over JSON, HTML and SSE, without what readers may not see`, async () => {
      const { store, as } = await harness()
      await as('admin', '/api/topics', posted({ topic: 'orders' }))
      const topic = await store.topics.open('orders')
      const inner = INNER.has(ERROR_CODES[code].kind) || code === 'STORAGE_DENIED'
      const error = new VarveError(code, inner ? SECRET : 'Cannot do it', {
        details: inner ? { file: '/secret/place' } : { fact: 1 },
        cause: new Error(SECRET),
      })
      const fails = () => Promise.reject(error)
      topic.page = fails
      topic.tail = () => {
        async function* batches(): AsyncGenerator<never> {
          yield* []
          throw error
        }
        return { batches, cursor: () => 'c', [Symbol.asyncIterator]: batches }
      }
      const response = await as('read', '/api/topics/orders/events')
      const text = await response.text()
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      const problem = JSON.parse(text)
      expect(problem).toMatchObject({ code, status: response.status, requestId: response.headers.get('x-request-id') })
      expect(Object.keys(problem).filter((key) => !KEYS.has(key))).toEqual([])
      const frame = await new FrameReader(await as('read', '/api/topics/orders/tail')).next()
      expect(frame?.event).toBe('problem')
      expect(JSON.parse(frame?.data ?? '')).toMatchObject({ code, status: response.status })
      const page = await as('read', '/topics/orders?cursor=c')
      expect(page.status).toBe(response.status)
      for (const told of [text, frame?.data ?? '', await page.text()]) expect(told).not.toMatch(LEAKS)

      store.documents.stat = () => Promise.reject(error)
      store.documents.use = () => Promise.reject(error)
      for (const path of ['/api/documents/a', '/api/documents/a/children', '/api/documents/a/stat', '/documents/a']) {
        const refused = await as('read', path)
        expect(refused.status, path).toBe(response.status)
        expect(await refused.text(), path).not.toMatch(LEAKS)
      }

      store.histories.open = () => Promise.reject(error)
      store.projections.open = () => Promise.reject(error)
      fakeSnapshots(store)
      Object.assign(store.snapshots, { list: fails, get: fails, usage: fails })
      for (const path of [
        '/api/histories/a',
        '/api/histories/a/versions/1',
        '/api/histories/a/query',
        '/histories/a',
        '/histories/a/moment',
        '/api/projections/a/state',
        '/projections/a',
        '/api/snapshots',
        '/api/snapshots/usage',
        '/api/snapshots/snapshot-1',
      ]) {
        const refused = await as('read', path)
        expect(refused.status, path).toBe(response.status)
        expect(await refused.text(), path).not.toMatch(LEAKS)
      }
    })

  const KEYS = new Set(['type', 'title', 'status', 'code', 'detail', 'details', 'hint', 'retryable', 'requestId'])

  test('an admin is told the message and details of a storage error', async () => {
    const { store, as } = await harness()
    store.topics.list = () =>
      Promise.reject(new VarveError('SEGMENT_DAMAGED', 'Cannot read "a.log"', { details: { position: 128 } }))
    const path = '/api/topics'
    expect(await jsonOf(await as('admin', path))).toMatchObject({
      detail: 'Cannot read "a.log"',
      details: { position: 128 },
    })
    const told = await jsonOf(await as('read', path))
    expect(told).toMatchObject({ code: 'SEGMENT_DAMAGED', details: {} })
    expect(told.detail).toBeUndefined()
  })

  test('an unknown failure is 500 without a word of it, even for an admin, and told once to onError', async () => {
    const { store, as, errors } = await harness()
    const failure = new TypeError(SECRET)
    store.topics.list = () => Promise.reject(failure)
    const response = await as('admin', '/api/topics')
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ code: 'INTERNAL', status: 500, retryable: false, details: {} })
    expect(text).not.toMatch(LEAKS)
    expect(errors).toEqual([failure])
    expect((await as('admin', '/api/store/open-report')).status).toBe(200)
  })

  test('retryable refusals say when to come back', async () => {
    const { store, as } = await harness()
    const delayOf = async (error: VarveError) => {
      store.topics.list = () => Promise.reject(error)
      return (await as('read', '/api/topics')).headers.get('retry-after')
    }
    expect(await delayOf(new VarveError('QUEUE_FULL', 'x'))).toBe('1')
    expect(await delayOf(new VarveError('RATE_LIMITED', 'x', { details: { retryAfterMs: 2_001 } }))).toBe('3')
    expect(await delayOf(new VarveError('SNAPSHOT_BUSY', 'x'))).toBe('1')
    expect(await delayOf(new VarveError('SNAPSHOT_TOO_SOON', 'x', { details: { retryAfterMs: 3_600_000 } }))).toBe(
      '3600',
    )
    expect(await delayOf(new VarveError('SNAPSHOT_PINNED', 'x'))).toBeNull()
    expect(await delayOf(new VarveError('STORE_POISONED', 'x'))).toBeNull()
    expect(await delayOf(new VarveError('VERSION_CONFLICT', 'x'))).toBeNull()
  })

  test('problemText() leaves out details that are not JSON', () => {
    const problem = problemOf(new VarveError('OPTION_INVALID', 'x', { details: { run() {} } }), { requestId: 'r' })
    expect(JSON.parse(problemText(problem))).toMatchObject({ code: 'OPTION_INVALID', details: {} })
  })
})
