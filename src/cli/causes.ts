/** `varve causes` and `varve effects`: where an event came from, and what it led to. @module */
import type { StoredEvent, Topic, WalkOptions } from '../topic/types.ts'
import type { Arguments } from './arguments.ts'
import { type CliContext, type Command, type ExitCode, openForReading, withStore } from './context.ts'
import { printer } from './read.ts'

const LIMIT_MAX = 10_000

const OPTIONS = {
  limit: { value: 'N', help: `At most this many events, 1 to ${LIMIT_MAX} (default 1000)` },
  raw: { help: 'Only the envelopes, without data, meta and extensions' },
} as const

export const causes: Command = {
  name: 'causes',
  usage: 'TOPIC ID',
  summary: 'Show the events that led to one, nearest first',
  options: OPTIONS,
  notes: ['ID is the id of an event. It follows the causationId of each event to the event with that id.'],
  examples: [['varve causes orders order-7-4', 'How it came to this']],
  run: (args, context) => walk(args, context, (topic, id, options) => topic.causes(id, options)),
}

export const effects: Command = {
  name: 'effects',
  usage: 'TOPIC ID',
  summary: 'Show the events that one led to, level by level',
  options: OPTIONS,
  notes: ['ID is the id of an event. It finds the events whose causationId it is, then those that they caused.'],
  examples: [['varve effects orders order-7-1 --json', 'Everything that came of it, as NDJSON']],
  run: (args, context) => walk(args, context, (topic, id, options) => topic.effects(id, options)),
}

type Walk = (topic: Topic, id: string, options: WalkOptions) => Promise<StoredEvent[]>

async function walk(args: Arguments, context: CliContext, find: Walk): Promise<ExitCode> {
  args.atMost(2)
  const name = args.required(0, 'TOPIC')
  const id = args.required(1, 'ID')
  const limit = args.whole('limit', { least: 1, most: LIMIT_MAX })
  const { interrupted: signal } = context.terminal
  await withStore(openForReading(args, context), async (store) => {
    const topic = await store.topics.open(name)
    const found = await find(topic, id, { signal, ...(limit === undefined ? {} : { limit }) })
    const print = printer(context, { json: args.flag('json'), partitions: topic.partitions, raw: args.flag('raw') })
    await print(found)
  })
  return 0
}
