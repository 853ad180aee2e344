/** Stores with snapshots to be copied elsewhere, without the store's own way to make them.
 * @module */
import { memoryStorage } from '../../../adapters/memory/index.ts'
import { isVarveError, VarveError } from '../../../src/errors.ts'
import { openStore } from '../../../src/index.ts'
import { type ManifestState, readManifest } from '../../../src/manifest/index.ts'
import type { Storage } from '../../../src/ports/storage.ts'
import { SnapshotCatalogue } from '../../../src/snapshot/catalogue/catalogue.ts'
import { checkTruth } from '../../../src/snapshot/check/check.ts'
import { type CopyOptions, copySnapshot } from '../../../src/snapshot/export/copy-snapshot.ts'
import { derivedFiles, truthFiles } from '../../../src/snapshot/files/state-files.ts'
import { transfer } from '../../../src/snapshot/files/transfer.ts'
import type { SnapshotCopyReport } from '../../../src/snapshot/types.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { createSmallTopic } from '../../support/small-segments.ts'

const FIRST_AT = 1_700_000_000_000

/** A store that only this test has, closed whenever nobody asks it for something. */
export class Source {
  readonly storage: Storage
  readonly catalogue: SnapshotCatalogue
  readonly clock = new ManualClock(FIRST_AT)
  readonly #random = seededRandom(7)
  #events = 0
  #snapshots = 0

  constructor(storage: Storage) {
    this.storage = storage
    this.catalogue = new SnapshotCatalogue(storage)
  }

