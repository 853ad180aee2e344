/** Bytes in chunks: the unit in which a keyframe is compressed, checked and read.
 *
 * Chunks lie one behind the other. What is known of one is in a table elsewhere:
 *
 * | position | field |
 * |---|---|
 * | 0 | u32 stored bytes, plus 2^31 when they are deflated |
 * | 4 | u32 CRC-32 of the stored bytes |
 *
 * @module */
import type { ByteReader, ByteWriter } from '../../codec/bytes.ts'
import { VarveError } from '../../errors.ts'
import { nextTurn } from '../../ports/clock.ts'
import type { Maybe, ReadHandle, Storage } from '../../ports/storage.ts'

/** Raw bytes of a chunk but the last. Stored with each file. */
export const CHUNK_BYTES = 32_768
export const CHUNK_MOST_BYTES = 1_048_576
export const CHUNK_ROW_BYTES = 8
const DEFLATED = 0x8000_0000
/** Deflate turns a byte into at most so many. */
const INFLATED_MOST = 1_032
/** Chunks of one file that stay in memory. */
const KEPT = 4
/** Chunks that one turn of the event loop may take. */
const TURN_CHUNKS = 32

export interface ChunkRow {
  readonly storedBytes: number
  readonly isDeflated: boolean
  readonly crc: number
}

/** What reads of a file cost. */
export interface FileCost {
  reads: number
  bytesRead: number
}

/** Cut bytes into chunks and deflate those that become smaller. */
export async function packChunks(
  bytes: Uint8Array,
  chunkBytes: number,
  { compression, digest }: Pick<Storage, 'compression' | 'digest'>,
): Promise<{ rows: ChunkRow[]; stored: Uint8Array[] }> {
  const rows: ChunkRow[] = []
  const stored: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const raw = bytes.subarray(at, at + chunkBytes)
    const deflated = await compression.deflate(raw)
    const isDeflated = deflated.length < raw.length
    const chunk = isDeflated ? deflated : raw
    rows.push({ storedBytes: chunk.length, isDeflated, crc: digest.crc32(chunk) })
    stored.push(chunk)
    if (rows.length % TURN_CHUNKS === 0) await nextTurn()
  }
  return { rows, stored }
}

/** Write the row of a chunk in the table: 8 bytes. */
export function writeChunkRow(out: ByteWriter, { storedBytes, isDeflated, crc }: ChunkRow): void {
  out.u32(isDeflated ? storedBytes + DEFLATED : storedBytes)
  out.u32(crc)
}

/** Read a row of the table. @throws {VarveError} `DECODE_FAILED` at the end of the bytes. */
export function readChunkRow(from: ByteReader): ChunkRow {
  const size = from.u32()
  const isDeflated = size >= DEFLATED
  return { storedBytes: isDeflated ? size - DEFLATED : size, isDeflated, crc: from.u32() }
}

/** Whether stored bytes can hold so many raw ones. */
export function canHold(storedBytes: number, isDeflated: boolean, rawBytes: number): boolean {
  return isDeflated ? rawBytes <= storedBytes * INFLATED_MOST : rawBytes === storedBytes
}

/** A chunk and where it is. */
export interface PlacedChunk extends ChunkRow {
  readonly position: number
  readonly rawBytes: number
}

/** Reads the chunks of a file. Those read last stay in memory. */
export class ChunkReader {
  readonly #handle: ReadHandle
  readonly #storage: Storage
  readonly #chunks: readonly PlacedChunk[]
  readonly #kept = new Map<number, Uint8Array>()

  /** @param chunks in the order in which they lie from `position` on. */
  constructor(handle: ReadHandle, storage: Storage, chunks: readonly PlacedChunk[]) {
    this.#handle = handle
    this.#storage = storage
    this.#chunks = chunks
  }

  /** The raw bytes of a chunk. @throws {VarveError} `DECODE_FAILED`, and what the storage throws. */
  async chunk(number: number, cost: FileCost): Promise<Uint8Array> {
    const known = this.#kept.get(number)
    if (known !== undefined) {
      this.#kept.delete(number)
      this.#kept.set(number, known)
      return known
    }
    const chunk = this.#at(number)
    const raw = await this.#open(
      number,
      await readBytes({ handle: this.#handle, cost }, chunk.position, chunk.storedBytes),
    )
    this.#kept.set(number, raw)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break
      this.#kept.delete(oldest)
    }
    return raw
  }

  /** Put the raw bytes of chunks `[from, end)` into `into`, one behind the other. Cost: one read. */
  async fill(into: Uint8Array, from: number, end: number, cost: FileCost): Promise<void> {
    if (from === end) return
    const start = this.#at(from).position
    const last = this.#at(end - 1)
    const length = last.position + last.storedBytes - start
    const stored = await readBytes({ handle: this.#handle, cost }, start, length)
    let at = 0
    for (let number = from; number < end; number++) {
      const { position, storedBytes } = this.#at(number)
      const opened = this.#open(number, stored.subarray(position - start, position - start + storedBytes))
      const raw = opened instanceof Promise ? await opened : opened
      into.set(raw, at)
      at += raw.length
      if ((number - from + 1) % TURN_CHUNKS === 0) await nextTurn()
    }
  }

  #at(number: number): PlacedChunk {
    const chunk = this.#chunks[number]
    if (chunk === undefined) throw damaged(number, 'a chunk that is not there', 0)
    return chunk
  }

  #open(number: number, stored: Uint8Array): Maybe<Uint8Array> {
    const { crc, isDeflated, rawBytes, storedBytes, position } = this.#at(number)
    if (stored.length < storedBytes) throw damaged(number, 'the end of the file', position)
    if (this.#storage.digest.crc32(stored) !== crc) throw damaged(number, 'a wrong checksum', position)
    return isDeflated ? this.#storage.compression.inflate(stored, rawBytes) : stored
  }
}

/** Read bytes, fewer at the end of the file; at once where the storage can.
 * @throws {VarveError} what the storage throws. */
export async function readBytes(
  { handle, cost }: { readonly handle: ReadHandle; readonly cost: FileCost },
  position: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const read = handle.readSync === undefined ? await handle.read(position, bytes) : handle.readSync(position, bytes)
  cost.reads++
  cost.bytesRead += read
  return read < length ? bytes.subarray(0, read) : bytes
}

function damaged(chunk: number, found: string, position: number): VarveError {
  const message = `Cannot read chunk ${chunk} of a keyframe: found ${found}`
  return new VarveError('DECODE_FAILED', message, { details: { found: `${found} in chunk ${chunk}`, chunk, position } })
}
