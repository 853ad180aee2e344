/** `varve topics`: list them, or create one. @module */
import type { TopicStats } from '../topic/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import {
  type CliContext,
  type Command,
  directoryOf,
  type ExitCode,
  openForReading,
  openForWriting,
  withStore,
} from './context.ts'
import { clean, count, jsonLine, size, table, timeText } from './output.ts'

const MIB = 1024 * 1024

export const topics: Command = {
  name: 'topics',
  usage: '[list | create NAME]',
  summary: 'List the topics, or create one',
  options: {
    partitions: { value: 'N', help: 'With create: partitions, 1 to 1,024, fixed for ever (default 1)' },
    'segment-mib': {
      value: 'N',
      help: 'With create: size at which a segment file is sealed, 1 to 1,024 MiB (default 64)',
    },
  },
  notes: ['create also makes the store when the directory has none. Events of one entity stay in one partition.'],
  examples: [
    ['varve topics', 'Names, sizes and ends of all topics'],
    ['varve topics create orders --partitions 4', 'A topic that four consumers can share'],
  ],
  async run(args, context) {
    const action = args.at(0) ?? 'list'
    if (action === 'list') return list(args, context)
    if (action === 'create') return create(args, context)
    throw wrongUse(`Cannot use "${action}": topics can be listed or created`)
  },
}

async function list(args: Arguments, context: CliContext): Promise<ExitCode> {
  args.atMost(1)
  for (const option of ['partitions', 'segment-mib'])
    if (args.text(option) !== undefined) throw wrongUse(`Cannot use --${option} without create`)
  const all = await withStore(openForReading(args, context), (store) => store.topics.list())
  const { terminal } = context
  if (args.flag('json')) await terminal.write(jsonLine({ topics: all }))
  else
    await terminal.write(all.length === 0 ? 'No topics yet: varve topics create NAME\n' : table(rows(all), [1, 2, 3]))
  return 0
}

function rows(all: readonly TopicStats[]): string[][] {
  const body = all.map(({ topic, events, partitions, sizeBytes, lastRecordedAt }) => [
    clean(topic),
    count(events),
    String(partitions.length),
    size(sizeBytes),
    lastRecordedAt === undefined ? '-' : timeText(lastRecordedAt),
  ])
  return [['topic', 'events', 'partitions', 'size', 'last event'], ...body]
}

async function create(args: Arguments, context: CliContext): Promise<ExitCode> {
  args.atMost(2)
  const name = args.required(1, 'NAME')
  const partitions = args.whole('partitions', { least: 1, most: 1_024 }) ?? 1
  const mebibytes = args.whole('segment-mib', { least: 1, most: 1_024 })
  const options = { partitions, ...(mebibytes === undefined ? {} : { segmentBytes: mebibytes * MIB }) }
  const stats = await withStore(openForWriting(directoryOf(args), context, { create: true }), async (store) => {
    const known = (await store.topics.list()).some(({ topic }) => topic === name)
    const topic = await store.topics.open(name, { create: options })
    return { created: !known, ...topic.stats() }
  })
  const what = stats.created ? 'Created' : 'There already is'
  const text = `${what} topic ${clean(name)}: partitions ${stats.partitions.length}\n`
  await context.terminal.write(args.flag('json') ? jsonLine(stats) : text)
  return 0
}
