/** What must happen in a process of its own: a first open with nothing warm, and a writer that is killed.
 *
 * `node child.mjs fill DIR EVENTS` appends, prints `ready` when all are acknowledged, and goes on until it is killed.
 * `node child.mjs open DIR READ [trace]` opens, reads 20 events and appends one; prints what that took as JSON.
 * `node child.mjs recover DIR` opens, then decodes the tail that open had to look at; prints both as JSON.
 * `node child.mjs answer DIR HOW ENTITY` opens, then reads the events of an entity, or decodes all (HOW: `decode`).
 * `node child.mjs sqlite DIR READ` is `open` for SQLite. READ is an offset or the name of an entity.
 * @module */
import assert from 'node:assert/strict'
import { batchesOf, orderEvents } from './payload.mjs'
import { eventOfRow, openSqlite, sqliteVersion, sqliteWriter } from './sqlite.mjs'
import { openVarve, tracedStorage } from './varve.mjs'

const READ_EVENTS = 20
const BATCH = 1_000
const [task = '', directory = '', ...rest] = process.argv.slice(2)
const tasks = { fill, open, recover, answer, sqlite }
await tasks[/** @type {keyof typeof tasks} */ (task)]()

async function fill() {
  const batches = batchesOf(orderEvents({ count: Number(rest[0]) }), BATCH)
  const { topic } = await openVarve(directory)
  for (const batch of batches) await topic.append(batch)
  process.stdout.write('ready\n')
  for (;;) await topic.append(batches[0] ?? [])
}

async function open() {
  const [event] = orderEvents({ count: 1, seed: 2 })
  const what = readOptions(rest[0] ?? '')
  const trace = rest[1] === 'trace' ? tracedStorage(directory) : undefined
  const start = performance.now()
  const { store, topic } = await openVarve(directory, trace?.storage)
  const opened = performance.now()
  const bytesAtOpen = { ...trace?.bytesByKind }
  let count = 0
  for await (const _event of topic.read({ ...what, limit: READ_EVENTS })) count++
  const read = performance.now()
  await topic.append(/** @type {any} */ (event))
  const appended = performance.now()
  assert.equal(count, READ_EVENTS)
  const bytesInAll = { ...trace?.bytesByKind }
  const { openReport } = store
  await store.close()
  print({ ...phases({ start, opened, read, appended }), openReport, bytesAtOpen, bytesInAll })
}

async function recover() {
  const start = performance.now()
  const { store, topic } = await openVarve(directory)
  const opened = performance.now()
  const { events } = topic.stats()
  const { openReport } = store
  const from = events - openReport.rowsReplayed
  const decodeStart = performance.now()
  let count = 0
  for await (const batch of topic.read({ from }).batches()) count += batch.length
  const decodeMs = performance.now() - decodeStart
  assert.equal(count, openReport.rowsReplayed)
  print({ openMs: opened - start, decodeMs, events, openReport })
  await store.close()
}

async function answer() {
  const [how, entity] = rest
  const start = performance.now()
  const { store, topic } = await openVarve(directory, undefined, { checkpoint: how !== 'entity-no-checkpoint' })
  const opened = performance.now()
  const { events } = topic.stats()
  let count = 0
  const asked = how === 'decode' ? { from: 0 } : { entity }
  for await (const batch of topic.read(asked).batches()) count += batch.length
  const read = performance.now()
  assert.equal(count, how === 'decode' ? events : READ_EVENTS)
  const { openReport } = store
  await store.close()
  print({ ms: read - start, openMs: opened - start, readMs: read - opened, openReport })
}

async function sqlite() {
  const [event] = /** @type {[import('./payload.mjs').OrderEvent]} */ (orderEvents({ count: 1, seed: 2 }))
  const what = readOptions(rest[0] ?? '')
  // Loads the native code, which is not counted.
  sqliteVersion()
  const start = performance.now()
  const database = openSqlite(directory)
  const { insert } = sqliteWriter(database)
  const opened = performance.now()
  const where = 'entity' in what ? 'entity = ?' : 'offset >= ?'
  const select = database.prepare(`SELECT * FROM events WHERE ${where} ORDER BY offset LIMIT ${READ_EVENTS}`)
  const count = select.all(what.entity ?? what.from).map(eventOfRow).length
  const read = performance.now()
  insert(event)
  const appended = performance.now()
  assert.equal(count, READ_EVENTS)
  database.close()
  print(phases({ start, opened, read, appended }))
}

/** @param {string} read @returns {{ from?: number, entity?: string }} */
function readOptions(read) {
  return /^\d+$/.test(read) ? { from: Number(read) } : { entity: read }
}

/** @param {{ start: number, opened: number, read: number, appended: number }} at */
function phases({ start, opened, read, appended }) {
  return { ms: appended - start, openMs: opened - start, readMs: read - opened, appendMs: appended - read }
}

/** @param {unknown} result */
function print(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
