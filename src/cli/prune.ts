/** `varve prune`: give up the oldest segments of a topic. @module */
import type { PruneOptions, PruneReport } from '../topic/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from './confirm.ts'
import { type Command, directoryOf, openForReading, openForWriting, withStore } from './context.ts'
import { clean, count, counted, jsonLine, size } from './output.ts'

export const prune: Command = {
  name: 'prune',
  usage: 'TOPIC',
  summary: 'Give up the oldest segments of a topic, as its retention says or up to an offset',
  options: {
    before: { value: 'OFFSET', help: 'Everything below this offset may go, whatever the retention of the topic says' },
    partition: { value: 'N', help: 'Only this partition (needed with --before where there are several)' },
    'dry-run': { help: 'Change nothing, say what would go' },
    ...CONFIRM_OPTIONS,
  },
  notes: [
    'Only whole sealed segments go, oldest first, never the one that is written. Their space returns to the operating',
    'system; offsets stay as they are, and versions of entities are kept. Events that went cannot come back.',
    'Letting go needs the store for itself: a running server prunes by the retention of each topic on its own.',
  ],
  examples: [
    ['varve prune metrics --dry-run', 'What the retention of the topic would let go now'],
    ['varve prune metrics --before 1000000 --dry-run', 'What an offset would let go'],
    ['varve prune metrics --before 1000000 --yes --store-id ID', 'Let it go'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'TOPIC')
    const dryRun = args.flag('dry-run')
    if (dryRun && args.flag('yes')) throw wrongUse('Cannot use --dry-run and --yes together')
    const directory = directoryOf(args)
    const options = optionsOf(args)
    // What would go is said without a write, also beside a running server.
    const opening = args.flag('yes')
      ? openForWriting(directory, context, { create: false })
      : openForReading(args, context)
    const report = await withStore(opening, async (store) => {
      const topic = await store.topics.open(name)
      checkPartition(options, topic.partitions)
      const preview = await topic.prune({ ...options, dryRun: true })
      if (dryRun) return preview
      confirm(args, store, { what: sentence(name, preview), line: lineOf(args, directory) })
      return topic.prune(options)
    })
    const text = `${capital(sentence(name, report))}${report.dryRun ? ' (nothing was changed)' : ''}\n`
    await context.terminal.write(args.flag('json') ? jsonLine({ topic: name, ...report }) : text + details(report))
    return 0
  },
}

function optionsOf(args: Arguments): PruneOptions {
  const before = args.whole('before')
  const partition = args.whole('partition')
  return { ...(before === undefined ? {} : { before }), ...(partition === undefined ? {} : { partition }) }
}

function checkPartition({ before, partition }: PruneOptions, partitions: number): void {
  if (before !== undefined && partition === undefined && partitions > 1)
    throw wrongUse('Cannot use --before without --partition: the topic has several')
}

/** The same command again, without its confirmation. */
function lineOf(args: Arguments, directory: string): string {
  const options = ['before', 'partition'].flatMap((option) => {
    const value = args.text(option)
    return value === undefined ? [] : [`--${option} ${value}`]
  })
  const data = args.text('data') === undefined ? [] : [`--data ${shellWord(directory)}`]
  return ['prune', args.required(0, 'TOPIC'), ...options, ...data].join(' ')
}

function sentence(topic: string, { partitions }: PruneReport): string {
  const sum = (field: 'segments' | 'events' | 'sizeBytes' | 'sharedBytes') =>
    partitions.reduce((total, one) => total + one[field], 0)
  const what = `${counted(sum('events'), 'event')} in ${counted(sum('segments'), 'segment')}`
  const shared = sum('sharedBytes')
  const kept = shared === 0 ? '' : `; snapshots and forks keep ${size(shared)} more`
  return `prune ${what} of topic ${clean(topic)}, ${size(sum('sizeBytes'))}${kept}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function details({ partitions }: PruneReport): string {
  return partitions
    .filter(({ segments }) => segments > 0)
    .map(({ partition, logStartOffsetBefore: before, logStartOffset: start }) => {
      return `  partition ${partition}: log start ${count(before)} -> ${count(start)}\n`
    })
    .join('')
}
