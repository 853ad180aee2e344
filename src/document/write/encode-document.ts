/** Documents in memory: the bytes that their files would have.
 * @module */

import { fromHex } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import { nextTurn } from '../../ports/clock.ts'
import type { Maybe } from '../../ports/storage.ts'
import { documentSeed } from '../blocks.ts'
import { pumpValue } from '../events/value-source.ts'
import { RUN_KEYS_MAX } from '../index/key-pages.ts'
import { BlockWriter } from './block-writer.ts'
import { DocumentEncoder } from './encoder.ts'
import { beginDocument, INDEX_BUDGET, sealDocument } from './seal.ts'

/** What one turn of the event loop may write, about. */
const TURN_BYTES = 4_194_304

export interface EncodeDocumentFacts {
  /** 16 hexadecimal digits. */
  readonly id: string
  readonly storeId: string
  readonly version: number
  /** T of the index. */
  readonly threshold: number
  readonly digest: Digest
}

/** The parts of a document's file in their order, and its key table. */
export interface EncodedDocument {
  readonly header: Uint8Array
  readonly blocks: readonly Uint8Array[]
  readonly section: Uint8Array
  readonly keys: readonly string[]
}

/** Encode a value as a document. It must not change until this is done. Cost: the bytes of the document in memory.
 * @throws {VarveError} `VALUE_UNSUPPORTED`, `DOCUMENT_LIMIT`. */
export async function encodeDocument(value: unknown, facts: EncodeDocumentFacts): Promise<EncodedDocument> {
  const { id, storeId, threshold, digest } = facts
  const pieces: Uint8Array[] = []
  let turnBytes = 0
  const append = (bytes: Uint8Array): Maybe<void> => {
    // A copy, because the writer uses its memory again.
    pieces.push(bytes.slice())
    turnBytes += bytes.length
    if (turnBytes < TURN_BYTES) return
    turnBytes = 0
    return nextTurn()
  }
  const blocks = new BlockWriter({ append }, digest, documentSeed(digest, fromHex(id)))
  const limits = { indexBudget: INDEX_BUDGET, heldKeys: RUN_KEYS_MAX }
  const encoder = new DocumentEncoder(blocks, { threshold, ...limits, duplicateKeys: 'last' })
  beginDocument(blocks.raw, { threshold, id, storeId })
  await pumpValue(encoder, value)
  const { header, section } = await sealDocument(encoder, blocks, facts)
  return { header, blocks: pieces, section, keys: encoder.keyTable.names }
}
