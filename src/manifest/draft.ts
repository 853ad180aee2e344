/** A state of a manifest while records are applied to it. Private to its maker: it is changed in place, so that reading
 * a manifest of thousands of records costs no copy for each. Whoever gets an error from `apply` drops the draft.
 * @module */
import { VarveError } from '../errors.ts'
import { checkNotLeaving, checkOptions, checkTopic } from './check-topic.ts'
import { DocumentsDraft } from './documents.ts'
import { partitionDirectory } from './files.ts'
import { HistoriesDraft } from './histories-draft.ts'
import { ProjectionsDraft } from './projections-draft.ts'
import {
  type Closed,
  type FilesRemoved,
  FORMAT_VERSION,
  type LogStartRaised,
  type ManifestRecord,
  type SegmentAdded,
  type TopicChanged,
  type TopicDeleted,
} from './records.ts'
import {
  check,
  checkRemoval,
  checkSeal,
  checkSegment,
  isFileName,
  isHash,
  isObject,
  isWhole,
  type PartitionRow,
  type ProvenEnd,
  type Removal,
  type SegmentRow,
  type TopicRow,
} from './shapes.ts'
import { checkUntidy, highestHeadSlot, highestTopicId, type ManifestState } from './state.ts'

/** A partition that records changed. */
interface PartitionDraft {
  row: PartitionRow
  /** Made for the first record that changes the segments. */
  own: OwnSegments | undefined
}

interface OwnSegments {
  readonly segments: SegmentRow[]
  /** Files and ids of its segments, and files that wait to be removed: none of them may be used again. */
  readonly taken: Set<string>
}

interface TopicDraft {
  row: TopicRow
  readonly partitions: (PartitionDraft | undefined)[]
}

/** Apply one commit to a state, which stays as it is. Cost: the size of the touched row of a partition or history.
 * @param epoch of the manifest that the record is in.
 * @throws {VarveError} `MANIFEST_DAMAGED` when the record makes no sense here, `FORMAT_NEWER` when its type is not
 * known. */
export function applyRecord(state: ManifestState, record: ManifestRecord, epoch = 0): ManifestState {
  const draft = new StateDraft(state, epoch)
  draft.apply(record)
  return draft.state
}

export class StateDraft {
  readonly #from: ManifestState
  readonly #topics = new Map<number, TopicDraft>()
  readonly #removing: Map<string, readonly string[]>
  readonly #documents: DocumentsDraft
  readonly #histories: HistoriesDraft
  readonly #projections: ProjectionsDraft
  #lastTopicId: number | undefined
  #lastHeadSlot: number | undefined
  #untidyDocuments: readonly string[] | undefined
  #untidyHistories: readonly string[] | undefined

