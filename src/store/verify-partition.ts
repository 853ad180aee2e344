/** Checking one partition: its segments in order, then what was derived from them.
 * @module */
import { toHex } from '../codec/bytes.ts'
import { isVarveError } from '../errors.ts'
import {
  type AncestorRow,
  type HeadSlot,
  headName,
  lineageAt,
  type PartitionRow,
  partitionDirectory,
  type SegmentRow,
} from '../manifest/index.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { besideSegment, CHECKPOINT_FILE } from '../segment/names.ts'
import { type LogPoint, segmentRef } from '../segment/segment.ts'
import { encodeOffsetIndex, encodeTimeIndex, type SparseIndex } from '../segment/sparse-index.ts'
import type { VerifyHead } from './types.ts'
import { readCheckpoint } from './verify-checkpoint.ts'
import { HeadCheck } from './verify-head.ts'
import type { VerifyRun } from './verify-run.ts'
import { checkSegment, type Mark } from './verify-segment.ts'
import { SegmentSums } from './verify-sums.ts'
import { checkTerms, termFiles } from './verify-terms.ts'

/** A partition, and what is known of its end. */
export interface PartitionWish {
  readonly storeId: string
  readonly topic: string
  readonly lineage: string
  readonly ancestors: readonly AncestorRow[] | undefined
  readonly row: PartitionRow
  readonly manifestFile: string
  readonly epoch: number
  /** The durable end, when the writer is this store. */
  readonly own: LogPoint | undefined
  readonly slot: HeadSlot | undefined
  /** A hash that this partition must contain. */
  readonly head: VerifyHead | undefined
  /** Whether the manifest names a segment now, by its id. */
  readonly isKept: (segmentId: string) => Promise<boolean>
  /** Whether the manifest names a file with versions of pruned entities now. */
  readonly isNamed: (file: string) => Promise<boolean>
}

/** Announce the files of a partition for the total of the progress. */
export async function planPartition(run: VerifyRun, topic: string, row: PartitionRow): Promise<void> {
  const directory = partitionDirectory(topic, row.partition)
  const checkpoint = `${directory}/${CHECKPOINT_FILE}`
  run.plan(checkpoint, (await sizeIfReadable(run, checkpoint)) ?? 0)
  for (const { file, sealed } of row.segments) {
    const path = `${directory}/${file}`
    if (sealed === undefined) {
      run.plan(path, (await sizeIfReadable(run, path)) ?? SEGMENT_HEADER_BYTES)
      continue
    }
    run.plan(path, sealed.endPosition)
    for (const derived of derivedOf(path)) run.plan(derived, (await sizeIfReadable(run, derived)) ?? 0)
  }
  for (const path of await termFiles(run, topic, row)) run.plan(path, (await sizeIfReadable(run, path)) ?? 0)
}

async function sizeIfReadable(run: VerifyRun, path: string): Promise<number | undefined> {
  run.checkGoingOn()
  try {
    return await run.sizeOf(path)
  } catch (error) {
    // Reading it later says what is wrong with it.
    if (isVarveError(error)) return undefined
    throw error
  }
}

function derivedOf(path: string): string[] {
  return [besideSegment(path, 'index'), besideSegment(path, 'timeindex')]
}

/** Check the segments of a partition, their chain, and what is derived from them. */
export async function checkPartition(run: VerifyRun, wish: PartitionWish): Promise<void> {
  const { row } = wish
  const directory = partitionDirectory(wish.topic, row.partition)
  const { manifestFile } = wish
  const first = row.segments[0]
  if (first !== undefined && first.baseOffset === row.logStartOffset && first.hashBefore !== row.logStartHash) {
    const message = `Manifest "${manifestFile}": "${directory}/${first.file}" does not begin with the log's first hash`
    run.problem({ code: 'MANIFEST_DAMAGED', file: manifestFile, message, damage: true })
  }
  if (first === undefined) {
    const message = `Manifest "${manifestFile}" names no segment of "${directory}"`
    run.problem({ code: 'MANIFEST_DAMAGED', file: manifestFile, message, damage: true })
  }
  const head = wish.head === undefined ? undefined : new HeadCheck(run, wish.head, { directory, row })
  const active = row.segments.findLast((segment) => segment.sealed === undefined)
  const { storeId, lineage } = wish
  const owner = { storeId, lineage, partition: row.partition }
  const file = `${directory}/${CHECKPOINT_FILE}`
  const checkpoint = await readCheckpoint(run, file, { owner, segmentId: active?.id })
  const scanned: (SegmentSums | undefined)[] = []
  for (const [at, segment] of row.segments.entries()) {
    const ref = segmentRef(directory, segment, { partition: row.partition, digest: run.digest })
    let index: SparseIndex | undefined
    const sums = segment.sealed === undefined ? undefined : new SegmentSums((row.droppedSegments ?? 0) + at)
    await run.about(ref.path, async () => {
      index = await checkSegment(run, {
        ref,
        lineage: lineageAt(wish, row.partition, segment.baseOffset),
        checkpoint: segment === active ? checkpoint : undefined,
        seal: segment.sealed,
        ...endOf(segment, wish),
        marks: marksOf(run, segment, wish),
        head,
        sums,
        isKept: () => wish.isKept(segment.id),
      })
    })
    scanned.push(index === undefined ? undefined : sums)
    const checksIndexes = segment.sealed !== undefined && (await wish.isKept(segment.id))
    if (checksIndexes) await checkIndexes(run, ref.path, { segment, index })
  }
  await checkTerms(run, { topic: wish.topic, row, sums: scanned, isNamed: wish.isNamed })
  checkpoint?.finish()
  head?.finish()
}

