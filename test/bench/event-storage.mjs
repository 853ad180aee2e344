/** event-storage, the closest kin on npm: every flush synced, and buffers that hold a whole batch, one sync.
 *
 * It keeps no index on entities (its streams are separate index files), so all events go to one stream. A commit is
 * acknowledged after the sync of the data; its index files follow later.
 * @module */
import { eventStorage, installedVersion } from './peers.mjs'

export const eventStorageVersion = () => `event-storage ${installedVersion('event-storage')}`

/** @param {string} directory
 * @returns {Promise<{ commit(events: unknown[]): Promise<void>, length: number, close(): void }>} */
export async function openEventStorage(directory) {
  const EventStore = eventStorage()
  const store = new EventStore('bench', {
    storageDirectory: directory,
    storageConfig: {
      syncOnFlush: true,
      writeBufferSize: 1 << 20,
      indexOptions: { syncOnFlush: true, writeBufferSize: 1 << 16 },
    },
  })
  await new Promise((resolve) => store.once('ready', resolve))
  return {
    commit: (events) => new Promise((resolve) => store.commit('orders', events, () => resolve())),
    get length() {
      return store.length
    },
    close: () => store.close(),
  }
}
