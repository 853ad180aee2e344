/** The key-value stores: lmdb and classic-level, offset to event, every transaction or batch synced.
 *
 * lmdb is run in the fastest durable way that was found: shared record structures, and commits that sync before they
 * answer (`overlappingSync: false`). Neither keeps an index on entities, unless lmdb is asked to.
 * @module */
import path from 'node:path'
import { classicLevel, installedVersion, lmdb } from './peers.mjs'

/** @typedef {import('./payload.mjs').OrderEvent} OrderEvent */
/** @typedef {{ batch(events: OrderEvent[]): Promise<unknown>, put(event: OrderEvent): Promise<unknown>,
 *   count(): Promise<number>, close(): Promise<void> }} KeyValueLog */

export const lmdbVersion = () => `lmdb ${installedVersion('lmdb')}`
export const levelVersion = () => `classic-level ${installedVersion('classic-level')}`

/** A key that no offset has: lmdb keeps its record structures there. */
const STRUCTURES_KEY = 0xffff_ffff

/** @param {string} directory @param {{ byEntity?: boolean }} [options] @returns {KeyValueLog} */
export function openLmdb(directory, { byEntity = false } = {}) {
  const root = lmdb().open({ path: path.join(directory, 'lmdb'), overlappingSync: false, maxDbs: 2 })
  const events = root.openDB({ name: 'events', keyEncoding: 'uint32', sharedStructuresKey: STRUCTURES_KEY })
  const entities = byEntity ? root.openDB({ name: 'entities', dupSort: true, encoding: 'ordered-binary' }) : undefined
  let next = 0
  const add = (/** @type {OrderEvent} */ event) => {
    const offset = next++
    entities?.put(event.entity, offset)
    return events.put(offset, event)
  }
  return {
    batch: (added) =>
      root.batch(() => {
        for (const event of added) add(event)
      }),
    put: add,
    count: async () => events.getKeysCount({ end: STRUCTURES_KEY }),
    close: () => root.close(),
  }
}

/** @param {string} directory @returns {Promise<KeyValueLog>} */
export async function openLevel(directory) {
  const { ClassicLevel } = classicLevel()
  const database = new ClassicLevel(path.join(directory, 'level'), { valueEncoding: 'json' })
  await database.open()
  let next = 0
  const key = () => String(next++).padStart(16, '0')
  return {
    batch: (added) =>
      database.batch(
        added.map((value) => ({ type: 'put', key: key(), value })),
        { sync: true },
      ),
    put: (event) => database.put(key(), event, { sync: true }),
    count: async () => (await database.keys().all()).length,
    close: () => database.close(),
  }
}
