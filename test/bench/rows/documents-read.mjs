/** Reading one path of a document of 233 MB and 1.6 million objects: against bare reads of the same file, rows made by
 * hand in SQLite, one JSONB value in SQLite, and parsing the whole.
 * @module */
import path from 'node:path'
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import { ORDERS, writeExport } from '../order-export.mjs'
import { varveVersion } from '../peers.mjs'
import { median } from '../sampling.mjs'
import { runDocumentsChild } from '../spawn.mjs'
import { sqliteVersion } from '../sqlite.mjs'

export const name = 'documents-read'
const RUNS = 3
const HOWS = ['sync', 'async']
const CITY = 'a field of a field'
const MISSING = ['a field that is not there', 'an element past the end', 'a field of the root that is not there']
const KIB = 1_024

/** @typedef {{ medianMs: number, p99Ms: number, bytesMax?: number, readsMax?: number, scanned?: number }} Timed
 * @typedef {{ measured: Record<string, Timed>, bare: Timed, openMs: number, firstOpenMs: number, openReads: number,
 *   used: { rss: number, peakRss: number }, usedAfter: { rss: number, peakRss: number } }} Reads */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  const orders = Math.floor(given('events', ORDERS))
  return inFreshDirectory(async (directory) => {
    const file = path.join(directory, 'export.json')
    const textBytes = await writeExport(file, { orders })
    say(`  ${orders} orders, ${(textBytes / 1e6).toFixed(0)} MB of JSON`)
    const written = await runDocumentsChild('ingest', path.join(directory, 'store'), file)
    /** @type {Record<string, Reads>} */
    const reads = {}
    for (const how of HOWS) reads[how] = await medians(path.join(directory, 'store'), orders, how)
    say('  SQLite')
    const sqlite = await runDocumentsChild('sqlite', file, directory, String(orders))
    return report({ orders, textBytes, written, reads, sqlite })
  })
}

/** The process with the median of its bare reads and of each look-up. @param {string} store @param {number} orders
 * @param {string} how @returns {Promise<Reads>} */
async function medians(store, orders, how) {
  /** @type {Reads[]} */
  const samples = []
  for (let round = 0; round < given('runs', RUNS); round++) {
    const sample = await runDocumentsChild('read', store, String(orders), how)
    say(`  ${how}: ${micros(sample.measured[CITY])}, bare read ${micros(sample.bare)}`)
    samples.push(sample)
  }
  const first = /** @type {Reads} */ (samples[0])
  const middle = (/** @type {(sample: Reads) => Timed} */ of) => ({
    ...of(first),
    medianMs: median(samples.map((sample) => of(sample).medianMs)),
    p99Ms: median(samples.map((sample) => of(sample).p99Ms)),
  })
  const names = Object.keys(first.measured)
  return {
    ...first,
    openMs: median(samples.map((sample) => sample.openMs)),
    bare: middle((sample) => sample.bare),
    measured: Object.fromEntries(
      names.map((of) => [of, middle((sample) => /** @type {Timed} */ (sample.measured[of]))]),
    ),
  }
}

/** @param {{ orders: number, textBytes: number, written: any, reads: Record<string, Reads>, sqlite: any }} all
 * @returns {import('../harness.mjs').Row} */
function report({ orders, textBytes, written, reads, sqlite }) {
  const { sync, async: others } = /** @type {Record<string, Reads>} */ (reads)
  return {
    name,
    title: `one path of a document of ${(textBytes / 1e6).toFixed(0)} MB, ${(orders * 6).toLocaleString('en')} objects`,
    lines: [],
    tables: [table(reads, sqlite)],
    figures: figures(/** @type {Reads} */ (sync), /** @type {Reads} */ (others), sqlite),
    notes: [
      `${varveVersion}: document ${megabytes(written.sizeBytes)}, of it index ${(written.indexBytes / KIB).toFixed(0)} KiB; ` +
        `opened with ${sync?.openReads} reads of it, by a new process in ${sync?.firstOpenMs.toFixed(1)} ms, then in ` +
        `${sync?.openMs.toFixed(2)} ms.`,
      `${sqliteVersion()}: rows ${megabytes(sqlite.rows.sizeBytes)}, JSONB ${megabytes(sqlite.jsonb.sizeBytes)}; prepared ` +
        'statements, default cache.',
      'Look-ups go to places drawn at random, of varve to 5,000 of them in turn, whose paths are compiled once. All files ' +
        'are in the page cache.',
      `Resident after open ${megabytes(sync?.used.rss ?? 0)}, after all look-ups ${megabytes(sync?.usedAfter.rss ?? 0)}.`,
    ],
  }
}

