/** Finding: logs of 100,000, 1 million and 10 million events, in 40 segments and in 4,096.
 *
 * Each log is written once and closed. Opening is measured in new processes, look-ups in one that is warm, with the
 * storage's synchronous reads and without them. SQLite has a table of the same events with an index on each column.
 * @module */
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { atMost, directorySize, given, givenList, inFreshDirectory, RUNS } from '../harness.mjs'
import { median } from '../sampling.mjs'
import { fillSegments } from '../small-topic.mjs'
import { runLeanChild } from '../spawn.mjs'

export const name = 'find'
const SIZES = [100_000, 1_000_000, 10_000_000]
const SEGMENTS = [40, 4_096]
const MIB = 1_048_576
const HOWS = ['sync', 'async', 'read-only']
/** What the figures hold, and to how much: the name of a look-up and its limits in ms by kind of reads. */
const HELD = [
  { what: 'the 20 events of an entity', sync: 1, async: 3 },
  { what: 'page of 1,000, whole topic', sync: 3, async: 3 },
  { what: 'page of 1,000 of a kind (1 in 8)', sync: 3, async: 3 },
  { what: 'page of 1,000 of a scope (1 in 20)', sync: 3, async: 3 },
  { what: 'cursor step, 10 of an entity', sync: 1, async: 3 },
  { what: 'cursor step, 20 of a kind', sync: 1, async: 3 },
]
const FLAT = 1.5
/** @type {Record<string, string>} */
const READS = { sync: 'synchronous reads', async: 'asynchronous reads' }

/** @typedef {{ ms: number, openMs: number, readMs: number, rss: number, peakRss: number }} First
 * @typedef {Record<string, { medianMs: number }>} Warm
 * @typedef {{ events: number, segments: number, built: any, first: Record<string, First>, warm: Record<string, Warm> }}
 *   Cell one log as measured; `segments` as asked for
 * @typedef {{ events: number, fillMs: number, sizeBytes: number, first: First, warm: Warm }} SqliteCell */

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const sizes = givenList('events', SIZES)
  const runs = given('runs', RUNS)
  /** @type {Cell[]} */
  const cells = []
  /** @type {SqliteCell[]} */
  const sqlite = []
  for (const events of sizes) {
    for (const segments of SEGMENTS) cells.push(await measure({ events, segments, runs }))
    sqlite.push(await measureSqlite(events, runs))
  }
  const base = { bare: await memoryOf('bare', runs), modules: await memoryOf('modules', runs) }
  return {
    name,
    title: 'open and look-ups by every term, by size of the log and number of segments',
    lines: [],
    tables: [
      buildTable(cells, sqlite),
      openTable(cells, sqlite, base),
      ...['sync', 'async'].map((how) => lookUpTable(cells, how === 'sync' ? sqlite : [], how)),
    ],
    figures: [...openFigures(cells, base), ...lookUpFigures(cells)],
    notes: notesOf(base, runs),
  }
}

/** @param {{ events: number, segments: number, runs: number }} wanted @returns {Promise<Cell>} */
function measure({ events, segments, runs }) {
  return inFreshDirectory(async (directory) => {
    const filled = await fillSegments(directory, { events, segments })
    say(`  ${events} events, ${filled.segments} segments: written in ${(filled.fillMs / 1_000).toFixed(1)} s`)
    const built = { ...filled, sizeBytes: directorySize(directory), derivedBytes: derivedSize(directory) }
    /** @type {Record<string, First>} */
    const first = {}
    /** @type {Record<string, Warm>} */
    const warm = {}
    for (const how of HOWS)
      first[how] = await firstReads(() => runLeanChild('first', directory, String(events), how), runs)
    for (const how of ['sync', 'async']) warm[how] = await runLeanChild('warm', directory, String(events), how)
    for (const how of HOWS) say(`    ${how}: open and first read ${first[how]?.ms.toFixed(1)} ms`)
    return { events, segments, built, first, warm }
  })
}

