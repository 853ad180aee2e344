/** What exists in a store, as plain data, and what it may be; records change it (see `draft.ts`).
 *
 * Invariants: topic names are unique without regard to case, topic ids and head slots are unique; the segments of a
 * partition are in offset order without gaps, each one's `hashBefore` is the `endHash` of the one before it, and all
 * but the last are sealed; no file in use is among those to remove; names of documents, of
 * histories and of projections are unique without regard to case. Unknown fields are kept, so that a compatible
 * newer version may add some.
 * @module */
import { VarveError } from '../errors.ts'
import { checkNotLeaving, checkTopic } from './check-topic.ts'
import type { DocumentRow } from './documents.ts'
import { partitionDirectory } from './files.ts'
import type { HistoryRow } from './histories.ts'
import { orderedRows } from './named-rows.ts'
import { unpackDocuments } from './pack-documents.ts'
import { unpackHistories } from './pack-histories.ts'
import { checkProjection, type ProjectionRow } from './projections.ts'
import { FORMAT_VERSION } from './records.ts'
import { check, checkRemoval, isObject, isOwnOrFileName, isWhole, type Removal, type TopicRow } from './shapes.ts'

/** Features by what a version that does not know them may still do. */
export interface Features {
  /** Read and write. */
  readonly compatible: readonly string[]
  /** Read only. */
  readonly readOnlyCompatible: readonly string[]
  /** Nothing. */
  readonly incompatible: readonly string[]
}

/** The features this version knows; the first format has none. */
export const KNOWN_FEATURES: Features = { compatible: [], readOnlyCompatible: [], incompatible: [] }

/** The snapshot that a store was restored from. */
export interface StoreLineage {
  readonly storeId: string
  /** Its id, such as `snapshot-1700000000000`. */
  readonly snapshot: string
}

/** Of the manifest of a snapshot: what it is. */
export interface SnapshotRow {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly topic?: string
  readonly partition?: number
  readonly label?: string
}

export interface ManifestState {
  readonly formatVersion: number
  readonly features: Features
  readonly storeId: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly lineage?: StoreLineage
  readonly snapshot?: SnapshotRow
  readonly topics: readonly TopicRow[]
  /** What deleted topics and pruned segments left, by directory. Absent: nothing. */
  readonly removing?: readonly Removal[]
  /** No topic created from now on has an id or a head slot up to these: a deleted one may have had it. */
  readonly lastTopicId?: number
  readonly lastHeadSlot?: number
  /** In the order of their names without regard to case. Absent: none. */
  readonly documents?: readonly DocumentRow[]
  /** The highest version of any deleted document: one that is created from now on begins above it. */
  readonly lastDocumentVersion?: number
  /** In the order of their names without regard to case. Absent: none. */
  readonly histories?: readonly HistoryRow[]
  readonly projections?: readonly ProjectionRow[]
  /** Names of documents in whose directories the last clean close left files behind. Absent: none. */
  readonly untidyDocuments?: readonly string[]
  /** The same of histories. */
  readonly untidyHistories?: readonly string[]
}

/** A store in which nothing exists yet. */
export function emptyState(storeId: string, createdAt: number): ManifestState {
  return { formatVersion: FORMAT_VERSION, features: KNOWN_FEATURES, storeId, createdAt, topics: [] }
}

/** Check a state that was read from a file, and unpack it in place.
 * @throws {VarveError} `MANIFEST_DAMAGED`, `FORMAT_NEWER`. */
export function parseState(value: unknown): ManifestState {
  checkFormat(value, 'read')
  check(isObject(value), 'the state is not an object')
  check(typeof value.storeId === 'string' && value.storeId !== '', 'the store has no id')
  check(isWhole(value.createdAt), 'the store has no creation time')
  const lineage = value.lineage
  if (lineage !== undefined)
    check(
      isObject(lineage) && typeof lineage.storeId === 'string' && typeof lineage.snapshot === 'string',
      'the lineage of the store is incomplete',
    )
  const snapshot = value.snapshot
  if (snapshot !== undefined)
    check(isObject(snapshot) && typeof snapshot.id === 'string' && isWhole(snapshot.timestamp), 'a snapshot of nothing')
  check(Array.isArray(value.topics), 'the state has no topics')
  for (const topic of value.topics) checkTopic(topic)
  const state = value as unknown as ManifestState
  checkDistinct(state.topics)
  checkRemovals(state)
  const { lastTopicId = 0, lastHeadSlot = 0 } = state
  check(isWhole(lastTopicId) && isWhole(lastHeadSlot), 'what deleted topics had is not known')
  if (value.documents !== undefined) value.documents = unpackDocuments(value.documents)
  const { lastDocumentVersion = 0 } = state
  check(isWhole(lastDocumentVersion), 'what deleted documents had is not known')
  if (value.histories !== undefined) value.histories = unpackHistories(value.histories)
  if (value.projections !== undefined) value.projections = checkProjections(value.projections)
  checkUntidy(state.untidyDocuments)
  checkUntidy(state.untidyHistories)
  return state
}

