/** Tokens, sessions, login codes and their limits.
 * @module */
import { describe, expect, test } from 'vitest'
import { createApp, hashToken, newToken, type Role, type TokenAccess, tokenAccess } from '../../web/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { jsonOf, memoryStore } from './support/harness.ts'

const HOME = 'http://127.0.0.1:4321'
const SAME = { 'sec-fetch-site': 'same-origin', origin: HOME }
const MINUTE_MS = 60_000

async function started() {
  const clock = new ManualClock()
  const random = seededRandom(3)
  const tokens = { admin: newToken(random), append: newToken(random), read: newToken(random) }
  const known: { tokenHash: string; role: Role }[] = []
  for (const [role, token] of Object.entries(tokens) as [Role, string][])
    known.push({ tokenHash: await hashToken(token), role })
  const peer = (c: { req: { header(name: string): string | undefined } }) => c.req.header('x-test-peer') ?? 'a'
  const doors: TokenAccess = tokenAccess({ tokens: known, clock, random, peer })
  const store = await memoryStore()
  const app = createApp(store, { access: doors.access, login: doors, clock, random })
  const get = (path: string, headers: Record<string, string> = {}) => app.request(`${HOME}${path}`, { headers })
  const bearer = (token: string, headers: Record<string, string> = {}) =>
    get('/api/store', { authorization: `Bearer ${token}`, ...headers })
  const form = (path: string, body: string, headers: Record<string, string> = {}, home = HOME) =>
    app.request(`${home}${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...SAME, origin: home, ...headers },
    })
  const logIn = (code: string, headers: Record<string, string> = {}) => form('/login', `code=${code}`, headers)
  return { app, clock, doors, tokens, get, bearer, form, logIn }
}

/** The cookie that an answer sets, as a browser would send it back. */
function cookieOf(response: Response): string {
  return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
}

describe('bearer tokens', () => {
  test('tokenAccess() gives each token its role', async () => {
    const { bearer, tokens } = await started()
    for (const token of Object.values(tokens)) expect((await bearer(token)).status).toBe(200)
    const report = async (token: string) =>
      (await started()).get('/api/store/open-report', { authorization: `Bearer ${token}` })
    expect((await report(tokens.admin)).status).toBe(200)
    expect((await report(tokens.append)).status).toBe(403)
  })

  test('tokenAccess() names who asks by the beginning of a hash, for tokens and sessions', async () => {
    const { app, doors, tokens, form, logIn } = await started()
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${tokens.admin}` }
    const create = { method: 'POST', headers, body: '{"topic":"orders"}' }
    expect((await app.request(`${HOME}/api/topics`, create)).status).toBe(201)
    const cookie = cookieOf(await logIn(doors.newLoginCode()))
    expect((await form('/partials/checkpoint', '', { cookie })).status).toBe(200)
    const answer = await app.request(`${HOME}/api/topics/_audit/events`, {
      headers: { authorization: headers.authorization },
    })
    const { items } = (await jsonOf(answer)) as unknown as { items: { data: { actor: string } }[] }
    const actors = items.map(({ data }) => data.actor)
    const session = await hashToken(cookie.slice(cookie.indexOf('=') + 1))
    expect([actors[0], actors[2]]).toEqual([
      `token ${(await hashToken(tokens.admin)).slice(0, 12)}`,
      `session ${session.slice(0, 12)}`,
    ])
    expect(JSON.stringify(items)).not.toContain(tokens.admin)
  })

  test('tokenAccess() refuses every other form of the header', async () => {
    const { get, tokens } = await started()
    const wrong = [
      '',
      'Bearer',
      'Bearer ',
      `bearer ${tokens.admin}`,
      `BEARER ${tokens.admin}`,
      `Basic ${btoa(`x:${tokens.admin}`)}`,
      `Bearer  ${tokens.admin}`,
      `Bearer ${tokens.admin} x`,
      `Bearer ${tokens.admin.slice(0, -1)}`,
      `Bearer ${tokens.admin}0`,
      tokens.admin,
      `Bearer ${await hashToken(tokens.admin)}`,
    ]
    for (const [n, authorization] of wrong.entries()) {
      const response = await get('/api/store', { authorization, 'x-test-peer': `peer-${n}` })
      expect(response.status, authorization).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
    }
    expect((await get(`/api/store?access_token=${tokens.admin}`)).status).toBe(401)
  })

  test('tokenAccess() refuses a peer after ten failures within a minute, a right token too, and nobody else', async () => {
    const { bearer, clock, tokens } = await started()
    for (let n = 0; n < 10; n++) expect((await bearer('wrong')).status).toBe(401)
    const refused = await bearer(tokens.admin, { 'x-forwarded-for': '9.9.9.9' })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
    expect((await bearer(tokens.admin, { 'x-test-peer': 'b' })).status).toBe(200)
    await clock.advance(MINUTE_MS - 1)
    expect((await bearer(tokens.admin)).status).toBe(429)
    await clock.advance(1)
    expect((await bearer(tokens.admin)).status).toBe(200)
  })

  test('newToken() and newLoginCode() never repeat and are long enough', () => {
    const doors = tokenAccess({ tokens: [] })
    const made = new Set(Array.from({ length: 500 }, () => [newToken(), doors.newLoginCode()]).flat())
    expect(made.size).toBe(1_000)
    for (const text of made) expect(text.length * 5).toBeGreaterThanOrEqual(128)
  })
})

