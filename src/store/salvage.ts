/** Opening a damaged store to read what is left of it.
 *
 * 1. What exists: the manifest, or as much of it as can be read and the directories of topics that it does not name.
 * 2. Per partition: the segments that count, and the runs of batches in them that pass every check.
 * 3. What lies between the runs is a gap. Nothing derived is used and nothing is written.
 * 4. Documents and histories: as the manifest says, or without a whole one, what their files tell.
 * @module */
import {
  type HeadEnd,
  type ManifestState,
  nextHeadSlot,
  nextTopicId,
  type PartitionRow,
  partitionDirectory,
  type SegmentRow,
  type TopicRow,
} from '../manifest/index.ts'
import { SEGMENT_HEADER_BYTES } from '../segment/header.ts'
import { segmentFile } from '../segment/names.ts'
import { segmentRef } from '../segment/segment.ts'
import { SparseIndex } from '../segment/sparse-index.ts'
import type { HeldSegment } from '../topic/held-segments.ts'
import { PartitionStarts, partitionsOf } from './ends.ts'
import type { PartitionStart } from './recover.ts'
import { salvageDocuments } from './salvage-documents.ts'
import { type SalvageContext, type SegmentFile, segmentFiles } from './salvage-files.ts'
import { salvageHistories } from './salvage-histories.ts'
import { findLineages } from './salvage-lineages.ts'
import type { RemainingAuthority } from './salvage-manifest.ts'
import { type ChosenSegment, type ChosenSegments, chooseSegments } from './salvage-partition.ts'
import type { OpenReport } from './types.ts'

type Gap = OpenReport['gaps'][number]

const NO_HASH = '0'.repeat(64)
/** What is lost with the manifest and changes no answer of a store that is only read. */
const SEGMENT_DEFAULT_BYTES = 64 * 1024 * 1024
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
const PARTITION = /^(?:0|[1-9][0-9]{0,3})$/

/** What a salvage goes by. */
export interface SalvageAuthority extends RemainingAuthority {
  /** The manifest is whole: it says how the store was left. Undefined: it is not. */
  readonly whole: { readonly clean: boolean } | undefined
}

/** What a salvage found. */
export interface Salvaged {
  readonly state: ManifestState
  readonly starts: PartitionStarts
  readonly gaps: readonly Gap[]
  /** Every segment is where the manifest says, and all of it is good. */
  readonly sound: boolean
  readonly notes: readonly string[]
  readonly segmentsRead: number
  readonly rows: number
}

/** Find what can be read of a store. Cost: reads every segment once.
 * @throws {VarveError} `FORMAT_NEWER`, and what the storage throws. */
export async function salvage(context: SalvageContext, authority: SalvageAuthority): Promise<Salvaged> {
  const notes = [...authority.notes]
  const state = authority.whole === undefined ? await withLooseTopics(context, authority) : authority.state
  const starts = new PartitionStarts()
  const gaps: Gap[] = []
  const rows = new Map<PartitionRow, PartitionRow>()
  let segmentsRead = 0
  let served = 0
  for (const { topic, row } of partitionsOf(state ?? EMPTY)) {
    const directory = partitionDirectory(topic.name, row.partition)
    const wish = {
      topic: topic.name,
      lineage: topic.lineage,
      ancestors: topic.ancestors,
      row,
      ...authority,
      removing: removingOf(state, directory),
    }
    const chosen = await chooseSegments(context, wish)
    const { start, gaps: found } = assemble(chosen, { row, directory, context })
    starts.set(topic.id, row.partition, start)
    for (const gap of found) gaps.push({ topic: topic.name, partition: row.partition, ...gap })
    notes.push(...chosen.notes)
    segmentsRead += chosen.segments.length
    for (const { begin, seal } of start.pieces ?? []) served += (seal?.endOffset ?? begin.offset) - begin.offset
    rows.set(row, authority.whole === undefined ? { ...row, segments: rowsOf(chosen.segments) } : row)
  }
  const topics = (state ?? EMPTY).topics.map((topic) => {
    return { ...topic, partitions: topic.partitions.map((row) => rows.get(row) ?? row) }
  })
  const sound = gaps.length === 0 && notes.length === authority.notes.length
  const known = { ...(state ?? EMPTY), topics }
  const found = authority.whole === undefined ? await salvageStored(context, known) : undefined
  notes.push(...(found?.notes ?? []))
  return { state: found?.state ?? known, starts, gaps, sound, notes, segmentsRead, rows: served }
}

