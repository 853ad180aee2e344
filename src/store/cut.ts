/** A moment of an open store, for a snapshot or a fork.
 *
 * 1. Roll active segments of 1 MiB or more, so that little has to be copied. Appends wait as they do for any roll.
 * 2. In one go, without a turn of the event loop in between, take what the manifest says and where every log is
 *    durable, and hold all files of it. So everything that was acknowledged before is in it, and nothing that came
 *    after something that is not.
 * 3. Wait for versions of histories that were being written to files which get a second name.
 * @module */
import { isVarveError, VarveError } from '../errors.ts'
import { type ManifestState, type PartitionRow, partitionDirectory, type TopicRow } from '../manifest/index.ts'
import { optionInvalid } from '../options.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import type { Cut } from '../snapshot/host.ts'
import type { SnapshotTarget } from '../snapshot/types.ts'
import type { LogContext } from '../topic/context.ts'
import type { StoreDocuments } from './documents.ts'
import type { StoreHistories } from './histories.ts'
import type { StoreTopics } from './topics.ts'

/** Active segments of so many bytes are rolled, smaller ones are copied. */
const ROLL_BYTES = 1024 * 1024

export interface CutParts {
  readonly context: LogContext
  readonly state: () => ManifestState
  readonly topics: StoreTopics
  readonly documents: StoreDocuments
  readonly histories: StoreHistories
}

/** Take a moment of the store, or of one topic or partition in it.
 * @throws {VarveError} `TOPIC_UNKNOWN`, `PARTITION_UNKNOWN`, `OPTION_INVALID`, and what a roll throws. */
export async function cutStore(parts: CutParts, target: SnapshotTarget): Promise<Cut> {
  checkTarget(parts.state(), target)
  for (const { name } of topicsOf(parts.state(), target)) {
    // Deleted meanwhile.
    if (parts.state().topics.some((topic) => topic.name === name)) await rollLarge(parts, name, target)
  }
  checkTarget(parts.state(), target)
  const timestamp = parts.context.clock.now()
  const state = stateNow(parts, target)
  const release = hold(parts, state)
  try {
    await parts.histories.share(state.histories ?? [])
    return { state, timestamp, release }
  } catch (error) {
    release()
    throw error
  }
}

/** A topic that is damaged does not keep a snapshot of everything from being taken. */
async function rollLarge({ topics }: CutParts, name: string, target: SnapshotTarget): Promise<void> {
  try {
    await topics.rollLarge(name, ROLL_BYTES)
  } catch (error) {
    if (target.topic !== undefined || !isVarveError(error) || error.kind !== 'corrupt') throw error
  }
}

function topicsOf(state: ManifestState, { topic }: SnapshotTarget): readonly TopicRow[] {
  return topic === undefined ? state.topics : state.topics.filter(({ name }) => name === topic)
}

function checkTarget(state: ManifestState, { topic, partition }: SnapshotTarget): void {
  if (topic === undefined) {
    if (partition !== undefined) throw optionInvalid('partition', 'needs a topic', partition)
    return
  }
  const row = state.topics.find(({ name }) => name === topic)
  if (row === undefined) {
    const known = state.topics.slice(0, 100).map(({ name }) => name)
    throw new VarveError('TOPIC_UNKNOWN', `Cannot take topic "${topic}": it does not exist`, {
      details: { topic, topics: known },
    })
  }
  if (partition === undefined || row.partitions[partition] !== undefined) return
  const partitions = row.partitions.length
  throw new VarveError(
    'PARTITION_UNKNOWN',
    `Cannot take partition ${partition} of topic "${topic}": it has ${partitions}`,
    {
      details: { topic, partition, partitions },
    },
  )
}

/** What a snapshot's manifest says. Synchronous: this is the moment. */
function stateNow({ state: stateOf, topics }: CutParts, target: SnapshotTarget): ManifestState {
  const state = stateOf()
  const { removing: _, untidyDocuments: _d, untidyHistories: _h, topics: rows, ...rest } = state
  const cut = topicsOf(state, target).map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((row) => {
      const ended = { ...row, proven: topics.endNow(topic.id, row) }
      return (target.partition ?? row.partition) === row.partition ? ended : emptied(ended)
    }),
  }))
  if (target.topic !== undefined) {
    const { documents: _1, histories: _2, projections: _3, ...topicOnly } = rest
    return { ...topicOnly, topics: cut }
  }
  return { ...rest, topics: cut }
}

/** A partition of which only the place is kept: it begins and ends where its active segment begins. */
function emptied({ prunedVersions: _, ...row }: PartitionRow): PartitionRow {
  const active = row.segments.at(-1)
  if (active === undefined) return row
  const { baseOffset: offset, hashBefore: hash } = active
  return {
    ...row,
    logStartOffset: offset,
    logStartHash: hash,
    droppedSegments: (row.droppedSegments ?? 0) + row.segments.length - 1,
    segments: [active],
    proven: { position: SEGMENT_HEADER_BYTES, offset, hash },
  }
}

/** @returns lets go of all files. */
function hold({ context, documents, histories }: CutParts, state: ManifestState): () => void {
  const releases = state.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => context.holds.hold(partitionDirectory(name, partition))),
  )
  for (const { id } of state.documents ?? []) releases.push(documents.files.hold(id))
  for (const { groups } of state.histories ?? []) {
    for (const { file } of groups) releases.push(histories.files.hold(file))
  }
  return () => {
    for (const release of releases.splice(0)) release()
    documents.files.tidyLeft()
    histories.files.tidyLeft()
    histories.files.inBackground(histories.unshare(state.histories ?? []), '')
  }
}
