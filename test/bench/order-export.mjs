/** A document like an export of an order system, made from a seed: every order can be made by itself, so that what is
 * read at a path is compared with what was written there.
 *
 * `{ exportedAt, source, orders: [order, ...] }`; an order is six objects and about 875 bytes of JSON.
 * @module */
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { NOTES, seeded } from './payload.mjs'

const CHUNK_CHARACTERS = 1 << 18
const OBJECTS_OF_ORDER = 6
const NOTE_CHARACTERS = 272
const CITIES = ['Hamburg', 'Lisbon', 'Zürich', 'Leeds', 'Austin', 'Łódź', 'Turin', 'Oslo', 'Ghent', 'Boston']
const STREETS = ['Mill Lane', 'Station Road', 'Harbour Street', 'Elm Avenue', 'Market Square', 'Canal Row']
const PRODUCTS = ['Desk lamp', 'Oak shelf', 'Wool blanket', 'Kettle', 'Office chair', 'Bread knife', 'Notebook A5']
const NAMES = ['Ada Moreau', 'Jörg Weiß', 'Li Na', 'Omar Haddad', 'Ines Costa', 'Per Lund', 'Zofia Król', 'Tom Reed']
const STATES = ['placed', 'paid', 'packed', 'shipped', 'delivered', 'returned']

/** Orders of an export of 1.6 million objects, which takes 233 MB. */
export const ORDERS = 1_600_000 / OBJECTS_OF_ORDER

/** @param {number} index @returns {any} the order at that place of every export */
export function orderAt(index) {
  const random = seeded(index * 2_654_435_761 + 17)
  const pick = (/** @type {readonly string[]} */ from) => from[Math.floor(random() * from.length)]
  const below = (/** @type {number} */ end) => Math.floor(random() * end)
  const customer = below(200_000)
  const placed = 1_700_000_000_000 + index * 1_237 + below(1_000)
  const start = below(NOTES.length - NOTE_CHARACTERS)
  const lines = Array.from({ length: 2 + (index % 3) }, () => ({
    sku: `SKU-${10_000 + below(90_000)}`,
    product: pick(PRODUCTS),
    quantity: 1 + below(12),
    price: below(50_000) / 100,
    taxRate: 0.19,
  }))
  return {
    id: `ord-${1_000_000 + index}`,
    state: pick(STATES),
    placedAt: new Date(placed).toISOString(),
    updatedAt: placed + below(1_000_000),
    customer: {
      id: customer,
      name: pick(NAMES),
      email: `customer-${customer}@example.org`,
      newsletter: random() < 0.3,
    },
    address: {
      street: `${1 + below(200)} ${pick(STREETS)}`,
      city: pick(CITIES),
      zip: String(10_000 + below(89_999)),
      country: 'DE',
    },
    lines,
    total: below(900_000) / 100,
    currency: 'EUR',
    paid: random() < 0.8,
    coupon: null,
    note: NOTES.slice(start, start + NOTE_CHARACTERS - below(40)),
  }
}

/** The first `orders` orders as a value. @param {number} orders */
export function exportValue(orders) {
  return { ...HEAD, orders: Array.from({ length: orders }, (_, index) => orderAt(index)) }
}

const HEAD = { exportedAt: '2026-01-31T00:00:00.000Z', source: 'shop' }

/** The JSON text in pieces. Ends behind so many orders, or with the first order past so many bytes.
 * @param {{ orders?: number, sizeBytes?: number }} until */
export function* exportJson({ orders = Number.POSITIVE_INFINITY, sizeBytes = Number.POSITIVE_INFINITY }) {
  let text = `${JSON.stringify(HEAD).slice(0, -1)},"orders":[`
  let doneBytes = 0
  for (let index = 0; index < orders && doneBytes < sizeBytes; index++) {
    text += index === 0 ? JSON.stringify(orderAt(index)) : `,${JSON.stringify(orderAt(index))}`
    if (text.length < CHUNK_CHARACTERS) continue
    const bytes = Buffer.from(text)
    doneBytes += bytes.length
    text = ''
    yield bytes
  }
  yield Buffer.from(`${text}]}`)
}

