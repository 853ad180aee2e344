/** varve/client: a small client of the JSON API, with the types and the errors of the library.
 * @module */
import {
  type AppendOptions,
  type ChangeableTopicOptions,
  type EventProof,
  type NewEvent,
  type Page,
  type PruneOptions,
  type PruneReport,
  parseJsonValue,
  type ReadOptions,
  type Receipt,
  type StoredEvent,
  stringifyValue,
  type TailOptions,
  type TopicOptions,
  type TopicStats,
  type Until,
  VarveError,
  type WalkOptions,
} from '../../src/index.ts'
import { ClientDocuments } from './documents.ts'
import { readFrames } from './frames.ts'
import { ClientHistories } from './histories.ts'
import { ClientProjections } from './projections.ts'
import { cancelledBy, parsed, problemError, queryText } from './requests.ts'
import { ClientSnapshots } from './snapshots.ts'

export type { ClientDocuments, PutOptions } from './documents.ts'
export type { AppendLinesOptions, ClientFoundVersions, ClientHistories, VersionLinesReceipt } from './histories.ts'
export type { ClientProjections } from './projections.ts'
export type { ClientRestoreOptions, ClientSnapshots, ScheduledSnapshots } from './snapshots.ts'

export interface ClientOptions {
  /** Where the app is mounted, such as `http://127.0.0.1:4713`. */
  readonly url: string
  /** Sent as a bearer token. */
  readonly token?: string
  /** Default: the runtime's own. */
  readonly fetch?: (url: string, init?: RequestInit) => Response | Promise<Response>
}

interface Sent {
  readonly method?: 'POST' | 'PATCH'
  readonly body: object
  readonly signal?: AbortSignal | undefined
}

