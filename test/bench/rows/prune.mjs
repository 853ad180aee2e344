/** Pruning: 10 of 40 segments given up in one call, and the space that comes back.
 * @module */
import assert from 'node:assert/strict'
import { statfsSync } from 'node:fs'
import { alternate, directorySize, given, RUNS } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { fillVarve, openVarve } from '../varve.mjs'

export const name = 'prune'
const SEGMENTS = 40
const PRUNED = 10
const MIB = 1_048_576
const SEGMENT_BYTES = 4 * MIB
/** Enough for 40 segments at about 200 bytes each. */
const EVENTS = 900_000
const RUNS_MAX = 3

/** @typedef {{ fileBytes: number, deviceBytes: number, reportBytes: number, segments: number, events: number,
 *   dryRunMs: number }} Pruned */

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const batches = batchesOf(orderEvents({ count: EVENTS }), 1_000)
  /** @type {Pruned[]} */
  const seen = []
  const runs = Math.min(RUNS_MAX, given('runs', RUNS))
  const lines = await alternate([side(batches, seen)], { runs })
  const last = /** @type {Pruned} */ (seen.at(-1))
  const [line] = /** @type {[import('../harness.mjs').Line]} */ (lines)
  return {
    name,
    title: `prune of ${last.segments} of ${SEGMENTS} segments of ${SEGMENT_BYTES / MIB} MiB`,
    lines,
    figures: [
      { what: 'prune, per segment', value: line.medianMs / last.segments, unit: 'ms' },
      { what: 'the same as a dry run', value: last.dryRunMs, unit: 'ms' },
      { what: 'bytes that the report says, of those that files shrank by', value: ratio(last), unit: 'x' },
      { what: 'files shrank by', value: last.fileBytes / MIB, unit: 'MiB' },
      { what: 'free space of the device grew by', value: last.deviceBytes / MIB, unit: 'MiB' },
    ],
    notes: [
      `${last.events.toLocaleString('en')} events went. The clock runs over prune({ before }) alone: record, versions file, removal, syncs.`,
      'Free space is what statfs says before and after, while other programs use the device too.',
    ],
  }
}

/** @param {Pruned} pruned */
function ratio({ reportBytes, fileBytes }) {
  return reportBytes / fileBytes
}

/** @param {import('../payload.mjs').OrderEvent[][]} batches @param {Pruned[]} seen */
function side(batches, seen) {
  return {
    label: `prune ${PRUNED} segments`,
    version: varveVersion,
    durability: 'synced',
    batch: '-',
    inFlight: '-',
    events: 1,
    run: async (/** @type {string} */ directory) => {
      await fillVarve(directory, batches, { create: { segmentBytes: SEGMENT_BYTES }, segments: SEGMENTS })
      const { store, topic } = await openVarve(directory)
      const { events, partitions } = topic.stats()
      assert.equal(partitions[0].segments, SEGMENTS)
      // Between the ends of the tenth segment and the eleventh.
      const before = Math.floor((events / SEGMENTS) * (PRUNED + 0.5))
      const space = { files: directorySize(directory), device: freeBytes(directory) }
      const dryStart = performance.now()
      await topic.prune({ before, dryRun: true })
      const start = performance.now()
      const report = await topic.prune({ before })
      const ms = performance.now() - start
      const [partition] = report.partitions
      seen.push({
        fileBytes: space.files - directorySize(directory),
        deviceBytes: freeBytes(directory) - space.device,
        reportBytes: partition.sizeBytes,
        segments: partition.segments,
        events: partition.events,
        dryRunMs: start - dryStart,
      })
      assert.equal(partition.segments, PRUNED)
      await store.close()
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}

/** @param {string} directory */
function freeBytes(directory) {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}
