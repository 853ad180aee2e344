/** What the state in a snapshot says about it.
 * @module */
import { fromHex, toHex } from '../../codec/bytes.ts'
import type { Digest } from '../../codec/digest.ts'
import type { ManifestState, PartitionRow, SnapshotRow } from '../../manifest/index.ts'
import { truthFiles } from '../files/state-files.ts'
import type { SnapshotDetails, SnapshotInfo, SnapshotPartition } from '../types.ts'

/** The row of a snapshot in a list. Cost: a look at every segment, document and group. */
export function infoOf(state: ManifestState, snapshot: SnapshotRow, facts: InfoFacts): SnapshotInfo {
  const { id, timestamp, topic, partition, label } = snapshot
  const partitions = partitionsOf(state, snapshot)
  const [only] = partitions
  const isOne = only !== undefined && partitions.length === 1 && topic !== undefined
  return {
    id,
    timestamp,
    ...(topic === undefined ? {} : { topic }),
    ...(partition === undefined ? {} : { partition }),
    ...(label === undefined ? {} : { label }),
    pinned: facts.pinned,
    topics: state.topics.length,
    documents: countOf(state.documents),
    histories: countOf(state.histories),
    projections: state.projections?.length ?? 0,
    events: sum(partitions, (at) => at.highWatermark - at.baseOffset),
    ...(isOne ? { baseOffset: only.baseOffset, highWatermark: only.highWatermark } : {}),
    headHash: headHash(partitions, facts.digest),
    numSegments: sum(partitions, (at) => at.segmentOffsets.length),
    totalSizeBytes: sum(truthFiles(state), ({ sizeBytes }) => sizeBytes),
  }
}

export interface InfoFacts {
  readonly pinned: boolean
  readonly digest: Digest
}

/** The row, and each partition. */
export function detailsOf(state: ManifestState, snapshot: SnapshotRow, facts: InfoFacts): SnapshotDetails {
  const info = infoOf(state, snapshot, facts)
  return { ...info, storeId: state.storeId, partitions: partitionsOf(state, snapshot) }
}

/** Those that the snapshot is of: of one partition alone, the others of its topic do not count. */
function partitionsOf(state: ManifestState, { partition }: SnapshotRow): SnapshotPartition[] {
  return state.topics.flatMap(({ name, partitions }) =>
    partitions.filter((row) => partition === undefined || row.partition === partition).map((row) => factsOf(name, row)),
  )
}

function factsOf(topic: string, row: PartitionRow): SnapshotPartition {
  const { partition, logStartOffset, logStartHash, segments, proven } = row
  const seal = segments.at(-1)?.sealed
  const active = proven ?? { offset: logStartOffset, position: 0, hash: logStartHash }
  const sealedBytes = sum(segments, ({ sealed }) => sealed?.endPosition ?? 0)
  return {
    topic,
    partition,
    baseOffset: logStartOffset,
    highWatermark: seal?.endOffset ?? active.offset,
    headHash: seal?.endHash ?? active.hash,
    segmentOffsets: segments.map(({ baseOffset }) => baseOffset),
    sizeBytes: sealedBytes + (seal === undefined ? active.position : 0),
  }
}

function headHash(partitions: readonly SnapshotPartition[], digest: Digest): string {
  const [only] = partitions
  if (only !== undefined && partitions.length === 1) return only.headHash
  return toHex(digest.sha256(fromHex(partitions.map((at) => at.headHash).join(''))))
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0)
}

/** How many there are that are not the store's own. */
export function countOf(rows: readonly { readonly name: string }[] = []): number {
  return rows.filter(({ name }) => !name.startsWith('_')).length
}
