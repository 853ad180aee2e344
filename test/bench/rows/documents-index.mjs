/** The size of path indexes: at 10 MB, 1 GB and 20 GB, and around one element that is larger than all others.
 *
 * `--events=N,...` are the sizes in MB.
 * @module */
import { openStore } from '../../../dist/src/index.js'
import { atMost, givenList, inFreshDirectory } from '../harness.mjs'
import { exportEvents } from '../order-export.mjs'
import { median } from '../sampling.mjs'
import { storageOf } from '../varve.mjs'

export const name = 'documents-index'
const SIZES_MB = [10, 1_000, 20_000]
const KIB = 1_024
/** Above this events of the usual size would take longer than the figure is worth: the notes get longer. */
const LONG_MB = 2_000
const TINY = 1_000_000
const OPENS = 9
const LARGE_BYTES = 10_000_000

/** @typedef {{ what: string, indexBytes: number, sizeBytes: number, ms: number, thresholdBytes: number,
 *   entries: number, ranges: number, openMs: number, most: number }} Cell */

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  /** @type {Cell[]} */
  const cells = []
  const budget = 1_024 * KIB
  const sizes = givenList('events', SIZES_MB)
  for (const megabytes of sizes) {
    const noteCharacters = megabytes > LONG_MB ? 8_000 : 250
    const write = (/** @type {any} */ store) =>
      store.documents.writeEvents('catalog', exportEvents({ sizeBytes: megabytes * 1e6, noteCharacters }))
    cells.push(await measure(`${megabytes.toLocaleString('en')} MB of orders`, { write, most: budget }))
  }
  const tiny = sizes === SIZES_MB ? TINY : TINY / 10
  for (const [thresholdBytes, most] of [
    [65_536, 16 * KIB],
    [Number.POSITIVE_INFINITY, 200],
  ]) {
    const write = (/** @type {any} */ store) =>
      store.documents.writeEvents('catalog', oneLargeElement(tiny), { thresholdBytes })
    const what = `${tiny.toLocaleString('en')} tiny elements and one of 10 MB, T = ${thresholdBytes}`
    cells.push(await measure(what, { write, most: most ?? 0 }))
  }
  const infinite = cells.at(-1)
  return {
    name,
    title: 'path indexes',
    lines: [],
    tables: [table(cells)],
    figures: [
      ...cells.map(({ what, indexBytes, most }) => atMost(`index of ${what}`, indexBytes, { most, unit: 'B' })),
      atMost('entries at T = Infinity', infinite?.entries ?? Number.NaN, { most: 1, unit: 'entries' }),
      atMost('ranges at T = Infinity', infinite?.ranges ?? Number.NaN, { most: 1, unit: 'ranges' }),
      atMost('open with the largest index', Math.max(...cells.map((cell) => cell.openMs)), { most: 5, unit: 'ms' }),
    ],
    notes: [
      'Written from generated events, whose making is on the clock. The note of an order has 250 characters, above ' +
        `${LONG_MB.toLocaleString('en')} MB 8,000.`,
    ],
  }
}

/** @param {string} what @param {{ write: (store: any) => Promise<any>, most: number }} options
 * @returns {Promise<Cell>} */
function measure(what, { write, most }) {
  return inFreshDirectory(async (directory) => {
    const store = await openStore({ storage: storageOf(directory) })
    const start = performance.now()
    const { indexBytes, sizeBytes } = await write(store)
    const ms = performance.now() - start
    const times = []
    for (let round = 0; round < OPENS; round++) {
      const opening = performance.now()
      const again = await store.documents.open('catalog')
      times.push(performance.now() - opening)
      await again.close()
    }
    const openMs = median(times)
    const document = await store.documents.open('catalog')
    const { thresholdBytes, entries, ranges } = document
    await document.close()
    await store.close()
    process.stderr.write(`  ${what}: index ${indexBytes} B, ${(ms / 1_000).toFixed(1)} s\n`)
    return { what, indexBytes, sizeBytes, ms, thresholdBytes, entries, ranges, openMs, most }
  })
}

/** @param {number} tiny */
function* oneLargeElement(tiny) {
  yield { type: 'beginArray' }
  for (let index = 0; index < tiny; index++) {
    if (index === tiny >> 1) yield { type: 'value', value: 'x'.repeat(LARGE_BYTES) }
    yield { type: 'value', value: index % 10 }
  }
  yield { type: 'endArray' }
}

/** @param {Cell[]} cells @returns {import('../harness.mjs').Table} */
function table(cells) {
  return {
    title: 'Indexes',
    rows: [
      ['document', 'on disk', 'index', 'T', 'entries', 'ranges', 'written in', 'MB/s', 'open'],
      ...cells.map((cell) => [
        cell.what,
        `${(cell.sizeBytes / 1e6).toFixed(1)} MB`,
        `${cell.indexBytes.toLocaleString('en')} B`,
        String(cell.thresholdBytes),
        cell.entries.toLocaleString('en'),
        cell.ranges.toLocaleString('en'),
        `${(cell.ms / 1_000).toFixed(1)} s`,
        (cell.sizeBytes / cell.ms / 1_000).toFixed(0),
        `${cell.openMs.toFixed(2)} ms`,
      ]),
    ],
  }
}
