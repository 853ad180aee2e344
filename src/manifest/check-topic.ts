/** Checks of topics before anything believes them, and unpacking their segments.
 * @module */
import { checkAncestors } from './ancestors.ts'
import { unpackSegments } from './pack.ts'
import {
  check,
  checkSegment,
  isFileName,
  isHash,
  isObject,
  isTopicName,
  isWhole,
  type PartitionRow,
  type SegmentRow,
  type TopicRow,
  type TopicRowOptions,
} from './shapes.ts'

/** Check the shape of a topic, and of its partitions and segments, which are unpacked in place. */
export function checkTopic(value: unknown): asserts value is TopicRow {
  check(isObject(value), 'a topic is not an object')
  const { name, id, lineage, ancestors, createdAt, options, partitions } = value
  check(isTopicName(name), 'a topic has an impossible name')
  check(isWhole(id) && id > 0 && isWhole(createdAt) && typeof lineage === 'string', `topic "${name}" is incomplete`)
  check(Array.isArray(partitions), `topic "${name}" is incomplete`)
  checkOptions(options, name)
  check(partitions.length > 0 && options.partitions === partitions.length, `topic "${name}" misses partitions`)
  if (ancestors !== undefined) checkAncestors(ancestors, { name, partitions: partitions.length })
  for (const [index, row] of partitions.entries()) checkPartition(row, index, name)
}

/** Check the shape of a topic's options. */
export function checkOptions(value: unknown, topic: string): asserts value is TopicRowOptions {
  const impossible = `topic "${topic}" has impossible options`
  check(isObject(value), impossible)
  const { partitions, segmentBytes, partitioner, retention, compression, chain, idempotency } = value
  check(partitioner === 1 && isWhole(segmentBytes) && isWhole(partitions), impossible)
  check(compression === undefined || compression === 'none' || compression === 'deflate', impossible)
  check(chain === undefined || chain === 'batches' || chain === 'events', impossible)
  if (retention !== undefined) checkNumbers(retention, ['maxAgeMs', 'maxBytes', 'maxEvents'], impossible)
  if (idempotency !== undefined) checkNumbers(idempotency, ['windowMs', 'windowKeys'], impossible)
}

function checkNumbers(value: unknown, names: readonly string[], otherwise: string): void {
  check(isObject(value), otherwise)
  for (const name of names) check(value[name] === undefined || isWhole(value[name]), otherwise)
}

function checkPartition(value: unknown, index: number, topic: string): asserts value is PartitionRow {
  const where = `partition ${index} of topic "${topic}"`
  check(isObject(value) && value.partition === index, `${where} is missing`)
  const { headSlot, logStartOffset, logStartHash, droppedSegments, prunedVersions, segments, proven } = value
  check(isWhole(headSlot) && headSlot > 0, `${where} has no head slot`)
  check(isWhole(logStartOffset) && isHash(logStartHash), `${where} has no log start`)
  check(droppedSegments === undefined || isWhole(droppedSegments), `${where} has lost count of its segments`)
  check(prunedVersions === undefined || isFileName(prunedVersions), `${where} names no file of versions`)
  const rows = checkSegments(segments, where)
  value.segments = rows
  const first = rows[0]
  check(first === undefined || first.baseOffset <= logStartOffset, `${where} begins after its log start`)
  check(areDistinct(rows), `${where} names a segment twice`)
  check(
    rows.every(({ file }) => file !== prunedVersions),
    `${where} uses a file twice`,
  )
  if (proven === undefined) return
  const last = rows.at(-1)
  const base = last?.baseOffset ?? 0
  check(isObject(proven) && rows.length > 0 && last?.sealed === undefined, `${where} has an end but no active segment`)
  check(isWhole(proven.position) && isWhole(proven.offset) && isHash(proven.hash), `${where} has half an end`)
  check(proven.offset >= base, `${where} ends before its active segment`)
}

/** Whether no two segments have the same file. Names mostly ascend, which is quick to see. */
function areDistinct(rows: readonly SegmentRow[]): boolean {
  let at = 1
  while (at < rows.length && (rows[at - 1] as SegmentRow).file < (rows[at] as SegmentRow).file) at++
  return at >= rows.length || new Set(rows.map(({ file }) => file)).size === rows.length
}

/** Check the segments of a partition, packed or not. @returns all of them, unpacked. */
function checkSegments(stored: unknown, where: string): SegmentRow[] {
  const rows: SegmentRow[] = []
  const rest = unpackSegments(stored, rows)
  check(Array.isArray(rest), `${where} has no segments`)
  let before = rows.at(-1)
  for (const segment of rest) {
    checkSegment(segment)
    const { file, baseOffset, hashBefore } = segment
    if (before !== undefined) {
      const end = before.sealed
      check(end !== undefined && baseOffset === end.endOffset, `${where} has a gap before "${file}"`)
      check(hashBefore === end.endHash, `${where} has a broken chain before "${file}"`)
    }
    rows.push(segment)
    before = segment
  }
  return rows
}

/** A file that is being removed is not in use. */
export function checkNotLeaving(row: PartitionRow, leaving: readonly string[]): void {
  if (leaving.length === 0) return
  const names = new Set(leaving)
  for (const { file } of row.segments) check(!names.has(file), `segment "${file}" is being removed`)
  const { prunedVersions } = row
  check(prunedVersions === undefined || !names.has(prunedVersions), `file "${prunedVersions}" is being removed`)
}
