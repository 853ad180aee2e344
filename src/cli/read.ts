/** `varve read`: the events of a topic, in order. @module */
import type { ReadOptions, Topic } from '../topic/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type CliContext, type Command, openForReading, withStore } from './context.ts'
import { FILTER_OPTIONS, filterOf } from './filters.ts'
import { type Envelope, eventLine, jsonLine, type LineLayout, orderedEvent } from './output.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

/** Text is handed to the terminal in pieces of about this many characters. */
const PIECE_CHARACTERS = 65_536
/** What a page may hold. */
const PAGE_EVENTS = 1_000

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
    cursor: { value: 'CURSOR', help: 'Go on where an earlier read stopped; the filters must be the same' },
    'print-cursor': { help: 'With --limit: end with a line "cursor CURSOR" on standard error if there may be more' },
    raw: { help: 'Only the envelopes, without data, meta and extensions' },
    ...SALVAGE_OPTION,
  },
  notes: [
    'It shows what was durable when it began. --json prints one event per line, the same bytes on every runtime.',
    'Lines for people have no control characters and are cut at the width of a terminal; --json leaves nothing out.',
  ],
  examples: [
    ['varve read orders --limit 20 --backward', 'The newest twenty events'],
    ['varve read orders --entity order-1', 'The life of one entity'],
    ['varve read orders --kind OrderPaid --since 2026-01-01', 'All payments of a year'],
    ['varve read orders --limit 1000 --print-cursor --json 2> next', 'A page, and where the next one begins'],
    ['varve read orders --salvage --json > saved.ndjson', 'What can still be read of a damaged store'],
    ['varve read orders --json | sha256sum', 'A fingerprint that does not depend on the machine'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'TOPIC')
    const options = readOptions(args)
    const paged = args.flag('print-cursor') || options.cursor !== undefined
    if (args.flag('print-cursor') && options.limit === undefined)
      throw wrongUse('Cannot use --print-cursor without --limit: without it nothing is left')
    return withStore(openForReading(args, context), async (store) => {
      const topic = await store.topics.open(name)
      const signal = context.terminal.interrupted
      const raw = args.flag('raw')
      const print = printer(context, { json: args.flag('json'), partitions: topic.partitions, raw })
      const wanted = { ...options, signal }
      if (paged) await readPages(topic, wanted, { args, context, print })
      else if (raw) for await (const events of topic.read(wanted).raw()) await print(events)
      else for await (const events of topic.read(wanted).batches()) await print(events)
      return tellGaps(store, context)
    })
  },
}

interface Paging {
  readonly args: Arguments
  readonly context: CliContext
  readonly print: Print
}

/** Page by page, because only a page says where to go on in both directions. */
async function readPages(topic: Topic, options: ReadOptions, { args, context, print }: Paging): Promise<void> {
  let left = options.limit ?? Number.POSITIVE_INFINITY
  let next: ReadOptions = options
  while (left > 0) {
    const page = await topic.page({ ...next, limit: Math.min(left, PAGE_EVENTS) })
    await print(page.items)
    left -= page.items.length
    const { nextCursor: cursor } = page
    if (cursor === undefined) return
    next = { ...options, cursor }
  }
  if (next.cursor === undefined || !args.flag('print-cursor')) return
  context.terminal.writeError(args.flag('json') ? jsonLine({ cursor: next.cursor }) : `cursor ${next.cursor}\n`)
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
  const cursor = args.text('cursor')
  return {
    ...filterOf(args),
    ...numbers,
    ...(cursor === undefined ? {} : { cursor }),
    direction: args.flag('backward') ? 'backward' : 'forward',
  }
}

export type Print = (events: readonly Envelope[]) => Promise<void>

/** Write events as lines of JSON or for people, a piece at a time.
 * @param raw only the envelopes, although the events may have values. */
export function printer(
  { terminal }: CliContext,
  { json, partitions, raw = false }: { json: boolean; partitions: number; raw?: boolean },
): Print {
  const columns = terminal.outputIsTerminal ? terminal.columns : Number.POSITIVE_INFINITY
  const layout: LineLayout = { partitions, columns, raw }
  return async (events) => {
    let piece = ''
    for (const event of events) {
      piece += json ? jsonLine(orderedEvent(event, raw)) : eventLine(event, layout)
      if (piece.length < PIECE_CHARACTERS) continue
      await terminal.write(piece)
      piece = ''
    }
    if (piece !== '') await terminal.write(piece)
  }
}
