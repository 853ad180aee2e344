/** `varve history pin`, `unpin` and `cleanup`: what of a history stays. @module */
import type { CleanupReport } from '../history/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { CONFIRM_OPTIONS, confirm, shellWord } from './confirm.ts'
import {
  type CliContext,
  type Command,
  directoryOf,
  type ExitCode,
  openForReading,
  openForWriting,
  withStore,
} from './context.ts'
import { changeHistory, plainVersion, selectorOf, VERSION_NOTES, versionText } from './history.ts'
import { TIER_NOTES } from './history-options.ts'
import { clean, count, counted, jsonLine, size } from './output.ts'
import { Progress } from './progress.ts'

const RANGES_SHOWN = 12

export const historyPin: Command = {
  name: 'history pin',
  usage: 'NAME VERSION',
  summary: 'Keep a version whatever the tiers say',
  options: {},
  notes: VERSION_NOTES,
  examples: [['varve history pin board-7 label=shipped', 'The newest version with this label stays']],
  run: (args, context) => setPin(args, context, 'pin'),
}

export const historyUnpin: Command = {
  name: 'history unpin',
  usage: 'NAME VERSION',
  summary: 'Let the tiers decide about a version again',
  options: {},
  notes: VERSION_NOTES,
  examples: [['varve history unpin board-7 12', 'It may go with the next clean-up']],
  run: (args, context) => setPin(args, context, 'unpin'),
}

async function setPin(args: Arguments, context: CliContext, action: 'pin' | 'unpin'): Promise<ExitCode> {
  args.atMost(2)
  const selector = selectorOf(args.required(1, 'VERSION'))
  const info = await changeHistory(args, context, (history) => history[action](selector))
  const what = `${action === 'pin' ? 'Pinned' : 'Unpinned'} ${versionText(info)} of ${clean(args.required(0, 'NAME'))}`
  await context.terminal.write(args.flag('json') ? jsonLine(plainVersion(info)) : `${what}\n`)
  return 0
}

export const historyCleanup: Command = {
  name: 'history cleanup',
  usage: 'NAME',
  summary: 'Thin out the versions of a history as its tiers say',
  options: {
    'dry-run': { help: 'Change nothing, say what would go' },
    now: { value: 'TIME', help: 'Measure ages from here (default now)' },
    ...CONFIRM_OPTIONS,
  },
  notes: [
    ...TIER_NOTES,
    'Pinned versions and the newest one stay. Of metrics, a tier with a period keeps min, max, mean, count and last of',
    'each. Versions that went cannot come back. Cleaning up needs the store for itself.',
  ],
  examples: [
    ['varve history cleanup board-7 --dry-run', 'Which versions would go, and what that frees'],
    ['varve history cleanup board-7 --yes --store-id ID', 'Let them go'],
  ],
  async run(args, context) {
    args.atMost(1)
    const name = args.required(0, 'NAME')
    const dryRun = args.flag('dry-run')
    if (dryRun && args.flag('yes')) throw wrongUse('Cannot use --dry-run and --yes together')
    // Ages are measured from one moment, in the preview and in what is done.
    const now = args.time('now') ?? context.clock.now()
    const directory = directoryOf(args)
    // What would go is said without a write, also beside a running server.
    const opening = args.flag('yes')
      ? openForWriting(directory, context, { create: false })
      : openForReading(args, context)
    const progress = new Progress(`cleanup ${clean(name)}`, context)
    const onProgress = ({ groups, totalGroups }: { groups: number; totalGroups: number }) =>
      progress.update({ done: groups, total: totalGroups, items: { count: groups, noun: 'groups' } })
    const report = await withStore(opening, async (store) => {
      const history = await store.histories.open(name)
      const options = { now, signal: context.terminal.interrupted, onProgress }
      const preview = await history.cleanup({ ...options, dryRun: true })
      if (dryRun) return preview
      confirm(args, store, { what: sentence(name, preview), line: lineOf(args, directory) })
      return history.cleanup(options)
    }).finally(() => progress.end())
    const text = `C${sentence(name, report).slice(1)}${report.dryRun ? ' (nothing was changed)' : ''}\n${details(report)}`
    await context.terminal.write(args.flag('json') ? jsonLine({ history: name, ...report }) : text)
    return 0
  },
}

/** The same command again, without its confirmation. */
function lineOf(args: Arguments, directory: string): string {
  const now = args.text('now') === undefined ? '' : ` --now ${shellWord(args.text('now') ?? '')}`
  const data = args.text('data') === undefined ? '' : ` --data ${shellWord(directory)}`
  return `history cleanup ${args.required(0, 'NAME')}${now}${data}`
}

function sentence(name: string, { versions, kept, freedBytes, storedBytesBefore: before }: CleanupReport): string {
  const gone = `${count(versions - kept)} of ${counted(versions, 'version')}`
  return `clean up history ${clean(name)}: ${gone} gone, ${size(freedBytes)} of ${size(before)} freed`
}

function details({ removed, tiers, rolledUp }: CleanupReport): string {
  const left = `  left: ${count(tiers.raw)} raw, ${count(tiers.compressed)} compressed, ${count(tiers.archive)} archive\n`
  const gone = removed.length === 0 ? '' : `  gone: ${rangesText(removed)}\n`
  return `${gone}${left}${rolledUp === 0 ? '' : `  metrics rolled up: ${count(rolledUp)}\n`}`
}

/** `1-50, 52, 60-71`. */
function rangesText(versions: readonly number[]): string {
  const ranges: [first: number, last: number][] = []
  for (const version of versions) {
    const open = ranges.at(-1)
    if (open !== undefined && open[1] === version - 1) open[1] = version
    else ranges.push([version, version])
  }
  const shown = ranges.slice(0, RANGES_SHOWN).map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
  return `${shown.join(', ')}${ranges.length > RANGES_SHOWN ? ' and more' : ''}`
}
