/** The command line: finds the command, runs it, and turns whatever happens into a message and an exit code.
 * @module */
import { isVarveError, type VarveError } from '../errors.ts'
import { OutputClosed } from '../ports/terminal.ts'
import { append } from './append.ts'
import { Arguments, wrongUse } from './arguments.ts'
import { causes, effects } from './causes.ts'
import { checkpoint } from './checkpoint.ts'
import type { CliContext, Command, ExitCode } from './context.ts'
import { docChildren } from './doc-children.ts'
import { docGet } from './doc-get.ts'
import { docLs, docStat } from './doc-list.ts'
import { docPut } from './doc-put.ts'
import { docRm } from './doc-rm.ts'
import { docVerify } from './doc-verify.ts'
import { exportTopics } from './export.ts'
import { fork } from './fork.ts'
import { get } from './get.ts'
import { commandHelp, groupHelp, overview } from './help.ts'
import { historyAppend } from './history-append.ts'
import { historyChange, historyCreate, historyRm } from './history-change.ts'
import { historyDiff, historyValues } from './history-diff.ts'
import { historyGet } from './history-get.ts'
import { historyCleanup, historyPin, historyUnpin } from './history-keep.ts'
import { historyLs, historyShow, historyStat } from './history-list.ts'
import { historyQuery } from './history-query.ts'
import { historyVerify } from './history-verify.ts'
import { importEvents } from './import.ts'
import { clean, jsonLine } from './output.ts'
import { projectionLs, projectionRm, projectionShow } from './projection-list.ts'
import { projectionRebuild, projectionRun } from './projection-run.ts'
import { projectionState } from './projection-state.ts'
import { proof } from './proof.ts'
import { prune } from './prune.ts'
import { read } from './read.ts'
import { serve } from './serve.ts'
import { snapshotExport, snapshotImport } from './snapshot-copy.ts'
import { snapshotCreate } from './snapshot-create.ts'
import { snapshotCleanup, snapshotPin, snapshotRm, snapshotUnpin } from './snapshot-keep.ts'
import { snapshotLs, snapshotShow, snapshotUsage } from './snapshot-list.ts'
import { snapshotRestore } from './snapshot-restore.ts'
import { snapshotDrill, snapshotVerify } from './snapshot-verify.ts'
import { stats } from './stats.ts'
import { tail } from './tail.ts'
import { topics } from './topics.ts'
import { verify } from './verify.ts'

export type { CliContext, ExitCode, OutputFile, RunningServer, ServeOptions, ServerHost } from './context.ts'
export type { OpenSqlite, SqliteDatabase, SqliteValue } from './sqlite.ts'

const MISSING_HINT =
  'Check --data DIR; `topics create`, `append --create`, `doc put` and `history append --create` make a store'
const CHANGED_HINT =
  'The input changed since it was imported: import it into another --topic, or as other events with --skip id --source NAME'

/** All commands, in the order of the overview. */
export const COMMANDS: readonly Command[] = [
  serve,
  topics,
  append,
  read,
  tail,
  get,
  causes,
  effects,
  exportTopics,
  importEvents,
  prune,
  proof,
  docPut,
  docGet,
  docChildren,
  docLs,
  docStat,
  docVerify,
  docRm,
  historyAppend,
  historyGet,
  historyLs,
  historyShow,
  historyStat,
  historyDiff,
  historyValues,
  historyQuery,
  historyPin,
  historyUnpin,
  historyCleanup,
  historyVerify,
  historyCreate,
  historyChange,
  historyRm,
  projectionRun,
  projectionRebuild,
  projectionState,
  projectionLs,
  projectionShow,
  projectionRm,
  snapshotCreate,
  snapshotLs,
  snapshotShow,
  snapshotVerify,
  snapshotRestore,
  snapshotDrill,
  snapshotExport,
  snapshotImport,
  snapshotPin,
  snapshotUnpin,
  snapshotCleanup,
  snapshotUsage,
  snapshotRm,
  fork,
  verify,
  checkpoint,
  stats,
]

/** The command that the first word, or the first two, name. */
export function findCommand(words: readonly string[]): Command | undefined {
  const two = words.slice(0, 2).join(' ')
  return COMMANDS.find(({ name }) => name === two) ?? COMMANDS.find(({ name }) => name === words[0])
}

/** Commands of which `word` is the first of two words. */
function groupOf(word: string | undefined): readonly Command[] {
  return COMMANDS.filter(({ name }) => name.startsWith(`${word} `))
}

/** Run one command line. Never throws: a failure is told on standard error.
 * @param words the arguments after the name of the program. */
export async function runCli(words: readonly string[], context: CliContext): Promise<ExitCode> {
  const { terminal } = context
  try {
    return await dispatch(words, context)
  } catch (error) {
    if (error instanceof OutputClosed) return 0
    if (terminal.interrupted.aborted && error === terminal.interrupted.reason) {
      terminal.writeError('varve: interrupted\n')
      return 1
    }
    return explain(error, words, context)
  }
}

async function dispatch(words: readonly string[], context: CliContext): Promise<ExitCode> {
  const { terminal } = context
  const [first] = words
  if (first === undefined || HELP.has(first)) {
    await terminal.write(helpOf(words.slice(1)))
    return 0
  }
  if (first === '--version') {
    await terminal.write(`varve ${context.version}\n`)
    return 0
  }
  const command = findCommand(words)
  if (command === undefined) {
    const isGroup = groupOf(first).length > 0
    if (!isGroup || (words[1] !== undefined && !HELP.has(words[1])))
      throw wrongUse(`There is no command "${clean(words.slice(0, isGroup ? 2 : 1).join(' '))}"`)
    await terminal.write(helpOf([first, ...words.slice(2)]))
    return 0
  }
  const rest = words.slice(command.name.split(' ').length)
  const args = new Arguments(rest, command.options, context.parseArgs)
  if (args.flag('help')) {
    await terminal.write(commandHelp(command))
    return 0
  }
  return command.run(args, context)
}

