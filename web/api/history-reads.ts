/** Reading histories over HTTP: lists of versions, values, differences, one path over time, what a query finds.
 *
 * A version is addressed by its number, or as `newest`: the newest of all, or of those that `time`, `label` or `offset`
 * choose. What may be long is sent as it is found; what is found without an end in sight comes as lines.
 * @module */
import {
  type FoundVersions,
  type History,
  type HistoryStats,
  stringifyValue,
  VarveError,
  type VersionInfo,
  type VersionSelector,
} from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { json, jsonPage } from './answers.ts'
import { recorded } from './audit.ts'
import { placeOf } from './documents.ts'
import { nextLink } from './events.ts'
import { present, refuse } from './fields.ts'
import { historyOf, versionTag, writableHistoryOf } from './histories.ts'
import { isKnown } from './preconditions.ts'
import { streamBytes, valueAnswer } from './stream.ts'

const LINES_TYPE = 'application/x-ndjson; charset=utf-8'
const encoder = new TextEncoder()

/** GET /api/histories/:name/versions */
export async function listVersions(c: WebContext, app: Shared): Promise<Response> {
  const { fromVersion: from, toVersion: to, direction, limit, cursor } = factsOf(c).query
  const history = await historyOf(c, app)
  const page = await history.list(present({ from, to, direction, limit, cursor, signal: c.req.raw.signal }))
  return jsonPage(page, nextLink(c, page.nextCursor))
}

/** GET and HEAD /api/histories/:name/versions/:version with `path` or `pointer`: the JSON text of a value. */
export async function readVersion(c: WebContext, app: Shared): Promise<Response> {
  const place = placeOf(c)
  const { info, history, headers } = await foundVersion(c, app)
  if (isKnown(c, headers.etag)) return new Response(null, { status: 304, headers })
  const isWhole = place.steps.length === 0
  if (c.req.method === 'HEAD' && isWhole)
    return new Response(null, { headers: { ...headers, 'content-type': 'application/json; charset=utf-8' } })
  const check = factsOf(c).query.check === 'true' || undefined
  const value = await history.read({
    version: info.version,
    signal: c.req.raw.signal,
    ...present({ check, path: isWhole ? undefined : place }),
  })
  if (value === undefined)
    throw new VarveError('PATH_UNKNOWN', 'Cannot find a value at this path', {
      details: { history: history.name, version: info.version, path: place.toString() },
    })
  return valueAnswer(c, app, { value, headers, sizeBytes: info.rawBytes })
}

/** GET /api/histories/:name/versions/:version/stat */
export async function readVersionStat(c: WebContext, app: Shared): Promise<Response> {
  const { info } = await foundVersion(c, app)
  return json(info)
}

/** GET /api/histories/:name/diff */
export async function readDiff(c: WebContext, app: Shared): Promise<Response> {
  const { query } = factsOf(c)
  const history = await historyOf(c, app)
  const from = selected({
    version: query.diffFrom,
    time: query.fromTime,
    label: query.fromLabel,
    offset: query.fromOffset,
  })
  if (Object.keys(from).length === 0) throw refuse('from', 'Cannot compare versions: "from" names the first of them')
  const to = selected({ version: query.diffTo, time: query.toTime, label: query.toLabel, offset: query.toOffset })
  const diff = await history.diff({ from, to, ...present({ limit: query.changesLimit }), signal: c.req.raw.signal })
  const sizeBytes = diff.from.rawBytes + diff.to.rawBytes
  return valueAnswer(c, app, { value: diff, headers: {}, sizeBytes })
}

/** GET /api/histories/:name/values with `path` or `pointer`: a line for each version, or each that differs. */
export async function readValues(c: WebContext, app: Shared): Promise<Response> {
  const place = placeOf(c)
  const { fromVersion: from, toVersion: to, direction, onlyChanges } = factsOf(c).query
  const history = await historyOf(c, app)
  const options = present({
    from,
    to,
    direction,
    onlyChanges: onlyChanges === undefined ? undefined : onlyChanges === 'true',
  })
  return linesAnswer(c, app, (signal) => history.values(place, { ...options, signal }))
}

/** GET /api/histories/:name/query: a line for each version that is found, and a last one, `{ outcome }`, that says why
 * it ended and where to go on. */
