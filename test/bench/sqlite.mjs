/** better-sqlite3 as an event store: one table, WAL, synchronous=FULL, an index on the entity.
 * @module */
import path from 'node:path'
import { betterSqlite3, installedVersion } from './peers.mjs'

/** @typedef {import('./payload.mjs').OrderEvent} OrderEvent */

/** Open a database with the event table. @param {string} directory */
export function openSqlite(directory) {
  const Database = betterSqlite3()
  const database = new Database(path.join(directory, 'events.sqlite'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec(`CREATE TABLE IF NOT EXISTS events (
    offset INTEGER PRIMARY KEY, entity TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
    correlation TEXT, data TEXT NOT NULL)`)
  database.exec('CREATE INDEX IF NOT EXISTS events_entity ON events (entity)')
  return database
}

/** @returns {string} for the version column */
export function sqliteVersion() {
  const Database = betterSqlite3()
  const database = new Database(':memory:')
  const { version } = database.prepare('SELECT sqlite_version() AS version').get()
  database.close()
  return `better-sqlite3 ${installedVersion('better-sqlite3')}, SQLite ${version}`
}

/** A function that inserts one event, and one that inserts a batch in a transaction. @param {any} database */
export function sqliteWriter(database) {
  const statement = database.prepare('INSERT INTO events (entity, kind, at, correlation, data) VALUES (?, ?, ?, ?, ?)')
  /** @param {OrderEvent} event */
  const insert = (event) => statement.run(event.entity, event.kind, event.at, null, JSON.stringify(event.data))
  const insertBatch = database.transaction((/** @type {OrderEvent[]} */ events) => {
    for (const event of events) insert(event)
  })
  return { insert, insertBatch }
}

/** Build the event object a reader wants. @param {any} row */
export function eventOfRow(row) {
  return { offset: row.offset, kind: row.kind, entity: row.entity, at: row.at, data: JSON.parse(row.data) }
}
