/** The files that a state needs, and those derived from them.
 * @module */

import { assert } from '../../errors.ts'
import { type ManifestState, type PartitionRow, partitionDirectory, type TopicRow } from '../../manifest/index.ts'
import { DOCUMENT_FILES, HISTORY_FILES } from '../../manifest/stored-paths.ts'
import type { Storage } from '../../ports/storage.ts'
import { besideSegment, mergedRun } from '../../segment/names.ts'
import { RUN_FAN_IN } from '../../topic/term-cover.ts'

/** A file that is truth. */
export interface StateFile {
  /** Relative to the store. */
  readonly path: string
  /** Bytes of it that count; 0 for `versions`, of which the state does not say it. */
  readonly sizeBytes: number
  /** `active` may be appended to: it is never linked. */
  readonly kind: 'segment' | 'active' | 'versions' | 'document' | 'group'
  /** Files of different snapshots that have the same one hold the same bytes up to `sizeBytes`. */
  readonly key: string
}

/** A file that can be made again. */
export interface DerivedFile {
  readonly path: string
  readonly sizeBytes?: number
  /** As of a `StateFile`. */
  readonly key: string
}

const BESIDE = ['index', 'timeindex', 'terms'] as const

/** Every file that is truth, in the order of the state. */
export function truthFiles(state: ManifestState): StateFile[] {
  const files: StateFile[] = []
  for (const topic of state.topics) for (const row of topic.partitions) files.push(...partitionFiles(topic, row))
  for (const { name, id, sizeBytes } of state.documents ?? [])
    files.push({ path: DOCUMENT_FILES.path(name, id), sizeBytes, kind: 'document', key: `document ${id}` })
  for (const { name, groups } of state.histories ?? [])
    for (const { file, id, endBytes } of groups) {
      const path = HISTORY_FILES.path(name, file)
      files.push({ path, sizeBytes: endBytes, kind: 'group', key: `group ${id} ${file} ${endBytes}` })
    }
  return files
}

function partitionFiles({ name }: TopicRow, row: PartitionRow): StateFile[] {
  const directory = partitionDirectory(name, row.partition)
  const files: StateFile[] = []
  for (const { file, id, sealed } of row.segments) {
    const end = sealed === undefined ? row.proven : { position: sealed.endPosition, hash: sealed.endHash }
    assert(end !== undefined, 'every segment of a snapshot has an end')
    const kind = sealed === undefined ? 'active' : 'segment'
    const key = `segment ${id} ${end.position} ${end.hash}`
    files.push({ path: `${directory}/${file}`, sizeBytes: end.position, kind, key })
  }
  const { prunedVersions, logStartOffset, logStartHash } = row
  if (prunedVersions !== undefined) {
    const key = `versions ${logStartOffset} ${logStartHash} ${prunedVersions}`
    files.push({ path: `${directory}/${prunedVersions}`, sizeBytes: 0, kind: 'versions', key })
  }
  return files
}

/** The derived files that are there and reach no further than the state: beside its sealed segments, and merged term
 * runs over them. Checkpoints are about an active segment, and left out. Cost: one listing for each partition. */
export async function derivedFiles(storage: Storage, state: ManifestState): Promise<DerivedFile[]> {
  const partitions = state.topics.flatMap(({ name, partitions }) => partitions.map((row) => ({ name, row })))
  const found = await Promise.all(
    partitions.map(async ({ name, row }) => {
      const directory = partitionDirectory(name, row.partition)
      const names = (await storage.list(directory)).map((entry) => entry.name)
      const keys = besideKeys(row)
      return names.flatMap((file): DerivedFile[] => {
        const key = keys.get(file) ?? runKey(file, row)
        return key === undefined ? [] : [{ path: `${directory}/${file}`, key }]
      })
    }),
  )
  return found.flat()
}

/** By the name of the file. */
function besideKeys({ segments }: PartitionRow): Map<string, string> {
  const keys = new Map<string, string>()
  for (const { file, id, sealed } of segments)
    if (sealed !== undefined)
      for (const kind of BESIDE)
        keys.set(besideSegment(file, kind), `${kind} ${id} ${sealed.endPosition} ${sealed.endHash}`)
  return keys
}

/** Of a merged run, by the segments that it has to cover; undefined when one of them is not there or not sealed. */
function runKey(file: string, { segments, droppedSegments = 0 }: PartitionRow): string | undefined {
  const run = mergedRun(file)
  if (run === undefined) return undefined
  const { level, sequence } = run
  const last = segments[sequence + RUN_FAN_IN ** level - 1 - droppedSegments]
  if (last?.sealed === undefined) return undefined
  return `run ${level} ${sequence} ${last.id} ${last.sealed.endPosition} ${last.sealed.endHash}`
}
