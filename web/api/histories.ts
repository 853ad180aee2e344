/** Histories over HTTP: listed, created, changed, thinned, deleted. Their versions are in files of their own.
 *
 * States of projections are histories of the store's own: they can be read under their names and are not listed, and
 * nothing here changes them.
 * @module */
import {
  type CleanupOptions,
  type CleanupReport,
  type History,
  type HistoryOptions,
  type HistoryStats,
  isVarveError,
} from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { bodyText, isOwn, json, jsonPage, parseJson, refuseOwn, refuseReadOnly } from './answers.ts'
import { recorded } from './audit.ts'
import { pageByName } from './documents.ts'
import { nextLink } from './events.ts'
import { checkConfirmed, fieldsOf, numberField, present, refuse, textField } from './fields.ts'
import { HISTORY_OPTIONS, readHistoryOptions } from './history-options.ts'
import type { Job } from './jobs.ts'
import { acceptedJob } from './store.ts'

/** GET /api/histories */
export async function listHistories(c: WebContext, app: Shared): Promise<Response> {
  const page = await historyPage(app, present(factsOf(c).query))
  return jsonPage(page, nextLink(c, page.nextCursor))
}

/** Histories in the order of their names, behind the name `cursor`. The store's own are not listed. */
export async function historyPage(
  app: Shared,
  { cursor, limit }: { readonly cursor?: string; readonly limit?: number },
): Promise<{ items: HistoryStats[]; nextCursor?: string }> {
  const all = (await app.store.histories.list()).filter(({ history }) => !isOwn(history))
  return pageByName(all, { cursor, ...present({ limit }), nameOf: ({ history }) => history })
}

/** POST /api/histories with `{ history, ...options }` */
export async function postHistory(c: WebContext, app: Shared): Promise<Response> {
  const body = parseJson(await bodyText(c, app))
  const { history: name, ...rest } = fieldsOf(body, 'history', ['history', ...HISTORY_OPTIONS])
  if (typeof name !== 'string') throw refuse('history', 'Cannot create a history: "history" is not a string')
  const { created, history } = await createHistory(c, app, { name, options: readHistoryOptions(rest) })
  const headers = { location: `${factsOf(c).base}/api/histories/${encodeURIComponent(name)}` }
  return json(await history.stats(), { status: created ? 201 : 200, headers })
}

/** Create a history; fine when it exists with the same options. */
export async function createHistory(
  c: WebContext,
  app: Shared,
  { name, options }: { name: string; options: HistoryOptions },
): Promise<{ created: boolean; history: History }> {
  refuseOwn(name, 'history')
  // A name that cannot be one is refused before it is recorded.
  const existed = await app.store.histories.open(name).then(
    () => true,
    (error: unknown) => {
      if (isVarveError(error, 'HISTORY_UNKNOWN')) return false
      throw error
    },
  )
  const run = () => app.store.histories.open(name, { create: options })
  const history = existed
    ? await run()
    : await recorded(c, app, { action: 'HistoryCreate', entity: name, asked: options, run })
  return { created: !existed, history }
}

/** GET /api/histories/:name. Its ETag is that of the newest version, so what it says is not cached by it. */
export async function readHistory(c: WebContext, app: Shared): Promise<Response> {
  const stats = await (await historyOf(c, app)).stats()
  return json(stats, { headers: { etag: versionTag({ version: stats.newestVersion }, stats) } })
}

/** PATCH /api/histories/:name */
export async function patchHistory(c: WebContext, app: Shared): Promise<Response> {
  const options = readHistoryOptions(parseJson(await bodyText(c, app)))
  return json(await changeHistory(c, app, options))
}

/** Change options of the history of the path. */
export async function changeHistory(c: WebContext, app: Shared, options: HistoryOptions): Promise<HistoryStats> {
  const { name } = await writableHistoryOf(c, app)
  const run = () => app.store.histories.change(name, options)
  return recorded(c, app, { action: 'HistoryChange', entity: name, asked: options, run })
}

/** DELETE /api/histories/:name?confirm= */
export async function removeHistory(c: WebContext, app: Shared): Promise<Response> {
  await deleteHistory(c, app, factsOf(c).query.confirm)
  return new Response(null, { status: 204 })
}

