/** Bytes of any length as the body of an answer.
 *
 * Invariants:
 * - The first two pieces are read before anything is answered: a failure there is a problem with its own status, and
 *   what is short has a length and holds nothing open. Where they take over a second the answer begins without them,
 *   so that a long search holds a slot of streams, not one of requests, and ends when its client goes.
 * - Nothing is read ahead of the client. A client that leaves a piece unread for `answerIdleMs` is cut off.
 * - The answer has begun when a later piece fails, so the connection is cut: no client takes a part for the whole.
 * - Whatever ends the stream (client, server, source, failure) runs the same `#end`, once.
 * @module */
import {
  eventsToJson,
  type OpenDocument,
  type Path,
  stringifyValue,
  VarveError,
  valueToEvents,
} from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { logFailure } from '../problems.ts'
import { joinBytes, jsonText } from './answers.ts'
import { refuseWhenStopped } from './sse.ts'

/** How long an answer waits for its first pieces. */
const BEGINNING_MS = 1_000

const encoder = new TextEncoder()
const LINE_END = encoder.encode('}\n')

export interface ByteSource {
  /** Where the bytes come from, until `signal` aborts. */
  readonly pieces: (signal: AbortSignal) => AsyncIterable<Uint8Array>
  readonly headers: Readonly<Record<string, string>>
  /** Called once nothing more is read. */
  readonly release: () => void
}

/** Answer with bytes as they come. What is longer than two pieces takes a stream slot until it ends. The source is
 * released in any case but that of an error thrown here.
 * @throws {VarveError} `RATE_LIMITED`, `STORE_CLOSED`, and what the source throws before its third piece. */
export async function streamBytes(c: WebContext, app: Shared, source: ByteSource): Promise<Response> {
  refuseWhenStopped(app)
  const stop = new AbortController()
  const pieces = source.pieces(stop.signal)[Symbol.asyncIterator]()
  try {
    const begun = await beginningOf(app, pieces)
    if (begun.isWhole) {
      source.release()
      const size = begun.read.reduce((sum, piece) => sum + piece.length, 0)
      return new Response(joinBytes(begun.read, size) as Uint8Array<ArrayBuffer>, {
        headers: { ...source.headers, 'content-length': String(size) },
      })
    }
    const freeSlot = app.streams.take(app.options.peer?.(c) ?? 'all')
    const stream = new ByteStream({ c, app, begun, pieces, stop, freeSlot, release: source.release })
    return new Response(stream.readable, { headers: source.headers })
  } catch (error) {
    stop.abort()
    await pieces.return?.().catch(() => {})
    throw error
  }
}

interface Beginning {
  readonly read: Uint8Array[]
  readonly isWhole: boolean
  /** A read that goes on. */
  pending?: Promise<IteratorResult<Uint8Array>> | undefined
}

/** The first two pieces, or what there is of them within a second. */
async function beginningOf(app: Shared, pieces: AsyncIterator<Uint8Array>): Promise<Beginning> {
  const read: Uint8Array[] = []
  let cancel = () => {}
  const late = new Promise<undefined>((resolve) => {
    cancel = app.clock.after(BEGINNING_MS, () => resolve(undefined))
  })
  try {
    while (read.length < 2) {
      const pending = pieces.next()
      const next = await Promise.race([pending, late])
      if (next === undefined) {
        // Whoever takes the answer is told of its failure; nobody may.
        pending.catch(() => {})
        return { read, isWhole: false, pending }
      }
      if (next.done === true) return { read, isWhole: true }
      read.push(next.value)
    }
    return { read, isWhole: false }
  } finally {
    cancel()
  }
}

interface ByteStreamParts {
  readonly c: WebContext
  readonly app: Shared
  readonly begun: Beginning
  readonly pieces: AsyncIterator<Uint8Array>
  readonly stop: AbortController
  readonly freeSlot: () => void
  readonly release: () => void
}

class ByteStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly #parts: ByteStreamParts
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #cancelDeadline: (() => void) | undefined
  #ended = false

  constructor(parts: ByteStreamParts) {
    this.#parts = parts
    parts.app.onStop.add(this.#onStop)
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#end(),
      },
      // No piece is read ahead of the client.
      { highWaterMark: 0 },
    )
  }

  readonly #onStop = (): void => this.#cut(new VarveError('STORE_CLOSED', 'Cannot go on: the server is stopping'))

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#cancelDeadline?.()
    const { app, c } = this.#parts
    try {
      const next = await this.#next()
      if (this.#ended) return
      if (next.done === true) {
        this.#end()
        controller.close()
        return
      }
      controller.enqueue(next.value)
      this.#cancelDeadline = app.clock.after(app.limits.answerIdleMs, () =>
        this.#cut(new VarveError('BODY_TIMEOUT', 'Cannot go on: the client does not read')),
      )
    } catch (error) {
      if (this.#ended) return
      logFailure(error, { options: app.options, requestId: factsOf(c).requestId })
      this.#cut(error)
    }
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    const { begun, pieces } = this.#parts
    const held = begun.read.shift()
    if (held !== undefined) return Promise.resolve({ done: false, value: held })
    const { pending } = begun
    begun.pending = undefined
    return pending ?? pieces.next()
  }

  #cut(error: unknown): void {
    if (this.#ended) return
    this.#end()
    this.#controller?.error(error)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    const { app, freeSlot, pieces, release, stop } = this.#parts
    app.onStop.delete(this.#onStop)
    this.#cancelDeadline?.()
    stop.abort()
    freeSlot()
    // The source may be in the middle of a read; it has been told to stop, so its end is only observed.
    const ended = pieces.return?.() ?? Promise.resolve()
    void ended.then(release, release)
  }
}

/** Characters of text that is answered at once; more comes in pieces and holds a slot. */
const WHOLE_CHARACTERS = 1_048_576
/** Encoded bytes of a value whose text is made at once; of a larger one it is made as it is sent. */
const TEXT_BYTES = 67_108_864

/** Answer with a value as JSON, in pieces where it is large.
 * @param sizeBytes about how large it is, where that is known. @throws {VarveError} as `streamBytes`. */
export function valueAnswer(
  c: WebContext,
  app: Shared,
  { value, headers, sizeBytes = 0 }: { value: unknown; headers: Readonly<Record<string, string>>; sizeBytes?: number },
): Response | Promise<Response> {
  const text = sizeBytes > TEXT_BYTES ? undefined : textOf(value)
  if (text !== undefined && text.length <= WHOLE_CHARACTERS) return jsonText(text, { headers })
  return streamBytes(c, app, {
    pieces: () =>
      text === undefined ? eventsToJson(valueToEvents(value)) : piecesOf(text, app.limits.streamChunkBytes),
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
    release: () => {},
  })
}

/** The JSON of a value, unless no string can hold it. */
function textOf(value: unknown): string | undefined {
  try {
    return stringifyValue(value)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

async function* piecesOf(text: string, characters: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < text.length; ) {
    const to = from + characters
    // No pair of surrogates is cut.
    const end = (text.charCodeAt(to - 1) & 0xfc00) === 0xd800 ? to + 1 : to
    yield encoder.encode(text.slice(from, end))
    from = end
  }
}

/** Every value that a path means as a line of JSON with its path, in pieces of about `chunkBytes`. No value is held:
 * one of them may be the whole document. */
export async function* lines(
  document: OpenDocument,
  { place, signal, chunkBytes }: { place: Path; signal: AbortSignal; chunkBytes: number },
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let size = 0
  const hold = (bytes: Uint8Array) => {
    held.push(bytes)
    size += bytes.length
  }
  for await (const path of document.paths(place, { signal })) {
    hold(encoder.encode(`{"path":${stringifyValue(path.toString())},"value":`))
    for await (const piece of document.json(path, { signal })) {
      hold(piece)
      if (size < chunkBytes) continue
      yield joinBytes(held, size)
      held = []
      size = 0
    }
    hold(LINE_END)
  }
  if (size > 0) yield joinBytes(held, size)
}
