/** Where the log of a partition is cut when another topic takes it over: which segments go along, and where the last
 * of them is sealed. Nothing is written; a cut inside of a batch leaves its first events to be written again.
 * @module */
import type { BatchHeader } from '../../codec/batch-header.ts'
import { toHex } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import type { PartitionRow, Seal, SegmentRow } from '../../manifest/index.ts'
import type { Reading } from '../../segment/file-pool.ts'
import { SEGMENT_HEADER_BYTES } from '../../segment/header.ts'
import { loadIndex, rebuildIndex, walkHeaders } from '../../segment/load-index.ts'
import { type SegmentRef, segmentDamaged, segmentRef } from '../../segment/segment.ts'
import type { SparseIndex } from '../../segment/sparse-index.ts'

/** A partition whose log is to be taken over. */
export interface CutSource {
  readonly row: PartitionRow
  /** Of its files. */
  readonly directory: string
  readonly digest: Digest
}

export type SealedRow = SegmentRow & { readonly sealed: Seal }

export interface PartitionCut {
  /** The segments that go along, by their names in the source. */
  readonly segments: readonly SealedRow[]
  /** How many of them are sealed so in the source, too: what is derived from those holds. */
  readonly whole: number
  /** Where they end, and the chain hash there. */
  readonly end: { readonly offset: number; readonly hash: string }
  /** The log ends inside of this batch, which begins where the segments end. */
  readonly split: SplitBatch | undefined
  /** Where the log ends. */
  readonly endOffset: number
}

export interface SplitBatch {
  readonly segment: SegmentRef
  readonly header: BatchHeader
  readonly position: number
}

/** A place between two batches of a segment. */
interface SegmentEnd {
  readonly offset: number
  readonly position: number
  readonly hash: string
}

/** Where the log of a partition ends. */
export function logEndOf({ segments, proven, logStartOffset }: PartitionRow): number {
  const last = segments.at(-1)
  return last === undefined ? logStartOffset : (last.sealed?.endOffset ?? proven?.offset ?? last.baseOffset)
}

/** The segment that a row says, to be read. */
export function refOf({ row, directory, digest }: CutSource, segment: SegmentRow): SegmentRef {
  return segmentRef(directory, segment, { partition: row.partition, digest })
}

/** Cut a partition.
 * Cost: inside of a sealed segment its index and some headers; of the active one all headers.
 * @param end where the log is to end, between log start and log end; undefined: with all there is.
 * @throws {VarveError} `SEGMENT_DAMAGED`, `SEGMENT_MISSING`. */
export function* cutPartition(source: CutSource, end: number | undefined): Reading<PartitionCut> {
  const { row } = source
  const endOffset = end ?? logEndOf(row)
  const before = row.segments.filter(({ baseOffset }) => baseOffset < endOffset)
  const last = before.pop()
  const segments = before.filter(isSealed)
  const whole = segments.length
  if (last === undefined) return { segments, whole, end: startOf(row), split: undefined, endOffset }
  const lastEnd = segmentEnd(row, last)
  if (endOffset >= lastEnd.offset) {
    const sealed = last.sealed ?? (yield* sealAt(refOf(source, last), lastEnd, source.digest))
    segments.push({ ...last, sealed })
    const added = last.sealed === undefined ? 0 : 1
    return { segments, whole: whole + added, end: endOf(sealed), split: undefined, endOffset }
  }
  const found = yield* batchAt(source, last, endOffset)
  if (found.seal !== undefined) segments.push({ ...last, sealed: found.seal })
  const { segment, header, position } = found
  const split = header.baseOffset < endOffset ? { segment, header, position } : undefined
  const sealed = segments.at(-1)?.sealed
  return { segments, whole, end: sealed === undefined ? startOf(row) : endOf(sealed), split, endOffset }
}

function isSealed(row: SegmentRow): row is SealedRow {
  return row.sealed !== undefined
}

function startOf({ logStartOffset, logStartHash }: PartitionRow): PartitionCut['end'] {
  return { offset: logStartOffset, hash: logStartHash }
}