  /** Segments hold a few appends of `size` events each. */
  async createTopic(segmentBytes = 4096): Promise<void> {
    const place = { storage: this.storage, clock: this.clock, random: this.#random }
    await createSmallTopic(place, { name: 'orders', partitions: 1, segmentBytes })
  }

  /** Append so many batches of ten events. */
  async grow(batches: number): Promise<void> {
    const store = await this.#open()
    const topic = await store.topics.open('orders')
    for (let batch = 0; batch < batches; batch++) {
      const events = Array.from({ length: 10 }, () => {
        const number = this.#events++
        return { kind: 'Placed', entity: `customer-${number % 17}`, at: number, data: { number, note: noteOf(number) } }
      })
      await topic.append(events)
    }
    await store.close()
  }

  async writeDocument(name: string, value: unknown): Promise<void> {
    const store = await this.#open()
    await store.documents.write(name, value as never)
    await store.close()
  }

  async deleteDocument(name: string): Promise<void> {
    const store = await this.#open()
    await store.documents.delete(name)
    await store.close()
  }

  async appendVersion(name: string, value: unknown): Promise<void> {
    const store = await this.#open()
    const history = await store.histories.open(name, { create: {} })
    await history.append(value as never)
    await store.close()
  }

  async prune(offset: number): Promise<void> {
    const store = await this.#open()
    const topic = await store.topics.open('orders')
    await topic.prune({ before: offset })
    await store.close()
  }

  /** How many segments of the topic are sealed. */
  async sealed(): Promise<number> {
    const segments = (await readManifest(this.storage))?.state.topics[0]?.partitions[0]?.segments ?? []
    return segments.filter(({ sealed }) => sealed !== undefined).length
  }

  /** Take a snapshot of everything. @returns its id. */
  async snapshot(): Promise<string> {
    const view = await readManifest(this.storage)
    if (view === undefined) throw new Error('There is no store')
    const timestamp = FIRST_AT + this.#snapshots++
    const id = `snapshot-${timestamp}`
    const { removing: _, untidyDocuments: __, untidyHistories: ___, ...kept } = view.state
    const state: ManifestState = { ...kept, snapshot: { id, timestamp } }
    const truth = truthFiles(state).map(({ path, kind, sizeBytes }) => {
      const copied = kind === 'active' ? { copyBytes: sizeBytes } : {}
      return { from: path, to: path, ...copied }
    })
    const derived = (await derivedFiles(this.storage, state)).map(({ path }) => ({ from: path, to: path }))
    await transfer({ from: this.storage, to: this.catalogue.storageOf(id) }, [...truth, ...derived], {})
    const owner = this.storage.owner.describe()
    await this.catalogue.publish(id, state, { epoch: view.epoch + 1, owner, random: this.#random })
    return id
  }

  #open() {
    return openStore({ storage: this.storage, clock: this.clock, random: this.#random })
  }
}

function noteOf(number: number): string {
  return `note ${Math.imul(number + 1, 0x9e3779b1) >>> 0}`.repeat(3)
}

let copies = 0

/** Where a copy comes from and goes to. */
interface Places {
  readonly from: SnapshotCatalogue
  readonly to: SnapshotCatalogue
}

/** Copy with a check of what arrives. */
export function copy(places: Places, id: string, options: Partial<CopyOptions> = {}): Promise<SnapshotCopyReport> {
  const random = seededRandom(++copies)
  return copySnapshot(places, id, { check: checkTruth, clock: new ManualClock(), random, ...options })
}

/** Everything that a reader sees in a snapshot, as text. */
export async function contentOf(storage: Storage): Promise<string> {
  const store = await openStore({ storage, readOnly: true, clock: new ManualClock(), random: seededRandom(1) })
  const seen: unknown[] = []
  for (const { topic: name } of await store.topics.list()) {
    const topic = await store.topics.open(name)
    for await (const event of topic.read({})) seen.push(event)
  }
  for (const { name } of await store.documents.list()) seen.push(name, await store.documents.read(name))
  for (const { history: name } of await store.histories.list()) {
    const history = await store.histories.open(name)
    const { items } = await history.list()
    for (const { version } of items) seen.push(name, version, await history.read({ version }))
  }
  await store.close()
  return JSON.stringify(seen)
}

/** Every file under a directory with its bytes' number. */
export async function filesUnder(storage: Storage, directory = ''): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'directory') for (const [under, size] of await filesUnder(storage, path)) found.set(under, size)
    else {
      const handle = await storage.openRead(path)
      found.set(path, await handle.size())
      await handle.close()
    }
  }
  return found
}

/** Change one byte of a file; whoever has the same bytes under another name keeps them. */
export async function flipByte(storage: Storage, path: string, position: number): Promise<void> {
  const handle = await storage.openRead(path)
  const bytes = new Uint8Array(await handle.size())
  await handle.read(0, bytes)
  await handle.close()
  bytes[position] = (bytes[position] ?? 0) ^ 1
  await storage.remove(path)
  await putFile(storage, path, bytes)
}

export async function putFile(storage: Storage, path: string, bytes: Uint8Array): Promise<void> {
  const handle = await storage.createExclusive(path)
  await handle.append(bytes)
  await handle.sync()
  await handle.close()
}

/** Files and their bytes. */
export type Image = ReadonlyMap<string, Uint8Array>

/** Everything under a directory. */
export async function bytesUnder(storage: Storage, directory = ''): Promise<Image> {
  const image = new Map<string, Uint8Array>()
  for (const [path, sizeBytes] of await filesUnder(storage, directory)) {
    const handle = await storage.openRead(path)
    const bytes = new Uint8Array(sizeBytes)
    await handle.read(0, bytes)
    await handle.close()
    image.set(path, bytes)
  }
  return image
}

export async function sourceOf(batches: number): Promise<Source> {
  const source = new Source(memoryStorage())
  await source.createTopic()
  await source.grow(batches)
  return source
}

/** What a promise is rejected with. */
export async function failureOf(work: Promise<unknown>): Promise<VarveError> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (isVarveError(error)) return error
  throw new Error(`Not refused: ${String(error)}`)
}

export function bytesOf(files: ReadonlyMap<string, number>): number {
  return [...files].reduce((total, [path, size]) => (path.includes('MANIFEST') ? total : total + size), 0)
}

/** A storage on which a copy can be stopped, filled up or read wrongly. */
export function wrapped(storage: Storage, by: Partial<Storage>): Storage {
  return new Proxy(storage, {
    get: (target, name) => {
      const found = name in by ? by[name as keyof Storage] : target[name as keyof Storage]
      return typeof found === 'function' ? found.bind(name in by ? by : target) : found
    },
  })
}

/** A storage with so much room. */
export function fullAfter(storage: Storage, roomBytes: number): Storage {
  let left = roomBytes
  return wrapped(storage, {
    createExclusive: async (path) => {
      const handle = await storage.createExclusive(path)
      const append = handle.append.bind(handle)
      handle.append = (bytes) => {
        left -= bytes.length
        if (left < 0) throw new VarveError('STORAGE_FULL', 'Cannot write: the device is full', { details: { path } })
        return append(bytes)
      }
      return handle
    },
  })
}