  /** @param epoch of the manifest that the records are in. */
  constructor(from: ManifestState, epoch: number) {
    this.#from = from
    for (const row of from.topics) this.#topics.set(row.id, { row, partitions: [] })
    this.#removing = new Map(from.removing?.map(({ directory, files }) => [directory, files]))
    this.#lastTopicId = from.lastTopicId
    this.#lastHeadSlot = from.lastHeadSlot
    this.#documents = new DocumentsDraft(from.documents, from.lastDocumentVersion)
    this.#histories = new HistoriesDraft(from.histories, epoch)
    const states = { documents: this.#documents, histories: this.#histories }
    this.#projections = new ProjectionsDraft(from.projections, states)
    this.#untidyDocuments = from.untidyDocuments
    this.#untidyHistories = from.untidyHistories
  }

  /** Everything applied so far. Cost: a copy of the list of segments of each partition that was changed, of
   * groups of each history, and of the list of documents when one was. */
  get state(): ManifestState {
    const topics = [...this.#topics.values()].map(finished)
    const removing = Array.from(this.#removing, ([directory, files]) => ({ directory, files }))
    const { rows: documents, lastVersion } = this.#documents
    return present({
      ...this.#from,
      topics,
      removing: unlessEmpty(removing),
      lastTopicId: this.#lastTopicId,
      lastHeadSlot: this.#lastHeadSlot,
      documents: unlessEmpty(documents),
      lastDocumentVersion: lastVersion,
      histories: unlessEmpty(this.#histories.rows),
      projections: unlessEmpty(this.#projections.rows),
      untidyDocuments: this.#untidyDocuments,
      untidyHistories: this.#untidyHistories,
    })
  }

  /** Apply one record. @throws {VarveError} `MANIFEST_DAMAGED` when it makes no sense here, `FORMAT_NEWER` when its
   * type is not known. */
  apply(record: ManifestRecord): void {
    check(isObject(record), 'a record is not an object')
    if (record.type === 'segment-added') addSegment(this.#partition(record), this.#segments(record), record)
    else if (record.type === 'log-start-raised') this.#raiseLogStart(record)
    else if (record.type === 'files-removed') this.#filesRemoved(record)
    else if (record.type === 'topic-created') this.#createTopic(record.topic)
    else if (record.type === 'topic-changed') this.#changeTopic(record)
    else if (record.type === 'topic-deleted') this.#deleteTopic(record)
    else if (record.type === 'document-written') this.#documents.write(record.document)
    else if (record.type === 'document-deleted') this.#deleteDocument(record.name)
    else if (record.type === 'history-written') this.#histories.write(record)
    else if (record.type === 'history-created') this.#histories.create(record.history)
    else if (record.type === 'history-changed') this.#histories.change(record)
    else if (record.type === 'history-deleted') this.#deleteHistory(record.name)
    else if (record.type === 'projection-published') this.#projections.publish(record)
    else if (record.type === 'projection-created') this.#projections.create(record)
    else if (record.type === 'projection-deleted') this.#projections.delete(record.name)
    else if (record.type === 'closed') this.#close(record)
    else {
      throw new VarveError('FORMAT_NEWER', 'Cannot read the manifest: it holds a record of an unknown type', {
        details: { type: String((record as { type?: unknown }).type), formatVersion: FORMAT_VERSION },
      })
    }
  }

  #deleteDocument(name: unknown): void {
    this.#projections.checkFree(name, 'document')
    this.#documents.delete(name)
  }

  #deleteHistory(name: unknown): void {
    this.#projections.checkFree(name, 'history')
    this.#histories.delete(name)
  }

  #createTopic(row: TopicRow): void {
    checkTopic(row)
    const slots = new Set(row.partitions.map(({ headSlot }) => headSlot))
    check(slots.size === row.partitions.length, `topic "${row.name}" uses a head slot twice`)
    const folded = row.name.toLowerCase()
    for (const { row: topic } of this.#topics.values()) {
      check(topic.name.toLowerCase() !== folded, `topic "${row.name}" exists twice`)
      check(topic.id !== row.id, `topics "${topic.name}" and "${row.name}" have the same id`)
      for (const { headSlot } of topic.partitions)
        check(!slots.has(headSlot), `topics "${topic.name}" and "${row.name}" share a head slot`)
    }
    check(row.id > (this.#lastTopicId ?? 0), `topic "${row.name}" has the id of a deleted one`)
    check(
      row.partitions.every(({ headSlot }) => headSlot > (this.#lastHeadSlot ?? 0)),
      `topic "${row.name}" uses a head slot of a deleted one`,
    )
    for (const partition of row.partitions) {
      const leaving = this.#removing.get(partitionDirectory(row.name, partition.partition)) ?? []
      checkNotLeaving(partition, leaving)
    }
    this.#topics.set(row.id, { row, partitions: [] })
  }

  #topic(id: number): TopicDraft {
    const topic = this.#topics.get(id)
    check(topic !== undefined, `there is no topic ${id}`)
    return topic
  }

  #changeTopic({ topic: id, options }: TopicChanged): void {
    const topic = this.#topic(id)
    const { row } = topic
    checkOptions(options, row.name)
    const fixed = options.partitions === row.options.partitions && options.chain === row.options.chain
    check(fixed, `topic "${row.name}" is given other partitions or another chain`)
    topic.row = { ...row, options }
  }

  #deleteTopic({ topic: id, removing }: TopicDeleted): void {
    const { row } = this.#topic(id)
    check(Array.isArray(removing), `the deletion of topic "${row.name}" names no files`)
    const directories = new Set(row.partitions.map(({ partition }) => partitionDirectory(row.name, partition)))
    for (const removal of removing) {
      checkRemoval(removal)
      check(directories.has(removal.directory), `the deletion of topic "${row.name}" removes "${removal.directory}"`)
      this.#remove(removal)
    }
    // What was highest stays known, so that no topic created later takes what was this one's.
    const before = this.state
    this.#lastTopicId = highestTopicId(before)
    this.#lastHeadSlot = highestHeadSlot(before)
    this.#topics.delete(id)
  }

  #remove({ directory, files }: Removal): void {
    if (files.length > 0)
      this.#removing.set(directory, [...new Set([...(this.#removing.get(directory) ?? []), ...files])])
  }

  #partition(place: { readonly topic: number; readonly partition: number }): PartitionDraft {
    check(isObject(place), 'a place is not an object')
    const topic = this.#topic(place.topic)
    const known = topic.partitions[place.partition]
    if (known !== undefined) return known
    const row = topic.row.partitions[place.partition]
    check(row !== undefined, `topic "${topic.row.name}" has no partition ${place.partition}`)
    const draft: PartitionDraft = { row, own: undefined }
    topic.partitions[row.partition] = draft
    return draft
  }

  /** The segments of a partition, to be changed in place. */
  #segments(place: { readonly topic: number; readonly partition: number }): OwnSegments {
    const draft = this.#partition(place)
    if (draft.own !== undefined) return draft.own
    const segments = [...draft.row.segments]
    const taken = new Set(this.#removing.get(this.#directoryOf(place)))
    for (const { file, id } of segments) taken.add(file).add(id)
    draft.own = { segments, taken }
    return draft.own
  }

  #directoryOf(place: { readonly topic: number; readonly partition: number }): string {
    return partitionDirectory(this.#topic(place.topic).row.name, place.partition)
  }

  #raiseLogStart(record: LogStartRaised): void {
    const draft = this.#partition(record)
    const { row } = draft
    const { segments, taken } = this.#segments(record)
    const { logStartOffset, logStartHash, prunedVersions, segments: count, removing } = record
    check(isWhole(count) && count > 0 && count < segments.length, 'a log start is raised beyond the active segment')
    const first = segments[count]
    check(first !== undefined && first.baseOffset === logStartOffset, 'a log start is raised into a segment')
    check(first.hashBefore === logStartHash, 'a log start is raised to another chain')
    check(logStartOffset > row.logStartOffset, 'a log start is not raised')
    check(prunedVersions === undefined || isFileName(prunedVersions), 'a log start names no file of versions')
    const directory = this.#directoryOf(record)
    const removal = { directory, files: removing }
    checkRemoval(removal)
    const left = new Set<string>(removing)
    for (const { file } of segments.slice(0, count)) check(left.has(file), `nobody removes segment "${file}"`)
    const { prunedVersions: _, ...rest } = row
    const dropped = (row.droppedSegments ?? 0) + count
    const versions = prunedVersions === undefined ? {} : { prunedVersions }
    const raised = { ...rest, logStartOffset, logStartHash, droppedSegments: dropped, ...versions }
    for (const segment of segments.splice(0, count)) taken.delete(segment.id)
    checkNotLeaving({ ...raised, segments }, removing)
    draft.row = raised
    for (const file of removing) taken.add(file)
    this.#remove(removal)
  }

  #filesRemoved({ directory, left = [] }: FilesRemoved): void {
    const files = this.#removing.get(directory)
    check(files !== undefined, `there is nothing to remove in "${String(directory)}"`)
    const known = new Set(files)
    check(Array.isArray(left) && left.every((file) => known.has(file)), 'files are left that were not to be removed')
    if (left.length === 0) this.#removing.delete(directory)
    else this.#removing.set(directory, left)
    const free = files.filter((file) => !left.includes(file))
    for (const { row, partitions } of this.#topics.values()) {
      for (const draft of partitions) {
        if (draft === undefined || partitionDirectory(row.name, draft.row.partition) !== directory) continue
        for (const file of free) draft.own?.taken.delete(file)
      }
    }
  }

