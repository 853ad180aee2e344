/** `varve snapshot create`: keep everything, or a topic, as it is now. @module */
import type { CreateSnapshotOptions } from '../snapshot/types.ts'
import type { Arguments } from './arguments.ts'
import { type Command, directoryOf, openForWriting, withStore } from './context.ts'
import { elapsed, jsonLine } from './output.ts'
import { plainSnapshot, snapshotText, TARGET_OPTIONS, targetOf, watched } from './snapshot.ts'
import { spanOption } from './units.ts'

export const snapshotCreate: Command = {
  name: 'snapshot create',
  usage: '',
  summary: 'Take a snapshot of the store, of a topic, or of one partition',
  options: {
    ...TARGET_OPTIONS,
    label: { value: 'TEXT', help: 'What it is for, for people' },
    pin: { help: 'Clean-up leaves it alone' },
    'min-interval': { value: 'SPAN', help: 'At least so long after the last one of the same; or none (default 1h)' },
  },
  notes: [
    'Files are linked, so that it takes no time and no space until the store lets go of them; where the file system has',
    'no links they are copied. It is complete, or not there. It lies in .snapshots/ of the store, on the same disk:',
    '`varve snapshot export` sends it to another. A server makes its own: `varve serve --snapshot-every 6h`, or its API.',
  ],
  examples: [
    ['varve snapshot create --label "before the move"', 'Everything: topics, documents, histories, projections'],
    ['varve snapshot create --topic orders --pin', 'One topic, for as long as it is pinned'],
    ['varve snapshot create --min-interval none', 'Also when there has just been one'],
  ],
  async run(args, context) {
    args.atMost(0)
    const options = createOptions(args)
    const { clock, terminal } = context
    const startedAt = clock.monotonic()
    const { end, ...watching } = watched('snapshot', context)
    const info = await withStore(openForWriting(directoryOf(args), context, { create: false }), (store) =>
      store.snapshots.create({ ...options, ...watching }),
    ).finally(end)
    const durationMs = Math.round(clock.monotonic() - startedAt)
    const text = `Took ${snapshotText(info)} in ${elapsed(durationMs)}\n`
    await terminal.write(args.flag('json') ? jsonLine({ ...plainSnapshot(info), durationMs }) : text)
    return 0
  },
}

/** @throws {VarveError} `OPTION_INVALID`. */
function createOptions(args: Arguments): CreateSnapshotOptions {
  const label = args.text('label')
  const span = spanOption(args, 'min-interval')
  return {
    ...targetOf(args),
    ...(label === undefined ? {} : { label }),
    ...(args.flag('pin') ? { pinned: true } : {}),
    ...(span === undefined ? {} : { minIntervalMs: span === 'none' ? 0 : span }),
  }
}
