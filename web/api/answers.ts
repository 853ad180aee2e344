/** JSON answers in the dialect of values, and what several routes read from a request.
 * @module */
import { parseJsonValue, stringifyValue, type Topic, VarveError } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { mediaType } from '../guard.ts'
import { inflate } from '../gzip.ts'

const encoder = new TextEncoder()

/** Answer with a value as JSON. */
export function json(value: unknown, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  return jsonText(stringifyValue(value), init)
}

/** Answer with text that is JSON. */
export function jsonText(text: string, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  const body = encoder.encode(text)
  const type = { 'content-type': 'application/json; charset=utf-8', 'content-length': String(body.length) }
  return new Response(body, { status: init.status ?? 200, headers: { ...type, ...init.headers } })
}

/** Text of a page that is sent at once; a longer page is sent in pieces of this many characters. */
const PIECE_CHARACTERS = 1_048_576

/** Answer with a page. A page may hold more text than one string can, so a long one is sent in pieces. */
export function jsonPage<P extends { readonly items: readonly unknown[] }>(
  page: P,
  headers: Record<string, string>,
): Response {
  const { items, ...rest } = page
  const pieces = pageText(items, stringifyValue(rest).slice(1))
  const first = pieces.next().value ?? ''
  const type = { 'content-type': 'application/json; charset=utf-8', ...headers }
  let next = pieces.next()
  if (next.done === true) return new Response(first, { headers: type })
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode(first)),
      pull(controller) {
        if (next.done === true) return controller.close()
        controller.enqueue(encoder.encode(next.value))
        next = pieces.next()
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(body, { headers: type })
}

function* pageText(items: readonly unknown[], end: string): Generator<string, undefined> {
  let text = '{"items":['
  for (const [index, item] of items.entries()) {
    text += `${index === 0 ? '' : ','}${stringifyValue(item)}`
    if (text.length < PIECE_CHARACTERS) continue
    yield text
    text = ''
  }
  yield `${text}]${end === '}' ? '' : ','}${end}`
}

/** Parse JSON text. @throws {VarveError} `JSON_INVALID`. */
export function parseJson(text: string): unknown {
  try {
    return parseJsonValue(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new VarveError('JSON_INVALID', 'Cannot read the body: it is not JSON')
    throw error
  }
}

/** Open the topic of the path. The store's own are for admins.
 * @throws {VarveError} `TOPIC_UNKNOWN`, `NAME_INVALID`, `ACCESS_DENIED`. */
export async function topicOf(c: WebContext, app: Shared): Promise<Topic> {
  const name = c.req.param('topic') ?? ''
  if (isOwn(name) && factsOf(c).role !== 'admin')
    throw new VarveError('ACCESS_DENIED', 'Cannot open this topic: it is for admins')
  return app.store.topics.open(name)
}

/** Open the topic of the path to change it or what it holds.
 * @throws {VarveError} as `topicOf`; `NAME_INVALID` for a topic of the store's own. */
export async function writableTopicOf(c: WebContext, app: Shared): Promise<Topic> {
  const topic = await topicOf(c, app)
  refuseOwn(topic.name)
  return topic
}

/** Tell whether a name is for the store's own: its topics, and the states of projections. */
export function isOwn(name: string): boolean {
  return name.startsWith('_')
}

/** @throws {VarveError} `NAME_INVALID` for what is the store's own. */
export function refuseOwn(name: string, what = 'topic'): void {
  if (isOwn(name))
    throw new VarveError('NAME_INVALID', `Cannot change ${what} "${name}": it is the store's own`, {
      details: { name },
    })
}

/** @throws {VarveError} `STORE_READ_ONLY`, before a job is started for what would be refused in it. */
export function refuseReadOnly({ store }: Shared, action: string): void {
  if (store.readOnly) throw new VarveError('STORE_READ_ONLY', `Cannot ${action}: the store is open for reading`)
}

/** The media type of the body, without its charset. */
export function bodyType(c: WebContext): string {
  return mediaType(c.req.header('content-type') ?? '')
}

/** The body in pieces, inflated where it is compressed. A pause of `bodyIdleMs` or a client that goes away ends it.
 * @param sentMax most bytes that may be sent, before they are inflated.
 * @throws {VarveError} `BODY_TIMEOUT`, `BODY_TOO_LARGE`; as `inflate`. */
export function bodyPieces(c: WebContext, app: Shared, sentMax = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  const pieces = sentPieces(c, app, sentMax)
  return c.req.header('content-encoding')?.toLowerCase() === 'gzip' ? inflate(pieces, app.limits.bodyRatio) : pieces
}

async function* sentPieces(c: WebContext, app: Shared, sentMax: number): AsyncGenerator<Uint8Array> {
  const reader = c.req.raw.body?.getReader()
  if (reader === undefined) return
  let size = 0
  try {
    while (true) {
      const next = await readInTime(reader, app)
      if (next.done) return
      size += next.value.length
      if (size > sentMax) throw tooLarge(sentMax)
      yield next.value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function readInTime(reader: ReadableStreamDefaultReader<Uint8Array>, app: Shared) {
  const { bodyIdleMs } = app.limits
  return new Promise<Awaited<ReturnType<typeof reader.read>>>((resolve, reject) => {
    const cancel = app.clock.after(bodyIdleMs, () => {
      const message = `Cannot read the body: nothing arrived for ${bodyIdleMs} ms`
      reject(new VarveError('BODY_TIMEOUT', message, { details: { bodyIdleMs } }))
    })
    const settle = (finish: () => void) => {
      cancel()
      finish()
    }
    reader.read().then(
      (next) => settle(() => resolve(next)),
      (cause: unknown) =>
        settle(() => reject(new VarveError('BODY_TIMEOUT', 'Cannot read the body: the client went away', { cause }))),
    )
  })
}

/** Read the whole body as text: at most `bodyBytes`, as sent and inflated.
 * @throws {VarveError} `BODY_TOO_LARGE`, `BODY_TIMEOUT`, `JSON_INVALID` (not UTF-8). */
export async function bodyText(c: WebContext, app: Shared, bodyBytes = app.limits.bodyBytes): Promise<string> {
  if (Number(c.req.header('content-length') ?? 0) > bodyBytes) throw tooLarge(bodyBytes)
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of bodyPieces(c, app, bodyBytes)) {
    size += piece.length
    if (size > bodyBytes) throw tooLarge(bodyBytes)
    pieces.push(piece)
  }
  return decodeUtf8(joinBytes(pieces, size))
}

function tooLarge(limit: number): VarveError {
  return new VarveError('BODY_TOO_LARGE', `Cannot read a body over ${limit} bytes`, { details: { limit } })
}

/** Decode UTF-8. @throws {VarveError} `JSON_INVALID` where it is not. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new VarveError('JSON_INVALID', 'Cannot read the body: it is not UTF-8')
  }
}

/** Join pieces of `size` bytes in all. */
export function joinBytes(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = pieces
  if (only !== undefined && pieces.length === 1) return only
  const joined = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}
