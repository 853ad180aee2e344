/** `varve import sqlite`: the rows of a table through the runtime's own SQLite, or the pipe that does the same.
 * @module */
import type { VarveError } from '../errors.ts'
import { nextTurn } from '../ports/clock.ts'
import type { NewEvent } from '../topic/types.ts'
import { type Arguments, type OptionSpecs, wrongUse } from './arguments.ts'
import { shellWord } from './confirm.ts'
import { type CliContext, directoryOf, type ExitCode, openForWriting, withStore } from './context.ts'
import { baseName, Importer, partitionsOf, tellImported } from './importer.ts'
import { Progress } from './progress.ts'
import { parseRowMap, type RowMap, unknownColumn } from './row-map.ts'
import { RowMapper } from './rows.ts'
import { quoted, type SqliteDatabase, type SqliteValue } from './sqlite.ts'

export const SQLITE_OPTIONS: OptionSpecs = {
  table: { value: 'NAME', help: 'With sqlite: the table (or view)' },
  order: { value: 'COLUMN', help: 'With sqlite: order of the events (default: the key of the table)' },
}

/** Names of the hidden key of a table, unless a column has taken them. */
const ROWID_NAMES = ['rowid', '_rowid_', 'oid']
/** What the pipe calls the id that it makes. */
const PIPE_ID = 'varve_id'
/** What a value costs beside its text, so that batches of many small rows end as well. */
const VALUE_BYTES = 8
const TURN_ROWS = 1_000

interface SqliteImport {
  readonly path: string
  readonly table: string
  readonly order: string | undefined
  readonly map: readonly string[]
  readonly skip: readonly string[]
  readonly topic: string
  readonly source: string
  readonly partitions: number | undefined
}

/** @throws {VarveError} `OPTION_INVALID`, `FILE_MISSING`, `STORAGE_UNAVAILABLE`, and as `topic.append`. */
export async function importSqlite(args: Arguments, context: CliContext): Promise<ExitCode> {
  args.atMost(2)
  const path = args.required(1, 'DATABASE')
  const table = args.text('table')
  if (table === undefined || table === '') throw wrongUse('Missing --table: the table to import')
  const plan: SqliteImport = {
    path,
    table,
    order: args.text('order'),
    map: args.list('map'),
    skip: args.list('skip').flatMap((list) => list.split(',')),
    topic: args.text('topic') ?? table,
    source: args.text('source') ?? `${baseName(path)} ${table}`,
    partitions: partitionsOf(args),
  }
  // Said before anything is opened; the columns are checked once they are known.
  parseRowMap(plan.map)
  const database = await context.openSqlite?.(path)
  if (database === undefined) throw withoutSqlite(plan, directoryOf(args))
  try {
    await importRows(plan, { database, args, context })
  } finally {
    database.close()
  }
  return 0
}

interface Job {
  readonly database: SqliteDatabase
  readonly args: Arguments
  readonly context: CliContext
}

async function importRows(plan: SqliteImport, { database, args, context }: Job): Promise<void> {
  const table = describe(database, plan)
  const { columns } = table
  const mapper = new RowMapper(parseRowMap(plan.map, columns), { noun: 'row', skipped: plan.skip })
  const { interrupted } = context.terminal
  await withStore(openForWriting(directoryOf(args), context, { create: true }), async (store) => {
    const importer = new Importer(store, { noun: 'row', partitions: plan.partitions })
    const progress = new Progress('import', context)
    const total = Number([...database.rows(`SELECT count(*) FROM ${quoted(plan.table)}`)][0]?.[0] ?? 0)
    await tellImported(importer, { args, context, progress }, async () => {
      let line = 0
      for (const values of database.rows(table.query)) {
        // Rows come without waiting, and so may what is compared with them: signals need a turn.
        if (line % TURN_ROWS === 0) await nextTurn()
        interrupted.throwIfAborted()
        line++
        const place = { topic: plan.topic, source: plan.source, element: { line, sizeBytes: sizeOf(values) } }
        await importer.add(eventOf(table, mapper, values, line), place)
        progress.update({ done: line, total, items: { count: line, noun: 'rows' } })
      }
    })
  })
}

/** What is asked of a table. */
interface Table {
  readonly name: string
  readonly columns: readonly string[]
  /** The key of a row comes after its columns. */
  readonly hasKey: boolean
  readonly query: string
}

