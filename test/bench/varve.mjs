/** varve as the benchmarks use it: the built package, on the Node storage.
 * @module */

import { nodeStorage } from '../../dist/adapters/node/index.js'
import { openStore } from '../../dist/src/index.js'

/** @typedef {import('./payload.mjs').OrderEvent} OrderEvent */

export const TOPIC = 'orders'

/** Open a store and its topic in `directory`; both are created when missing.
 * @param {string} directory @param {any} [storage] default the Node storage */
export async function openVarve(directory, storage = nodeStorage(directory)) {
  const store = await openStore({ storage })
  const topic = await store.topics.open(TOPIC, { create: true })
  return { store, topic }
}

/** Fill a new store: batches of 1,000, two in flight, closed at the end.
 * @param {string} directory @param {OrderEvent[][]} batches */
export async function fillVarve(directory, batches) {
  const { store, topic } = await openVarve(directory)
  let pending = Promise.resolve()
  for (const batch of batches) {
    const previous = pending
    pending = topic.append(batch)
    await previous
  }
  await pending
  await store.close()
}

/** A storage that counts the bytes read from each kind of file.
 * @param {string} directory */
export function tracedStorage(directory) {
  /** @type {Record<string, number>} */
  const bytesByKind = {}
  const count = (/** @type {string} */ path, /** @type {number} */ bytes) => {
    const kind = /\.\w+$/.exec(path)?.[0] ?? path.replace(/-?\d+$/, '')
    bytesByKind[kind] = (bytesByKind[kind] ?? 0) + bytes
    return bytes
  }
  const traced = (/** @type {any} */ handle) => ({
    path: handle.path,
    size: () => handle.size(),
    read: async (/** @type {number} */ position, /** @type {Uint8Array} */ into) =>
      count(handle.path, await handle.read(position, into)),
    ...(handle.readSync && {
      readSync: (/** @type {number} */ position, /** @type {Uint8Array} */ into) =>
        count(handle.path, handle.readSync(position, into)),
    }),
    close: () => handle.close(),
  })
  const storage = new Proxy(nodeStorage(directory), {
    get(target, key) {
      if (key === 'openRead') return async (/** @type {string} */ path) => traced(await target.openRead(path))
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { storage, bytesByKind }
}
