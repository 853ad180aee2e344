/** `varve import`: events of an export, objects or tables into topics, once however often it runs. @module */
import { toHex, utf8 } from '../codec/bytes.ts'
import { portableDigest } from '../ports/digest.ts'
import { type Arguments, wrongUse } from './arguments.ts'
import { type CliContext, type Command, directoryFirst, type ExitCode, openForWriting, withStore } from './context.ts'
import { type Element, elements, plainBytes } from './elements.ts'
import { importSqlite, SQLITE_OPTIONS } from './import-sqlite.ts'
import { baseName, Importer, partitionsOf, tellImported } from './importer.ts'
import { eventOf, type Mapping, parseElement } from './mapping.ts'
import { Progress } from './progress.ts'
import { parseRowMap } from './row-map.ts'
import { RowMapper } from './rows.ts'

/** What an export says of the place of an event, which it loses. */
const PLACE_FIELDS = ['topic', 'offset', 'partition', 'recordedAt']

export const importEvents: Command = {
  name: 'import',
  usage: 'DIR FILE | sqlite DATABASE --table NAME',
  summary: 'Take over an export, other NDJSON, or a table of SQLite; a second run appends nothing',
  options: {
    topic: {
      value: 'TOPIC',
      help: 'Put all events into this topic (default: that of each line; for sqlite the table)',
    },
    ...SQLITE_OPTIONS,
    map: {
      value: 'F=COLUMN,...',
      multiple: true,
      help: "Take field F from a column, F='text' from a constant; the rest becomes data",
    },
    skip: { value: 'NAME,...', multiple: true, help: 'Leave these fields or columns out' },
    source: { value: 'NAME', help: 'What the input is called (default: name of the file; for - its first line)' },
    partitions: { value: 'N', help: 'Partitions of topics that it makes (default 1)' },
  },
  notes: [
    'DIR is the directory of the store; with --data DIR it is left out, for sqlite --data names it. FILE - is standard',
    'input; gzip is undone. The store and the topics are made when they do not exist.',
    'Lines of an export keep id, kind, entity, at and all else; offset, partition and recordedAt are given anew.',
    'With --map each line (of NDJSON or of a JSON array) is a row with columns. Forms of columns: at=c:ms, :s, :us, :iso,',
    ':utc (default: milliseconds, or text with a zone; "2026-01-31 12:00:00" is UTC); data=c:json (must be JSON), :text',
    '(default: JSON where it is JSON). "odd, name" in double quotes is a column too. data=* takes all columns.',
    'A second run appends nothing: events are found by their ids, batches without ids by an idempotency key (for the',
    'window of the topic, 24 hours by default). An interrupted run goes on, an input that grew adds what is new (if its',
    'events have ids), and one that changed is refused (KEY_REUSED) with the line. Without ids --source names other',
    'content; --skip id leaves ids out.',
    'A table of SQLite is read in the order of its key, read-only; ids are TABLE-KEY unless mapped. A directory with the',
    'name sqlite is written ./sqlite.',
  ],
  examples: [
    ['varve import ./copy backup.ndjson', 'Take over an export'],
    ['varve import ./copy - --topic orders < orders.ndjson.gz', 'From a pipe, into one topic'],
    ['varve import ./varve-data rows.json --topic logs --map "entity=host,kind=\'Line\',at=time:s"', 'Rows of JSON'],
    [
      'varve import sqlite app.db --table events --map entity=stream_id,kind=type,data=payload,at=created_at:s',
      'A table',
    ],
  ],
  run(args, context) {
    if (args.at(0) === 'sqlite') return importSqlite(args, context)
    return importLines(args, context)
  },
}

async function importLines(args: Arguments, context: CliContext): Promise<ExitCode> {
  for (const option of Object.keys(SQLITE_OPTIONS))
    if (args.text(option) !== undefined) throw wrongUse(`Cannot use --${option} without sqlite`)
  const { directory, at } = directoryFirst(args)
  const file = at(0)
  if (file === undefined || file === '') throw wrongUse('Missing FILE: the file to import, or - for standard input')
  if (at(1) !== undefined) throw wrongUse(`Cannot use "${at(1)}": there is one argument too many`)
  const eventFrom = mapperOf(args)
  const topicName = args.text('topic')
  if (topicName === undefined && args.list('map').length > 0) throw wrongUse('Cannot use --map without --topic')
  const { terminal } = context
  const input = file === '-' ? { bytes: terminal.input, sizeBytes: 0 } : await terminal.openFile(file)
  return withStore(openForWriting(directory, context, { create: true }), async (store) => {
    const importer = new Importer(store, { noun: 'line', partitions: partitionsOf(args) })
    const progress = new Progress('import', context)
    let readBytes = 0
    const bytes = plainBytes(input.bytes, (piece) => {
      readBytes += piece
    })
    let source = args.text('source') ?? (file === '-' ? undefined : baseName(file))
    await tellImported(importer, { args, context, progress }, async () => {
      for await (const element of elements(bytes)) {
        terminal.interrupted.throwIfAborted()
        source ??= `first line ${fingerprint(element)}`
        const value = parseElement(element)
        const topic = topicName ?? topicOf(value, element)
        await importer.add(eventFrom(value, element.line), { topic, source, element })
        progress.update({ done: readBytes, total: input.sizeBytes, items: { count: importer.events, noun: 'events' } })
      }
    })
    return 0 as const
  })
}

type EventFrom = (value: Readonly<Record<string, unknown>>, line: number) => ReturnType<typeof eventOf>

function mapperOf(args: Arguments): EventFrom {
  const skip = args.list('skip').flatMap((list) => list.split(','))
  const words = args.list('map')
  if (words.length > 0) {
    const rows = new RowMapper(parseRowMap(words), { noun: 'line', skipped: skip })
    return (value, line) => rows.event(new Map(Object.entries(value)), line)
  }
  const mapping: Mapping = { sources: new Map(), skipped: new Set([...PLACE_FIELDS, ...skip]) }
  return (value, line) => eventOf(value, line, mapping)
}

function topicOf({ topic }: Readonly<Record<string, unknown>>, { line }: Element): string {
  if (typeof topic === 'string' && topic !== '') return topic
  throw wrongUse(`Cannot import line ${line}: it has no "topic"; name one with --topic`)
}

function fingerprint({ text }: Element): string {
  return toHex(portableDigest.sha256(utf8(text)))
}
