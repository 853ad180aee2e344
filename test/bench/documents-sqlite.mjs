/** The same export in SQLite: as rows made by hand, as one JSONB value, and parsed whole.
 * @module */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { orderAt } from './order-export.mjs'
import { betterSqlite3 } from './peers.mjs'
import { timeCalls } from './sampling.mjs'

const CALLS = 20_000
/** Calls that take a good part of a second each. */
const SLOW_CALLS = 6
const CITY = 'a field of a field'
const PRICE = 'a field of an element of a field'
const ORDER = 'a whole order'

/** @typedef {{ file: string, directory: string, orders: number,
 *   targets: Record<string, import('./order-export.mjs').Target> }} Work */

/** @param {Work} work */
export async function measureSqlite(work) {
  const rows = await measureRows(work)
  const jsonb = await measureJsonb(work)
  return { rows, jsonb, parse: await measureParse(work) }
}

/** @param {Work} work */
async function measureRows({ directory, orders, targets }) {
  const file = path.join(directory, 'rows.sqlite')
  const database = new (betterSqlite3())(file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = OFF')
  database.exec(`CREATE TABLE orders (position INTEGER PRIMARY KEY, id TEXT, state TEXT, placedAt TEXT,
    updatedAt INTEGER, customerId INTEGER, customerName TEXT, email TEXT, newsletter INTEGER, street TEXT,
    city TEXT, zip TEXT, country TEXT, total REAL, currency TEXT, paid INTEGER, coupon TEXT, note TEXT)`)
  database.exec(`CREATE TABLE lines (orderPosition INTEGER, position INTEGER, sku TEXT, product TEXT, quantity INTEGER,
    price REAL, taxRate REAL, PRIMARY KEY (orderPosition, position)) WITHOUT ROWID`)
  const start = performance.now()
  database.transaction(() => fillRows(database, orders))()
  const fillMs = performance.now() - start
  database.pragma('wal_checkpoint(TRUNCATE)')
  const city = database.prepare('SELECT city FROM orders WHERE position = ?').pluck()
  const price = database.prepare('SELECT price FROM lines WHERE orderPosition = ? AND position = ?').pluck()
  const row = database.prepare('SELECT * FROM orders WHERE position = ?')
  const linesOf = database.prepare(
    'SELECT sku, product, quantity, price, taxRate FROM lines WHERE orderPosition = ? ORDER BY position',
  )
  const whole = (/** @type {number} */ order) => orderOfRow(row.get(order), linesOf.all(order))
  assert.deepEqual(whole(7), orderAt(7))
  const time = (/** @type {string} */ name, /** @type {(at: any) => unknown} */ call) =>
    timeCalls({ calls: CALLS, prepare: () => /** @type {any} */ (targets[name])(), call })
  const measured = {
    [CITY]: await time(CITY, ({ order }) => city.get(order)),
    [PRICE]: await time(PRICE, ({ order, line }) => price.get(order, line)),
    [ORDER]: await time(ORDER, ({ order }) => whole(order)),
  }
  database.close()
  return { measured, fillMs, sizeBytes: statSync(file).size }
}

/** @param {any} database @param {number} orders */
function fillRows(database, orders) {
  const insertOrder = database.prepare(`INSERT INTO orders VALUES (${Array(18).fill('?').join(', ')})`)
  const insertLine = database.prepare('INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?)')
  for (let position = 0; position < orders; position++) {
    const { customer, address, lines, ...order } = orderAt(position)
    insertOrder.run(
      ...[position, order.id, order.state, order.placedAt, order.updatedAt],
      ...[customer.id, customer.name, customer.email, Number(customer.newsletter)],
      ...[address.street, address.city, address.zip, address.country],
      ...[order.total, order.currency, Number(order.paid), order.coupon, order.note],
    )
    for (const [at, line] of lines.entries()) insertLine.run(position, at, ...Object.values(line))
  }
}

/** @param {any} row @param {any[]} lines */
function orderOfRow(row, lines) {
  const { id, state, placedAt, updatedAt, total, currency, coupon, note } = row
  const customer = {
    id: row.customerId,
    name: row.customerName,
    email: row.email,
    newsletter: row.newsletter === 1,
  }
  const address = { street: row.street, city: row.city, zip: row.zip, country: row.country }
  const head = { id, state, placedAt, updatedAt, customer, address, lines: lines.map((line) => ({ ...line })) }
  return { ...head, total, currency, paid: row.paid === 1, coupon, note }
}

/** @param {Work} work */
async function measureJsonb({ file, directory, targets }) {
  const database = new (betterSqlite3())(path.join(directory, 'jsonb.sqlite'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = OFF')
  database.exec('CREATE TABLE documents (name TEXT PRIMARY KEY, body BLOB)')
  const start = performance.now()
  database.prepare("INSERT INTO documents VALUES ('catalog', jsonb(?))").run(readFileSync(file, 'utf8'))
  const fillMs = performance.now() - start
  database.pragma('wal_checkpoint(TRUNCATE)')
  const { sizeBytes } = database.prepare('SELECT length(body) AS sizeBytes FROM documents').get()
  const extract = database.prepare("SELECT json_extract(body, ?) FROM documents WHERE name = 'catalog'").pluck()
  const city = await timeCalls({
    calls: SLOW_CALLS,
    prepare: () => `$.${/** @type {any} */ (targets[CITY])().path}`,
    call: (at) => extract.get(at),
    check: (found) => assert.equal(typeof found, 'string'),
  })
  database.close()
  return { measured: { [CITY]: city }, fillMs, sizeBytes }
}

/** @param {Work} work */
async function measureParse({ file, targets }) {
  const whole = await timeCalls({
    calls: SLOW_CALLS / 2,
    prepare: () => /** @type {any} */ (targets[CITY])(),
    call: ({ order }) => JSON.parse(readFileSync(file, 'utf8')).orders[order].address.city,
  })
  return { measured: { [CITY]: whole } }
}
