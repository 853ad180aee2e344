/** Replay of 200,000 events, decoded: varve against msgpackr over the same values and SQLite with JSON.parse.
 *
 * Every side hands each event's data to the same small fold, so that nothing can be left undecoded.
 * @module */
import assert from 'node:assert/strict'
import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Unpackr } from 'msgpackr/unpack'
import { alternate, atLeast, directorySize, inFreshDirectory, speedup } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { msgpackrVersion, varveVersion } from '../peers.mjs'
import { packValues } from '../reference.mjs'
import { eventOfRow, openSqlite, sqliteVersion, sqliteWriter } from '../sqlite.mjs'
import { fillVarve, openVarve } from '../varve.mjs'

export const name = 'replay'
const EVENTS = 200_000
const BATCH = 1_000

/** @typedef {{ quantity: number, placedAt: string }} Data */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const { expected, values, whole, stored } = await prepare(directory)
    const lines = await alternate([
      varveSide('batches', stored.varve, expected),
      memorySide('values (data)', values, expected, (value) => fold(value)),
      varveSide('per event', stored.varve, expected),
      fileSide(values, expected),
      memorySide('whole events', whole, expected, (value) => fold(value.data)),
      sqliteSide(stored.sqlite, expected),
    ])
    return report(/** @type {import('../harness.mjs').Line[]} */ (lines))
  })
}

/** Store the events on all sides. They are not kept: a heap full of them would make every collection dear.
 * @param {string} directory */
async function prepare(directory) {
  const events = orderEvents({ count: EVENTS })
  const batches = batchesOf(events, BATCH)
  const stored = { varve: path.join(directory, 'varve'), sqlite: path.join(directory, 'sqlite') }
  for (const made of Object.values(stored)) mkdirSync(made)
  await fillVarve(stored.varve, batches)
  fillSqlite(stored.sqlite, batches)
  return {
    expected: events.reduce((sum, event) => sum + fold(/** @type {any} */ (event.data)), 0),
    values: packedChunks(
      events.map((event) => event.data),
      path.join(directory, 'values'),
    ),
    whole: packedChunks(events, path.join(directory, 'events')),
    stored,
  }
}

/** @param {import('../harness.mjs').Line[]} lines @returns {import('../harness.mjs').Row} */
function report(lines) {
  const [batches, values, perEvent, file, whole, sql] = lines
  return {
    name,
    title: 'replay, decoded',
    lines,
    figures: [
      atLeast('varve .batches() to unpackMultiple over the values', speedup(batches, values), 0.6),
      atLeast('varve per event to unpackMultiple over the values', speedup(perEvent, values), 0.4),
      atLeast('varve .batches() to SQLite iterate + JSON.parse', speedup(batches, sql), 4),
      {
        what: 'varve .batches() to unpackMultiple over the values, read from a file',
        ...speedup(batches, file),
        unit: 'x',
      },
      { what: 'varve .batches() to unpackMultiple over whole events', ...speedup(batches, whole), unit: 'x' },
      { what: 'varve per event to unpackMultiple over whole events', ...speedup(perEvent, whole), unit: 'x' },
    ],
    notes: [
      'unpackMultiple makes the 9 fields of data only; varve makes whole events around them and verifies checksums.',
      'Files are in the page cache on all sides. The store is opened anew before each run, off the clock.',
    ],
  }
}

/** @param {Data} data */
function fold(data) {
  return data.quantity + data.placedAt.length
}

/** Pack values in runs of 1,000, in memory and in a file.
 * @param {readonly unknown[]} values @param {string} file */
function packedChunks(values, file) {
  const { packed, structures } = packValues(values)
  const chunks = batchesOf(packed, BATCH).map((part) => Buffer.concat(part))
  writeFileSync(file, Buffer.concat(chunks))
  return { chunks, structures, file }
}

/** @typedef {ReturnType<typeof packedChunks>} Chunks */

/** @param {string} label @param {() => Promise<number>} work @param {number} expected */
async function timed(label, work, expected) {
  const start = performance.now()
  const sum = await work()
  const ms = performance.now() - start
  assert.equal(sum, expected, label)
  return ms
}

const shape = { events: EVENTS, batch: BATCH, inFlight: '-', durability: 'read only' }

/** @param {'batches' | 'per event'} how @param {string} stored @param {number} expected */
function varveSide(how, stored, expected) {
  const label = how === 'batches' ? 'varve .batches()' : 'varve per event'
  return {
    ...shape,
    label,
    version: varveVersion,
    run: async () => {
      const { store, topic } = await openVarve(stored)
      const ms = await timed(label, () => (how === 'batches' ? foldBatches(topic) : foldEvents(topic)), expected)
      await store.close()
      return { ms, sizeBytes: directorySize(stored) }
    },
  }
}

/** @param {any} topic */
async function foldBatches(topic) {
  let sum = 0
  for await (const batch of topic.read({ from: 0 }).batches()) {
    for (const event of batch) sum += fold(event.data)
  }
  return sum
}

/** @param {any} topic */
async function foldEvents(topic) {
  let sum = 0
  for await (const event of topic.read({ from: 0 })) sum += fold(event.data)
  return sum
}

/** @param {string} what @param {Chunks} packed @param {number} expected @param {(value: any) => number} add */
function memorySide(what, packed, expected, add) {
  const label = `unpackMultiple, ${what} in memory`
  const unpackr = new Unpackr({ structures: /** @type {any} */ (packed.structures) })
  return {
    ...shape,
    label,
    version: msgpackrVersion,
    run: async () => {
      const work = async () => {
        let sum = 0
        for (const chunk of packed.chunks) {
          for (const value of /** @type {any[]} */ (unpackr.unpackMultiple(chunk))) sum += add(value)
        }
        return sum
      }
      return { ms: await timed(label, work, expected) }
    },
  }
}

/** @param {Chunks} packed @param {number} expected */
function fileSide(packed, expected) {
  const label = 'unpackMultiple, values (data) from a file'
  const unpackr = new Unpackr({ structures: /** @type {any} */ (packed.structures) })
  return {
    ...shape,
    label,
    version: msgpackrVersion,
    run: async () => {
      const file = openSync(packed.file, 'r')
      const work = async () => {
        let sum = 0
        let position = 0
        for (const { length } of packed.chunks) {
          const chunk = Buffer.allocUnsafe(length)
          position += readSync(file, chunk, 0, length, position)
          for (const value of /** @type {Data[]} */ (unpackr.unpackMultiple(chunk))) sum += fold(value)
        }
        return sum
      }
      const ms = await timed(label, work, expected)
      const sizeBytes = fstatSync(file).size
      closeSync(file)
      return { ms, sizeBytes }
    },
  }
}

/** @param {string} stored @param {number} expected */
function sqliteSide(stored, expected) {
  const label = 'better-sqlite3 iterate + JSON.parse'
  return {
    ...shape,
    label,
    version: sqliteVersion(),
    run: async () => {
      const database = openSqlite(stored)
      const select = database.prepare('SELECT offset, entity, kind, at, data FROM events ORDER BY offset')
      const work = async () => {
        let sum = 0
        for (const row of select.iterate()) sum += fold(eventOfRow(row).data)
        return sum
      }
      const ms = await timed(label, work, expected)
      database.close()
      return { ms, sizeBytes: directorySize(stored) }
    },
  }
}

/** @param {string} directory @param {import('../payload.mjs').OrderEvent[][]} batches */
function fillSqlite(directory, batches) {
  const database = openSqlite(directory)
  const { insertBatch } = sqliteWriter(database)
  for (const batch of batches) insertBatch(batch)
  database.close()
}
