/** Opening the file of a document: its header, its index.
 * @module */
import { fromHex } from '../../codec/bytes.ts'
import { isVarveError, VarveError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ReadHandle, Storage } from '../../ports/storage.ts'
import { BLOCK_BYTES, BLOCK_HEADER_BYTES, BLOCK_RAW_BYTES, documentSeed, FILE_HEADER_BYTES } from '../blocks.ts'
import { checkSection, FEATURE_DUPLICATES, TRAILER_BYTES, type Trailer } from '../file-format.ts'
import { decodeIndex } from '../index/decode.ts'
import { DocumentIndex } from '../index/document-index.ts'
import type { DocumentStat } from '../types.ts'
import type { BlockFile } from './window.ts'

/** What is known of a document before its file is read. */
export interface DocumentParts {
  readonly storage: Storage
  readonly clock: Clock
  /** Of the file. */
  readonly path: string
  readonly stat: DocumentStat
  /** 16 hexadecimal digits. */
  readonly id: string
  /** Where the bytes of the file are read, when it is not opened by its path. */
  readonly handle?: ReadHandle
  /** Called once when an open document is closed. */
  readonly closed?: () => void
}

export interface OpenedFile {
  readonly file: BlockFile
  readonly trailer: Trailer
  readonly index: DocumentIndex
}

/** Open the file of a document. Cost: two reads, of the header and of the index section.
 * @throws {VarveError} `DOCUMENT_MISSING`, `DOCUMENT_DAMAGED`, `FORMAT_NEWER`, and what the storage throws. */
export async function openFile(parts: DocumentParts): Promise<OpenedFile> {
  const handle = await openHandle(parts)
  try {
    return await readFile(parts, handle)
  } catch (error) {
    await handle.close().catch(() => undefined)
    throw damaged(parts, error)
  }
}

async function openHandle({ storage, path, stat, handle }: DocumentParts): Promise<ReadHandle> {
  if (handle !== undefined) return handle
  try {
    return await storage.openRead(path)
  } catch (cause) {
    if (!isVarveError(cause, 'FILE_MISSING')) throw cause
    const details = { document: stat.name, version: stat.version, file: path }
    throw new VarveError('DOCUMENT_MISSING', `Cannot read document "${stat.name}": its file is missing`, {
      details,
      cause,
    })
  }
}

async function readFile(parts: DocumentParts, handle: ReadHandle): Promise<OpenedFile> {
  const { storage, clock, stat, id } = parts
  const { digest } = storage
  const { sizeBytes, indexBytes } = stat
  const streamBytes = sizeBytes - indexBytes - FILE_HEADER_BYTES
  const header = await readWhole(handle, 0, FILE_HEADER_BYTES)
  const section = await readWhole(handle, FILE_HEADER_BYTES + streamBytes, indexBytes)
  const trailer = checkSection(section, header, digest)
  if (trailer.id !== id || trailer.version !== stat.version || trailer.streamBytes !== streamBytes) {
    throw unexpected('another document')
  }
  if (endAddress(streamBytes) < trailer.endAddress) throw unexpected('an end outside the file')
  const facts = { blockRawBytes: BLOCK_RAW_BYTES, endAddress: trailer.endAddress }
  const index = decodeIndex(section.subarray(0, indexBytes - TRAILER_BYTES), facts)
  const seed = documentSeed(digest, fromHex(id))
  return {
    file: { handle, digest, clock, seed, streamBytes, asyncReadsLeft: 0, slowReads: 0 },
    trailer,
    index: new DocumentIndex(index, (trailer.features & FEATURE_DUPLICATES) !== 0),
  }
}

/** Address behind the last raw byte that a stream can hold. */
function endAddress(streamBytes: number): number {
  const blocks = Math.ceil(streamBytes / BLOCK_BYTES)
  const lastBytes = streamBytes - (blocks - 1) * BLOCK_BYTES
  return (blocks - 1) * BLOCK_RAW_BYTES + lastBytes - BLOCK_HEADER_BYTES
}

async function readWhole(handle: ReadHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const read = handle.readSync === undefined ? await handle.read(position, bytes) : handle.readSync(position, bytes)
  if (read < length) throw unexpected('the end of the file')
  return bytes
}

function unexpected(found: string): VarveError {
  return new VarveError('DECODE_FAILED', `Cannot open a document: found ${found}`, { details: { found } })
}

/** What is wrong with the bytes of a document is damage of it. */
export function damaged({ stat, path }: DocumentParts, error: unknown): unknown {
  if (!isVarveError(error, 'DECODE_FAILED')) return error
  const details = { document: stat.name, version: stat.version, file: path, ...error.details }
  const found = typeof error.details.found === 'string' ? error.details.found : error.message
  return new VarveError('DOCUMENT_DAMAGED', `Cannot read document "${stat.name}": found ${found}`, {
    details,
    cause: error,
  })
}
