/** A store, its snapshots and what becomes of them, in plain arrays: shares nothing with the product but its types.
 * @module */
import type { SnapshotTarget, Until } from '../../src/snapshot/types.ts'
import type { NewEvent, StoredEvent } from '../../src/topic/types.ts'

/** One partition: every event from `base` on, pruned ones too, because they count for versions. */
export interface ModelPartition {
  readonly base: number
  /** Log start: what is below cannot be read. */
  readonly start: number
  readonly events: readonly StoredEvent[]
}

/** A call with an idempotency key. */
export interface ModelKey {
  readonly partition: number
  readonly firstOffset: number
  readonly events: readonly NewEvent[]
}

export interface ModelTopic {
  /** Own ids of events begin with it. */
  readonly lineage: string
  readonly partitions: readonly ModelPartition[]
  readonly keys: ReadonlyMap<string, ModelKey>
}

export interface ModelProjection {
  readonly topic: string
  readonly positions: readonly number[]
  readonly state: Readonly<Record<string, number>>
}

/** Everything is replaced and never changed, so that a snapshot of a store is the same maps again. */
export interface ModelStore {
  readonly topics: ReadonlyMap<string, ModelTopic>
  readonly documents: ReadonlyMap<string, unknown>
  readonly histories: ReadonlyMap<string, readonly unknown[]>
  readonly projections: ReadonlyMap<string, ModelProjection>
}

export const NOTHING: ModelStore = {
  topics: new Map(),
  documents: new Map(),
  histories: new Map(),
  projections: new Map(),
}

export interface ModelSnapshot {
  readonly id: string
  readonly timestamp: number
  readonly target: SnapshotTarget
  readonly label: string | undefined
  readonly pinned: boolean
  readonly store: ModelStore
}

/** A map with one entry more, or other, or, for undefined, less. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const copy = new Map(map)
  if (value === undefined) copy.delete(key)
  else copy.set(key, value)
  return copy
}

/** Where a partition ends. */
export const endOf = ({ base, events }: ModelPartition): number => base + events.length

/** What readers see. */
export const readable = ({ base, start, events }: ModelPartition): StoredEvent[] => events.slice(start - base)

export function eventsOf(topics: Iterable<ModelTopic>): number {
  let count = 0
  for (const { partitions } of topics) for (const partition of partitions) count += readable(partition).length
  return count
}

/** The offset after the last event of an entity. */
export function versionOf({ partitions }: ModelTopic, entity: string): number {
  const last = partitions.map(({ events }) => events.findLast((event) => event.entity === entity)?.offset ?? -1)
  return Math.max(...last) + 1
}

export interface ModelAppend {
  readonly partition: number
  readonly now: number
  readonly key: string | undefined
}

/** The topic after a call. */
export function appended(topic: ModelTopic, events: readonly NewEvent[], call: ModelAppend): ModelTopic {
  const { partition, now, key } = call
  const before = topic.partitions[partition] as ModelPartition
  const recordedAt = Math.max(now, before.events.at(-1)?.recordedAt ?? 0)
  const firstOffset = endOf(before)
  const stored = events.map((event, index): StoredEvent => {
    const offset = firstOffset + index
    const id = event.id ?? `${topic.lineage}-${partition}-${offset}`
    return { ...event, offset, partition, id, at: event.at ?? now, recordedAt }
  })
  const partitions = topic.partitions.with(partition, { ...before, events: [...before.events, ...stored] })
  const keys = key === undefined ? topic.keys : withEntry(topic.keys, key, { partition, firstOffset, events })
  return { ...topic, partitions, keys }
}

/** A topic whose log begins later: keys of calls before that are forgotten, versions of entities are not. */
export function pruned(topic: ModelTopic, partition: number, start: number): ModelTopic {
  const row = topic.partitions[partition] as ModelPartition
  const keys = [...topic.keys].filter(([, key]) => key.partition !== partition || key.firstOffset >= start)
  return { ...topic, partitions: topic.partitions.with(partition, { ...row, start }), keys: new Map(keys) }
}

/** What a snapshot of a store has.
 * @param emptied where partitions begin that are not asked for. */