/** Delete the history of the path and all its versions. */
export async function deleteHistory(c: WebContext, app: Shared, confirm: string | undefined): Promise<void> {
  const { name } = await writableHistoryOf(c, app)
  checkConfirmed(confirm, { name, what: 'history', action: 'delete' })
  const run = () => app.store.histories.delete(name)
  await recorded(c, app, { action: 'HistoryDelete', entity: name, run })
}

/** POST /api/histories/:name/cleanup with `{ dryRun?, now?, confirm? }`: 200 and what would go, or 202 and a job. */
export async function postCleanup(c: WebContext, app: Shared): Promise<Response> {
  const body = fieldsOf(parseJson(await bodyText(c, app)), 'cleanup', ['dryRun', 'now', 'confirm'])
  const { dryRun } = body
  if (dryRun !== undefined && typeof dryRun !== 'boolean')
    throw refuse('dryRun', 'Cannot clean up: "dryRun" is neither true nor false')
  const options = present({ now: numberField(body.now, 'now') })
  if (dryRun === true) return json(await previewCleanup(c, app, options))
  return acceptedJob(c, await startCleanup(c, app, { ...options, confirm: textField(body.confirm, 'confirm') }))
}

/** What a clean-up of the history of the path would do. */
export async function previewCleanup(
  c: WebContext,
  app: Shared,
  options: Pick<CleanupOptions, 'now'> = {},
): Promise<CleanupReport> {
  const history = await writableHistoryOf(c, app)
  return history.cleanup({ ...options, dryRun: true, signal: c.req.raw.signal })
}

/** Start a clean-up of the history of the path, or join the one that is running. */
export async function startCleanup(
  c: WebContext,
  app: Shared,
  { confirm, ...asked }: Pick<CleanupOptions, 'now'> & { readonly confirm: string | undefined },
): Promise<Job> {
  const history = await writableHistoryOf(c, app)
  const { name } = history
  checkConfirmed(confirm, { name, what: 'history', action: 'clean up' })
  refuseReadOnly(app, 'clean up a history')
  return app.jobs.start('history-cleanup', {
    what: `history-cleanup ${name}`,
    subject: name,
    run: (tools) =>
      recorded(c, app, {
        action: 'HistoryCleanup',
        entity: name,
        asked,
        signal: tools.signal,
        run: () => history.cleanup({ ...asked, ...tools }),
        outcome: ({ versions, kept, freedBytes }) => ({ versions, kept, freedBytes }),
      }),
  })
}

/** POST /api/histories/:name/verify */
export async function postHistoryVerify(c: WebContext, app: Shared): Promise<Response> {
  return acceptedJob(c, await startHistoryVerify(c, app))
}

/** Start a check of every version of the history of the path, or join the one that is running. */
export async function startHistoryVerify(c: WebContext, app: Shared): Promise<Job> {
  const history = await historyOf(c, app)
  const { name } = history
  const what = `history-verify ${name}`
  return app.jobs.start('history-verify', { what, subject: name, run: (tools) => history.verify(tools) })
}

/** Open the history of the path. @throws {VarveError} `HISTORY_UNKNOWN`, `NAME_INVALID`. */
export function historyOf(c: WebContext, app: Shared): Promise<History> {
  return app.store.histories.open(historyName(c))
}

/** Open the history of the path to change it.
 * @throws {VarveError} as `historyOf`; `NAME_INVALID` for one of the store's own. */
export async function writableHistoryOf(c: WebContext, app: Shared): Promise<History> {
  refuseOwn(historyName(c), 'history')
  return historyOf(c, app)
}

export function historyName(c: WebContext): string {
  return c.req.param('name') ?? ''
}

/** The entity tag of a version: its number, and when its history was created, because one that is created again under
 * the same name begins at 1 again. A rollup has taken the place of what the version was. */
export function versionTag(
  { version, kind }: { readonly version: number; readonly kind?: string },
  { createdAt }: HistoryStats,
): string {
  return `"${version}-${lineageOf(createdAt)}${kind === 'rollup' ? 'r' : ''}"`
}

/** What tags of versions have behind the number. */
export function lineageOf(createdAt: number): string {
  return createdAt.toString(36)
}
