/** A store at rest, with topics, a document and a history, of which snapshots are taken without the store's own way to
 * do it.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { VarveError } from '../../../src/errors.ts'
import { openStore } from '../../../src/index.ts'
import { type ManifestState, readManifest } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import { createSnapshot } from '../../../src/snapshot/create.ts'
import type { SnapshotHost } from '../../../src/snapshot/host.ts'
import type { CreateSnapshotOptions, SnapshotInfo } from '../../../src/snapshot/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { createSmallTopic } from '../../support/small-segments.ts'

export const FIRST_AT = 1_700_000_000_000

export interface Still {
  readonly storage: Storage
  readonly catalogue: SnapshotCatalogue
  readonly clock: ManualClock
  /** What `diagnose` was told. */
  readonly told: string[]
  /** The store was taken over. */
  fenced: boolean
  /** The store closes. */
  readonly closing: AbortController
  /** How many cuts hold files. */
  held: number
  /** Another storage, in the place of the store's own. */
  through(storage: Storage): Still
  take(options?: CreateSnapshotOptions): Promise<SnapshotInfo>
  /** Open the store, do something, and close it. */
  write(change: (store: Awaited<ReturnType<typeof openStore>>) => Promise<void>): Promise<void>
}

/** Fill a store. `orders` has several sealed segments. */
export async function stillStore(storage: Storage = memoryStorage()): Promise<Still> {
  const clock = new ManualClock(FIRST_AT)
  await createSmallTopic(
    { storage, clock, random: seededRandom(1) },
    { name: 'orders', partitions: 1, segmentBytes: 4096 },
  )
  const still = stillOver(storage, clock)
  await still.write(async (store) => {
    const orders = await store.topics.open('orders')
    for (let number = 0; number < 30; number++) await orders.append(eventOf(number))
    const wide = await store.topics.open('wide', { create: { partitions: 2 } })
    for (let number = 0; number < 8; number++) await wide.append(eventOf(number))
    await store.documents.write('catalog', { products: ['pen', 'ink'] })
    const board = await store.histories.open('board', { create: true })
    for (let version = 1; version <= 3; version++) await board.append({ shapes: version })
  })
  return still
}

function eventOf(number: number) {
  return { kind: 'Placed', entity: `customer-${number % 7}`, data: { number, note: 'x'.repeat(400) } }
}

/** @param manifests where the manifest of the store is read; default where the store is. */
export function stillOver(storage: Storage, clock: ManualClock, manifests = storage): Still {
  const told: string[] = []
  const still: Still = {
    storage,
    clock,
    told,
    fenced: false,
    held: 0,
    closing: new AbortController(),
    catalogue: new SnapshotCatalogue(storage, {
      isFenced: () => still.fenced,
      diagnose: (code) => told.push(code),
    }),
    through: (other) => stillOver(other, clock),
    take: async (options = {}) => {
      clock.setWall(clock.now() + 1)
      return createSnapshot({ host: await hostOf(still, manifests), catalogue: still.catalogue }, options)
    },
    write: async (change) => {
      const store = await openStore({ storage, clock, random: seededRandom(clock.now()) })
      try {
        await change(store)
      } finally {
        await store.close()
      }
    },
  }
  return still
}

async function hostOf(still: Still, manifests: Storage): Promise<SnapshotHost> {
  const { storage, clock, closing } = still
  const view = await readManifest(manifests)
  if (view === undefined) throw new Error('There is no store')
  const { state } = view
  const unused = () => Promise.reject(new Error('Not for these tests'))
  const checkOpen = () => {
    if (closing.signal.aborted) throw new VarveError('STORE_CLOSED', 'The store is closed')
  }
  return {
    storage,
    clock,
    random: seededRandom(3),
    storeId: state.storeId,
    epoch: view.epoch,
    closing: closing.signal,
    checkOpen,
    checkWritable: checkOpen,
    isFenced: () => still.fenced,
    cut: async ({ topic }) => {
      still.held++
      const release = () => {
        still.held--
      }
      return { state: only(state, topic), timestamp: clock.now(), release }
    },
    adoptTopic: unused,
    verify: unused,
  }
}

function only(state: ManifestState, topic: string | undefined): ManifestState {
  if (topic === undefined) return state
  const { documents: _, histories: __, projections: ___, ...rest } = state
  return { ...rest, topics: state.topics.filter(({ name }) => name === topic) }
}

/** Every file under a directory, with its size. */
export async function sizesIn(storage: Storage, directory: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'directory') for (const [file, size] of await sizesIn(storage, path)) sizes.set(file, size)
    else sizes.set(path, (await bytesOf(storage, path)).length)
  }
  return sizes
}

export async function bytesOf(storage: Storage, path: string): Promise<Uint8Array> {
  const handle = await storage.openRead(path)
  try {
    const bytes = new Uint8Array(await handle.size())
    await handle.read(0, bytes)
    return bytes
  } finally {
    await handle.close()
  }
}

/** Put bytes in the place of a file, as somebody else might. */
export async function putBytes(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
  await storage.remove(path)
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.close()
}