export function snapshotOf(
  store: ModelStore,
  { topic, partition }: SnapshotTarget,
  emptied: (partition: number) => number,
): ModelStore {
  if (topic === undefined) return store
  const whole = store.topics.get(topic) as ModelTopic
  const partitions = whole.partitions.map((row, at) => {
    if ((partition ?? at) === at) return row
    const start = emptied(at)
    return { base: start, start, events: [] }
  })
  const keys = new Map([...whole.keys].filter(([, key]) => (partition ?? key.partition) === key.partition))
  return { ...NOTHING, topics: new Map([[topic, { ...whole, partitions, keys }]]) }
}

/** Where each partition ends for `until`, or the code of the refusal. */
export function endsAt({ partitions }: ModelTopic, until: Until | undefined): number[] | string {
  if (until === undefined) return partitions.map(endOf)
  if ('time' in until)
    return partitions.map((row) => {
      const later = row.events.findIndex(({ recordedAt }) => recordedAt > until.time)
      return Math.max(row.start, later === -1 ? endOf(row) : row.base + later)
    })
  const ends = [until.offset].flat()
  for (const [at, row] of partitions.entries()) {
    if ((ends[at] ?? 0) > endOf(row)) return 'OFFSET_OUT_OF_RANGE'
    if ((ends[at] ?? 0) < row.start) return 'OFFSET_PRUNED'
  }
  return ends
}

/** A topic with another lineage that ends at these offsets. */
export function cutAt(topic: ModelTopic, ends: readonly number[], lineage: string): ModelTopic {
  const partitions = topic.partitions.map((row, at) => {
    const end = ends[at] ?? 0
    return { ...row, events: row.events.filter(({ offset }) => offset < end) }
  })
  const keys = new Map<string, ModelKey>()
  for (const [name, key] of topic.keys) {
    // Of a call that is cut the first events are there, with its key.
    const events = key.events.slice(0, Math.max(0, (ends[key.partition] ?? 0) - key.firstOffset))
    if (events.length > 0) keys.set(name, { ...key, events })
  }
  return { lineage, partitions, keys }
}

/** When the next snapshot of a target may be made; undefined: now. */
export function tooSoon(
  snapshots: Iterable<ModelSnapshot>,
  target: SnapshotTarget,
  { now, minIntervalMs }: { now: number; minIntervalMs: number },
): number | undefined {
  const times = [...snapshots].filter((one) => isSameTarget(one.target, target) && one.timestamp <= now)
  const newest = Math.max(...times.map(({ timestamp }) => timestamp))
  return newest + minIntervalMs > now ? newest + minIntervalMs : undefined
}

export function isSameTarget(one: SnapshotTarget, other: SnapshotTarget): boolean {
  return one.topic === other.topic && one.partition === other.partition
}

export interface ModelPolicy {
  readonly maxSnapshots: number
  readonly retentionTimeMs: number
}

/** Ids that go, with the reason. */
export function cleanedUp(
  snapshots: readonly ModelSnapshot[],
  { maxSnapshots, retentionTimeMs }: ModelPolicy,
  now: number,
): Map<string, 'count' | 'age'> {
  const gone = new Map<string, 'count' | 'age'>()
  for (const one of snapshots) {
    // Those from the future stay, and are not counted.
    const counts = (other: ModelSnapshot) => !other.pinned && other.timestamp <= now
    if (!counts(one)) continue
    const newer = snapshots.filter(
      (other) => counts(other) && isSameTarget(one.target, other.target) && isNewer(other, one),
    ).length
    if (newer >= maxSnapshots) gone.set(one.id, 'count')
    else if (newer > 0 && now - one.timestamp > retentionTimeMs) gone.set(one.id, 'age')
  }
  return gone
}

export function isNewer(one: ModelSnapshot, other: ModelSnapshot): boolean {
  if (one.timestamp !== other.timestamp) return one.timestamp > other.timestamp
  return numberOf(one) > numberOf(other)
}

function numberOf({ id }: ModelSnapshot): number {
  return Number(id.slice('snapshot-'.length))
}

/** As a list gives them. */
export function newestFirst(snapshots: Iterable<ModelSnapshot>): ModelSnapshot[] {
  return [...snapshots].sort((a, b) => (isNewer(a, b) ? -1 : 1))
}
