/** What a document has before its first event and behind its last block, for whoever writes its blocks.
 * @module */

import type { Digest } from '../../codec/digest.ts'
import { CODE } from '../../codec/structural-codes.ts'
import type { ValueBuffer } from '../../codec/value-buffer.ts'
import { BLOCK_RAW_BYTES } from '../blocks.ts'
import { encodeHeader, encodePreamble, FEATURE_DUPLICATES, sealIndex, TRAILER_BYTES } from '../file-format.ts'
import { encodeIndex } from '../index/format.ts'
import type { BlockWriter } from './block-writer.ts'
import type { DocumentEncoder } from './encoder.ts'

/** The index section stays below this, its key table and trailer included. */
const INDEX_MAX_BYTES = 786_432
const KEY_TABLE_MAX_BYTES = 20_480
/** Bytes that the items of an index may take. */
export const INDEX_BUDGET = INDEX_MAX_BYTES - KEY_TABLE_MAX_BYTES

/** Write the preamble event. */
export function beginDocument(raw: ValueBuffer, facts: { threshold: number; id: string; storeId: string }): void {
  const preamble = encodePreamble(facts)
  raw.byte(CODE.preamble)
  raw.varint(preamble.length)
  raw.append(preamble)
}

/** Write the last blocks. @returns what comes in front of the blocks and behind them. */
export async function sealDocument(
  encoder: DocumentEncoder,
  blocks: BlockWriter,
  { id, version, digest }: { id: string; version: number; digest: Digest },
): Promise<{ header: Uint8Array; section: Uint8Array }> {
  const endAddress = blocks.address
  await blocks.finish()
  const index = encodeIndex({ items: encoder.index.finish(), keys: encoder.keyTable.names }, BLOCK_RAW_BYTES)
  const sizes = { streamBytes: blocks.sizeBytes, indexBytes: index.length + TRAILER_BYTES }
  const features = encoder.hasDuplicates ? FEATURE_DUPLICATES : 0
  const { threshold } = encoder.index
  const section = sealIndex(index, { id, version, ...sizes, features, threshold, endAddress }, digest)
  return { header: encodeHeader(sizes.streamBytes, sizes.indexBytes), section }
}
