/** Somebody who appends all the time, one durable append after the other.
 * @module */
import { endlessOrders } from './snapshots.mjs'

/** Some 2 KB an append: a small transaction. */
const EVENTS_PER_APPEND = 10

/** @typedef {{ at: number, ms: number }} Append when it began, and how long it took */

/** Remembers how long each append took. */
export class SteadyWriter {
  /** @type {Append[]} */
  appends = []
  #stopped = false
  #running

  /** @param {any} topic */
  constructor(topic) {
    this.#running = this.#run(topic)
  }

  async stop() {
    this.#stopped = true
    await this.#running
  }

  /** @param {any} topic */
  async #run(topic) {
    const orders = endlessOrders(EVENTS_PER_APPEND)
    while (!this.#stopped) {
      const at = performance.now()
      await topic.append(orders())
      this.appends.push({ at, ms: performance.now() - at })
      // Whoever appends waits for something else in between, and so lets others have their turn.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
