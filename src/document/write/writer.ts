/** Writing one version of a document to a file of its own.
 *
 * Invariants: the sizes at the beginning of the file are zero until everything else is written; memory does not grow
 * with the document, but for the largest scalar, and the keys of open objects up to a million.
 * @module */

import { fromHex } from '../../codec/bytes.ts'
import { VarveError } from '../../errors.ts'
import type { Maybe, Storage, WriteHandle } from '../../ports/storage.ts'
import { documentSeed } from '../blocks.ts'
import { encodeHeader } from '../file-format.ts'
import { RUN_KEYS_MAX } from '../index/key-pages.ts'
import type { WriteJsonOptions } from '../types.ts'
import { BlockWriter } from './block-writer.ts'
import { DocumentEncoder } from './encoder.ts'
import { beginDocument, INDEX_BUDGET, sealDocument } from './seal.ts'

export const THRESHOLD_DEFAULT = 256
const PROGRESS_BYTES = 1_048_576
const COPY_BYTES = 262_144

export interface WriterParts {
  readonly storage: Storage
  /** Of the file, which must not exist. */
  readonly path: string
  /** Random, 16 hexadecimal digits. */
  readonly id: string
  readonly storeId: string
  readonly options: WriteJsonOptions
  /** Smaller ones than usual, for tests. */
  readonly limits?: WriterLimits
}

export interface WriterLimits {
  /** Bytes that the items of the index may take. */
  readonly indexBudget?: number
  /** Keys of open objects that are held, and keys of one run of key pages. */
  readonly heldKeys?: number
}

export interface WrittenDocument {
  /** Of the file. */
  readonly sizeBytes: number
  /** Of its index section. */
  readonly indexBytes: number
}

/** Takes one value; then `finish`, or `discard` at any time. */
export class DocumentWriter extends DocumentEncoder {
  readonly #parts: WriterParts
  readonly #handle: WriteHandle
  readonly #path: string
  readonly #blocks: BlockWriter
  #reportedBytes = 0
  #closed = false

  private constructor(parts: WriterParts, handle: WriteHandle, blocks: BlockWriter) {
    const threshold = parts.options.thresholdBytes ?? THRESHOLD_DEFAULT
    super(blocks, {
      threshold,
      indexBudget: parts.limits?.indexBudget ?? INDEX_BUDGET,
      heldKeys: parts.limits?.heldKeys ?? RUN_KEYS_MAX,
      duplicateKeys: parts.options.duplicateKeys ?? 'last',
    })
    this.#parts = parts
    this.#handle = handle
    this.#path = firstPath(parts)
    this.#blocks = blocks
    beginDocument(blocks.raw, { threshold, id: parts.id, storeId: parts.storeId })
  }

  /** Begin a file, unfinished. @throws {VarveError} `OPTION_INVALID`, and what the storage throws. */
  static async create(parts: WriterParts): Promise<DocumentWriter> {
    checkOptions(parts.options)
    const { storage, id } = parts
    const { digest } = storage
    const handle = await storage.createExclusive(firstPath(parts))
    try {
      if (storage.capabilities.randomWrite) await handle.append(encodeHeader(0, 0))
      return new DocumentWriter(parts, handle, new BlockWriter(handle, digest, documentSeed(digest, fromHex(id))))
    } catch (error) {
      await handle.close().catch(() => undefined)
      await storage.remove(firstPath(parts)).catch(() => undefined)
      throw error
    }
  }

  override drain(): Maybe<void> {
    const drained = super.drain()
    return drained === undefined ? this.#report() : drained.then(() => this.#report())
  }

  #report(): void {
    const { onProgress } = this.#parts.options
    const doneBytes = this.#blocks.sizeBytes
    if (onProgress === undefined || doneBytes - this.#reportedBytes < PROGRESS_BYTES) return
    this.#reportedBytes = doneBytes
    onProgress({ values: this.values, doneBytes })
  }

  /** Complete the file and sync it and its directory. The handle is closed.
   * @throws {VarveError} `DOCUMENT_SEQUENCE` when the value is not complete, and what the storage throws; the file is
   * to be discarded then. */
  async finish(version: number): Promise<WrittenDocument> {
    if (!this.isDone) this.impossible('the end of the document')
    const { storage, id, path } = this.#parts
    const facts = { id, version, digest: storage.digest }
    const { header, section } = await sealDocument(this, this.#blocks, facts)
    if (storage.capabilities.randomWrite) {
      await this.#handle.append(section)
      await this.#handle.writeAt(0, header)
      await this.#handle.sync()
      await this.#close()
    } else {
      await this.#close()
      await this.#copy(header, section)
    }
    await storage.syncDirectory(path.slice(0, path.lastIndexOf('/')))
    const sizeBytes = header.length + this.#blocks.sizeBytes + section.length
    return { sizeBytes, indexBytes: section.length }
  }

  /** Make the file of the blocks that were written elsewhere. */
  async #copy(header: Uint8Array, section: Uint8Array): Promise<void> {
    const { storage, path } = this.#parts
    const from = await storage.openRead(this.#path)
    const to = await storage.createExclusive(path)
    try {
      await to.append(header)
      const piece = new Uint8Array(COPY_BYTES)
      for (let at = 0; at < this.#blocks.sizeBytes; ) {
        const length = await from.read(at, piece)
        if (length === 0) throw new VarveError('STORAGE_UNAVAILABLE', `Cannot copy "${this.#path}": it is too short`)
        await to.append(piece.subarray(0, length))
        at += length
      }
      await to.append(section)
      await to.sync()
    } finally {
      await from.close()
      await to.close()
    }
    await storage.remove(this.#path)
  }

  /** Close and remove what was written. Never throws: what is left is swept away later. */
  async discard(): Promise<void> {
    const { storage, path } = this.#parts
    await this.#close().catch(() => undefined)
    for (const file of new Set([this.#path, path])) await storage.remove(file).catch(() => undefined)
  }

  async #close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#handle.close()
  }
}

/** Where the blocks are written: what cannot be written into later is made of two files. */
function firstPath({ storage, id, path }: WriterParts): string {
  return storage.capabilities.randomWrite ? path : `tmp/${id}`
}

function checkOptions({ thresholdBytes = THRESHOLD_DEFAULT, duplicateKeys = 'last' }: WriteJsonOptions): void {
  const isThreshold = thresholdBytes === Number.POSITIVE_INFINITY || Number.isSafeInteger(thresholdBytes)
  if (!isThreshold || thresholdBytes < 0) throw invalid('thresholdBytes', 'must be a whole number or Infinity')
  if (duplicateKeys !== 'last' && duplicateKeys !== 'refuse') throw invalid('duplicateKeys', 'must be last or refuse')
}

function invalid(option: string, rule: string): VarveError {
  return new VarveError('OPTION_INVALID', `Option "${option}" ${rule}`, { details: { option, rule } })
}
