/** A store of everything with snapshots, and other places beside it on the same disk; what they answer.
 *
 * In `store` the store, with three snapshots, the first of them pinned; in `place` a place that the first was exported
 * to; in `other` one that a snapshot was exported to which the store has no more; in `old` another store.
 * @module */
import { isVarveError, openStore, type Store, type StoreOptions } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import { SnapshotCatalogue } from '../../src/snapshot/catalogue/catalogue.ts'
import { checkTruth } from '../../src/snapshot/check/check.ts'
import type { SnapshotInfo } from '../../src/snapshot/types.ts'
import type { Disk } from '../faults/disk.ts'
import { FaultFiles } from '../faults/fault-files.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { plain } from '../support/scenario.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { mustSettle } from '../support/settle.ts'
import { createSmallTopic } from '../support/small-segments.ts'
import { recording } from './projections-oracle.ts'

/** Time between two snapshots. */
const APART_MS = 1_000
const FIRST_AT = 1_700_000_000_000

export interface World {
  /** Everything in it durable. */
  readonly disk: Disk
  /** Of the store, the oldest first; the first is pinned. */
  readonly infos: readonly [SnapshotInfo, SnapshotInfo, SnapshotInfo]
  /** What is in `other`. */
  readonly exported: SnapshotInfo
  /** What each snapshot answers, by id, and `store`. */
  readonly texts: ReadonlyMap<string, string>
}

/** The storage of a place on a disk. */
export function placeOn(files: FaultFiles, place = 'store'): Storage {
  return faultStorage(files, undefined, place)
}

let seed = 0
let clock = new ManualClock()

function openAt(storage: Storage, options: Partial<StoreOptions> = {}): Promise<Store> {
  return openStore({ storage, clock, random: seededRandom(++seed), ...options })
}

/** Let some time pass for every store of a world. */
export function passTime(): Promise<void> {
  return clock.advance(200)
}

/** Open the store of a place so that snapshots may follow each other at once. */
export function openWorld(storage: Storage, readOnly = false): Promise<Store> {
  return openAt(storage, { readOnly, snapshotPolicy: { minIntervalMs: 0 } })
}

/** Begin with a world: a later time, and identifiers that repeat with the run and that it does not have. */
export function beginWith(world: World): FaultFiles {
  later()
  return new FaultFiles({ disk: world.disk })
}

/** Go on some time after a world was made. */
export function later(): void {
  seed = 1_000
  clock = new ManualClock(FIRST_AT + 100 * APART_MS)
}

export async function snapshotsWorld(): Promise<World> {
  clock = new ManualClock(FIRST_AT)
  seed = 0
  const files = new FaultFiles()
  const infos = await mustSettle(make(files), passTime)
  const [first, second, exported, third] = infos
  const settled = files.crashImage(files.position, 'kept', 0)
  const texts = new Map<string, string>()
  const open = await openWorld(placeOn(settled), true)
  for (const { id } of [first, second, third]) texts.set(id, await storeText(await open.snapshots.storageOf(id)))
  await open.close()
  texts.set('store', await storeText(placeOn(settled)))
  texts.set('old', await storeText(placeOn(settled, 'old')))
  texts.set(exported.id, await storeText(new SnapshotCatalogue(placeOn(settled, 'other')).storageOf(exported.id)))
  const { disk } = files.crashImage(files.position, 'kept', 0)
  return { disk, infos: [first, second, third], exported, texts }
}

