/** `bun:sqlite`, loaded only when a database is opened.
 * @module */
import type { OpenSqlite, SqliteValue } from '../../src/cli/index.ts'
import { checkFile, told, toldRows } from './sqlite.ts'

/** The parts that are used. */
interface BunSqlite {
  readonly Database: new (
    path: string,
    options: { readonly: true; safeIntegers: true },
  ) => {
    prepare(sql: string): { iterate(...parameters: string[]): Iterable<Readonly<Record<string, SqliteValue>>> }
    close(): void
  }
}

/** A variable: its types are not those of this project. */
const MODULE = 'bun:sqlite'

export const openBunSqlite: OpenSqlite = async (path) => {
  await checkFile(path)
  const { Database } = (await import(MODULE)) as BunSqlite
  const database = told(path, () => new Database(path, { readonly: true, safeIntegers: true }))
  return {
    rows: (sql, parameters = []) => toldRows(path, () => database.prepare(sql).iterate(...parameters)),
    close: () => database.close(),
  }
}
