/** varve/client: a small client of the JSON API, with the types and the errors of the library.
 * @module */
import {
  type AppendOptions,
  ERROR_CODES,
  type ErrorCode,
  type NewEvent,
  type Page,
  parseJsonValue,
  type ReadOptions,
  type Receipt,
  type StoredEvent,
  stringifyValue,
  type TailOptions,
  type TopicOptions,
  type TopicStats,
  VarveError,
} from '../../src/index.ts'
import { readFrames } from './frames.ts'

export interface ClientOptions {
  /** Where the app is mounted, such as `http://127.0.0.1:4713`. */
  readonly url: string
  /** Sent as a bearer token. */
  readonly token?: string
  /** Default: the runtime's own. */
  readonly fetch?: (url: string, init?: RequestInit) => Response | Promise<Response>
}

type Query = Readonly<Record<string, string | number | undefined>>

/** The API takes one kind. */
type OneKind<T> = Omit<T, 'kind'> & { readonly kind?: string }

/** Make a client. Every method throws a `VarveError` with the code that the server gave.
 * @example
 * ```ts
 * import { openStore } from 'varve'
 * import { createClient } from 'varve/client'
 * import { memoryStorage } from 'varve/memory'
 * import { createApp } from 'varve/web'
 * const store = await openStore({ storage: memoryStorage() })
 * const app = createApp(store, { access: () => 'admin' })
 * const client = createClient({ url: 'http://localhost', fetch: (url, init) => app.request(url, init) })
 * await client.createTopic('orders')
 * await client.append('orders', { kind: 'OrderPlaced', entity: 'order-1', data: { total: 12n ** 20n } })
 * const { items } = await client.page('orders')
 * console.assert(items[0]?.data.total === 12n ** 20n)
 * await store.close()
 * ``` */
export function createClient(options: ClientOptions): Client {
  return new Client(options)
}

export class Client {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #fetch: (url: string, init?: RequestInit) => Response | Promise<Response>

  constructor(options: ClientOptions) {
    this.#url = options.url.replace(/\/+$/, '')
    this.#headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init))
  }

  /** All topics with their sizes. */
  async topics(): Promise<TopicStats[]> {
    const { items } = (await this.#json('/api/topics')) as { items: TopicStats[] }
    return items
  }

  /** Create a topic; fine when it exists with the same options. */
  async createTopic(topic: string, options: TopicOptions = {}): Promise<void> {
    await this.#json('/api/topics', { method: 'POST', body: stringifyValue({ topic, ...options }) })
  }

  /** Append one event, or an array as one atomic batch. */
  async append(
    topic: string,
    events: NewEvent | readonly NewEvent[],
    options: Omit<AppendOptions, 'signal'> & { readonly signal?: AbortSignal } = {},
  ): Promise<Receipt> {
    const { signal, ...rest } = options
    const call = { events: Array.isArray(events) ? events : [events], ...rest }
    const init = { method: 'POST', body: stringifyValue(call), ...(signal === undefined ? {} : { signal }) }
    return (await this.#json(eventsPath(topic), init)) as Receipt
  }

  /** Read a page; `nextCursor` continues it. */
  async page(topic: string, options: OneKind<ReadOptions> = {}): Promise<Page> {
    const { signal, ...query } = options
    const init = signal === undefined ? {} : { signal }
    return (await this.#json(eventsPath(topic) + queryText(query), init)) as Page
  }

  /** The event at an offset, or undefined where there is none. */
  async get(
    topic: string,
    offset: number,
    options: { readonly partition?: number } = {},
  ): Promise<StoredEvent | undefined> {
    try {
      return (await this.#json(`${eventsPath(topic)}/${offset}${queryText(options)}`)) as StoredEvent
    } catch (error) {
      if (error instanceof VarveError && error.code === 'EVENT_UNKNOWN') return undefined
      throw error
    }
  }

  /** Follow a topic until `signal` is aborted. When the stream ends it is taken up again behind the last event. */
  async *tail(topic: string, options: OneKind<TailOptions> = {}): AsyncGenerator<StoredEvent, void, undefined> {
    const { signal, ...query } = options
    let last: string | undefined
    while (!signal?.aborted) {
      const headers: Record<string, string> = { accept: 'text/event-stream' }
      if (last !== undefined) headers['last-event-id'] = last
      const path = `/api/topics/${encodeURIComponent(topic)}/tail${queryText(query)}`
      const response = await this.#send(path, { headers, ...(signal === undefined ? {} : { signal }) })
      for await (const frame of readFrames(response, signal)) {
        if (frame.event === 'problem') throw problemError(parseJsonValue(frame.data), response.status)
        if (frame.event === 'overflow') break
        last = frame.id ?? last
        yield parseJsonValue(frame.data) as StoredEvent
      }
    }
  }

  async #json(path: string, init: RequestInit = {}): Promise<unknown> {
    return parseJsonValue(await (await this.#send(path, init)).text())
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    const type = init.body === undefined ? {} : { 'content-type': 'application/json' }
    const headers = { ...this.#headers, ...type, ...(init.headers as Record<string, string> | undefined) }
    const response = await this.#fetch(this.#url + path, { ...init, headers })
    if (!response.ok) throw await failure(response)
    return response
  }
}

function eventsPath(topic: string): string {
  return `/api/topics/${encodeURIComponent(topic)}/events`
}

function queryText(query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.append(name, String(value))
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}

async function failure(response: Response): Promise<VarveError> {
  const text = await response.text()
  try {
    return problemError(parseJsonValue(text), response.status)
  } catch (cause) {
    const details = { status: response.status }
    return new VarveError('INTERNAL', `Cannot read the answer of the server: status ${response.status}`, {
      details,
      cause,
    })
  }
}

/** The error that a problem document speaks of. */
function problemError(problem: unknown, status: number): VarveError {
  const { code, title, detail, details } = problem as Record<string, unknown>
  const known = typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL'
  const given = typeof details === 'object' && details !== null ? details : {}
  return new VarveError(known, String(detail ?? title ?? known), { details: { ...given, status } })
}
