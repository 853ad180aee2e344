/** Log snapshots over HTTP: taken, listed, kept, deleted, checked, restored.
 *
 * One is made or removed at a time. A request does not wait for another one: it is refused and told when to come back.
 * @module */
import { isName, type RestoreOptions, type SnapshotDetails, type SnapshotInfo, VarveError } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { bodyText, bodyType, isOwn, json, jsonPage, parseJson, refuseOwn, refuseReadOnly } from './answers.ts'
import { recorded } from './audit.ts'
import { nextLink } from './events.ts'
import { checkConfirmed, present, refuse } from './fields.ts'
import type { Job, JobTools } from './jobs.ts'
import { type AskedRestore, type AskedSnapshot, readRestore, readSnapshot } from './snapshot-options.ts'
import { acceptedJob } from './store.ts'

const PAGE_SNAPSHOTS = 100
const ID = /^snapshot-\d{1,16}$/

/** GET /api/snapshots */
export async function listSnapshots(c: WebContext, app: Shared): Promise<Response> {
  const page = await snapshotPage(app, present(factsOf(c).query))
  return jsonPage(page, nextLink(c, page.nextCursor))
}

/** Snapshots with the newest first, behind the one with the id `cursor`, which may be gone.
 * @throws {VarveError} `CURSOR_INVALID`. */
export async function snapshotPage(
  app: Shared,
  { cursor, limit = PAGE_SNAPSHOTS }: { readonly cursor?: string; readonly limit?: number },
): Promise<{ items: SnapshotInfo[]; nextCursor?: string }> {
  if (cursor !== undefined && !ID.test(cursor))
    throw new VarveError('CURSOR_INVALID', 'Cannot continue the list: this is no id of a snapshot')
  const all = (await app.store.snapshots.list()).toSorted((a, b) => madeAt(b) - madeAt(a))
  const found = cursor === undefined ? 0 : all.findIndex((one) => madeAt(one) < madeAt({ id: cursor }))
  const items = found < 0 ? [] : all.slice(found, found + limit)
  const last = items.at(-1)
  const more = last !== undefined && found + limit < all.length
  return more ? { items, nextCursor: last.id } : { items }
}

function madeAt({ id }: Pick<SnapshotInfo, 'id'>): number {
  return Number(id.slice(id.indexOf('-') + 1))
}

/** POST /api/snapshots with `{ topic?, partition?, label?, pinned?, minIntervalMs? }` */
export async function postSnapshot(c: WebContext, app: Shared): Promise<Response> {
  const text = bodyType(c) === '' ? '' : await bodyText(c, app)
  return acceptedJob(c, await startSnapshot(c, app, text === '' ? {} : readSnapshot(parseJson(text))))
}

/** Start taking a snapshot: what stands in the way is told at once.
 * @throws {VarveError} as `Snapshots.create`. */
export function startSnapshot(c: WebContext, app: Shared, asked: AskedSnapshot): Promise<Job> {
  return app.jobs.begin('snapshot-create', {
    run: (tools) =>
      recorded(c, app, {
        action: 'SnapshotCreate',
        entity: asked.topic ?? 'store',
        asked,
        signal: tools.signal,
        run: () => app.store.snapshots.create({ ...asked, ...tools, lockTimeoutMs: 0 }),
        outcome: ({ id }) => ({ snapshot: id }),
      }),
  })
}

/** GET /api/snapshots/usage */
export async function listUsage(_c: WebContext, app: Shared): Promise<Response> {
  return json({ items: await app.store.snapshots.usage() })
}

/** GET /api/snapshots/:id */
export async function readSnapshotDetails(c: WebContext, app: Shared): Promise<Response> {
  return json(await snapshotOf(c, app))
}

/** The snapshot of the path, as this reader may see it: the store's own topics are for admins.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN`, `SNAPSHOT_DAMAGED`. */
export async function snapshotOf(c: WebContext, app: Shared): Promise<SnapshotDetails> {
  const details = await app.store.snapshots.get(snapshotId(c))
  if (factsOf(c).role === 'admin') return details
  return { ...details, partitions: details.partitions.filter(({ topic }) => !isOwn(topic)) }
}

/** DELETE /api/snapshots/:id?confirm= */
export async function removeSnapshot(c: WebContext, app: Shared): Promise<Response> {
  return json(await deleteSnapshot(c, app, factsOf(c).query.confirm))
}

/** Delete the snapshot of the path, unless something reads it. @throws {VarveError} as `Snapshots.delete`. */
export async function deleteSnapshot(
  c: WebContext,
  app: Shared,
  confirm: string | undefined,
): Promise<{ readonly freedBytes: number }> {
  const id = snapshotId(c)
  checkConfirmed(confirm, { name: id, what: 'snapshot', action: 'delete' })
  return recorded(c, app, {
    action: 'SnapshotDelete',
    entity: id,
    run: () => app.store.snapshots.delete(id, { lockTimeoutMs: 0 }),
    outcome: ({ freedBytes }) => ({ freedBytes }),
  })
}

