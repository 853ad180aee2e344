/** `varve export`: topics as NDJSON, one event per line, with every field and exact values. @module */
import type { Store } from '../store/types.ts'
import type { Topic } from '../topic/types.ts'
import type { CliContext, Command } from './context.ts'
import { directoryFirst, openForReading, withStore } from './context.ts'
import { clean, counted, elapsed, jsonLine, orderedEvent } from './output.ts'
import { Progress } from './progress.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

/** Text is handed on in pieces of about this many characters. */
const PIECE_CHARACTERS = 262_144

export const exportTopics: Command = {
  name: 'export',
  usage: 'DIR [TOPIC...]',
  summary: 'Write the events of topics as NDJSON, for `varve import` and other programs',
  options: {
    output: { short: 'o', value: 'FILE', help: 'Write to this file, which must not exist, instead of standard output' },
    ...SALVAGE_OPTION,
  },
  notes: [
    'DIR is the directory of the store; with --data DIR it is left out. Without TOPIC all topics are written.',
    'Each line is one event with all of its fields and the field "topic"; topics come one after the other, events in',
    'the order of `varve read`. JSON has no bytes, dates, -0 or big integers: {"$type": ...} and long integers stand',
    'for them. It shows what was durable when it began, also beside a running server; a FILE has its name only once it',
    'is whole. Documents are not among it: `varve doc ls` names them, `varve doc get NAME -o FILE` writes one.',
  ],
  examples: [
    ['varve export ./varve-data -o backup.ndjson', 'All topics into a file'],
    ['varve export ./varve-data orders | gzip > orders.ndjson.gz', 'One topic, compressed; import takes it as it is'],
    ['varve export ./varve-data | varve import ./copy -', 'A copy of a store'],
    ['varve export ./varve-data --salvage -o saved.ndjson', 'What can still be read of a damaged store'],
  ],
  async run(args, context) {
    const { directory, at } = directoryFirst(args)
    const names: string[] = []
    for (let name = at(0); name !== undefined; name = at(names.length)) names.push(name)
    const path = args.text('output')
    const startedAt = context.clock.monotonic()
    return withStore(openForReading(args, context, directory), async (store) => {
      const topics = await topicsOf(store, names)
      if (path === undefined) {
        await writeAll(topics, context, (text) => context.terminal.write(text))
        return tellGaps(store, context)
      }
      const file = await context.createFile(path)
      let events: number
      try {
        events = await writeAll(topics, context, (text) => file.write(text))
        await file.finish()
      } catch (error) {
        await file.discard()
        throw error
      }
      const durationMs = Math.round(context.clock.monotonic() - startedAt)
      const summary = { file: path, events, topics: topics.map(({ name }) => name), durationMs }
      const from = counted(topics.length, 'topic')
      const text = `Exported ${counted(events, 'event')} of ${from} to ${clean(path)} in ${elapsed(durationMs)}\n`
      await context.terminal.write(args.flag('json') ? jsonLine(summary) : text)
      return tellGaps(store, context)
    })
  },
}

async function topicsOf(store: Store, names: readonly string[]): Promise<Topic[]> {
  const wanted = names.length > 0 ? names : (await store.topics.list()).map(({ topic }) => topic)
  const topics: Topic[] = []
  for (const name of new Set(wanted)) topics.push(await store.topics.open(name))
  return topics
}

/** @returns the number of events. */
async function writeAll(
  topics: readonly Topic[],
  context: CliContext,
  write: (text: string) => Promise<void>,
): Promise<number> {
  const progress = new Progress('export', context)
  const total = topics.reduce((sum, topic) => sum + topic.stats().events, 0)
  const { interrupted: signal } = context.terminal
  let done = 0
  let piece = ''
  try {
    for (const topic of topics) {
      for await (const events of topic.read({ signal }).batches()) {
        for (const event of events) piece += jsonLine({ topic: topic.name, ...orderedEvent(event) })
        done += events.length
        progress.update({ done, total, items: { count: done, noun: 'events' } })
        if (piece.length < PIECE_CHARACTERS) continue
        await write(piece)
        piece = ''
      }
    }
    if (piece !== '') await write(piece)
    return done
  } finally {
    progress.end()
  }
}