/** The state with the documents and histories that their files tell of. */
async function salvageStored(
  context: SalvageContext,
  state: ManifestState,
): Promise<{ readonly state: ManifestState; readonly notes: readonly string[] }> {
  const { documents, notes } = await salvageDocuments(context.storage, state)
  const { histories, notes: more } = await salvageHistories(context, state)
  return { state: { ...state, documents, histories }, notes: [...notes, ...more] }
}

const EMPTY: ManifestState = {
  formatVersion: 1,
  features: { compatible: [], readOnlyCompatible: [], incompatible: [] },
  storeId: '',
  createdAt: 0,
  topics: [],
}

function removingOf(state: ManifestState | undefined, directory: string): ReadonlySet<string> {
  return new Set(state?.removing?.find((removal) => removal.directory === directory)?.files)
}

/** From the runs of the chosen segments to the pieces of a partition, and the gaps between them. */
function assemble(
  { segments, leastEnd }: ChosenSegments,
  place: { row: PartitionRow; directory: string; context: SalvageContext },
): { start: PartitionStart; gaps: Omit<Gap, 'topic' | 'partition'>[] } {
  const { row } = place
  const pieces = segments.flatMap(piecesOf)
  const last = segments.at(-1)
  let end = Math.max(leastEnd, row.logStartOffset)
  for (const { found, until } of segments) end = Math.max(end, Math.min(found.end.offset, until))
  const gaps: Omit<Gap, 'topic' | 'partition'>[] = []
  let next = row.logStartOffset
  for (const { begin, seal } of pieces) {
    gaps.push(...gapsIn(segments, next, begin.offset))
    next = Math.max(next, seal?.endOffset ?? 0)
  }
  gaps.push(...gapsIn(segments, next, end))
  const unknown = last?.found.unknownAfter
  if (unknown !== undefined && last !== undefined && last.found.end.offset <= next)
    gaps.push({ from: end, to: end, file: last.ref.path, reason: `Unknown after: ${unknown}` })
  if (pieces.length === 0) pieces.push(emptyPiece(place))
  const position = last?.found.end.position ?? SEGMENT_HEADER_BYTES
  const recordedAt = segments.findLast(({ found }) => found.recordedAt !== undefined)?.found.recordedAt
  const known = recordedAt === undefined ? {} : { recordedAt }
  return { start: { end: { position, offset: end, hash: NO_HASH }, pieces, ...known }, gaps }
}

function piecesOf({ ref, found, until }: ChosenSegment): HeldSegment[] {
  return found.runs
    .filter(({ begin }) => begin.offset < until)
    .map(({ begin, end, index }) => {
      const seal = { endOffset: Math.min(end.offset, until), endPosition: end.position, endHash: NO_HASH }
      return { ref, seal, begin, index }
    })
}

/** A partition is made of at least one piece. */
function emptyPiece({ row, directory, context }: Parameters<typeof assemble>[1]): HeldSegment {
  const { logStartOffset: offset, partition } = row
  const segment = { file: segmentFile(offset), id: '0'.repeat(16), baseOffset: offset, hashBefore: NO_HASH }
  const ref = segmentRef(directory, segment, { partition, digest: context.digest })
  const position = SEGMENT_HEADER_BYTES
  const seal = { endOffset: offset, endPosition: position, endHash: NO_HASH }
  return { ref, seal, begin: { position, offset }, index: new SparseIndex() }
}

