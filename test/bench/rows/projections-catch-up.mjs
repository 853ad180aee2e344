/** A projection that catches up with a million events, against a bare replay of them. `--events=N`, `--runs=N`.
 * @module */
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { alternate, atLeast, given, inFreshDirectory, RUNS, speedup } from '../harness.mjs'
import { bytes, say } from '../histories.mjs'
import { varveVersion } from '../peers.mjs'
import { byCustomer, byProduct, fillOrders, project, statesAt } from '../projected-orders.mjs'
import { openVarve } from '../varve.mjs'

export const name = 'projections-catch-up'
const EVENTS = 1_000_000

/** @typedef {{ keep: 'document' | 'history', what: string, fold: import('../projected-orders.mjs').Fold,
 *   expected: string }} Case */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const events = given('events', EVENTS)
    const stored = path.join(directory, 'store')
    mkdirSync(stored)
    say(`storing ${bytes(events)} events`)
    await fillOrders(stored, events)
    const cases = await casesOf(stored, events)
    const sides = [
      bareSide(stored, events),
      loopSide(stored, events),
      ...cases.map((one) => varveSide(one, stored, events)),
    ]
    const lines = await alternate(sides, { runs: given('runs', RUNS) })
    return report(lines, cases)
  })
}

/** @param {string} stored @param {number} events @returns {Promise<Case[]>} */
async function casesOf(stored, events) {
  const { store, topic } = await openVarve(stored, undefined, { readOnly: true })
  /** @type {Case[]} */
  const cases = []
  for (const [what, fold] of Object.entries({ 'small state': byProduct, 'state of 100 KB': byCustomer })) {
    const [expected = ''] = await statesAt(topic, fold, [events])
    for (const keep of /** @type {const} */ (['document', 'history'])) cases.push({ keep, what, fold, expected })
  }
  await store.close()
  return cases
}

const shape = { version: varveVersion, inFlight: '-' }

/** @param {string} stored @param {number} events */
function bareSide(stored, events) {
  return {
    ...shape,
    ...{ label: 'bare replay, .batches() and an empty loop', durability: 'reads only', events, batch: '-' },
    run: async () => {
      const { store, topic } = await openVarve(stored)
      const start = performance.now()
      for await (const _batch of topic.read().batches());
      const ms = performance.now() - start
      await store.close()
      return { ms }
    },
  }
}

/** The least that a caller can do who folds by hand. @param {string} stored @param {number} events */
function loopSide(stored, events) {
  return {
    ...shape,
    ...{ label: 'the same, folded by hand, small state', durability: 'reads only', events, batch: '-' },
    run: async () => {
      const { store, topic } = await openVarve(stored)
      const start = performance.now()
      let state = byProduct.initial()
      for await (const batch of topic.read().batches()) for (const event of batch) state = byProduct.apply(state, event)
      const ms = performance.now() - start
      assert.equal(state.orders, events)
      await store.close()
      return { ms }
    },
  }
}

/** In a copy of the store, whose manifest and histories are those of this run alone.
 * @param {Case} what @param {string} stored @param {number} events */
function varveSide({ keep, what, fold, expected }, stored, events) {
  return {
    ...shape,
    ...{
      label: `catch-up, ${keep}, ${what}`,
      durability: 'published and synced',
      events,
      batch: '10,000 a publication',
    },
    run: async (/** @type {string} */ directory) => {
      copyStore(stored, directory)
      const { store } = await openVarve(directory)
      const { projection, ms, status } = await project(store, { projection: 'orders', fold, keep })
      assert.deepEqual(status.publishedPositions, [events])
      assert.equal(JSON.stringify((await projection.state()).state), expected)
      await store.close()
      return { ms }
    },
  }
}

/** @param {string} from @param {string} to */
function copyStore(from, to) {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, copy] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) {
      mkdirSync(copy)
      copyStore(source, copy)
    } else copyFileSync(source, copy)
  }
}

/** @param {import('../harness.mjs').Line[]} lines @param {Case[]} cases @returns {import('../harness.mjs').Row} */
function report(lines, cases) {
  const [bare, byHand, ...projections] = lines
  const events = bare?.events ?? 0
  const sizes = [...new Set(cases.map(({ expected }) => expected.length))].map(bytes).join(' and ')
  return {
    name,
    title: `projections catch up with ${bytes(events)} events`,
    lines,
    figures: [
      ...projections.map((line) => atLeast(`${line.label}, to bare replay`, speedup(line, bare), 0.5)),
      { what: 'folded by hand, to bare replay', ...speedup(byHand, bare), unit: 'x' },
    ],
    notes: [
      `States take ${sizes} bytes as JSON at the end, and are compared with those of a fold by hand.`,
      'Defaults: a publication every 10,000 events and one when it has caught up. What is written is in the page cache.',
    ],
  }
}
