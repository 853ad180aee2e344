/** The events every side is measured with: order events from a seed, the same on every machine.
 *
 * The data of an event has 9 fields and is 285 bytes as JSON, give or take 2 %: each event is checked as it is made.
 * @module */

export const JSON_BYTES = 285
const TOLERANCE = 0.02

/** @typedef {{ kind: string, entity: string, at: number, data: Record<string, string | number> }} OrderEvent */

const KINDS = ['OrderPlaced', 'OrderPaid', 'OrderShipped', 'OrderReturned']
const CURRENCIES = ['EUR', 'USD', 'GBP', 'CHF']
const CITIES = ['Hamburg', 'Lisbon', 'Zürich', 'Leeds', 'Austin', 'Łódź', 'Turin', 'Oslo', 'Ghent', 'Boston']
const STREETS = ['Mill Lane', 'Station Road', 'Harbour Street', 'Elm Avenue', 'Market Square', 'Canal Row']
const PRODUCTS = ['Desk lamp', 'Oak shelf', 'Wool blanket', 'Kettle', 'Office chair', 'Bread knife', 'Notebook A5']
/** Text to cut notes from. */
export const NOTES =
  'Please ring twice and leave it with the neighbour on the left if nobody opens. The gate code changes on Mondays, ' +
  'so call ahead in the morning. Fragile, keep upright, do not stack. Invoice goes to the office, not into the box. ' +
  'Deliver after five or on Saturday before noon, the lift is out of order and the parcel has to go up three floors. '

/** A small generator with 32 bits of state (mulberry32): fast, seeded, good enough to vary payloads.
 * @param {number} seed @returns {() => number} numbers from 0 (inclusive) to 1 (exclusive) */
export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Make `count` events. Entities are dealt evenly in a shuffled order, so `count / entities` events each.
 * @param {{ count: number, entities?: number, seed?: number }} options @returns {OrderEvent[]} */
export function orderEvents({ count, entities = 10_000, seed = 1 }) {
  const random = seeded(seed)
  // A step without a common factor visits every entity once per turn, far from its neighbours.
  const step = coprimeStep(entities)
  const events = new Array(count)
  for (let index = 0; index < count; index++) events[index] = orderEvent(random, index, (index * step) % entities)
  return events
}

/** @param {() => number} random @param {number} index @param {number} customer @returns {OrderEvent} */
function orderEvent(random, index, customer) {
  const at = 1_760_000_000_000 + index * 40 + Math.floor(random() * 40)
  const data = {
    orderId: `ord-${String(1_000_000 + Math.floor(random() * 9_000_000))}`,
    sku: `SKU-${Math.floor(random() * 90_000) + 10_000}`,
    product: pick(random, PRODUCTS),
    quantity: 1 + Math.floor(random() * 12),
    total: Math.floor(random() * 90_000 + 500) / 100,
    currency: pick(random, CURRENCIES),
    address: `${1 + Math.floor(random() * 200)} ${pick(random, STREETS)}, ${pick(random, CITIES)}`,
    placedAt: new Date(at).toISOString(),
    note: '',
  }
  const missing = JSON_BYTES - 4 + Math.floor(random() * 9) - Buffer.byteLength(JSON.stringify(data))
  const start = Math.floor(random() * (NOTES.length - missing))
  data.note = NOTES.slice(start, start + missing)
  const size = Buffer.byteLength(JSON.stringify(data))
  if (Math.abs(size - JSON_BYTES) > JSON_BYTES * TOLERANCE || Object.keys(data).length !== 9) {
    throw new Error(`Payload ${index} is ${size} bytes as JSON, want ${JSON_BYTES} within ${TOLERANCE * 100} %`)
  }
  return { kind: pick(random, KINDS), entity: `customer-${customer}`, at, data }
}

/** @template T @param {() => number} random @param {T[]} from @returns {T} */
function pick(random, from) {
  return from[Math.floor(random() * from.length)]
}

/** @param {number} size */
export function coprimeStep(size) {
  const divides = (/** @type {number} */ a, /** @type {number} */ b) => (b === 0 ? a : divides(b, a % b))
  let step = Math.max(1, Math.floor(size * 0.618))
  while (divides(step, size) !== 1) step++
  return step
}

/** Cut an array into batches. @template T @param {T[]} items @param {number} size @returns {T[][]} */
export function batchesOf(items, size) {
  const batches = []
  for (let start = 0; start < items.length; start += size) batches.push(items.slice(start, start + size))
  return batches
}
