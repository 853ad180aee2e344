/** 100 snapshots of 1,000 samples each in a history: what they take of 16 bytes a sample. `--events=N`: snapshots.
 * @module */
import assert from 'node:assert/strict'
import { given, inFreshDirectory } from '../harness.mjs'
import { bytes, groupsOf, milliseconds, openHistory, say, storedBytes } from '../histories.mjs'
import { baseSnapshot, RAW_BYTES, SAMPLES, SNAPSHOTS } from '../metric-snapshots.mjs'
import { varveVersion } from '../peers.mjs'
import { median } from '../sampling.mjs'

export const name = 'histories-metrics'
const COUNT = 100

/** @typedef {import('../metric-snapshots.mjs').Metrics} Metrics
 * @typedef {{ what: string, most?: number, raw: number, groups: number, manifest: number, all: number,
 *   keyframes: number, medianMs: number }} Cell */

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const count = given('events', COUNT)
  const base = baseSnapshot()
  /** @type {Cell[]} */
  const cells = []
  for (const { what, most, of } of SNAPSHOTS) {
    const make = of(base)
    const snapshots = Array.from({ length: count }, (_, number) => make(number))
    const stored = await inFreshDirectory((directory) => store(directory, snapshots))
    cells.push({ what, raw: count * SAMPLES * RAW_BYTES, ...stored, ...(most !== undefined && { most }) })
    say(`${what}: ${bytes(stored.all)} B`)
  }
  return report(count, cells)
}

/** Store them and compare what is read with what was appended.
 * @param {string} directory @param {Metrics[]} snapshots */
async function store(directory, snapshots) {
  const { store: written, history } = await openHistory(directory)
  const times = []
  for (const [number, metrics] of snapshots.entries()) {
    const start = performance.now()
    await history.appendMetrics({ fingerprint: 'scrape', metadata: metadataOf(number), metrics })
    times.push(performance.now() - start)
  }
  const keyframes = new Set(await groupsOf(history)).size
  await written.close()
  const again = await openHistory(directory, { readOnly: true })
  for (const [number, metrics] of snapshots.entries()) {
    const found = await again.history.read({ version: number + 1, check: true })
    assertSame(found.metrics, metrics)
    assert.deepEqual((await again.history.find({ version: number + 1 })).metadata, metadataOf(number))
  }
  await again.store.close()
  return { ...storedBytes(directory), keyframes, medianMs: median(times) }
}

/** The host is the same in all of them, and one thing is not. @param {number} number */
function metadataOf(number) {
  return { host: 'node-7', scrape: number }
}

/** Every bit of every sample: values are compared as the bytes that they are.
 * @param {Record<string, { timestamps: bigint[], values: number[] }>} found @param {Metrics} metrics */
function assertSame(found, metrics) {
  assert.deepEqual(Object.keys(found), Object.keys(metrics))
  for (const [metric, { timestamps, values }] of Object.entries(metrics)) {
    const series = found[metric]
    assert.deepEqual(BigUint64Array.from(series?.timestamps ?? []), timestamps)
    assert.ok(series?.timestamps.every((at) => typeof at === 'bigint'))
    const bits = new BigUint64Array(Float64Array.from(series?.values ?? []).buffer)
    assert.deepEqual(bits, new BigUint64Array(values.buffer, values.byteOffset, values.length))
  }
}

/** @param {number} count @param {Cell[]} cells @returns {import('../harness.mjs').Row} */
function report(count, cells) {
  const percent = (/** @type {number} */ part, /** @type {number} */ raw) => `${((100 * part) / raw).toFixed(2)} %`
  const rows = cells.map(({ what, raw, groups, manifest, all, keyframes, medianMs }) => [
    what,
    ...[bytes(groups), bytes(manifest), percent(groups, raw), percent(all, raw), String(keyframes)],
    milliseconds(medianMs),
  ])
  const heads = ['snapshots', 'groups, B', 'manifest, B', 'groups of raw', 'all of raw', 'keyframes', 'append']
  return {
    name,
    title: `${count} snapshots of ${SAMPLES.toLocaleString('en')} samples, raw ${bytes(cells[0]?.raw ?? 0)} B`,
    lines: [],
    tables: [{ title: `${varveVersion}, what they take`, rows: [heads, ...rows] }],
    figures: cells.flatMap(({ what, most, all, raw }) =>
      most === undefined
        ? []
        : [
            {
              what: `${what}, all files of raw`,
              value: (100 * all) / raw,
              unit: '%',
              held: `<= ${most * 100} %`,
              met: all / raw <= most,
            },
          ],
    ),
    notes: [
      'Every timestamp, value and metadata of every snapshot was read back and compared bit by bit; 20 of the values ' +
        'are NaN, -0, infinities and the smallest number, in every snapshot.',
      'Raw is 16 bytes a sample, without names, metadata and times of snapshots, which are in what is stored.',
      'Noise of full precision is within 10 % of a value, with random bits to the last: values that are new hold ' +
        '49 such bits, 38 % of a sample. Timestamps stay the same from snapshot to snapshot unless it is said.',
    ],
  }
}
