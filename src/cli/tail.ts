/** `varve tail`: follow a topic that another process writes.
 *
 * A store that is open read-only shows what was durable when it was opened, so following opens it again and again; that
 * costs the manifest, the head file and the header of each partition, and never a write.
 * @module */
import { sleep } from '../ports/clock.ts'
import type { Store } from '../store/types.ts'
import type { ReadFilter } from '../topic/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type CliContext, type Command, openForReading, withStore } from './context.ts'
import { FILTER_OPTIONS, filterOf } from './filters.ts'
import { printer } from './read.ts'

const POLL_DEFAULT_MS = 500

export const tail: Command = {
  name: 'tail',
  usage: 'TOPIC',
  summary: 'Follow a topic while another process writes it',
  options: {
    from: { value: 'OFFSET', help: 'An offset, start or end (default end: only what is new)' },
    ...FILTER_OPTIONS,
    partition: { value: 'N', help: 'Only this partition (needed with an offset where there are several)' },
    poll: { value: 'MS', help: `Look for news this often (default ${POLL_DEFAULT_MS})` },
  },
  notes: [
    'It ends with Ctrl-C. It reads the files of the store, so it works beside any writer on this machine;',
    'GET /api/topics/TOPIC/tail of a running server has each event a moment earlier.',
  ],
  examples: [
    ['varve tail orders', 'Show new events as they come'],
    ['varve tail orders --from start --kind OrderPaid --json', 'All payments so far and from now on, as NDJSON'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'TOPIC')
    const follow: Follow = {
      name,
      filter: filterOf(args),
      from: startOf(args),
      partition: args.whole('partition'),
      pollMs: args.whole('poll', { least: 20, most: 3_600_000 }) ?? POLL_DEFAULT_MS,
      json: args.flag('json'),
    }
    const { interrupted } = context.terminal
    const next = new Map<number, number>()
    try {
      for (;;) {
        await withStore(openForReading(args, context), (store) => showNew(store, follow, { context, next }))
        await sleep(context.clock, follow.pollMs, interrupted)
      }
    } catch (error) {
      if (interrupted.aborted) return 0
      throw error
    }
  },
}

interface Follow {
  readonly name: string
  readonly filter: ReadFilter
  readonly from: number | 'start' | 'end'
  readonly partition: number | undefined
  readonly pollMs: number
  readonly json: boolean
}

function startOf(args: Arguments): number | 'start' | 'end' {
  const text = args.text('from') ?? 'end'
  return text === 'start' || text === 'end' ? text : (args.whole('from') ?? 'end')
}

/** Show what each partition has beyond `next`, and move `next` on. */
async function showNew(
  store: Store,
  follow: Follow,
  { context, next }: { context: CliContext; next: Map<number, number> },
): Promise<void> {
  const topic = await store.topics.open(follow.name)
  const { partitions } = topic.stats()
  const followed = partitions.filter(
    ({ partition }) => follow.partition === undefined || partition === follow.partition,
  )
  if (followed.length === 0)
    throw wrongUse(`Cannot follow partition ${follow.partition}: there are ${partitions.length}`)
  if (typeof follow.from === 'number' && followed.length > 1)
    throw wrongUse('Cannot use --from with an offset without --partition: the topic has several')
  const print = printer(context, { json: follow.json, partitions: topic.partitions })
  const { interrupted: signal } = context.terminal
  for (const { partition, logStartOffset, highWatermark } of followed) {
    const first = follow.from === 'end' ? highWatermark : follow.from === 'start' ? logStartOffset : follow.from
    const from = next.get(partition) ?? first
    next.set(partition, from)
    const options = { ...follow.filter, partition, from, to: highWatermark, signal }
    for await (const events of topic.read(options).batches()) await print(events)
    next.set(partition, highWatermark)
  }
}