/** PUT /api/snapshots/:id/pin */
export async function putPin(c: WebContext, app: Shared): Promise<Response> {
  return json(await pinSnapshot(c, app, true))
}

/** DELETE /api/snapshots/:id/pin */
export async function removePin(c: WebContext, app: Shared): Promise<Response> {
  return json(await pinSnapshot(c, app, false))
}

/** Keep the snapshot of the path whatever the policy says, or not any more.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN`, `STORE_READ_ONLY`. */
export function pinSnapshot(c: WebContext, app: Shared, pinned: boolean): Promise<SnapshotInfo> {
  const id = snapshotId(c)
  const run = () => app.store.snapshots.pin(id, pinned)
  return recorded(c, app, { action: pinned ? 'SnapshotPin' : 'SnapshotUnpin', entity: id, run })
}

/** POST /api/snapshots/:id/verify */
export async function postSnapshotVerify(c: WebContext, app: Shared): Promise<Response> {
  return acceptedJob(c, await startSnapshotVerify(c, app))
}

/** Start a check of every byte of the snapshot of the path, or join the one that is running.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN`. */
export function startSnapshotVerify(c: WebContext, app: Shared): Promise<Job> {
  const id = snapshotId(c)
  const run = (tools: JobTools) => app.store.snapshots.verify(id, tools)
  return app.jobs.begin('snapshot-verify', { what: `snapshot-verify ${id}`, subject: id, isHeavy: true, run })
}

/** POST /api/snapshots/:id/drill */
export async function postDrill(c: WebContext, app: Shared): Promise<Response> {
  return acceptedJob(c, await startDrill(c, app))
}

/** Start trying to restore the snapshot of the path, into nothing, or join the trial that is running.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN`. */
export function startDrill(c: WebContext, app: Shared): Promise<Job> {
  const id = snapshotId(c)
  const run = (tools: JobTools) => app.store.snapshots.drill(id, tools)
  return app.jobs.begin('snapshot-drill', { what: `snapshot-drill ${id}`, subject: id, isHeavy: true, run })
}

/** POST /api/snapshots/:id/restore with `{ as, topic?, until? }` or `{ directory, topic?, until?, overwrite? }` */
export async function postRestore(c: WebContext, app: Shared): Promise<Response> {
  return acceptedJob(c, await startRestore(c, app, readRestore(parseJson(await bodyText(c, app)))))
}

/** Start restoring the snapshot of the path: what stands in the way is told at once.
 * @throws {VarveError} as `Snapshots.restore`; `CAPABILITY_MISSING` where the server keeps no place for stores. */
export async function startRestore(c: WebContext, app: Shared, asked: AskedRestore): Promise<Job> {
  const id = snapshotId(c)
  const { topic, until } = asked
  const options = { ...placeOf(app, asked), ...present({ topic, until }) }
  return app.jobs.begin('snapshot-restore', {
    isHeavy: true,
    subject: id,
    run: (tools) =>
      recorded(c, app, {
        action: 'SnapshotRestore',
        entity: id,
        asked,
        signal: tools.signal,
        run: () => app.store.snapshots.restore(id, { ...options, ...tools }),
        outcome: ({ storeId, topics }) => ({ storeId, topics: topics.map((one) => one.topic) }),
      }),
  })
}

/** Where a restore goes: never a path of the caller's choosing. */
function placeOf(
  app: Shared,
  { as, directory, overwrite }: AskedRestore,
): Pick<RestoreOptions, 'as' | 'to' | 'overwrite'> {
  if ((as === undefined) === (directory === undefined))
    throw refuse('as', 'Cannot restore: give the new topic "as", or the "directory" of a store, one of them')
  if (as !== undefined) {
    if (overwrite === true) throw refuse('overwrite', 'Cannot restore: "overwrite" goes with "directory"')
    refuseOwn(as)
    refuseReadOnly(app, 'restore a snapshot as a topic')
    return { as }
  }
  if (!isName(directory))
    throw new VarveError('NAME_INVALID', 'Cannot restore: this may not be the name of a directory', {
      details: { what: 'directory' },
    })
  const { restoreTo } = app.options
  if (restoreTo === undefined)
    throw new VarveError('CAPABILITY_MISSING', 'Cannot restore to a directory: the server has no place for stores')
  return { to: restoreTo(directory), ...present({ overwrite }) }
}

/** The id in the path, which may be none. */
export function snapshotId(c: WebContext): string {
  return c.req.param('id') ?? ''
}
