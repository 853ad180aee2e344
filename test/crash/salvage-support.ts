/** Stores to damage, and what a salvage of them must hold: every event that it serves is the one that was there, and
 * what it does not serve is exactly what it states as gaps.
 * @module */
import type { OpenReport, Store } from '../../src/store/types.ts'
import type { StoredEvent, Topic } from '../../src/topic/types.ts'
import { faultStorage } from '../faults/fault-storage.ts'
import { imageStorage, type StoreImage } from '../faults/image-storage.ts'
import { must, mustEqual, plain } from '../support/scenario.ts'
import { Caller, createSmall, openForTest } from './oracle.ts'
import { closedStore } from './whole.ts'
import type { Workload } from './workloads.ts'

const SEGMENT_BYTES = 60_000

/** Two topics and three partitions, sealed segments, batches of one block and of many, tables of shapes; the second of
 * two owners ends cleanly, or as by kill -9 when `closes` is not set. */
export const varied =
  (closes: boolean): Workload =>
  async (files, ledger) => {
    await createSmall(faultStorage(files), ledger, { name: 'orders', partitions: 1, segmentBytes: SEGMENT_BYTES })
    await createSmall(faultStorage(files), ledger, { name: 'items', partitions: 2, segmentBytes: 3000 })
    for (let round = 0; round < 2; round++) {
      const store = await openForTest(faultStorage(files))
      const caller = new Caller(store, ledger, round * 1000)
      await caller.use('orders', 1)
      await caller.use('items', 2)
      for (let turn = 0; turn < 3; turn++) {
        await caller.append('orders', 1)
        await caller.append('orders', 8, { size: 6000 })
        await caller.append('orders', 3, { size: 200 })
        for (let entity = 0; entity < 4; entity++) await caller.append('items', 2, { entity: `e${entity}`, size: 300 })
      }
      if (round === 0 || closes) await store.close()
    }
  }

/** Compressed blocks and a chain over single events. */
export const packed: Workload = async (files, ledger) => {
  const options = { compression: 'deflate', chain: 'events' } as const
  await createSmall(faultStorage(files), ledger, { name: 'orders', partitions: 1, segmentBytes: 9_000, ...options })
  const store = await openForTest(faultStorage(files))
  const caller = new Caller(store, ledger)
  await caller.use('orders', 1)
  for (let turn = 0; turn < 3; turn++) {
    await caller.append('orders', 4, { size: 6_000 })
    await caller.append('orders', 2, { idempotencyKey: `key-${turn}` })
  }
  await store.close()
}

/** Owners that vanish with batches in flight, so that recovery moves tails to new segments. */
export const moved: Workload = async (files, ledger) => {
  for (let round = 0; round < 4; round++) {
    const store = await openForTest(faultStorage(files))
    const caller = new Caller(store, ledger, round * 1000)
    if (round === 0) await caller.create('orders', { partitions: 1 })
    else await caller.use('orders', 1)
    for (let turn = 0; turn < 3; turn++) await caller.append('orders', 1 + turn, { size: 600 })
    await caller.append('orders', 2, { durability: 'buffered', size: 300 })
  }
}

/** Events by topic and partition: `orders/0`. */
export type Events = ReadonlyMap<string, readonly string[]>

export interface SalvageSubject {
  readonly image: StoreImage
  /** What the store holds while it is whole, as its next owner finds it. */
  readonly events: Events
  readonly versions: ReadonlyMap<string, number>
}

const ENTITIES = ['entity-0', 'entity-1', 'entity-2', 'e0', 'e1', 'e2', 'e3', 'nobody']

export async function salvageSubject(workload: Workload): Promise<SalvageSubject> {
  const image = await closedStore(workload)
  const store = await openForTest(imageStorage(image))
  const events = new Map<string, string[]>()
  const versions = new Map<string, number>()
  for (const topic of await topicsOf(store)) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const all: string[] = []
      for await (const event of topic.read({ partition })) all.push(plain(event))
      events.set(`${topic.name}/${partition}`, all)
    }
    for (const entity of ENTITIES) versions.set(`${topic.name} ${entity}`, await topic.version(entity))
  }
  await store.close()
  return { image, events, versions }
}