/** @throws {VarveError} `OPTION_INVALID` for a table or column that is not there. */
function describe(database: SqliteDatabase, { table, order, map, skip }: SqliteImport): Table {
  const found = [...database.rows('SELECT name, type FROM sqlite_schema WHERE name = ?', [table])]
  const [name, type] = found[0] ?? []
  if (name === undefined || (type !== 'table' && type !== 'view')) throw unknownTable(database, table)
  const rows = [...database.rows('SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1', [table])]
  const columns = rows.map(([column]) => String(column))
  parseRowMap(map, columns)
  for (const column of skip) if (!columns.includes(column)) throw unknownColumn(column, columns)
  if (order !== undefined && !columns.includes(order) && !ROWID_NAMES.includes(order))
    throw unknownColumn(order, columns)
  const keys = rows.filter(([, pk]) => Number(pk) > 0).sort((a, b) => Number(a[1]) - Number(b[1]))
  const key = keyOf(database, { table, columns, keys: keys.map(([column]) => String(column)), type })
  const first = order === undefined ? [] : [`t.${columns.includes(order) ? quoted(order) : order}`]
  const by = [...first, ...key.order]
  if (by.length === 0) throw wrongUse(`Cannot import "${table}" without --order: a view has no order of its own`)
  // Named by the table, a column is never taken for a text or for the alias of another one.
  const select = columns.map((column, at) => `t.${quoted(column)} AS c${at}`)
  if (key.id !== undefined) select.push(`${key.id} AS k`)
  return {
    name: table,
    columns,
    hasKey: key.id !== undefined,
    query: `SELECT ${select.join(', ')} FROM ${quoted(table)} AS t ORDER BY ${by.join(', ')}`,
  }
}

interface Key {
  /** Expression of a key that is one column. */
  readonly id: string | undefined
  readonly order: readonly string[]
}

function keyOf(
  database: SqliteDatabase,
  { table, columns, keys, type }: { table: string; columns: readonly string[]; keys: readonly string[]; type: unknown },
): Key {
  if (type === 'view') return { id: undefined, order: [] }
  const taken = new Set(columns.map((column) => column.toLowerCase()))
  const rowid = ROWID_NAMES.find((name) => !taken.has(name))
  if (rowid !== undefined && hasRowid(database, { table, rowid })) return { id: `t.${rowid}`, order: [`t.${rowid}`] }
  const order = keys.map((key) => `t.${quoted(key)}`)
  return { id: order.length === 1 ? order[0] : undefined, order }
}

/** Tables `WITHOUT ROWID` do not have it, and say so when the query is made ready. */
function hasRowid(database: SqliteDatabase, { table, rowid }: { table: string; rowid: string }): boolean {
  try {
    for (const _ of database.rows(`SELECT t.${rowid} FROM ${quoted(table)} AS t LIMIT 1`)) break
    return true
  } catch {
    return false
  }
}

function unknownTable(database: SqliteDatabase, table: string): VarveError {
  const query = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name LIMIT 50"
  const there = [...database.rows(query)].map(([name]) => String(name)).join(', ')
  return wrongUse(`Cannot import table "${table}": ${there === '' ? 'there are no tables' : `there are ${there}`}`)
}

function eventOf(table: Table, mapper: RowMapper, values: readonly SqliteValue[], line: number): NewEvent {
  const row = new Map<string, unknown>(table.columns.map((column, at) => [column, values[at]]))
  const event = mapper.event(row, line)
  const key = table.hasKey ? values[table.columns.length] : undefined
  return event.id === undefined && isKey(key) ? { ...event, id: `${table.name}-${key}` } : event
}

function isKey(value: SqliteValue | undefined): value is number | bigint | string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
}

function sizeOf(values: readonly SqliteValue[]): number {
  let sizeBytes = 0
  for (const value of values) {
    sizeBytes += VALUE_BYTES
    if (typeof value === 'string' || value instanceof Uint8Array) sizeBytes += value.length
  }
  return sizeBytes
}

/** On a runtime without SQLite: how the same is done with its shell. */
function withoutSqlite(plan: SqliteImport, directory: string): VarveError {
  const line = pipeOf(plan, directory)
  return wrongUse(
    `This runtime has no SQLite. Run it on Bun, Deno or Node 22.13 and newer, or use this pipe: ${line}`,
    {
      pipe: line,
    },
  )
}

/** The shell's rows as JSON, through the same mapping. */
export function pipeOf(plan: SqliteImport, directory: string): string {
  const mapped: RowMap = parseRowMap(plan.map)
  const order = plan.order === undefined ? 't.rowid' : `t.${quoted(plan.order)}`
  const id = mapped.has('id') ? [] : [`'${plan.table.replaceAll("'", "''")}-' || t.rowid AS ${PIPE_ID}`]
  const query = `SELECT ${[...id, ...columnsOf(mapped)].join(', ')} FROM ${quoted(plan.table)} AS t ORDER BY ${order}`
  const map = [...plan.map, ...(mapped.has('id') ? [] : [`id=${PIPE_ID}`])]
  const words = [
    ['varve', 'import', directory, '-', '--topic', plan.topic],
    map.flatMap((one) => ['--map', one]),
    plan.skip.length === 0 ? [] : ['--skip', plan.skip.join(',')],
    ['--source', plan.source],
    plan.partitions === undefined ? [] : ['--partitions', String(plan.partitions)],
  ]
  const shell = ['sqlite3', '-readonly', '-json', plan.path, query].map(shellWord).join(' ')
  return `${shell} | ${words.flat().map(shellWord).join(' ')}`
}

/** Only what is used where that is known: the shell cannot write blobs as JSON. */
function columnsOf(map: RowMap): string[] {
  const sources = [...map.values()]
  if (sources.some((source) => 'columns' in source)) return ['t.*']
  const names = new Set(sources.flatMap((source) => ('column' in source ? [source.column] : [])))
  return [...names].map((name) => `t.${quoted(name)} AS ${quoted(name)}`)
}
