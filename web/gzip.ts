/** Compressed bodies, both ways, with what any runtime has.
 *
 * Nothing here is done ahead of whoever takes the result, so a slow one costs a piece and not the whole.
 * Inflating is bounded while it goes on: bytes are handed over in slices so small that no slice can become much, and
 * nothing more is inflated once the limit of bytes or of the ratio is passed.
 * @module */
import { VarveError } from '../src/index.ts'
import type { WebContext } from './context.ts'

/** A slice of this many bytes becomes at most 1,032 times as much: 1 MiB. */
const SLICE_BYTES = 1_024
/** Below this many bytes the ratio does not matter. */
const RATIO_FREE_BYTES = 65_536
/** Answers below this size are sent as they are. */
const WORTH_BYTES = 1_024

/** Inflate a gzip body piece by piece. It holds about 1 MiB at most, whatever it is given.
 * @throws {VarveError} `BODY_TOO_LARGE` over `ratioMax`, `JSON_INVALID` where it is not gzip; as `pieces`. */
export async function* inflate(pieces: AsyncIterable<Uint8Array>, ratioMax: number): AsyncGenerator<Uint8Array> {
  const slices = sliced(pieces)
  let failure: unknown
  let takenBytes = 0
  let givenBytes = 0
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const next = await slices.next()
          if (next.done === true) return controller.close()
          takenBytes += next.value.length
          controller.enqueue(next.value)
        } catch (error) {
          failure = error
          controller.error(error)
        }
      },
      cancel: async () => void (await slices.return(undefined)),
    },
    { highWaterMark: 0 },
  )
  const reader = through(source, new DecompressionStream('gzip')).getReader()
  try {
    while (true) {
      const next = await reader.read().catch((cause: unknown) => {
        throw failure ?? new VarveError('JSON_INVALID', 'Cannot read the body: it is not gzip', { cause })
      })
      if (next.done) return
      givenBytes += next.value.length
      if (givenBytes > RATIO_FREE_BYTES && givenBytes > takenBytes * ratioMax) throw tooDense(ratioMax)
      yield next.value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function tooDense(ratioLimit: number): VarveError {
  const message = `Cannot read a body that is compressed more than ${ratioLimit} times`
  return new VarveError('BODY_TOO_LARGE', message, { details: { ratioLimit } })
}

async function* sliced(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; at += SLICE_BYTES) yield piece.slice(at, at + SLICE_BYTES)
  return undefined
}

/** Compress the answer where it is JSON worth it and the client takes gzip. Streams of events stay as they are: a frame
 * must not wait for the next one. */
export function compressAnswer(c: WebContext): void {
  const { res } = c
  if (res.body === null || !/^application\/(?:problem\+)?json\b/.test(res.headers.get('content-type') ?? '')) return
  res.headers.append('vary', 'Accept-Encoding')
  const length = res.headers.get('content-length')
  if (length !== null && Number(length) < WORTH_BYTES) return
  if (c.req.method === 'HEAD' || !acceptsGzip(c.req.header('accept-encoding') ?? '')) return
  const headers = new Headers(res.headers)
  headers.delete('content-length')
  headers.set('content-encoding', 'gzip')
  const etag = headers.get('etag')
  // The bytes are not those that the strong tag names.
  if (etag?.startsWith('"')) headers.set('etag', `W/${etag}`)
  const body = through(res.body, new CompressionStream('gzip'))
  // Setting `c.res` merges headers of the one before; those that were taken away must not come back.
  c.res = undefined
  // Some runtimes compress what names an encoding unless they are told that it is done.
  const init: ResponseInit & { encodeBody: 'manual' } = { status: res.status, headers, encodeBody: 'manual' }
  c.res = new Response(body, init)
}

/** What `pipeThrough` does, but one piece at a time: on Node 20 it takes all of a source whose result nobody reads. */
function through(body: ReadableStream<Uint8Array>, pair: CompressionStream | DecompressionStream) {
  // Their type says that they take shared memory as well.
  const { readable, writable } = pair as ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array>
  const reader = body.getReader()
  const writer = writable.getWriter()
  const pump = async () => {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return await writer.close()
      await writer.ready
      await writer.write(value)
    }
  }
  // When one end fails or is left, the other learns of it.
  pump().catch((error: unknown) => writer.abort(error).catch(() => {}))
  writer.closed.catch((error: unknown) => reader.cancel(error).catch(() => {}))
  return readable
}

/** Tell whether `Accept-Encoding` names gzip, or anything, with a weight above 0. */
function acceptsGzip(header: string): boolean {
  const weights = new Map<string, number>()
  for (const part of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)) || 0)
  }
  return (weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0) > 0
}
