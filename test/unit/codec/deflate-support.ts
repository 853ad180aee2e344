/** Batches of one block forged under right checksums, and scans of one batch.
 * @module */
import type { EncodedBatch } from '../../../src/codec/batch.ts'
import { writeBatchHeader } from '../../../src/codec/batch-header.ts'
import { ByteWriter } from '../../../src/codec/bytes.ts'
import { portableCompression } from '../../../src/ports/compression.ts'
import type { InflateRequest, ReadRequest } from '../../../src/segment/file-pool.ts'
import { encodeSegmentHeader } from '../../../src/segment/header.ts'
import { type ScannedBatch, scanBatches } from '../../../src/segment/scan.ts'
import { digest, PLACE } from './batch-support.ts'

export const LINEAGE = 'lineage12345'
const ZERO_HASH = '0'.repeat(64)
const FACTS = { partition: 0, id: '00'.repeat(8), baseOffset: 0, epoch: 1, createdAt: 1, features: 3 }
const HEADER = encodeSegmentHeader({ ...FACTS, hashBefore: ZERO_HASH, lineage: LINEAGE }, digest)

/** Scan the batch at its place in a file. @returns what a scan gives, or why it stopped. */
export async function scan(bytes: Uint8Array, asked: number[] = []): Promise<ScannedBatch | string> {
  const file = new Uint8Array(PLACE.position + bytes.length)
  file.set(HEADER)
  file.set(bytes, PLACE.position)
  const seen: ScannedBatch[] = []
  const ref = {
    path: 'f',
    file: 'f',
    partition: 0,
    id: '',
    seed: PLACE.seed,
    baseOffset: 0,
    hashBefore: '',
    features: 1,
  }
  const start = { position: PLACE.position, offset: 0, hash: '0'.repeat(64) }
  const options = { digest, endPosition: file.length, onBatch: (batch: ScannedBatch) => void seen.push(batch) }
  const reading = scanBatches(ref, start, options)
  const give = async (request: ReadRequest | InflateRequest) => {
    if ('path' in request) return file.subarray(request.position, request.position + request.length)
    asked.push(request.rawBytes)
    return portableCompression.inflate(request.inflate, request.rawBytes)
  }
  let step = reading.next()
  while (!step.done) {
    try {
      step = reading.next(await give(step.value))
    } catch (error) {
      step = reading.throw(error)
    }
  }
  return step.value.problem ?? (seen[0] as ScannedBatch)
}

/** A batch of one block with another body, every checksum right. */
export function forged(batch: EncodedBatch, entry: { block: Uint8Array; codec: number; raw: number }): Uint8Array {
  const { tableEnd, dictionaryAt, blocksAt, cuts } = batch.layout
  const out = new ByteWriter()
  out.raw(batch.bytes.subarray(0, tableEnd))
  const sizeAt = out.skip(4)
  out.varint(1)
  out.varint(cuts[0]?.rows ?? 0)
  out.varint(entry.block.length * 4 + entry.codec)
  if (entry.codec !== 0) out.varint(entry.raw)
  out.u32(digest.crc32(entry.block))
  out.raw(batch.bytes.subarray(dictionaryAt, blocksAt))
  out.view.setUint32(sizeAt, out.length - sizeAt - 4, true)
  const bodyCrc = digest.crc32(out.bytes.subarray(tableEnd))
  out.raw(entry.block)
  const bytes = out.bytes
  writeBatchHeader(bytes, { ...batch.header, single: false, bodyCrc }, { place: PLACE, digest })
  return bytes
}
