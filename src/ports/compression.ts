/** The compression port: raw deflate (RFC 1951, no header, no checksum of its own), which every runtime has.
 *
 * The portable one uses the streams of the Web platform, which answer later; storages bring synchronous ones where the
 * runtime has them. What they write differs in size, never in meaning: each reads what another wrote.
 * @module */
import { VarveError } from '../errors.ts'

export interface Compression {
  /** Compress `bytes`, which are not used after the answer. */
  deflate(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>
  /** The `rawBytes` bytes that were compressed, in memory of their own. Never makes much more than that, whatever
   * `bytes` hold. @throws {VarveError} `DECODE_FAILED` unless they give exactly so many. */
  inflate(bytes: Uint8Array, rawBytes: number): Uint8Array | Promise<Uint8Array>
}

/** Deflate turns a byte into at most 1,032, and some runtimes inflate all they are given in one go. */
const SLICE_BYTES = 1_024

/** Works everywhere. */
export const portableCompression: Compression = {
  deflate: (bytes) => deflate(bytes),
  inflate: (bytes, rawBytes) => inflate(bytes, rawBytes),
}

async function deflate(bytes: Uint8Array): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  // In one piece, because some runtimes end a block of theirs with each.
  await through(new CompressionStream('deflate-raw'), [bytes.slice()], (part) => {
    parts.push(part)
    length += part.length
  })
  const deflated = new Uint8Array(length)
  length = 0
  for (const part of parts) {
    deflated.set(part, length)
    length += part.length
  }
  return deflated
}

async function inflate(bytes: Uint8Array, rawBytes: number): Promise<Uint8Array> {
  const raw = new Uint8Array(rawBytes)
  let length = 0
  try {
    await through(new DecompressionStream('deflate-raw'), slices(bytes), (part) => {
      if (length + part.length > rawBytes) throw inflateFailed(rawBytes)
      raw.set(part, length)
      length += part.length
    })
  } catch (cause) {
    throw inflateFailed(rawBytes, cause)
  }
  if (length !== rawBytes) throw inflateFailed(rawBytes)
  return raw
}

function* slices(bytes: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) yield bytes.slice(at, at + SLICE_BYTES)
}

/** Send bytes through a stream. What `take` throws ends it. */
async function through(
  stream: CompressionStream | DecompressionStream,
  bytes: Iterable<Uint8Array<ArrayBuffer>>,
  take: (part: Uint8Array) => void,
): Promise<void> {
  const writing = write(stream.writable, bytes)
  // A failure of the stream shows on the reading side, too, and first.
  writing.catch(() => undefined)
  const reader = stream.readable.getReader()
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) take(step.value)
  } catch (error) {
    await reader.cancel().catch(() => undefined)
    throw error
  }
  await writing
}

/** Write pieces, each when the one before was taken. */
async function write(writable: WritableStream, bytes: Iterable<Uint8Array>): Promise<void> {
  const writer = writable.getWriter()
  for (const piece of bytes) await writer.write(piece)
  await writer.close()
}

/** The error of `inflate`, for every implementation of it. */
export function inflateFailed(rawBytes: number, cause?: unknown): VarveError {
  const message = `Compressed bytes do not inflate to ${rawBytes} bytes`
  return new VarveError('DECODE_FAILED', message, { details: { rawBytes }, cause })
}
