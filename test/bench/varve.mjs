/** varve as the benchmarks use it: the built package, on the Node storage.
 * @module */

import { nodeStorage } from '../../dist/adapters/node/index.js'
import { openStore } from '../../dist/src/index.js'

/** @typedef {import('./payload.mjs').OrderEvent} OrderEvent */

export const TOPIC = 'orders'

/** Open a store and its topic in `directory`; both are created when missing.
 * @param {string} directory @param {any} [storage] default the Node storage
 * @param {{ readOnly?: boolean, checkpoint?: boolean, create?: any }} [options] `create`: options of a new topic */
export async function openVarve(directory, storage = nodeStorage(directory), options = {}) {
  const { create = true, ...opening } = options
  const store = await openStore({ storage, ...opening })
  const topic = await store.topics.open(TOPIC, opening.readOnly === true ? {} : { create })
  return { store, topic }
}

/** The Node storage; `isAsync`: without synchronous reads, as storages of browsers and edge workers are.
 * @param {string} directory @param {boolean} [isAsync] */
export function storageOf(directory, isAsync = false) {
  const storage = nodeStorage(directory)
  if (!isAsync) return storage
  return withReads(storage, {
    capabilities: { ...storage.capabilities, syncReads: false },
    wrap: (handle) => ({
      path: handle.path,
      size: () => handle.size(),
      read: (/** @type {number} */ position, /** @type {Uint8Array} */ into) => handle.read(position, into),
      close: () => handle.close(),
    }),
  })
}

/** A storage whose read handles are wrapped. @param {any} storage
 * @param {{ wrap: (handle: any) => unknown, capabilities?: unknown }} options */
function withReads(storage, { wrap, capabilities = storage.capabilities }) {
  return new Proxy(storage, {
    get(target, key) {
      if (key === 'capabilities') return capabilities
      if (key === 'openRead') return async (/** @type {string} */ path) => wrap(await target.openRead(path))
      const value = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** The event of a keyed append: the same for the same number, as a retry sends it. @param {number} number */
export function keyedEvent(number) {
  return { kind: 'Requested', entity: `account-${number % 10_000}`, at: 1_760_000_000_000 + number, data: { number } }
}

/** Fill a new store: batches of 1,000, two in flight, closed at the end.
 * @param {string} directory @param {OrderEvent[][]} batches
 * @param {{ create?: any, segments?: number }} [options] `create`: options of the topic; `segments`: where to stop */
export async function fillVarve(directory, batches, { create = true, segments = Number.POSITIVE_INFINITY } = {}) {
  const { store, topic } = await openVarve(directory, undefined, { create })
  let pending = Promise.resolve()
  for (const batch of batches) {
    const previous = pending
    pending = topic.append(batch)
    await previous
    if (topic.stats().partitions[0].segments >= segments) break
  }
  await pending
  await store.close()
}

/** A storage that counts the bytes read from each kind of file, and the calls.
 * @param {string} directory */
export function tracedStorage(directory) {
  /** @type {Record<string, number>} */
  const bytesByKind = {}
  /** @type {Record<string, number>} */
  const readsByKind = {}
  const count = (/** @type {string} */ path, /** @type {number} */ bytes) => {
    const kind = /\.\w+$/.exec(path)?.[0] ?? path.replace(/-?\d+$/, '')
    bytesByKind[kind] = (bytesByKind[kind] ?? 0) + bytes
    readsByKind[kind] = (readsByKind[kind] ?? 0) + 1
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
  return { storage: withReads(nodeStorage(directory), { wrap: traced }), bytesByKind, readsByKind }
}