/** Check names of documents or histories in whose directories files were left. */
export function checkUntidy(names: unknown = []): void {
  check(Array.isArray(names) && names.every(isOwnOrFileName), 'the directories to tidy up are not listed')
}

function checkProjections(rows: unknown): readonly ProjectionRow[] {
  check(Array.isArray(rows), 'the projections are not listed')
  for (const row of rows) checkProjection(row)
  return orderedRows(rows, 'a projection')
}

function checkDistinct(topics: readonly TopicRow[]): void {
  const names = new Set(topics.map(({ name }) => name.toLowerCase()))
  check(names.size === topics.length, 'a topic exists twice')
  check(new Set(topics.map(({ id }) => id)).size === topics.length, 'two topics have the same id')
  const slots = topics.flatMap(({ partitions }) => partitions.map(({ headSlot }) => headSlot))
  check(new Set(slots).size === slots.length, 'two partitions share a head slot')
}

function checkRemovals({ removing = [], topics }: ManifestState): void {
  check(Array.isArray(removing), 'the files to remove are not listed')
  const byDirectory = new Map<string, readonly string[]>()
  for (const removal of removing) {
    checkRemoval(removal)
    check(!byDirectory.has(removal.directory), `files of "${removal.directory}" are listed twice`)
    byDirectory.set(removal.directory, removal.files)
  }
  if (byDirectory.size === 0) return
  for (const { name, partitions } of topics)
    for (const row of partitions) checkNotLeaving(row, byDirectory.get(partitionDirectory(name, row.partition)) ?? [])
}

/** Refuse what this version must not touch: a newer format version, an unknown incompatible feature, and for writing
 * an unknown read-only-compatible one.
 * @throws {VarveError} `FORMAT_NEWER` naming what is found and what is known, `MANIFEST_DAMAGED`. */
export function checkFormat(value: unknown, use: 'read' | 'write'): void {
  check(isObject(value), 'the format is not stated')
  const found = value.formatVersion
  check(isWhole(found) && found > 0, 'the format version is not a number')
  const details = { foundVersion: found, knownVersion: FORMAT_VERSION }
  if (found > FORMAT_VERSION)
    throw new VarveError('FORMAT_NEWER', `Cannot open the store: format ${found}, known are formats up to 1`, {
      details,
    })
  const features = value.features
  check(isObject(features), 'the features are not stated')
  check(Array.isArray(features.compatible), 'the features are not lists of names')
  const lists = { incompatible: KNOWN_FEATURES.incompatible, readOnlyCompatible: KNOWN_FEATURES.readOnlyCompatible }
  for (const [kind, known] of Object.entries(lists)) {
    const list = features[kind]
    check(Array.isArray(list) && list.every((name) => typeof name === 'string'), 'the features are not lists of names')
    const unknown = list.filter((name) => !known.includes(name))
    if (unknown.length === 0 || (kind === 'readOnlyCompatible' && use === 'read')) continue
    throw new VarveError('FORMAT_NEWER', `Cannot ${use} the store: unknown features "${unknown.join('", "')}"`, {
      details: { ...details, unknownFeatures: unknown, readOnly: kind === 'readOnlyCompatible' },
    })
  }
}

/** Whether a file, by its path in the store, is on a list of those to be removed. */
export function isLeaving({ removing = [] }: ManifestState, path: string): boolean {
  return removing.some(
    ({ directory, files }) => path.startsWith(`${directory}/`) && files.includes(path.slice(directory.length + 1)),
  )
}

/** The highest id that a topic has or had. */
export function highestTopicId(state: ManifestState): number {
  return state.topics.reduce((highest, topic) => Math.max(highest, topic.id), state.lastTopicId ?? 0)
}

/** The highest head slot that a partition has or had; 0 when there was none. */
export function highestHeadSlot(state: ManifestState): number {
  let highest = state.lastHeadSlot ?? 0
  for (const topic of state.topics) for (const row of topic.partitions) highest = Math.max(highest, row.headSlot)
  return highest
}

/** An id that no topic of this state has or had. */
export function nextTopicId(state: ManifestState): number {
  return highestTopicId(state) + 1
}

/** The first head slot that was never in use; a new topic takes as many as it has partitions. */
export function nextHeadSlot(state: ManifestState): number {
  return highestHeadSlot(state) + 1
}
