/** Projections over HTTP: how far they are, their states, and runs as jobs.
 *
 * A fold is code, so a projection runs only in a process that has opened it with one; anywhere else its published
 * states are served.
 * @module */
import type { Projection, ProjectionStatus } from '../../src/index.ts'
import { VarveError } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { json, jsonPage, refuseReadOnly } from './answers.ts'
import { recorded } from './audit.ts'
import { pageByName } from './documents.ts'
import { nextLink } from './events.ts'
import { checkConfirmed, present, refuse } from './fields.ts'
import type { Job } from './jobs.ts'
import { isKnown } from './preconditions.ts'
import { acceptedJob } from './store.ts'
import { valueAnswer } from './stream.ts'

/** GET /api/projections */
export async function listProjections(c: WebContext, app: Shared): Promise<Response> {
  const { cursor, limit } = factsOf(c).query
  const all = await app.store.projections.list()
  const { items, ...rest } = pageByName(all, {
    cursor,
    ...present({ limit }),
    nameOf: ({ projection }) => projection,
  })
  return jsonPage({ items: items.map((status) => tellStatus(c, status)), ...rest }, nextLink(c, rest.nextCursor))
}

/** GET /api/projections/:name */
export async function readProjection(c: WebContext, app: Shared): Promise<Response> {
  return json(tellStatus(c, await (await projectionOf(c, app)).status()))
}

/** GET /api/projections/:name/state: the newest state, or with `offset` or `time` the one as of then. */
export async function readState(c: WebContext, app: Shared): Promise<Response> {
  const { stateOffset: offset, stateTime: time } = factsOf(c).query
  const projection = await projectionOf(c, app)
  if (offset !== undefined && time !== undefined)
    throw refuse('time', 'Cannot read a state: "offset" and "time" both say which')
  const moment = offset !== undefined ? { offset } : time !== undefined ? { time } : undefined
  if (moment !== undefined) {
    const value = await projection.stateAt(moment, { signal: c.req.raw.signal })
    return valueAnswer(c, app, { value, headers: {} })
  }
  // The state may be newer than its tag; then it is sent once more than needed.
  const headers = { etag: stateTag(await projection.status()) }
  if (isKnown(c, headers.etag)) return new Response(null, { status: 304, headers })
  return valueAnswer(c, app, { value: await projection.state(), headers })
}

/** POST /api/projections/:name/run */
export async function postRun(c: WebContext, app: Shared): Promise<Response> {
  return acceptedJob(c, await startProjection(c, app, 'run'))
}

/** POST /api/projections/:name/rebuild */
export async function postRebuild(c: WebContext, app: Shared): Promise<Response> {
  return acceptedJob(c, await startProjection(c, app, 'rebuild'))
}

/** Start folding what is there, or everything anew, or join the job that does.
 * @throws {VarveError} `PROJECTION_UNKNOWN`, `PROJECTION_UNDEFINED`, `PROJECTION_BUSY`. */
export async function startProjection(c: WebContext, app: Shared, way: 'run' | 'rebuild'): Promise<Job> {
  const projection = await projectionOf(c, app)
  const { name } = projection
  const what = `projection-${way} ${name}`
  const { hasFold, state } = await projection.status()
  const joins = app.jobs.latest(`projection-${way}`, name)?.state === 'running'
  if (!hasFold)
    throw new VarveError(
      'PROJECTION_UNDEFINED',
      `Cannot ${way} projection "${name}": this process has no fold for it`,
      {
        details: { projection: name },
      },
    )
  refuseReadOnly(app, `${way} a projection`)
  if (!joins && (state === 'running' || state === 'following'))
    throw new VarveError('PROJECTION_BUSY', `Cannot ${way} projection "${name}": it is ${state}`, {
      details: { projection: name, state },
    })
  return app.jobs.start(`projection-${way}`, {
    what,
    subject: name,
    run: (tools) =>
      recorded(c, app, {
        action: way === 'run' ? 'ProjectionRun' : 'ProjectionRebuild',
        entity: name,
        signal: tools.signal,
        run: () => projection[way](tools),
        outcome: ({ positions, foldVersion }) => ({ positions, foldVersion }),
      }),
  })
}

/** DELETE /api/projections/:name?confirm= */
export async function removeProjection(c: WebContext, app: Shared): Promise<Response> {
  await deleteProjection(c, app, factsOf(c).query.confirm)
  return new Response(null, { status: 204 })
}

/** Delete the projection of the path and its states. */
export async function deleteProjection(c: WebContext, app: Shared, confirm: string | undefined): Promise<void> {
  const { name } = await projectionOf(c, app)
  checkConfirmed(confirm, { name, what: 'projection', action: 'delete' })
  const run = () => app.store.projections.delete(name)
  await recorded(c, app, { action: 'ProjectionDelete', entity: name, run })
}

/** Open the projection of the path, with the fold that it has here, if any.
 * @throws {VarveError} `PROJECTION_UNKNOWN`, `NAME_INVALID`. */
export function projectionOf(c: WebContext, app: Shared): Promise<Projection> {
  return app.store.projections.open(c.req.param('name') ?? '')
}

/** A status as this reader may see it: what an apply threw may hold anything, so it is for admins. */
export function tellStatus(c: WebContext, status: ProjectionStatus): Record<string, unknown> {
  const { failure, ...rest } = status
  if (failure === undefined || factsOf(c).role === 'admin') return { ...status }
  const { message: _message, ...told } = failure
  return { ...rest, failure: told }
}

/** The entity tag of the newest state: where it is, and which fold made it when. */
function stateTag({ foldVersion, positions, publishedAt }: ProjectionStatus): string {
  return `"${foldVersion}-${publishedAt.toString(36)}-${positions.join('.')}"`
}
