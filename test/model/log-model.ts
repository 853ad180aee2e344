/** What a store must answer, in plain arrays: shares nothing with the product but its types.
 * @module */
import type { Expectation, NewEvent, ReadOptions, StoredEvent } from '../../src/topic/types.ts'

export interface ModelReceipt {
  readonly partition: number
  readonly firstOffset: number
  readonly endOffset: number
  readonly versions: Readonly<Record<string, number>>
}

export interface ModelAppend {
  readonly expect?: Expectation | readonly Expectation[]
  readonly partition?: number
  /** The writer's clock when the batch was made. */
  readonly recordedAt: number
}

/** Queries that the model answers; all of a read's but cursors. */
export type ModelQuery = Omit<ReadOptions, 'cursor' | 'signal'>

/** One topic. */
export class TopicModel {
  readonly partitions: readonly StoredEvent[][]
  /** Log start of each partition: events below it count for versions only. */
  readonly starts: number[]
  /** What readers see of each partition ends here: what lies above is written and not durable. */
  readonly ends: number[]
  readonly lineage: string
  /** Idempotency keys of the events that have one, by `<partition>-<offset>`. */
  readonly keys = new Map<string, string>()

  constructor(partitions: number, lineage: string) {
    this.partitions = Array.from({ length: partitions }, () => [])
    this.starts = Array.from({ length: partitions }, () => 0)
    this.ends = Array.from({ length: partitions }, () => Number.POSITIVE_INFINITY)
    this.lineage = lineage
  }

  /** @returns the receipt, or `conflict` when an expectation does not hold. */
  append(events: readonly NewEvent[], options: ModelAppend): ModelReceipt | 'conflict' {
    for (const { entity, version } of [options.expect ?? []].flat() as Expectation[]) {
      const actual = this.version(entity)
      if (version === 'exists' ? actual === 0 : actual !== (version === 'none' ? 0 : version)) return 'conflict'
    }
    const partition = options.partition ?? this.partitionOf(events[0]?.entity ?? '')
    const log = this.#log(partition)
    const firstOffset = log.length
    const recordedAt = Math.max(options.recordedAt, log.at(-1)?.recordedAt ?? 0)
    const versions: Record<string, number> = {}
    for (const event of events) {
      const offset = log.length
      const id = event.id ?? `${this.lineage}-${partition}-${offset}`
      const stored = { ...event, offset, partition, id, at: event.at ?? options.recordedAt, recordedAt }
      if (stored.tags?.length === 0) delete stored.tags
      log.push(stored)
      versions[event.entity] = offset + 1
    }
    return { partition, firstOffset, endOffset: log.length, versions }
  }

  /** Forget what comes after these end offsets, as a crash may. */
  cut(endOffsets: readonly number[]): void {
    for (const [partition, end] of endOffsets.entries()) this.#log(partition).length = end
  }

  /** The partition of an entity. */
  partitionOf(entity: string): number {
    return crc32(new TextEncoder().encode(entity)) % this.partitions.length
  }

  version(entity: string): number {
    const last = this.partitions.map((log) => log.findLast((event) => event.entity === entity)?.offset ?? -1)
    return Math.max(...last) + 1
  }

  /** The version that durable events give an entity, pruned ones included. */
  durableVersion(entity: string): number {
    const partition = this.partitionOf(entity)
    const durable = this.#log(partition).slice(0, this.ends[partition])
    return durable.findLastIndex((event) => event.entity === entity) + 1
  }

  /** End of what readers see of a partition. */
  end(partition: number): number {
    return Math.min(this.#log(partition).length, this.ends[partition] ?? 0)
  }

  get(offset: number, partition = 0): StoredEvent | undefined {
    const isThere = offset >= (this.starts[partition] ?? 0) && offset < this.end(partition)
    return isThere ? this.#log(partition)[offset] : undefined
  }

  /** The event with an id: the one it was computed from, else the first that was given it. */
  byId(id: string): StoredEvent | undefined {
    const same = this.read({ id })
    return same.find(({ partition, offset }) => id === `${this.lineage}-${partition}-${offset}`) ?? same[0]
  }

  /** Up the chain of causes, until it ends, leaves the log, or comes round. */
  causes(id: string): StoredEvent[] {
    const ids = [id]
    const chain: StoredEvent[] = []
    for (let event = this.byId(id); event?.causationId !== undefined; ) {
      if (ids.includes(event.causationId)) break
      ids.push(event.causationId)
      event = this.byId(event.causationId)
      if (event !== undefined) chain.push(event)
    }
    return chain
  }

  /** Down the tree of effects, level by level; of events with one id the first. */
  effects(id: string): StoredEvent[] {
    const ids = new Set([id])
    const found: StoredEvent[] = []
    for (let level = [id]; level.length > 0; ) {
      const below: string[] = []
      for (const event of level.flatMap((causationId) => this.read({ causationId }))) {
        if (ids.has(event.id)) continue
        ids.add(event.id)
        below.push(event.id)
        found.push(event)
      }
      level = below
    }
    return found
  }

  last(count: number, partition?: number): StoredEvent[] {
    return this.#merged(partition).slice(-count)
  }

  read(query: ModelQuery = {}): StoredEvent[] {
    const found = this.#merged(query.partition).filter((event) => matches(event, query) && this.#hasKey(event, query))
    if (query.direction === 'backward') found.reverse()
    return found.slice(0, query.limit)
  }

  #hasKey({ partition, offset }: StoredEvent, { idempotencyKey }: ModelQuery): boolean {
    return idempotencyKey === undefined || this.keys.get(`${partition}-${offset}`) === idempotencyKey
  }

  #log(partition: number): StoredEvent[] {
    const log = this.partitions[partition]
    if (log === undefined) throw new RangeError(`The model has no partition ${partition}`)
    return log
  }

  #merged(partition: number | undefined): StoredEvent[] {
    if (partition !== undefined) return this.#log(partition).slice(this.starts[partition], this.ends[partition])
    const all = this.partitions.flatMap((log, at) => log.slice(this.starts[at], this.ends[at]))
    return all.sort((a, b) => a.recordedAt - b.recordedAt || a.partition - b.partition || a.offset - b.offset)
  }
}

function matches(event: StoredEvent, query: ModelQuery): boolean {
  const { kind, tag, from = 0, to = Number.POSITIVE_INFINITY } = query
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = query
  if (event.offset < from || event.offset >= to || event.at < since || event.at >= until) return false
  if (kind !== undefined && ![kind].flat().includes(event.kind)) return false
  if (tag !== undefined && event.tags?.includes(tag) !== true) return false
  const fields = ['entity', 'scope', 'correlationId', 'causationId', 'id'] as const
  return fields.every((field) => query[field] === undefined || query[field] === event[field])
}

/** CRC-32 by its definition, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
