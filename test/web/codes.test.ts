/** Codes of the doors, each by a request that meets it.
 * @module */
import { expect, test } from 'vitest'
import { harness, jsonOf, posted } from './support/harness.ts'

const REFUSED: readonly [code: string, status: number, role: 'read' | 'admin', path: string, init?: RequestInit][] = [
  ['ACCESS_DENIED', 403, 'read', '/api/topics', posted({ topic: 'orders' })],
  ['JOB_UNKNOWN', 404, 'admin', '/api/jobs/none'],
  ['METHOD_UNSUPPORTED', 405, 'admin', '/api/store', { method: 'PUT', headers: { 'sec-fetch-site': 'same-origin' } }],
  ['ROUTE_UNKNOWN', 404, 'admin', '/api/nothing'],
  ['TOPIC_UNKNOWN', 404, 'read', '/api/topics/none'],
]

for (const [code, status, role, path, init] of REFUSED)
  test(`${code} is status ${status} and a problem`, async () => {
    const { as } = await harness()
    const answer = await as(role, path, init)
    expect(await jsonOf(answer)).toMatchObject({ code, status })
    expect(answer.status).toBe(status)
  })

test('AUTH_REQUIRED is status 401 without a token', async () => {
  const { app } = await harness()
  const answer = await app.request('/api/topics')
  expect(await jsonOf(answer)).toMatchObject({ code: 'AUTH_REQUIRED', status: 401 })
})
