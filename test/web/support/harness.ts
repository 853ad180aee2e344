/** An app over a store with three known tokens, a clock that tests move, and short forms of requests.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore, type Store } from '../../../src/index.ts'
import { type App, type AppOptions, createApp, type Role } from '../../../web/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

/** Let pending work run until it waits for something outside; streams of some runtimes take turns of the event loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export interface Harness {
  readonly app: App
  readonly store: Store
  readonly clock: ManualClock
  readonly errors: unknown[]
  /** Ends streams and jobs of the app. */
  readonly stop: AbortController
  as(role: Role, path: string, init?: RequestInit): Promise<Response>
}

/** A store in memory whose time stands still. */
export function memoryStore(): Promise<Store> {
  return openStore({ storage: memoryStorage(), clock: new ManualClock(), random: seededRandom(2) })
}

/** Make an app with tokens named like their roles. */
export async function harness(options: AppOptions = {}): Promise<Harness> {
  const store = await memoryStore()
  const clock = new ManualClock()
  const stop = new AbortController()
  const errors: unknown[] = []
  const app = createApp(store, {
    access: (c) => ROLES[c.req.header('authorization')?.replace('Bearer ', '') ?? ''],
    clock,
    random: seededRandom(1),
    signal: stop.signal,
    onError: (error) => errors.push(error),
    ...options,
  })
  const as = async (role: Role, path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${role}`)
    return app.request(path, { ...init, headers })
  }
  return { app, store, clock, errors, stop, as }
}

const ROLES: Readonly<Record<string, Role>> = { read: 'read', append: 'append', admin: 'admin' }

/** A POST with a JSON body. */
export function posted(body: unknown): RequestInit {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { method: 'POST', body: text, headers: { 'content-type': 'application/json' } }
}

/** A POST with lines. */
export function lines(body: BodyInit): RequestInit {
  // `duplex` is wanted by fetch for streamed bodies and missing from the type.
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-ndjson' },
    duplex: 'half',
  }
  return init
}

/** The JSON of an answer. */
export async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>
}

export interface ReadFrame {
  id?: string
  event?: string
  data: string
  comment?: true
}

/** Reads frames of a stream one by one, as an EventSource would. */
export class FrameReader {
  readonly #response: Response
  #begun: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #decoder = new TextDecoder()
  #text = ''

  constructor(response: Response) {
    this.#response = response
  }

  get #reader(): ReadableStreamDefaultReader<Uint8Array> {
    const { body } = this.#response
    if (body === null) throw new Error('No body')
    this.#begun ??= body.getReader()
    return this.#begun
  }

  /** The next frame with data or a comment; `undefined` at the end. */
  async next(): Promise<ReadFrame | undefined> {
    while (true) {
      const end = this.#text.indexOf('\n\n')
      if (end < 0) {
        const { done, value } = await this.#reader.read()
        if (done) return undefined
        this.#text += this.#decoder.decode(value, { stream: true })
        continue
      }
      const frame = parseFrame(this.#text.slice(0, end))
      this.#text = this.#text.slice(end + 2)
      if (frame !== undefined) return frame
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}

function parseFrame(text: string): ReadFrame | undefined {
  if (text.startsWith(':')) return { data: '', comment: true }
  const data: string[] = []
  const frame: ReadFrame = { data: '' }
  for (const line of text.split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':')
    const [field, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
    if (field === 'data') data.push(value)
    else if (field === 'id') frame.id = value
    else if (field === 'event') frame.event = value
    else if (field !== 'retry') throw new Error(`Unknown field in frame: ${line}`)
  }
  if (data.length === 0) return undefined
  return { ...frame, data: data.join('\n') }
}
