/** 100,000 versions of a small document: appends at the beginning and at the end, look-ups and opening as they become
 * more. `--events=N,...`: at which numbers of versions to look, ascending.
 * @module */
import assert from 'node:assert/strict'
import { nodeStorage } from '../../../dist/adapters/node/index.js'
import { openStore } from '../../../dist/src/index.js'
import { atMost, givenList, inFreshDirectory } from '../harness.mjs'
import { bytes, HISTORY, milliseconds, openHistory, say, storedBytes } from '../histories.mjs'
import { coprimeStep, seeded } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { median, quantile, timeCalls } from '../sampling.mjs'

export const name = 'histories-many'
const MARKS = [1_000, 10_000, 100_000]
const CALLS = 2_000
const OPENS = 9
/** Appends that are timed one by one. */
const TIMED = 500
const BEGIN = 1_760_000_000_000
const STEP_MS = 1_000
/** Versions of a group with default settings; the next look-up is in another group than the last four. */
const GROUP = 128

/** @typedef {{ medianMs: number, p99Ms: number }} Timed
 * @typedef {{ versions: number, appends: number[], get: Timed, getNear: Timed, find: Timed, findNear: Timed,
 *   openMs: number, first: { openMs: number, findMs: number }, stored: ReturnType<typeof storedBytes>,
 *   cpuMs: number }} Mark */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  const marks = givenList('events', MARKS)
  return inFreshDirectory(async (directory) => {
    /** @type {Mark[]} */
    const measured = []
    const { store, history } = await openHistory(directory)
    const document = smallDocument()
    const opening = await append(history, document, { from: 0, to: Math.min(TIMED, marks[0] ?? 0) })
    let versions = opening.times.length
    for (const mark of marks) {
      const begun = process.cpuUsage()
      const before = Math.max(versions, mark - TIMED)
      await append(history, document, { from: versions, to: before })
      const { times } = await append(history, document, { from: before, to: mark })
      const { user, system } = process.cpuUsage(begun)
      const cpuMs = (user + system) / 1_000 / (mark - versions)
      versions = mark
      measured.push({ versions, appends: times, cpuMs, ...(await look(directory, history, versions)) })
      say(`${bytes(versions)} versions: append ${milliseconds(median(times))}`)
    }
    await store.close()
    const closed = { opens: await timeOpens(directory, false), stored: storedBytes(directory) }
    return report(opening.times, measured, closed)
  })
}

/** A counter, a state and a text, as a setting or the status of a job. */
function smallDocument() {
  return {
    job: 'import-7',
    state: 'running',
    done: 0,
    total: 100_000,
    worker: { host: 'node-3', pid: 4_711 },
    note: '',
  }
}

/** Append one after the other, each durable. @param {any} history @param {ReturnType<typeof smallDocument>} document
 * @param {{ from: number, to: number }} range */
async function append(history, document, { from, to }) {
  const times = []
  for (let index = from; index < to; index++) {
    document.done = index
    if (index % 10 === 0) document.note = `batch ${index / 10}`
    const start = performance.now()
    const { version } = await history.append(document, { at: BEGIN + index * STEP_MS })
    times.push(performance.now() - start)
    assert.equal(version, index + 1)
  }
  return { times }
}

/** @param {string} directory @param {any} history @param {number} versions */
async function look(directory, history, versions) {
  const far = eachInAnotherGroup(versions)
  const near = within(Math.max(1, versions - GROUP + 1), versions)
  const get = (/** @type {() => number} */ prepare) =>
    timeCalls({
      calls: CALLS,
      prepare,
      call: async (version) => ({ version, value: await history.read({ version }) }),
      check: ({ version, value }) => assert.equal(value.done, version - 1),
    })
  const find = (/** @type {() => number} */ prepare) =>
    timeCalls({
      calls: CALLS,
      // Between this version and the next one.
      prepare: () => ({ version: prepare() }),
      call: async ({ version }) => ({ version, found: await history.find({ time: timeIn(version) }) }),
      check: ({ version, found }) => assert.equal(found.version, version),
    })
  return {
    get: await get(far),
    getNear: await get(near),
    find: await find(far),
    findNear: await find(near),
    openMs: median(await timeOpens(directory, true)),
    first: await firstFind(directory, versions),
    stored: storedBytes(directory),
  }
}

/** @param {number} version */
function timeIn(version) {
  return BEGIN + (version - 1) * STEP_MS + STEP_MS / 2
}

/** Versions of which each is in another group than those before it, so that its file is not open.
 * @param {number} versions @returns {() => number} */
