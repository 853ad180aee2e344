/** A store, or what is read as one, held against the model.
 * @module */
import { expect } from 'vitest'
import { openStore } from '../../src/index.ts'
import type { Storage } from '../../src/ports/storage.ts'
import type { SnapshotInfo } from '../../src/snapshot/types.ts'
import type { Store } from '../../src/store/types.ts'
import type { Topic } from '../../src/topic/types.ts'
import type { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { collect } from '../unit/topic/support.ts'
import {
  endOf,
  eventsOf,
  type ModelSnapshot,
  type ModelStore,
  type ModelTopic,
  readable,
  versionOf,
} from './snapshot-model.ts'
import { ENTITIES } from './snapshot-plans.ts'

/** Work with a store that nobody else has open. */
export async function withStore<T>(
  storage: Storage,
  { readOnly = false, clock }: { readonly readOnly?: boolean; readonly clock: ManualClock },
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await openStore({ storage, readOnly, clock, random: seededRandom(9) })
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** Compare everything. */
export async function mustHave(store: Store, model: ModelStore): Promise<void> {
  expect((await store.topics.list()).map(({ topic }) => topic)).toEqual([...model.topics.keys()].sort())
  for (const [name, topic] of model.topics) await mustHaveEvents(await store.topics.open(name), topic)
  expect((await store.documents.list()).map(({ name }) => name)).toEqual([...model.documents.keys()].sort())
  for (const [name, value] of model.documents) expect(await store.documents.read(name)).toEqual(value)
  expect((await store.histories.list()).map(({ history }) => history)).toEqual([...model.histories.keys()].sort())
  for (const [name, values] of model.histories) {
    const history = await store.histories.open(name)
    expect((await history.list()).items.map(({ version }) => version)).toEqual(values.map((_, at) => at + 1))
    for (const [at, value] of values.entries()) expect(await history.read({ version: at + 1 })).toEqual(value)
  }
  const projections = await store.projections.list()
  expect(projections.map(({ projection }) => projection)).toEqual([...model.projections.keys()].sort())
  for (const [name, { positions, state }] of model.projections) {
    const projection = await store.projections.open(name)
    expect((await projection.status()).publishedPositions).toEqual(positions)
    expect((await projection.state()).state).toEqual(state)
  }
}

/** Compare a topic: what is read, ids, versions, keys. */
export async function mustHaveEvents(topic: Topic, model: ModelTopic): Promise<void> {
  const stats = topic.stats()
  expect(stats.events).toBe(eventsOf([model]))
  const ids = new Map<string, unknown>()
  for (const [partition, row] of model.partitions.entries()) {
    const { start: logStartOffset } = row
    expect(stats.partitions[partition]).toMatchObject({ partition, logStartOffset, highWatermark: endOf(row) })
    const events = readable(row)
    expect(await collect(topic.read({ partition })), `partition ${partition}`).toEqual(events)
    for (const event of events) if (!event.id.startsWith('own-')) ids.set(event.id, event)
    const middle = logStartOffset + Math.floor(events.length / 2)
    expect(await topic.get(middle, { partition })).toEqual(events[middle - logStartOffset])
  }
  for (const [id, event] of ids) expect(await topic.page({ id })).toMatchObject({ items: [event] })
  for (const entity of ENTITIES) expect(await topic.version(entity), entity).toBe(versionOf(model, entity))
  for (const [key, { partition, firstOffset, events }] of model.keys) {
    const start = model.partitions[partition]?.start ?? 0
    const offsets = events.map((_, at) => firstOffset + at).filter((offset) => offset >= start)
    const { items } = await topic.page({ idempotencyKey: key, partition })
    expect(items.map(({ offset }) => offset).filter((offset) => offset >= firstOffset)).toEqual(offsets)
  }
}

/** Rows as lists give them. */
export function mustList(infos: readonly SnapshotInfo[], models: readonly ModelSnapshot[]): void {
  expect(infos.map(({ id }) => id)).toEqual(models.map(({ id }) => id))
  for (const [at, info] of infos.entries()) mustTell(info, models[at] as ModelSnapshot)
}

/** What a row says of a snapshot. */
export function mustTell(info: SnapshotInfo, { id, timestamp, target, label, pinned, store }: ModelSnapshot): void {
  const { topic, partition } = target
  const { topics, documents, histories, projections } = store
  const counts = { topics: topics.size, documents: documents.size, histories: histories.size }
  expect(info).toMatchObject({ id, timestamp, pinned, ...counts, projections: projections.size })
  expect([info.topic, info.partition, info.label]).toEqual([topic, partition, label])
  expect(info.events).toBe(eventsOf(topics.values()))
  const parts = topic === undefined ? [] : (topics.get(topic) as ModelTopic).partitions
  const one = partition === undefined ? (parts.length === 1 ? parts[0] : undefined) : parts[partition]
  expect([info.baseOffset, info.highWatermark]).toEqual([one?.start, one && endOf(one)])
}

/** Bytes of all files in a directory, and the paths. */
export async function filesUnder(storage: Storage, directory = ''): Promise<{ path: string; bytes: number }[]> {
  const files: { path: string; bytes: number }[] = []
  for (const { name, kind } of await storage.list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`
    if (kind === 'directory') files.push(...(await filesUnder(storage, path)))
    else {
      const handle = await storage.openRead(path)
      files.push({ path, bytes: await handle.size() })
      await handle.close()
    }
  }
  return files
}
