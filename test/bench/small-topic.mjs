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
import { TOPIC } from './varve.mjs'

const SOURCE = fileURLToPath(new URL('../support/small-segments.ts', import.meta.url))
const BATCH_EVENTS = 1_000
const HEADER_BYTES = 128

/** @typedef {import('./find-events.mjs').FindEvent} FindEvent */

/** Fill a new store in `directory` and close it: as many segments as asked for, give or take a few, in batches of at
 * most 1,000 events.
 * @param {string} directory
 * @param {{ events: number, segments: number }} wanted
 * @returns {Promise<{ fillMs: number, closeMs: number, segments: number, batchEvents: number }>} */
export async function fillSegments(directory, { events, segments }) {
  const perSegment = Math.ceil(events / segments / BATCH_EVENTS)
  const batches = segments * perSegment
  const batchEvents = Math.floor(events / batches)
  const { storedBytes, givenBytes } = await sizesOf(findEvents(events)(0, 2 * batchEvents))
  // The segment is full when the next batch, by what was given, might not fit: between one batch too few and enough.
  const segmentBytes = Math.round(HEADER_BYTES + (perSegment - 0.5) * storedBytes + givenBytes)
  const make = findEvents(events)
  const { store, topic } = await openSmall(nodeStorage(directory), segmentBytes)
  const start = performance.now()
  for (let batch = 0; batch < batches; batch++) {
    const range = [batch, batch + 1].map((at) => Math.floor((at * events) / batches))
    await topic.append(make(range[0] ?? 0, range[1] ?? 0), { durability: 'buffered' })
  }
  const filled = performance.now()
  const made = topic.stats().partitions[0]?.segments ?? 0
  await store.close()
  return { fillMs: filled - start, closeMs: performance.now() - filled, segments: made, batchEvents }
}

/** What a batch takes in a segment, and what the writer reckons before it has made it, which it does not tell: the
 * smallest segment that takes two batches does.
 * @param {FindEvent[]} events two batches of them */
async function sizesOf(events) {
  const half = events.length / 2
  let [least, most] = [HEADER_BYTES, HEADER_BYTES + 4_096 * events.length]
  let storedBytes = 0
  while (most - least > 64) {
    const middle = (least + most) >> 1
    const { store, topic } = await openSmall(memoryStorage(), middle)
    await topic.append(events.slice(0, half))
    storedBytes = sizeOf(topic) - HEADER_BYTES
    const before = topic.stats().partitions[0]?.segments
    await topic.append(events.slice(half))
    const rolled = topic.stats().partitions[0]?.segments !== before
    await store.close()
    if (rolled) least = middle
    else most = middle
  }
  return { storedBytes, givenBytes: most - HEADER_BYTES - storedBytes }
}

/** @param {any} topic */
function sizeOf(topic) {
  const { sizeBytes, segments } = topic.stats().partitions[0]
  // The creation leaves an empty segment behind, which is a header.
  return sizeBytes - (segments - 1) * HEADER_BYTES
}

/** @param {any} storage @param {number} segmentBytes */
async function openSmall(storage, segmentBytes) {
  const createSmallTopic = await smallTopics()
  const place = { storage, clock: systemClock, random: systemRandom }
  await createSmallTopic(place, { name: TOPIC, partitions: 1, segmentBytes })
  // The creation left the store to this process without closing it.
  const store = await openStore({ storage, takeOver: true })
  return { store, topic: await store.topics.open(TOPIC) }
}

/** @type {Promise<any> | undefined} */
let bundled

/** @returns {Promise<(place: unknown, topic: unknown) => Promise<void>>} */
function smallTopics() {
  bundled ??= bundleSmallTopics()
  return bundled
}

async function bundleSmallTopics() {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'varve-bench-bundle-'))
  try {
    const outfile = path.join(scratch, 'small-segments.mjs')
    await build({ entryPoints: [SOURCE], outfile, bundle: true, format: 'esm', platform: 'node', logLevel: 'error' })
    return (await import(pathToFileURL(outfile).href)).createSmallTopic
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
