/** Idempotency keys: a million in the window, and what a repeated one costs; open and memory with and without them.
 * @module */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { alternate, atMost, directorySize, given, inFlight, inFreshDirectory, RUNS, speedup } from '../harness.mjs'
import { varveVersion } from '../peers.mjs'
import { median } from '../sampling.mjs'
import { runLeanChild } from '../spawn.mjs'
import { keyedEvent, openVarve } from '../varve.mjs'

export const name = 'idempotency'
const KEYS = 1_000_000
const IN_FLIGHT = 64
/** Single appends with and without keys, timed side by side. */
const TIMED_EVENTS = 50_000
const MIB = 1_048_576

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const keys = given('events', KEYS)
    const runs = given('runs', RUNS)
    const places = { keyed: path.join(directory, 'keyed'), plain: path.join(directory, 'plain') }
    for (const [how, place] of Object.entries(places)) {
      mkdirSync(place)
      const ms = await fill(place, { events: keys, isKeyed: how === 'keyed', durability: 'buffered' })
      process.stderr.write(`  ${keys} appends, ${how}: ${(ms / 1_000).toFixed(1)} s\n`)
    }
    /** @type {Record<string, any[]>} */
    const opened = { keyed: [], plain: [] }
    for (let round = 0; round <= runs; round++) {
      for (const [how, place] of Object.entries(places)) {
        const sample = await runLeanChild('keyed', place, how === 'keyed' ? String(keys) : '0')
        if (round > 0) opened[how]?.push(sample)
      }
    }
    const lines = await alternate(
      [timed(false, 'synced'), timed(true, 'synced'), timed(false, 'buffered'), timed(true, 'buffered')],
      { runs },
    )
    const sizes = { keyed: directorySize(places.keyed), plain: directorySize(places.plain) }
    return report(/** @type {import('../harness.mjs').Line[]} */ (lines), { keys, opened, sizes })
  })
}

/** Append single events, 64 in flight, into a new store. @param {string} directory
 * @param {{ events: number, isKeyed: boolean, durability: string }} options @returns {Promise<number>} milliseconds */
async function fill(directory, { events, isKeyed, durability }) {
  const { store, topic } = await openVarve(directory)
  const start = performance.now()
  await inFlight({ calls: events, width: IN_FLIGHT }, (number) => {
    const options = isKeyed ? { durability, idempotencyKey: `request-${number}` } : { durability }
    return topic.append(keyedEvent(number), /** @type {any} */ (options))
  })
  const ms = performance.now() - start
  await store.close()
  return ms
}

/** @param {boolean} isKeyed @param {string} durability */
function timed(isKeyed, durability) {
  return {
    label: `append ${isKeyed ? 'with a new key' : 'without a key'}`,
    version: varveVersion,
    durability,
    batch: 1,
    inFlight: IN_FLIGHT,
    events: TIMED_EVENTS,
    run: async (/** @type {string} */ directory) => {
      const ms = await fill(directory, { events: TIMED_EVENTS, isKeyed, durability })
      return { ms, sizeBytes: directorySize(directory) }
    },
  }
}

/** @param {import('../harness.mjs').Line[]} lines
 * @param {{ keys: number, opened: Record<string, any[]>, sizes: { keyed: number, plain: number } }} measured
 * @returns {import('../harness.mjs').Row} */
function report(lines, { keys, opened, sizes }) {
  const [plainSynced, keyedSynced, plainBuffered, keyedBuffered] = lines
  const of = (/** @type {string} */ how, /** @type {(sample: any) => number} */ pick) =>
    median((opened[how] ?? []).map(pick))
  const repeated = of('keyed', (sample) => sample.repeated.medianMs)
  const first = of('keyed', (sample) => sample.firstMs)
  const openRatio = of('keyed', ({ openMs }) => openMs) / of('plain', ({ openMs }) => openMs)
  const memory = (of('keyed', ({ openRss }) => openRss) - of('plain', ({ openRss }) => openRss)) / MIB
  const line = (/** @type {string} */ how, /** @type {number} */ sizeBytes) => [
    how === 'keyed' ? 'with keys' : 'without keys',
    `${of(how, ({ openMs }) => openMs).toFixed(1)} ms`,
    `${of(how, ({ firstMs }) => firstMs).toFixed(1)} ms`,
    `${(of(how, ({ openRss }) => openRss) / MIB).toFixed(1)} MiB`,
    `${(of(how, ({ rss }) => rss) / MIB).toFixed(1)} MiB`,
    `${(of(how, ({ rssAfter }) => rssAfter) / MIB).toFixed(1)} MiB`,
    `${(sizeBytes / 1e6).toFixed(1)} MB`,
  ]
  return {
    name,
    title: `${keys.toLocaleString('en')} idempotency keys in the window`,
    lines,
    tables: [
      {
        title: 'Opening in a new process after a clean close, medians',
        rows: [
          ['store', 'open', 'first append', 'memory after open', 'after the append', 'at the end', 'on disk'],
          line('keyed', sizes.keyed),
          line('plain', sizes.plain),
        ],
      },
    ],
    figures: [
      atMost('append with a repeated key, warm median', repeated, { most: 1, unit: 'ms' }),
      { what: 'append with a repeated key, the first one after open', value: first, unit: 'ms' },
      atMost('open with keys, to without', openRatio, { most: 1.1, unit: 'x' }),
      atMost('memory after open with keys, over without', memory, { most: 4, unit: 'MiB' }),
      { what: 'append with a new key, to without, synced', ...speedup(keyedSynced, plainSynced), unit: 'x' },
      { what: 'append with a new key, to without, buffered', ...speedup(keyedBuffered, plainBuffered), unit: 'x' },
    ],
    notes: [
      'The stores were written by single appends, 64 in flight, buffered. Repeated keys are drawn from all of them.',
      'With keys the first append repeats one, and 1,000 more follow; without it is a plain one, and the only one.',
      '"Unchanged" is held to 1.1x in time and 4 MiB in memory.',
    ],
  }
}
