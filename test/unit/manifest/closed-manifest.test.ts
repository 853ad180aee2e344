/** The manifest of a snapshot: complete from the beginning, and read as a store that was closed cleanly.
 * @module */
import { expect, test } from 'vitest'
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { openStore } from '../../../src/index.ts'
import { encodeClosedManifest, NO_OWNER_EPOCH } from '../../../src/manifest/closed-manifest.ts'
import { type ManifestState, manifestName, readManifest } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

async function stateOf(storage: Storage): Promise<ManifestState> {
  const store = await openStore({ storage, clock: new ManualClock(), random: seededRandom(1) })
  const orders = await store.topics.open('orders', { create: { partitions: 2 } })
  await orders.append({ kind: 'Placed', entity: 'customer-1', data: {} })
  const board = await store.histories.open('board', { create: true })
  await board.append({ shapes: 1 })
  await store.documents.write('catalog', { products: [] })
  await store.close()
  const view = await readManifest(storage)
  if (view === undefined) throw new Error('There is no manifest')
  return view.state
}

test('encodeClosedManifest() makes a manifest that reads as a store that was closed cleanly', async () => {
  const storage = memoryStorage()
  const state = { ...(await stateOf(storage)), snapshot: { id: 'snapshot-7', timestamp: 7, label: 'l' } }
  const owner = storage.owner.describe()
  const { name, bytes } = encodeClosedManifest(state, { epoch: 9, owner, instance: 'i', digest: storage.digest })
  expect(name).toBe(manifestName(9))
  const place = memoryStorage()
  const handle = await place.createExclusive(name)
  await handle.append(bytes)
  const view = await readManifest(place)
  expect(view).toMatchObject({ epoch: 9, clean: true, notes: [], endPosition: bytes.length, lock: { epoch: 9 } })
  const { histories, ...rest } = view?.state ?? {}
  const { histories: before, ...wanted } = state
  expect(rest).toEqual(wanted)
  expect(histories?.[0]?.groups).toEqual(before?.[0]?.groups.map((group) => ({ ...group, epoch: NO_OWNER_EPOCH })))
  expect(before?.[0]?.groups[0]?.epoch).toBeUndefined()
})

test('encodeClosedManifest() is never taken for complete when any part of its end is missing', async () => {
  const storage = memoryStorage()
  const state = await stateOf(storage)
  const facts = { epoch: 2, owner: storage.owner.describe(), instance: 'i', digest: storage.digest }
  const { name, bytes } = encodeClosedManifest(state, facts)
  for (const size of [0, 1, 100, bytes.length >>> 1, bytes.length - 1]) {
    const place = memoryStorage()
    const handle = await place.createExclusive(name)
    await handle.append(bytes.subarray(0, size))
    expect((await readManifest(place))?.clean ?? false).toBe(false)
  }
})