/** @param {Record<string, Reads>} reads @param {any} sqlite @returns {import('../harness.mjs').Table} */
function table(reads, sqlite) {
  const cells = (/** @type {string} */ side, /** @type {string} */ what, /** @type {Timed} */ timed) => [
    side,
    what,
    micros(timed),
    `${(timed.p99Ms * 1_000).toFixed(1)} us`,
    timed.readsMax === undefined ? '-' : String(timed.readsMax),
    timed.bytesMax === undefined ? '-' : `${(timed.bytesMax / KIB).toFixed(1)} KiB`,
    timed.scanned === undefined ? '-' : timed.scanned.toFixed(0),
  ]
  const rows = [['side', 'what', 'p50', 'p99', 'most reads', 'most read', 'events scanned']]
  for (const how of HOWS) {
    const { measured, bare } = /** @type {Reads} */ (reads[how])
    rows.push(cells(`read of 4 KiB, ${how}`, 'a block at random', bare))
    for (const [what, timed] of Object.entries(measured)) rows.push(cells(`varve, ${how}`, what, timed))
  }
  for (const [side, { measured }] of Object.entries(sqlite)) {
    for (const [what, timed] of Object.entries(measured)) rows.push(cells(SIDES[side] ?? side, what, timed))
  }
  return { title: 'Look-ups', rows }
}

/** @type {Record<string, string>} */
const SIDES = { rows: 'SQLite, rows', jsonb: 'SQLite, json_extract of JSONB', parse: 'JSON.parse of the file' }

/** @param {Reads} sync @param {Reads} others @param {any} sqlite */
function figures(sync, others, sqlite) {
  const p50 = (/** @type {Reads} */ reads, /** @type {string} */ what) => reads.measured[what]?.medianMs ?? Number.NaN
  const city = p50(sync, CITY)
  const most = (/** @type {Reads} */ reads) =>
    Math.max(...Object.values(reads.measured).map((one) => one.bytesMax ?? 0))
  const of = (/** @type {string} */ side) => sqlite[side].measured[CITY].medianMs / city
  const least = (/** @type {string} */ what, /** @type {number} */ value, /** @type {number} */ limit) => ({
    what,
    value,
    unit: 'x',
    held: `>= ${limit.toLocaleString('en')}x`,
    met: value >= limit,
  })
  return [
    atMost('p50 to a bare synchronous read of 4 KiB', city / sync.bare.medianMs, { most: 5, unit: 'x' }),
    atMost('p50 to a bare asynchronous read of 4 KiB', p50(others, CITY) / others.bare.medianMs, {
      most: 1.5,
      unit: 'x',
    }),
    atMost('most bytes read for a path', most(sync) / KIB, { most: 16, unit: 'KiB' }),
    least('rows of SQLite, p50 to varve', of('rows'), 1),
    least('json_extract of JSONB, p50 to varve', of('jsonb'), 1_000),
    least('JSON.parse of the whole, p50 to varve', of('parse'), 1_000),
    ...MISSING.flatMap((what) => [
      atMost(`${what}, to one that is there`, p50(sync, what) / city, { most: 2, unit: 'x' }),
      atMost(`${what}, asynchronous`, p50(others, what) / p50(others, CITY), { most: 2, unit: 'x' }),
    ]),
    atMost('reads to open', sync.openReads, { most: 3, unit: 'reads' }),
    atMost('open', sync.openMs, { most: 5, unit: 'ms' }),
  ]
}

/** @param {Timed} timed */
function micros(timed) {
  return `${((timed?.medianMs ?? Number.NaN) * 1_000).toFixed(1)} us`
}

/** @param {number} sizeBytes */
function megabytes(sizeBytes) {
  return `${(sizeBytes / 1e6).toFixed(1)} MB`
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`)
}
