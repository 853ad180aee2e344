/** The doors of the app, in the order a request passes them: host, length, origin, role, query, body.
 *
 * Everything here runs before a handler does. The host comes first because a page of another site can make a browser
 * send requests to a loopback address under a name of its own choosing.
 * @module */
import type { MiddlewareHandler } from 'hono'
import { basePath } from 'hono/route'
import { randomId, VarveError } from '../src/index.ts'
import { type Asker, allows, factsOf, type Route, type Shared, type WebContext, type WebEnv } from './context.ts'
import { compressAnswer } from './gzip.ts'
import { parseQuery } from './parameters.ts'

const LOOPBACK = ['localhost:*', '127.0.0.1:*', '[::1]:*']
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])
const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** First middleware: facts of the request, headers of every answer, host, length and origin. */
export function door(app: Shared): MiddlewareHandler<WebEnv> {
  const hosts = app.options.hosts ?? LOOPBACK
  const origins = new Set(app.options.origins ?? [])
  return async (c, next) => {
    const given = c.req.header('x-request-id')
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : randomId(app.random, 16)
    c.set('varve', { requestId, query: {}, base: basePath(c) === '/' ? '' : basePath(c) })
    const url = new URL(c.req.url)
    if (hosts !== 'any') checkHost(c, { url, hosts })
    if (c.req.url.length - url.origin.length > app.limits.urlBytes)
      throw new VarveError('URL_TOO_LONG', `Cannot read an address over ${app.limits.urlBytes} bytes`)
    if (!SAFE_METHODS.has(c.req.method)) checkOrigin(c, { url, origins })
    await next()
    compressAnswer(c)
    setHeaders(c)
  }
}

/** Headers that every answer carries, errors included. */
export function setHeaders(c: WebContext): void {
  const { headers } = c.res
  const facts: { requestId: string } | undefined = c.get('varve')
  if (facts !== undefined) headers.set('x-request-id', facts.requestId)
  headers.set('content-security-policy', CONTENT_POLICY)
  headers.set('x-content-type-options', 'nosniff')
  headers.set('cross-origin-opener-policy', 'same-origin')
  headers.set('cross-origin-resource-policy', 'same-origin')
  headers.set('referrer-policy', 'no-referrer')
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store')
}

/** The guard of one row of the route table: role, query, body, and how many requests are at work. */
export function guard(route: Route, app: Shared): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    const facts = factsOf(c)
    facts.route = route
    await findRole(c, app)
    // Without `access` only /health is open: a forgotten option must not open a door.
    const open = route.scope === 'open' && (app.options.access !== undefined || route.path === '/health')
    if (!open) requireRole(c, route.scope === 'open' ? 'read' : route.scope)
    if (c.req.method === 'HEAD' && route.stream === true) throw methodRefused(c, [route.method])
    // A form sends every field, the empty ones too.
    const emptyIsAbsent = route.answers === 'html'
    facts.query = parseQuery(new URL(c.req.url), { keys: route.query ?? [], emptyIsAbsent })
    checkBody(c, route)
    // Probes and files answer while everything else is busy; streams have slots of their own.
    if (route.stream === true || (route.scope === 'open' && route.method === 'GET')) return next()
    const release = app.requests.take('all')
    try {
      await next()
    } finally {
      release()
    }
  }
}

/** Where no row matches: 405 with the methods of the path, or 404; 401 to who may not know. */
export async function refuseUnlisted(c: WebContext, app: Shared, methods: readonly string[]): Promise<never> {
  await findRole(c, app)
  requireRole(c, 'read')
  if (methods.length > 0) throw methodRefused(c, methods)
  throw new VarveError('ROUTE_UNKNOWN', 'Cannot find this address', { details: { method: c.req.method } })
}

async function findRole(c: WebContext, app: Shared): Promise<void> {
  const asker = await app.options.access?.(c)
  if (asker === undefined) return
  const { role, actor }: Asker = typeof asker === 'string' ? { role: asker } : asker
  const facts = factsOf(c)
  facts.role = role
  facts.actor = actor ?? app.options.peer?.(c) ?? 'all'
}