async function topicsOf(store: Store): Promise<Topic[]> {
  const topics: Topic[] = []
  for (const { topic } of await store.topics.list()) topics.push(await store.topics.open(topic))
  return topics
}

type Gap = OpenReport['gaps'][number]

export interface Served {
  readonly report: OpenReport
  /** How many events are served, of all topics. */
  readonly count: number
  /** By topic and partition: the offsets that are served. */
  readonly offsets: ReadonlyMap<string, readonly number[]>
}

/** Open a damaged store and hold it against what it was. @throws {ScenarioFailure} */
export async function mustServe(subject: SalvageSubject, image: StoreImage): Promise<Served> {
  const store = await openForTest(imageStorage(image), { readOnly: 'salvage' })
  try {
    const { openReport } = store
    const offsets = new Map<string, number[]>()
    let count = 0
    for (const topic of await topicsOf(store)) {
      for (let partition = 0; partition < topic.partitions; partition++) {
        const name = `${topic.name}/${partition}`
        const gaps = openReport.gaps.filter((gap) => gap.topic === topic.name && gap.partition === partition)
        const served = await mustServePartition({ topic, partition, gaps }, subject.events.get(name) ?? [])
        offsets.set(name, served)
        count += served.length
      }
      await mustHaveVersions(topic, subject, openReport)
    }
    const verified = await store.verify()
    must(openReport.gaps.length === 0 || !verified.ok, 'verify finds nothing although there are gaps')
    return { report: openReport, count, offsets }
  } finally {
    await store.close()
  }
}

async function mustServePartition(
  place: { topic: Topic; partition: number; gaps: readonly Gap[] },
  original: readonly string[],
): Promise<number[]> {
  const { topic, partition, gaps } = place
  const where = `${topic.name}/${partition}`
  const stats = topic.stats().partitions[partition]
  const end = stats?.highWatermark ?? 0
  const start = stats?.logStartOffset ?? 0
  must(end <= original.length, () => `${where} ends at ${end} instead of ${original.length}`)
  const lost = new Set<number>()
  for (const { from, to } of gaps)
    for (let offset = from; offset < to; offset++) {
      must(!lost.has(offset) && offset < end, () => `${where}: gap at ${offset} is stated twice or lies behind the end`)
      lost.add(offset)
    }
  const served: number[] = []
  const texts: string[] = []
  for await (const events of topic.read({ partition }).batches())
    for (const event of events) {
      mustEqual(plain(event), original[event.offset], () => `${where} at ${event.offset}`)
      served.push(event.offset)
      texts.push(plain(event))
    }
  const wanted: number[] = []
  for (let offset = start; offset < end; offset++) if (!lost.has(offset)) wanted.push(offset)
  mustEqual(served, wanted, `${where}: what is served is what is no gap`)
  const backward: string[] = []
  for await (const event of topic.read({ partition, direction: 'backward' })) backward.push(plain(event))
  mustEqual(backward.reverse(), texts, `${where} backwards`)
  for (let offset = start; offset < end; offset++) {
    const event: StoredEvent | undefined = await topic.get(offset, { partition })
    mustEqual(event && plain(event), lost.has(offset) ? undefined : original[offset], `${where}: get ${offset}`)
    if (offset % 5 !== 0) continue
    const page = await topic.page({ partition, from: offset, limit: 3 })
    const next = served.filter((one) => one >= offset).slice(0, 3)
    mustEqual(
      page.items.map((item) => item.offset),
      next,
      `${where}: page from ${offset}`,
    )
  }
  return served
}

/** A version may be lower than it was only where its last event lies in a gap, or behind the durable end. */
async function mustHaveVersions(topic: Topic, subject: SalvageSubject, report: OpenReport): Promise<void> {
  const ends = topic.stats().partitions.map(({ highWatermark }) => highWatermark)
  for (const entity of ENTITIES) {
    const was = subject.versions.get(`${topic.name} ${entity}`) ?? 0
    const version = await topic.version(entity)
    if (version === was) continue
    const isLost =
      ends.some((end) => end < was) ||
      report.gaps.some(({ topic: name, from, to }) => name === topic.name && from < was && to >= was)
    must(version < was && isLost, () => `version of ${entity} in ${topic.name} is ${version} instead of ${was}`)
  }
}
