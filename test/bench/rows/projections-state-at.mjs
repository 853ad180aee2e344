/** The state of a projection as of any of a million offsets, 100 KB of JSON, from kept versions. `--events=N`.
 * @module */
import assert from 'node:assert/strict'
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import { bytes, KIB, milliseconds, say } from '../histories.mjs'
import { seeded } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { byCustomer, fillOrders, project, statesAt } from '../projected-orders.mjs'
import { median, quantile } from '../sampling.mjs'
import { openVarve } from '../varve.mjs'

export const name = 'projections-state-at'
const EVENTS = 1_000_000
const OFFSETS = 300
/** Unmeasured, as a program in use has called it before. */
const WARM_UP = 20

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const events = given('events', EVENTS)
    say(`storing ${bytes(events)} events`)
    await fillOrders(directory, events)
    const catchUp = await catchUpOnce(directory)
    const { store, topic } = await openVarve(directory, undefined, { readOnly: true })
    const projection = await store.projections.open('orders', { fold: byCustomer })
    const random = seeded(17)
    const asked = Array.from({ length: WARM_UP + OFFSETS }, () => 1 + Math.floor(random() * events))
    const ascending = [...new Set(asked)].sort((a, b) => a - b)
    const states = await statesAt(topic, byCustomer, ascending)
    const expected = new Map(ascending.map((offset, index) => [offset, states[index]]))
    const byOffset = await timeStates(asked, (offset) => projection.stateAt({ offset }), expected)
    const reads = await timeStates(asked, (offset) => readKept(store, offset), undefined)
    const sizes = states.map((state) => state.length)
    await store.close()
    return report({ events, byOffset, reads, sizes, catchUp })
  })
}

/** @param {string} directory */
async function catchUpOnce(directory) {
  const { store } = await openVarve(directory)
  const { ms } = await project(store, { projection: 'orders', fold: byCustomer, keep: 'history' })
  const history = await store.histories.open('_orders')
  const { count, storedBytes, ratio } = await history.stats()
  await store.close()
  return { ms, count, storedBytes, ratio }
}

/** The kept version alone, without the events after it. @param {any} store @param {number} offset */
async function readKept(store, offset) {
  const history = await store.histories.open('_orders')
  await history.read({ offset: Math.max(offset, (await history.find({ version: 1 })).offset) })
}

/** @param {readonly number[]} offsets @param {(offset: number) => Promise<any>} call
 * @param {Map<number, string | undefined> | undefined} expected */
async function timeStates(offsets, call, expected) {
  const [times, cpu] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])]
  for (const [index, offset] of offsets.entries()) {
    const begun = process.cpuUsage()
    const start = performance.now()
    const found = await call(offset)
    const ms = performance.now() - start
    const { user, system } = process.cpuUsage(begun)
    if (expected !== undefined) {
      assert.equal(found.offset, offset)
      assert.equal(JSON.stringify(found.state), expected.get(offset), `offset ${offset}`)
    }
    if (index < WARM_UP) continue
    times.push(ms)
    cpu.push((user + system) / 1_000)
  }
  return { times, cpu }
}

/** @param {{ events: number, byOffset: { times: number[], cpu: number[] }, reads: { times: number[], cpu: number[] },
 *   sizes: number[], catchUp: Awaited<ReturnType<typeof catchUpOnce>> }} measured
 * @returns {import('../harness.mjs').Row} */
function report({ events, byOffset, reads, sizes, catchUp }) {
  const cells = (/** @type {string} */ what, /** @type {{ times: number[], cpu: number[] }} */ { times, cpu }) => [
    what,
    ...[median(times), quantile(times, 0.99), Math.max(...times), median(cpu)].map(milliseconds),
  ]
  return {
    name,
    title: `the state at any of ${bytes(events)} offsets`,
    lines: [],
    tables: [
      {
        title: `${varveVersion}, ${OFFSETS} offsets at random`,
        rows: [
          ['what', 'p50', 'p99', 'longest', 'processor, p50'],
          cells('stateAt', byOffset),
          cells('of it the kept version alone', reads),
        ],
      },
    ],
    figures: [
      atMost('stateAt, p50', median(byOffset.times), { most: 50, unit: 'ms' }),
      atMost('stateAt, longest', Math.max(...byOffset.times), { most: 50, unit: 'ms' }),
    ],
    notes: [
      `Each state was compared with that of a fold from the beginning. A state takes ${(median(sizes) / KIB).toFixed(0)} KiB as JSON.`,
      `Kept: ${catchUp.count} versions, one every 10,000 events, ${bytes(catchUp.storedBytes)} B, ` +
        `${catchUp.ratio.toFixed(1)} times smaller than copies; made in ${(catchUp.ms / 1_000).toFixed(1)} s. ` +
        'A read-only store that opened them; all files are in the page cache.',
    ],
  }
}
