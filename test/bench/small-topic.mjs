/** Stores with as many segments as asked for, however few events there are.
 *
 * A topic cannot be created with segments below 1 MiB: the tests' own way to make one is bundled and called.
 * @module */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { memoryStorage } from '../../dist/adapters/memory/index.js'
import { nodeStorage } from '../../dist/adapters/node/index.js'
import { openStore, systemClock, systemRandom } from '../../dist/src/index.js'
import { findEvents } from './find-events.mjs'
import { batchesOf } from './payload.mjs'
import { TOPIC } from './varve.mjs'

const SOURCE = fileURLToPath(new URL('../support/small-segments.ts', import.meta.url))
/** The longest call there is; a segment of one call holds no more. */
const CALL_EVENTS = 10_000
const BATCH_EVENTS = 1_000

/** @typedef {import('./find-events.mjs').FindEvent} FindEvent */

/** Fill a new store in `directory` and close it.
 * @param {string} directory
 * @param {{ events: number, segments: number }} wanted
 * @returns {Promise<{ fillMs: number, closeMs: number, segments: number }>} */
export async function fillSegments(directory, { events, segments }) {
  const perSegment = events / segments
  const whole = perSegment <= CALL_EVENTS
  const calls = whole ? segments : segments * Math.round(perSegment / BATCH_EVENTS)
  // With no room for a second call every call has a segment of its own.
  const make = findEvents(events)
  const segmentBytes = whole ? 1 : Math.round(perSegment * (await bytesPerEvent(findEvents(100_000)(0, 20_000))))
  await createTopic(directory, segmentBytes)
  // The creation above left the store to this process without closing it.
  const store = await openStore({ storage: nodeStorage(directory), takeOver: true })
  const topic = await store.topics.open(TOPIC)
  const start = performance.now()
  for (let call = 0; call < calls; call++) {
    const range = [call, call + 1].map((at) => Math.floor((at * events) / calls))
    await topic.append(make(range[0] ?? 0, range[1] ?? 0), { durability: 'buffered' })
  }
  const filled = performance.now()
  const made = topic.stats().partitions[0]?.segments ?? 0
  await store.close()
  return { fillMs: filled - start, closeMs: performance.now() - filled, segments: made }
}

/** @param {string} directory @param {number} segmentBytes */
async function createTopic(directory, segmentBytes) {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'varve-bench-bundle-'))
  try {
    const outfile = path.join(scratch, 'small-segments.mjs')
    await build({ entryPoints: [SOURCE], outfile, bundle: true, format: 'esm', platform: 'node', logLevel: 'error' })
    const { createSmallTopic } = await import(pathToFileURL(outfile).href)
    const place = { storage: nodeStorage(directory), clock: systemClock, random: systemRandom }
    await createSmallTopic(place, { name: TOPIC, partitions: 1, segmentBytes })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** What the events of a log take in segments, from a short one in memory. @param {FindEvent[]} events */
async function bytesPerEvent(events) {
  const store = await openStore({ storage: memoryStorage() })
  const topic = await store.topics.open(TOPIC, { create: true })
  for (const batch of batchesOf(events, BATCH_EVENTS)) await topic.append(batch)
  const { sizeBytes } = topic.stats()
  await store.close()
  return sizeBytes / events.length
}
