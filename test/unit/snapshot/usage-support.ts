/** Changes to a store with snapshots, and what it takes on the device.
 * @module */
import { readManifest } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { storageAt } from '../../../src/ports/storage-at.ts'
import { usageOf } from '../../../src/snapshot/policy/usage.ts'
import type { SnapshotUsage } from '../../../src/snapshot/types.ts'
import { putBytes, type Still, sizesIn } from './still-host.ts'

/** Bytes on the device: those of a file with several names count once. */
export async function bytesOn(storage: Storage): Promise<number> {
  let bytes = 0
  for (const [path, size] of await sizesIn(storage, ''))
    if (path !== '.snapshots/snapshots.json') bytes += size / (await storage.linkCount(path))
  return Math.round(bytes)
}

/** A millisecond later, so that random ids differ. */
export function write(still: Still, change: Parameters<Still['write']>[0]): Promise<void> {
  still.clock.setWall(still.clock.now() + 1)
  return still.write(change)
}

/** Append so many events, so that segments are sealed. */
export function grow(still: Still, events: number): Promise<void> {
  return write(still, async (store) => {
    const orders = await store.topics.open('orders')
    for (let number = 0; number < events; number++)
      await orders.append({ kind: 'Placed', entity: 'customer-1', data: { number, note: 'x'.repeat(400) } })
  })
}

export function rewrite(still: Still, size: number): Promise<void> {
  return write(still, async (store) => {
    await store.documents.write('catalog', { text: 'y'.repeat(size) })
  })
}

export function prune(still: Still): Promise<void> {
  return write(still, async (store) => {
    const orders = await store.topics.open('orders')
    await orders.prune({ before: 20 })
  })
}

export async function usageIn(still: Still): Promise<SnapshotUsage[]> {
  const view = await readManifest(still.storage)
  if (view === undefined) throw new Error('There is no store')
  return usageOf(still.catalogue, view.state)
}

export function sharesOf({ sharedWithStoreBytes, sharedWithSnapshotsBytes, ownBytes }: SnapshotUsage): number {
  return sharedWithStoreBytes + sharedWithSnapshotsBytes + ownBytes
}

/** Damage the manifest of a snapshot that the catalogue lists. */
export async function tearManifest(still: Still, id: string): Promise<void> {
  const place = storageAt(still.storage, `.snapshots/${id}`)
  const manifest = (await place.list('')).find(({ name }) => name.startsWith('MANIFEST-'))
  await putBytes(place, manifest?.name ?? '', new Uint8Array(100))
}
