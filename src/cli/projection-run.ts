/** `varve projection run` and `rebuild`: fold the events of a topic, and publish the state. @module */
import type { Projection, ProjectionOptions, ProjectionStatus, RunOptions } from '../projection/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type CliContext, type Command, directoryOf, type ExitCode, openForWriting, withStore } from './context.ts'
import { clean, count, elapsed, jsonLine } from './output.ts'
import { Progress } from './progress.ts'
import { openProjection, plainStatus, positionsText } from './projection.ts'
import { FOLD_NOTES, FOLD_OPTION, foldOf } from './projection-folds.ts'

const EVERY_MAX = 10_000_000
const CREATE_OPTIONS = ['topic', 'keep', 'every'] as const

export const projectionRun: Command = {
  name: 'projection run',
  usage: 'NAME',
  summary: 'Fold what came since the last run, and publish the state',
  options: {
    ...FOLD_OPTION,
    create: { help: 'Create the projection when it does not exist; with --topic' },
    topic: { value: 'TOPIC', help: 'With --create: the topic whose events are folded' },
    keep: { value: 'WHAT', help: 'With --create: document (default): the newest state; history: each published one' },
    every: { value: 'N', help: 'With --create: publish after so many events, and at the end (default 10000)' },
    follow: { help: 'Then go on with every event that comes, until Ctrl-C' },
  },
  notes: [
    ...FOLD_NOTES,
    'A fold of another version begins anew; the old state is served until then. When the fold throws, the state before',
    'that event is published, and the next run tries it again. Running needs the store for itself.',
  ],
  examples: [
    ['varve projection run order-counts --topic orders --fold counts --create', 'Count the events of each kind'],
    ['varve projection run totals --fold ./totals.mjs', 'Go on where the last run stopped'],
    [
      'varve projection run totals --topic orders --fold ./totals.mjs --create --keep history --every 1000',
      'Keep states',
    ],
  ],
  async run(args, context) {
    const create = createOptions(args)
    const follow = args.flag('follow')
    const run = (projection: Projection, options: RunOptions) =>
      follow ? projection.follow(options) : projection.run(options)
    return runWith(args, context, { create, run, done: 'Ran' })
  },
}

export const projectionRebuild: Command = {
  name: 'projection rebuild',
  usage: 'NAME',
  summary: 'Fold all events anew, whatever was published',
  options: FOLD_OPTION,
  notes: [...FOLD_NOTES, 'The old state is served until the new one is published.'],
  examples: [['varve projection rebuild totals --fold ./totals.mjs', 'From the first event on']],
  run: (args, context) =>
    runWith(args, context, {
      create: undefined,
      run: (projection, options) => projection.rebuild(options),
      done: 'Rebuilt',
    }),
}

/** @throws {VarveError} `OPTION_INVALID`. */
function createOptions(args: Arguments): ProjectionOptions | undefined {
  const topic = args.text('topic')
  const keep = args.choice('keep', ['document', 'history'])
  const everyEvents = args.whole('every', { least: 1, most: EVERY_MAX })
  const given = CREATE_OPTIONS.find((name) => args.text(name) !== undefined)
  if (!args.flag('create') && given !== undefined) throw wrongUse(`Cannot use --${given} without --create`)
  if (!args.flag('create')) return undefined
  if (topic === undefined) throw wrongUse('Cannot use --create without --topic: which events to fold')
  return { topic, ...(keep === undefined ? {} : { keep }), ...(everyEvents === undefined ? {} : { everyEvents }) }
}

interface Run {
  readonly create: ProjectionOptions | undefined
  readonly run: (projection: Projection, options: RunOptions) => Promise<ProjectionStatus>
  readonly done: string
}

async function runWith(args: Arguments, context: CliContext, { create, run, done }: Run): Promise<ExitCode> {
  args.atMost(1)
  const name = args.required(0, 'NAME')
  const fold = await foldOf(args, context)
  if (fold === undefined) throw wrongUse('Missing --fold: counts, latest, or a module such as ./fold.mjs')
  const { clock, terminal } = context
  const startedAt = clock.monotonic()
  const progress = new Progress(`projection ${clean(name)}`, context)
  const options: RunOptions = {
    signal: terminal.interrupted,
    onProgress: ({ events, lag }) =>
      progress.update({ done: events, total: events + lag, items: { count: events, noun: 'events' } }),
  }
  const status = await withStore(openForWriting(directoryOf(args), context, { create: false }), async (store) =>
    run(await openProjection(store, name, { fold, create }), options),
  ).finally(() => progress.end())
  const durationMs = Math.round(clock.monotonic() - startedAt)
  await terminal.write(
    args.flag('json') ? jsonLine({ ...plainStatus(status), durationMs }) : text(status, done, durationMs),
  )
  return 0
}

function text(status: ProjectionStatus, done: string, durationMs: number): string {
  const { projection, topic, positions, lag } = status
  const end = `up to offset ${positionsText(positions)}, lag ${count(lag)}`
  return `${done} ${clean(projection)} over ${clean(topic)}: ${end}, in ${elapsed(durationMs)}\n`
}
