/** One more event while a projection follows: one apply, and how soon. `--events=N`: events that are sent.
 * @module */
import assert from 'node:assert/strict'
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import { bytes } from '../histories.mjs'
import { orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { byCustomer, CUSTOMERS, fillOrders } from '../projected-orders.mjs'
import { median, quantile } from '../sampling.mjs'
import { openVarve, TOPIC } from '../varve.mjs'

export const name = 'projections-follow'
const EVENTS = 3_000
/** What is there before, so that the state has its size. */
const BEFORE = 50_000
const WARM_UP = 200

/** @typedef {{ toApply: number[], afterAck: number[], applies: number }} Measured */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    await fillOrders(directory, BEFORE)
    const { store, topic } = await openVarve(directory)
    const lines = []
    /** @type {Record<string, Measured>} */
    const measured = {}
    for (const keep of /** @type {const} */ (['document', 'history'])) {
      const one = await follow(store, { topic, keep, count: given('events', EVENTS) })
      measured[keep] = one
      lines.push(lineOf(`append to its apply, ${keep}`, one.toApply), lineOf(`after its answer, ${keep}`, one.afterAck))
    }
    await store.close()
    return report(lines, measured)
  })
}

/** @param {any} store @param {{ topic: any, keep: 'document' | 'history', count: number }} how
 * @returns {Promise<Measured>} */
async function follow(store, { topic, keep, count }) {
  let applies = 0
  let applied = () => {}
  const apply = (/** @type {any} */ state, /** @type {any} */ event) => {
    applies++
    applied()
    return byCustomer.apply(state, event)
  }
  const projection = await store.projections.open(`last-${keep}`, {
    create: { topic: TOPIC, keep },
    fold: { ...byCustomer, apply },
  })
  await projection.run()
  const caughtUp = applies
  const stop = new AbortController()
  const ended = projection.follow({ signal: stop.signal })
  /** @type {Measured} */
  const measured = { toApply: [], afterAck: [], applies: 0 }
  for (const [index, event] of orderEvents({ count: WARM_UP + count, entities: CUSTOMERS, seed: 99 }).entries()) {
    let appliedAt = 0
    const isApplied = new Promise((resolve) => {
      applied = () => {
        appliedAt = performance.now()
        resolve(undefined)
      }
    })
    const start = performance.now()
    await topic.append(event)
    const answered = performance.now()
    await isApplied
    if (index < WARM_UP) continue
    measured.toApply.push(appliedAt - start)
    measured.afterAck.push(Math.max(0, appliedAt - answered))
  }
  const { state, offset } = await projection.state()
  assert.equal(state.orders, offset)
  stop.abort()
  const { publishedPositions } = await ended
  assert.deepEqual(publishedPositions, [offset])
  return { ...measured, applies: (applies - caughtUp) / (WARM_UP + count) }
}

/** @param {string} label @param {number[]} ms @returns {import('../harness.mjs').Line} */
function lineOf(label, ms) {
  return {
    ...{ label, version: varveVersion, durability: 'synced (fdatasync)', batch: 1, inFlight: 1, events: 1 },
    ...{ ms, medianMs: median(ms), perSecond: 1_000 / median(ms) },
  }
}

/** @param {import('../harness.mjs').Line[]} lines @param {Record<string, Measured>} measured
 * @returns {import('../harness.mjs').Row} */
function report(lines, measured) {
  return {
    name,
    title: 'one more event, over a state of 100 KB',
    // The single times of thousands of events say no more than these.
    lines: lines.map((line) => ({ ...line, ms: [0, 0.5, 0.99, 1].map((at) => quantile(line.ms, at)) })),
    figures: Object.entries(measured).flatMap(([keep, { toApply, afterAck, applies }]) => [
      atMost(`applies for each event, ${keep}`, applies, { most: 1, unit: 'applies' }),
      { what: `append to its apply, ${keep}, p50`, value: micros(median(toApply)), unit: 'us' },
      { what: `append to its apply, ${keep}, p99`, value: micros(quantile(toApply, 0.99)), unit: 'us' },
      { what: `after the answer to the append, ${keep}, p50`, value: micros(median(afterAck)), unit: 'us' },
      { what: `after the answer to the append, ${keep}, p99`, value: micros(quantile(afterAck, 0.99)), unit: 'us' },
    ]),
    notes: [
      `Events are sent one after the other, the next one when the one before was applied, after ${bytes(BEFORE)} others; ` +
        'the sync of the append is in the first time. Meanwhile the state is published once a second.',
    ],
  }
}

/** @param {number} ms */
function micros(ms) {
  return Math.round(ms * 10_000) / 10
}
