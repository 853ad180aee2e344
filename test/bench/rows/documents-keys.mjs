/** One key among a million in the order in which they came.
 * @module */
import path from 'node:path'
import { openStore } from '../../../dist/src/index.js'
import { atMost, given, inFreshDirectory } from '../harness.mjs'
import { keysJson } from '../order-export.mjs'
import { runDocumentsChild } from '../spawn.mjs'
import { storageOf } from '../varve.mjs'

export const name = 'documents-keys'
const KEYS = 1_000_000
const KIB = 1_024

/** @returns {Promise<import('../harness.mjs').Row>} */
export function run() {
  const keys = given('events', KEYS)
  return inFreshDirectory(async (directory) => {
    const store = await openStore({ storage: storageOf(path.join(directory, 'store')) })
    const start = performance.now()
    const stat = await store.documents.writeJson('catalog', keysJson(keys))
    const ms = performance.now() - start
    await store.close()
    const found = await runDocumentsChild('keys', path.join(directory, 'store'), String(keys))
    const entries = Object.entries(found.measured)
    return {
      name,
      title: `${keys.toLocaleString('en')} keys of one object, in no order`,
      lines: [],
      tables: [
        {
          title: 'Look-ups, synchronous reads',
          rows: [
            ['what', 'p50', 'p99', 'most reads', 'most read', 'events scanned'],
            ...entries.map(([what, timed]) => [
              what,
              `${(timed.medianMs * 1_000).toFixed(1)} us`,
              `${(timed.p99Ms * 1_000).toFixed(1)} us`,
              String(timed.readsMax),
              `${(timed.bytesMax / KIB).toFixed(1)} KiB`,
              timed.scanned.toFixed(0),
            ]),
          ],
        },
      ],
      figures: entries.map(([what, timed]) =>
        atMost(`read for ${what}`, timed.bytesMax / KIB, { most: 64, unit: 'KiB' }),
      ),
      notes: [
        `Written in ${(ms / 1_000).toFixed(1)} s; ${(stat.sizeBytes / 1e6).toFixed(1)} MB, of it index ` +
          `${(stat.indexBytes / KIB).toFixed(1)} KiB.`,
      ],
    }
  })
}
