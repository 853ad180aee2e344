/** A topic of many order events, and folds over it: a small state, and one of 100 KB.
 * @module */
import { orderEvents } from './payload.mjs'
import { openVarve, TOPIC } from './varve.mjs'

export const CUSTOMERS = 800
const BATCH = 1_000
/** Events that are made at once: a heap full of them would make every collection dear. */
const MADE = 50_000

/** Fill a new store. @param {string} directory @param {number} count */
export async function fillOrders(directory, count) {
  const { store, topic } = await openVarve(directory)
  for (let first = 0, seed = 1; first < count; first += MADE, seed++) {
    const events = orderEvents({ count: Math.min(MADE, count - first), entities: CUSTOMERS, seed })
    let pending = Promise.resolve()
    for (let from = 0; from < events.length; from += BATCH) {
      const previous = pending
      pending = topic.append(events.slice(from, from + BATCH))
      await previous
    }
    await pending
  }
  await store.close()
}

/** @typedef {{ version: number, initial: () => any, apply: (state: any, event: any) => any }} Fold */

/** Orders and quantities by product: under 1 KB. @type {Fold} */
export const byProduct = {
  version: 1,
  initial: () => ({ orders: 0, products: {} }),
  apply: (state, { data }) => {
    state.orders++
    state.products[data.product] = (state.products[data.product] ?? 0) + data.quantity
    return state
  },
}

/** The last order of each customer and what they ordered in all: 100 KB as JSON. @type {Fold} */
export const byCustomer = {
  version: 1,
  initial: () => ({ orders: 0, customers: {} }),
  apply: (state, { entity, data }) => {
    state.orders++
    const { orderId, quantity, placedAt } = data
    const customer = state.customers[entity]
    if (customer === undefined) state.customers[entity] = { orders: 1, quantity, last: { orderId, placedAt } }
    else {
      customer.orders++
      customer.quantity += quantity
      customer.last = { orderId, placedAt }
    }
    return state
  },
}

/** What a fold makes of the events below each offset, ascending. @param {any} topic @param {Fold} fold
 * @param {readonly number[]} offsets @returns {Promise<string[]>} as JSON */
export async function statesAt(topic, fold, offsets) {
  const states = []
  let state = fold.initial()
  let at = 0
  for (const offset of offsets) {
    if (offset > at) {
      for await (const events of topic.read({ from: at, to: offset }).batches()) {
        for (const event of events) state = fold.apply(state, event)
      }
    }
    at = offset
    states.push(JSON.stringify(state))
  }
  return states
}

/** Create a projection and run it. @param {any} store
 * @param {{ projection: string, fold: Fold, keep: 'document' | 'history' }} how */
export async function project(store, { projection, fold, keep }) {
  const opened = await store.projections.open(projection, { create: { topic: TOPIC, keep }, fold })
  const start = performance.now()
  const status = await opened.run()
  return { projection: opened, ms: performance.now() - start, status }
}
