/** The first answer without derived files: no checkpoint, no term indexes, against decoding every event.
 *
 * Every run is a new process on a copy of the store, because opening makes derived files again.
 * @module */
import { copyFileSync, linkSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { alternate, atLeast, given, inFreshDirectory, RUNS, speedup } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { runChild } from '../spawn.mjs'
import { fillVarve } from '../varve.mjs'

export const name = 'noindex'
const EVENTS = 1_000_000
const ENTITIES = 50_000
const ENTITY = 'customer-314'
/** `.terms` beside segments, merged runs of them, and the checkpoint of the tail. */
const TERMS = /\.terms$|^terms-/
const DERIVED = /\.terms$|^terms-|\.ckpt$|\.index$|\.timeindex$/

/** @typedef {{ without: RegExp | undefined, how: string }} Copy */

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const events = given('events', EVENTS)
    const stored = path.join(directory, 'stored')
    mkdirSync(stored)
    process.stderr.write(`  filling ${events} events\n`)
    await fillVarve(stored, batchesOf(orderEvents({ count: events, entities: ENTITIES }), 1_000))
    /** @type {Map<string, any>} */
    const last = new Map()
    const side = (/** @type {string} */ label, /** @type {Copy} */ copy) =>
      sideOf(stored, { label, copy, events, last })
    const lines = await alternate(
      [
        side('all files there', { without: undefined, how: 'entity' }),
        side('no .terms', { without: TERMS, how: 'entity' }),
        side('no .terms, no checkpoint, no indexes', { without: DERIVED, how: 'entity' }),
        side('no .terms, `checkpoint: false`', { without: TERMS, how: 'entity-no-checkpoint' }),
        side('decode every event, .batches()', { without: DERIVED, how: 'decode' }),
      ],
      { runs: given('runs', RUNS) },
    )
    return report(/** @type {import('../harness.mjs').Line[]} */ (lines), last)
  })
}

/** @param {string} stored
 * @param {{ label: string, copy: Copy, events: number, last: Map<string, any> }} options */
function sideOf(stored, { label, copy, events, last }) {
  return {
    label,
    version: varveVersion,
    durability: 'after clean close',
    batch: '-',
    inFlight: 1,
    events,
    run: async (/** @type {string} */ directory) => {
      copyStore(stored, { to: path.join(directory, 'copy'), without: copy.without })
      const result = await runChild('answer', path.join(directory, 'copy'), copy.how, ENTITY)
      last.set(label, result)
      return { ms: result.ms }
    },
  }
}

/** Copy a store; segments, which are never written in place below their end, are linked.
 * @param {string} from @param {{ to: string, without: RegExp | undefined }} options */
function copyStore(from, { to, without }) {
  mkdirSync(to)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) copyStore(source, { to: target, without })
    else if (without?.test(entry.name)) continue
    else if (entry.name.endsWith('.log')) linkSync(source, target)
    else copyFileSync(source, target)
  }
}

/** @param {import('../harness.mjs').Line[]} lines @param {Map<string, any>} last
 * @returns {import('../harness.mjs').Row} */
function report(lines, last) {
  const [all, noTerms, nothing, noCheckpoint, decoding] = lines
  return {
    name,
    title: "open and the first full answer, one entity's 20 events, without derived files",
    lines,
    figures: [
      atLeast('no .terms, no checkpoint, no indexes, to decoding every event', speedup(nothing, decoding), 3),
      atLeast('no .terms, `checkpoint: false`, to decoding every event', speedup(noCheckpoint, decoding), 3),
      { what: 'no .terms, to decoding every event', ...speedup(noTerms, decoding), unit: 'x' },
      { what: 'all files there, to decoding every event', ...speedup(all, decoding), unit: 'x' },
    ],
    notes: [
      'The clock runs from openStore() to the answer, open included, on all sides; loading modules is not counted.',
      ...[...last].map(
        ([label, { openMs, readMs, openReport }]) =>
          `Last run, ${label}: open ${openMs.toFixed(1)} ms, answer ${readMs.toFixed(1)} ms, ${openReport.segmentsRead} segments and ${openReport.bytesRead} bytes read at open.`,
      ),
    ],
  }
}