  /** A close counts only when it names every active segment: one that it left out would pass for unchanged. */
  #close(record: Closed): void {
    check(Array.isArray(record.partitions), 'a close without partitions')
    checkUntidy(record.untidyDocuments)
    checkUntidy(record.untidyHistories)
    const named = new Set(record.partitions.map((end) => `${end?.topic} ${end?.partition}`))
    check(named.size === record.partitions.length, 'a close names a partition twice')
    for (const end of record.partitions) proveEnd(this.#partition(end), end)
    for (const topic of this.#topics.values()) {
      for (const row of topic.row.partitions) {
        const last = (topic.partitions[row.partition]?.own?.segments ?? row.segments).at(-1)
        const isActive = last !== undefined && last.sealed === undefined
        check(
          !isActive || named.has(`${topic.row.id} ${row.partition}`),
          `a close leaves topic "${topic.row.name}" out`,
        )
      }
    }
    this.#untidyDocuments = record.untidyDocuments
    this.#untidyHistories = record.untidyHistories
    this.#histories.close()
  }
}

/** Fields that are undefined are left out. */
function present(state: { readonly [Field in keyof ManifestState]: ManifestState[Field] | undefined }): ManifestState {
  return Object.fromEntries(
    Object.entries(state).filter(([, value]) => value !== undefined),
  ) as unknown as ManifestState
}