const HELP: ReadonlySet<string> = new Set(['--help', '-h', 'help'])

/** The help that words ask for: of a command, of a group of them, else of all. */
function helpOf(words: readonly string[]): string {
  const command = findCommand(words)
  if (command !== undefined) return commandHelp(command)
  const group = groupOf(words[0])
  return group.length > 0 ? groupHelp(words[0] as string, group) : overview(COMMANDS)
}

/** What was written on the command line cannot be meant. */
const WRONG_USE: ReadonlySet<string> = new Set(['OPTION_INVALID', 'NAME_INVALID', 'PATH_INVALID', 'PATH_PLURAL'])

/** Errors about words whose rules their hints tell. */
const RULES: ReadonlySet<string> = new Set(['NAME_INVALID', 'PATH_INVALID'])

/** Exit codes by what the caller has to do: look at the command line, or at the disk. */
function exitCodeOf(error: unknown): ExitCode {
  if (!isVarveError(error)) return 1
  if (WRONG_USE.has(error.code)) return 2
  return error.kind === 'corrupt' ? 3 : 1
}

function explain(error: unknown, words: readonly string[], { terminal }: CliContext): ExitCode {
  const exitCode = exitCodeOf(error)
  const known = isVarveError(error)
  const message = known || error instanceof Error ? error.message : String(error)
  const end = words.indexOf('--')
  if (words.slice(0, end < 0 ? words.length : end).includes('--json')) {
    terminal.writeError(
      jsonLine({ error: known ? plain(error, words[0]) : { code: 'INTERNAL', kind: 'internal', message } }),
    )
  } else {
    terminal.writeError(`varve: ${clean(message)}\n`)
    for (const hint of hintsOf(error, exitCode, words)) terminal.writeError(`${hint}\n`)
  }
  if (terminal.env('VARVE_DEBUG') === '1' && error instanceof Error) {
    const causes = [error.stack, error.cause instanceof Error ? `Caused by: ${error.cause.stack}` : undefined]
    terminal.writeError(`${causes.filter(Boolean).join('\n')}\n`)
  }
  return exitCode
}

/** What to do about it: look at the error, at the help, or, where words follow rules, at both. */
function hintsOf(error: unknown, exitCode: ExitCode, words: readonly string[]): string[] {
  const hint = isVarveError(error) && (exitCode !== 2 || RULES.has(error.code)) ? hintOf(error, words[0]) : undefined
  return [hint, exitCode === 2 ? helpHint(words) : undefined].filter((line) => line !== undefined)
}

function helpHint(words: readonly string[]): string {
  const name = findCommand(words)?.name ?? (groupOf(words[0]).length > 0 ? words[0] : undefined)
  return name === undefined ? 'Try: varve --help' : `Try: varve ${name} --help`
}

/** Hints in the words of the command line. */
const HINTS: Readonly<Record<string, string>> = {
  STORE_MISSING: MISSING_HINT,
  DOCUMENT_UNKNOWN: 'Store it with `varve doc put`; `varve doc ls` lists those that exist',
  HISTORY_UNKNOWN: 'Create it with `varve history append --create`; `varve history ls` lists those that exist',
  VERSION_UNKNOWN: '`varve history show` lists the versions that exist',
  VERSION_GONE: '`varve history show` lists the versions that are kept; pin those that must stay',
  PROJECTION_UNKNOWN: 'Create it with `varve projection run --create`; `varve projection ls` lists those that exist',
  SNAPSHOT_UNKNOWN: 'Take one with `varve snapshot create`; `varve snapshot ls` lists those that exist',
  SNAPSHOT_PINNED: 'Unpin it first with `varve snapshot unpin`',
  SNAPSHOT_TOO_SOON: 'Wait for the time given, or take it anyway with --min-interval none',
  RESTORE_NOT_EMPTY: 'Choose an empty directory, or replace the store that is there with --overwrite',
  RESTORE_LIVE: 'Restore to a directory beside the store, then serve or open that one',
  PROJECTION_UNDEFINED: 'Name the fold with --fold; only the states of a projection are stored',
}

/** What to do about it, with the owner of a locked store spelled out. */
function hintOf(error: VarveError, command: string | undefined): string | undefined {
  if (error.code === 'KEY_REUSED' && command === 'import') return CHANGED_HINT
  if (Object.hasOwn(HINTS, error.code)) return HINTS[error.code]
  if (error.code !== 'STORE_LOCKED') return error.hint
  const { owner } = error.details as { owner?: { runtime?: string; pid?: number; host?: string } }
  if (owner === undefined) return error.hint
  const who = clean(`${owner.runtime ?? 'a process'}, process ${owner.pid} on ${owner.host}`)
  return `Its owner is ${who}: end it, or use its HTTP API; read, tail, topics, doc get, history get, snapshot ls and export, stats and verify work beside it`
}

function plain(error: VarveError, command: string | undefined): Record<string, unknown> {
  const { code, kind, message, details } = error
  const hint = hintOf(error, command)
  return { code, kind, message, details: printable(details), ...(hint === undefined ? {} : { hint }) }
}

/** Details are plain data by contract; whatever else slips in must not hide the error. */
function printable(details: VarveError['details']): unknown {
  try {
    jsonLine(details)
    return details
  } catch {
    return {}
  }
}
