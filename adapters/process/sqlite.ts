/** `node:sqlite` of Node 22.13 and newer, and of Deno, loaded only when a database is opened.
 * @module */
import { stat } from 'node:fs/promises'
import type { OpenSqlite, SqliteValue } from '../../src/cli/index.ts'
import { VarveError } from '../../src/errors.ts'
import { storageError } from '../files/errors.ts'

type RowObject = Readonly<Record<string, SqliteValue>>

/** The parts that are used; the types of Node 20 do not have them. */
interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options: { readOnly: true },
  ) => {
    prepare(sql: string): {
      setReadBigInts(enabled: boolean): void
      iterate(...parameters: string[]): Iterable<RowObject>
    }
    close(): void
  }
}

/** A variable, so that bundlers and runtimes without it leave it alone. */
const MODULE = 'node:sqlite'

export const openNodeSqlite: OpenSqlite = async (path) => {
  await checkFile(path)
  const loaded = await load()
  if (loaded === undefined) return undefined
  const database = told(path, () => new loaded.DatabaseSync(path, { readOnly: true }))
  return {
    rows: (sql, parameters = []) =>
      toldRows(path, () => {
        const statement = database.prepare(sql)
        statement.setReadBigInts(true)
        return statement.iterate(...parameters)
      }),
    close: () => database.close(),
  }
}

async function load(): Promise<NodeSqlite | undefined> {
  try {
    return (await import(MODULE)) as NodeSqlite
  } catch {
    return undefined
  }
}

/** @throws {VarveError} `FILE_MISSING`, `STORAGE_DENIED`: SQLite says only that it cannot open a file. */
export async function checkFile(path: string): Promise<void> {
  try {
    await stat(path)
  } catch (error) {
    throw storageError('read', path, error)
  }
}

/** Do something with a database. @throws {VarveError} `STORAGE_UNAVAILABLE` with what SQLite says. */
export function told<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new VarveError('STORAGE_UNAVAILABLE', `Cannot read "${path}": SQLite says: ${reason}`, {
      retryable: false,
      cause,
    })
  }
}

/** Rows as arrays; columns of the queries have names of their own, so that objects lose none. */
export function* toldRows(path: string, begin: () => Iterable<RowObject>): Generator<readonly SqliteValue[]> {
  const rows = told(path, () => begin()[Symbol.iterator]())
  try {
    for (;;) {
      const next = told(path, () => rows.next())
      if (next.done) return
      yield Object.values(next.value)
    }
  } finally {
    rows.return?.()
  }
}
