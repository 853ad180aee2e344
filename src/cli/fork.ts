/** `varve fork`: a new topic with the events of another one, without copying them. @module */
import { type Command, directoryOf, openForWriting, withStore } from './context.ts'
import { clean, count, counted, elapsed, jsonLine } from './output.ts'
import { UNTIL_OPTIONS, untilOf } from './snapshot.ts'

export const fork: Command = {
  name: 'fork',
  usage: 'TOPIC NEW',
  summary: 'Make a new topic with the events of another one up to an offset or a time; both go on',
  options: UNTIL_OPTIONS,
  notes: [
    'Nothing is copied but the part of a segment that is not full yet: both topics share their files. Events keep their',
    'offsets, ids and hashes; what is appended later to the one is not in the other. Forking needs the store for itself;',
    'a running server forks by its API and its page.',
  ],
  examples: [
    ['varve fork orders what-if', 'All events so far'],
    ['varve fork orders before-friday --time 2026-01-30T00:00:00Z', 'As it was at a moment'],
    ['varve fork orders replay --offset 500', 'The first 500 events'],
  ],
  async run(args, context) {
    args.atMost(2)
    const name = args.required(0, 'TOPIC')
    const as = args.required(1, 'NEW')
    const until = untilOf(args)
    const { clock, terminal } = context
    const startedAt = clock.monotonic()
    const stats = await withStore(openForWriting(directoryOf(args), context, { create: false }), (store) =>
      store.topics.fork(name, as, { signal: terminal.interrupted, ...(until === undefined ? {} : { until }) }),
    )
    const durationMs = Math.round(clock.monotonic() - startedAt)
    const ends = stats.partitions.map(({ highWatermark }) => count(highWatermark)).join('/')
    const what = `${counted(stats.events, 'event')}, up to offset ${ends}`
    const text = `Forked ${clean(name)} as ${clean(as)}: ${what}, in ${elapsed(durationMs)}\n`
    await terminal.write(args.flag('json') ? jsonLine({ forkOf: name, ...stats, durationMs }) : text)
    return 0
  },
}
