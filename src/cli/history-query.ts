/** `varve history query`: versions by time, label, fingerprint, metric, path and tier, with their values. @module */
import { stringifyValue } from '../codec/values.ts'
import type { FoundVersion, HistoryQuery } from '../history/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { shellWord } from './confirm.ts'
import type { CliContext, Command } from './context.ts'
import { PATH_OPTIONS, pathOf } from './doc.ts'
import { lineHead, plainVersion, withHistory } from './history.ts'
import { clean, cut, jsonLine } from './output.ts'
import { SALVAGE_OPTION } from './salvage.ts'
import { sizeOption } from './units.ts'

export const historyQuery: Command = {
  name: 'history query',
  usage: 'NAME',
  summary: 'Find versions by time, label, fingerprint, metric, path or tier, and show their values',
  options: {
    since: { value: 'TIME', help: 'Versions at or after this time' },
    until: { value: 'TIME', help: 'Versions before this time' },
    label: { value: 'TEXT', help: 'Versions with this label' },
    fingerprint: { value: 'TEXT', help: 'Versions with this fingerprint' },
    metric: { value: 'NAME', help: 'Metrics that have a series of this name' },
    path: { value: 'PATH', help: 'Versions in which something is there; the value is that alone' },
    pointer: PATH_OPTIONS.pointer ?? { help: '' },
    tier: { value: 'TIER', help: 'raw, compressed or archive' },
    backward: { help: 'Newest first' },
    limit: { value: 'N', help: 'At most this many; 0: none' },
    budget: { value: 'SIZE', help: 'Stop before the values take more than this together (default 50MiB)' },
    cursor: { value: 'CURSOR', help: 'Go on where another query with the same filters stopped' },
    ...SALVAGE_OPTION,
  },
  notes: [
    'Filters combine. When it stops at its limit or budget, it says so on standard error, with the cursor to go on.',
  ],
  examples: [
    ['varve history query board-7 --since 2026-01-01 --until 2026-02-01 --json', 'All of a month, as NDJSON'],
    ["varve history query package --path 'devDependencies.jest' --limit 10", 'Where there is something'],
    ['varve history query cpu --metric load --tier archive', 'What is left of old measurements'],
  ],
  run(args, context) {
    args.atMost(1)
    const query = queryOf(args)
    return withHistory(args, context, async (history, gaps) => {
      const { terminal } = context
      const found = history.query({ ...query, signal: terminal.interrupted })
      for await (const one of found) await terminal.write(lineOf(one, args, context))
      const { outcome } = found
      if (outcome !== undefined && outcome.reason !== 'end') tellStop(outcome, args, context)
      return gaps
    })
  },
}

function queryOf(args: Arguments): HistoryQuery {
  const texts = ['label', 'fingerprint', 'metric', 'cursor'] as const
  const [since, until, limit] = [args.time('since'), args.time('until'), args.whole('limit')]
  const tier = args.choice('tier', ['raw', 'compressed', 'archive'])
  const budget = sizeOption(args, 'budget')
  if (budget === 'none') throw wrongUse('Cannot use --budget "none": there is always a budget')
  const hasPath = args.text('path') !== undefined || args.text('pointer') !== undefined
  return {
    ...Object.fromEntries(
      texts.map((name) => [name, args.text(name)] as const).filter(([, text]) => text !== undefined),
    ),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(limit === undefined ? {} : { limit }),
    ...(tier === undefined ? {} : { tier }),
    ...(budget === undefined ? {} : { budgetBytes: budget }),
    ...(hasPath ? { path: pathOf(args) } : {}),
    direction: args.flag('backward') ? 'backward' : 'forward',
  }
}

function lineOf(found: FoundVersion, args: Arguments, { terminal }: CliContext): string {
  if (args.flag('json')) return jsonLine({ ...plainVersion(found), value: found.value })
  const columns = terminal.outputIsTerminal ? terminal.columns : Number.POSITIVE_INFINITY
  return `${cut(lineHead(found) + clean(stringifyValue(found.value)), columns)}\n`
}

function tellStop(
  { reason, nextCursor }: { readonly reason: string; readonly nextCursor?: string },
  args: Arguments,
  { terminal }: CliContext,
): void {
  const cursor = nextCursor === undefined ? {} : { nextCursor }
  const more = nextCursor === undefined ? '' : `; go on with --cursor ${shellWord(nextCursor)}`
  terminal.writeError(args.flag('json') ? jsonLine({ reason, ...cursor }) : `Stopped at the ${reason}${more}\n`)
}
