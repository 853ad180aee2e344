/** The store itself: its state, work over all of it, and the jobs that do that work.
 * @module */
import { DOCUMENT_LIMITS, stringifyValue, type VerifyOptions } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { problemOf } from '../problems.ts'
import { bodyText, bodyType, json, parseJson } from './answers.ts'
import { recorded } from './audit.ts'
import { fieldsOf, numberField, present, refuse } from './fields.ts'
import type { Job } from './jobs.ts'
import { streamFrames } from './sse.ts'

type VerifyHead = Exclude<VerifyOptions['head'], undefined>

/** What one version and one answer about versions may hold; the library checks them. */
const HISTORY_LIMITS = {
  labelBytes: 256,
  fingerprintBytes: 256,
  metadataBytes: 65_536,
  keyframeInterval: 10_000,
  pageVersions: 1_000,
  changes: 10_000,
  queryBytes: 52_428_800,
} as const

const HASH = /^[0-9a-f]{64}$/

/** GET /api/store */
export async function readStore(c: WebContext, app: Shared): Promise<Response> {
  const { location, ...stats } = await app.store.stats()
  const admin = factsOf(c).role === 'admin'
  const { gaps } = app.store.openReport
  // Which offsets cannot be read is for every reader; the names of files are not.
  const shown = admin ? gaps : gaps.map(({ file: _file, reason: _reason, ...gap }) => gap)
  const limits = { ...app.limits, document: DOCUMENT_LIMITS, history: HISTORY_LIMITS }
  return json({ ...stats, ...(admin && { location }), gaps: shown, limits, streams: app.streams.count })
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

/** Start a check of the whole store, or join the one that is running for the same hash.
 * @param head a hash kept elsewhere that the log must contain. */
export function startVerify(app: Shared, head?: VerifyHead): Job {
  const what = head === undefined ? 'verify' : stringifyValue(head)
  return app.jobs.start('verify', { what, run: (tools) => app.store.verify({ ...tools, ...present({ head }) }) })
}

/** Start writing checkpoints, or join the job that does. */
export async function startCheckpoint(c: WebContext, app: Shared): Promise<Job> {
  const start = async () =>
    app.jobs.start('checkpoint', {
      what: 'checkpoint',
      run: async () => {
        await app.store.checkpoint()
        return undefined
      },
    })
  return recorded(c, app, { action: 'Checkpoint', entity: 'store', run: start })
}

/** POST /api/store/verify with `{ head? }` */
export async function postVerify(c: WebContext, app: Shared): Promise<Response> {
  const text = bodyType(c) === '' ? '' : await bodyText(c, app)
  const { head } = text === '' ? {} : fieldsOf(parseJson(text), 'verify', ['head'])
  return acceptedJob(c, startVerify(app, head === undefined ? undefined : readHead(head)))
}

/** POST /api/store/checkpoint */
export async function postCheckpoint(c: WebContext, app: Shared): Promise<Response> {
  return acceptedJob(c, await startCheckpoint(c, app))
}

/** 202 and where the job is. */
export function acceptedJob(c: WebContext, job: Job): Response {
  const headers = { location: `${factsOf(c).base}/api/jobs/${job.id}` }
  return json(tellJob(c, job), { status: 202, headers })
}

function readHead(value: unknown): VerifyHead {
  const { topic, partition, offset, hash } = fieldsOf(value, 'head', ['topic', 'partition', 'offset', 'hash'])
  if (typeof topic !== 'string' || typeof offset !== 'number' || typeof hash !== 'string' || !HASH.test(hash))
    throw refuse('head', 'Cannot verify: a head is { topic, partition?, offset, hash } with 64 hexadecimal digits')
  return { topic, offset, hash, ...present({ partition: numberField(partition, 'partition') }) }
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