function eachInAnotherGroup(versions) {
  const random = seeded(versions)
  const groups = Math.max(1, Math.floor(versions / GROUP))
  const step = coprimeStep(groups)
  let group = 0
  return () => {
    group = (group + step) % groups
    return Math.min(versions, 1 + group * GROUP + Math.floor(random() * GROUP))
  }
}

/** @param {number} from @param {number} to @returns {() => number} */
function within(from, to) {
  const random = seeded(to)
  return () => from + Math.floor(random() * (to - from + 1))
}

/** @param {string} directory @param {boolean} readOnly beside a writer */
async function timeOpens(directory, readOnly) {
  const times = []
  for (let round = 0; round < OPENS; round++) {
    const start = performance.now()
    const store = await openStore({ storage: nodeStorage(directory), readOnly })
    times.push(performance.now() - start)
    await store.close()
  }
  return times
}

/** A store that opens, and its first look-up. @param {string} directory @param {number} versions */
async function firstFind(directory, versions) {
  const start = performance.now()
  const store = await openStore({ storage: nodeStorage(directory), readOnly: true })
  const opened = performance.now()
  const history = await store.histories.open(HISTORY)
  const version = versions >> 1
  assert.equal((await history.find({ time: timeIn(version) })).version, version)
  const found = performance.now()
  await store.close()
  return { openMs: opened - start, findMs: found - opened }
}

/** @param {number[]} opening @param {Mark[]} marks
 * @param {{ opens: number[], stored: ReturnType<typeof storedBytes> }} closed
 * @returns {import('../harness.mjs').Row} */
function report(opening, marks, closed) {
  const [first, last] = /** @type {[Mark, Mark]} */ ([marks[0], marks.at(-1)])
  const rate = (/** @type {number[]} */ times) => 1_000 / (times.reduce((sum, ms) => sum + ms, 0) / times.length)
  const flat = (/** @type {'get' | 'find'} */ what) =>
    atMost(
      `${what} in another group, p50, ${bytes(last.versions)} to ${bytes(first.versions)} versions`,
      last[what].medianMs / first[what].medianMs,
      { most: 1.5, unit: 'x' },
    )
  const longest = (/** @type {(mark: Mark) => number} */ of) => Math.max(...marks.map(of))
  return {
    name,
    title: `${bytes(last.versions)} versions of a small document`,
    lines: [],
    tables: [{ title: `${varveVersion}, default settings`, rows: [HEADS, ...marks.map(cellsOf)] }],
    figures: [
      flat('get'),
      flat('find'),
      atMost(
        'find, p50, the slowest',
        longest(({ find, findNear }) => Math.max(find.medianMs, findNear.medianMs)),
        MS,
      ),
      atMost(
        'find, p99, the slowest',
        longest(({ find, findNear }) => Math.max(find.p99Ms, findNear.p99Ms)),
        MS,
      ),
      { what: `first ${opening.length} appends`, value: Math.round(rate(opening)), unit: 'per second' },
      { what: `last ${last.appends.length} appends`, value: Math.round(rate(last.appends)), unit: 'per second' },
      { what: 'the last to the first appends, p50', value: median(last.appends) / median(opening), unit: 'x' },
      { what: 'open by the next writer', value: median(closed.opens), unit: 'ms' },
    ],
    notes: [
      `After it was closed and opened ${OPENS} times: groups ${bytes(closed.stored.groups)} B, manifest ` +
        `${bytes(closed.stored.manifest)} B, all files ${bytes(closed.stored.all)} B.`,
      `Longest first find of a store that just opened ${milliseconds(longest((mark) => mark.first.findMs))}, with its ` +
        `opening of ${milliseconds(longest((mark) => mark.first.openMs))} before it.`,
      'Appends come one after the other, each durable. Look-ups go to another group each time, whose file is not open, ' +
        `or stay among the newest ${GROUP} versions; p99 of appends at the end ` +
        `${milliseconds(quantile(last.appends, 0.99))}. Opens in the table are read-only, beside the writer.`,
    ],
  }
}

const MS = { most: 1, unit: 'ms' }
const HEADS = [
  ...['versions', 'append', 'processor', 'get, another group', 'p99', 'get, newest', 'find, another group', 'p99'],
  ...['find, newest', 'p99', 'open', 'groups, B', 'manifest, B'],
]

/** @param {Mark} mark */
function cellsOf({ versions, appends, cpuMs, get, getNear, find, findNear, openMs, stored }) {
  return [
    bytes(versions),
    ...[median(appends), cpuMs, get.medianMs, get.p99Ms, getNear.medianMs].map(milliseconds),
    ...[find.medianMs, find.p99Ms, findNear.medianMs, findNear.p99Ms, openMs].map(milliseconds),
    bytes(stored.groups),
    bytes(stored.manifest),
  ]
}
