/** `varve history diff` and `values`: what changed between two versions, and one value over time. @module */
import { stringifyValue } from '../codec/values.ts'
import type { PathVersion, VersionDiff } from '../history/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import type { CliContext, Command } from './context.ts'
import { PATH_OPTIONS, pathOf } from './doc.ts'
import { lineHead, plainVersion, selectorOf, VERSION_NOTES, versionText, withHistory } from './history.ts'
import { clean, count, cut, jsonLine } from './output.ts'
import { SALVAGE_OPTION } from './salvage.ts'

const LIMIT_MAX = 10_000

export const historyDiff: Command = {
  name: 'history diff',
  usage: 'NAME FROM [TO]',
  summary: 'Show what changed between two versions',
  options: {
    limit: { value: 'N', help: `At most this many changes, 1 to ${LIMIT_MAX} (default 1000)` },
    ...SALVAGE_OPTION,
  },
  notes: [
    ...VERSION_NOTES.map((line, at) => (at === 0 ? line.replace('VERSION is', 'FROM and TO are each') : line)),
    'TO is the newest when it is not given. + was added, - removed, ~ changed, > moved.',
  ],
  examples: [
    ['varve history diff board-7 3', 'Since version 3'],
    ['varve history diff board-7 time=2026-01-31 label=shipped --json', 'Between any two, for programs'],
  ],
  run(args, context) {
    args.atMost(3)
    const from = selectorOf(args.required(1, 'FROM'))
    const to = selectorOf(args.at(2))
    const limit = args.whole('limit', { least: 1, most: LIMIT_MAX })
    return withHistory(args, context, async (history, gaps) => {
      const { interrupted: signal } = context.terminal
      const diff = await history.diff({ from, to, ...(limit === undefined ? {} : { limit }), signal })
      await context.terminal.write(
        args.flag('json')
          ? jsonLine({ ...diff, from: plainVersion(diff.from), to: plainVersion(diff.to) })
          : text(diff, context),
      )
      return gaps
    })
  },
}

function text(diff: VersionDiff, { terminal }: CliContext): string {
  const columns = terminal.outputIsTerminal ? terminal.columns : Number.POSITIVE_INFINITY
  const head = `From ${versionText(diff.from)} to ${versionText(diff.to)}:`
  const lines = diff.lines.map((line) => cut(clean(line), columns))
  if (diff.changes.length === 0) lines.push('No difference')
  if (diff.isCut) lines.push(`More than ${count(diff.changes.length)} changes: see --limit`)
  return `${[head, ...lines].join('\n')}\n`
}

export const historyValues: Command = {
  name: 'history values',
  usage: 'NAME',
  summary: 'Show the value at one path over time',
  options: {
    ...PATH_OPTIONS,
    from: { value: 'N', help: 'Versions from this one on' },
    to: { value: 'N', help: 'Versions below this one' },
    backward: { help: 'Newest first' },
    all: { help: 'Every version, also where the value is the same as before' },
    ...SALVAGE_OPTION,
  },
  notes: ['--json prints one version per line; value is absent where nothing is at the path.'],
  examples: [
    ["varve history values package --path 'version'", 'When each became so'],
    ["varve history values board-7 --path 'shapes[4].x' --backward --json", 'Newest first, as NDJSON'],
  ],
  run(args, context) {
    args.atMost(1)
    if (args.text('path') === undefined && args.text('pointer') === undefined)
      throw wrongUse('Missing --path: which value to follow')
    const path = pathOf(args)
    const from = args.whole('from', { least: 1 })
    const to = args.whole('to', { least: 1 })
    const options = {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      direction: args.flag('backward') ? 'backward' : 'forward',
      onlyChanges: !args.flag('all'),
      signal: context.terminal.interrupted,
    } as const
    return withHistory(args, context, async (history, gaps) => {
      for await (const found of history.values(path, options))
        await context.terminal.write(lineOf(found, args, context))
      return gaps
    })
  },
}

function lineOf(found: PathVersion, args: Arguments, { terminal }: CliContext): string {
  const { version, at, label, value } = found
  if (args.flag('json'))
    return jsonLine({
      version,
      at,
      ...(label === undefined ? {} : { label }),
      ...(value === undefined ? {} : { value }),
    })
  const columns = terminal.outputIsTerminal ? terminal.columns : Number.POSITIVE_INFINITY
  return `${cut(lineHead(found) + (value === undefined ? '(nothing)' : clean(stringifyValue(value))), columns)}\n`
}
