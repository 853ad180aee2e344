/** The app: one route table, guarded row by row, over an open store.
 * @module */
import { Hono } from 'hono'
import { type Store, systemClock, systemRandom } from '../src/index.ts'
import { problemPage } from './admin/problem.ts'
import { PAGE_ROUTES } from './admin/routes.ts'
import { Jobs } from './api/jobs.ts'
import { API_ROUTES } from './api/routes.ts'
import { ASSET_ROUTES } from './assets/routes.ts'
import type { App, AppOptions, Role, Route, Shared, WebContext, WebEnv } from './context.ts'
import { door, guard, refuseUnlisted, setHeaders } from './guard.ts'
import { DEFAULT_LIMITS, Slots } from './limits.ts'
import { logFailure, PROBLEM_TYPE, problemHeaders, problemOf, problemText } from './problems.ts'

/** Every route of the app. `/login` and `/logout` answer 404 without the `login` option. */
export const ROUTES: readonly Route[] = [...API_ROUTES, ...PAGE_ROUTES, ...ASSET_ROUTES]

/** Make the app that serves `store`: JSON API, admin page and assets. Mount it anywhere: `app.route('/varve', ...)`.
 * Without `access` it answers 401 to everything but `/health`. The store stays the caller's: close it afterwards. */
export function createApp(store: Store, options: AppOptions = {}): App {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const signal = options.signal ?? new AbortController().signal
  const shared: Shared = {
    store,
    options,
    limits,
    clock,
    random,
    signal,
    onStop: new Set(),
    streams: new Slots('streams', { total: limits.streams, perHolder: limits.streamsPerPeer }),
    requests: new Slots('requests at a time', { total: limits.requests }),
    jobs: new Jobs({
      clock,
      random,
      signal,
      kept: limits.jobsKept,
      onFailure: (error, { id }) => logFailure(error, { options, requestId: id }),
    }),
    routes: ROUTES,
  }
  signal.addEventListener('abort', () => {
    for (const stop of shared.onStop) stop()
  })
  const app = new Hono<WebEnv>()
  app.onError((error, c) => answerError(error, { c, app: shared }))
  app.use('*', door(shared))
  for (const path of new Set(ROUTES.map((route) => route.path))) {
    const routes = ROUTES.filter((route) => route.path === path)
    for (const route of routes) app.on(route.method, path, guard(route, shared), (c) => route.handle(c, shared))
    const methods = routes.flatMap(({ method, stream }) => (method === 'GET' && !stream ? ['GET', 'HEAD'] : [method]))
    app.all(path, (c) => refuseUnlisted(c, shared, methods))
  }
  app.all('*', (c) => refuseUnlisted(c, shared, []))
  return app
}

/** Answer with the error as this reader may see it: a problem, or a page where a page was asked for. */
function answerError(thrown: unknown, { c, app }: { c: WebContext; app: Shared }): Response {
  const facts: { requestId: string; role?: Role; route?: Route; base: string } = c.get('varve') ?? {
    requestId: '',
    base: '',
  }
  logFailure(thrown, { options: app.options, requestId: facts.requestId })
  const problem = problemOf(thrown, facts)
  const html = facts.route?.answers === 'html' || (facts.route === undefined && asksForPage(c))
  c.res = new Response(html ? String(problemPage(problem, { c, app })) : problemText(problem), {
    status: problem.status,
    headers: { 'content-type': html ? 'text/html; charset=utf-8' : PROBLEM_TYPE, ...problemHeaders(problem) },
  })
  setHeaders(c)
  return c.res
}

function asksForPage(c: WebContext): boolean {
  return c.req.method === 'GET' && (c.req.header('accept') ?? '').startsWith('text/html')
}
