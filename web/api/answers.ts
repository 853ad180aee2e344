/** JSON answers in the dialect of values, and what several routes read from a request.
 * @module */
import { type Page, parseJsonValue, type StoredEvent, stringifyValue, type Topic, VarveError } from '../../src/index.ts'
import type { Shared, WebContext } from '../context.ts'
import { mediaType } from '../guard.ts'

/** Answer with a value as JSON. */
export function json(value: unknown, init: { status?: number; headers?: Record<string, string> } = {}): Response {
  return new Response(stringifyValue(value), {
    status: init.status ?? 200,
    headers: { 'content-type': 'application/json; charset=utf-8', ...init.headers },
  })
}

/** Text of a page that is sent at once; a longer page is sent in pieces of this many characters. */
const PIECE_CHARACTERS = 1_048_576

/** Answer with a page of events. A page may hold more text than one string can, so a long one is sent in pieces. */
export function jsonPage({ items, ...rest }: Page, headers: Record<string, string>): Response {
  const pieces = pageText(items, stringifyValue(rest).slice(1))
  const first = pieces.next().value ?? ''
  const type = { 'content-type': 'application/json; charset=utf-8', ...headers }
  let next = pieces.next()
  if (next.done === true) return new Response(first, { headers: type })
  const encoder = new TextEncoder()
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

function* pageText(items: readonly StoredEvent[], end: string): Generator<string, undefined> {
  let text = '{"items":['
  for (const [index, event] of items.entries()) {
    text += `${index === 0 ? '' : ','}${stringifyValue(event)}`
    if (text.length < PIECE_CHARACTERS) continue
    yield text
    text = ''
  }
  yield `${text}],${end}`
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

/** Open the topic of the path. @throws {VarveError} `TOPIC_UNKNOWN`, `NAME_INVALID`. */
export function topicOf(c: WebContext, app: Shared): Promise<Topic> {
  return app.store.topics.open(c.req.param('topic') ?? '')
}

/** The media type of the body, without its charset. */
export function bodyType(c: WebContext): string {
  return mediaType(c.req.header('content-type') ?? '')
}

/** The body in pieces. A pause of `bodyIdleMs` or a client that goes away ends it.
 * @throws {VarveError} `BODY_TIMEOUT`. */
export async function* bodyPieces(c: WebContext, app: Shared): AsyncGenerator<Uint8Array> {
  const reader = c.req.raw.body?.getReader()
  if (reader === undefined) return
  try {
    while (true) {
      const next = await readInTime(reader, app)
      if (next.done) return
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

/** Read the whole body as text. @throws {VarveError} `BODY_TOO_LARGE`, `BODY_TIMEOUT`, `JSON_INVALID` (not UTF-8). */
export async function bodyText(c: WebContext, app: Shared): Promise<string> {
  const { bodyBytes } = app.limits
  const tooLarge = () =>
    new VarveError('BODY_TOO_LARGE', `Cannot read a body over ${bodyBytes} bytes`, { details: { limit: bodyBytes } })
  if (Number(c.req.header('content-length') ?? 0) > bodyBytes) throw tooLarge()
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of bodyPieces(c, app)) {
    size += piece.length
    if (size > bodyBytes) throw tooLarge()
    pieces.push(piece)
  }
  return decodeUtf8(joinBytes(pieces, size))
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
