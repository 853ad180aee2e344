/** The same log as a table of SQLite with an index on everything that is looked for, and the same look-ups.
 * @module */
import assert from 'node:assert/strict'
import path from 'node:path'
import { findEvents, findTargets } from './find-events.mjs'
import { betterSqlite3 } from './peers.mjs'
import { timeCalls } from './sampling.mjs'

const BATCH_EVENTS = 10_000
const INDEXES = ['entity', 'kind', 'scope', 'id', 'correlation']

/** @param {string} directory */
function open(directory) {
  const Database = betterSqlite3()
  const database = new Database(path.join(directory, 'find.sqlite'))
  database.pragma('journal_mode = WAL')
  return database
}

/** Fill without syncs, and make the indexes at the end: what is measured is reading.
 * @param {string} directory @param {number} events @returns {number} milliseconds */
export function fillFindTable(directory, events) {
  const database = open(directory)
  database.pragma('synchronous = OFF')
  const start = performance.now()
  database.exec(`CREATE TABLE events (offset INTEGER PRIMARY KEY, id TEXT, entity TEXT NOT NULL, kind TEXT NOT NULL,
    scope TEXT, correlation TEXT, causation TEXT, tags TEXT, at INTEGER NOT NULL, data TEXT NOT NULL)`)
  const insert = database.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const make = findEvents(events)
  const insertBatch = database.transaction((/** @type {number} */ from, /** @type {number} */ to) => {
    for (const [at, event] of make(from, to).entries()) {
      const { id = null, entity, kind, scope, correlationId = null, causationId = null, tags = null } = event
      const packed = [tags === null ? null : JSON.stringify(tags), event.at, JSON.stringify(event.data)]
      insert.run(from + at, id, entity, kind, scope, correlationId, causationId, ...packed)
    }
  })
  for (let from = 0; from < events; from += BATCH_EVENTS) insertBatch(from, Math.min(from + BATCH_EVENTS, events))
  for (const column of INDEXES) database.exec(`CREATE INDEX events_${column} ON events (${column})`)
  database.close()
  return performance.now() - start
}

/** @param {string} directory
 * @param {{ events: number, how: string, memory: () => { rss: number, peakRss: number } }} options */
export async function measureSqlite(directory, { events, how, memory }) {
  // Loads the native code, which is not counted.
  ;new (betterSqlite3())(':memory:').close()
  const entity = findTargets(events, process.pid).entity()
  const start = performance.now()
  const database = open(directory)
  const opened = performance.now()
  const ofEntity = database.prepare('SELECT * FROM events WHERE entity = ? ORDER BY offset LIMIT 20')
  assert.equal(ofEntity.all(entity).map(eventOfRow).length, 20)
  const read = performance.now()
  const used = memory()
  if (how === 'first') return { ms: read - start, openMs: opened - start, readMs: read - opened, ...used }
  /** @type {Record<string, unknown>} */
  const measured = {}
  for (const [name, work] of Object.entries(lookUps(database, events))) measured[name] = await timeCalls(work)
  database.close()
  return measured
}

/** @param {any} database @param {number} events */
function lookUps(database, events) {
  const target = findTargets(events, 11)
  const select = (/** @type {string} */ where, /** @type {number} */ limit) => {
    const statement = database.prepare(`SELECT * FROM events WHERE ${where} ORDER BY offset LIMIT ${limit}`)
    return (/** @type {unknown[]} */ values) => statement.all(...values).map(eventOfRow)
  }
  const page = (
    /** @type {{ where: string, limit: number }} */ { where, limit },
    /** @type {() => unknown[]} */ prepare,
  ) => ({ calls: limit >= 1_000 ? 60 : 200, prepare, call: select(where, limit) })
  const from = target.startOffset
  const nthOfEntity = database.prepare('SELECT offset FROM events WHERE entity = ? ORDER BY offset LIMIT 1 OFFSET 9')
  const afterTen = () => {
    const entity = target.entity()
    return [entity, nthOfEntity.get(entity).offset]
  }
  return {
    'the 20 events of an entity': page({ where: 'entity = ?', limit: 20 }, () => [target.entity()]),
    'page of 1,000, whole topic': page({ where: 'offset >= ?', limit: 1_000 }, () => [from()]),
    'page of 1,000 of a kind (1 in 8)': page({ where: 'kind = ? AND offset >= ?', limit: 1_000 }, () => [
      target.kind(),
      from(),
    ]),
    'page of 1,000 of a scope (1 in 20)': page({ where: 'scope = ? AND offset >= ?', limit: 1_000 }, () => [
      target.scope(),
      from(),
    ]),
    'cursor step, 10 of an entity': page({ where: 'entity = ? AND offset > ?', limit: 10 }, afterTen),
    'cursor step, 20 of a kind': page({ where: 'kind = ? AND offset > ?', limit: 20 }, () => [target.kind(), from()]),
    'get by offset': page({ where: 'offset = ?', limit: 1 }, () => [target.offset()]),
    "get by the caller's id": page({ where: 'id = ?', limit: 1 }, () => [target.id()]),
    'the 10 events of a correlation': page({ where: 'correlation = ?', limit: 100 }, () => [target.correlationId()]),
  }
}

/** @param {any} row */
function eventOfRow({ correlation, causation, tags, data, ...columns }) {
  const list = tags === null ? undefined : JSON.parse(tags)
  return { ...columns, correlationId: correlation, causationId: causation, tags: list, data: JSON.parse(data) }
}