describe('login', () => {
  test('a code is good once, and the session it buys is a strict cookie', async () => {
    const { doors, get, logIn } = await started()
    const code = doors.newLoginCode()
    const page = await get('/login')
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('name="code"')])
    const response = await logIn(code)
    expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
    const cookie = response.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^varve_session=[0-9a-z]{52}; Max-Age=28800; Path=\/; HttpOnly; SameSite=Strict$/)
    expect(cookie).not.toContain(code)
    expect((await get('/', { cookie: cookieOf(response) })).status).toBe(200)
    expect((await logIn(code)).status).toBe(401)
  })

  test('reading the page with the code in its address burns nothing and sets no cookie', async () => {
    const { doors, get, logIn } = await started()
    const code = doors.newLoginCode()
    const preview = await get(`/login`)
    expect(preview.headers.get('set-cookie')).toBeNull()
    expect((await get(`/login?code=${code}`)).status).toBe(400)
    expect((await logIn(code)).status).toBe(303)
  })

  test('a code is refused when it is wrong, guessed in part, or ten minutes old', async () => {
    const { clock, doors, logIn } = await started()
    const code = doors.newLoginCode()
    for (const wrong of ['', 'x', code.slice(1), `${code}0`, code.toUpperCase()])
      expect((await logIn(wrong)).status).toBe(401)
    await clock.advance(10 * MINUTE_MS)
    expect((await logIn(code)).status).toBe(401)
  })

  test('wrong codes are counted like wrong tokens', async () => {
    const { doors, logIn } = await started()
    for (let n = 0; n < 10; n++) expect((await logIn('wrong')).status).toBe(401)
    expect((await logIn(doors.newLoginCode())).status).toBe(429)
  })

  test('anywhere but on loopback http the cookie is bound to TLS and to this host', async () => {
    const clock = new ManualClock()
    const doors = tokenAccess({ tokens: [], clock, random: seededRandom(4) })
    const app = createApp(await memoryStore(), { access: doors.access, login: doors, hosts: ['log.example'] })
    for (const home of ['https://log.example', 'http://log.example']) {
      const response = await app.request(`${home}/login`, {
        method: 'POST',
        body: `code=${doors.newLoginCode()}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
      })
      const cookie = response.headers.get('set-cookie') ?? ''
      expect(cookie).toMatch(/^__Host-varve=[0-9a-z]{52}; Max-Age=28800; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
      expect((await app.request(`${home}/`, { headers: { cookie: cookieOf(response) } })).status).toBe(200)
    }
  })

  test('a login from another site is refused before the code is looked at', async () => {
    const { doors, logIn } = await started()
    const code = doors.newLoginCode()
    expect((await logIn(code, { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' })).status).toBe(403)
    expect((await logIn(code)).status).toBe(303)
  })

  test('a login without the login option answers 404', async () => {
    const app = createApp(await memoryStore(), { access: () => 'admin' })
    expect((await app.request('/login')).status).toBe(404)
  })
})

describe('sessions', () => {
  const session = async () => {
    const made = await started()
    const cookie = cookieOf(await made.logIn(made.doors.newLoginCode()))
    const alive = async () => (await made.get('/api/store', { cookie })).status === 200
    return { ...made, cookie, alive }
  }

  test('a session ends after 30 minutes without a request', async () => {
    const { clock, alive } = await session()
    await clock.advance(30 * MINUTE_MS - 1)
    expect(await alive()).toBe(true)
    await clock.advance(30 * MINUTE_MS - 1)
    expect(await alive()).toBe(true)
    await clock.advance(30 * MINUTE_MS)
    expect(await alive()).toBe(false)
  })

  test('a session ends after 8 hours however busy it is', async () => {
    const { clock, alive } = await session()
    for (let minutes = 0; minutes < 8 * 60 - 20; minutes += 20) {
      await clock.advance(20 * MINUTE_MS)
      expect(await alive()).toBe(true)
    }
    await clock.advance(20 * MINUTE_MS)
    expect(await alive()).toBe(false)
  })

  test('logging in again makes a new session and ends the old one', async () => {
    const { doors, get, logIn, cookie } = await session()
    const again = cookieOf(await logIn(doors.newLoginCode(), { cookie }))
    expect(again).not.toBe(cookie)
    expect((await get('/api/store', { cookie })).status).toBe(401)
    expect((await get('/api/store', { cookie: again })).status).toBe(200)
  })

  test('logging out ends the session and clears the cookie', async () => {
    const { form, cookie, alive } = await session()
    const response = await form('/logout', '', { cookie })
    expect([response.status, response.headers.get('location')]).toEqual([303, '/login'])
    expect(response.headers.get('set-cookie')).toMatch(/^varve_session=; Max-Age=0; Path=\//)
    expect(await alive()).toBe(false)
  })

  test('a session may not be used from another site, and a made-up one is nobody', async () => {
    const { app, get, cookie } = await session()
    const post = (headers: Record<string, string>) =>
      app.request(`${HOME}/api/store/checkpoint`, { method: 'POST', headers: { cookie, ...headers } })
    expect((await post(SAME)).status).toBe(202)
    for (const headers of [{}, { 'sec-fetch-site': 'none' }, { origin: 'http://127.0.0.1:1' }]) {
      const response = await post(headers)
      expect(await jsonOf(response)).toMatchObject({ code: 'ORIGIN_DENIED', status: 403 })
    }
    expect((await get('/api/store', { cookie: 'varve_session=made-up' })).status).toBe(401)
    expect((await get('/api/store', { cookie: cookie.replace('varve_session', '__Host-varve') })).status).toBe(401)
  })

  test('a page without a session says where to log in', async () => {
    const { get } = await started()
    const response = await get('/', { accept: 'text/html' })
    expect(response.status).toBe(401)
    expect(await response.text()).toContain('href="/login"')
  })
})
