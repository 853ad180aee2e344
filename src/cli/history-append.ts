/** `varve history append`: a JSON value, or a version a line, become the next versions of a history. @module */
import { parseJsonValue } from '../codec/values.ts'
import { isVarveError, VarveError } from '../errors.ts'
import type { AppendVersionOptions, History, MetricsSnapshot, VersionReceipt } from '../history/types.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type CliContext, type Command, directoryOf, type ExitCode, openForWriting, withStore } from './context.ts'
import { plainBytes } from './elements.ts'
import { described, metricsOf, type NewVersion, versions, wholeValue } from './history-input.ts'
import { openInput } from './input.ts'
import { clean, count, counted, elapsed, jsonLine, size } from './output.ts'
import { Progress } from './progress.ts'

/** Options that a line of NDJSON says itself. */
const OF_ONE = ['label', 'at', 'offset', 'fingerprint', 'metadata'] as const

export const historyAppend: Command = {
  name: 'history append',
  usage: 'NAME [FILE]',
  summary: 'Store a JSON value as the next version of a history, or many with --ndjson',
  options: {
    create: { help: 'Create the history (and the store) when it does not exist' },
    ndjson: { help: 'One version a line: {"value": ...} or {"metrics": ...}, with at, label, and so on if wanted' },
    metrics: { help: 'The value is metrics: {"metrics": {"NAME": {"timestamps": [ns...], "values": [...]}}}' },
    label: { value: 'TEXT', help: 'A name for the version, to find it by' },
    at: { value: 'TIME', help: 'When the value was so, in milliseconds or as a date (default now)' },
    offset: { value: 'N', help: 'End offset of the log that the value reflects' },
    fingerprint: { value: 'TEXT', help: 'What the value is known by elsewhere (default: a hash of it)' },
    metadata: { value: 'JSON', help: 'An object to keep with the version' },
    'if-version': { value: 'N', help: 'Only if this is the newest version; 0: only if there is none yet' },
  },
  notes: [
    'FILE - is standard input; gzip is undone. With --ndjson each line, or element of an array, has value or metrics, and if',
    'wanted at, label, fingerprint, metadata, offset; other fields are refused. Each version is durable by itself: when a',
    'line is broken, the versions before it stay. --if-version is about the first. Times and offsets never go back.',
    '{"$type": ...} stands for bytes, dates and odd numbers, integers past 2^53 become big integers. Timestamps of metrics',
    'are whole nanoseconds.',
  ],
  examples: [
    ['varve history append board-7 board.json --create --label "first draft"', 'A file'],
    [
      'curl -s https://shop.example/prices.json | varve history append prices - --if-version 41',
      'From a pipe, in turn',
    ],
    ['varve history append package versions.ndjson.gz --ndjson --create', 'Many, with times and labels of their own'],
    ['varve history append cpu sample.json --metrics --create', 'Series of measurements'],
  ],
  async run(args, context) {
    args.atMost(2)
    const name = args.required(0, 'NAME')
    const options = appendOptions(args)
    const create = args.flag('create')
    const input = await openInput(args.at(1), context, 'JSON')
    const progress = new Progress(`append ${clean(name)}`, context)
    let done = 0
    let appended = 0
    const bytes = plainBytes(input.bytes, (piece) => {
      done += piece
    })
    const onVersion = () => {
      appended++
      progress.update({ done, total: input.sizeBytes ?? 0, items: { count: appended, noun: 'versions' } })
    }
    try {
      return await withStore(openForWriting(directoryOf(args), context, { create }), async (store) => {
        const history = await store.histories.open(name, create ? { create: true } : {})
        const job = { args, context, onVersion }
        return args.flag('ndjson') ? appendLines(history, bytes, job) : appendOne(history, bytes, { ...job, options })
      })
    } finally {
      progress.end()
    }
  },
}

/** @throws {VarveError} `OPTION_INVALID`. */
function appendOptions(args: Arguments): AppendVersionOptions {
  const given = OF_ONE.find((name) => args.text(name) !== undefined)
  if (args.flag('ndjson') && given !== undefined)
    throw wrongUse(`Cannot use --${given} with --ndjson: each line says its own`)
  const [label, fingerprint] = [args.text('label'), args.text('fingerprint')]
  const [at, offset, ifVersion] = [args.time('at'), args.whole('offset'), args.whole('if-version')]
  const metadata = metadataOf(args.text('metadata'))
  return {
    ...(label === undefined ? {} : { label }),
    ...described({ fingerprint, metadata }),
    ...(offset === undefined ? {} : { offset }),
    ...(at === undefined ? {} : { at }),
    ...(ifVersion === undefined ? {} : { ifVersion }),
  }
}

