/** Snapshots made by hand: a store is written where a snapshot is, closed, and given the manifest of one.
 * @module */
import { encodeClosedManifest } from '../../../src/manifest/closed-manifest.ts'
import { type ManifestState, readManifest } from '../../../src/manifest/index.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { systemRandom } from '../../../src/ports/random.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import type { SourceTopic } from '../../../src/snapshot/host.ts'
import type { RestoreParts } from '../../../src/snapshot/restore/restore.ts'
import { openStore } from '../../../src/store/open.ts'
import type { Store, StoreOptions } from '../../../src/store/types.ts'

export const ID = 'snapshot-1000'

/** Make the snapshot `snapshot-1000` in `base` of what `work` does in an empty store. */
export async function frozenStore(
  base: Storage,
  work: (store: Store) => Promise<void>,
  options: Omit<StoreOptions, 'storage'> = {},
): Promise<ManifestState> {
  const storage = storageAt(base, `.snapshots/${ID}`)
  const store = await openStore({ ...options, storage })
  await work(store)
  await store.close()
  return freeze(base)
}

/** Make a snapshot of the store at rest that lies where `snapshot-1000` does. */
export async function freeze(base: Storage): Promise<ManifestState> {
  const storage = storageAt(base, `.snapshots/${ID}`)
  const view = await readManifest(storage)
  if (view === undefined) throw new Error('no manifest')
  const { removing: _, ...rest } = view.state
  const state = { ...rest, snapshot: { id: ID, timestamp: 1000 } }
  const facts = { owner: storage.owner.describe(), instance: 'frozen', digest: storage.digest }
  const { name, bytes } = encodeClosedManifest(state, { epoch: view.epoch + 1, ...facts })
  const handle = await storage.createExclusive(name)
  await handle.append(bytes)
  await handle.sync()
  await handle.close()
  return state
}

/** What a restore works with, in a place with the snapshot `snapshot-1000`. */
export function restoreParts(base: Storage, more: Partial<RestoreParts['host']> = {}): RestoreParts {
  const host: RestoreParts['host'] = {
    storage: base,
    clock: systemClock,
    random: systemRandom,
    storeId: 'live',
    adoptTopic: () => Promise.reject(new Error('no topics here')),
    checkWritable: () => undefined,
    closing: new AbortController().signal,
    ...more,
  }
  return { host, catalogue: new SnapshotCatalogue(base) }
}

/** A topic of a store at rest. */
export async function topicAt(storage: Storage, name: string): Promise<SourceTopic> {
  const view = await readManifest(storage)
  const row = view?.state.topics.find((topic) => topic.name === name)
  if (view === undefined || row === undefined) throw new Error(`no topic "${name}"`)
  return { storage, storeId: view.state.storeId, row, isAtRest: true }
}

/** All events of a topic, in order of partition and offset. */
export async function eventsOf(storage: Storage, topic: string): Promise<unknown[]> {
  const store = await openStore({ storage, readOnly: true })
  try {
    const opened = await store.topics.open(topic)
    const events: unknown[] = []
    for await (const event of opened.read({})) events.push(event)
    return events
  } finally {
    await store.close()
  }
}
