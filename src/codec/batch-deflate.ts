/** An encoded batch with its blocks compressed: same events, same chain hash, other bytes. The form is that of
 * `batch-body.ts`.
 * @module */
import type { BatchLayout, EncodedBatch } from './batch.ts'
import { BLOCK_DEFLATED, BLOCK_PLAIN, RATIO_MAX } from './batch-body.ts'
import { type Place, writeBatchHeader } from './batch-header.ts'
import { ByteWriter } from './bytes.ts'
import type { Digest } from './digest.ts'

/** Blocks that are smaller in sum are left alone: they would save less than the longer preface and the time cost. */
const WORTHWHILE_BYTES = 512

/** Raw deflate of one block; a promise where the runtime has no synchronous one. */
export type Deflate = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>

interface StoredBlock {
  readonly rows: number
  readonly bytes: Uint8Array
  /** Undefined: `bytes` are not compressed. */
  readonly rawBytes: number | undefined
}

/** Compress the blocks that shrink by at least an eighth. `batch.bytes` must stay as they are until the answer.
 * @returns bytes of their own, or `batch.bytes` when no block shrinks. */
export async function deflateBatch(
  batch: EncodedBatch,
  facts: { place: Place; digest: Digest; deflate: Deflate },
): Promise<Uint8Array> {
  const { bytes, layout } = batch
  if (bytes.length - layout.blocksAt < WORTHWHILE_BYTES) return bytes
  const blocks: StoredBlock[] = []
  let start = layout.blocksAt
  for (const { rows, end } of layout.cuts) {
    const raw = bytes.subarray(start, layout.blocksAt + end)
    start = layout.blocksAt + end
    const answer = facts.deflate(raw)
    const deflated = answer instanceof Promise ? await answer : answer
    const shrinks = deflated.length <= raw.length - raw.length / 8 && raw.length <= deflated.length * RATIO_MAX
    blocks.push(shrinks ? { rows, bytes: deflated, rawBytes: raw.length } : { rows, bytes: raw, rawBytes: undefined })
  }
  if (blocks.every((block) => block.rawBytes === undefined)) return bytes
  return writeDeflated(batch, blocks, facts)
}

function writeDeflated(
  batch: EncodedBatch,
  blocks: readonly StoredBlock[],
  facts: { place: Place; digest: Digest },
): Uint8Array {
  const { digest } = facts
  const { tableEnd }: BatchLayout = batch.layout
  const out = new ByteWriter(batch.bytes.length)
  out.raw(batch.bytes.subarray(0, tableEnd))
  const sizeAt = out.skip(4)
  out.varint(blocks.length)
  for (const { rows, bytes, rawBytes } of blocks) {
    out.varint(rows)
    out.varint(bytes.length * 4 + (rawBytes === undefined ? BLOCK_PLAIN : BLOCK_DEFLATED))
    if (rawBytes !== undefined) out.varint(rawBytes)
    out.u32(digest.crc32(bytes))
  }
  out.raw(batch.bytes.subarray(batch.layout.dictionaryAt, batch.layout.blocksAt))
  out.view.setUint32(sizeAt, out.length - sizeAt - 4, true)
  const bodyCrc = digest.crc32(out.bytes.subarray(tableEnd))
  for (const { bytes } of blocks) out.raw(bytes)
  const written = out.bytes
  writeBatchHeader(written, { ...batch.header, single: false, bodyCrc }, facts)
  return written
}
