/** `varve snapshot pin`, `unpin`, `cleanup` and `rm`: which snapshots stay. @module */
import { isVarveError } from '../errors.ts'
import type { SnapshotCleanupReport, SnapshotPolicy } from '../snapshot/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from './confirm.ts'
import { type CliContext, type Command, directoryOf, type ExitCode } from './context.ts'
import { count, counted, jsonLine, size } from './output.ts'
import { ID_NOTES, idOf, plainSnapshot, snapshotText } from './snapshot.ts'
import { type KeptSnapshots, keepSnapshots } from './snapshot-place.ts'
import { spanOption, spanText } from './units.ts'

export const snapshotPin: Command = {
  name: 'snapshot pin',
  usage: 'ID',
  summary: 'Keep a snapshot whatever the policy says',
  options: {},
  notes: ID_NOTES,
  examples: [['varve snapshot pin newest', 'Clean-up leaves it alone, and does not count it']],
  run: (args, context) => setPin(args, context, true),
}

export const snapshotUnpin: Command = {
  name: 'snapshot unpin',
  usage: 'ID',
  summary: 'Let the policy decide about a snapshot again',
  options: {},
  notes: ID_NOTES,
  examples: [['varve snapshot unpin snapshot-1767225600000', 'It may go with the next clean-up']],
  run: (args, context) => setPin(args, context, false),
}

async function setPin(args: Arguments, context: CliContext, pinned: boolean): Promise<ExitCode> {
  args.atMost(1)
  const word = args.required(0, 'ID')
  const info = await keepSnapshots(args, context, {
    writes: true,
    use: async (snapshots) => snapshots.pin(await idOf(word, () => snapshots.list()), pinned),
  })
  const text = `${pinned ? 'Pinned' : 'Unpinned'} ${snapshotText(info)}\n`
  await context.terminal.write(args.flag('json') ? jsonLine(plainSnapshot(info)) : text)
  return 0
}

export const POLICY_OPTIONS = {
  keep: { value: 'N', help: 'The newest so many of the same topic, partition or store stay (default 5)' },
  'max-age': { value: 'SPAN', help: 'Older ones go, but never the newest; such as 30d (default 24h)' },
}

export const snapshotCleanup: Command = {
  name: 'snapshot cleanup',
  usage: '',
  summary: 'Delete the snapshots that the policy does not keep',
  options: {
    ...POLICY_OPTIONS,
    'dry-run': { help: 'Change nothing, say what would go' },
    ...CONFIRM_OPTIONS,
  },
  notes: [
    'What is pinned stays and is not counted. Only bytes are freed that neither the store nor another snapshot has.',
    'A server with --snapshot-every cleans up after each one by itself.',
  ],
  examples: [
    ['varve snapshot cleanup --dry-run', 'What would go, and what that frees'],
    ['varve snapshot cleanup --keep 10 --max-age 30d --yes --store-id ID', 'Let it go'],
  ],
  async run(args, context) {
    args.atMost(0)
    const dryRun = args.flag('dry-run')
    if (dryRun && args.flag('yes')) throw wrongUse('Cannot use --dry-run and --yes together')
    const policy = policyOf(args)
    // What would go is said without a write, also beside a running server.
    const writes = args.flag('yes')
    const use = async (snapshots: KeptSnapshots, id: string) => {
      const options = { policy, signal: context.terminal.interrupted }
      const preview = await snapshots.cleanup({ ...options, dryRun: true })
      if (dryRun || preview.removed.length === 0) return preview
      confirm(args, { id }, { what: sentence(preview), line: lineOf(args) })
      return snapshots.cleanup(options)
    }
    const report = await keepSnapshots(args, context, { writes, use })
    const [first = '', ...rest] = sentence(report)
    const text = `${first.toUpperCase()}${rest.join('')}${dryRun ? ' (nothing was changed)' : ''}\n${details(report)}`
    await context.terminal.write(args.flag('json') ? jsonLine(report) : text)
    return 0
  },
}

/** @throws {VarveError} `OPTION_INVALID`. */
export function policyOf(args: Arguments, names = { keep: 'keep', age: 'max-age' }): Partial<SnapshotPolicy> {
  const maxSnapshots = args.whole(names.keep, { least: 1 })
  const span = spanOption(args, names.age)
  return {
    ...(maxSnapshots === undefined ? {} : { maxSnapshots }),
    ...(span === undefined ? {} : { retentionTimeMs: span === 'none' ? Number.MAX_SAFE_INTEGER : span }),
  }
}

/** The same command again, without its confirmation. */
function lineOf(args: Arguments): string {
  const options = ['keep', 'max-age', 'data'].flatMap((option) => {
    const value = args.text(option)
    return value === undefined ? [] : [`--${option} ${shellWord(value)}`]
  })
  return ['snapshot cleanup', ...options].join(' ')
}

function sentence({ removed, kept, freedBytes }: SnapshotCleanupReport): string {
  const gone = `${count(removed.length)} of ${counted(removed.length + kept.length, 'snapshot')}`
  return `delete ${gone}, ${size(freedBytes)} freed`
}

function details({ removed, policy }: SnapshotCleanupReport): string {
  const { maxSnapshots, retentionTimeMs } = policy
  const age = retentionTimeMs >= Number.MAX_SAFE_INTEGER ? 'for ever' : `for ${spanText(retentionTimeMs)}`
  const why = { count: `not among the newest ${count(maxSnapshots)}`, age: 'too old' }
  const lines = removed.map(({ id, reason }) => `  ${id}: ${why[reason]}\n`)
  return `${lines.join('')}  policy: the newest ${count(maxSnapshots)}, ${age}\n`
}

export const snapshotRm: Command = {
  name: 'snapshot rm',
  usage: 'ID',
  summary: 'Delete a snapshot',
  options: CONFIRM_OPTIONS,
  notes: ['What it shares with the store or with other snapshots stays. A pinned one is unpinned first.'],
  examples: [
    ['varve snapshot rm snapshot-1767225600000', 'Say what would be deleted, and the line that does it'],
    ['varve snapshot rm snapshot-1767225600000 --yes --store-id ID', 'Delete it'],
  ],
  async run(args, context) {
    args.atMost(1)
    const id = args.required(0, 'ID')
    // What would go is said without a write, also beside a running server.
    const writes = args.flag('yes')
    const use = async (snapshots: KeptSnapshots, storeId: string) => {
      const text = await textOf(snapshots, id)
      const data = args.text('data') === undefined ? '' : ` --data ${shellWord(directoryOf(args))}`
      confirm(args, { id: storeId }, { what: `delete ${text}`, line: `snapshot rm ${id}${data}` })
      return { text, ...(await snapshots.delete(id, { signal: context.terminal.interrupted })) }
    }
    const gone = await keepSnapshots(args, context, { writes, use })
    const { text, freedBytes } = gone
    const json = { deleted: true, snapshot: id, freedBytes }
    const line = `Deleted ${text}: ${size(freedBytes)} freed\n`
    await context.terminal.write(args.flag('json') ? jsonLine(json) : line)
    return 0
  },
}

/** What would go. One that is too damaged to say what is in it can go as well.
 * @throws {VarveError} `SNAPSHOT_UNKNOWN`. */
async function textOf(snapshots: KeptSnapshots, id: string): Promise<string> {
  const listed = (await snapshots.list()).find((one) => one.id === id)
  if (listed !== undefined) return snapshotText(listed)
  try {
    return snapshotText(await snapshots.get(id))
  } catch (error) {
    if (!isVarveError(error) || error.kind !== 'corrupt') throw error
    return `${id}, which is damaged`
  }
}
