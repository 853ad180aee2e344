/** `varve snapshot restore`: a snapshot as a store of its own, or as a new topic. @module */
import { isVarveError } from '../errors.ts'
import { readManifest } from '../manifest/index.ts'
import type { RestoreOptions, RestoreReport, Snapshots } from '../snapshot/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from './confirm.ts'
import { type CliContext, type Command, directoryOf, openForWriting, withStore } from './context.ts'
import { clean, count, counted, elapsed, jsonLine, size } from './output.ts'
import { contentText, ID_NOTES, idOf, UNTIL_OPTIONS, untilOf, valuesText, watched } from './snapshot.ts'
import { withSnapshots } from './snapshot-place.ts'

export const snapshotRestore: Command = {
  name: 'snapshot restore',
  usage: 'ID',
  summary: 'Restore a snapshot to another directory, or as a new topic of this store',
  options: {
    to: { value: 'DIR', help: 'Into this directory, which is empty or absent; also beside a running server' },
    as: { value: 'NAME', help: 'As a new topic of this store; of a snapshot with several together with --topic' },
    topic: { value: 'TOPIC', help: 'Only this topic, without documents, histories and projections' },
    ...UNTIL_OPTIONS,
    overwrite: { help: 'With --to: take the place of the store in DIR, which nobody may have open; asks first' },
    ...CONFIRM_OPTIONS,
  },
  notes: [
    ...ID_NOTES,
    'The snapshot is checked whole before anything is written, and DIR holds the old or the new store, never a mix. What',
    'is restored is a new log that goes on by itself: events keep offsets, ids and hashes. The store in use is never',
    'restored over: restore beside it, stop the server, and open what was restored. With --offset or --time documents,',
    'histories and projections are left out, because only their newest state is kept.',
  ],
  examples: [
    ['varve snapshot restore newest --to ./restored', 'Everything, as a store of its own'],
    ['varve snapshot restore newest --to ./restored --time 2026-01-31T12:00:00Z', 'The logs as of a moment'],
    ['varve snapshot restore newest --topic orders --as orders-before --offset 500', 'Look at it beside what is now'],
    [
      'varve snapshot restore newest --to ./varve-old --overwrite',
      'Say what would be replaced, and the line that does it',
    ],
  ],
  async run(args, context) {
    args.atMost(1)
    const word = args.required(0, 'ID')
    const plan = planOf(args)
    const { end, ...watching } = watched('restore', context)
    const restore = async (snapshots: Pick<Snapshots, 'list' | 'get' | 'restore'>) => {
      const id = await idOf(word, () => snapshots.list())
      const { directory, ...options } = plan
      if (directory === undefined) return snapshots.restore(id, { ...options, ...watching })
      if (args.flag('overwrite')) await confirmOverwrite(args, context, { snapshots, id, directory })
      return snapshots.restore(id, { ...options, ...watching, to: context.storage(directory) })
    }
    // A new topic is made in the store itself; another directory is filled beside a running server.
    const restoring =
      plan.as === undefined
        ? withSnapshots(args, context, restore)
        : withStore(openForWriting(directoryOf(args), context, { create: false }), (store) => restore(store.snapshots))
    const report = await restoring.finally(end)
    await context.terminal.write(args.flag('json') ? jsonLine(report) : reportText(report, plan.directory))
    return 0
  },
}

type Plan = Omit<RestoreOptions, 'to' | 'signal' | 'onProgress'> & { readonly directory?: string }

/** @throws {VarveError} `OPTION_INVALID`. */
function planOf(args: Arguments): Plan {
  const [directory, as, topic] = [args.text('to'), args.text('as'), args.text('topic')]
  if ((directory === undefined) === (as === undefined))
    throw wrongUse('Cannot restore without one of --to DIR (another directory) and --as NAME (a new topic)')
  const overwrite = args.flag('overwrite')
  if (overwrite && directory === undefined) throw wrongUse('Cannot use --overwrite with --as: it is about a directory')
  if (!overwrite && (args.flag('yes') || args.text('store-id') !== undefined))
    throw wrongUse('Cannot use --yes and --store-id without --overwrite')
  const until = untilOf(args)
  return {
    ...(directory === undefined ? {} : { directory }),
    ...(as === undefined ? {} : { as }),
    ...(topic === undefined ? {} : { topic }),
    ...(until === undefined ? {} : { until }),
    ...(overwrite ? { overwrite } : {}),
  }
}

interface Overwrite {
  readonly snapshots: Pick<Snapshots, 'get'>
  readonly id: string
  readonly directory: string
}

/** The store that would go is asked for by its own id; one that cannot be read any more by that of the log it is
 * replaced with. Where there is none, nothing goes. @throws {VarveError} `OPTION_INVALID`. */
async function confirmOverwrite(
  args: Arguments,
  context: CliContext,
  { snapshots, id, directory }: Overwrite,
): Promise<void> {
  let { storeId } = await snapshots.get(id)
  try {
    const there = await readManifest(context.storage(directory))
    if (there === undefined) return
    storeId = there.state.storeId
  } catch (error) {
    if (!isVarveError(error) || error.kind !== 'corrupt') throw error
  }
  const what = `replace the store in ${clean(directory)} with ${id}, for ever`
  confirm(args, { id: storeId }, { what, line: lineOf(args, id) })
}

/** The same command again, without its confirmation; with the snapshot that is newest now. */
function lineOf(args: Arguments, id: string): string {
  const options = ['to', 'topic', 'offset', 'time', 'data'].flatMap((option) => {
    const value = args.text(option)
    return value === undefined ? [] : [`--${option} ${shellWord(value)}`]
  })
  return ['snapshot restore', id, ...options, '--overwrite'].join(' ')
}

function reportText(report: RestoreReport, directory: string | undefined): string {
  const { snapshot, topics, documents, histories, projections, leftOut, storeId, durationMs } = report
  const events = topics.reduce((sum, one) => sum + one.events, 0)
  const place = directory === undefined ? 'this store' : `${clean(directory)} (store ${storeId})`
  const what = contentText({ events, documents, histories, projections })
  const lines = [`Restored ${snapshot} to ${place}: ${what}, in ${elapsed(durationMs)}`]
  for (const { topic, events, highWatermarks } of topics)
    lines.push(
      `  topic ${clean(topic)}: ${counted(events, 'event')}, up to offset ${highWatermarks.map(count).join('/')}`,
    )
  const files = `${counted(report.filesLinked, 'file')} linked, ${count(report.filesCopied)} copied`
  lines.push(`  ${files} (${size(report.bytesCopied)}), ${size(report.bytesVerified)} checked`)
  const rest = valuesText(leftOut)
  if (rest.length > 0) lines.push(`  left out: ${rest.join(', ')}`)
  return `${lines.join('\n')}\n`
}
