/** A store with 1,000 snapshots: what listing them, looking at one and taking the next costs. `--runs=N` for as many.
 * @module */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import { bytes, milliseconds, say } from '../histories.mjs'
import { coprimeStep } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { timeCalls } from '../sampling.mjs'
import { endlessOrders, openLog, SNAPSHOTS } from '../snapshots.mjs'

export const name = 'snapshots-list'
const COUNT = 1_000
const CALLS = 600
const OPENS = 30

/** @typedef {{ medianMs: number, p99Ms: number, calls: number }} Timing */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const count = given('runs', COUNT)
    const { store, topic } = await openLog(directory)
    const orders = endlessOrders(100)
    say(`taking ${bytes(count)} snapshots`)
    for (let made = 0; made < count; made++) {
      await topic.append(orders())
      await store.snapshots.create({ label: `number ${made}` })
    }
    await store.close()
    return report(count, await timings(directory, count))
  })
}

/** @param {string} directory @param {number} count @returns {Promise<Record<string, Timing>>} */
async function timings(directory, count) {
  const place = path.join(directory, SNAPSHOTS)
  const { store, topic } = await openLog(directory)
  const check = (/** @type {{ id: string }[]} */ list) => assert.equal(list.length, count)
  const ids = (await store.snapshots.list()).map(({ id }) => id)
  const idOf = (/** @type {number} */ index) => ids[(index * coprimeStep(count)) % count] ?? ''
  const list = await timeCalls({ calls: CALLS, prepare: () => undefined, call: () => store.snapshots.list(), check })
  const get = await timeCalls({ calls: CALLS, prepare: idOf, call: (id) => store.snapshots.get(id) })
  const orders = endlessOrders(100)
  const create = await timeCalls({
    calls: OPENS,
    prepare: () => topic.append(orders()),
    call: () => store.snapshots.create(),
  })
  await store.close()
  return { list, get, create, ...(await firstTimings(directory)), ...(await bareTimings(place, ids)) }
}

/** Of a store that just opened, which has nothing in memory. @param {string} directory */
async function firstTimings(directory) {
  /** @type {any} */
  let opened
  const prepare = async () => {
    await opened?.close()
    opened = (await openLog(directory)).store
    return opened
  }
  const firstList = await timeCalls({ calls: OPENS, prepare, call: (store) => store.snapshots.list() })
  const [{ id }] = await opened.snapshots.list()
  const firstGet = await timeCalls({ calls: OPENS, prepare, call: (store) => store.snapshots.get(id) })
  await opened.close()
  return { firstList, firstGet }
}

/** What these calls cannot do without. @param {string} place @param {readonly string[]} ids */
async function bareTimings(place, ids) {
  const catalogue = path.join(place, 'snapshots.json')
  const bareList = await timeCalls({
    calls: CALLS,
    prepare: () => undefined,
    call: () => [readdirSync(place), JSON.parse(readFileSync(catalogue, 'utf8'))],
  })
  const bareGet = await timeCalls({
    calls: CALLS,
    prepare: (index) => path.join(place, ids[index % ids.length] ?? ''),
    call(directory) {
      const manifest = readdirSync(directory).find((file) => file.startsWith('MANIFEST-')) ?? ''
      return readFileSync(path.join(directory, manifest))
    },
  })
  const copy = path.join(path.dirname(place), 'catalogue')
  const bytesOfIt = readFileSync(catalogue)
  const bareWrite = await timeCalls({
    calls: OPENS,
    prepare: () => undefined,
    call: () => writeFileSync(copy, bytesOfIt, { flush: true }),
  })
  return { bareList, bareGet, bareWrite }
}

/** @param {number} count @param {Record<string, Timing>} all @returns {import('../harness.mjs').Row} */
function report(count, all) {
  const rows = Object.entries(all).map(([what, { calls, medianMs, p99Ms }]) => [
    LABELS[/** @type {keyof typeof LABELS} */ (what)],
    bytes(calls),
    milliseconds(medianMs),
    milliseconds(p99Ms),
  ])
  const held = (/** @type {string} */ what) => [
    atMost(`${LABELS[/** @type {keyof typeof LABELS} */ (what)]}, p50`, all[what]?.medianMs ?? Number.NaN, MS),
    atMost(`${LABELS[/** @type {keyof typeof LABELS} */ (what)]}, p99`, all[what]?.p99Ms ?? Number.NaN, MS),
  ]
  return {
    name,
    title: `a store with ${bytes(count)} snapshots`,
    lines: [],
    tables: [{ title: `${varveVersion}, default settings`, rows: [['call', 'calls', 'p50', 'p99'], ...rows] }],
    figures: ['list', 'get', 'firstList', 'firstGet'].flatMap(held),
    notes: [
      'Each snapshot has a label, one topic and its one segment. Snapshots are synced; the other calls read. Bare calls ' +
        'are synchronous ones of node:fs, in the page cache as all others here.',
    ],
  }
}

const MS = { most: 5, unit: 'ms' }
const LABELS = {
  list: 'list',
  get: 'get',
  create: 'create, small and synced',
  firstList: 'first list of an opened store',
  firstGet: 'first get of an opened store',
  bareList: 'bare: names of the directory, and JSON.parse of the catalogue',
  bareGet: 'bare: names of a snapshot, and reading its manifest',
  bareWrite: 'bare: writing the catalogue, synced',
}
