/** Appending versions over HTTP: one as a JSON value or as metrics, or any number as lines of NDJSON.
 *
 * `If-Match` names the newest version that the caller knows; of lines it is for the first, and each further line is
 * stored only behind the one before it. Lines are versions of their own: where one fails, those before it stay, and the
 * error says so.
 * @module */
import {
  type AppendVersionOptions,
  type History,
  isVarveError,
  VarveError,
  type VersionReceipt,
} from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { toVarveError } from '../problems.ts'
import { bodyPieces, bodyText, bodyType, json, parseJson, refuseOwn } from './answers.ts'
import { NDJSON } from './append.ts'
import { fieldsOf, numberField, present, refuse, textField } from './fields.ts'
import { createHistory, historyName, historyOf, lineageOf, versionTag } from './histories.ts'
import { readMetadata, readMetrics } from './history-options.ts'
import { lines, parseLine } from './ndjson.ts'
import { expectedVersion } from './preconditions.ts'
import { refuseWhenStopped } from './sse.ts'

export const VERSION_HEADERS = {
  'If-Match': 'The newest version as its ETag or its quoted number; or * when there must be one',
  'If-None-Match': '* when there must be no version yet',
} as const

/** What became of a body of lines. */
export interface VersionLinesReceipt {
  readonly history: string
  readonly versions: number
  /** Of the first and the last line; absent where there was none. */
  readonly firstVersion?: number
  readonly lastVersion?: number
  readonly lastReceipt?: VersionReceipt
}

/** A version that was read, to be appended. */
type Pending = (history: History, options: AppendVersionOptions) => Promise<VersionReceipt>

const LINE_FIELDS = ['value', 'metrics', 'label', 'fingerprint', 'metadata', 'offset', 'at'] as const
/** Options in the query that are about one version. */
const OF_ONE = ['versionKind', 'label', 'fingerprint', 'metadata', 'logOffset', 'at'] as const

/** POST /api/histories/:name/versions. Takes a stream slot while the body comes: a version is held as a whole. */
export async function appendVersions(c: WebContext, app: Shared): Promise<Response> {
  refuseOwn(historyName(c), 'history')
  refuseWhenStopped(app)
  const release = app.streams.take(app.options.peer?.(c) ?? 'all')
  const ending = new AbortController()
  const stop = () => ending.abort(new VarveError('STORE_CLOSED', 'Cannot go on appending: the server is stopping'))
  app.onStop.add(stop)
  try {
    return await (bodyType(c) === NDJSON ? appendLines : appendOne)(c, app, ending.signal)
  } finally {
    app.onStop.delete(stop)
    release()
  }
}

async function appendOne(c: WebContext, app: Shared, signal: AbortSignal): Promise<Response> {
  const pending = factsOf(c).query.versionKind === 'metrics' ? await onlyMetrics(c, app) : await onlyValue(c, app)
  const { history, ifVersion } = await target(c, app)
  const { label, logOffset: offset, at } = factsOf(c).query
  const receipt = await pending(history, { signal, ...present({ label, offset, at, ifVersion }) })
  return json(receipt, { status: 201, headers: await headersOf(c, history, receipt.version) })
}

async function onlyValue(c: WebContext, app: Shared): Promise<Pending> {
  const { fingerprint, metadata } = factsOf(c).query
  const own = present({
    fingerprint,
    metadata: metadata === undefined ? undefined : readMetadata(parseJson(metadata)),
  })
  const value = parseJson(await bodyText(c, app, app.limits.versionBytes))
  return (history, options) => history.append(value, { ...options, ...own })
}

async function onlyMetrics(c: WebContext, app: Shared): Promise<Pending> {
  for (const option of ['fingerprint', 'metadata'] as const)
    if (factsOf(c).query[option] !== undefined)
      throw refuse(option, `Cannot append metrics: "${option}" stands in the body`)
  const snapshot = readMetrics(parseJson(await bodyText(c, app, app.limits.versionBytes)))
  return (history, options) => history.appendMetrics(snapshot, options)
}