/** @param {number} events @param {number} runs @returns {Promise<SqliteCell>} */
function measureSqlite(events, runs) {
  return inFreshDirectory(async (directory) => {
    const { fillFindTable } = await import('../find-sqlite.mjs')
    const fillMs = fillFindTable(directory, events)
    say(`  ${events} events in SQLite: written in ${(fillMs / 1_000).toFixed(1)} s`)
    const first = await firstReads(() => runLeanChild('sqlite', directory, String(events), 'first'), runs)
    const warm = await runLeanChild('sqlite', directory, String(events), 'warm')
    return { events, fillMs, sizeBytes: directorySize(directory), first, warm }
  })
}

/** Medians over new processes; the first one brings the files into the page cache and is thrown away.
 * @param {() => Promise<First>} read @param {number} runs @returns {Promise<First>} */
async function firstReads(read, runs) {
  await read()
  /** @type {First[]} */
  const samples = []
  for (let round = 0; round < runs; round++) samples.push(await read())
  const of = (/** @type {keyof First} */ key) => median(samples.map((sample) => sample[key]))
  return { ms: of('ms'), openMs: of('openMs'), readMs: of('readMs'), rss: of('rss'), peakRss: of('peakRss') }
}

/** @param {string} task @param {number} runs @returns {Promise<number>} resident bytes */
async function memoryOf(task, runs) {
  const samples = []
  for (let round = 0; round < runs; round++) samples.push((await runLeanChild(task)).rss)
  return median(samples)
}

/** Bytes of files that can be made again from segments and manifest. @param {string} directory */
function derivedSize(directory) {
  let total = 0
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || /\.log$|^MANIFEST|^versions-/.test(entry.name)) continue
    total += statSync(path.join(entry.parentPath ?? entry.path, entry.name)).size
  }
  return total
}

/** @param {Cell[]} cells @param {SqliteCell[]} sqlite @returns {import('../harness.mjs').Table} */
function buildTable(cells, sqlite) {
  const seconds = (/** @type {number} */ ms) => `${(ms / 1_000).toFixed(1)} s`
  return {
    title: 'Writing (durability: buffered; SQLite: synchronous=OFF, indexes made at the end)',
    rows: [
      ['events', 'segments', 'batch', 'written in', 'events/s', 'closed in', 'on disk', 'B/event', 'derived files'],
      ...cells.map(({ events, built }) => [
        count(events),
        count(built.segments),
        count(built.batchEvents),
        seconds(built.fillMs),
        count(Math.round((events / built.fillMs) * 1_000)),
        seconds(built.closeMs),
        `${(built.sizeBytes / 1e6).toFixed(1)} MB`,
        (built.sizeBytes / events).toFixed(1),
        `${((built.derivedBytes / built.sizeBytes) * 100).toFixed(1)} %`,
      ]),
      ...sqlite.map(({ events, fillMs, sizeBytes }) => [
        count(events),
        'SQLite',
        '10,000',
        seconds(fillMs),
        count(Math.round((events / fillMs) * 1_000)),
        '-',
        `${(sizeBytes / 1e6).toFixed(1)} MB`,
        (sizeBytes / events).toFixed(1),
        '-',
      ]),
    ],
  }
}

/** @param {Cell[]} cells @param {SqliteCell[]} sqlite @param {{ bare: number }} base
 * @returns {import('../harness.mjs').Table} */
function openTable(cells, sqlite, base) {
  const line = (/** @type {First} */ first) => [
    ...[first.ms, first.openMs, first.readMs].map((ms) => `${ms.toFixed(1)} ms`),
    ...[first.rss, first.peakRss].map((bytes) => `${((bytes - base.bare) / MIB).toFixed(1)} MiB`),
  ]
  const heads = ['events', 'segments', 'reads', 'open + 20 of an entity', 'open', 'read', 'memory', 'peak memory']
  return {
    title: 'Opening in a new process, memory over bare node',
    rows: [
      heads,
      ...cells.flatMap(({ events, segments, first }) =>
        HOWS.map((how) => [count(events), count(segments), how, ...line(/** @type {First} */ (first[how]))]),
      ),
      ...sqlite.map(({ events, first }) => [count(events), 'SQLite', 'sync', ...line(first)]),
    ],
  }
}