export async function queryVersions(c: WebContext, app: Shared): Promise<Response> {
  const { query } = factsOf(c)
  const { path, pointer, since, until, label, fingerprint, metric, tier, direction, budgetBytes, cursor } = query
  const place = path === undefined && pointer === undefined ? undefined : placeOf(c)
  const history = await historyOf(c, app)
  const filters = { since, until, label, fingerprint, metric, tier, direction, budgetBytes, cursor, path: place }
  const options = present({ ...filters, limit: query.findLimit })
  return linesAnswer(c, app, (signal) => withOutcome(history.query({ ...options, signal })))
}

async function* withOutcome(found: FoundVersions): AsyncGenerator<object> {
  yield* found
  yield { outcome: found.outcome }
}

/** POST /api/histories/:name/versions/:version/pin */
export async function pinVersion(c: WebContext, app: Shared): Promise<Response> {
  return json(await changePin(c, app, 'pin'))
}

/** DELETE /api/histories/:name/versions/:version/pin */
export async function unpinVersion(c: WebContext, app: Shared): Promise<Response> {
  return json(await changePin(c, app, 'unpin'))
}

/** Pin the version of the path, or take its pin away. */
export async function changePin(c: WebContext, app: Shared, way: 'pin' | 'unpin'): Promise<VersionInfo> {
  const history = await writableHistoryOf(c, app)
  const { version } = await history.find(selectorOf(c))
  return recorded(c, app, {
    action: way === 'pin' ? 'HistoryPin' : 'HistoryUnpin',
    entity: history.name,
    asked: { version },
    run: () => history[way]({ version }),
  })
}

interface Found {
  readonly history: History
  readonly info: VersionInfo
  readonly stats: HistoryStats
  readonly headers: { readonly etag: string } & Record<string, string>
}

/** The version that path and query name. */
async function foundVersion(c: WebContext, app: Shared): Promise<Found> {
  const history = await historyOf(c, app)
  const info = await history.find(selectorOf(c))
  const stats = await history.stats()
  const place = `${factsOf(c).base}/api/histories/${encodeURIComponent(history.name)}/versions/${info.version}`
  const isNamed = c.req.param('version') === String(info.version)
  const headers = { etag: versionTag(info, stats), ...(!isNamed && { 'content-location': place }) }
  return { history, info, stats, headers }
}

/** The version of the path: a number, or `newest` with what it is the newest of.
 * @throws {VarveError} `OPTION_INVALID`. */
export function selectorOf(c: WebContext): VersionSelector {
  const { time, withLabel: label, upToOffset: offset } = factsOf(c).query
  const text = c.req.param('version') ?? ''
  const chosen = selected({ time, label, offset })
  if (text === 'newest') return chosen
  const [option] = Object.keys(chosen)
  if (option !== undefined) throw refuse(option, `Cannot find a version by its number and "${option}": use "newest"`)
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return { version: Number(text) }
  throw refuse('version', 'Cannot find this version: expected its number, or "newest"')
}

/** At most one way to name a version. @throws {VarveError} `OPTION_INVALID`. */
function selected(ways: { [Way in keyof VersionSelector]: VersionSelector[Way] | undefined }): VersionSelector {
  const chosen = present(ways)
  const [, second] = Object.keys(chosen)
  if (second !== undefined) throw refuse(second, `Cannot find a version: "${second}" is a second way to name it`)
  return chosen
}

/** Answer with a line for each thing that is found, until it ends or the client goes. */
function linesAnswer(
  c: WebContext,
  app: Shared,
  found: (signal: AbortSignal) => AsyncIterable<object>,
): Response | Promise<Response> {
  return streamBytes(c, app, {
    pieces: (signal) => lineBytes(found(signal), app.limits.streamChunkBytes),
    headers: { 'content-type': LINES_TYPE },
    release: () => {},
  })
}

async function* lineBytes(found: AsyncIterable<object>, chunkBytes: number): AsyncGenerator<Uint8Array> {
  let text = ''
  for await (const one of found) {
    text += `${stringifyValue(one)}\n`
    if (text.length < chunkBytes) continue
    yield encoder.encode(text)
    text = ''
  }
  if (text !== '') yield encoder.encode(text)
}