/** Up to where a segment must be right. */
function endOf(segment: SegmentRow, wish: PartitionWish): { endPosition: number; own: LogPoint | undefined } {
  const { own, slot, row } = wish
  if (segment.sealed !== undefined) return { endPosition: segment.sealed.endPosition, own: undefined }
  // The own end may be of the moment before the last roll: then nothing in this segment is durable yet.
  if (own !== undefined) {
    const here = own.offset > segment.baseOffset
    const point = here ? own : { position: SEGMENT_HEADER_BYTES, offset: segment.baseOffset }
    return { endPosition: point.position, own: point }
  }
  const told = slot !== undefined && slot.segmentId === segment.id ? slot.position : 0
  return { endPosition: Math.max(SEGMENT_HEADER_BYTES, row.proven?.position ?? 0, told), own: undefined }
}

/** What manifest and head file say about places in this segment. */
function marksOf(run: VerifyRun, segment: SegmentRow, wish: PartitionWish): Mark[] {
  const { row, slot, topic } = wish
  const marks: Mark[] = []
  const path = `${partitionDirectory(topic, row.partition)}/${segment.file}`
  if (segment.sealed === undefined && row.proven !== undefined) {
    const { position } = row.proven
    const differs = (difference: string) => {
      const message = `Segment "${path}" is not what was closed: ${difference}`
      run.problem({ code: 'SEGMENT_DAMAGED', file: path, position, message, damage: true })
    }
    marks.push({ ...row.proven, differs })
  }
  if (slot !== undefined && slot.segmentId === segment.id) {
    const file = headName(wish.epoch)
    const differs = (difference: string) => {
      const message = `The end that "${file}" tells of "${path}" is not there: ${difference}`
      run.problem({ code: 'HEAD_DIFFERS', file, message, damage: false })
    }
    marks.push({ offset: slot.endOffset, position: slot.position, hash: toHex(slot.hash), differs })
  }
  return marks
}

/** Rebuild the two indexes of a sealed segment in memory and compare. */
async function checkIndexes(
  run: VerifyRun,
  path: string,
  facts: { segment: SegmentRow; index: SparseIndex | undefined },
): Promise<void> {
  const { segment, index } = facts
  const { sealed, id, baseOffset } = segment
  if (sealed === undefined) return
  const seal = { id, baseOffset, ...sealed }
  for (const derived of derivedOf(path)) {
    if (index === undefined) {
      run.leaveOut(`${derived}: its segment is damaged, so there is nothing to compare it with.`)
      continue
    }
    const encode = derived.endsWith('.timeindex') ? encodeTimeIndex : encodeOffsetIndex
    await run.about(derived, () => compareDerived(run, derived, encode(index, seal, run.digest)))
  }
}

async function compareDerived(run: VerifyRun, path: string, wanted: Uint8Array): Promise<void> {
  const size = await run.sizeOf(path)
  if (size === undefined) {
    run.plan(path, 0)
    const message = `Index "${path}" is missing; it will be rebuilt when it is needed`
    run.problem({ code: 'INDEX_MISSING', file: path, message, damage: false })
    return
  }
  run.begin(path, size)
  // One byte more, so that a longer file differs.
  const found = await run.read({ path, position: 0, length: wanted.length + 1 })
  run.reached(size)
  const length = Math.min(wanted.length, found.length)
  let at = 0
  while (at < length && wanted[at] === found[at]) at++
  if (at === wanted.length && at === found.length) return
  const message = `Index "${path}" differs from its segment at position ${at}; it is derived and can be deleted`
  run.problem({ code: 'INDEX_DIFFERS', file: path, position: at, message, damage: false })
}
