/** `varve topics`: list them, create, change or delete one. @module */
import type { TopicStats } from '../topic/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from './confirm.ts'
import {
  type CliContext,
  type Command,
  directoryOf,
  type ExitCode,
  openForReading,
  openForWriting,
  withStore,
} from './context.ts'
import { clean, count, counted, jsonLine, size, table, timeText } from './output.ts'
import { changeOptions, createOptions, givenTopicOptions, settingsText, TOPIC_OPTIONS } from './topic-options.ts'

export const topics: Command = {
  name: 'topics',
  usage: '[list | create NAME | change NAME | rm NAME]',
  summary: 'List the topics; create, change or delete one',
  options: { ...TOPIC_OPTIONS, ...CONFIRM_OPTIONS },
  notes: [
    'create also makes the store when the directory has none. Events of one entity stay in one partition.',
    'change keeps what is not named. Limits (--max-...) are exceeded by less than a segment; several hold together,',
    'and whatever they no longer cover goes with the next seal or `varve prune`.',
    'rm deletes all events of the topic for ever. create, change and rm need the store for themselves.',
  ],
  examples: [
    ['varve topics', 'Names, sizes and ends of all topics'],
    ['varve topics create orders --partitions 4', 'A topic that four consumers can share'],
    ['varve topics create metrics --max-age 30d --max-bytes 10GiB --compression deflate', 'A topic that stays small'],
    ['varve topics change metrics --max-age 7d --max-bytes none', 'Other limits'],
    ['varve topics rm metrics', 'Say what would be deleted, and the line that does it'],
  ],
  async run(args, context) {
    const action = args.at(0) ?? 'list'
    if (action !== 'rm' && (args.flag('yes') || args.text('store-id') !== undefined))
      throw wrongUse('Cannot use --yes and --store-id without rm')
    if (action === 'list') return list(args, context)
    if (action === 'create') return create(args, context)
    if (action === 'change') return change(args, context)
    if (action === 'rm') return remove(args, context)
    throw wrongUse(`Cannot use "${action}": topics can be listed, created, changed or deleted (rm)`)
  },
}

function withoutOptions(args: Arguments): void {
  const [option] = givenTopicOptions(args)
  if (option !== undefined) throw wrongUse(`Cannot use --${option} without create or change`)
}

async function list(args: Arguments, context: CliContext): Promise<ExitCode> {
  args.atMost(1)
  withoutOptions(args)
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
  const options = createOptions(args)
  const stats = await withStore(openForWriting(directoryOf(args), context, { create: true }), async (store) => {
    const known = (await store.topics.list()).some(({ topic }) => topic === name)
    const topic = await store.topics.open(name, { create: options })
    return { created: !known, ...topic.stats() }
  })
  const what = stats.created ? 'Created' : 'There already is'
  const text = `${what} topic ${clean(name)}: ${settingsText(stats.settings)}\n`
  await context.terminal.write(args.flag('json') ? jsonLine(stats) : text)
  return 0
}

async function change(args: Arguments, context: CliContext): Promise<ExitCode> {
  args.atMost(2)
  const name = args.required(1, 'NAME')
  if (givenTopicOptions(args).length === 0)
    throw wrongUse('Cannot change nothing: name an option, such as --max-age 7d')
  const stats = await withStore(openForWriting(directoryOf(args), context, { create: false }), async (store) => {
    const topic = await store.topics.open(name)
    return store.topics.change(name, changeOptions(args, topic.stats().settings))
  })
  const text = `Changed topic ${clean(name)}: ${settingsText(stats.settings)}\n`
  await context.terminal.write(args.flag('json') ? jsonLine(stats) : text)
  return 0
}

async function remove(args: Arguments, context: CliContext): Promise<ExitCode> {
  args.atMost(2)
  const name = args.required(1, 'NAME')
  withoutOptions(args)
  const directory = directoryOf(args)
  // What would go is said without a write, also beside a running server.
  const opening = args.flag('yes')
    ? openForWriting(directory, context, { create: false })
    : openForReading(args, context)
  const gone = await withStore(opening, async (store) => {
    const topic = await store.topics.open(name)
    const { events, sizeBytes } = topic.stats()
    const what = `delete topic ${clean(name)} (${counted(events, 'event')}, ${size(sizeBytes)}) for ever`
    const data = args.text('data') === undefined ? '' : ` --data ${shellWord(directory)}`
    confirm(args, store, { what, line: `topics rm ${name}${data}` })
    await store.topics.delete(name)
    return { topic: name, events, sizeBytes }
  })
  const text = `Deleted topic ${clean(name)}: ${counted(gone.events, 'event')}, ${size(gone.sizeBytes)}\n`
  await context.terminal.write(args.flag('json') ? jsonLine({ deleted: true, ...gone }) : text)
  return 0
}
