/** `varve read`: the events of a topic, in order. @module */
import type { ReadOptions, StoredEvent } from '../topic/types.ts'
import type { Arguments } from './arguments.ts'
import { type CliContext, type Command, openForReading, withStore } from './context.ts'
import { FILTER_OPTIONS, filterOf } from './filters.ts'
import { eventLine, jsonLine, type LineLayout, orderedEvent } from './output.ts'

/** Text is handed to the terminal in pieces of about this many characters. */
const PIECE_CHARACTERS = 65_536

export const read: Command = {
  name: 'read',
  usage: 'TOPIC',
  summary: 'Show the events of a topic, also beside a running server',
  options: {
    from: { value: 'OFFSET', help: 'First offset' },
    to: { value: 'OFFSET', help: 'Offset before which to stop' },
    since: { value: 'TIME', help: 'Only events at or after: milliseconds, 2026-01-31 (UTC) or 2026-01-31T12:00:00Z' },
    until: { value: 'TIME', help: 'Only events before' },
    ...FILTER_OPTIONS,
    partition: { value: 'N', help: 'Only this partition (needed with --from and --to where there are several)' },
    limit: { value: 'N', help: 'At most this many events' },
    backward: { help: 'Newest first' },
  },
  notes: [
    'It shows what was durable when it began. --json prints one event per line, the same bytes on every runtime.',
    'Lines for people have no control characters and are cut at the width of a terminal; --json leaves nothing out.',
  ],
  examples: [
    ['varve read orders --limit 20 --backward', 'The newest twenty events'],
    ['varve read orders --entity order-1', 'The life of one entity'],
    ['varve read orders --kind OrderPaid --since 2026-01-01', 'All payments of a year'],
    ['varve read orders --json | sha256sum', 'A fingerprint that does not depend on the machine'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'TOPIC')
    const options = readOptions(args)
    await withStore(openForReading(args, context), async (store) => {
      const topic = await store.topics.open(name)
      const signal = context.terminal.interrupted
      const print = printer(context, { json: args.flag('json'), partitions: topic.partitions })
      for await (const events of topic.read({ ...options, signal }).batches()) await print(events)
    })
    return 0
  },
}

function readOptions(args: Arguments): ReadOptions {
  const numbers: Record<string, number> = {}
  for (const name of ['from', 'to', 'partition', 'limit'] as const) {
    const value = args.whole(name)
    if (value !== undefined) numbers[name] = value
  }
  for (const name of ['since', 'until'] as const) {
    const value = args.time(name)
    if (value !== undefined) numbers[name] = value
  }
  return { ...filterOf(args), ...numbers, direction: args.flag('backward') ? 'backward' : 'forward' }
}

/** Write events as lines of JSON or for people, a piece at a time. */
export function printer(
  { terminal }: CliContext,
  { json, partitions }: { json: boolean; partitions: number },
): (events: readonly StoredEvent[]) => Promise<void> {
  const columns = terminal.outputIsTerminal ? terminal.columns : Number.POSITIVE_INFINITY
  const layout: LineLayout = { partitions, columns }
  return async (events) => {
    let piece = ''
    for (const event of events) {
      piece += json ? jsonLine(orderedEvent(event)) : eventLine(event, layout)
      if (piece.length < PIECE_CHARACTERS) continue
      await terminal.write(piece)
      piece = ''
    }
    if (piece !== '') await terminal.write(piece)
  }
}
