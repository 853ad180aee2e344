/** The records of a manifest: each is one commit.
 * @module */
import type { DocumentRow } from './documents.ts'
import type { GroupRow, HistoryRow, HistoryRowOptions } from './histories.ts'
import type { ProjectionRow } from './projections.ts'
import type { ProvenEnd, Removal, Seal, SegmentRow, TopicRow, TopicRowOptions } from './shapes.ts'

export const FORMAT_VERSION = 1

export interface TopicCreated {
  readonly type: 'topic-created'
  readonly topic: TopicRow
}

/** Other options for a topic: all of them, also those that stay. */
export interface TopicChanged {
  readonly type: 'topic-changed'
  readonly topic: number
  readonly options: TopicRowOptions
}

/** A topic is no more; its files are to be removed. */
export interface TopicDeleted {
  readonly type: 'topic-deleted'
  readonly topic: number
  readonly removing: readonly Removal[]
}

export interface SegmentAdded {
  readonly type: 'segment-added'
  readonly topic: number
  readonly partition: number
  /** Seals the segment that was active; absent only for the first segment of a partition. */
  readonly seal?: Seal
  readonly segment: SegmentRow
}

/** The first `segments` segments of a partition are given up, and the log begins with the next one. */
export interface LogStartRaised {
  readonly type: 'log-start-raised'
  readonly topic: number
  readonly partition: number
  readonly segments: number
  readonly logStartOffset: number
  /** Chain hash before `logStartOffset`: the anchor of what is kept. */
  readonly logStartHash: string
  /** The file that keeps the versions of entities of everything pruned so far, in the place of the one before. */
  readonly prunedVersions?: string
  /** Names of files in the directory of the partition that are not needed any more, those of the segments included. */
  readonly removing: readonly string[]
}

/** The files of a removal are gone, durably. */
export interface FilesRemoved {
  readonly type: 'files-removed'
  readonly directory: string
  /** All but these. */
  readonly left?: readonly string[]
}

/** A document has a new version, whose file is durable. That of the version before belongs to nobody from here on. */
export interface DocumentWritten {
  readonly type: 'document-written'
  readonly document: DocumentRow
}

/** A document is no more. */
export interface DocumentDeleted {
  readonly type: 'document-deleted'
  readonly name: string
}

/** The owner synced everything and is done: these are the ends of all active segments, none left out. */
export interface Closed {
  readonly type: 'closed'
  readonly partitions: readonly ({ readonly topic: number; readonly partition: number } & ProvenEnd)[]
  /** Names of documents in whose directories files could not be removed. Absent: none. */
  readonly untidyDocuments?: readonly string[]
  /** The same of histories. The files that this epoch appended to are free for the next one. */
  readonly untidyHistories?: readonly string[]
}

/** A history, and the groups it has from the beginning: usually none. */
export interface HistoryCreated {
  readonly type: 'history-created'
  readonly history: HistoryRow
}

export interface HistoryChanged {
  readonly type: 'history-changed'
  readonly name: string
  /** All of them, also those that stay. */
  readonly options: HistoryRowOptions
}

export interface HistoryDeleted {
  readonly type: 'history-deleted'
  readonly name: string
}

/** The groups of a history from place `from` on are these now: what an append, a clean-up or a pin does. */
export interface HistoryWritten {
  readonly type: 'history-written'
  readonly name: string
  /** Groups before this place stay; 0 is the first. */
  readonly from: number
  readonly groups: readonly GroupRow[]
  readonly lastVersion: number
  /** That of the history, when it changes. */
  readonly lastOffset?: number
  /** All pins, when they change. */
  readonly pins?: readonly number[]
}

/** A projection, and the history of its states when it keeps one. */
export interface ProjectionCreated {
  readonly type: 'projection-created'
  readonly projection: ProjectionRow
  readonly history?: HistoryRow
}

/** A state and what it reflects; a failure alone comes without a state. */
export interface ProjectionPublished {
  readonly type: 'projection-published'
  readonly projection: ProjectionRow
  readonly document?: DocumentRow
  readonly history?: Omit<HistoryWritten, 'type'>
}

/** A projection is no more, nor is the document or history of its states. */
export interface ProjectionDeleted {
  readonly type: 'projection-deleted'
  readonly name: string
}

export type ManifestRecord =
  | TopicCreated
  | TopicChanged
  | TopicDeleted
  | SegmentAdded
  | LogStartRaised
  | FilesRemoved
  | DocumentWritten
  | DocumentDeleted
  | HistoryCreated
  | HistoryChanged
  | HistoryDeleted
  | HistoryWritten
  | ProjectionCreated
  | ProjectionPublished
  | ProjectionDeleted
  | Closed
