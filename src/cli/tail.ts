/** `varve tail`: follow a topic that another process writes.
 * @module */
import type { Topic } from '../topic/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type Command, openForReading, withStore } from './context.ts'
import { FILTER_OPTIONS, filterOf } from './filters.ts'
import { jsonLine } from './output.ts'
import { printer } from './read.ts'

export const tail: Command = {
  name: 'tail',
  usage: 'TOPIC',
  summary: 'Follow a topic while another process writes it',
  options: {
    from: { value: 'OFFSET', help: 'An offset, start or end (default end: only what is new)' },
    ...FILTER_OPTIONS,
    partition: { value: 'N', help: 'Only this partition (needed with an offset where there are several)' },
    cursor: { value: 'CURSOR', help: 'Instead of --from: go on where an earlier read or tail stopped' },
    'print-cursor': { help: 'End with a line "cursor CURSOR" on standard error' },
    raw: { help: 'Only the envelopes, without data, meta and extensions' },
  },
  notes: [
    'It ends with Ctrl-C. It reads the files of the store, so it works beside any writer on this machine;',
    'GET /api/topics/TOPIC/tail of a running server has each event a moment earlier.',
  ],
  examples: [
    ['varve tail orders', 'Show new events as they come'],
    ['varve tail orders --entity order-1 --print-cursor', 'Follow one order; --cursor goes on later'],
    ['varve tail orders --from start --kind OrderPaid --json', 'All payments so far and from now on, as NDJSON'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'TOPIC')
    const json = args.flag('json')
    const { interrupted: signal } = context.terminal
    const partition = args.whole('partition')
    const cursor = args.text('cursor')
    if (cursor !== undefined && args.text('from') !== undefined)
      throw wrongUse('Cannot use --from and --cursor together: both say where to begin')
    const from = startOf(args)
    await withStore(openForReading(args, context), async (store) => {
      const topic = await store.topics.open(name)
      checkPartition(topic, { partition, from })
      const print = printer(context, { json, partitions: topic.partitions, raw: args.flag('raw') })
      const place = {
        ...(cursor === undefined ? { from } : { cursor }),
        ...(partition === undefined ? {} : { partition }),
      }
      const tail = topic.tail({ ...filterOf(args), ...place, signal })
      for await (const events of tail.batches()) await print(events)
      if (!args.flag('print-cursor')) return
      const end = tail.cursor()
      context.terminal.writeError(json ? jsonLine({ cursor: end }) : `cursor ${end}\n`)
    })
    return 0
  },
}

function checkPartition(topic: Topic, wanted: { partition: number | undefined; from: number | string }): void {
  const { partition, from } = wanted
  if (partition !== undefined && partition >= topic.partitions)
    throw wrongUse(`Cannot follow partition ${partition}: there are ${topic.partitions}`)
  if (typeof from === 'number' && partition === undefined && topic.partitions > 1)
    throw wrongUse('Cannot use --from with an offset without --partition: the topic has several')
}

function startOf(args: Arguments): number | 'start' | 'end' {
  const text = args.text('from') ?? 'end'
  return text === 'start' || text === 'end' ? text : (args.whole('from') ?? 'end')
}
