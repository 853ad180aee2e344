/** Single durable appends: 64 callers at once against SQLite's one-row transactions, lmdb and classic-level, and one at
 * a time against the bare cost of a write and a sync.
 * @module */
import assert from 'node:assert/strict'
import { alternate, atLeast, directorySize, inFlight, speedup } from '../harness.mjs'
import { levelVersion, lmdbVersion, openLevel, openLmdb } from '../key-value.mjs'
import { orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { openRaw, packValues } from '../reference.mjs'
import { openSqlite, sqliteVersion, sqliteWriter } from '../sqlite.mjs'
import { openVarve } from '../varve.mjs'

export const name = 'single'
const EVENTS = 200_000
/** What waits for a sync each is measured over fewer events: its rate does not depend on their number. */
const EVENTS_ONE_BY_ONE = 5_000
/** classic-level syncs for a few callers at a time: as many events as take it about a second. */
const EVENTS_OF_LEVEL = 20_000
/** Bytes around the packed data of an event in the raw loop, about what a log must add. */
const FRAME_BYTES = 128

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const events = orderEvents({ count: EVENTS })
  const few = events.slice(0, EVENTS_ONE_BY_ONE)
  const frames = packValues(few.map((event) => event.data)).packed.map((packed) => frame(packed))
  const lines = await alternate([
    varveSide(events, 64),
    sqliteSide(few),
    varveSide(few, 1),
    rawSide(frames),
    keyValueSide('lmdb, 64 in flight', events, { version: lmdbVersion(), openLog: openLmdb }),
    keyValueSide('classic-level, 64 in flight', events.slice(0, EVENTS_OF_LEVEL), {
      version: levelVersion(),
      openLog: openLevel,
    }),
  ])
  const [many, sql, one, raw, lmdb, level] = /** @type {import('../harness.mjs').Line[]} */ (lines)
  return {
    name,
    title: 'single durable appends',
    lines,
    figures: [
      atLeast('varve, 64 in flight, to better-sqlite3 one-row transactions', speedup(many, sql), 20),
      atLeast('varve, one at a time, to the write + fdatasync loop', speedup(one, raw), 0.9),
      atLeast('varve, 64 in flight, to lmdb, 64 in flight', speedup(many, lmdb), 1.4),
      { what: 'varve, 64 in flight, to classic-level, 64 in flight', ...speedup(many, level), unit: 'x' },
      { what: 'varve, one at a time, to better-sqlite3 one-row transactions', ...speedup(one, sql), unit: 'x' },
    ],
    notes: [
      `One at a time: ${EVENTS_ONE_BY_ONE} events per run. The raw loop writes frames made before the clock runs.`,
      'lmdb and classic-level keep no index on the entity here; both gather the calls that wait into one commit.',
    ],
  }
}

/** @param {Uint8Array} packed */
function frame(packed) {
  const bytes = new Uint8Array(packed.length + FRAME_BYTES)
  bytes.set(packed, FRAME_BYTES)
  return bytes
}

/** @param {import('../payload.mjs').OrderEvent[]} events @param {number} width */
function varveSide(events, width) {
  return {
    label: `varve, ${width === 1 ? 'one at a time' : `${width} in flight`}`,
    version: varveVersion,
    durability: 'synced (fdatasync)',
    events: events.length,
    batch: 1,
    inFlight: width,
    run: async (/** @type {string} */ directory) => {
      const { store, topic } = await openVarve(directory)
      const start = performance.now()
      await inFlight({ calls: events.length, width }, (index) => topic.append(/** @type {any} */ (events[index])))
      const ms = performance.now() - start
      assert.equal(topic.stats().events, events.length)
      await store.close()
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}

/** @param {import('../payload.mjs').OrderEvent[]} events */
function sqliteSide(events) {
  return {
    label: 'better-sqlite3, one-row transactions',
    version: sqliteVersion(),
    durability: 'WAL, synchronous=FULL',
    events: events.length,
    batch: 1,
    inFlight: 1,
    run: async (/** @type {string} */ directory) => {
      const database = openSqlite(directory)
      const { insert } = sqliteWriter(database)
      const start = performance.now()
      for (const event of events) insert(event)
      const ms = performance.now() - start
      assert.equal(database.prepare('SELECT count(*) AS count FROM events').get().count, events.length)
      database.close()
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}

/** @param {string} label @param {import('../payload.mjs').OrderEvent[]} events
 * @param {{ version: string, openLog: (directory: string) =>
 *   import('../key-value.mjs').KeyValueLog | Promise<import('../key-value.mjs').KeyValueLog> }} options */
function keyValueSide(label, events, { version, openLog }) {
  return {
    label,
    version,
    durability: 'sync per commit',
    events: events.length,
    batch: 1,
    inFlight: 64,
    run: async (/** @type {string} */ directory) => {
      const log = await openLog(directory)
      const start = performance.now()
      await inFlight({ calls: events.length, width: 64 }, (index) => log.put(/** @type {any} */ (events[index])))
      const ms = performance.now() - start
      assert.equal(await log.count(), events.length)
      await log.close()
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}

/** @param {Uint8Array[]} frames */
function rawSide(frames) {
  return {
    label: 'write + fdatasync',
    version: `node ${process.version}`,
    durability: 'fdatasync per write',
    events: frames.length,
    batch: 1,
    inFlight: 1,
    run: async (/** @type {string} */ directory) => {
      const log = openRaw(directory)
      const start = performance.now()
      for (const bytes of frames) await log.append(bytes)
      const ms = performance.now() - start
      log.close()
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}