/** Write the JSON text to a file. @param {string} file @param {{ orders?: number, sizeBytes?: number }} until */
export async function writeExport(file, until) {
  const stream = createWriteStream(file, { highWaterMark: 1 << 20 })
  let sizeBytes = 0
  for (const bytes of exportJson(until)) {
    sizeBytes += bytes.length
    if (!stream.write(bytes)) await new Promise((resolve) => stream.once('drain', resolve))
  }
  stream.end()
  await finished(stream)
  return sizeBytes
}

/** Makes a path, drawn at random, and says what is there.
 * @typedef {() => { path: string, value: unknown, order?: number, line?: number }} Target */

/** Look-ups in an export of so many orders. @param {number} orders @returns {Record<string, Target>} */
export function exportTargets(orders) {
  const random = seeded(99)
  const draw = () => Math.floor(random() * orders)
  return {
    'a field of a field': () => {
      const order = draw()
      return { path: `orders[${order}].address.city`, value: orderAt(order).address.city, order }
    },
    'a field of an element of a field': () => {
      const order = draw()
      return { path: `orders[${order}].lines[1].price`, value: orderAt(order).lines[1].price, order, line: 1 }
    },
    'a whole order': () => {
      const order = draw()
      return { path: `orders[${order}]`, value: orderAt(order), order }
    },
    'a field that is not there': () => ({ path: `orders[${draw()}].address.county`, value: undefined }),
    'an element past the end': () => ({ path: `orders[${orders + draw()}].address.city`, value: undefined }),
    'a field of the root that is not there': () => ({ path: `nothing${draw()}.here`, value: undefined }),
  }
}

/** A key of an object whose keys are in no order. @param {number} index */
export function unsortedKey(index) {
  return `u${(Math.imul(index + 1, 2_654_435_761) >>> 0).toString(36)}-${index.toString(36)}`
}

/** An object of so many keys. @param {number} keys */
export function* keysJson(keys) {
  let text = '{'
  for (let index = 0; index < keys; index++) {
    text += `${index === 0 ? '' : ','}"${unsortedKey(index)}":{"seen":${index},"city":"Turin"}`
    if (text.length < CHUNK_CHARACTERS) continue
    yield Buffer.from(text)
    text = ''
  }
  yield Buffer.from(`${text}}`)
}

/** Look-ups in it. @param {number} keys @returns {Record<string, Target>} */
export function keyTargets(keys) {
  const random = seeded(98)
  const draw = () => Math.floor(random() * keys)
  const middle = keys >> 1
  return {
    'the key in the middle': () => ({ path: `"${unsortedKey(middle)}".seen`, value: middle }),
    'a key': () => {
      const index = draw()
      return { path: `"${unsortedKey(index)}".seen`, value: index }
    },
    'a key that is not there': () => ({ path: `"${unsortedKey(keys + draw())}".seen`, value: undefined }),
  }
}

/** The structural events of an export, with notes of so many characters, until so many bytes of text were made.
 * @param {{ sizeBytes: number, noteCharacters: number }} options */
export function* exportEvents({ sizeBytes, noteCharacters }) {
  const value = (/** @type {unknown} */ one) => ({ type: 'value', value: one })
  const key = (/** @type {string} */ name) => ({ type: 'key', key: name })
  const begin = { type: 'beginObject' }
  const end = { type: 'endObject' }
  yield* [begin, key('orders'), { type: 'beginArray' }]
  for (let index = 0, doneBytes = 0; doneBytes < sizeBytes; index++) {
    const note = `${index} ${NOTES}`.repeat(Math.ceil(noteCharacters / NOTES.length)).slice(0, noteCharacters)
    yield* [begin, key('id'), value(`ord-${index}`), key('total'), value(index / 100), key('note'), value(note)]
    yield* [
      key('address'),
      begin,
      key('city'),
      value(CITIES[index % 10]),
      key('zip'),
      value(`${index % 99_999}`),
      end,
      end,
    ]
    doneBytes += noteCharacters + 60
  }
  yield* [{ type: 'endArray' }, end]
}
