/** Bytes on disk per event beyond the packed data: batches of 1,000, and single appends.
 * @module */
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { atMost, directorySize, inFlight, inFreshDirectory } from '../harness.mjs'
import { batchesOf, orderEvents } from '../payload.mjs'
import { varveVersion } from '../peers.mjs'
import { packValues } from '../reference.mjs'
import { fillVarve, openVarve } from '../varve.mjs'

export const name = 'size'
const EVENTS = 200_000

/** @returns {Promise<import('../harness.mjs').Row>} */
export async function run() {
  const events = orderEvents({ count: EVENTS })
  const packedBytes = packValues(events.map((event) => event.data)).sizeBytes
  const over = (/** @type {number} */ sizeBytes) => (sizeBytes - packedBytes) / EVENTS
  const inBatches = await measured((directory) => fillVarve(directory, batchesOf(events, 1_000)))
  const grouped = await measured((directory) => appendSingly(directory, events, { width: 64, durability: 'synced' }))
  const singly = await measured((directory) => appendSingly(directory, events, { width: 1, durability: 'buffered' }))
  const line = { version: varveVersion, events: EVENTS, perSecond: Number.NaN, medianMs: Number.NaN, ms: [] }
  return {
    name,
    title: 'bytes per event over the packed values, all files after a clean close',
    lines: [
      { ...line, label: 'varve, batches of 1,000', durability: 'synced', batch: 1_000, inFlight: 2, ...inBatches },
      {
        ...line,
        label: 'varve, single appends, 64 in flight',
        durability: 'synced',
        batch: 1,
        inFlight: 64,
        ...grouped,
      },
      {
        ...line,
        label: 'varve, single appends, one at a time',
        durability: 'buffered',
        batch: 1,
        inFlight: 1,
        ...singly,
      },
    ],
    figures: [
      atMost('batches of 1,000', over(inBatches.sizeBytes), { most: 24, unit: 'bytes' }),
      atMost('single appends, 64 in flight', over(grouped.sizeBytes), { most: 144, unit: 'bytes' }),
      atMost('single appends, one at a time', over(singly.sizeBytes), { most: 144, unit: 'bytes' }),
    ],
    notes: [
      `Packed values: ${(packedBytes / EVENTS).toFixed(1)} bytes per event, data as msgpackr records with shared structures.`,
      ...[inBatches, grouped, singly].map(({ kinds }, index) => {
        const label = ['Batches of 1,000', '64 in flight', 'One at a time'][index]
        return `${label}, bytes per event by kind of file: ${kinds}.`
      }),
    ],
  }
}

/** @param {(directory: string) => Promise<void>} fill */
function measured(fill) {
  return inFreshDirectory(async (directory) => {
    await fill(directory)
    return { sizeBytes: directorySize(directory), kinds: byKind(directory) }
  })
}

/** @param {string} directory @param {import('../payload.mjs').OrderEvent[]} events
 * @param {{ width: number, durability: 'synced' | 'buffered' }} options */
async function appendSingly(directory, events, { width, durability }) {
  const { store, topic } = await openVarve(directory)
  const append = (/** @type {number} */ index) => topic.append(/** @type {any} */ (events[index]), { durability })
  await inFlight({ calls: events.length, width }, append)
  await store.close()
}

/** @param {string} directory */
function byKind(directory) {
  /** @type {Record<string, number>} */
  const kinds = {}
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const kind = path.extname(entry.name) || entry.name.replace(/-?\d+$/, '')
    kinds[kind] = (kinds[kind] ?? 0) + statSync(path.join(entry.parentPath ?? entry.path, entry.name)).size
  }
  return Object.entries(kinds)
    .map(([kind, bytes]) => `${kind} ${(bytes / EVENTS).toFixed(2)}`)
    .join(', ')
}
