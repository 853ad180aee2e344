/** Histories as the client has them: the calls of the library, over HTTP.
 * @module */
import {
  type AppendVersionOptions,
  type CleanupOptions,
  type CleanupReport,
  type DiffOptions,
  type FoundVersion,
  type HistoryOptions,
  type HistoryQuery,
  type HistoryReport,
  type HistoryStats,
  type ListVersionsOptions,
  type MetricsSnapshot,
  type PathVersion,
  type PathVersionsOptions,
  type ReadVersionOptions,
  stringifyValue,
  VarveError,
  type VersionDiff,
  type VersionInfo,
  type VersionPage,
  type VersionRange,
  type VersionReceipt,
  type VersionSelector,
} from '../../src/index.ts'
import { beliefOf, cancelledBy, jobReport, linesOf, parsed, queryText, type Send, streamed } from './requests.ts'

type Append = AppendVersionOptions & {
  /** Create the history, with default options, when it does not exist. */
  readonly create?: boolean
}

export type AppendLinesOptions = Pick<Append, 'ifVersion' | 'create' | 'signal'>

/** What became of lines. */
export interface VersionLinesReceipt {
  readonly history: string
  readonly versions: number
  /** Absent where there was no line. */
  readonly firstVersion?: number
  readonly lastVersion?: number
  readonly lastReceipt?: VersionReceipt
}

/** A version to append as a line. */
export type VersionLine = Omit<AppendVersionOptions, 'ifVersion' | 'signal'> &
  ({ readonly value: unknown } | { readonly metrics: MetricsSnapshot['metrics'] })

/** Versions as they come; afterwards why they ended and where to go on. */
export interface ClientFoundVersions extends AsyncIterable<FoundVersion> {
  readonly outcome: { readonly reason: 'end' | 'limit' | 'budget'; readonly nextCursor?: string } | undefined
}

