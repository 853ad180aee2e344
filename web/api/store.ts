/** The store itself: its state, work over all of it, and the jobs that do that work.
 * @module */
import { stringifyValue, type TopicOptions, VarveError } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { problemOf } from '../problems.ts'
import { bodyText, json, parseJson } from './answers.ts'
import type { Job, JobKind } from './jobs.ts'
import { streamFrames } from './sse.ts'

/** GET /api/store */
export async function readStore(c: WebContext, app: Shared): Promise<Response> {
  const { location, ...stats } = await app.store.stats()
  const admin = factsOf(c).role === 'admin'
  return json({ ...stats, ...(admin && { location }), limits: app.limits, streams: app.streams.count })
}

/** GET /api/store/open-report */
export function readOpenReport(_c: WebContext, app: Shared): Response {
  return json(app.store.openReport)
}

/** GET /ready */
export async function readReadiness(_c: WebContext, app: Shared): Promise<Response> {
  const { state } = await app.store.stats()
  const ready = state === 'open' && !app.signal.aborted
  return json({ status: ready ? 'ready' : 'unavailable' }, { status: ready ? 200 : 503 })
}

/** GET /api/topics */
export async function listTopics(_c: WebContext, app: Shared): Promise<Response> {
  return json({ items: await app.store.topics.list() })
}

/** POST /api/topics with `{ topic, partitions?, segmentBytes? }` */
export async function createTopic(c: WebContext, app: Shared): Promise<Response> {
  const body = parseJson(await bodyText(c, app))
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new VarveError('OPTION_INVALID', 'Cannot create a topic: expected an object with "topic"')
  const { topic: name, ...options }: Readonly<Record<string, unknown>> = { ...body }
  if (typeof name !== 'string')
    throw new VarveError('OPTION_INVALID', 'Cannot create a topic: "topic" is not a string', {
      details: { option: 'topic' },
    })
  for (const [option, value] of Object.entries(options))
    if ((option !== 'partitions' && option !== 'segmentBytes') || typeof value !== 'number')
      throw new VarveError('OPTION_INVALID', `Cannot create a topic: option "${option}" is not known or not a number`, {
        details: { option },
      })
  const existed = (await app.store.topics.list()).some(({ topic }) => topic === name)
  // Only the two numbers are left; the library checks their range.
  const topic = await app.store.topics.open(name, { create: options as TopicOptions })
  const headers = { location: `${factsOf(c).base}/api/topics/${encodeURIComponent(name)}` }
  return json(topic.stats(), { status: existed ? 200 : 201, headers })
}

/** Start a job over the whole store, or join the one that is running. */
export function startJob(app: Shared, kind: JobKind): Job {
  const { store } = app
  return app.jobs.start(kind, async (tools) => {
    if (kind === 'verify') return store.verify(tools)
    await store.checkpoint()
    return undefined
  })
}

/** POST /api/store/checkpoint, /api/store/verify */
export function postJob(kind: JobKind): (c: WebContext, app: Shared) => Response {
  return (c, app) => {
    const job = startJob(app, kind)
    const headers = { location: `${factsOf(c).base}/api/jobs/${job.id}` }
    return json(tellJob(c, job), { status: 202, headers })
  }
}

/** GET /api/jobs/:id, as JSON or, for `Accept: text/event-stream`, as a stream that ends with the job. */
export function readJob(c: WebContext, app: Shared): Response {
  const job = app.jobs.get(c.req.param('id') ?? '')
  const accepts = (c.req.header('accept') ?? '').split(',').map((part) => part.split(';')[0]?.trim())
  if (c.req.method === 'HEAD' || !accepts.includes('text/event-stream')) return json(tellJob(c, job))
  return streamFrames(c, app, async function* (signal) {
    for await (const state of app.jobs.watch(job.id, signal)) yield [{ data: stringifyValue(tellJob(c, state)) }]
  })
}

/** DELETE /api/jobs/:id */
export function cancelJob(c: WebContext, app: Shared): Response {
  return json(tellJob(c, app.jobs.cancel(c.req.param('id') ?? '')))
}

/** A job as this reader may see it. */
function tellJob(c: WebContext, { error, ...job }: Job): Record<string, unknown> {
  return error === undefined ? job : { ...job, problem: problemOf(error, factsOf(c)) }
}