/** A page; of one entity, with the version that the entity has at its end. */
export type ReadPage = Page & { readonly entityVersion?: number }

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
 * await client.documents.put('catalog', { products: [{ name: 'tea' }] })
 * console.assert((await client.documents.get('catalog', 'products[0].name')) === 'tea')
 * await client.histories.append('board', { shapes: [] }, { create: true })
 * await client.histories.append('board', { shapes: ['circle'] }, { ifVersion: 1 })
 * const { lines } = await client.histories.diff('board', { from: { version: 1 } })
 * console.assert(lines.length > 0)
 * const { id } = await client.snapshots.create({ label: 'before the change' })
 * const restored = await client.snapshots.restore(id, { as: 'orders-then', topic: 'orders' })
 * console.assert(restored.topics[0]?.events === 1)
 * await store.close()
 * ``` */
export function createClient(options: ClientOptions): Client {
  return new Client(options)
}

export class Client {
  /** Documents: put, get and the like, with text streamed both ways. */
  readonly documents: ClientDocuments
  /** Histories: append, read, diff, query and the like. */
  readonly histories: ClientHistories
  /** Projections: their states, and runs. */
  readonly projections: ClientProjections
  /** Log snapshots: create, verify, restore and the like. */
  readonly snapshots: ClientSnapshots
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #fetch: (url: string, init?: RequestInit) => Response | Promise<Response>

  constructor(options: ClientOptions) {
    this.#url = options.url.replace(/\/+$/, '')
    this.#headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init))
    const send = (path: string, init: RequestInit = {}) => this.#request(path, init)
    this.documents = new ClientDocuments(send)
    this.histories = new ClientHistories(send)
    this.projections = new ClientProjections(send)
    this.snapshots = new ClientSnapshots(send)
  }

  /** All topics with their sizes. */
  async topics(): Promise<TopicStats[]> {
    const { items } = (await this.#json('/api/topics')) as { items: TopicStats[] }
    return items
  }

  /** Sizes and settings of a topic. */
  async topic(topic: string): Promise<TopicStats> {
    return (await this.#json(pathOf(topic))) as TopicStats
  }

  /** Create a topic; fine when it exists with the same options. */
  async createTopic(topic: string, options: TopicOptions = {}): Promise<TopicStats> {
    return (await this.#send('/api/topics', { body: { topic, ...options } })) as TopicStats
  }

  /** Change options of a topic. Fields that are not given stay; `retention` and `idempotency` are replaced whole. */
  async changeTopic(topic: string, options: ChangeableTopicOptions): Promise<TopicStats> {
    return (await this.#send(pathOf(topic), { method: 'PATCH', body: options })) as TopicStats
  }

  /** Give up the oldest events, or with `dryRun` say what would go. */
  async prune(topic: string, options: PruneOptions = {}): Promise<PruneReport> {
    return (await this.#send(`${pathOf(topic)}/prune`, { body: { ...options, confirm: topic } })) as PruneReport
  }

  /** Delete a topic and all its events. */
  async deleteTopic(topic: string): Promise<void> {
    await this.#request(pathOf(topic) + queryText({ confirm: topic }), { method: 'DELETE' })
  }

  /** Make the topic `as` of the events of another one up to `until`, by default all. Both go on. */
  async forkTopic(
    topic: string,
    as: string,
    options: { readonly until?: Until; readonly signal?: AbortSignal } = {},
  ): Promise<TopicStats> {
    const { signal, ...rest } = options
    return (await this.#send(`${pathOf(topic)}/fork`, { body: { as, ...rest }, signal })) as TopicStats
  }

  /** Append one event, or an array as one atomic batch. With an idempotency key the call may be sent again. */
  async append(topic: string, events: NewEvent | readonly NewEvent[], options: AppendOptions = {}): Promise<Receipt> {
    const { signal, ...rest } = options
    const call = { events: Array.isArray(events) ? events : [events], ...rest }
    return (await this.#send(`${pathOf(topic)}/events`, { body: call, signal })) as Receipt
  }

  /** Read a page; `nextCursor` continues it. */
  async page(topic: string, options: ReadOptions = {}): Promise<ReadPage> {
    const { signal, ...query } = options
    return (await this.#json(`${pathOf(topic)}/events${queryText(query)}`, signal)) as ReadPage
  }

  /** The version of an entity: the offset after its last event, 0 when it never had one. */
  async version(topic: string, entity: string): Promise<number> {
    const { entityVersion } = await this.page(topic, { entity, limit: 1, direction: 'backward' })
    return entityVersion ?? 0
  }

  /** The events that led to the one with this id, nearest first. Over HTTP `limit` is at most 1,000. */
  causes(topic: string, id: string, options: WalkOptions = {}): Promise<StoredEvent[]> {
    return this.#walk(`${pathOf(topic)}/causes`, id, options)
  }

  /** The events that the one with this id led to, level by level. Over HTTP `limit` is at most 1,000. */
  effects(topic: string, id: string, options: WalkOptions = {}): Promise<StoredEvent[]> {
    return this.#walk(`${pathOf(topic)}/effects`, id, options)
  }

  async #walk(path: string, id: string, { limit, signal }: WalkOptions): Promise<StoredEvent[]> {
    const { items } = (await this.#json(path + queryText({ id, limit }), signal)) as { items: StoredEvent[] }
    return items
  }

  /** The event at an offset, or undefined where there is none. */
  async get(
    topic: string,
    offset: number,
    options: { readonly partition?: number } = {},
  ): Promise<StoredEvent | undefined> {
    const found = await this.#unlessUnknown(`${pathOf(topic)}/events/${offset}${queryText(options)}`)
    return found as StoredEvent | undefined
  }

  /** A proof that the event at an offset is part of the log, or undefined where there is no event. */
  async proof(
    topic: string,
    offset: number,
    options: { readonly partition?: number } = {},
  ): Promise<EventProof | undefined> {
    const found = await this.#unlessUnknown(`${pathOf(topic)}/events/${offset}/proof${queryText(options)}`)
    return found as EventProof | undefined
  }

  /** Follow a topic until `signal` is aborted. When the stream ends it is taken up again behind the last event. */
  async *tail(topic: string, options: TailOptions = {}): AsyncGenerator<StoredEvent, void, undefined> {
    const { signal, ...query } = options
    let last: string | undefined
    while (!signal?.aborted) {
      const headers: Record<string, string> = { accept: 'text/event-stream' }
      if (last !== undefined) headers['last-event-id'] = last
      const path = `${pathOf(topic)}/tail${queryText(query)}`
      const response = await this.#request(path, { headers, ...cancelledBy(signal) })
      for await (const frame of readFrames(response, signal)) {
        if (frame.event === 'problem') throw problemError(parseJsonValue(frame.data), response.status)
        if (frame.event === 'overflow') break
        last = frame.id ?? last
        yield parseJsonValue(frame.data) as StoredEvent
      }
    }
  }

  async #unlessUnknown(path: string): Promise<unknown> {
    try {
      return await this.#json(path)
    } catch (error) {
      if (error instanceof VarveError && error.code === 'EVENT_UNKNOWN') return undefined
      throw error
    }
  }

  async #json(path: string, signal?: AbortSignal): Promise<unknown> {
    return parsed(await this.#request(path, cancelledBy(signal)))
  }

  async #send(path: string, { method = 'POST', body, signal }: Sent): Promise<unknown> {
    const headers = { 'content-type': 'application/json' }
    return parsed(await this.#request(path, { method, headers, body: stringifyValue(body), ...cancelledBy(signal) }))
  }

  async #request(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...this.#headers, ...(init.headers as Record<string, string> | undefined) }
    const response = await this.#fetch(this.#url + path, { ...init, headers })
    if (!response.ok) throw await failure(response)
    return response
  }
}

function pathOf(topic: string): string {
  return `/api/topics/${encodeURIComponent(topic)}`
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