/** @param {Cell[]} cells @param {SqliteCell[]} sqlite @param {string} how @returns {import('../harness.mjs').Table} */
function lookUpTable(cells, sqlite, how) {
  const names = Object.keys(cells[0]?.warm[how] ?? {}).filter((look) => look !== 'used')
  const columns = [
    ...cells.map(({ events, segments }) => `${short(events)} / ${count(segments)}`),
    ...sqlite.map(({ events }) => `SQLite ${short(events)}`),
  ]
  return {
    title: `Look-ups, warm, median ms by events / segments, ${READS[how]}`,
    rows: [
      ['look-up', ...columns, 'slowest / fastest'],
      ...names.map((look) => [
        look,
        ...cells.map((cell) => timeOf(cell, how, look).toFixed(3)),
        ...sqlite.map(({ warm }) => warm[look]?.medianMs.toFixed(3) ?? '-'),
        `${flatness(cells, how, look).toFixed(2)}x`,
      ]),
    ],
  }
}

/** @param {Cell} cell @param {string} how @param {string} look */
function timeOf(cell, how, look) {
  return cell.warm[how]?.[look]?.medianMs ?? Number.NaN
}

/** @param {Cell[]} cells @param {string} how @param {string} look */
function flatness(cells, how, look) {
  const times = cells.map((cell) => timeOf(cell, how, look))
  return Math.max(...times) / Math.min(...times)
}

/** @param {Cell[]} cells @param {{ bare: number }} base */
function openFigures(cells, base) {
  const most = Math.max(...cells.map(({ events }) => events))
  return cells
    .filter(({ events }) => events === most)
    .flatMap(({ segments, first }) => {
      const { ms = Number.NaN, rss = Number.NaN } = first.sync ?? {}
      const where = `${short(most)} events in ${count(segments)} segments, first entity read included`
      return [
        atMost(`open ${where}`, ms, { most: 50, unit: 'ms' }),
        atMost(`memory over bare node, ${where}`, (rss - base.bare) / MIB, { most: 64, unit: 'MiB' }),
      ]
    })
}

/** @param {Cell[]} cells */
function lookUpFigures(cells) {
  return HELD.flatMap((held) =>
    /** @type {const} */ (['sync', 'async']).flatMap((how) => {
      const slowest = Math.max(...cells.map((cell) => timeOf(cell, how, held.what)))
      return [
        atMost(`${held.what}, ${how}, slowest of all logs`, slowest, { most: held[how], unit: 'ms' }),
        atMost(`${held.what}, ${how}, slowest to fastest log`, flatness(cells, how, held.what), {
          most: FLAT,
          unit: 'x',
        }),
      ]
    }),
  )
}

/** @param {{ bare: number, modules: number }} base @param {number} runs */
function notesOf(base, runs) {
  return [
    `Memory is resident memory after the first read. Bare node: ${(base.bare / MIB).toFixed(1)} MiB; with varve's modules loaded: ${(base.modules / MIB).toFixed(1)} MiB.`,
    `Opening: medians of ${runs} new processes after one that warms the page cache; the clock runs from openStore() to the 20 events in hand; loading modules is not counted.`,
    'Look-ups: 200 timed ones of each kind (60 of pages of 1,000) after a third as many, each for something else, in one process with the store open for reading.',
    'Asynchronous reads: the Node storage without readSync. SQLite decodes data with JSON.parse and has no tail, chain or checksum.',
    'Batches hold at most 1,000 events, and no more than their segment: small logs in 4,096 segments have small ones.',
    'Entities have 20 events each, shuffled over the whole log.',
  ]
}

/** @param {number} value */
function count(value) {
  return value.toLocaleString('en')
}

/** @param {number} events */
function short(events) {
  return events >= 1e6 ? `${events / 1e6}M` : `${events / 1e3}k`
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`)
}
