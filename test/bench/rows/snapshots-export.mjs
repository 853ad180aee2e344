/** Exports that follow each other, the log 1 % longer each time: what is sent, to what the log grew by. `--mb=N`,
 * `--runs=N`.
 * @module */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { nodeStorage } from '../../../dist/adapters/node/index.js'
import { atMost, directorySize, given, inFreshDirectory } from '../harness.mjs'
import { bytes, milliseconds, say } from '../histories.mjs'
import { varveVersion } from '../peers.mjs'
import { median } from '../sampling.mjs'
import { copyAndSync, endlessOrders, fillTopic, MB, openLog, SNAPSHOTS } from '../snapshots.mjs'

export const name = 'snapshots-export'
const SIZE_MB = 1_000
/** Enough for term indexes to be merged at least once. */
const STEPS = 18

/** @typedef {{ sent: number, shared: number, grown: number, ms: number }} Step
 * @typedef {{ store: any, topic: any, place: string, to: string }} Log */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const place = path.join(directory, 'store')
    const to = path.join(directory, 'exported')
    const size = given('mb', SIZE_MB) * MB
    say(`storing ${bytes(size / MB)} MB`)
    const { store, topic } = await openLog(place)
    await fillTopic(topic, size)
    const log = { store, topic, place, to }
    let before = await exported(log, 0)
    const first = { ...before, cpMs: copied(log, before.id) }
    /** @type {Step[]} */
    const steps = []
    for (let step = 1; step <= given('runs', STEPS); step++) {
      await grow(log, size / 100)
      const { id: last, segmentBytes } = before
      before = await exported(log, segmentBytes)
      await store.snapshots.delete(last)
      steps.push(before)
      say(`step ${step}: sent ${bytes(before.sent)} for ${bytes(before.grown)} in ${milliseconds(before.ms)}`)
    }
    await verified(log, before.id)
    await store.close()
    return report({ first, steps, size })
  })
}

/** Appends as programs make them: 100 events each. @param {Log} log @param {number} sizeBytes */
async function grow({ topic }, sizeBytes) {
  const orders = endlessOrders(100)
  const size = () => topic.stats().partitions[0].sizeBytes
  const end = size() + sizeBytes
  while (size() < end) await topic.append(orders())
}

/** @param {Log} log @param {number} sizeBefore */
async function exported({ store, place, to }, sizeBefore) {
  const { id, totalSizeBytes } = await store.snapshots.create()
  const start = performance.now()
  const { bytesSent: sent, bytesShared: shared } = await store.snapshots.export(id, nodeStorage(to))
  const ms = performance.now() - start
  assert.ok(sent + shared >= totalSizeBytes)
  const size = directorySize(path.join(place, SNAPSHOTS, id))
  return { id, sent, shared, ms, size, grown: totalSizeBytes - sizeBefore, segmentBytes: totalSizeBytes }
}

/** @param {Log} log @param {string} id @returns {number} milliseconds */
function copied({ place }, id) {
  const target = path.join(path.dirname(place), 'copy')
  const start = performance.now()
  copyAndSync(path.join(place, SNAPSHOTS, id), target)
  const ms = performance.now() - start
  rmSync(target, { recursive: true })
  return ms
}

/** What is in the place can be read by itself. @param {Log} log @param {string} id */
async function verified({ store, topic, to }, id) {
  await store.snapshots.delete(id)
  await store.snapshots.import(id, nodeStorage(to))
  const report = await store.snapshots.verify(id)
  assert.ok(report.ok && report.events === topic.stats().events)
}

/** @param {{ first: Step & { size: number, cpMs: number }, steps: Step[], size: number }} all
 * @returns {import('../harness.mjs').Row} */
function report({ first, steps, size }) {
  const ratios = steps.map(({ sent, grown }) => sent / grown)
  const sum = (/** @type {'sent' | 'grown'} */ what) => steps.reduce((total, step) => total + step[what], 0)
  const rows = [first, ...steps].map(({ sent, shared, grown, ms }, step) => [
    step === 0 ? 'first' : String(step),
    ...[grown, sent, shared].map(bytes),
    step === 0 ? '-' : `${(sent / grown).toFixed(3)}x`,
    milliseconds(ms),
  ])
  return {
    name,
    title: `exports of ${bytes(size / MB)} MB, the log 1 % longer each time`,
    lines: [],
    tables: [{ title: `${varveVersion}, default settings`, rows: [HEADS, ...rows] }],
    figures: [
      atMost('second export, bytes sent to growth', ratios[0] ?? Number.NaN, { most: 1.1, unit: 'x' }),
      atMost('the export that sends the most', Math.max(...ratios), { most: 1.1, unit: 'x' }),
      { what: 'all exports after the first', value: sum('sent') / sum('grown'), unit: 'x' },
      { what: 'second export', value: median(steps.map(({ ms }) => ms)), unit: 'ms' },
      { what: 'first export, which is verified there, to cp -r and sync', value: first.cpMs / first.ms, unit: 'x' },
    ],
    notes: [
      'Growth is that of segments alone; indexes are sent besides. A snapshot is taken before each export, so an active ' +
        'segment of 1 MiB or more is sealed first. What is sent is synced, read again and verified before it counts.',
      `The first export is ${bytes(first.sent)} bytes, of a snapshot of ${bytes(first.size)}. The last one was imported ` +
        'again at the end, and verified.',
    ],
  }
}

const HEADS = ['export', 'log grew by, B', 'sent, B', 'shared, B', 'sent to growth', 'time']