/** Why the offsets `[from, to)` cannot be served, by file. */
function gapsIn(segments: readonly ChosenSegment[], from: number, to: number): Omit<Gap, 'topic' | 'partition'>[] {
  const gaps: Omit<Gap, 'topic' | 'partition'>[] = []
  let next = from
  const add = (end: number, file: string, reason: string) => {
    const last = gaps.at(-1)
    if (end <= next) return
    if (last?.file === file && last.reason === reason) gaps[gaps.length - 1] = { ...last, to: end }
    else gaps.push({ from: next, to: end, file, reason })
    next = end
  }
  for (const { found, ref, until } of segments) {
    for (const lost of found.lost) {
      if (lost.to <= next || lost.from >= to || lost.from >= until) continue
      add(Math.min(lost.from, to), '', UNKNOWN_PLACE)
      add(Math.min(lost.to, to, until), ref.path, lost.reason)
    }
  }
  add(to, '', UNKNOWN_PLACE)
  return gaps
}

const UNKNOWN_PLACE = 'no file that can be read holds these offsets'

/** The rows that a manifest would have for what was found. */
function rowsOf(segments: readonly ChosenSegment[]): SegmentRow[] {
  return segments.map(({ row, found, until }, at) => {
    const next = segments[at + 1]?.row
    if (row.sealed !== undefined || next === undefined) return row
    const endHash = found.hashes.get(until) ?? next.hashBefore
    return { ...row, sealed: { endOffset: until, endPosition: found.end.position, endHash } }
  })
}

/** The state with a topic for every directory of segments that it does not name. */
async function withLooseTopics(context: SalvageContext, authority: SalvageAuthority): Promise<ManifestState> {
  let state = authority.state ?? EMPTY
  for (const { name, kind } of await context.storage.list('topics')) {
    const isKnown = state.topics.some((topic) => topic.name.toLowerCase() === name.toLowerCase())
    if (kind !== 'directory' || isKnown || !NAME.test(name) || name.includes('..')) continue
    const topic = await looseTopic(context, name, state)
    if (topic !== undefined) state = { ...state, topics: [...state.topics, topic] }
  }
  return state
}

/** A topic as its directories and the headers of its segments describe it; undefined when no header can be read. */
async function looseTopic(context: SalvageContext, name: string, state: ManifestState): Promise<TopicRow | undefined> {
  const entries = await context.storage.list(`topics/${name}`)
  const numbers = entries.filter((entry) => PARTITION.test(entry.name)).map((entry) => Number(entry.name))
  const loose = new Map<number, { directory: string; files: SegmentFile[] }>()
  for (const number of numbers) {
    const directory = partitionDirectory(name, number)
    const removing = removingOf(state, directory)
    const files = await segmentFiles(context, directory)
    loose.set(number, { directory, files: files.filter(({ file }) => !removing.has(file)) })
  }
  const found = await findLineages(context, loose)
  if (found === undefined) return undefined
  const headSlot = nextHeadSlot(state)
  const partitions = Array.from({ length: Math.max(...numbers) + 1 }, (_, partition): PartitionRow => {
    return { partition, headSlot: headSlot + partition, logStartOffset: 0, logStartHash: NO_HASH, segments: [] }
  })
  const options = { partitions: partitions.length, segmentBytes: SEGMENT_DEFAULT_BYTES, partitioner: 1 as const }
  return { name, id: nextTopicId(state), ...found, options, partitions }
}

/** What a salvage goes by when the manifest is whole. */
export function wholeAuthority(
  view: { state: ManifestState; epoch: number; clean: boolean; notes: readonly { file: string; reason: string }[] },
  slots: ReadonlyMap<number, HeadEnd>,
): SalvageAuthority {
  const ends = new Map([...slots.values()].map((end) => [end.segmentId, end]))
  const notes = view.notes.map((note) => `${note.file}: ${note.reason}`)
  return { state: view.state, epoch: view.epoch, ends, notes, whole: { clean: view.clean } }
}
