/** A long run of appends that rolls: what sealing, the indexes of sealed segments and their merging cost.
 *
 * With segments of 1 GiB the same run never rolls, so nothing is sealed, indexed or merged: the run to compare with.
 * @module */
import assert from 'node:assert/strict'
import { alternate, atLeast, directorySize, given, inFlight, RUNS, speedup } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { openVarve } from '../varve.mjs'

export const name = 'roll'
const EVENTS = 1_000_000
const BATCH = 1_000
const MIB = 1_048_576
/** In MiB: never rolls, the default, and so small that indexes are merged several times. */
const SEGMENTS = [1_024, 64, 8]

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const events = given('events', EVENTS)
  const batches = batchesOf(orderEvents({ count: events, entities: 50_000 }), BATCH)
  /** @type {Map<number, { segments: number, closeMs: number }>} */
  const seen = new Map()
  const lines = await alternate(
    SEGMENTS.map((size) => side(batches, size, seen)),
    { runs: given('runs', RUNS) },
  )
  const [whole, usual, small] = /** @type {import('../harness.mjs').Line[]} */ (lines)
  return {
    name,
    title: 'long durable append with rolls, batches of 1,000',
    lines,
    figures: [
      atLeast('segments of 64 MiB, to one segment', speedup(usual, whole), 0.9),
      { what: 'segments of 8 MiB, to one segment', ...speedup(small, whole), unit: 'x' },
    ],
    notes: [
      'The clock runs from the first append to the end of close(), so that work left for later counts too.',
      ...[...seen].map(
        ([size, { segments, closeMs }]) =>
          `Segments of ${size} MiB: ${segments} at the end; closing took ${closeMs.toFixed(1)} ms in the last run.`,
      ),
    ],
  }
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches @param {number} sizeMib
 * @param {Map<number, { segments: number, closeMs: number }>} seen */
function side(batches, sizeMib, seen) {
  const events = batches.flat().length
  return {
    label: `varve, segments of ${sizeMib} MiB`,
    version: varveVersion,
    durability: 'synced (fdatasync)',
    events,
    batch: BATCH,
    inFlight: 2,
    run: async (/** @type {string} */ directory) => {
      const { store, topic } = await openVarve(directory, undefined, { create: { segmentBytes: sizeMib * MIB } })
      const start = performance.now()
      await inFlight({ calls: batches.length, width: 2 }, (index) => topic.append(batches[index] ?? []))
      const acknowledged = performance.now()
      const { events: stored, partitions } = topic.stats()
      assert.equal(stored, events)
      await store.close()
      const end = performance.now()
      seen.set(sizeMib, { segments: partitions[0].segments, closeMs: end - acknowledged })
      return { ms: end - start, sizeBytes: directorySize(directory) }
    },
  }
}
