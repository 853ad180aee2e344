/** From what a caller says to the offset at which each partition of a topic ends.
 * @module */
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from '../../codec/batch-header.ts'
import type { Digest } from '../../codec/digest.ts'
import { VarveError } from '../../errors.ts'
import { type PartitionRow, partitionDirectory, type SegmentRow } from '../../manifest/index.ts'
import { systemClock } from '../../ports/clock.ts'
import { drive, FilePool, type Reading } from '../../segment/file-pool.ts'
import { walkHeaders } from '../../segment/load-index.ts'
import { type SegmentRef, segmentDamaged } from '../../segment/segment.ts'
import type { SourceTopic } from '../host.ts'
import type { Until } from '../types.ts'
import { type CutSource, indexOf, logEndOf, refOf, segmentEnd } from './cut-partition.ts'

/** Say for each partition of a topic the offset before which it ends; undefined: with everything there is.
 * Cost: for a time one index and about as many small reads as the logarithm of its length.
 * @throws {VarveError} `OFFSET_OUT_OF_RANGE`, `OFFSET_PRUNED` {topic, partition, offset, logStartOffset,
 * highWatermark}, `OPTION_INVALID`, and for a time `SEGMENT_DAMAGED`, `SEGMENT_MISSING`. */
export async function resolveUntil(source: SourceTopic, until: Until | undefined): Promise<(number | undefined)[]> {
  const { name, partitions } = source.row
  const wish: unknown = until
  if (wish === undefined) return partitions.map(() => undefined)
  if (typeof wish !== 'object' || wish === null) throw invalid('until', 'must be { offset } or { time }')
  const { offset, time, ...others } = wish as Record<string, unknown>
  if (Object.keys(others).length > 0 || (offset === undefined) === (time === undefined))
    throw invalid('until', 'must have either `offset` or `time`')
  if (offset !== undefined) return offsetsOf(offset, partitions.length).map((end, at) => inRange(source, at, end))
  if (!Number.isSafeInteger(time)) throw invalid('until.time', 'must be whole milliseconds since 1970')
  const pool = new FilePool(source.storage, systemClock)
  const { digest } = source.storage
  try {
    const ends: number[] = []
    for (const row of partitions) {
      const directory = partitionDirectory(name, row.partition)
      ends.push(await drive(endAtTime({ row, directory, digest }, time as number), pool))
    }
    return ends
  } finally {
    await pool.close()
  }
}

function invalid(option: string, rule: string): VarveError {
  return new VarveError('OPTION_INVALID', `Cannot use option "${option}": it ${rule}`, { details: { option, rule } })
}

function offsetsOf(offset: unknown, partitions: number): number[] {
  const offsets: unknown[] = Array.isArray(offset) ? offset : [offset]
  if (offsets.length !== partitions)
    throw invalid('until.offset', `must be a list of ${partitions}, one for each partition`)
  for (const one of offsets)
    if (!Number.isSafeInteger(one) || (one as number) < 0) throw invalid('until.offset', 'must be whole numbers from 0')
  return offsets as number[]
}

function inRange({ row: topic }: SourceTopic, partition: number, offset: number): number {
  const row = topic.partitions[partition] as PartitionRow
  const { logStartOffset } = row
  const highWatermark = logEndOf(row)
  if (offset >= logStartOffset && offset <= highWatermark) return offset
  const details = { topic: topic.name, partition, offset, logStartOffset, highWatermark }
  const where = `partition ${partition} of topic "${topic.name}"`
  if (offset > highWatermark) {
    const message = `Cannot end ${where} at offset ${offset}: it ends at ${highWatermark}`
    throw new VarveError('OFFSET_OUT_OF_RANGE', message, { details })
  }
  const message = `Cannot end ${where} at offset ${offset}: events before ${logStartOffset} were pruned`
  throw new VarveError('OFFSET_PRUNED', message, { details })
}

/** The offset after the last event that was recorded at or before a time. Times of recording never fall. */
function* endAtTime(source: CutSource, time: number): Reading<number> {
  const { row } = source
  for (const segment of row.segments) {
    const { sealed, baseOffset } = segment
    const isEmpty = segmentEnd(row, segment).offset === baseOffset
    if (isEmpty || (sealed?.recordedAt !== undefined && sealed.recordedAt <= time)) continue
    const later = yield* firstAfter(source, segment, time)
    if (later !== undefined) return later
  }
  return logEndOf(row)
}

/** The first offset of a segment that was recorded after a time; undefined when there is none. */
function* firstAfter(source: CutSource, segment: SegmentRow, time: number): Reading<number | undefined> {
  const { digest } = source
  const ref = refOf(source, segment)
  const { positions } = yield* indexOf(source, segment)
  // Of the first entry that is later; all before it are not.
  let low = 0
  let high = positions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const header = yield* headerAt(ref, positions[middle] ?? 0, digest)
    if (header.recordedAt > time) high = middle
    else low = middle + 1
  }
  const first = Math.max(0, low - 1)
  const from = positions[first]
  if (from === undefined) return undefined
  const to = positions[low] ?? segmentEnd(source.row, segment).position
  let found: number | undefined
  yield* walkHeaders(ref, { from, to, digest }, ({ recordedAt, baseOffset }) => {
    if (recordedAt > time) found ??= baseOffset
  })
  return found ?? (low < positions.length ? (yield* headerAt(ref, to, digest)).baseOffset : undefined)
}

function* headerAt(segment: SegmentRef, position: number, digest: Digest): Reading<BatchHeader> {
  const bytes = yield { path: segment.path, position, length: BATCH_HEADER_BYTES, brief: true }
  const header = readBatchHeader(bytes, 0, { place: { seed: segment.seed, position }, digest })
  if (header === undefined) throw segmentDamaged(segment, position, { reason: 'a batch header fails its checksum' })
  return header
}