function metadataOf(text: string | undefined): Record<string, unknown> | undefined {
  if (text === undefined) return undefined
  let found: unknown
  try {
    found = parseJsonValue(text)
  } catch (error) {
    if (!isVarveError(error, 'JSON_INVALID')) throw error
  }
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found as Record<string, unknown>
  throw wrongUse(`Cannot use --metadata: it must be a JSON object, such as '{"by":"ada"}'`, { option: 'metadata' })
}

interface Job {
  readonly args: Arguments
  readonly context: CliContext
  readonly onVersion: () => void
}

async function appendOne(
  history: History,
  bytes: AsyncIterable<Uint8Array>,
  { args, context, options, onVersion }: Job & { readonly options: AppendVersionOptions },
): Promise<ExitCode> {
  const { interrupted: signal } = context.terminal
  const read = await wholeValue(bytes)
  const { fingerprint, metadata, ...rest } = options
  const isMetrics = args.flag('metrics')
  // What describes metrics is part of them.
  const value = isMetrics && typeof read === 'object' ? { ...read, ...described({ fingerprint, metadata }) } : read
  const receipt = await appendTo(history, {
    value: isMetrics ? metricsOf(value) : value,
    isMetrics,
    options: { ...(isMetrics ? rest : options), signal },
    line: 1,
  })
  onVersion()
  const { version, at, fingerprint: known, isDelta, sizeBytes } = receipt
  const json = { history: history.name, version, at, fingerprint: known, isDelta, sizeBytes }
  const text = `Stored ${clean(history.name)}, version ${count(version)}, ${formText(receipt)}\n`
  await context.terminal.write(args.flag('json') ? jsonLine(json) : text)
  return 0
}

/** `1.20 KiB as a change`. */
function formText({ sizeBytes, isDelta }: VersionReceipt): string {
  return `${size(sizeBytes)} ${isDelta ? 'as a change' : 'as a whole'}`
}

async function appendLines(
  history: History,
  bytes: AsyncIterable<Uint8Array>,
  { args, context, onVersion }: Job,
): Promise<ExitCode> {
  const { clock, terminal } = context
  const startedAt = clock.monotonic()
  const ifVersion = args.whole('if-version')
  const total = { appended: 0, firstVersion: 0, lastVersion: 0, sizeBytes: 0 }
  let line = 0
  try {
    for await (const next of versions(bytes)) {
      terminal.interrupted.throwIfAborted()
      line = next.line
      const first = total.appended === 0 && ifVersion !== undefined ? { ifVersion } : {}
      const { version, sizeBytes } = await appendTo(history, { ...next, options: { ...next.options, ...first } })
      if (total.appended++ === 0) total.firstVersion = version
      total.lastVersion = version
      total.sizeBytes += sizeBytes
      onVersion()
    }
  } catch (error) {
    throw explained(error, { line, appended: total.appended })
  }
  const durationMs = Math.round(clock.monotonic() - startedAt)
  const { appended, firstVersion, lastVersion, sizeBytes } = total
  const range = appended === 0 ? '' : `: ${count(firstVersion)} to ${count(lastVersion)}, ${size(sizeBytes)}`
  const text = `Stored ${counted(appended, 'version')} of ${clean(history.name)}${range}, in ${elapsed(durationMs)}\n`
  await terminal.write(args.flag('json') ? jsonLine({ history: history.name, ...total, durationMs }) : text)
  return 0
}

function appendTo(history: History, { value, isMetrics, options }: NewVersion): Promise<VersionReceipt> {
  return isMetrics ? history.appendMetrics(value as MetricsSnapshot, options) : history.append(value, options)
}

/** The error, with what stays appended. An error of reading names its line itself. */
function explained(error: unknown, { line, appended }: { line: number; appended: number }): unknown {
  if (!isVarveError(error)) return error
  const where = error.details.line === undefined ? ` at line ${line}` : ''
  const stays = appended === 1 ? 'stays' : 'stay'
  const kept = appended === 0 ? 'nothing was appended' : `${counted(appended, 'version')} before it ${stays} appended`
  return new VarveError(error.code, `${error.message} (${kept}${where === '' ? '' : `; it was${where}`})`, {
    details: { line, ...error.details, appended },
    cause: error.cause,
  })
}
