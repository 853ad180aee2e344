/** What the commands of histories share: the word for a version, the history, open, and versions in rows and lines.
 * @module */
import type { History, VersionInfo, VersionSelector } from '../history/types.ts'
import { type Arguments, parseTime, wrongUse } from './arguments.ts'
import { type CliContext, directoryOf, type ExitCode, openForReading, openForWriting, withStore } from './context.ts'
import { clean, count, size, timeText } from './output.ts'
import { tellGaps } from './salvage.ts'

/** Notes of the commands that take a version. */
export const VERSION_NOTES: readonly string[] = [
  'VERSION is a number from 1, newest, label=TEXT (the newest with this label), time=T (the newest by then,',
  'such as time=2026-01-31 or time=2026-01-31T12:00:00Z), or offset=N (the newest that reflects no more of the log).',
]

const WHOLE = /^\d{1,16}$/

/** What a word such as `12`, `newest`, `label=shipped`, `time=2026-01-31` or `offset=500` selects; nothing is the
 * newest. @throws {VarveError} `OPTION_INVALID`. */
export function selectorOf(word: string | undefined): VersionSelector {
  if (word === undefined || word === 'newest') return {}
  if (WHOLE.test(word)) return { version: Number(word) }
  const [, field, text = ''] = /^(label|time|offset)=(.+)$/s.exec(word) ?? []
  if (field === 'label') return { label: text }
  if (field === 'offset' && WHOLE.test(text)) return { offset: Number(text) }
  const time = field === 'time' ? parseTime(text) : undefined
  if (time !== undefined) return { time }
  throw wrongUse(
    `Cannot use "${word}" as a version: write 12, newest, label=TEXT, time=2026-01-31T12:00:00Z or offset=500`,
    { found: word },
  )
}

/** Open a history beside a running server, and close the store whatever happens.
 * @param use gets, of a salvaged store, 1 if there are gaps, which were told.
 * @throws {VarveError} as `openStore` and `Histories.open`. */
export function withHistory<T>(
  args: Arguments,
  context: CliContext,
  use: (history: History, gaps: ExitCode) => Promise<T>,
): Promise<T> {
  const name = args.required(0, 'NAME')
  return withStore(openForReading(args, context), async (store) => {
    const gaps = tellGaps(store, context)
    return use(await store.histories.open(name), gaps)
  })
}

/** Open a history to change it. @throws {VarveError} as `openStore` and `Histories.open`, and `STORE_MISSING`. */
export function changeHistory<T>(
  args: Arguments,
  context: CliContext,
  use: (history: History) => Promise<T>,
): Promise<T> {
  const name = args.required(0, 'NAME')
  return withStore(openForWriting(directoryOf(args), context, { create: false }), async (store) =>
    use(await store.histories.open(name)),
  )
}

/** What is known of a version, in one order of keys. */
export function plainVersion(info: VersionInfo): Record<string, unknown> {
  const { version, at, kind, label, fingerprint, metadata, offset } = info
  const { tier, pinned, rawBytes, sizeBytes, isDelta, group, isDamaged } = info
  return {
    version,
    at,
    kind,
    ...(label === undefined ? {} : { label }),
    fingerprint,
    ...(metadata === undefined ? {} : { metadata }),
    ...(offset === undefined ? {} : { offset }),
    tier,
    pinned,
    rawBytes,
    sizeBytes,
    isDelta,
    group,
    ...(isDamaged ? { isDamaged } : {}),
  }
}

/** `version 12 (2026-01-31T12:00:00.000Z, "after drag")`. */
export function versionText({ version, at, label }: Pick<VersionInfo, 'version' | 'at' | 'label'>): string {
  const named = label === undefined ? '' : `, "${clean(label)}"`
  return `version ${count(version)} (${timeText(at)}${named})`
}

/** Heading of a table of versions, and which columns are numbers. */
export const VERSION_HEADING = ['version', 'at', 'stored', 'raw', 'form', 'tier', 'label']
export const VERSION_NUMBERS = [0, 2, 3]

/** A version as a row of that table. */
export function versionRow(info: VersionInfo): string[] {
  const form = info.isDamaged ? 'damaged' : info.isDelta ? 'change' : 'whole'
  return [
    count(info.version),
    timeText(info.at),
    size(info.sizeBytes),
    size(info.rawBytes),
    info.kind === 'value' ? form : `${form}, ${info.kind}`,
    info.pinned ? `${info.tier}, pinned` : info.tier,
    clean(info.label ?? ''),
  ]
}

/** The version, time and label that begin a line about one version. */
export function lineHead({ version, at, label }: Pick<VersionInfo, 'version' | 'at' | 'label'>): string {
  return `${String(version).padStart(7)}  ${timeText(at)}${label === undefined ? '' : `  [${clean(label)}]`}  `
}
