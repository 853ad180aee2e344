/** The runtime's own SQLite as the import needs it: rows of one query, read-only, one at a time.
 * @module */

export type SqliteValue = null | number | bigint | string | Uint8Array

/** A database that is open for reading only. */
export interface SqliteDatabase {
  /** Rows of a query, each as its values in the order of the columns. Integers may be bigint. Not all are in memory
   * at once. */
  rows(sql: string, parameters?: readonly string[]): Iterable<readonly SqliteValue[]>
  close(): void
}

/** Open a database file read-only; it must exist. Undefined when this runtime has no SQLite after all.
 * @throws {VarveError} `FILE_MISSING`, `STORAGE_UNAVAILABLE`. */
export type OpenSqlite = (path: string) => Promise<SqliteDatabase | undefined>

/** A name as SQL takes it, whatever is in it. Without a check against the real names this would not be enough: SQLite
 * reads an unknown name in double quotes as a text. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
