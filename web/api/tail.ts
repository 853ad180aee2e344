/** Following a topic: a stream of server-sent events, or a long poll that answers with a page.
 * @module */
import { type StoredEvent, stringifyValue, type Tail, type TailOptions, type Topic } from '../../src/index.ts'
import { factsOf, type Shared, type WebContext } from '../context.ts'
import { filterOf, type Query } from '../parameters.ts'
import { json, topicOf } from './answers.ts'
import { nextLink } from './events.ts'
import { type Frame, refuseWhenStopped, streamFrames } from './sse.ts'

/** GET /api/topics/:topic/tail */
export async function tailEvents(c: WebContext, app: Shared): Promise<Response> {
  const topic = await topicOf(c, app)
  const { wait } = factsOf(c).query
  if (wait !== undefined) return waitForPage(c, { app, topic, waitMs: wait * 1_000 })
  return streamEvents(c, { app, topic, data: stringifyValue })
}

/** Stream a topic's events as frames whose data `data` makes.
 * @throws {VarveError} `CURSOR_INVALID`, `CURSOR_FOREIGN`, `OFFSET_OUT_OF_RANGE`, `OPTION_INVALID`, `RATE_LIMITED`. */
export async function streamEvents(
  c: WebContext,
  { app, topic, data }: { app: Shared; topic: Topic; data: (event: StoredEvent) => string },
): Promise<Response> {
  const options = tailOptions(c)
  return streamFrames(c, app, (signal) => {
    const tail = topic.tail({ ...options, signal })
    return frames(tail, { topic, chunkBytes: app.limits.streamChunkBytes, data })
  })
}

/** Frames of a tail in arrays of about `chunkBytes` of data. */
async function* frames(
  tail: Tail,
  { topic, chunkBytes, data }: { topic: Topic; chunkBytes: number; data: (event: StoredEvent) => string },
): AsyncGenerator<Frame[]> {
  if (topic.partitions > 1) {
    // A cursor over several partitions names a place in each, which only the tail knows, event by event.
    for await (const event of tail) yield [{ id: tail.cursor(), data: data(event) }]
    return
  }
  for await (const batch of tail.batches()) {
    let chunk: Frame[] = []
    let size = 0
    for (const event of batch) {
      const frame = { id: topic.cursorAfter(event), data: data(event) }
      chunk.push(frame)
      size += frame.data.length
      if (size < chunkBytes) continue
      yield chunk
      chunk = []
      size = 0
    }
    if (chunk.length > 0) yield chunk
  }
}

/** Answer with the first events that are there or come within `waitMs`, and a cursor in any case. */
async function waitForPage(
  c: WebContext,
  { app, topic, waitMs }: { app: Shared; topic: Topic; waitMs: number },
): Promise<Response> {
  refuseWhenStopped(app)
  const release = app.streams.take(app.options.peer?.(c) ?? 'all')
  const stop = new AbortController()
  const cancel = app.clock.after(waitMs, () => stop.abort())
  const signal = AbortSignal.any([stop.signal, app.signal, c.req.raw.signal])
  const tail = topic.tail({ ...tailOptions(c), signal })
  const batches = tail.batches()[Symbol.asyncIterator]()
  try {
    const next = await batches.next().catch((error: unknown) => {
      if (signal.aborted) return { done: true as const, value: undefined }
      throw error
    })
    const items = next.done === true ? [] : next.value
    const nextCursor = tail.cursor()
    return json({ items, nextCursor, highWatermark: highWatermark(topic) }, { headers: nextLink(c, nextCursor) })
  } finally {
    cancel()
    stop.abort()
    release()
    await batches.return?.()
  }
}

function highWatermark(topic: Topic): number | number[] {
  const marks = topic.stats().partitions.map((partition) => partition.highWatermark)
  return marks.length === 1 ? (marks[0] ?? 0) : marks
}

/** Options of a tail. A browser that connects again says where it stopped in `Last-Event-ID`, which is newer than the
 * cursor in its address. */
function tailOptions(c: WebContext): TailOptions {
  const { query } = factsOf(c)
  const { fromTail, partition } = query
  const cursor = c.req.header('last-event-id') ?? query.cursor
  return {
    ...filterOfTail(query),
    ...(partition !== undefined && { partition }),
    ...(cursor !== undefined ? { cursor } : fromTail !== undefined && { from: fromTail }),
  }
}

function filterOfTail(query: Query): TailOptions {
  const { since: _since, until: _until, ...filter } = filterOf(query)
  return filter
}
