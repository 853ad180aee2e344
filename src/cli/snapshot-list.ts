/** `varve snapshot ls`, `show` and `usage`: which snapshots there are, what is in one, and what they cost. @module */
import type { SnapshotDetails, SnapshotInfo, SnapshotUsage } from '../snapshot/types.ts'
import { type Command, directoryOf, openForReading, withStore } from './context.ts'
import { clean, count, counted, jsonLine, size, table, timeText } from './output.ts'
import {
  contentText,
  ID_NOTES,
  idOf,
  plainSnapshot,
  SNAPSHOT_HEADING,
  SNAPSHOT_NUMBERS,
  snapshotRow,
  targetText,
} from './snapshot.ts'
import { unlisted, withSnapshots } from './snapshot-place.ts'

const NONE = 'No snapshots yet: varve snapshot create\n'

export const snapshotLs: Command = {
  name: 'snapshot ls',
  usage: '',
  summary: 'List the snapshots, the newest first',
  options: {},
  examples: [
    ['varve snapshot ls', 'All snapshots'],
    ['varve snapshot ls --data /mnt/backup/varve', 'Those that were exported to a directory'],
    ['varve snapshot ls --json', 'The same for programs'],
  ],
  async run(args, context) {
    args.atMost(0)
    const storage = context.storage(directoryOf(args))
    const { all, damaged } = await withSnapshots(args, context, async (snapshots) => {
      const all = await snapshots.list()
      return { all, damaged: await unlisted(snapshots, storage, all) }
    })
    for (const { message } of damaged) context.terminal.writeError(`varve: not listed: ${clean(message)}\n`)
    const text = all.length === 0 ? NONE : table([SNAPSHOT_HEADING, ...all.map(snapshotRow)], SNAPSHOT_NUMBERS)
    await context.terminal.write(args.flag('json') ? jsonLine({ snapshots: all.map(plainSnapshot) }) : text)
    return 0
  },
}

export const snapshotShow: Command = {
  name: 'snapshot show',
  usage: 'ID',
  summary: 'Show what is in a snapshot, with the chain hash at the end of each log',
  options: {},
  notes: ID_NOTES,
  examples: [['varve snapshot show newest', 'Topics, offsets and hashes']],
  async run(args, context) {
    args.atMost(1)
    const word = args.required(0, 'ID')
    const details = await withSnapshots(args, context, async (snapshots) =>
      snapshots.get(await idOf(word, () => snapshots.list())),
    )
    const { storeId, partitions } = details
    const json = { ...plainSnapshot(details), storeId, partitions }
    await context.terminal.write(args.flag('json') ? jsonLine(json) : detailsText(details))
    return 0
  },
}

function detailsText(details: SnapshotDetails): string {
  const { id, timestamp, label, pinned, storeId, partitions, numSegments, totalSizeBytes, headHash } = details
  const logs = partitions.map((one) => [
    clean(one.topic),
    String(one.partition),
    count(one.baseOffset),
    count(one.highWatermark),
    size(one.sizeBytes),
    one.headHash,
  ])
  const facts = table([
    ['id', id],
    ['at', timeText(timestamp)],
    ['of', targetText(details)],
    ...(label === undefined ? [] : [['label', clean(label)]]),
    ['pinned', pinned ? 'yes' : 'no'],
    ['store', storeId],
    ['holds', `${contentText(details)} in ${counted(details.topics, 'topic')}`],
    ['size', `${size(totalSizeBytes)}, ${counted(numSegments, 'segment')}`],
    ['hash', headHash],
  ])
  if (logs.length === 0) return facts
  return `${facts}\n${table([['topic', 'partition', 'from', 'end', 'size', 'chain hash'], ...logs], [1, 2, 3, 4])}`
}

export const snapshotUsage: Command = {
  name: 'snapshot usage',
  usage: '',
  summary: 'Show which bytes of the snapshots are shared, and what each alone would free',
  options: {},
  notes: [
    'A file with several names takes its space once. What is shared with the store costs nothing yet; `own` is freed',
    'when this snapshot alone goes. It looks at every file of every snapshot.',
  ],
  examples: [['varve snapshot usage', 'Where the space is']],
  async run(args, context) {
    args.atMost(0)
    const { usage, all } = await withStore(openForReading(args, context), async ({ snapshots }) => ({
      all: await snapshots.list(),
      usage: await snapshots.usage(),
    }))
    const text = usage.length === 0 ? NONE : usageText(usage, all)
    await context.terminal.write(args.flag('json') ? jsonLine({ usage }) : text)
    return 0
  },
}

function usageText(usage: readonly SnapshotUsage[], all: readonly SnapshotInfo[]): string {
  const rows = usage.map((one) => {
    const info = all.find(({ id }) => id === one.id)
    return [
      one.id,
      info === undefined ? '' : targetText(info),
      size(one.totalSizeBytes),
      size(one.sharedWithStoreBytes),
      size(one.sharedWithSnapshotsBytes),
      size(one.ownBytes),
      clean(info?.label ?? ''),
    ]
  })
  return table([['id', 'of', 'size', 'with store', 'with others', 'own', 'label'], ...rows], [2, 3, 4, 5])
}
