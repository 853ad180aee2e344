/** The route table: every route, its scope, its method.
 * @module */
import { describe, expect, test } from 'vitest'
import { EVENT_FIELDS } from '../../src/topic/prepare.ts'
import { CALL_SCHEMA, EVENT_SCHEMA } from '../../web/api/schemas.ts'
import type { Role } from '../../web/index.ts'
import { createApp, ROUTES } from '../../web/index.ts'
import { harness, jsonOf, memoryStore, posted } from './support/harness.ts'

const ROLES: readonly Role[] = ['read', 'append', 'admin']
const RANK = { open: 0, read: 1, append: 2, admin: 3 }

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: { readonly required: boolean }
  readonly responses?: Readonly<Record<string, unknown>>
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

/** A path that fits the route; what it names need not exist. */
function fill(path: string): string {
  return path
    .replace(':topic', 'orders')
    .replace(':offset', '0')
    .replace(':id', 'none')
    .replace(':name', 'none')
    .replace(':version', '1')
}

function request(route: (typeof ROUTES)[number]): RequestInit {
  const init: RequestInit = { method: route.method }
  if (route.body !== undefined) init.headers = { 'content-type': route.body[0] ?? '' }
  if (route.body !== undefined) init.body = 'code=x'
  return init
}

describe('routes', () => {
  test('ROUTES name every route the app has, and the app has no other', async () => {
    const { app } = await harness()
    const known = new Set(ROUTES.map(({ method, path }) => `${method} ${path}`))
    const registered = app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path}`)
    expect(new Set(registered)).toEqual(known)
    const paths = new Set(app.routes.filter(({ method }) => method === 'ALL').map(({ path }) => path))
    expect(paths).toEqual(new Set(['/*', ...ROUTES.map(({ path }) => path)]))
  })

  test('openapi.json describes exactly the JSON routes, with their scopes', async () => {
    const { as } = await harness()
    const document = await jsonOf(await as('read', '/api/openapi.json'))
    const described = Object.entries(document.paths as Record<string, Record<string, { 'x-scope': string }>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => `${method.toUpperCase()} ${path} ${operation['x-scope']}`),
    )
    const wanted = ROUTES.filter(({ answers }) => answers === 'json').map(
      ({ method, path, scope }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')} ${scope}`,
    )
    expect(described.sort()).toEqual(wanted.sort())
  })

  test('openapi.json describes repeated parameters, headers and bodies that may be missing', async () => {
    const { as } = await harness()
    const { paths } = (await jsonOf(await as('read', '/api/openapi.json'))) as unknown as { paths: Paths }
    const read = paths['/api/topics/{topic}/events']?.get
    const kind = read?.parameters?.find(({ name }) => name === 'kind')
    expect(kind).toMatchObject({ in: 'query', schema: { type: 'array', items: { type: 'string' } } })
    const append = paths['/api/topics/{topic}/events']?.post
    const headers = append?.parameters?.filter((parameter) => parameter.in === 'header').map(({ name }) => name)
    expect(headers).toEqual(['Idempotency-Key', 'If-Match', 'If-None-Match'])
    expect(Object.keys(append?.responses ?? {})).toEqual(expect.arrayContaining(['201', '200', '409', '412', '413']))
    expect(paths['/api/store/verify']?.post?.requestBody?.required).toBe(false)
    expect(Object.keys(read?.responses ?? {})).toContain('410')
  })

  test('schemas of bodies name exactly the fields that are taken', async () => {
    const { as } = await harness()
    await as('admin', '/api/topics', posted({ topic: 'orders' }))
    expect(Object.keys(EVENT_SCHEMA.properties as object).sort()).toEqual([...EVENT_FIELDS].sort())
    for (const { method, path, schema } of ROUTES) {
      // Any JSON may be a document.
      if (schema === undefined || Object.keys(schema).length === 0) continue
      const { properties } = (path.endsWith('/events') ? CALL_SCHEMA : schema) as { properties: object }
      const body = { ...(path.endsWith('/events') && { events: [] }), unknown: 1 }
      const { detail } = await jsonOf(await as('admin', fill(path), { ...posted(body), method }))
      const taken = /"unknown" is not known; there are (.+)$/.exec(String(detail))?.[1]?.split(', ')
      expect(taken?.sort(), path).toEqual(Object.keys(properties).sort())
    }
    const described = ROUTES.filter(({ body, schema }) => body?.includes('application/json') && schema === undefined)
    expect(described).toEqual([])
  })

  test('routes that give events up or change settings are for admins', () => {
    const unsafe = ROUTES.filter(({ method, scope }) => method !== 'GET' && scope !== 'admin' && scope !== 'open')
    expect(unsafe.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /api/topics/:topic/events',
      'PUT /api/documents/:name',
      'POST /api/histories/:name/versions',
    ])
  })

  for (const route of ROUTES)
    test(`${route.method} ${route.path} answers each role as its scope says`, async () => {
      const { app, as } = await harness()
      await as('admin', '/api/topics', posted({ topic: 'orders' }))
      const nobody = await app.request(fill(route.path), request(route))
      if (route.scope !== 'open') expect(nobody.status).toBe(401)
      await nobody.body?.cancel()
      for (const role of ROLES) {
        const response = await as(role, fill(route.path), request(route))
        expect([401, 403].includes(response.status), `${role}: ${response.status}`).toBe(RANK[role] < RANK[route.scope])
        await response.body?.cancel()
      }
    })

  for (const path of new Set(ROUTES.map((route) => route.path)))
    test(`${path} refuses other methods with 405 and Allow`, async () => {
      const { as } = await harness()
      const allowed = ROUTES.filter((route) => route.path === path).map(({ method }) => method as string)
      for (const method of ['PUT', 'PATCH', 'DELETE', 'POST', 'OPTIONS', 'GET', 'PURGE']) {
        if (allowed.includes(method)) continue
        const response = await as('admin', fill(path), { method })
        expect(response.status, method).toBe(405)
        const named = (response.headers.get('allow') ?? '').split(', ').filter((name) => name !== 'HEAD')
        expect(named.sort()).toEqual(allowed.sort())
      }
    })

  test('createApp() without access answers 401 to everything but /health', async () => {
    const app = createApp(await memoryStore())
    for (const route of ROUTES) {
      const response = await app.request(fill(route.path), request(route))
      expect(response.status, route.path).toBe(route.path === '/health' ? 200 : 401)
    }
    expect(await (await app.request('/health')).json()).toEqual({ status: 'ok' })
  })

  test('unlisted paths answer 404 to who may read and 401 to who may not', async () => {
    const { app, as } = await harness()
    for (const path of [
      '/api',
      '/api/',
      '/API/topics',
      '/api/topics/',
      '/%61pi//topics',
      '/api/topics/a/b/c/d',
      '/x;a=b',
    ]) {
      expect((await app.request(path)).status, path).toBe(401)
      expect((await as('admin', path)).status, path).toBe(404)
    }
  })

  test('HEAD answers as GET without a body, and 405 where the request would stay open', async () => {
    const { as } = await harness()
    await as('admin', '/api/topics', posted({ topic: 'orders' }))
    const head = await as('read', '/api/topics/orders', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    const stream = await as('read', '/api/topics/orders/tail', { method: 'HEAD' })
    expect([stream.status, stream.headers.get('allow')]).toEqual([405, 'GET'])
  })

  test('createApp() works below a path of another app', async () => {
    const { Hono } = await import('hono')
    const outer = new Hono().route('/varve', createApp(await memoryStore(), { access: () => 'admin' }))
    const created = await outer.request('/varve/api/topics', posted({ topic: 'orders' }))
    expect([created.status, created.headers.get('location')]).toEqual([201, '/varve/api/topics/orders'])
    expect((await outer.request('/varve/api/nothing')).status).toBe(404)
    expect((await outer.request('/varve/api/topics', { method: 'PUT' })).status).toBe(405)
    const page = await (await outer.request('/varve')).text()
    expect(page).toContain('href="/varve/topics/orders"')
    expect(page).toContain('href="/varve/assets/admin.')
    const other = await outer.request('/elsewhere')
    expect([other.status, other.headers.get('x-request-id')]).toEqual([404, null])
  })
})