function unlessEmpty<T>(rows: readonly T[]): readonly T[] | undefined {
  return rows.length === 0 ? undefined : rows
}

function finished({ row, partitions }: TopicDraft): TopicRow {
  if (partitions.length === 0) return row
  const rows = row.partitions.map((partition, at) => {
    const draft = partitions[at]
    if (draft?.own === undefined) return draft?.row ?? partition
    return { ...draft.row, segments: [...draft.own.segments] }
  })
  return { ...row, partitions: rows }
}

function addSegment(draft: PartitionDraft, own: OwnSegments, record: SegmentAdded): void {
  const { row } = draft
  const { segments, taken } = own
  const { seal, segment } = record
  checkSegment(segment)
  check(segment.sealed === undefined, 'a segment is sealed before it is used')
  check(!taken.has(segment.file) && !taken.has(segment.id), `segment "${segment.file}" exists twice`)
  const last = segments.at(-1)
  const sealed = last?.sealed
  if (last === undefined || sealed !== undefined) {
    check(seal === undefined, 'there is no active segment to seal')
    const base = sealed?.endOffset ?? row.logStartOffset
    check(segment.baseOffset === base, `a segment begins at ${segment.baseOffset} instead of ${base}`)
    check(segment.hashBefore === (sealed?.endHash ?? row.logStartHash), 'a segment does not continue the chain')
  } else {
    check(seal !== undefined, 'the active segment is replaced without a seal')
    checkSeal(seal, last)
    const base = seal.endOffset
    check(segment.baseOffset === base, `a segment begins at ${segment.baseOffset} instead of ${base}`)
    check(segment.hashBefore === seal.endHash, 'a segment does not continue the chain')
    const { proven } = row
    check(proven === undefined || base >= proven.offset, 'a segment is sealed below its proven end')
    segments[segments.length - 1] = { ...last, sealed: seal }
  }
  if (row.proven !== undefined) {
    const { proven: _, ...rest } = row
    draft.row = rest
  }
  segments.push(segment)
  taken.add(segment.file).add(segment.id)
}

function proveEnd(draft: PartitionDraft, end: ProvenEnd): void {
  const { row } = draft
  const last = (draft.own?.segments ?? row.segments).at(-1)
  check(last !== undefined && last.sealed === undefined, 'a close names a partition without an active segment')
  check(isWhole(end.position) && isWhole(end.offset) && isHash(end.hash), 'a proven end is incomplete')
  check(end.offset >= (row.proven?.offset ?? last.baseOffset), 'a proven end goes backwards')
  check(end.position >= (row.proven?.position ?? 0), 'a proven end goes backwards')
  draft.row = { ...row, proven: { position: end.position, offset: end.offset, hash: end.hash } }
}
