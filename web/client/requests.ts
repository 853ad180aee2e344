/** What the parts of the client share: addresses, bodies in pieces, values out of answers, jobs that are waited for.
 * @module */
import { type DocumentBytes, ERROR_CODES, type ErrorCode, parseJsonValue, VarveError } from '../../src/index.ts'
import { readFrames } from './frames.ts'

/** Send a request below the address of the server. Rejects with the `VarveError` that the server told. */
export type Send = (path: string, init?: RequestInit) => Promise<Response>

/** What a query is made of. */
export type Query = Readonly<Record<string, Value | readonly Value[]>>
type Value = string | number | boolean | undefined

/** The query as text, with a question mark unless it is empty. */
export function queryText(query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, given] of Object.entries(query)) {
    for (const value of Array.isArray(given) ? given : [given]) {
      if (value !== undefined) parameters.append(name, String(value))
    }
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}

/** The value that an answer holds. */
export async function parsed(response: Response): Promise<unknown> {
  return parseJsonValue(await response.text())
}

/** `signal`, where there is one, as part of a request. */
export function cancelledBy(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

/** The headers that name the version that something must have; 0: it must not exist. */
export function beliefOf(ifVersion: number | undefined): Record<string, string> {
  if (ifVersion === undefined) return {}
  return ifVersion === 0 ? { 'if-none-match': '*' } : { 'if-match': `"${ifVersion}"` }
}

/** A request whose body is sent as it comes. */
export function streamed(
  method: 'POST' | 'PUT',
  {
    type,
    bytes,
    headers,
    signal,
  }: {
    readonly type: string
    readonly bytes: DocumentBytes
    readonly headers?: Readonly<Record<string, string>>
    readonly signal?: AbortSignal | undefined
  },
): RequestInit {
  const body = bytes instanceof Uint8Array ? bytes : streamOf(bytes)
  // `duplex` is wanted by fetch for streamed bodies and missing from the type.
  const init: RequestInit & { duplex: 'half' } = {
    method,
    headers: { 'content-type': type, ...headers },
    body: body as BodyInit,
    duplex: 'half',
    ...cancelledBy(signal),
  }
  return init
}

/** The body of a response in pieces. Leaving the loop ends the request. */
export async function* bytesOf(response: Response): AsyncGenerator<Uint8Array, void> {
  const reader = response.body?.getReader()
  if (reader === undefined) return
  try {
    while (true) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** The values of the lines of a response, as they come. Leaving the loop ends the request. */
export async function* linesOf(response: Response): AsyncGenerator<unknown, void> {
  const decoder = new TextDecoder()
  let rest: string[] = []
  for await (const bytes of bytesOf(response)) {
    const lines = decoder.decode(bytes, { stream: true }).split('\n')
    // A line may come in many pieces; they are joined once.
    for (const [index, line] of lines.entries()) {
      rest.push(line)
      if (index === lines.length - 1) break
      yield parseJsonValue(rest.join(''))
      rest = []
    }
  }
}

/** Wait for the job that an answer names. When `signal` aborts, the job is cancelled.
 * @returns its report. @throws {VarveError} why it failed; the reason of `signal`. */
export async function jobReport(
  send: Send,
  response: Response,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: ((progress: never) => void) | undefined },
): Promise<unknown> {
  const { id } = (await parsed(response)) as { id: string }
  const path = `/api/jobs/${encodeURIComponent(id)}`
  const cancel = () => void send(path, { method: 'DELETE' }).catch(() => undefined)
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    if (signal?.aborted) cancel()
    // A stream may end early, such as at a proxy; the job goes on.
    while (true) {
      const frames = readFrames(await send(path, { headers: { accept: 'text/event-stream' } }), signal)
      for await (const { data, event } of frames) {
        const job = parseJsonValue(data) as ToldJob
        if (event === 'problem') throw problemError(job, 200)
        if (job.state === 'done') return job.report
        if (job.state === 'failed') throw problemError(job.problem, 200)
        if (job.state === 'cancelled')
          throw signal?.reason ?? new VarveError('INTERNAL', 'Cannot go on: the job was cancelled', { details: { id } })
        if (job.progress !== undefined) onProgress?.(job.progress as never)
      }
      signal?.throwIfAborted()
    }
  } finally {
    signal?.removeEventListener('abort', cancel)
  }
}

interface ToldJob {
  readonly state: 'running' | 'done' | 'failed' | 'cancelled'
  readonly progress?: unknown
  readonly report?: unknown
  readonly problem?: unknown
}

/** Bytes as a stream that is read as it is sent. */
function streamOf(bytes: Exclude<DocumentBytes, Uint8Array>): ReadableStream<Uint8Array> {
  if (bytes instanceof ReadableStream) return bytes
  const pieces = Symbol.asyncIterator in bytes ? bytes[Symbol.asyncIterator]() : bytes[Symbol.iterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await pieces.next()
        if (next.done === true) controller.close()
        else controller.enqueue(next.value)
      },
      cancel: async () => void (await pieces.return?.()),
    },
    { highWaterMark: 0 },
  )
}

/** The error that a problem document speaks of. */
export function problemError(problem: unknown, status: number): VarveError {
  const { code, title, detail, details } = problem as Record<string, unknown>
  const known = typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL'
  const given = typeof details === 'object' && details !== null ? details : {}
  return new VarveError(known, String(detail ?? title ?? known), { details: { ...given, status } })
}