export class ClientHistories {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  /** All histories with their sizes, by name. */
  async list(): Promise<HistoryStats[]> {
    const all: HistoryStats[] = []
    let cursor: string | undefined
    do {
      const page = await parsed(await this.#send(`/api/histories${queryText({ cursor })}`))
      const { items, nextCursor } = page as { items: HistoryStats[]; nextCursor?: string }
      all.push(...items)
      cursor = nextCursor
    } while (cursor !== undefined)
    return all
  }

  /** Create a history; fine when it exists with the same options. */
  async create(history: string, options: HistoryOptions = {}): Promise<HistoryStats> {
    return (await this.#post('/api/histories', { history, ...options })) as HistoryStats
  }

  async stats(name: string): Promise<HistoryStats> {
    return (await parsed(await this.#send(pathOf(name)))) as HistoryStats
  }

  /** Change options. Fields that are not given stay; each tier is replaced whole. */
  async change(name: string, options: HistoryOptions): Promise<HistoryStats> {
    const init = { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: stringifyValue(options) }
    return (await parsed(await this.#send(pathOf(name), init))) as HistoryStats
  }

  /** Delete a history and all of its versions. */
  async delete(name: string): Promise<void> {
    await this.#send(pathOf(name) + queryText({ confirm: name }), { method: 'DELETE' })
  }

  /** Store a value as the next version. */
  async append(name: string, value: unknown, options: Append = {}): Promise<VersionReceipt> {
    const { ifVersion, signal, create, ...about } = options
    if (about.metadata === undefined)
      return this.#append(name, value, { query: { ...about, create }, ifVersion, signal })
    // Metadata may be longer than an address, so it goes as a line.
    const how = { ...(ifVersion !== undefined && { ifVersion }), ...(create && { create }), ...cancelledBy(signal) }
    const { lastReceipt } = await this.appendLines(name, [{ value, ...about }], how)
    if (lastReceipt === undefined) throw new VarveError('INTERNAL', 'Cannot read the answer: it has no receipt')
    return lastReceipt
  }

  /** Store measured series as the next version. */
  appendMetrics(
    name: string,
    snapshot: MetricsSnapshot,
    options: Omit<Append, 'fingerprint' | 'metadata'> = {},
  ): Promise<VersionReceipt> {
    const { ifVersion, signal, ...query } = options
    return this.#append(name, plainMetrics(snapshot), { query: { ...query, kind: 'metrics' }, ifVersion, signal })
  }

  /** Store any number of versions, sent as they come. With `ifVersion` nothing of others comes between them.
   * @throws {VarveError} with `line` and `appended` {versions, firstVersion, lastVersion}: what was stored before. */
  async appendLines(
    name: string,
    lines: Iterable<VersionLine> | AsyncIterable<VersionLine>,
    options: AppendLinesOptions = {},
  ): Promise<VersionLinesReceipt> {
    const { ifVersion, create, signal } = options
    const init = streamed('POST', {
      type: 'application/x-ndjson',
      bytes: lineBytes(lines),
      headers: beliefOf(ifVersion),
      signal,
    })
    const path = `${pathOf(name)}/versions${queryText({ create: create || undefined })}`
    return (await parsed(await this.#send(path, init))) as VersionLinesReceipt
  }

  /** The value of a version, the newest by default; of a path undefined where nothing is. */
  async read(name: string, options: Omit<ReadVersionOptions, 'onCost'> = {}): Promise<unknown> {
    const { path, check, signal, ...selector } = options
    const query = { path: path === undefined ? undefined : String(path), check: check || undefined }
    try {
      return await parsed(await this.#send(versionPath(name, selector, { query }), cancelledBy(signal)))
    } catch (error) {
      if (error instanceof VarveError && error.code === 'PATH_UNKNOWN') return undefined
      throw error
    }
  }

  /** What is known of a version, without its value. */
  async find(name: string, selector: VersionSelector = {}): Promise<VersionInfo> {
    return (await parsed(await this.#send(versionPath(name, selector, { below: '/stat' })))) as VersionInfo
  }

  /** A page of the list of versions; `nextCursor` continues it. */
  async page(name: string, options: ListVersionsOptions = {}): Promise<VersionPage> {
    const { signal, ...query } = options
    const path = `${pathOf(name)}/versions${queryText(query)}`
    return (await parsed(await this.#send(path, cancelledBy(signal)))) as VersionPage
  }

  /** The list of versions, page by page. */
  async *index(name: string, range: VersionRange = {}): AsyncGenerator<VersionInfo, void> {
    let cursor: string | undefined
    do {
      const more = cursor === undefined ? {} : { cursor }
      const { items, nextCursor } = await this.page(name, { limit: 1_000, ...range, ...more })
      yield* items
      cursor = nextCursor
    } while (cursor !== undefined)
  }

  /** What changed between two versions. */
  async diff(name: string, { from, to = {}, limit, signal }: DiffOptions): Promise<VersionDiff> {
    const query = {
      from: from.version,
      fromTime: from.time,
      fromLabel: from.label,
      fromOffset: from.offset,
      to: to.version,
      toTime: to.time,
      toLabel: to.label,
      toOffset: to.offset,
      limit,
    }
    return (await parsed(
      await this.#send(`${pathOf(name)}/diff${queryText(query)}`, cancelledBy(signal)),
    )) as VersionDiff
  }

  /** The value at one path over time. */
  async *values(
    name: string,
    path: string | { toString(): string },
    options: PathVersionsOptions = {},
  ): AsyncGenerator<PathVersion, void> {
    const { signal, ...query } = options
    const address = `${pathOf(name)}/values${queryText({ path: String(path), ...query })}`
    // Where nothing is at the path, JSON has no field.
    for await (const line of linesOf(await this.#send(address, cancelledBy(signal))))
      yield { value: undefined, ...(line as Omit<PathVersion, 'value'>) }
  }

  /** Versions as they are found. Iterate it once; then `outcome` says why it ended. */
  query(name: string, query: HistoryQuery = {}): ClientFoundVersions {
    const { signal, path, ...filters } = query
    const text = queryText({ ...filters, path: path === undefined ? undefined : String(path) })
    return new Found(() => this.#send(`${pathOf(name)}/query${text}`, cancelledBy(signal)))
  }

  /** Keep a version whatever the tiers say. */
  async pin(name: string, selector: VersionSelector): Promise<VersionInfo> {
    return (await parsed(
      await this.#send(versionPath(name, selector, { below: '/pin' }), { method: 'POST' }),
    )) as VersionInfo
  }

  async unpin(name: string, selector: VersionSelector): Promise<VersionInfo> {
    const path = versionPath(name, selector, { below: '/pin' })
    return (await parsed(await this.#send(path, { method: 'DELETE' }))) as VersionInfo
  }

  /** Thin out as the tiers say, and wait for it; or with `dryRun` say what would go. */
  async cleanup(name: string, options: CleanupOptions = {}): Promise<CleanupReport> {
    const { signal, onProgress, ...body } = options
    const path = `${pathOf(name)}/cleanup`
    if (body.dryRun === true) return (await this.#post(path, body, signal)) as CleanupReport
    const started = await this.#sent(path, { ...body, confirm: name }, signal)
    return (await jobReport(this.#send, started, { signal, onProgress })) as CleanupReport
  }

  /** Have every version rebuilt and compared with its hash, and wait for it. */
  async verify(
    name: string,
    options: {
      readonly signal?: AbortSignal
      readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void
    } = {},
  ): Promise<HistoryReport> {
    const started = await this.#send(`${pathOf(name)}/verify`, { method: 'POST', ...cancelledBy(options.signal) })
    return (await jobReport(this.#send, started, options)) as HistoryReport
  }

  async #append(
    name: string,
    body: unknown,
    { query, ifVersion, signal }: { query: object; ifVersion: number | undefined; signal: AbortSignal | undefined },
  ): Promise<VersionReceipt> {
    const { create, ...rest } = query as { readonly create?: boolean }
    const path = `${pathOf(name)}/versions${queryText({ ...rest, create: create || undefined })}`
    const headers = { 'content-type': 'application/json', ...beliefOf(ifVersion) }
    const init = { method: 'POST', headers, body: stringifyValue(body), ...cancelledBy(signal) }
    return (await parsed(await this.#send(path, init))) as VersionReceipt
  }

  #sent(path: string, body: object, signal?: AbortSignal): Promise<Response> {
    const headers = { 'content-type': 'application/json' }
    return this.#send(path, { method: 'POST', headers, body: stringifyValue(body), ...cancelledBy(signal) })
  }

  async #post(path: string, body: object, signal?: AbortSignal): Promise<unknown> {
    return parsed(await this.#sent(path, body, signal))
  }
}

class Found implements ClientFoundVersions {
  outcome: ClientFoundVersions['outcome'] = undefined
  readonly #ask: () => Promise<Response>

  constructor(ask: () => Promise<Response>) {
    this.#ask = ask
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FoundVersion, void> {
    for await (const line of linesOf(await this.#ask())) {
      const found = line as FoundVersion | { readonly outcome: ClientFoundVersions['outcome'] }
      if ('outcome' in found) this.outcome = found.outcome
      else yield found
    }
  }
}

function pathOf(name: string): string {
  return `/api/histories/${encodeURIComponent(name)}`
}

function versionPath(
  name: string,
  { version, ...newest }: VersionSelector,
  { below = '', query = {} }: { readonly below?: string; readonly query?: Parameters<typeof queryText>[0] },
): string {
  return `${pathOf(name)}/versions/${version ?? 'newest'}${below}${queryText({ ...newest, ...query })}`
}

/** Series as plain arrays, which JSON has. */
function plainMetrics({ metrics, ...rest }: Pick<MetricsSnapshot, 'metrics'>): object {
  const series = Object.entries(metrics).map(([name, { timestamps, values }]) => [
    name,
    { timestamps: [...timestamps], values: [...values] },
  ])
  return { ...rest, metrics: Object.fromEntries(series) }
}

async function* lineBytes(lines: Iterable<VersionLine> | AsyncIterable<VersionLine>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  for await (const line of lines) {
    const plain = 'metrics' in line ? plainMetrics(line) : line
    yield encoder.encode(`${stringifyValue(plain)}\n`)
  }
}