async function appendLines(c: WebContext, app: Shared, signal: AbortSignal): Promise<Response> {
  for (const option of OF_ONE)
    if (factsOf(c).query[option] !== undefined)
      throw refuse(option, 'Cannot append lines with options of one version: each line has its own')
  const name = historyName(c)
  let into: { readonly history: History; readonly ifVersion: number | undefined } | undefined
  let appended = { versions: 0, firstVersion: 0, lastVersion: 0 }
  let lastReceipt: VersionReceipt | undefined
  let line = 0
  try {
    for await (const { number, text } of lines(bodyPieces(c, app), app.limits.versionBytes)) {
      line = number
      const { pending, options } = readLine(parseLine(text, number))
      into ??= await target(c, app)
      const chained = into.ifVersion !== undefined && appended.versions > 0
      const ifVersion = chained ? appended.lastVersion : into.ifVersion
      lastReceipt = await pending(into.history, { signal, ...options, ...present({ ifVersion }) })
      const { version } = lastReceipt
      const { versions, firstVersion } = appended
      appended = {
        versions: versions + 1,
        firstVersion: versions === 0 ? version : firstVersion,
        lastVersion: version,
      }
    }
  } catch (error) {
    const { code, message, details, retryable } = toVarveError(error)
    const facts = { ...(line > 0 && { line }), ...details, appended }
    throw new VarveError(code, message, { details: facts, retryable, cause: error })
  }
  const none: VersionLinesReceipt = { history: name, versions: 0 }
  if (into === undefined) return json(none)
  const headers = await headersOf(c, into.history, appended.lastVersion)
  return json({ history: name, ...appended, lastReceipt }, { status: 201, headers })
}

function readLine(value: unknown): { pending: Pending; options: AppendVersionOptions } {
  const line = fieldsOf(value, 'line', LINE_FIELDS)
  const options = present({
    label: textField(line.label, 'label'),
    offset: numberField(line.offset, 'offset'),
    at: numberField(line.at, 'at'),
  })
  const { fingerprint, metadata } = line
  if (Object.hasOwn(line, 'metrics') === Object.hasOwn(line, 'value'))
    throw refuse('value', 'Cannot append a line: it has either "value" or "metrics"')
  if (Object.hasOwn(line, 'metrics')) {
    const snapshot = readMetrics(present({ metrics: line.metrics, fingerprint, metadata }))
    return { pending: (history, given) => history.appendMetrics(snapshot, given), options }
  }
  const own = present({ fingerprint: textField(fingerprint, 'fingerprint'), metadata: readMetadata(metadata) })
  return { pending: (history, given) => history.append(line.value, { ...given, ...own }), options }
}

/** The history of the path and the version that it must have. With `create` it is made where there is none; what was
 * read of the body is known to be a version by then.
 * @throws {VarveError} `HISTORY_UNKNOWN`, `HISTORY_CONFLICT`, `NAME_INVALID`. */
async function target(c: WebContext, app: Shared): Promise<{ history: History; ifVersion: number | undefined }> {
  const name = historyName(c)
  const create = factsOf(c).query.create === 'true'
  const found = await historyOf(c, app).catch((error: unknown) => {
    if (create && isVarveError(error, 'HISTORY_UNKNOWN')) return undefined
    throw error
  })
  const ifVersion = await readBelief(c, name, found)
  return { history: found ?? (await createHistory(c, app, { name, options: {} })).history, ifVersion }
}

/** What the headers say of the newest version, checked as far as it can be before the history is asked to act. */
async function readBelief(c: WebContext, name: string, history: History | undefined): Promise<number | undefined> {
  const tagged = /^(?:W\/)?"(\d{1,16})-([0-9a-z]{1,12})"$/.exec(c.req.header('if-match') ?? '')
  const [, version, lineage] = c.req.header('if-none-match') === undefined ? (tagged ?? []) : []
  const expected =
    version === undefined ? expectedVersion(c, { action: 'append', option: 'ifVersion' }) : Number(version)
  factsOf(c).preconditioned = expected !== undefined
  if (typeof expected === 'number' && lineage === undefined) return expected
  if (expected === undefined) return undefined
  if (expected === 'none') return 0
  const stats = await history?.stats()
  const newest = stats?.newestVersion ?? 0
  const isMet = expected === 'exists' ? newest > 0 : stats !== undefined && lineageOf(stats.createdAt) === lineage
  if (isMet) return expected === 'exists' ? undefined : expected
  throw new VarveError('HISTORY_CONFLICT', `Cannot append to history "${name}": its newest version is ${newest}`, {
    details: { history: name, expected, found: newest },
  })
}

async function headersOf(c: WebContext, history: History, version: number): Promise<Record<string, string>> {
  const location = `${factsOf(c).base}/api/histories/${encodeURIComponent(history.name)}/versions/${version}`
  return { location, etag: versionTag({ version }, await history.stats()) }
}
