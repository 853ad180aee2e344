/** What the commands of snapshots share: which one is meant, what of it, up to where, and how it is told. @module */
import { VarveError } from '../errors.ts'
import type { SnapshotInfo, SnapshotProgress, SnapshotTarget, Until } from '../snapshot/types.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'
import type { CliContext } from './context.ts'
import { clean, count, counted, size, timeText } from './output.ts'
import { Progress } from './progress.ts'

/** Notes of the commands that take a snapshot. */
export const ID_NOTES: readonly string[] = [
  'ID is snapshot-<milliseconds>, as `varve snapshot ls` shows it, or newest.',
]

export const TARGET_OPTIONS: OptionSpecs = {
  topic: { value: 'TOPIC', help: 'Only this topic, without documents, histories and projections' },
  partition: { value: 'N', help: 'Only this partition of the topic' },
}

export const UNTIL_OPTIONS: OptionSpecs = {
  offset: { value: 'N', help: 'Only events before this offset; N,N,... for each partition of a topic with several' },
  time: { value: 'TIME', help: 'Only events recorded up to this moment' },
}

const OFFSETS = /^\d{1,16}(,\d{1,16})*$/

/** What a snapshot is to be of. @throws {VarveError} `OPTION_INVALID`. */
export function targetOf(args: Arguments): SnapshotTarget {
  const topic = args.text('topic')
  const partition = args.whole('partition')
  if (topic === undefined && partition !== undefined) throw wrongUse('Cannot use --partition without --topic')
  return { ...(topic === undefined ? {} : { topic }), ...(partition === undefined ? {} : { partition }) }
}

/** Where a copy of a log is to end. @throws {VarveError} `OPTION_INVALID`. */
export function untilOf(args: Arguments): Until | undefined {
  const text = args.text('offset')
  const time = args.time('time')
  if (text !== undefined && time !== undefined) throw wrongUse('Cannot use --offset and --time together')
  if (time !== undefined) return { time }
  if (text === undefined) return undefined
  const offsets = text.split(',').map(Number)
  if (!OFFSETS.test(text) || !offsets.every(Number.isSafeInteger))
    throw wrongUse(`Cannot use --offset "${text}": write 500, or 500,620 for each partition`, { found: text })
  const [offset = 0] = offsets
  return { offset: offsets.length === 1 ? offset : offsets }
}

/** The id of the snapshot that a word means.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN` for `newest` where there is none. */
export async function idOf(word: string, list: () => Promise<readonly SnapshotInfo[]>): Promise<string> {
  if (word !== 'newest') return word
  const [newest] = await list()
  if (newest === undefined) throw new VarveError('SNAPSHOT_UNKNOWN', 'Cannot find the newest snapshot: there is none')
  return newest.id
}

/** A line of progress, and the options that feed it: for everything that reads or sends a snapshot. */
export function watched(title: string, context: CliContext) {
  const progress = new Progress(title, context)
  return {
    signal: context.terminal.interrupted,
    onProgress: ({ doneBytes, totalBytes }: SnapshotProgress) =>
      progress.update({ done: doneBytes, total: totalBytes }),
    end: () => progress.end(),
  }
}

/** `everything`, `orders` or `orders/2`. */
export function targetText({ topic, partition }: SnapshotTarget): string {
  if (topic === undefined) return 'everything'
  return partition === undefined ? clean(topic) : `${clean(topic)}/${partition}`
}

type Values = Pick<SnapshotInfo, 'documents' | 'histories' | 'projections'>

/** `400 events, 1 document, 2 histories`. */
export function contentText(info: Values & Pick<SnapshotInfo, 'events'>): string {
  return [counted(info.events, 'event'), ...valuesText(info)].join(', ')
}

/** `1 document` and `2 histories`: what there is besides logs. */
export function valuesText({ documents, histories, projections }: Values): string[] {
  return [
    documents > 0 && counted(documents, 'document'),
    histories > 0 && (histories === 1 ? '1 history' : `${count(histories)} histories`),
    projections > 0 && counted(projections, 'projection'),
  ].filter((part) => part !== false)
}

/** `snapshot-1700000000000 of orders ("before the move", 400 events, 1.20 MiB)`. */
export function snapshotText(info: SnapshotInfo): string {
  const named = info.label === undefined ? '' : `"${clean(info.label)}", `
  return `${info.id} of ${targetText(info)} (${named}${contentText(info)}, ${size(info.totalSizeBytes)})`
}

/** What is known of a snapshot, in one order of keys. */
export function plainSnapshot(info: SnapshotInfo): SnapshotInfo {
  const { id, timestamp, topic, partition, label, pinned, topics, documents, histories, projections } = info
  const { events, baseOffset, highWatermark, headHash, numSegments, totalSizeBytes } = info
  return {
    id,
    timestamp,
    ...(topic === undefined ? {} : { topic }),
    ...(partition === undefined ? {} : { partition }),
    ...(label === undefined ? {} : { label }),
    pinned,
    topics,
    documents,
    histories,
    projections,
    events,
    ...(baseOffset === undefined ? {} : { baseOffset }),
    ...(highWatermark === undefined ? {} : { highWatermark }),
    headHash,
    numSegments,
    totalSizeBytes,
  }
}

/** Heading of a table of snapshots, and which columns are numbers. */
export const SNAPSHOT_HEADING = ['id', 'at', 'of', 'events', 'size', 'label']
export const SNAPSHOT_NUMBERS = [3, 4]

/** A snapshot as a row of that table. */
export function snapshotRow(info: SnapshotInfo): string[] {
  const label = clean(info.label ?? '')
  const pinned = info.pinned ? ['pinned'] : []
  return [
    info.id,
    timeText(info.timestamp),
    targetText(info),
    count(info.events),
    size(info.totalSizeBytes),
    [...(label === '' ? [] : [label]), ...pinned].join(', '),
  ]
}
