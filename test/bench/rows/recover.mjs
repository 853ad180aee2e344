/** Open after kill -9: how much is read, and how it compares with decoding the unsealed tail.
 * @module */
import assert from 'node:assert/strict'
import { cpSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { Unpackr } from 'msgpackr/unpack'
import { alternate, atLeast, atMost, inFreshDirectory, speedup } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { msgpackrVersion, varveVersion } from '../peers.mjs'
import { packValues } from '../reference.mjs'
import { killChild, runChild } from '../spawn.mjs'

export const name = 'recover'
/** Enough for one sealed segment of 64 MiB and a long tail. */
const EVENTS = 500_000

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  return inFreshDirectory(async (directory) => {
    const killed = path.join(directory, 'killed')
    process.stderr.write(`  filling ${EVENTS} events in a process that is then killed\n`)
    await killChild('fill', killed, String(EVENTS))
    const first = await onCopy(killed, path.join(directory, 'first'))
    assert.ok(first.events >= EVENTS, 'every acknowledged event is there')
    const tailEvents = first.openReport.rowsReplayed
    const shape = { batch: 1_000, inFlight: '-', events: tailEvents, durability: 'after SIGKILL' }
    const lines = await alternate([
      { ...shape, label: 'varve open', version: varveVersion, run: recovery(killed, 'openMs') },
      { ...shape, label: 'varve .batches() over the tail', version: varveVersion, run: recovery(killed, 'decodeMs') },
      {
        ...shape,
        label: 'unpackMultiple, as many values in memory',
        version: msgpackrVersion,
        run: unpacking(tailEvents),
      },
    ])
    return report(/** @type {import('../harness.mjs').Line[]} */ (lines), first, segmentSizes(killed))
  })
}

/** Recover a copy, because recovery changes what it opens. @param {string} killed @param {string} copy */
function onCopy(killed, copy) {
  cpSync(killed, copy, { recursive: true })
  return runChild('recover', copy)
}

/** @param {string} killed @param {'openMs' | 'decodeMs'} part */
function recovery(killed, part) {
  return async (/** @type {string} */ directory) => {
    const result = await onCopy(killed, path.join(directory, 'copy'))
    return { ms: result[part] }
  }
}

/** @param {number} count */
function unpacking(count) {
  const { packed, structures } = packValues(orderEvents({ count }).map((event) => event.data))
  const chunks = batchesOf(packed, 1_000).map((part) => Buffer.concat(part))
  const unpackr = new Unpackr({ structures: /** @type {any} */ (structures) })
  return async () => {
    const start = performance.now()
    let seen = 0
    for (const chunk of chunks) seen += /** @type {any[]} */ (unpackr.unpackMultiple(chunk)).length
    const ms = performance.now() - start
    assert.equal(seen, count)
    return { ms }
  }
}

/** @param {string} directory @returns {number[]} sizes of the segments in order */
function segmentSizes(directory) {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  const segments = names.filter((name) => name.endsWith('.log')).sort()
  return segments.map((name) => statSync(path.join(directory, name)).size)
}

/** @param {import('../harness.mjs').Line[]} lines @param {any} first @param {number[]} sizes
 * @returns {import('../harness.mjs').Row} */
function report(lines, first, sizes) {
  const [open, decode, unpack] = lines
  const tailBytes = sizes.at(-1) ?? 0
  return {
    name,
    title: 'open after kill -9',
    lines,
    figures: [
      atMost('bytes of segments read at open, of those in the unsealed one', first.openReport.bytesRead / tailBytes, {
        most: 1.01,
        unit: 'times',
      }),
      atMost('segments read at open', first.openReport.segmentsRead, { most: 1, unit: 'segments' }),
      atLeast('open to decoding the same tail', speedup(open, decode), 3),
      { what: 'open to unpackMultiple over as many values in memory', ...speedup(open, unpack), unit: 'x' },
    ],
    notes: [
      `Segments in bytes: ${sizes.join(', ')}; all events: ${first.events}.`,
      `Open report: ${JSON.stringify(first.openReport)}.`,
      'Open and decoding run in a new process each time, on a copy of the killed store; unpackMultiple runs warm.',
    ],
  }
}