function requireRole(c: WebContext, scope: 'read' | 'append' | 'admin'): void {
  const { role } = factsOf(c)
  if (role === undefined) throw new VarveError('AUTH_REQUIRED', 'Cannot answer without a valid token or session')
  if (!allows(role, scope))
    throw new VarveError('ACCESS_DENIED', `Cannot do this with role "${role}": it needs "${scope}"`, {
      details: { role, needs: scope },
    })
}

function methodRefused(c: WebContext, methods: readonly string[]): VarveError {
  const allow = methods.join(', ')
  return new VarveError('METHOD_UNSUPPORTED', `Cannot use ${c.req.method} here: use ${allow}`, { details: { allow } })
}

function checkHost(c: WebContext, { url, hosts }: { url: URL; hosts: readonly string[] }): void {
  // The header and the address of the request differ when a client sent an absolute address for another host.
  const named = c.req.header('host') ?? url.host
  const match = HOST.exec(named)
  const same = match !== null && hostOf(`${url.protocol}//${named}`) === url.host
  const lower = named.toLowerCase()
  const name = match?.[1] === undefined ? lower : lower.slice(0, -match[1].length - 1)
  if (same && (hosts.includes(lower) || hosts.includes(`${name}:*`))) return
  throw new VarveError('HOST_UNKNOWN', 'Cannot answer for this host: it is not in the list of the server')
}

/** Unsafe requests come from the app's own pages, from allowed origins, or from programs that are not browsers. */
function checkOrigin(c: WebContext, { url, origins }: { url: URL; origins: ReadonlySet<string> }): void {
  const origin = c.req.header('origin')
  const site = c.req.header('sec-fetch-site')
  if (origin !== undefined && origins.has(origin)) return
  // A cookie travels by itself, so it needs proof that the request came from one of the app's pages.
  const cookie = c.req.header('cookie') !== undefined && c.req.header('authorization') === undefined
  if (site !== undefined) {
    if (site === 'same-origin' || (site === 'none' && !cookie)) return
  } else if (origin !== undefined) {
    // Hosts, not schemes: behind a proxy that ends TLS the app sees http.
    if (hostOf(origin) === url.host) return
  } else if (!cookie) return
  throw new VarveError('ORIGIN_DENIED', 'Cannot accept this request from another site')
}

function hostOf(address: string): string | undefined {
  return URL.canParse(address) ? new URL(address).host : undefined
}

function checkBody(c: WebContext, { body: types = [], bodyOptional, answers }: Route): void {
  const type = c.req.header('content-type')
  const length = c.req.header('content-length')
  const encoding = c.req.header('content-encoding')?.toLowerCase()
  const plain = encoding === undefined || encoding === 'identity'
  // Forms come from the app's own pages, which do not compress.
  if (!plain && (encoding !== 'gzip' || answers === 'html' || types.length === 0))
    throw mediaRefused(`content encoding "${encoding}"`, types)
  const empty = type === undefined && (length ?? '0') === '0' && c.req.header('transfer-encoding') === undefined
  if (types.length === 0) {
    if (!empty) throw mediaRefused('a body', types)
  } else if (empty && (bodyOptional === true || answers === 'html')) {
    // A button sends no fields.
  } else if (type === undefined || !types.includes(mediaType(type))) {
    throw mediaRefused(type === undefined ? 'a body without a content type' : `content type "${type}"`, types)
  }
}

/** The media type of a header whose only parameter, if any, is the charset utf-8; otherwise the text as it is. */
export function mediaType(header: string): string {
  const match = /^([a-z]+\/[a-z0-9.+-]+)[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/.exec(header.toLowerCase())
  return match?.[1] ?? header
}

function mediaRefused(found: string, types: readonly string[]): VarveError {
  const wanted = types.length === 0 ? 'none is expected' : `send ${types.join(' or ')}, UTF-8, as it is or with gzip`
  return new VarveError('MEDIA_TYPE_UNSUPPORTED', `Cannot accept ${found}: ${wanted}`, { details: { accepted: types } })
}
