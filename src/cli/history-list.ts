/** `varve history ls`, `show` and `stat`: which histories there are, the versions of one, and what it takes.
 * @module */
import type { HistoryStats, ListVersionsOptions, VersionInfo } from '../history/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { shellWord } from './confirm.ts'
import { type CliContext, type Command, openForReading, withStore } from './context.ts'
import {
  plainVersion,
  selectorOf,
  VERSION_HEADING,
  VERSION_NOTES,
  VERSION_NUMBERS,
  versionRow,
  withHistory,
} from './history.ts'
import { settingsText } from './history-options.ts'
import { clean, count, counted, jsonLine, size, table, timeText } from './output.ts'
import { SALVAGE_OPTION, tellGaps } from './salvage.ts'

const LIMIT_MAX = 1_000
const PINS_SHOWN = 20
const PAGE_OPTIONS = ['from', 'to', 'limit', 'cursor'] as const

export const historyLs: Command = {
  name: 'history ls',
  usage: '',
  summary: 'List the histories with their versions and sizes',
  options: { ...SALVAGE_OPTION },
  examples: [
    ['varve history ls', 'All histories, by name'],
    ['varve history ls --json', 'The same for programs'],
  ],
  async run(args, context) {
    args.atMost(0)
    return withStore(openForReading(args, context), async (store) => {
      const all = await store.histories.list()
      const text =
        all.length === 0
          ? 'No histories yet: varve history append NAME FILE --create\n'
          : table(rows(all), [1, 2, 3, 4, 5])
      await context.terminal.write(args.flag('json') ? jsonLine({ histories: all.map(plainStats) }) : text)
      return tellGaps(store, context)
    })
  },
}

function rows(all: readonly HistoryStats[]): string[][] {
  const body = all.map(({ history, count: kept, newestVersion, storedBytes, rawBytes, ratio, newestAt }) => [
    clean(history),
    count(kept),
    count(newestVersion),
    size(storedBytes),
    size(rawBytes),
    ratioText(ratio),
    newestAt === undefined ? '-' : timeText(newestAt),
  ])
  return [['history', 'versions', 'newest', 'stored', 'raw', 'ratio', 'newest at'], ...body]
}

export const historyShow: Command = {
  name: 'history show',
  usage: 'NAME [VERSION]',
  summary: 'List the versions of a history, or show what is known of one',
  options: {
    from: { value: 'N', help: 'Versions from this one on' },
    to: { value: 'N', help: 'Versions below this one' },
    backward: { help: 'Newest first' },
    limit: { value: 'N', help: `At most this many, 1 to ${LIMIT_MAX} (default 100)` },
    cursor: { value: 'CURSOR', help: 'Go on behind an earlier list; the other options must be the same' },
    ...SALVAGE_OPTION,
  },
  notes: [
    ...VERSION_NOTES,
    'stored is what a version takes in its file, raw what a copy of the value would take. If more versions follow, it says',
    'so on standard error, with the cursor; --json has it as nextCursor.',
  ],
  examples: [
    ['varve history show board-7 --backward --limit 20', 'The newest twenty versions'],
    ['varve history show board-7 label=shipped', 'One of them'],
  ],
  run(args, context) {
    args.atMost(2)
    const word = args.at(1)
    const options = listOptions(args)
    const given = PAGE_OPTIONS.find((name) => args.text(name) !== undefined)
    if (word !== undefined && (given !== undefined || args.flag('backward')))
      throw wrongUse(`Cannot use --${given ?? 'backward'} with VERSION: it is one version`)
    const selector = selectorOf(word)
    return withHistory(args, context, async (history, gaps) => {
      if (word !== undefined) await showOne(await history.find(selector), args, context)
      else {
        const { items, nextCursor } = await history.list({ ...options, signal: context.terminal.interrupted })
        await showPage(items, nextCursor, { args, context })
      }
      return gaps
    })
  },
}

function listOptions(args: Arguments): ListVersionsOptions {
  const from = args.whole('from', { least: 1 })
  const to = args.whole('to', { least: 1 })
  const limit = args.whole('limit', { least: 1, most: LIMIT_MAX })
  const cursor = args.text('cursor')
  return {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
    direction: args.flag('backward') ? 'backward' : 'forward',
  }
}