function endOf({ endOffset, endHash }: Seal): PartitionCut['end'] {
  return { offset: endOffset, hash: endHash }
}

/** The durable end of a segment. */
export function segmentEnd({ proven }: PartitionRow, { sealed, baseOffset, hashBefore }: SegmentRow): SegmentEnd {
  if (sealed !== undefined) return { offset: sealed.endOffset, position: sealed.endPosition, hash: sealed.endHash }
  return proven ?? { offset: baseOffset, position: SEGMENT_HEADER_BYTES, hash: hashBefore }
}

/** Seal a segment that was active at its end. */
function* sealAt(segment: SegmentRef, end: SegmentEnd, digest: Digest): Reading<Seal> {
  const times = new SealTimes()
  const range = { from: SEGMENT_HEADER_BYTES, to: end.position, digest }
  yield* walkHeaders(segment, range, (header) => times.add(header))
  return { endOffset: end.offset, endPosition: end.position, endHash: end.hash, ...times.facts() }
}

/** The index of a segment up to its durable end. */
export function* indexOf(source: CutSource, segment: SegmentRow): Reading<SparseIndex> {
  const { digest, row } = source
  const ref = refOf(source, segment)
  const { sealed, id, baseOffset } = segment
  if (sealed === undefined) return yield* rebuildIndex(ref, segmentEnd(row, segment).position, digest)
  return (yield* loadIndex(ref, { id, baseOffset, ...sealed }, digest)).index
}

/** Find the batch that holds an offset, and seal the segment before it; undefined where it is the first one. */
function* batchAt(
  source: CutSource,
  row: SegmentRow,
  offset: number,
): Reading<SplitBatch & { readonly seal: Seal | undefined }> {
  const { digest } = source
  const segment = refOf(source, row)
  const index = yield* indexOf(source, row)
  const entry = Math.max(0, index.entryAt(offset))
  // One entry earlier, so that the batch before the one that is looked for is met as well.
  const first = Math.max(0, entry - 1)
  const from = index.positions[first] ?? SEGMENT_HEADER_BYTES
  const to = index.positions[entry + 1] ?? segmentEnd(source.row, row).position
  const met: SplitBatch[] = []
  yield* walkHeaders(segment, { from, to, digest }, (header, position) => met.push({ segment, header, position }))
  const at = met.findIndex(({ header }) => header.baseOffset + header.lastOffsetDelta >= offset)
  const found = met[at]
  if (found === undefined) throw segmentDamaged(segment, to, { reason: `no batch holds offset ${offset}` })
  const before = met[at - 1]
  if (before === undefined) return { ...found, seal: undefined }
  const times = new SealTimes(first === 0 ? undefined : index.highestAt[first - 1])
  for (const { header } of met.slice(0, at)) times.add(header)
  const seal = { endOffset: found.header.baseOffset, endPosition: found.position, endHash: toHex(before.header.hash) }
  return { ...found, seal: { ...seal, ...times.facts() } }
}

/** What a seal says of the times of its events. */
class SealTimes {
  #lowestAt: number | undefined
  #highestAt: number
  #recordedAt = 0

  /** @param highestBefore of batches that are not added: then the lowest time is not known. */
  constructor(highestBefore?: number) {
    this.#lowestAt = highestBefore === undefined ? Number.POSITIVE_INFINITY : undefined
    this.#highestAt = highestBefore ?? Number.NEGATIVE_INFINITY
  }

  add({ lowestAt, highestAt, recordedAt }: BatchHeader): void {
    if (this.#lowestAt !== undefined) this.#lowestAt = Math.min(this.#lowestAt, lowestAt)
    this.#highestAt = Math.max(this.#highestAt, highestAt)
    this.#recordedAt = recordedAt
  }

  facts(): Pick<Seal, 'lowestAt' | 'highestAt' | 'recordedAt'> {
    if (!Number.isFinite(this.#highestAt)) return {}
    const lowest = this.#lowestAt === undefined ? {} : { lowestAt: this.#lowestAt }
    return { ...lowest, highestAt: this.#highestAt, recordedAt: this.#recordedAt }
  }
}
