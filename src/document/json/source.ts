/** JSON text of any length into a document.
 * @module */
import { isBytes } from '../../codec/value-kinds.ts'
import { VarveError } from '../../errors.ts'
import type { DocumentBytes } from '../types.ts'
import type { DocumentOutput } from '../write/output.ts'
import { JsonReader, type JsonReaderOptions } from './reader.ts'

/** Larger chunks are cut, so that the output can drain between. */
const SLICE_BYTES = 65_536

export interface PumpJsonOptions extends JsonReaderOptions {
  /** Looked at before each 64 KiB, and while a chunk is awaited. */
  readonly signal?: AbortSignal | undefined
  /** Called with the bytes of text read so far, about every 64 KiB. */
  readonly onBytes?: ((readBytes: number) => void) | undefined
}

/** Read JSON text in the dialect of `parseJsonValue`, however it is cut into chunks. A byte order mark at the start is
 * passed over. Whether an object has a key twice is for the output to see.
 * Cost: one pass; the memory of the longest string that two slices of 64 KiB share. A source that fails, or is not read
 * to its end, is closed.
 * @throws {VarveError} `JSON_INVALID` {position (bytes from 0), line, column (bytes from 1), found}, `OPTION_INVALID`
 * for a source or a chunk that is no bytes; what the output, the source and the signal throw. */
export async function pumpJson(
  output: DocumentOutput,
  source: DocumentBytes,
  options: PumpJsonOptions = {},
): Promise<void> {
  const { signal, onBytes } = options
  const reader = new JsonReader(output, options)
  let readBytes = 0
  const feed = async (chunk: Uint8Array): Promise<void> => {
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
      signal?.throwIfAborted()
      const sizeBytes = Math.min(SLICE_BYTES, chunk.length - at)
      // A view of the plain class, whatever subclass the chunk has: loops over one class are faster.
      reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset + at, sizeBytes))
      readBytes += sizeBytes
      if (output.isFull) await output.drain()
      onBytes?.(readBytes)
    }
  }
  if (isBytes(source)) await feed(source)
  else if (typeof source !== 'object' || source === null) throw notBytes(source)
  else await forEachChunk(source, { signal, feed })
  signal?.throwIfAborted()
  reader.end()
}

interface Feeding {
  readonly signal: AbortSignal | undefined
  readonly feed: (chunk: Uint8Array) => Promise<void>
}

async function forEachChunk(source: Exclude<DocumentBytes, Uint8Array>, { signal, feed }: Feeding): Promise<void> {
  const chunks = openChunks(source)
  let isDone = false
  try {
    signal?.throwIfAborted()
    for (;;) {
      const { done, value } = await unlessAborted(chunks.next(), signal)
      isDone = done === true
      if (isDone) return
      if (typeof value !== 'object' || value === null || !isBytes(value)) throw notBytes(value)
      await feed(value)
    }
  } finally {
    // Not awaited: a source that waits for its next chunk would keep it waiting.
    if (!isDone) Promise.resolve(chunks.close()).catch(() => undefined)
  }
}

interface Chunks {
  next(): Promise<IteratorResult<unknown>> | IteratorResult<unknown>
  close(): unknown
}

/** Not every runtime iterates over streams. */
function openChunks(source: Exclude<DocumentBytes, Uint8Array>): Chunks {
  if ('getReader' in source) {
    const reader = source.getReader()
    return { next: () => reader.read() as Promise<IteratorResult<unknown>>, close: () => reader.cancel() }
  }
  const iterator: AsyncIterator<unknown> | Iterator<unknown> =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  return { next: () => iterator.next(), close: () => iterator.return?.() }
}

/** Wait for a chunk no longer than until the signal. */
function unlessAborted<T>(result: Promise<T> | T, signal: AbortSignal | undefined): Promise<T> | T {
  if (signal === undefined || !(result instanceof Promise)) return result
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function notBytes(value: unknown): VarveError {
  const found = value === null ? 'null' : typeof value
  const message = `Option "bytes" must have Uint8Arrays, found ${found}`
  return new VarveError('OPTION_INVALID', message, { details: { option: 'bytes', found } })
}
