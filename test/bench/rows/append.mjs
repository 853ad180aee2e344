/** Durable appends in batches of 1,000: varve against SQLite, lmdb, classic-level, event-storage and
 * the reference loop.
 * @module */
import assert from 'node:assert/strict'
import { eventStorageVersion, openEventStorage } from '../event-storage.mjs'
import { alternate, atLeast, directorySize, inFlight, speedup } from '../harness.mjs'
import { levelVersion, lmdbVersion, openLevel, openLmdb } from '../key-value.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { msgpackrVersion, varveVersion } from '../peers.mjs'
import { openReference } from '../reference.mjs'
import { openSqlite, sqliteVersion, sqliteWriter } from '../sqlite.mjs'
import { openVarve } from '../varve.mjs'

export const name = 'append'
const EVENTS = 200_000
const BATCH = 1_000

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const batches = batchesOf(orderEvents({ count: EVENTS }), BATCH)
  const shape = { events: EVENTS, batch: BATCH }
  const lines = await alternate([
    varveSide(batches, 1),
    {
      label: 'better-sqlite3',
      version: sqliteVersion(),
      durability: 'WAL, synchronous=FULL',
      ...shape,
      inFlight: 1,
      run: sqlite(batches),
    },
    varveSide(batches, 2),
    referenceSide(batches, 1),
    referenceSide(batches, 2),
    {
      label: 'event-storage',
      version: eventStorageVersion(),
      durability: 'fsync per flush',
      ...shape,
      inFlight: 1,
      run: kin(batches),
    },
    lmdbSide(batches, { width: 1 }),
    lmdbSide(batches, { width: 2 }),
    lmdbSide(batches, { width: 2, byEntity: true }),
    levelSide(batches, 2),
  ])
  return report(/** @type {import('../harness.mjs').Line[]} */ (lines))
}

/** @param {import('../harness.mjs').Line[]} lines @returns {import('../harness.mjs').Row} */
function report(lines) {
  const [one, sql, two, referenceOne, referenceTwo, other, lmdbOne, lmdbTwo, lmdbByEntity, level] = lines
  return {
    name,
    title: 'durable append, batches of 1,000',
    lines,
    figures: [
      atLeast('varve, 1 in flight, to better-sqlite3', speedup(one, sql), 3),
      atLeast('varve, 2 in flight, to better-sqlite3', speedup(two, sql), 4),
      atLeast('varve, 1 in flight, to the reference loop, 1 in flight', speedup(one, referenceOne), 0.8),
      atLeast('varve, 2 in flight, to the reference loop, 2 in flight', speedup(two, referenceTwo), 0.8),
      atLeast('varve, 1 in flight, to lmdb without an index, 1 in flight', speedup(one, lmdbOne), 1.4),
      atLeast('varve, 2 in flight, to lmdb without an index, 2 in flight', speedup(two, lmdbTwo), 1.4),
      atLeast('varve, 2 in flight, to lmdb with an index on the entity, 2 in flight', speedup(two, lmdbByEntity), 1.4),
      { what: 'varve, 2 in flight, to classic-level, 2 in flight', ...speedup(two, level), unit: 'x' },
      { what: 'varve, 1 in flight, to event-storage', ...speedup(one, other), unit: 'x' },
    ],
    notes: [
      'The clock runs from the first append to the last acknowledgement; opening, closing and checking do not count.',
      'The reference loop packs, hashes, checksums, writes and syncs; it checks no values and keeps no index.',
      'lmdb packs with shared record structures (native msgpackr) and syncs each commit before it answers.',
      'Without the index lmdb cannot do what varve and the SQLite table can: find the events of an entity.',
      'classic-level writes JSON, offset to event, one synced batch each, without an index on the entity.',
      'event-storage has no index on entities and syncs its own index after the acknowledgement.',
    ],
  }
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches @param {number} width */
function varveSide(batches, width) {
  return {
    label: `varve, ${width} in flight`,
    version: varveVersion,
    durability: 'synced (fdatasync)',
    events: EVENTS,
    batch: BATCH,
    inFlight: width,
    run: async (/** @type {string} */ directory) => {
      const { store, topic } = await openVarve(directory)
      const start = performance.now()
      await inFlight({ calls: batches.length, width }, (index) => topic.append(batches[index] ?? []))
      const ms = performance.now() - start
      assert.equal(topic.stats().events, EVENTS)
      await store.close()
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches @param {number} width */
function referenceSide(batches, width) {
  return {
    label: `reference loop, ${width} in flight`,
    version: msgpackrVersion,
    durability: 'fdatasync per batch',
    events: EVENTS,
    batch: BATCH,
    inFlight: width,
    run: async (/** @type {string} */ directory) => {
      const log = openReference(directory)
      const start = performance.now()
      await inFlight({ calls: batches.length, width }, (index) => log.append(batches[index] ?? []))
      const ms = performance.now() - start
      log.close()
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches */
function sqlite(batches) {
  return async (/** @type {string} */ directory) => {
    const database = openSqlite(directory)
    const { insertBatch } = sqliteWriter(database)
    const start = performance.now()
    for (const batch of batches) insertBatch(batch)
    const ms = performance.now() - start
    assert.equal(database.prepare('SELECT count(*) AS count FROM events').get().count, EVENTS)
    database.close()
    return { ms, sizeBytes: directorySize(directory) }
  }
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches @param {{ width: number, byEntity?: boolean }} options */
function lmdbSide(batches, { width, byEntity = false }) {
  return {
    label: `lmdb${byEntity ? ' by entity too' : ''}, ${width} in flight`,
    version: lmdbVersion(),
    durability: 'sync per transaction',
    events: EVENTS,
    batch: BATCH,
    inFlight: width,
    run: keyValue(batches, width, (directory) => openLmdb(directory, { byEntity })),
  }
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches @param {number} width */
function levelSide(batches, width) {
  return {
    label: `classic-level, ${width} in flight`,
    version: levelVersion(),
    durability: 'sync: true per batch',
    events: EVENTS,
    batch: BATCH,
    inFlight: width,
    run: keyValue(batches, width, openLevel),
  }
}

/** @typedef {import('../key-value.mjs').KeyValueLog} KeyValueLog */

/** @param {import('../payload.mjs').OrderEvent[][]} batches @param {number} width
 * @param {(directory: string) => KeyValueLog | Promise<KeyValueLog>} openLog */
function keyValue(batches, width, openLog) {
  return async (/** @type {string} */ directory) => {
    const log = await openLog(directory)
    const start = performance.now()
    await inFlight({ calls: batches.length, width }, (index) => log.batch(batches[index] ?? []))
    const ms = performance.now() - start
    assert.equal(await log.count(), EVENTS)
    await log.close()
    return { ms, sizeBytes: directorySize(directory) }
  }
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches */
function kin(batches) {
  return async (/** @type {string} */ directory) => {
    const store = await openEventStorage(directory)
    const start = performance.now()
    for (const batch of batches) await store.commit(batch)
    const ms = performance.now() - start
    assert.equal(store.length, EVENTS)
    store.close()
    return { ms, sizeBytes: directorySize(directory) }
  }
}
