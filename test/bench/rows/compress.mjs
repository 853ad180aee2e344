/** Compression: what deflate costs appends and replays, and what it saves on disk.
 * @module */
import assert from 'node:assert/strict'
import { alternate, directorySize, given, inFlight, inFreshDirectory, RUNS, speedup } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { fillVarve, openVarve } from '../varve.mjs'

export const name = 'compress'
const EVENTS = 200_000
const BATCH = 1_000
const COMPRESSIONS = ['none', 'deflate']

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  const events = given('events', EVENTS)
  const batches = batchesOf(orderEvents({ count: events }), BATCH)
  return inFreshDirectory(async (directory) => {
    for (const compression of COMPRESSIONS)
      await fillVarve(`${directory}/${compression}`, batches, { create: { compression } })
    const lines = await alternate(
      [
        ...COMPRESSIONS.map((compression) => appendSide(batches, compression)),
        ...COMPRESSIONS.map((compression) => replaySide(`${directory}/${compression}`, { compression, events })),
      ],
      { runs: given('runs', RUNS) },
    )
    return report(/** @type {import('../harness.mjs').Line[]} */ (lines))
  })
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches @param {string} compression */
function appendSide(batches, compression) {
  const events = batches.flat().length
  return {
    label: `append, compression: ${compression}`,
    version: varveVersion,
    durability: 'synced (fdatasync)',
    events,
    batch: BATCH,
    inFlight: 2,
    run: async (/** @type {string} */ directory) => {
      const { store, topic } = await openVarve(directory, undefined, { create: { compression } })
      const start = performance.now()
      await inFlight({ calls: batches.length, width: 2 }, (index) => topic.append(batches[index] ?? []))
      const ms = performance.now() - start
      assert.equal(topic.stats().events, events)
      await store.close()
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}

/** @param {string} stored @param {{ compression: string, events: number }} facts */
function replaySide(stored, { compression, events }) {
  return {
    label: `replay .batches(), compression: ${compression}`,
    version: varveVersion,
    durability: 'read only',
    events,
    batch: BATCH,
    inFlight: '-',
    run: async () => {
      const { store, topic } = await openVarve(stored, undefined, { readOnly: true })
      const start = performance.now()
      let count = 0
      for await (const batch of topic.read({ from: 0 }).batches()) count += batch.length
      const ms = performance.now() - start
      assert.equal(count, events)
      await store.close()
      return { ms, sizeBytes: directorySize(stored) }
    },
  }
}

/** @param {import('../harness.mjs').Line[]} lines @returns {import('../harness.mjs').Row} */
function report(lines) {
  const [plain, deflated, plainReplay, deflatedReplay] = lines
  const saved = (deflated.sizeBytes ?? 0) / (plain.sizeBytes ?? Number.NaN)
  return {
    name,
    title: 'compression of a topic: appends, replay and size',
    lines,
    figures: [
      { what: 'append with deflate, to none', ...speedup(deflated, plain), unit: 'x' },
      { what: 'replay with deflate, to none', ...speedup(deflatedReplay, plainReplay), unit: 'x' },
      { what: 'size with deflate, to none', value: saved, unit: 'x' },
    ],
    notes: ['Sizes are of all files after a clean close.'],
  }
}
