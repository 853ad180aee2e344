/** The whole value that a group begins with: a document in chunks.
 *
 * A path is read through the document's own reader, which is given the bytes of the chunks that it asks for; a whole
 * value is read at once.
 * @module */

import type { Path } from '../../document/path/path.ts'
import { openDocumentFile, openedDocument } from '../../document/read/document.ts'
import { type DocumentParts, type OpenedFile, openFile } from '../../document/read/open-file.ts'
import { encodeDocument } from '../../document/write/encode-document.ts'
import type { ReadHandle } from '../../ports/storage.ts'
import { CHUNK_BYTES, type ChunkReader, type ChunkRow, type FileCost, packChunks } from './chunks.ts'
import type { GroupHeader } from './header.ts'
import type { GroupPlace } from './types.ts'

/** T of its index: entries of smaller values cost more than they save where a chunk is inflated for each read. */
const THRESHOLD_BYTES = 4_096
/** Header of a document. */
const FRONT_BYTES = 12

export interface PackedKeyframe extends Pick<GroupHeader, 'chunkBytes' | 'leadBytes' | 'streamBytes'> {
  readonly chunks: readonly ChunkRow[]
  readonly stored: readonly Uint8Array[]
  readonly keys: readonly string[]
}

/** Make the keyframe of a group. The value must not change until this is done.
 * @throws {VarveError} `VALUE_UNSUPPORTED`, `DOCUMENT_LIMIT`. */
export async function packKeyframe(
  value: unknown,
  { storage, storeId, id }: Pick<GroupPlace, 'storage' | 'storeId' | 'id'>,
  { version, chunkBytes = CHUNK_BYTES }: { version: number; chunkBytes?: number },
): Promise<PackedKeyframe> {
  const facts = { id, storeId, version, threshold: THRESHOLD_BYTES, digest: storage.digest }
  const { header, blocks, section, keys } = await encodeDocument(value, facts)
  const lead = joined([header, section])
  const stream = joined(blocks)
  const first = await packChunks(lead, chunkBytes, storage)
  const second = await packChunks(stream, chunkBytes, storage)
  return {
    chunkBytes,
    leadBytes: lead.length,
    streamBytes: stream.length,
    chunks: [...first.rows, ...second.rows],
    stored: [...first.stored, ...second.stored],
    keys,
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** What reads of a keyframe cost. */
export interface KeyframeCost extends FileCost {
  eventsScanned: number
}

/** Reads the keyframe of a group. @throws {VarveError} `DECODE_FAILED`, `DOCUMENT_DAMAGED`, and what the storage
 * throws. */
export class Keyframe {
  readonly #place: GroupPlace
  readonly #header: GroupHeader
  readonly #chunks: ChunkReader
  readonly #leadChunks: number
  #opened: OpenedFile | undefined

  constructor(place: GroupPlace, header: GroupHeader, chunks: ChunkReader) {
    this.#place = place
    this.#header = header
    this.#chunks = chunks
    this.#leadChunks = Math.ceil(header.leadBytes / header.chunkBytes)
  }

  /** Size of the document's file. */
  get rawBytes(): number {
    return this.#header.leadBytes + this.#header.streamBytes
  }

  /** The key table. Cost: the first part of the keyframe, once. */
  async keys(cost: FileCost): Promise<readonly string[]> {
    return (await this.#open(cost)).index.keys
  }

  /** The whole value, the caller's own. Cost: one read. */
  async value(cost: KeyframeCost, signal?: AbortSignal): Promise<unknown> {
    const { leadBytes, streamBytes, chunks } = this.#header
    const lead = new Uint8Array(leadBytes)
    const bytes = new Uint8Array(leadBytes + streamBytes)
    await this.#chunks.fill(lead, 0, this.#leadChunks, cost)
    bytes.set(lead.subarray(0, FRONT_BYTES))
    bytes.set(lead.subarray(FRONT_BYTES), FRONT_BYTES + streamBytes)
    signal?.throwIfAborted()
    await this.#chunks.fill(bytes.subarray(FRONT_BYTES), this.#leadChunks, chunks.length, cost)
    const document = await openDocumentFile(this.#parts(memoryHandle(this.#place.path, bytes)))
    return document.read('', this.#counting(cost, signal))
  }

  /** What is at a path, the caller's own; undefined where nothing is. Cost: the first part, once, and the chunks that
   * the search comes to. */
  async valueAt(path: Path, cost: KeyframeCost, signal?: AbortSignal): Promise<unknown> {
    const opened = await this.#open(cost)
    const handle = this.#handle(cost)
    const document = openedDocument(this.#parts(handle), { ...opened, file: { ...opened.file, handle } })
    return document.read(path, this.#counting(cost, signal))
  }

  /** The document counts reads of what is inflated already; what the chunks cost is counted where they are read. */
  #counting(cost: KeyframeCost, signal: AbortSignal | undefined) {
    const onCost = ({ eventsScanned }: { eventsScanned: number }) => {
      cost.eventsScanned += eventsScanned
    }
    return { onCost, ...(signal !== undefined && { signal }) }
  }

  async #open(cost: FileCost): Promise<OpenedFile> {
    this.#opened ??= await openFile(this.#parts(this.#handle(cost)))
    return this.#opened
  }

  #parts(handle: ReadHandle): DocumentParts {
    const { storage, clock, path, history, id } = this.#place
    const { first, leadBytes } = this.#header
    const stat = {
      name: history,
      version: first.version,
      sizeBytes: this.rawBytes,
      indexBytes: leadBytes - FRONT_BYTES,
      writtenAt: first.at,
    }
    return { storage, clock, path, stat, id, handle }
  }

  /** The bytes of the document's file where the chunks have them. */
  #handle(cost: FileCost): ReadHandle {
    const { path } = this.#place
    const { leadBytes, streamBytes } = this.#header
    const size = leadBytes + streamBytes
    const read = async (position: number, into: Uint8Array): Promise<number> => {
      const length = Math.max(0, Math.min(into.length, size - position))
      for (let at = 0; at < length; ) at += await this.#copy(position + at, into.subarray(at, length), cost)
      return length
    }
    return { path, size: () => size, read, close: async () => undefined }
  }

  /** Copy bytes of one part and one chunk. @returns how many. */
  async #copy(position: number, into: Uint8Array, cost: FileCost): Promise<number> {
    const { chunkBytes, streamBytes } = this.#header
    const isStream = position >= FRONT_BYTES && position < FRONT_BYTES + streamBytes
    const at = isStream ? position - FRONT_BYTES : position < FRONT_BYTES ? position : position - streamBytes
    const partEnd = isStream ? streamBytes : position < FRONT_BYTES ? FRONT_BYTES : Number.POSITIVE_INFINITY
    const number = Math.floor(at / chunkBytes)
    const chunk = await this.#chunks.chunk(isStream ? this.#leadChunks + number : number, cost)
    const from = at - number * chunkBytes
    const length = Math.min(into.length, chunk.length - from, partEnd - at)
    into.set(chunk.subarray(from, from + length))
    return length
  }
}

/** Bytes as a file. */
function memoryHandle(path: string, bytes: Uint8Array): ReadHandle {
  const readSync = (position: number, into: Uint8Array) => {
    const part = bytes.subarray(position, position + into.length)
    into.set(part)
    return part.length
  }
  return {
    path,
    size: () => bytes.length,
    readSync,
    read: async (position, into) => readSync(position, into),
    close: async () => undefined,
  }
}
