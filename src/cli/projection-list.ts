/** `varve projection ls`, `show` and `rm`. @module */
import type { ProjectionStatus } from '../projection/types.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from './confirm.ts'
import { type Command, directoryOf, openForReading, openForWriting, withStore } from './context.ts'
import { clean, count, jsonLine, table } from './output.ts'
import { plainStatus, positionsText, stateText, statusText } from './projection.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

export const projectionLs: Command = {
  name: 'projection ls',
  usage: '',
  summary: 'List the projections with their lag',
  options: { ...SALVAGE_OPTION },
  examples: [
    ['varve projection ls', 'All projections, by name'],
    ['varve projection ls --json', 'The same for programs'],
  ],
  async run(args, context) {
    args.atMost(0)
    return withStore(openForReading(args, context), async (store) => {
      const all = await store.projections.list()
      const none = 'No projections yet: varve projection run NAME --topic TOPIC --fold counts --create\n'
      const text = all.length === 0 ? none : table(rows(all), [2, 3])
      await context.terminal.write(args.flag('json') ? jsonLine({ projections: all.map(plainStatus) }) : text)
      return tellGaps(store, context)
    })
  },
}

function rows(all: readonly ProjectionStatus[]): string[][] {
  const body = all.map((status) => [
    clean(status.projection),
    clean(status.topic),
    positionsText(status.positions),
    count(status.lag),
    status.keep,
    stateText(status),
  ])
  return [['projection', 'topic', 'position', 'lag', 'kept as', 'state'], ...body]
}

export const projectionShow: Command = {
  name: 'projection show',
  usage: 'NAME',
  summary: 'Show how far a projection is, and its failure if it has one',
  options: { ...SALVAGE_OPTION },
  notes: [
    'It only reads, and works beside a running server; a projection that runs there may be further in its memory.',
    'The published states are the document, or the history, _NAME.',
  ],
  examples: [['varve projection show order-counts', 'What is known of it']],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'NAME')
    return withStore(openForReading(args, context), async (store) => {
      const status = await (await store.projections.open(name)).status()
      await context.terminal.write(args.flag('json') ? jsonLine(plainStatus(status)) : statusText(status))
      return tellGaps(store, context)
    })
  },
}

export const projectionRm: Command = {
  name: 'projection rm',
  usage: 'NAME',
  summary: 'Delete a projection and its states; the topic stays',
  options: CONFIRM_OPTIONS,
  examples: [
    ['varve projection rm order-counts', 'Say what would be deleted, and the line that does it'],
    ['varve projection rm order-counts --yes --store-id ID', 'Delete it'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'NAME')
    const directory = directoryOf(args)
    // What would go is said without a write, also beside a running server.
    const opening = args.flag('yes')
      ? openForWriting(directory, context, { create: false })
      : openForReading(args, context)
    const gone = await withStore(opening, async (store) => {
      const status = await (await store.projections.open(name)).status()
      const data = args.text('data') === undefined ? '' : ` --data ${shellWord(directory)}`
      const what = `delete projection ${clean(name)} of topic ${clean(status.topic)}, with its states`
      confirm(args, store, { what, line: `projection rm ${name}${data}` })
      await store.projections.delete(name)
      return status
    })
    const json = { deleted: true, projection: name, topic: gone.topic }
    const text = `Deleted projection ${clean(name)} of topic ${clean(gone.topic)}\n`
    await context.terminal.write(args.flag('json') ? jsonLine(json) : text)
    return 0
  },
}
