/** What the scenarios of snapshots share: a store on a disk that fails and crashes on demand, and ways to meddle
 * with it.
 * @module */
import { openStore } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import { checkTruth } from '../../src/snapshot/check/check.ts'
import type { Store, StoreOptions } from '../../src/store/types.ts'
import type { StoredEvent, Topic } from '../../src/topic/types.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { type Stalled, stalledStorage } from '../faults/stalled-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { mustEqual } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { mustSettle } from '../support/settle.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { scenario } from './history-support.ts'

/** Without a minimum interval. */
export const NOW = { minIntervalMs: 0 }

/** A store with the topic `orders`, some sealed segments of which there are, a document and a history. */
export interface Shelf {
  readonly files: FaultFiles
  readonly storage: Storage
  readonly clock: ManualClock
  readonly store: Store
  readonly orders: Topic
  /** The store again, by another owner or after a crash. */
  again(options?: Partial<StoreOptions>, files?: FaultFiles): Promise<Store>
  /** Another place on the same disk. */
  other(): Storage
  /** Whoever looks from elsewhere. */
  catalogue(files?: FaultFiles): SnapshotCatalogue
}

interface ShelfOptions {
  /** The store sees this in the place of its storage. */
  readonly view?: (storage: Storage) => Storage
}

let seeds = 0

/** Run with a store, and let time pass while it waits. Whatever is thrown is a wrong answer. */
export function shelf(run: (shelf: Shelf) => Promise<void>, { view = (storage) => storage }: ShelfOptions = {}) {
  return scenario(() => {
    const clock = new ManualClock()
    const work = async () => {
      const files = new FaultFiles()
      const storage = view(faultStorage(files))
      const again = (options: Partial<StoreOptions> = {}, disk = files) =>
        openStore({ storage: faultStorage(disk), clock, random: seededRandom(++seeds), ...options })
      const small = { name: 'orders', partitions: 1, segmentBytes: 2_000 }
      await createSmallTopic({ storage: faultStorage(files), clock, random: seededRandom(++seeds) }, small)
      const store = await again({ storage })
      const orders = await store.topics.open('orders')
      await fill(orders, 8)
      await store.documents.write('catalog', { products: ['pen'] })
      await (await store.histories.open('board', { create: true })).append({ shapes: 1 })
      const other = () => faultStorage(files, undefined, 'other')
      const catalogue = (disk = files) => new SnapshotCatalogue(faultStorage(disk))
      await run({ files, storage, clock, store, orders, again, other, catalogue })
    }
    return mustSettle(work(), () => clock.advance(200))
  })
}

/** The same with a storage of the store one call of which waits. */
export function stalledShelf(
  isPlace: (method: string, path: string) => boolean,
  run: (shelf: Shelf, stalled: Stalled) => Promise<void>,
) {
  return async () => {
    const made: Stalled[] = []
    const view = (storage: Storage) => {
      const stalled = stalledStorage(storage, isPlace)
      made.push(stalled)
      return stalled.storage
    }
    await shelf((its) => run(its, made[0] as Stalled), { view })()
  }
}

/** Let what is under way go on. */
export async function someTurns(turns = 80): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Append single events of 500 bytes. */
export async function fill(topic: Topic, count: number): Promise<void> {
  for (let number = 0; number < count; number++)
    await topic.append({ kind: 'Placed', entity: `order-${number % 3}`, data: { number, note: 'x'.repeat(500) } })
}

export async function eventsOf(topic: Topic): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for await (const event of topic.read()) events.push(event)
  return events
}

/** Every snapshot that somebody sees from elsewhere is complete. @returns their ids. */
export async function mustBeComplete(catalogue: SnapshotCatalogue, when: string): Promise<string[]> {
  const ids = (await catalogue.list()).map(({ id }) => id)
  for (const id of ids) {
    const { problems } = await checkTruth(catalogue.storageOf(id), await catalogue.state(id), {})
    mustEqual(problems, [], `damage in ${id} ${when}`)
  }
  return ids
}

/** Every file under a directory, and, with a slash at the end, every directory. */
export async function treeIn(storage: Storage, directory = ''): Promise<string[]> {
  const paths: string[] = []
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'directory') paths.push(`${path}/`, ...(await treeIn(storage, path)))
    else paths.push(path)
  }
  return paths.sort()
}

/** Only the files. */
export async function filesIn(storage: Storage, directory = ''): Promise<string[]> {
  return (await treeIn(storage, directory)).filter((path) => !path.endsWith('/'))
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

/** Put other bytes in the place of a file; who has another name of it keeps its bytes. */
export async function putBytes(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
  await storage.remove(path)
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.close()
}

type Call = (...given: unknown[]) => unknown

/** An object with another method in the place of one. */
export function instead<T extends object>(
  object: T,
  method: string,
  call: (original: Call, ...given: unknown[]) => unknown,
): T {
  return new Proxy(object, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      const original: Call = (...given) => member.apply(target, given)
      return name === method ? (...given: unknown[]) => call(original, ...given) : original
    },
  })
}