interface Shown {
  readonly args: Arguments
  readonly context: CliContext
}

async function showPage(
  items: readonly VersionInfo[],
  nextCursor: string | undefined,
  { args, context: { terminal } }: Shown,
): Promise<void> {
  if (args.flag('json'))
    return terminal.write(
      jsonLine({ items: items.map(plainVersion), ...(nextCursor === undefined ? {} : { nextCursor }) }),
    )
  const empty = args.text('cursor') === undefined ? 'No versions\n' : 'No more\n'
  await terminal.write(items.length === 0 ? empty : table([VERSION_HEADING, ...items.map(versionRow)], VERSION_NUMBERS))
  if (nextCursor !== undefined) terminal.writeError(`More follow: --cursor ${shellWord(nextCursor)}\n`)
}

async function showOne(info: VersionInfo, args: Arguments, { terminal }: CliContext): Promise<void> {
  if (args.flag('json')) return terminal.write(jsonLine(plainVersion(info)))
  const lines = [
    ['version', count(info.version)],
    ['at', timeText(info.at)],
    ['label', info.label === undefined ? '-' : clean(info.label)],
    ['fingerprint', clean(info.fingerprint)],
    ['kind', info.kind],
    ...(info.offset === undefined ? [] : [['offset', count(info.offset)]]),
    ['tier', info.pinned ? `${info.tier}, pinned` : info.tier],
    ['stored', `${size(info.sizeBytes)} of ${size(info.rawBytes)}, ${formText(info)}`],
    ['group', `begins with version ${count(info.group)}`],
    ...(info.metadata === undefined ? [] : [['metadata', clean(jsonLine(info.metadata))]]),
  ]
  await terminal.write(table(lines))
}

function formText({ isDelta, isDamaged }: VersionInfo): string {
  if (isDamaged) return 'damaged: its value is lost'
  return isDelta ? 'as a change' : 'whole'
}

export const historyStat: Command = {
  name: 'history stat',
  usage: 'NAME',
  summary: 'Show versions, sizes and options of one history',
  options: { ...SALVAGE_OPTION },
  examples: [['varve history stat board-7', 'What is known of it']],
  run(args, context) {
    args.atMost(1)
    return withHistory(args, context, async (history, gaps) => {
      const stats = await history.stats()
      await context.terminal.write(args.flag('json') ? jsonLine(plainStats(stats)) : table(statLines(stats)))
      return gaps
    })
  },
}

function statLines(stats: HistoryStats): string[][] {
  const { oldestVersion: oldest, newestVersion: newest, newestAt, pinned } = stats
  const range = stats.count === 0 ? '' : `, ${count(oldest)} to ${count(newest)}`
  const pins = pinned.slice(0, PINS_SHOWN).map(count).join(' ')
  return [
    ['name', clean(stats.history)],
    [
      'versions',
      `${count(stats.count)}${range}${newestAt === undefined ? '' : `, the newest at ${timeText(newestAt)}`}`,
    ],
    ['stored', `${size(stats.storedBytes)} (${count(stats.storedBytes)} bytes) in ${counted(stats.groups, 'group')}`],
    ['copies', `${size(stats.rawBytes)} would be ${ratioText(stats.ratio)} as much`],
    ['pinned', pinned.length > PINS_SHOWN ? `${pins} and ${count(pinned.length - PINS_SHOWN)} more` : pins || '-'],
    ['options', settingsText(stats.settings)],
    ['created', stats.createdAt === 0 ? 'unknown' : timeText(stats.createdAt)],
  ]
}

/** What is known of a history, in one order of keys. */
export function plainStats(stats: HistoryStats): HistoryStats {
  const { history, createdAt, settings, count, newestVersion, oldestVersion, newestAt } = stats
  const { groups, rawBytes, storedBytes, ratio, pinned } = stats
  return {
    history,
    createdAt,
    settings,
    count,
    newestVersion,
    oldestVersion,
    ...(newestAt === undefined ? {} : { newestAt }),
    groups,
    rawBytes,
    storedBytes,
    ratio,
    pinned,
  }
}

function ratioText(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 1 : 0)}x`
}