async function make(files: FaultFiles): Promise<[SnapshotInfo, SnapshotInfo, SnapshotInfo, SnapshotInfo]> {
  const place = { storage: placeOn(files), clock, random: seededRandom(99) }
  await createSmallTopic(place, { name: 'orders', partitions: 1, segmentBytes: 700 })
  const store = await openWorld(placeOn(files))
  const take = async (options = {}) => {
    const info = await store.snapshots.create(options)
    for (let passed = 0; passed < APART_MS; passed += 200) await passTime()
    return info
  }
  await store.projections.open('seen', { create: { topic: 'orders', keep: 'history', everyEvents: 3 } })
  const write = async (round: number) => {
    await appendTo(
      store,
      'orders',
      [0, 1, 2, 3].map((at) => round * 100 + at),
    )
    await (await store.topics.open('wide', { create: { partitions: 2 } })).append(eventsOf(round, 2))
    await store.documents.write('catalog', { round, products: ['pen', 'ink'] })
    const board = await store.histories.open('board', { create: true })
    for (let at = 0; at < 2; at++) await board.append({ round, at, shapes: ['box', 'line'] })
    await (await store.projections.open('seen', { fold: recording(1, 1) })).run()
  }
  await write(1)
  await (await store.topics.open('orders')).prune({ before: 6 })
  const first = await take({ label: 'the first', pinned: true })
  await store.snapshots.export(first.id, placeOn(files, 'place'))
  await write(2)
  const second = await take()
  const exported = await take({ topic: 'orders' })
  await store.snapshots.export(exported.id, placeOn(files, 'other'))
  await store.snapshots.delete(exported.id)
  await write(3)
  const third = await take()
  await appendTo(store, 'orders', [900])
  await store.close()
  const old = await openAt(placeOn(files, 'old'))
  await (await old.topics.open('orders', { create: true })).append(eventsOf(7, 3))
  await old.documents.write('catalog', { old: true })
  await (await old.histories.open('board', { create: true })).append({ old: true })
  await old.close()
  return [first, second, exported, third]
}

/** Append batches of three. */
export async function appendTo(store: Store, name: string, numbers: readonly number[]): Promise<void> {
  const topic = await store.topics.open(name)
  for (const number of numbers) await topic.append(eventsOf(number, 3))
}

function eventsOf(number: number, count: number) {
  return Array.from({ length: count }, (_, at) => ({
    kind: 'Noted',
    entity: `entity-${(number + at) % 4}`,
    data: { number, at, note: `${number}`.repeat(10) },
  }))
}

/** Everything that a store, or a snapshot, answers. */
export async function storeText(storage: Storage): Promise<string> {
  const store = await openAt(storage, { readOnly: true })
  try {
    return await textOf(store)
  } finally {
    await store.close()
  }
}

export async function textOf(store: Store): Promise<string> {
  const parts: string[] = []
  for (const { topic: name } of await store.topics.list()) {
    const topic = await store.topics.open(name)
    parts.push(name)
    for await (const event of topic.read()) parts.push(plain(event))
    for (const entity of ['entity-0', 'entity-1', 'nobody']) parts.push(`${entity} ${await topic.version(entity)}`)
  }
  for (const { name, version } of await store.documents.list())
    parts.push(`${name} ${version} ${plain(await store.documents.read(name))}`)
  for (const { history: name, newestVersion } of await store.histories.list()) {
    const history = await store.histories.open(name)
    for (let version = 1; version <= newestVersion; version++)
      parts.push(`${name} ${version} ${plain(await history.read({ version }))}`)
  }
  for (const { projection } of await store.projections.list())
    parts.push(`${projection} ${plain((await (await store.projections.open(projection)).state())?.state)}`)
  return parts.join('\n')
}

/** What is wrong with a snapshot: its details, or any byte that its manifest names. */
export async function wrongWith(catalogue: SnapshotCatalogue, wanted: SnapshotInfo): Promise<string[]> {
  try {
    const { storeId: _, partitions: __, ...details } = await catalogue.details(wanted.id)
    const { pinned: _p, ...row } = details
    const { pinned: _w, ...same } = wanted
    const state = await catalogue.state(wanted.id)
    const { problems } = await checkTruth(catalogue.storageOf(wanted.id), state, {})
    const wrong = problems.map(({ code, file }) => `${wanted.id}: ${code} ${file}`)
    return plain(row) === plain(same) ? wrong : [`${wanted.id} is ${plain(row)}, not ${plain(same)}`, ...wrong]
  } catch (error) {
    if (!isVarveError(error)) throw error
    return [`${wanted.id}: ${error.code}`]
  }
}
